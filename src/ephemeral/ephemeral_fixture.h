// Ephemeral sessions on the database under test: engines whose sweeper runs when the test says so, and a
// clock that it moves.
#pragma once

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/sync_point.h"
#include "catalog/repo_fixture.h"
#include "ephemeral/ephemeral_sessions.h"
#include "tables/table_store.h"
#include "trigger/streams.h"

namespace jammi::test {

// One engine, as far as the database can tell.
struct EphemeralNode {
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<Streams> streams;
  std::shared_ptr<TableStore> store;
  std::shared_ptr<EphemeralSessions> sessions;

  ~EphemeralNode() { Close(); }
  void Close() {
    if (sessions != nullptr) sessions->Shutdown();
    sessions.reset();
    Die();
  }
  // What a crash leaves: sessions that are open.
  void Die() {
    if (sessions != nullptr) sessions->Abandon();
    sessions.reset();
    if (streams != nullptr) streams->Shutdown();
    store.reset();
    streams.reset();
    catalog.reset();
  }
  [[nodiscard]] Tables tables(const Scope& scope) const { return {store, scope}; }
};

inline std::shared_ptr<arrow::Schema> ImageSchema() {
  static const auto schema = arrow::schema(
      {arrow::field("image_id", arrow::int64(), false), arrow::field("image_hash", arrow::utf8(), false)});
  return schema;
}

// Images `first` to `first + count`, with hashes "h<id>".
inline std::shared_ptr<arrow::RecordBatch> Images(int64_t first, int64_t count) {
  arrow::Int64Builder ids;
  arrow::StringBuilder hashes;
  for (int64_t id = first; id < first + count; ++id) {
    EXPECT_TRUE(ids.Append(id).ok());
    EXPECT_TRUE(hashes.Append(fmt::format("h{}", id)).ok());
  }
  return arrow::RecordBatch::Make(ImageSchema(), count, {*ids.Finish(), *hashes.Finish()});
}

class EphemeralTest : public testing::TestWithParam<MakeHarness> {
 protected:
  static constexpr std::chrono::minutes kTimeout{30};
  static constexpr std::chrono::minutes kLease{10};

  ~EphemeralTest() override {
    ClearSyncPoints();
    SetLog(LogLevel::kWarning, LogFormat::kText);
  }
  void SetUp() override { Open(node_); }

  void Open(EphemeralNode& node, EphemeralSessionsOptions options = {.background = false}) {
    options.lease = kLease;
    node.catalog = Ok(harness_->Open());
    node.streams = Ok(Streams::Open(*node.catalog, streams_options_, nullptr));
    node.store = std::make_shared<TableStore>(node.catalog->backend());
    node.sessions = Ok(EphemeralSessions::Start(*node.catalog, *node.streams, *node.store, options));
  }

  EphemeralSession OpenSession(const Scope& scope = kA, std::chrono::microseconds timeout = kTimeout) {
    return Ok(node_.sessions->Open(scope, {.timeout = timeout}));
  }
  // A session with a table of that name and so many rows in it.
  EphemeralSession OpenWith(std::string_view table, int64_t rows, const Scope& scope = kA) {
    auto session = OpenSession(scope);
    AddTable(session, table, rows);
    return session;
  }
  static void AddTable(EphemeralSession& session, std::string_view table, int64_t rows) {
    Ok(session.CreateTable(table, ImageSchema(), {"image_id"}));
    EXPECT_EQ(Ok(session.Insert(table, Images(1, rows))), rows);
  }
  // Nobody uses it any more, and nobody hears of that.
  void Leak(EphemeralSession session) { leaked_.push_back(std::move(session)); }
  // The session's table cannot be dropped, until Unpin(): something of another hangs on it.
  void Pin(const EphemeralSession& session, std::string_view table) {
    const std::string storage = StorageOf(session, table);
    if (node_.catalog->backend().kind() == BackendKind::kSqlite) {
      Sql(fmt::format("CREATE TABLE pin_{0} (s TEXT, c0 INTEGER, FOREIGN KEY (s, c0) REFERENCES {0} (s, c0))",
                      storage));
      Sql(fmt::format("INSERT INTO pin_{0} SELECT s, c0 FROM {0} LIMIT 1", storage));
    } else {
      Sql(fmt::format("CREATE VIEW pin_{0} AS SELECT * FROM {0}", storage));
    }
    pins_.push_back(storage);
  }
  void Unpin() {
    const bool sqlite = node_.catalog->backend().kind() == BackendKind::kSqlite;
    for (const auto& pin : pins_) Sql(fmt::format("DROP {} pin_{}", sqlite ? "TABLE" : "VIEW", pin));
    pins_.clear();
  }
  std::string StorageOf(const EphemeralSession& session, std::string_view table) {
    const auto number =
        Ok(node_.tables(Scope::ForTenant(session.tenant())).Get(session.TableId(table))).number;
    return fmt::format("mt_{}", number);
  }

  // The images' hashes, by key, as `scan(scan, on_batch)` hands them out.
  template <class Scan>
  static std::vector<std::string> Hashes(Scan scan) {
    std::vector<std::string> hashes;
    const auto take = [&](const std::shared_ptr<arrow::RecordBatch>& batch) -> Result<bool> {
      const auto& column = static_cast<const arrow::StringArray&>(*batch->column(0));
      for (int64_t i = 0; i < column.length(); ++i) hashes.push_back(column.GetString(i));
      return true;
    };
    const auto end = Ok(scan(TableScan{.columns = {"image_hash"}}, take));
    EXPECT_EQ(end.rows, std::ssize(hashes));
    return hashes;
  }
  static std::vector<std::string> Hashes(const EphemeralSession& session, std::string_view table) {
    return Hashes([&](const auto& scan, const auto& take) { return session.Scan(table, scan, take); });
  }
  static std::vector<std::string> Hashes(const Tables& tables, const std::string& id) {
    return Hashes([&](const auto& scan, const auto& take) { return tables.Scan(id, scan, take); });
  }

  SweepReport Sweep() { return Ok(node_.sessions->Sweep()); }
  void MoveClock(std::chrono::microseconds by) { harness_->MoveClock(by); }

  // All that a tenant was told, as "event tables rows details".
  std::vector<std::string> Told(const Scope& scope = kA) {
    std::vector<std::string> all;
    for (const auto& record : Records(scope)) {
      std::string text = fmt::format("{} {} {}", record.at("event").get<std::string>(),
                                     record.at("ephemeral_table_count").get<int64_t>(),
                                     record.at("deleted_row_count").get<int64_t>());
      if (record.contains("details")) text += fmt::format(" {}", record["details"].dump());
      all.push_back(std::move(text));
    }
    return all;
  }
  std::vector<nlohmann::json> Records(const Scope& scope = kA) {
    std::vector<nlohmann::json> records;
    auto page = node_.streams->Read(scope, kSessionLifecycleTopic, From::Offset(0),
                                    {.max_events = 10'000, .max_bytes = 64 << 20});
    if (!page && page.error().As<TopicNotFoundDetail>() != nullptr) return records;
    for (const auto& event : Ok(std::move(page)).deliveries) {
      const auto& column = static_cast<const arrow::StringArray&>(*event.batch->column(0));
      for (int64_t row = 0; row < column.length(); ++row) {
        records.push_back(nlohmann::json::parse(column.GetView(row)));
      }
    }
    return records;
  }

  int64_t GetInt(std::string_view sql) { return Ok(test::GetInt(node_.catalog->backend(), sql)); }
  int64_t Sql(std::string_view sql) { return Ok(Execute(node_.catalog->backend(), sql)); }
  // Rows of ephemeral_sessions, and tables of sessions that the catalog has.
  int64_t SessionRows() { return GetInt("SELECT COUNT(*) AS v FROM ephemeral_sessions"); }
  int64_t SessionTables() {
    return GetInt("SELECT COUNT(*) AS v FROM mutable_tables WHERE substr(table_id, 1, 6) = '__eph_'");
  }
  // Tables that hold rows, whatever the catalog says of them.
  int64_t StorageTables() {
    return node_.catalog->backend().kind() == BackendKind::kSqlite
               ? GetInt("SELECT COUNT(*) AS v FROM sqlite_schema WHERE type = 'table' AND name GLOB 'mt_*'")
               : GetInt(
                     "SELECT COUNT(*) AS v FROM information_schema.tables "
                     "WHERE table_schema = current_schema() AND table_name ~ '^mt_'");
  }
  void ExpectNothingLeft() {
    EXPECT_EQ(SessionRows(), 0);
    EXPECT_EQ(SessionTables(), 0);
    EXPECT_EQ(StorageTables(), 0);
  }

  template <class T>
  static std::optional<EphemeralFault> FaultOf(const Result<T>& result) {
    const auto* detail = result ? nullptr : result.error().template As<EphemeralDetail>();
    return detail == nullptr ? std::nullopt : std::optional(detail->fault);
  }

  const std::unique_ptr<Harness> harness_ = GetParam()();
  StreamsOptions streams_options_;
  EphemeralNode node_;
  std::vector<EphemeralSession> leaked_;
  std::vector<std::string> pins_;
};

}  // namespace jammi::test
