#include "catalog/proof/snapshot.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include "catalog/changes.h"
#include "catalog/repo_fixture.h"

namespace jammi::proof {
namespace {

// Columns that say whose a row is.
constexpr std::array<std::string_view, 2> kOwnerColumns = {"scope", "made_scope"};
// Tables of the engine itself. (A session's binding names a tenant; it is no thing of his.)
constexpr std::array<std::string_view, 7> kOfNobody = {
    "catalog_counters",  "catalog_identity", "commit_marks",  "log_trimmer",
    "schema_migrations", "session_bindings", "session_totals"};

struct Column {
  std::string name;
  bool bytes = false;
};
using Tables = std::map<std::string, std::vector<Column>>;

Tables ReadTables(CatalogBackend& backend) {
  const bool sqlite = backend.kind() == BackendKind::kSqlite;
  const std::string_view sql =
      sqlite ? "SELECT s.name AS tbl, c.name AS col, lower(c.type) AS type FROM sqlite_schema AS s "
               "JOIN pragma_table_info(s.name) AS c WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite_%' "
               "ORDER BY s.name, c.cid"
             : "SELECT table_name AS tbl, column_name AS col, data_type AS type "
               "FROM information_schema.columns WHERE table_schema = current_schema() "
               "ORDER BY table_name, ordinal_position";
  Tables tables;
  test::Ok(backend.RunTransaction({.read_only = true}, [&](Transaction& tx) {
    return tx.Query(sql, {}, [&](const Row& row) -> Result<bool> {
      JAMMI_ASSIGN(auto table, row.Get<std::string>("tbl"));
      JAMMI_ASSIGN(auto column, row.Get<std::string>("col"));
      JAMMI_ASSIGN(const auto type, row.Get<std::string>("type"));
      tables[std::move(table)].push_back({std::move(column), type == "blob" || type == "bytea"});
      return true;
    });
  }));
  return tables;
}

std::string OwnerOf(const std::string& table, const std::vector<Column>& columns) {
  for (const std::string_view owner : kOwnerColumns) {
    if (std::ranges::find(columns, owner, &Column::name) != columns.end()) return std::string(owner);
  }
  const bool of_nobody = std::ranges::find(kOfNobody, table) != kOfNobody.end();
  EXPECT_TRUE(of_nobody) << "whose are the rows of table " << table << "?";
  return fmt::format("'{}'", kNobody);
}

std::string SelectRows(BackendKind kind, const std::string& table, const std::vector<Column>& columns) {
  std::string text = fmt::format("'{}'", table);
  for (const auto& [name, bytes] : columns) {
    const std::string_view hex = kind == BackendKind::kSqlite ? "hex({})" : "encode({}, 'hex')";
    const std::string value =
        bytes ? fmt::format(fmt::runtime(hex), name) : fmt::format("CAST({} AS TEXT)", name);
    text += fmt::format(" || ' ' || '{}=' || COALESCE({}, 'NULL')", name, value);
  }
  return fmt::format("SELECT {} AS owner, {} AS content FROM {}", OwnerOf(table, columns), text, table);
}

// A topic's head belongs to whom the topic does; that of the changes moves with every change.
std::string SelectHeads() {
  return fmt::format(
      "SELECT t.scope AS owner, 'topic_heads ' || CAST(h.topic_no AS TEXT) || ' ' || "
      "CAST(h.next_offset AS TEXT) || ' ' || CAST(h.low_water AS TEXT) AS content "
      "FROM topic_heads AS h JOIN topics AS t ON t.topic_no = h.topic_no WHERE h.topic_no <> {}",
      kChangesTopicNo);
}

// Events never change, so their number and the last one say it all.
std::string SelectEvents() {
  return "SELECT scope AS owner, 'events ' || CAST(COUNT(*) AS TEXT) || ', the last ' || "
         "CAST(MAX(event_key) AS TEXT) AS content FROM events GROUP BY scope";
}

}  // namespace

SnapshotReader::SnapshotReader(CatalogBackend& backend) {
  sql_ = SelectHeads() + " UNION ALL " + SelectEvents();
  for (const auto& [table, columns] : ReadTables(backend)) {
    if (table == "topic_heads" || table == "events" || table == "commit_marks") continue;
    sql_ += " UNION ALL " + SelectRows(backend.kind(), table, columns);
  }
}

Snapshot SnapshotReader::Read(CatalogBackend& backend) const {
  return test::Ok(backend.Transact({.read_only = true}, [&](Transaction& tx) -> Result<Snapshot> {
    Snapshot snapshot;
    JAMMI_TRY(tx.Query(sql_, {}, [&](const Row& row) -> Result<bool> {
      JAMMI_ASSIGN(auto owner, row.Get<std::string>("owner"));
      JAMMI_ASSIGN(auto content, row.Get<std::string>("content"));
      snapshot[std::move(owner)].insert(std::move(content));
      return true;
    }));
    return snapshot;
  }));
}

std::string Missing(const Snapshot& from, const Snapshot& to, std::string_view owner,
                    std::string_view except) {
  static const std::multiset<std::string> kNone;
  const auto in = [&](const Snapshot& snapshot) -> const std::multiset<std::string>& {
    const auto rows = snapshot.find(owner);
    return rows == snapshot.end() ? kNone : rows->second;
  };
  std::vector<std::string> missing;
  std::ranges::set_difference(in(from), in(to), std::back_inserter(missing));
  if (!except.empty()) {
    std::erase_if(missing,
                  [&](const std::string& row) { return row.starts_with(fmt::format("{} ", except)); });
  }
  return fmt::format("{}", fmt::join(missing, "\n"));
}

}  // namespace jammi::proof
