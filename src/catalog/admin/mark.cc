#include "catalog/admin/mark.h"

#include <fmt/format.h>

#include "catalog/backend_error.h"

namespace jammi {

std::string_view ToString(CatalogMark mark) {
  switch (mark) {
    case CatalogMark::kNone:
      return "none";
    case CatalogMark::kBackup:
      return "backup";
    case CatalogMark::kUnfinishedCopy:
      return "unfinished_copy";
    case CatalogMark::kMoved:
      return "moved";
  }
  return "unknown";
}

namespace admin {

Result<Mark> ParseMark(std::string_view kind, std::string_view note) {
  for (const CatalogMark mark : {CatalogMark::kBackup, CatalogMark::kUnfinishedCopy, CatalogMark::kMoved}) {
    if (ToString(mark) == kind) return Mark{mark, std::string(note)};
  }
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("the catalog was marked by a newer version: '{}' is unknown", kind),
               BackendDetail{BackendFault::kMigration, std::string(kMarkTable), {}});
}

Result<void> CheckMayOpen(const Mark& mark) {
  const auto refuse = [](BackendFault fault, std::string message) {
    return Error(CodeOf(fault), std::move(message), BackendDetail{fault, std::string(kMarkTable), {}});
  };
  if (mark.kind == CatalogMark::kUnfinishedCopy) {
    return refuse(
        BackendFault::kUnfinishedCopy,
        fmt::format("the catalog is an unfinished copy of {}: run `jammi catalog copy` again", mark.note));
  }
  if (mark.kind == CatalogMark::kMoved) {
    return refuse(BackendFault::kMoved,
                  fmt::format("the catalog was moved to {}; to use this one again as another catalog, run"
                              " `jammi catalog new-incarnation`",
                              mark.note));
  }
  return {};
}

}  // namespace admin
}  // namespace jammi
