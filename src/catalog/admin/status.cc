#include <fmt/format.h>

#include "catalog/admin/identity.h"

namespace jammi {
namespace {

// What a table holds; of events what the heads say, as counting them would read them all.
Result<int64_t> CountRows(admin::Database& database, const admin::Table& table) {
  const std::string sql = table.name == "events"
                              ? "SELECT CAST(COALESCE(sum(events), 0) AS BIGINT) AS v FROM topic_heads"
                              : fmt::format("SELECT count(*) AS v FROM {}", table.name);
  JAMMI_ASSIGN(const auto rows, admin::GetInt(database, sql));
  return rows.value_or(0);
}

}  // namespace

Result<CatalogStatus> ReadCatalogStatus(const CatalogLocation& location) {
  JAMMI_ASSIGN(const auto database, admin::OpenDatabase(location, admin::Access::kLook));
  CatalogStatus status{.location = location};
  JAMMI_ASSIGN(const admin::Mark mark, admin::ReadMark(*database));
  status.mark = mark.kind;
  status.mark_note = mark.note;
  JAMMI_ASSIGN(status.migrations, admin::ReadLedger(*database));
  JAMMI_ASSIGN(const admin::Identity identity, admin::ReadIdentity(*database));
  status.incarnation = identity.incarnation;
  status.created_at = identity.created_at;
  status.format = identity.format;
  JAMMI_ASSIGN(const auto tables, admin::CatalogTables());
  for (const admin::Table& table : tables) {
    JAMMI_ASSIGN(const bool there, database->HasTable(table.name));
    if (!there) continue;
    JAMMI_ASSIGN(status.rows[table.name], CountRows(*database, table));
  }
  JAMMI_TRY(database->Describe(status));
  return status;
}

}  // namespace jammi
