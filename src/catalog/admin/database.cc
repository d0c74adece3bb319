#include "catalog/admin/database.h"

namespace jammi::admin {

Result<std::unique_ptr<Database>> OpenDatabase(const CatalogLocation& location, Access access) {
  return location.kind == BackendKind::kSqlite ? OpenSqliteDatabase(location, access)
                                               : OpenPostgresDatabase(location, access);
}

Result<void> Database::InTransaction(const std::function<Result<void>()>& step) {
  JAMMI_TRY(Execute(kind() == BackendKind::kSqlite ? "BEGIN IMMEDIATE"
                                                   : "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"));
  auto done = step();
  if (done) {
    if (auto committed = Execute("COMMIT"); !committed) done = std::move(committed).error();
  }
  if (!done) IgnoreError(Execute("ROLLBACK"), "a transaction that cannot be rolled back is gone already");
  return done;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

Result<std::optional<int64_t>> GetInt(Database& database, std::string_view sql) {
  std::optional<int64_t> value;
  JAMMI_TRY(database.Query(sql, [&](const Row& row) -> Result<bool> {
    JAMMI_ASSIGN(value, row.Get<std::optional<int64_t>>("v"));
    return true;
  }));
  return value;
}

Error NotEmpty() {
  return Error(ErrorCode::kAlreadyExists,
               "the target is not empty: give an empty database, or a file that is not there");
}

UnixMicros Now() { return Clock::System()->Now(); }

}  // namespace jammi::admin
