// The mark of a catalog that no engine may simply go on with: a table that is there only as long as the
// mark is, and no part of the schema.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "jammi/catalog_admin.h"

namespace jammi::admin {

inline constexpr std::string_view kMarkTable = "catalog_mark";
inline constexpr std::string_view kCreateMark =
    "CREATE TABLE catalog_mark (kind TEXT NOT NULL, note TEXT NOT NULL, marked_at BIGINT NOT NULL)";
inline constexpr std::string_view kInsertMark =
    "INSERT INTO catalog_mark (kind, note, marked_at) VALUES ($1, $2, $3)";
inline constexpr std::string_view kReadMark = "SELECT kind, note FROM catalog_mark";
inline constexpr std::string_view kDropMark = "DROP TABLE catalog_mark";

struct Mark {
  CatalogMark kind = CatalogMark::kNone;
  std::string note;
};
// Errors: kFailedPrecondition with BackendDetail(kMigration): a newer version's.
[[nodiscard]] Result<Mark> ParseMark(std::string_view kind, std::string_view note);

// Whether an engine may open a catalog with this mark.
// Errors: kFailedPrecondition with BackendDetail(kUnfinishedCopy or kMoved).
[[nodiscard]] Result<void> CheckMayOpen(const Mark& mark);

}  // namespace jammi::admin
