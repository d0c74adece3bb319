// Publishing, replay, live fan-out, crowds of subscribers and idle subscriptions, through the streams of an
// engine on SQLite.
//
//   trigger_bench [folder] [seconds per case] [events to replay] [idle|replay|fanout|crowd|laggards|publish]
#include <arrow/api.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "bench/readings.h"
#include "trigger/streams.h"

namespace jammi {
namespace {

using bench::MakeBatch;

using SteadyClock = std::chrono::steady_clock;

struct Settings {
  std::filesystem::path folder;
  double seconds = 2;
  int64_t replay_events = 100'000;
};

[[noreturn]] void Die(std::string_view why) {
  fmt::print(stderr, "trigger_bench: {}\n", why);
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

// Of all threads of this process: steadier than the clock where others use the machine too.
double ProcessorSeconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

double ResidentMb() {
  std::ifstream statm("/proc/self/statm");
  int64_t all = 0;
  int64_t resident = 0;
  statm >> all >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / 1e6;
}

// A catalog with one topic, gone at the end.
class Stage {
 public:
  explicit Stage(const Settings& settings)
      : folder_(settings.folder / fmt::format("trigger-bench-{}", Uuid::RandomV4().ToHex())) {
    std::filesystem::create_directories(folder_);
    SqliteOptions options;
    options.path = folder_ / "catalog.db";
    catalog_ = Must(OpenSqliteCatalog(options));
    const StreamsOptions defaults;  // a temporary of it makes g++ 12 see uninitialized members
    streams_ = Must(Streams::Open(*catalog_, defaults, NewMemoryBroker()));
    topic_ = Must(streams_->RegisterTopic(Scope::Global(), "readings", MakeBatch(1)->schema()));
  }
  ~Stage() {
    streams_.reset();
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }

  Streams& streams() { return *streams_; }
  EventLog& log() { return catalog_->log(); }
  const TopicId& topic() const { return topic_->id; }
  std::filesystem::path file() const { return folder_ / "catalog.db"; }
  std::unique_ptr<Subscription> Subscribe(From from, const SubscribeOptions& options = {}) {
    return Must(streams_->Subscribe(Scope::Global(), topic_->id, from, options));
  }

 private:
  const std::filesystem::path folder_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Streams> streams_;
  std::optional<Topic> topic_;
};

// How often `threads` threads can do `work` in a second.
template <class Work>
double RateOf(const Settings& settings, int threads, Work work) {
  std::atomic<bool> stop = false;
  std::atomic<int64_t> done = 0;
  std::vector<std::thread> running;
  const auto begin = SteadyClock::now();
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&] {
      int64_t mine = 0;
      for (; !stop; ++mine) work();
      done += mine;
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(settings.seconds));
  stop = true;
  for (auto& thread : running) thread.join();
  return static_cast<double>(done) / SecondsSince(begin);
}

// --- Publish. The limit is the log alone: the same bytes, encoded once.

void BenchPublish(const Settings& settings) {
  fmt::print("\npublish, waiting for each         events/s   the log alone   ratio\n");
  for (const int64_t rows : {1, 100}) {
    for (const int threads : {1, 8, 64}) {
      const auto batch = MakeBatch(rows);
      Stage stage(settings);
      const double rate = RateOf(
          settings, threads, [&] { Must(stage.streams().Publish(Scope::Global(), stage.topic(), batch)); });
      Stage bare(settings);
      const auto encoded = Must(Must(EventCodec::Make(batch->schema())).Encode(*batch, INT64_MAX));
      const double limit = RateOf(settings, threads, [&] {
        EventAppend event{
            .topic_no = 1, .row_count = rows, .checksum = encoded.checksum, .payload = encoded.payload};
        Must(bare.log().Append(std::move(event), {}));
      });
      fmt::print("  {:>3} rows, {:>2} threads {:>18.0f} {:>15.0f} {:>7.2f}\n", rows, threads, rate, limit,
                 rate / limit);
    }
  }
}

// Many one-row batches, by one thread. The limit is one event of as many rows.
void BenchBulk(const Settings& settings) {
  constexpr size_t kBatches = 1000;
  const std::vector<std::shared_ptr<arrow::RecordBatch>> batches(kBatches, MakeBatch(1));
  const auto whole = MakeBatch(kBatches);
  const auto events_of = [&](auto work) {
    Stage stage(settings);
    return RateOf(settings, 1, [&] { work(stage); }) * kBatches;
  };
  const double limit =
      events_of([&](Stage& stage) { Must(stage.streams().Publish(Scope::Global(), stage.topic(), whole)); });
  const auto print = [&](std::string_view how, double rate) {
    fmt::print("  {:<28} {:>10.0f} {:>15.0f} {:>7.2f}\n", how, rate, limit, rate / limit);
  };
  fmt::print("\n{} one-row batches               rows/s   in one event   ratio\n", kBatches);
  print("a call for each", events_of([&](Stage& stage) {
          for (const auto& batch : batches)
            Must(stage.streams().Publish(Scope::Global(), stage.topic(), batch));
        }));
  print("one call", events_of([&](Stage& stage) {
          Must(stage.streams().PublishMany(Scope::Global(), stage.topic(), batches, {}));
        }));
  int64_t number = 0;
  print("one call with a key", events_of([&](Stage& stage) {
          Must(stage.streams().PublishMany(Scope::Global(), stage.topic(), batches,
                                           {.producer_key = fmt::format("{}", ++number)}));
        }));
}

void Fill(Stage& stage, int64_t events, const std::shared_ptr<arrow::RecordBatch>& batch) {
  constexpr int64_t kInFlight = 512;
  std::mutex mutex;
  std::condition_variable changed;
  int64_t in_flight = 0;
  for (int64_t i = 0; i < events; ++i) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return in_flight < kInFlight; });
      ++in_flight;
    }
    stage.streams().PublishAsync(Scope::Global(), stage.topic(), batch, {}, [&](Result<Offset> offset) {
      Must(std::move(offset));
      const std::lock_guard lock(mutex);
      --in_flight;
      changed.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return in_flight == 0; });
}

// --- Replay. The limit is SQLite's own: step over the rows, copy and check each payload.

double PlainReadSeconds(const Stage& stage) {
  sqlite3* db = nullptr;
  sqlite3_stmt* rows = nullptr;
  if (sqlite3_open_v2(stage.file().c_str(), &db, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK ||
      sqlite3_prepare_v2(db, "SELECT payload, checksum FROM events ORDER BY event_key", -1, &rows, nullptr) !=
          SQLITE_OK) {
    Die(sqlite3_errmsg(db));
  }
  std::vector<uint8_t> copy(1 << 20);
  uint64_t wrong = 0;
  const auto begin = SteadyClock::now();
  while (sqlite3_step(rows) == SQLITE_ROW) {
    const auto size = static_cast<size_t>(sqlite3_column_bytes(rows, 0));
    std::memcpy(copy.data(), sqlite3_column_blob(rows, 0), size);
    wrong += Checksum({copy.data(), size}) != static_cast<uint64_t>(sqlite3_column_int64(rows, 1));
  }
  const double seconds = SecondsSince(begin);
  if (wrong > 0) Die("a checksum differs");
  sqlite3_finalize(rows);
  sqlite3_close(db);
  return seconds;
}

void BenchReplay(const Settings& settings, int64_t rows) {
  Stage stage(settings);
  Fill(stage, settings.replay_events, MakeBatch(rows));
  fmt::print(
      "\nreplay of {} events of {} rows  million rows/s   plain SQLite   ratio   memory grew by   processor "
      "ns/event\n",
      settings.replay_events, rows);
  const double all = static_cast<double>(settings.replay_events * rows) / 1e6;
  const double limit = all / PlainReadSeconds(stage);
  for (const char* predicate : {"", rows == 1 ? "mag < 5" : "id >= 50"}) {
    const double before = ResidentMb();
    double most = before;
    const auto subscription = stage.Subscribe(From::Offset(0), {.predicate = predicate, .follow = false});
    int64_t events = 0;
    const auto begin = SteadyClock::now();
    const double processor = ProcessorSeconds();
    while (Must(subscription->Next({}))) {
      if (++events % 10'000 == 0) most = std::max(most, ResidentMb());
    }
    const double rate = all / SecondsSince(begin);
    const double each = (ProcessorSeconds() - processor) * 1e9 / static_cast<double>(events);
    if (events != settings.replay_events) Die("events are missing");
    fmt::print("  {:<30} {:>17.1f} {:>14.1f} {:>7.2f} {:>13.1f} MB {:>19.0f}\n",
               *predicate == '\0' ? "everything" : predicate, rate, limit, rate / limit, most - before, each);
  }
}

// --- Live fan-out. The limit is the hand-over alone: readers that copy a shared pointer and a few words
// out of an array that is there already.

double HandOverRate(const Settings& settings, int subscribers) {
  const std::vector<Delivery> array(1024, Delivery{.batch = MakeBatch(1)});
  std::atomic<uint64_t> sink = 0;
  return 1024 * RateOf(settings, subscribers, [&] {
           uint64_t sum = 0;
           for (const auto& each : array) {
             const Delivery copy = each;
             sum += copy.offset;
           }
           sink += sum;
         });
}

void BenchFanOut(const Settings& settings) {
  fmt::print("\nlive fan-out, one-row events      published/s   deliveries/s   hand-over alone\n");
  const auto batch = MakeBatch(1);
  for (const char* predicate : {"", "mag < 5"}) {
    for (const int subscribers : {1, 16, 128}) {
      Stage stage(settings);
      std::atomic<int64_t> deliveries = 0;
      std::vector<std::unique_ptr<Subscription>> subscriptions;
      std::vector<std::thread> readers;
      for (int i = 0; i < subscribers; ++i) {
        subscriptions.push_back(stage.Subscribe(From::Newest(), {.predicate = predicate}));
        readers.emplace_back([&, subscription = subscriptions.back().get()] {
          int64_t mine = 0;
          while (Must(subscription->Next({}))) ++mine;
          deliveries += mine;
        });
      }
      std::atomic<int64_t> published = 0;
      const auto begin = SteadyClock::now();
      while (SecondsSince(begin) < settings.seconds) {
        Fill(stage, 2048, batch);
        published += 2048;
      }
      while (std::ranges::any_of(subscriptions, [](const auto& each) { return each->lag() > 0; })) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      const double seconds = SecondsSince(begin);
      stage.streams().Shutdown();
      for (auto& reader : readers) reader.join();
      if (deliveries != published * subscribers) Die("deliveries are missing");
      fmt::print("  {:>3} subscribers{:<14} {:>14.0f} {:>14.0f} {:>17.0f}\n", subscribers,
                 *predicate == '\0' ? "" : fmt::format(", {}", predicate),
                 static_cast<double>(published) / seconds, static_cast<double>(deliveries) / seconds,
                 HandOverRate({{}, 0.3, 0}, subscribers));
    }
  }
}

// --- A crowd with few predicates. The limit is one subscriber for each predicate: the same evaluations.

// Reads all subscriptions to `end` with two threads; deliveries.
int64_t ReadAll(const std::vector<std::unique_ptr<Subscription>>& crowd, uint64_t end) {
  std::atomic<int64_t> deliveries = 0;
  std::vector<std::thread> readers;
  for (size_t reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      int64_t mine = 0;
      for (bool more = true; more;) {
        more = false;
        for (size_t i = reader; i < crowd.size(); i += 2) {
          while (crowd[i]->position() < end) {
            const auto polled = Must(crowd[i]->TryNext());
            if (!std::holds_alternative<Delivery>(polled)) break;
            ++mine;
          }
          more = more || crowd[i]->position() < end;
        }
        if (more) std::this_thread::yield();
      }
      deliveries += mine;
    });
  }
  for (auto& each : readers) each.join();
  return deliveries;
}

void BenchCrowd(const Settings& settings) {
  constexpr int64_t kRows = 100;
  constexpr int64_t kEvents = 200;
  fmt::print("\n10 predicates, events of {} rows    events/s   deliveries/s   evaluations per event\n",
             kRows);
  const auto batch = MakeBatch(kRows);
  for (const int subscribers : {10, 1000}) {
    Stage stage(settings);
    std::vector<std::unique_ptr<Subscription>> crowd;
    for (int i = 0; i < subscribers; ++i) {
      crowd.push_back(
          stage.Subscribe(From::Newest(), {.predicate = fmt::format("id % 10 = {} AND mag >= 0", i % 10)}));
    }
    uint64_t published = 0;
    int64_t deliveries = 0;
    double seconds = 0;
    while (seconds < settings.seconds) {
      Fill(stage, kEvents, batch);
      published += kEvents;
      const auto begin = SteadyClock::now();
      deliveries += ReadAll(crowd, published);
      seconds += SecondsSince(begin);
    }
    if (deliveries != static_cast<int64_t>(published) * subscribers) Die("deliveries are missing");
    fmt::print("  {:>4} subscribers {:>24.0f} {:>14.0f} {:>23.2f}\n", subscribers,
               static_cast<double>(published) / seconds, static_cast<double>(deliveries) / seconds,
               static_cast<double>(stage.streams().counters().evaluations) / static_cast<double>(published));
  }
}

// --- Laggards who replay the same events at about one time. The limit is one of them.

void BenchLaggards(const Settings& settings) {
  constexpr int64_t kRows = 100;
  Stage stage(settings);
  const int64_t events = std::min<int64_t>(settings.replay_events, 10'000);
  Fill(stage, events, MakeBatch(kRows));
  fmt::print("\nlaggards, {} events of {} rows      pages read   pages shared   million rows/s of all\n",
             events, kRows);
  for (const char* predicate : {"", "id >= 50"}) {
    for (const int count : {1, 10, 100}) {
      const auto& counters = stage.streams().counters();
      const uint64_t read = counters.pages_read;
      const uint64_t shared = counters.pages_shared;
      std::vector<std::thread> readers;
      const auto begin = SteadyClock::now();
      for (int i = 0; i < count; ++i) {
        readers.emplace_back([&] {
          const auto mine = stage.Subscribe(From::Offset(0), {.predicate = predicate, .follow = false});
          int64_t seen = 0;
          while (Must(mine->Next({}))) ++seen;
          if (seen != events) Die("events are missing");
        });
      }
      for (auto& each : readers) each.join();
      fmt::print("  {:>3} subscribers{:<14} {:>15} {:>14} {:>23.1f}\n", count,
                 *predicate == '\0' ? "" : fmt::format(", {}", predicate), counters.pages_read - read,
                 counters.pages_shared - shared,
                 static_cast<double>(events * kRows * count) / 1e6 / SecondsSince(begin));
    }
  }
}

// --- Idle subscriptions.

void BenchIdle(const Settings& settings) {
  constexpr int kCount = 10'000;
  Stage stage(settings);
  std::vector<std::unique_ptr<Subscription>> idle;
  idle.reserve(kCount);
  std::atomic<int> ready = 0;
  const double before = ResidentMb();
  auto begin = SteadyClock::now();
  for (int i = 0; i < kCount; ++i) {
    idle.push_back(stage.Subscribe(From::Newest()));
    idle.back()->OnReady([&] {
      ++ready;
      ready.notify_one();
    });
  }
  const double attach = SecondsSince(begin);
  const double bytes = (ResidentMb() - before) * 1e6 / kCount;
  begin = SteadyClock::now();
  Must(stage.streams().Publish(Scope::Global(), stage.topic(), MakeBatch(1)));
  for (int now = ready; now < kCount; now = ready) ready.wait(now);
  fmt::print(
      "\nidle: {} subscriptions attached in {:.0f} ms ({:.0f} bytes each); one event wakes all in {:.1f} "
      "ms\n",
      kCount, attach * 1e3, bytes, SecondsSince(begin) * 1e3);
}

int Main(int argc, char** argv) {
  Settings settings;
  settings.folder = argc > 1 ? std::filesystem::path(argv[1]) : std::filesystem::temp_directory_path();
  if (argc > 2) settings.seconds = std::atof(argv[2]);
  if (argc > 3) settings.replay_events = std::atoll(argv[3]);
  fmt::print("trigger_bench: {} processors, {} s per case, in {}\n", std::thread::hardware_concurrency(),
             settings.seconds, settings.folder.string());
  const std::string_view only = argc > 4 ? argv[4] : "";
  const auto wanted = [&](std::string_view part) { return only.empty() || only == part; };
  if (wanted("idle")) BenchIdle(settings);
  if (wanted("replay")) {
    BenchReplay(settings, 100);
    BenchReplay(settings, 1);
  }
  if (wanted("fanout")) BenchFanOut(settings);
  if (wanted("crowd")) BenchCrowd(settings);
  if (wanted("laggards")) BenchLaggards(settings);
  if (wanted("publish")) BenchPublish(settings);
  if (wanted("bulk")) BenchBulk(settings);
  return 0;
}

}  // namespace
}  // namespace jammi

int main(int argc, char** argv) { return jammi::Main(argc, argv); }
