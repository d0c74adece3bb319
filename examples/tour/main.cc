// The tour: what an engine does, on real data, in a few seconds. Nothing here is more than a user of the
// library would write; it uses the public headers alone.
//
//   jammi_tour examples/data/earthquakes.csv
//
// Ends with 0 when every count is what it must be, else with 1.
#include <arrow/api.h>
#include <arrow/csv/api.h>
#include <arrow/io/api.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "jammi/jammi.h"

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr int64_t kRowsPerEvent = 20;
constexpr auto kPatience = seconds(30);

// A tour has nothing to recover: what fails ends it, with the reason.
[[noreturn]] void Stop(const std::string& doing, const std::string& why) {
  fmt::print(stderr, "The tour stops: {}: {}\n", doing, why);
  std::exit(1);
}

template <class T>
T Must(const char* doing, jammi::Result<T> result) {
  if (!result) Stop(doing, result.error().ToString());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

template <class T>
T Must(const char* doing, arrow::Result<T> result) {
  if (!result.ok()) Stop(doing, result.status().ToString());
  return std::move(*result);
}

double MillisSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::vector<std::shared_ptr<arrow::RecordBatch>> ReadEvents(const std::string& path) {
  auto input = Must("open the data", arrow::io::ReadableFile::Open(path));
  auto reader = Must("read the data", arrow::csv::TableReader::Make(arrow::io::default_io_context(), input,
                                                                    arrow::csv::ReadOptions::Defaults(),
                                                                    arrow::csv::ParseOptions::Defaults(),
                                                                    arrow::csv::ConvertOptions::Defaults()));
  auto table = Must("read the data", reader->Read());
  auto batch = Must("read the data", table->CombineChunksToBatch());
  std::vector<std::shared_ptr<arrow::RecordBatch>> events;
  for (int64_t row = 0; row < batch->num_rows(); row += kRowsPerEvent) {
    events.push_back(batch->Slice(row, kRowsPerEvent));
  }
  return events;
}

int64_t StrongRows(const std::shared_ptr<arrow::RecordBatch>& batch, double threshold) {
  const auto column = std::static_pointer_cast<arrow::DoubleArray>(batch->GetColumnByName("mag"));
  int64_t count = 0;
  for (int64_t i = 0; i < column->length(); ++i) count += column->IsValid(i) && column->Value(i) >= threshold;
  return count;
}

// What one subscriber saw. Runs on a thread of its own until `events` have come or the stream ends.
struct Received {
  int64_t events = 0;
  int64_t rows = 0;
  uint64_t next_offset = 0;
  bool in_order = true;
};

Received Collect(jammi::Subscription& subscription, int64_t stop_after_rows, const char* name, bool show) {
  Received received;
  const auto deadline = jammi::Deadline::After(kPatience);
  while (received.rows < stop_after_rows) {
    auto delivery = Must(name, subscription.Next(deadline));
    if (!delivery) break;
    received.in_order = received.in_order && delivery->offset >= received.next_offset;
    received.next_offset = delivery->offset + 1;
    ++received.events;
    received.rows += delivery->batch->num_rows();
    if (show) {
      const auto place =
          std::static_pointer_cast<arrow::StringArray>(delivery->batch->GetColumnByName("place"));
      const auto mag = std::static_pointer_cast<arrow::DoubleArray>(delivery->batch->GetColumnByName("mag"));
      fmt::print("     offset {:>4}  mag {:.1f}  {}\n", delivery->offset, mag->Value(0), place->GetString(0));
    }
  }
  return received;
}

int failures = 0;

void Check(const char* what, int64_t got, int64_t want) {
  const bool good = got == want;
  failures += good ? 0 : 1;
  fmt::print("   {} {:<44} {:>6}{}\n", good ? "ok " : "BAD", what, got,
             good ? "" : fmt::format("  must be {}", want));
}

// --- The stages ---------------------------------------------------------------------------------------

void RegisterModels(const jammi::Session& session) {
  fmt::print("\n1. Models: a registry with versions\n");
  auto models = session.models();
  for (int version = 1; version <= 3; ++version) {
    const auto record =
        Must("register a model", models.RegisterNext({.model_id = "quake-ranker",
                                                      .model_type = "embedding",
                                                      .backend = "http",
                                                      .task = jammi::ModelTask::kTextEmbedding}));
    fmt::print("     registered {} version {}\n", record.model_id, record.version);
  }
  const auto latest = Must("get a model", models.Get("quake-ranker"));
  Check("versions of quake-ranker", static_cast<int64_t>(Must("list models", models.List()).items.size()), 3);
  Check("its latest version", latest.version, 3);
}

void StreamEvents(const jammi::Session& session, const jammi::Topic& topic,
                  const std::vector<std::shared_ptr<arrow::RecordBatch>>& events, int64_t rows,
                  int64_t strong_rows) {
  fmt::print("\n2. A topic and three subscribers\n");
  auto all = Must("subscribe", session.Subscribe("quakes", jammi::From::Newest()));
  auto strong =
      Must("subscribe", session.Subscribe("quakes", jammi::From::Newest(), {.predicate = "mag >= 5.0"}));

  Received all_got, strong_got, late_got;
  std::thread all_thread([&] { all_got = Collect(*all, rows, "all events", false); });
  fmt::print("   what `mag >= 5.0` receives while the data is published:\n");
  std::thread strong_thread([&] { strong_got = Collect(*strong, strong_rows, "mag >= 5.0", true); });

  const auto start = Clock::now();
  std::unique_ptr<jammi::Subscription> late;
  std::thread late_thread;
  for (size_t i = 0; i < events.size(); ++i) {
    const auto offset = Must("publish", session.Publish(topic.id, events[i]));
    if (offset.value != i) Stop("publish", fmt::format("event {} got offset {}", i, offset.value));
    if (i == events.size() / 2) {  // attaches in the middle of the stream, and still sees it whole
      late = Must("subscribe late", session.Subscribe("quakes", jammi::From::Offset(0)));
      late_thread = std::thread([&] { late_got = Collect(*late, rows, "late from 0", false); });
    }
  }
  const double publish_ms = MillisSince(start);
  all_thread.join();
  strong_thread.join();
  late_thread.join();
  const double delivered_ms = MillisSince(start);

  fmt::print("   published {} events ({} rows), each on disk when acknowledged: {:.0f} ms, {:.2f} ms each\n",
             events.size(), rows, publish_ms, publish_ms / static_cast<double>(events.size()));
  fmt::print("   the last subscriber had everything after {:.0f} ms\n", delivered_ms);
  Check("rows to `all events`", all_got.rows, rows);
  Check("rows to `mag >= 5.0`", strong_got.rows, strong_rows);
  Check("rows to the one that came late, from 0", late_got.rows, rows);
  Check("every stream in offset order", all_got.in_order && strong_got.in_order && late_got.in_order, 1);
}

void ReplayAfterRestart(const jammi::Session& session, int64_t events, int64_t rows, int64_t strong_rows) {
  fmt::print("\n3. The engine was stopped and opened again: the log is still there\n");
  const auto start = Clock::now();
  auto replay = Must("replay", session.Subscribe("quakes", jammi::From::Offset(0), {.follow = false}));
  const auto got = Collect(*replay, rows + 1, "replay", false);
  const double replay_ms = MillisSince(start);
  auto filtered = Must("replay", session.Subscribe("quakes", jammi::From::Offset(0),
                                                   {.predicate = "mag >= 5.0", .follow = false}));
  const auto got_strong = Collect(*filtered, rows + 1, "replay mag >= 5.0", false);
  fmt::print("   replayed {} rows in {:.1f} ms\n", got.rows, replay_ms);
  Check("events replayed", got.events, events);
  Check("rows replayed", got.rows, rows);
  Check("rows replayed with `mag >= 5.0`", got_strong.rows, strong_rows);
  Check("latest version of quake-ranker", Must("get a model", session.models().LatestVersion("quake-ranker")),
        3);
}

std::filesystem::path MakeDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "jammi-tour-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) Stop("make a temporary directory", pattern);
  return pattern;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: jammi_tour DATA.csv   (the repository ships examples/data/earthquakes.csv)\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const auto started = Clock::now();
  const auto events = ReadEvents(argv[1]);
  int64_t rows = 0;
  int64_t strong_rows = 0;
  for (const auto& event : events) {
    rows += event->num_rows();
    strong_rows += StrongRows(event, 5.0);
  }
  const auto directory = MakeDirectory();
  jammi::Config config;
  config.artifact_dir = directory;
  fmt::print("Jammi tour: {} earthquakes, {} of magnitude 5 or more, in events of {} rows\n", rows,
             strong_rows, kRowsPerEvent);
  fmt::print("SQLite catalog at {}, in-memory broker, no daemon\n", (directory / "catalog.db").string());

  {
    const auto engine = Must("open the engine", jammi::Engine::Open(config));
    const auto session = engine->Global();
    RegisterModels(session);
    const auto topic =
        Must("register the topic", session.topics().Register("quakes", events.front()->schema()));
    StreamEvents(session, topic, events, rows, strong_rows);
  }
  const auto reopened = Clock::now();
  {
    const auto engine = Must("open the engine again", jammi::Engine::Open(config));
    const double open_ms = MillisSince(reopened);
    ReplayAfterRestart(engine->Global(), static_cast<int64_t>(events.size()), rows, strong_rows);
    fmt::print("   opening took {:.1f} ms\n", open_ms);
  }
  std::error_code ignored;  // a leftover in the temporary directory harms nobody
  std::filesystem::remove_all(directory, ignored);

  fmt::print("\n{} in {:.1f} s.\n",
             failures == 0 ? "Every count is what it must be" : "Some counts are WRONG",
             MillisSince(started) / 1000);
  if (failures != 0) return 1;
  fmt::print(
      "\nNext: read examples/tour/main.cc, it is what you just saw. build/release/src/cli/jammi config show "
      "tells every\n"
      "setting; docs/README.md leads to the rest; ./test runs the tests.\n");
  return 0;
}
