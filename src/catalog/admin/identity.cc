#include "catalog/admin/identity.h"

#include <fmt/format.h>

#include <map>

#include "catalog/backend_error.h"
#include "jammi/ids.h"

namespace jammi {

std::string_view ToString(MigrationStatus::State state) {
  switch (state) {
    case MigrationStatus::State::kApplied:
      return "applied";
    case MigrationStatus::State::kMissing:
      return "missing";
    case MigrationStatus::State::kUnknown:
      return "unknown";
    case MigrationStatus::State::kAltered:
      return "altered";
  }
  return "unknown";
}

namespace admin {
namespace {

using State = MigrationStatus::State;

Error Refuse(std::string_view object, std::string message) {
  return Error(CodeOf(BackendFault::kMigration), std::move(message),
               BackendDetail{BackendFault::kMigration, std::string(object), {}});
}

}  // namespace

Result<std::vector<MigrationStatus>> ReadLedger(Database& database) {
  JAMMI_ASSIGN(const bool there, database.HasTable("schema_migrations"));
  JAMMI_ASSIGN(const bool begun, database.HasTable(kMarkTable));  // a copy that has hardly begun
  if (!there && !begun) return Error(ErrorCode::kNotFound, "there is no catalog in it");
  std::map<std::string, MigrationStatus> ledger;
  std::map<std::string_view, std::string> known;
  for (const KnownMigration& migration : database.KnownMigrations()) {
    known.emplace(migration.name, migration.sha256);
    ledger[std::string(migration.name)] = {std::string(migration.name), State::kMissing};
  }
  const auto add = [&](const Row& row) -> Result<bool> {
    const auto name = row.Get<std::string>("name");
    const auto digest = row.Get<std::string>("sha256");
    if (!name || !digest)
      return Refuse("schema_migrations", "the table schema_migrations is another application's");
    MigrationStatus status{*name, State::kUnknown};
    JAMMI_ASSIGN(status.applied_at, row.Get<int64_t>("applied_at"));
    const auto mine = known.find(*name);
    if (mine != known.end()) status.state = mine->second == *digest ? State::kApplied : State::kAltered;
    ledger[*name] = std::move(status);
    return true;
  };
  if (there) JAMMI_TRY(database.Query("SELECT * FROM schema_migrations", add));
  std::vector<MigrationStatus> list;
  for (auto& [name, status] : ledger) list.push_back(std::move(status));
  return list;
}

Result<void> CheckLedger(const std::vector<MigrationStatus>& ledger, bool missing_too) {
  for (const MigrationStatus& migration : ledger) {
    const std::string& name = migration.name;
    if (migration.state == State::kUnknown) {
      return Refuse(name,
                    fmt::format("the catalog was written by a newer version: migration {} is unknown", name));
    }
    if (migration.state == State::kAltered) {
      return Refuse(name,
                    fmt::format("migration {} was applied with another text than this version has", name));
    }
    if (migration.state == State::kMissing && missing_too) {
      return Refuse(name, fmt::format("migration {} is missing: run `jammi catalog migrate` first", name));
    }
  }
  return {};
}

Result<Mark> ReadMark(Database& database) {
  JAMMI_ASSIGN(const bool marked, database.HasTable(kMarkTable));
  Mark mark;
  if (!marked) return mark;
  JAMMI_TRY(database.Query(kReadMark, [&](const Row& row) -> Result<bool> {
    JAMMI_ASSIGN(const auto kind, row.Get<std::string>("kind"));
    JAMMI_ASSIGN(const auto note, row.Get<std::string>("note"));
    JAMMI_ASSIGN(mark, ParseMark(kind, note));
    return true;
  }));
  if (mark.kind == CatalogMark::kNone) return ParseMark("", "");
  return mark;
}

Result<Identity> ReadIdentity(Database& database) {
  Identity identity;
  JAMMI_ASSIGN(const bool there, database.HasTable("catalog_identity"));
  if (!there) return identity;
  JAMMI_TRY(database.Query("SELECT incarnation, created_at, format FROM catalog_identity WHERE id = 1",
                           [&](const Row& row) -> Result<bool> {
                             JAMMI_ASSIGN(identity.incarnation, row.Get<std::string>("incarnation"));
                             JAMMI_ASSIGN(identity.created_at, row.Get<int64_t>("created_at"));
                             JAMMI_ASSIGN(identity.format, row.Get<int64_t>("format"));
                             return true;
                           }));
  return identity;
}

}  // namespace admin

// --- The verbs that are about nothing else

Result<std::vector<std::string>> MigrateCatalog(const CatalogLocation& location) {
  JAMMI_ASSIGN(const auto database, admin::OpenDatabase(location, admin::Access::kCreate));
  JAMMI_ASSIGN(auto applied, database->Migrate(admin::Database::Purpose::kUse));
  JAMMI_TRY(database->EnsureIncarnation());
  return applied;
}

Result<std::string> NewIncarnation(const CatalogLocation& location) {
  JAMMI_ASSIGN(const auto database, admin::OpenDatabase(location, admin::Access::kChange));
  JAMMI_ASSIGN(const auto ledger, admin::ReadLedger(*database));
  JAMMI_TRY(admin::CheckLedger(ledger, /*missing_too=*/false));
  JAMMI_TRY(database->LockOutEngines());
  const std::string fresh = Uuid::RandomV4().ToString();
  const auto replace = [&]() -> Result<void> {
    JAMMI_ASSIGN(const admin::Mark mark, admin::ReadMark(*database));
    if (mark.kind == CatalogMark::kUnfinishedCopy) return admin::CheckMayOpen(mark);
    JAMMI_ASSIGN(const int64_t changed,
                 database->Execute("UPDATE catalog_identity SET incarnation = $1 WHERE id = 1", {fresh}));
    if (changed != 1) return Error(ErrorCode::kNotFound, "the catalog has no incarnation yet: open it first");
    if (mark.kind != CatalogMark::kNone) JAMMI_TRY(database->Execute(admin::kDropMark));
    return {};
  };
  JAMMI_TRY(database->InTransaction(replace));
  return fresh;
}

}  // namespace jammi
