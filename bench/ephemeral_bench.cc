// Ephemeral sessions, a thousand open at once: what opening, filling, closing and sweeping them costs.
//
//   ephemeral_bench [all|sqlite|postgres] [rounds] [sessions]
//
// Each session has one table of two columns with ten rows. One thread does it all, call after call, each of
// which is a transaction of its own, synced to disk. There is no other side: the figures are times.
//
// PostgreSQL is a server of this program's own with the distribution's defaults, on this machine.
#include <arrow/api.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include "bench/databases.h"
#include "bench/measure.h"
#include "ephemeral/ephemeral_sessions.h"
#include "tables/table_store.h"
#include "trigger/streams.h"

namespace jammi::bench {
namespace {

constexpr int64_t kRows = 10;

std::shared_ptr<arrow::RecordBatch> TenRows() {
  arrow::Int64Builder ids;
  arrow::StringBuilder hashes;
  for (int64_t id = 0; id < kRows; ++id) {
    if (!ids.Append(id).ok() || !hashes.Append(fmt::format("hash of {:08}", id)).ok())
      throw std::runtime_error("no memory");
  }
  const auto schema =
      arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("hash", arrow::utf8(), false)});
  return arrow::RecordBatch::Make(schema, kRows, {*ids.Finish(), *hashes.Finish()});
}

// One engine, as far as sessions need it. Its sweeper runs when it is called.
class Engine {
 public:
  explicit Engine(std::shared_ptr<Catalog> catalog)
      : catalog_(std::move(catalog)),
        streams_(Must(Streams::Open(*catalog_, options_, nullptr))),
        store_(catalog_->backend()),
        sessions_(Must(EphemeralSessions::Start(*catalog_, *streams_, store_, {.background = false}))) {}
  ~Engine() {
    handles_.clear();
    sessions_->Shutdown();
    streams_->Shutdown();
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void Open(int count) {
    const Scope tenant = Scope::ForTenant(Must(TenantId::Parse("aaaaaaaa-0000-4000-8000-000000000001")));
    for (int i = 0; i < count; ++i)
      handles_.push_back(Must(sessions_->Open(tenant, {.timeout = std::chrono::hours(1)})));
  }
  void CreateTables() {
    for (auto& session : handles_) Must(session.CreateTable("hits", rows_->schema(), {"id"}));
  }
  void Insert() {
    for (auto& session : handles_) Must(session.Insert("hits", rows_));
  }
  void Close() {
    for (auto& session : handles_) Must(session.Close());
    handles_.clear();
  }
  // As if their time had passed.
  void MakeDue() {
    Fill(catalog_->backend(), "UPDATE ephemeral_sessions SET deadline = 1, lease_expires_at = 1");
  }
  void Sweep() {
    int64_t ended = 0;
    SweepReport report{.more = true};
    while (report.more) {
      report = Must(sessions_->Sweep());
      ended += report.ended;
    }
    if (ended != std::ssize(handles_)) throw std::runtime_error(fmt::format("{} sessions have ended", ended));
  }
  // Handles of sessions that others have ended; the sweeper is told, and looks.
  void Forget() {
    handles_.clear();
    Must(sessions_->Sweep());
  }
  // When there is nothing to do.
  void SweepNothing() {
    if (Must(sessions_->Sweep()) != SweepReport()) throw std::runtime_error("there was something to do");
  }

 private:
  const std::shared_ptr<arrow::RecordBatch> rows_ = TenRows();
  const StreamsOptions options_;
  std::shared_ptr<Catalog> catalog_;
  std::unique_ptr<Streams> streams_;
  TableStore store_;
  std::shared_ptr<EphemeralSessions> sessions_;
  std::vector<EphemeralSession> handles_;
};

void Run(Databases& databases, BackendKind kind, int rounds, int count) {
  fmt::print("{}, {} sessions\n", ToString(kind), count);
  Engine engine(databases.Open(kind, databases.Create(kind)));
  std::map<std::string_view, std::vector<double>> seconds;
  std::vector<std::string_view> order;
  const auto time = [&](std::string_view what, const std::function<void()>& work) {
    const double start = WallSeconds();
    work();
    auto& all = seconds[what];
    if (all.empty()) order.push_back(what);
    all.push_back(WallSeconds() - start);
  };
  for (int round = 0; round < rounds; ++round) {
    time("open", [&] { engine.Open(count); });
    time("create a table", [&] { engine.CreateTables(); });
    time("insert ten rows", [&] { engine.Insert(); });
    time("close, dropping the table", [&] { engine.Close(); });
    engine.Open(count);
    engine.CreateTables();
    engine.Insert();
    engine.MakeDue();
    time("sweep, dropping the table", [&] { engine.Sweep(); });
    time("forget it", [&] { engine.Forget(); });
    time("sweep of nothing, once", [&] { engine.SweepNothing(); });
  }
  for (const auto what : order) {
    const Spread spread = SpreadOf(seconds[what]);
    const int calls = what.ends_with("once") ? 1 : count;
    fmt::print("  {:28} {:>9.3f} ms each ({:.3f}-{:.3f})\n", what, spread.median * 1e3 / calls,
               spread.low * 1e3 / calls, spread.high * 1e3 / calls);
  }
  std::fflush(stdout);
}

int Main(std::string_view part, int rounds, int count) {
  const Awake awake;
  Databases databases;
  for (const BackendKind kind : {BackendKind::kSqlite, BackendKind::kPostgres}) {
    if (part == "all" || part == ToString(kind))
      Run(databases, kind, rounds > 0 ? rounds : 3, count > 0 ? count : 1000);
  }
  return 0;
}

}  // namespace
}  // namespace jammi::bench

int main(int argc, char** argv) {
  try {
    return jammi::bench::Main(argc > 1 ? argv[1] : "all", argc > 2 ? std::atoi(argv[2]) : 0,
                              argc > 3 ? std::atoi(argv[3]) : 0);
  } catch (const std::exception& error) {
    fmt::print(stderr, "ephemeral_bench: {}\n", error.what());
    return 1;
  }
}
