#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "catalog/admin/event_check.h"
#include "catalog/admin/identity.h"
#include "catalog/event_log.h"
#include "catalog/topic_repo.h"
#include "jammi/ids.h"

namespace jammi {
namespace {

using admin::Database;
using admin::Table;

class Check {
 public:
  Check(Database& database, const std::function<void(const CheckFinding&)>& found)
      : database_(database), found_(found) {}

  Result<CheckReport> Run() {
    JAMMI_TRY(CheckLedger());
    JAMMI_TRY(Survive("the database", CheckStorage()));
    JAMMI_TRY(Survive("catalog_identity", CheckIdentity()));
    JAMMI_ASSIGN(const auto tables, admin::CatalogTables());
    for (const Table& table : tables) {
      JAMMI_ASSIGN(const bool there, database_.HasTable(table.name));
      if (there) JAMMI_TRY(Survive(table.name, CheckTable(table)));
    }
    JAMMI_ASSIGN(const bool has_events, database_.HasTable("events"));
    if (!has_events) return report_;
    JAMMI_TRY(Survive("topics", CheckTopics()));
    JAMMI_TRY(Survive("events", admin::CheckEvents(database_, report_, found_)));
    return report_;
  }

 private:
  void Found(std::string where, std::string what) {
    ++report_.findings;
    found_({std::move(where), std::move(what)});
  }

  // Damage that ends one part of the check is a finding; the other parts may find more.
  Result<void> Survive(std::string_view where, Result<void> done) {
    if (done || done.error().code() != ErrorCode::kDataLoss) return done;
    Found(std::string(where), done.error().message());
    return {};
  }

  Result<void> CheckLedger() {
    JAMMI_ASSIGN(const auto ledger, admin::ReadLedger(database_));
    for (const MigrationStatus& migration : ledger) {
      if (migration.state == MigrationStatus::State::kUnknown) {
        Found("migration " + migration.name, "a newer version wrote it; what it added is not checked");
      } else if (migration.state == MigrationStatus::State::kAltered) {
        Found("migration " + migration.name, "it was applied with another text than this version has");
      }
    }
    JAMMI_ASSIGN(const admin::Mark mark, admin::ReadMark(database_));
    if (auto usable = admin::CheckMayOpen(mark); !usable) Found("the catalog", usable.error().message());
    return {};
  }

  Result<void> CheckStorage() {
    return database_.CheckStorage(
        [this](const CheckFinding& finding) { Found(finding.where, finding.what); });
  }

  Result<void> CheckIdentity() {
    JAMMI_ASSIGN(const admin::Identity identity, admin::ReadIdentity(database_));
    if (identity.incarnation.empty()) {
      Found("catalog_identity", "there is no incarnation");
    } else if (!Uuid::Parse(identity.incarnation)) {
      Found("catalog_identity", "the incarnation is no UUID");
    }
    return {};
  }

  Result<void> CheckTable(const Table& table) {
    for (const admin::ForeignKey& key : table.foreign_keys) JAMMI_TRY(CheckForeignKey(table, key));
    if (table.name == "events") return {};  // their scopes are looked at with the rest of them
    const auto scope = std::ranges::find(table.columns, "scope", &admin::Column::name);
    if (scope == table.columns.end()) return {};
    return FindRows(table, "NOT (length(t.scope) = 0 OR length(t.scope) = 36)", "its scope is no tenant");
  }

  Result<void> CheckForeignKey(const Table& table, const admin::ForeignKey& key) {
    std::string set;
    std::string same;
    for (size_t i = 0; i < key.columns.size(); ++i) {
      set += fmt::format("t.{} IS NOT NULL AND ", key.columns[i]);
      same += fmt::format("{}p.{} = t.{}", i == 0 ? "" : " AND ", key.parent_columns[i], key.columns[i]);
    }
    return FindRows(
        table, fmt::format("{}NOT EXISTS (SELECT 1 FROM {} p WHERE {})", set, key.parent, same),
        fmt::format("what it refers to in {} by ({}) is not there", key.parent, admin::List(key.columns)));
  }

  // Each row of the table for which `condition` holds, by its key.
  Result<void> FindRows(const Table& table, std::string_view condition, const std::string& what) {
    std::string key;
    for (const std::string& column : table.key) {
      key += fmt::format("{}CAST(t.{} AS TEXT)", key.empty() ? "" : " || ', ' || ", column);
    }
    return database_.Query(fmt::format("SELECT {} AS v FROM {} t WHERE {}", key, table.name, condition),
                           [&](const Row& row) -> Result<bool> {
                             JAMMI_ASSIGN(const auto place, row.Get<std::string>("v"));
                             Found(fmt::format("{} ({}) = ({})", table.name, admin::List(table.key), place),
                                   what);
                             return true;
                           });
  }

  Result<void> CheckTopics() {
    JAMMI_TRY(database_.Query(
        "SELECT t.topic_no FROM topics t LEFT JOIN topic_heads h ON h.topic_no = t.topic_no"
        " WHERE (t.dropped_at IS NULL) <> (h.topic_no IS NOT NULL)",
        [this](const Row& row) -> Result<bool> {
          JAMMI_ASSIGN(const auto topic_no, row.Get<int64_t>("topic_no"));
          Found(fmt::format("topic {}", topic_no), "it has no head, or was dropped and has one");
          return true;
        }));
    JAMMI_TRY(Survive("topics", CheckVersions()));
    return CheckCounter();
  }

  // Before that step there is one version of every schema.
  Result<void> CheckVersions() {
    JAMMI_ASSIGN(const auto ledger, admin::ReadLedger(database_));
    const auto step = std::ranges::find(ledger, "0012_topic_versions", &MigrationStatus::name);
    if (step == ledger.end() || step->state == MigrationStatus::State::kMissing) return {};
    return database_.Query("SELECT topic_no, earlier_columns FROM topics",
                           [this](const Row& row) -> Result<bool> {
                             JAMMI_ASSIGN(const auto topic_no, row.Get<int64_t>("topic_no"));
                             JAMMI_ASSIGN(const auto earlier, row.Get<std::string_view>("earlier_columns"));
                             if (!ParseColumnCounts(earlier)) {
                               Found(fmt::format("topic {}", topic_no),
                                     "the list of the earlier versions of its schema is damaged");
                             }
                             return true;
                           });
  }

  // A number that is given again would join two topics' events. The internal topic has the last one, always.
  Result<void> CheckCounter() {
    JAMMI_ASSIGN(const auto highest,
                 admin::GetInt(database_, fmt::format("SELECT max(topic_no) AS v FROM topics"
                                                      " WHERE topic_no < {}",
                                                      kMaxTopicNo)));
    JAMMI_ASSIGN(const auto next, admin::GetInt(database_,
                                                "SELECT next_value AS v FROM catalog_counters"
                                                " WHERE name = 'topic_no'"));
    if (!next) {
      Found("catalog_counters", "there is no counter of topics");
    } else if (highest && *next <= *highest) {
      Found("catalog_counters",
            fmt::format("the next topic's number is {}, and {} is taken", *next, *highest));
    }
    return {};
  }

  Database& database_;
  const std::function<void(const CheckFinding&)>& found_;
  CheckReport report_;
};

}  // namespace

Result<CheckReport> CheckCatalog(const CatalogLocation& location,
                                 const std::function<void(const CheckFinding&)>& found) {
  JAMMI_ASSIGN(const auto database, admin::OpenDatabase(location, admin::Access::kLook));
  return Check(*database, found).Run();
}

}  // namespace jammi
