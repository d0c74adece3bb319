// Mutable tables on SQLite and on PostgreSQL, beside the same rows through the C interface of each.
//
//   tables_bench [all|sqlite|postgres] [rounds] [writes|reads]
//
// Each line is one verb: what the engine does in a second, and the ratio to the other side, which takes turns
// with it. Rows have two integers, a float and a text of 20 bytes, a key and one index; the other side's
// table has the same, in plain types. A batch is one transaction, synced to disk.
//
// PostgreSQL is a server of this program's own with the distribution's defaults, on this machine.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "bench/databases.h"
#include "bench/measure.h"
#include "bench/table_rows.h"
#include "tables/table_store.h"

namespace jammi::bench {
namespace {

constexpr int64_t kTableRows = 1'000'000;

// The same calls on the engine's table.
class OurTable {
 public:
  explicit OurTable(std::shared_ptr<Catalog> catalog)
      : catalog_(std::move(catalog)),
        store_(std::make_shared<TableStore>(catalog_->backend())),
        tables_(store_, Scope::Global()) {
    Create();
  }

  void Append(const BatchPtr& batch) { Must(tables_.Append(id_, batch)); }
  void Upsert(const BatchPtr& batch) { Must(tables_.Upsert(id_, {&batch, 1})); }
  int64_t Get(int64_t id) { return Must(tables_.GetRow(id_, {id}))->num_rows(); }
  int64_t Filtered(int64_t v) { return Scan({.filter = TableFilter::Equal("v", v)}); }
  int64_t Full() { return Scan({.order = TableOrder::kNone}); }
  void Clear() {
    Must(tables_.Drop(id_));
    Create();
  }

 private:
  void Create() {
    Must(tables_.Create({.id = id_,
                         .schema = TableSchema(),
                         .primary_key = {"id"},
                         .indexes = {{.name = "by_v", .columns = {"v"}}}}));
  }
  int64_t Scan(const TableScan& scan) {
    int64_t rows = 0;
    Must(tables_.Scan(id_, scan, [&](const BatchPtr& batch) -> Result<bool> {
      rows += batch->num_rows();
      return true;
    }));
    return rows;
  }

  std::shared_ptr<Catalog> catalog_;
  std::shared_ptr<TableStore> store_;
  Tables tables_;
  const std::string id_ = "rows";
};

double TimeOf(const std::function<void()>& work) {
  const double start = WallSeconds();
  work();
  return WallSeconds() - start;
}

// `rounds` turns of each side; every second time the other one begins. `prepare` is not timed.
void Race(std::string_view what, int64_t units, int rounds, const std::function<void()>& prepare,
          const std::function<void()>& ours, const std::function<void()>& theirs) {
  std::vector<double> speeds;
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    prepare();
    double mine = round % 2 == 0 ? TimeOf(ours) : 0;
    const double other = TimeOf(theirs);
    if (round % 2 != 0) mine = TimeOf(ours);
    speeds.push_back(static_cast<double>(units) / mine);
    ratios.push_back(other / mine);
  }
  fmt::print("  {:28} {:>12.0f}/s   ratio {}\n", what, SpreadOf(speeds).median, RatioText(ratios));
  std::fflush(stdout);
}

// Rows in batches of 1, 1,000 and 100,000; new ones, or for an upsert as many new ones as are there already.
void RaceWrites(OurTable& ours, TableRival& theirs, int rounds) {
  struct Size {
    int64_t rows;
    int64_t calls;
  };
  int64_t next = 0;
  for (const Size size : {Size{1, 200}, Size{1000, 20}, Size{100'000, 1}}) {
    std::vector<BatchPtr> batches;
    const auto make = [&] {
      batches.clear();
      for (int64_t i = 0; i < size.calls; ++i, next += size.rows)
        batches.push_back(TableRows(next, size.rows));
    };
    const auto overlap = [&] {
      batches.clear();
      for (int64_t i = 0; i < size.calls; ++i) {
        const int64_t there = size.rows > 1 ? size.rows / 2 : i % 2;
        batches.push_back(TableRows(next - there, size.rows));
        next += size.rows - there;
      }
    };
    const auto upsert = [&](auto& side) {
      return [&] {
        for (const BatchPtr& batch : batches) side.Upsert(batch);
      };
    };
    const auto append = [&](auto& side) {
      return [&] {
        for (const BatchPtr& batch : batches) side.Append(batch);
      };
    };
    const int64_t rows = size.rows * size.calls;
    Race(fmt::format("append, batches of {}", size.rows), rows, rounds, make, append(ours), append(theirs));
    Race(fmt::format("upsert, batches of {}", size.rows), rows, rounds, overlap, upsert(ours),
         upsert(theirs));
  }
}

void RaceReads(OurTable& ours, TableRival& theirs, int rounds) {
  for (int64_t first = 0; first < kTableRows; first += 100'000) {
    const BatchPtr batch = TableRows(first, 100'000);
    ours.Append(batch);
    theirs.Append(batch);
  }
  const auto nothing = [] {};
  const auto expect = [](int64_t rows, int64_t wanted) {
    if (rows != wanted) throw std::runtime_error(fmt::format("{} rows, expected {}", rows, wanted));
  };
  const auto gets = [&](auto& side) {
    return [&] {
      for (int64_t i = 0; i < 2000; ++i) expect(side.Get(i * 7919 % kTableRows), 1);
    };
  };
  Race("row by key", 2000, rounds, nothing, gets(ours), gets(theirs));
  const auto filtered = [&](auto& side) {
    return [&] {
      for (int64_t i = 0; i < 20; ++i) expect(side.Filtered(i * 37 % (kTableRows / kRowsOfV)), kRowsOfV);
    };
  };
  Race("rows of 1,000 of 1,000,000", 20 * kRowsOfV, rounds, nothing, filtered(ours), filtered(theirs));
  const auto full = [&](auto& side) { return [&] { expect(side.Full(), kTableRows); }; };
  Race("rows of a full scan", kTableRows, rounds, nothing, full(ours), full(theirs));
}

void RaceTables(Databases& databases, BackendKind kind, int rounds, std::string_view only) {
  fmt::print("{}\n", ToString(kind));
  const std::string place = databases.Create(kind);
  const std::string other = databases.Create(kind);
  const auto theirs = kind == BackendKind::kSqlite ? MakeSqliteTable(other) : MakePostgresTable(other);
  OurTable ours(databases.Open(kind, place));
  if (only != "reads") RaceWrites(ours, *theirs, rounds);
  if (only == "writes") return;
  ours.Clear();
  theirs->Clear();
  RaceReads(ours, *theirs, rounds);
}

int Main(std::string_view part, int rounds, std::string_view only) {
  const Awake awake;
  Databases databases;
  for (const BackendKind kind : {BackendKind::kSqlite, BackendKind::kPostgres}) {
    if (part == "all" || part == ToString(kind)) RaceTables(databases, kind, rounds > 0 ? rounds : 7, only);
  }
  return 0;
}

}  // namespace
}  // namespace jammi::bench

int main(int argc, char** argv) {
  try {
    return jammi::bench::Main(argc > 1 ? argv[1] : "all", argc > 2 ? std::atoi(argv[2]) : 0,
                              argc > 3 ? argv[3] : "");
  } catch (const std::exception& error) {
    fmt::print(stderr, "tables_bench: {}\n", error.what());
    return 1;
  }
}
