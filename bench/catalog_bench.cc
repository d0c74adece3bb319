// Publishing at the level of the event log: threads that append one event after the other and wait for
// each, beside a plain C loop over SQLite that commits the same rows in groups of the same size. The two
// take turns, so that a machine that is busy for a while slows both; medians are printed.
//
//   catalog_bench [folder] [seconds per case] [payload bytes]
#include <arrow/buffer.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "bench/measure.h"
#include "catalog/catalog.h"
#include "jammi/ids.h"

namespace jammi {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kRounds = 10;

struct Settings {
  std::filesystem::path folder;
  double seconds = 3;
  size_t payload_bytes = 512;
};

[[noreturn]] void Die(std::string_view why) {
  fmt::print(stderr, "catalog_bench: {}\n", why);
  std::exit(1);
}

template <class T>
T Must(Result<T> result) {
  if (!result) Die(result.error().ToString());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double SecondsSince(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

// --- The limit: nothing but SQLite.

void Check(sqlite3* db, int code) {
  if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) Die(sqlite3_errmsg(db));
}

sqlite3_stmt* Compile(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  Check(db, sqlite3_prepare_v2(db, sql, -1, &statement, nullptr));
  return statement;
}

class PlainLoop {
 public:
  explicit PlainLoop(const Settings& settings) : payload_(settings.payload_bytes, 'x') {
    const auto path = settings.folder / (Uuid::RandomV4().ToHex() + ".db");
    Check(db_, sqlite3_open(path.c_str(), &db_));
    Check(db_,
          sqlite3_exec(db_,
                       "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=2000;"
                       "CREATE TABLE heads (topic INTEGER PRIMARY KEY, next BIGINT, events BIGINT,"
                       " bytes BIGINT, at BIGINT);"
                       "CREATE TABLE events (key INTEGER PRIMARY KEY, at BIGINT, scope TEXT, rows BIGINT,"
                       " checksum BIGINT, payload BLOB);"
                       "INSERT INTO heads VALUES (1, 0, 0, 0, 0);",
                       nullptr, nullptr, nullptr));
    begin_ = Compile(db_, "BEGIN IMMEDIATE");
    advance_ = Compile(db_,
                       "UPDATE heads SET next = next + ?1, events = events + ?1, bytes = bytes + ?2, at = ?3"
                       " WHERE topic = 1");
    insert_ = Compile(db_, "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    commit_ = Compile(db_, "COMMIT");
  }
  ~PlainLoop() {
    for (sqlite3_stmt* statement : {begin_, advance_, insert_, commit_}) sqlite3_finalize(statement);
    sqlite3_close(db_);
  }

  // Events a second.
  double Run(double seconds, int group) {
    const int64_t first = next_;
    const auto start = SteadyClock::now();
    while (SecondsSince(start) < seconds) Commit(group);
    return static_cast<double>(next_ - first) / SecondsSince(start);
  }

 private:
  void Commit(int group) {
    Step(begin_);
    sqlite3_bind_int64(advance_, 1, group);
    sqlite3_bind_int64(advance_, 2, static_cast<int64_t>(payload_.size()) * group);
    sqlite3_bind_int64(advance_, 3, next_);
    Step(advance_);
    for (int i = 0; i < group; ++i, ++next_) {
      sqlite3_bind_int64(insert_, 1, (int64_t{1} << 40) + next_);
      sqlite3_bind_int64(insert_, 2, next_);
      sqlite3_bind_text(insert_, 3, "", 0, SQLITE_STATIC);
      sqlite3_bind_int64(insert_, 4, 1);
      sqlite3_bind_int64(insert_, 5, next_);
      sqlite3_bind_blob(insert_, 6, payload_.data(), static_cast<int>(payload_.size()), SQLITE_STATIC);
      Step(insert_);
    }
    Step(commit_);
  }
  void Step(sqlite3_stmt* statement) {
    Check(db_, sqlite3_step(statement));
    Check(db_, sqlite3_reset(statement));
  }

  const std::string payload_;
  sqlite3* db_ = nullptr;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* advance_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
  int64_t next_ = 0;
};

// --- Ours.

std::unique_ptr<Catalog> OpenWithTopic(const Settings& settings) {
  SqliteOptions options;
  options.path = settings.folder / Uuid::RandomV4().ToHex() / "catalog.db";
  auto catalog = Must(OpenSqliteCatalog(options));
  Must(catalog->backend().RunTransaction({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(
        tx.Execute("INSERT INTO topics (topic_no, topic_id, name, schema, created_at)"
                   " VALUES (1, $1, 'bench', $2, 0)",
                   {Uuid::RandomV4().ToString(), SqlBytes()}));
    JAMMI_TRY(tx.Execute("INSERT INTO topic_heads (topic_no) VALUES (1)"));
    return {};
  }));
  return catalog;
}

struct Published {
  double events_per_second = 0;
  double group_size = 1;
};

Published Publish(Catalog& catalog, const Settings& settings, double seconds, int threads) {
  const std::shared_ptr<arrow::Buffer> payload =
      arrow::Buffer::FromString(std::string(settings.payload_bytes, 'x'));
  const uint64_t checksum = Checksum({payload->data(), settings.payload_bytes});
  const BackendStats before = catalog.backend().stats();
  std::atomic<bool> stop = false;
  std::vector<std::thread> publishers;
  const auto start = SteadyClock::now();
  for (int i = 0; i < threads; ++i) {
    publishers.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
        EventAppend event{.topic_no = 1, .row_count = 1, .checksum = checksum, .payload = payload};
        Must(catalog.log().Append(std::move(event), {}));
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (auto& publisher : publishers) publisher.join();
  const double took = SecondsSince(start);
  const BackendStats after = catalog.backend().stats();
  return {static_cast<double>(after.events_appended - before.events_appended) / took,
          static_cast<double>(after.group_work - before.group_work) /
              static_cast<double>(std::max<uint64_t>(1, after.groups - before.groups))};
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void Compare(const Settings& settings, int threads) {
  const auto catalog = OpenWithTopic(settings);
  PlainLoop plain(settings);
  std::vector<double> ours;
  std::vector<double> groups;
  std::vector<double> limits;
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    const Published published = Publish(*catalog, settings, settings.seconds / kRounds, threads);
    const double limit =
        plain.Run(settings.seconds / kRounds, std::max(1, static_cast<int>(published.group_size + 0.5)));
    ours.push_back(published.events_per_second);
    groups.push_back(published.group_size);
    limits.push_back(limit);
    ratios.push_back(published.events_per_second / limit);
  }
  fmt::print("{:>8} {:>12.0f} {:>12.1f} {:>14.0f} {:>8.2f}\n", threads, Median(ours), Median(groups),
             Median(limits), Median(ratios));
}

void Main(const Settings& settings) {
  const bench::Awake awake;
  fmt::print("{:>8} {:>12} {:>12} {:>14} {:>8}\n", "threads", "events/s", "group size", "plain loop/s",
             "ratio");
  for (const int threads : {1, 8, 64}) Compare(settings, threads);
}

}  // namespace
}  // namespace jammi

int main(int argc, char** argv) {
  jammi::Settings settings;
  settings.folder = std::filesystem::path(argc > 1 ? argv[1] : std::filesystem::temp_directory_path()) /
                    ("jammi-bench-" + jammi::Uuid::RandomV4().ToHex());
  if (argc > 2) settings.seconds = std::atof(argv[2]);
  if (argc > 3) settings.payload_bytes = static_cast<size_t>(std::atoll(argv[3]));
  std::filesystem::create_directories(settings.folder);
  jammi::Main(settings);
  std::filesystem::remove_all(settings.folder);
}
