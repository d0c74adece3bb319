// Calls, publishing, replay and fan-out over gRPC, beside gRPC with nothing behind it and beside the engine
// without gRPC, in one process: the sides take turns, so that whatever else the machine does meets them
// alike.
//
//   server_bench [seconds per case] [events to replay] [rounds] [calls|publish|replay|fanout]
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "bench/measure.h"
#include "bench/raw_grpc.h"
#include "bench/readings.h"
#include "bench/trigger_calls.h"
#include "jammi/config.h"
#include "jammi/engine.h"
#include "server/server.h"

namespace jammi::bench {
namespace {

constexpr const char* kInfo = "/jammi.v1.catalog.CatalogService/GetServerInfo";
constexpr const char* kTopic = "readings";

struct Settings {
  std::filesystem::path folder;
  double seconds = 1;
  int64_t replay_events = 50'000;
  int rounds = 5;
  std::string only;
};

Config ConfigIn(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  Config config;
  config.artifact_dir = folder;
  config.server.flight_listen = "127.0.0.1:0";
  config.server.health_listen = "127.0.0.1:0";
  return config;
}

// An engine with one topic.
class Library {
 public:
  explicit Library(const std::filesystem::path& folder) : engine_(Must(Engine::Open(ConfigIn(folder)))) {
    topic_ = Must(session().topics().Register(kTopic, MakeBatch(1)->schema())).id;
  }
  [[nodiscard]] Session session() const { return engine_->Global(); }

  // Events a second while `in_flight` publishes are under way at any time.
  double PublishRate(const std::shared_ptr<arrow::RecordBatch>& batch, int in_flight, double seconds) {
    const double begin = WallSeconds();
    int64_t events = 0;
    while (WallSeconds() - begin < seconds) {
      Take(in_flight);
      PublishOne(batch);
      ++events;
    }
    AwaitAll();
    return static_cast<double>(events) / (WallSeconds() - begin);
  }
  void Fill(const std::shared_ptr<arrow::RecordBatch>& batch, int64_t events) {
    for (int64_t i = 0; i < events; ++i) {
      Take(512);
      PublishOne(batch);
    }
    AwaitAll();
  }

 private:
  void PublishOne(const std::shared_ptr<arrow::RecordBatch>& batch) {
    session().PublishAsync(topic_, batch, [this](Result<Offset> offset) {
      Must(std::move(offset));
      const std::lock_guard lock(mutex_);
      --under_way_;
      changed_.notify_one();
    });
  }
  void Take(int most) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return under_way_ < most; });
    ++under_way_;
  }
  void AwaitAll() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return under_way_ == 0; });
  }

  std::unique_ptr<Engine> engine_;
  TopicId topic_{Uuid{}};
  std::mutex mutex_;
  std::condition_variable changed_;
  int under_way_ = 0;
};

// A catalog with one topic; the engine is closed.
void MakeCatalog(const std::filesystem::path& folder) { const Library library(folder); }

// A server on a catalog that is there.
class Served {
 public:
  explicit Served(const std::filesystem::path& folder) : server_(Must(Server::Start(ConfigIn(folder)))) {}
  [[nodiscard]] std::string address() const { return server_->flight_address(); }

 private:
  std::unique_ptr<Server> server_;
};

// --- A call that asks nothing of the engine. The limit is a server that has the answer already.

void BenchCalls(const Settings& settings) {
  MakeCatalog(settings.folder / "calls");
  const Served served(settings.folder / "calls");
  const BareServer bare(std::string(80, 'x'), {}, 0);
  fmt::print("\nGetServerInfo                   calls/s                 bare gRPC               ratio\n");
  for (const int in_flight : {1, 8, 64}) {
    std::vector<double> ours;
    std::vector<double> theirs;
    for (int round = 0; round < settings.rounds; ++round) {
      ours.push_back(CallRate(served.address(), kInfo, ToBuffer(""), in_flight, settings.seconds));
      theirs.push_back(CallRate(bare.address(), "/Bare/Unary", ToBuffer(""), in_flight, settings.seconds));
    }
    fmt::print("  {:>2} in flight {:>28} {:>24} {:>20}\n", in_flight, RateText(ours), RateText(theirs),
               RatioText(Ratios(ours, theirs)));
  }
}

// --- Publish. The limits: gRPC with messages of the same sizes and nothing behind it; the engine without
// gRPC.

void BenchPublish(const Settings& settings) {
  fmt::print(
      "\npublish                         events/s               bare gRPC              library           "
      "ratio "
      "to the lesser\n");
  for (const int64_t rows : {1, 100}) {
    const auto batch = MakeBatch(rows);
    const auto request = PublishCall(kTopic, *batch);
    const auto folder = settings.folder / fmt::format("publish{}", rows);
    MakeCatalog(folder / "served");
    const Served served(folder / "served");
    Library library(folder / "library");
    const BareServer bare(std::string(16, 'x'), {}, 0);
    for (const int in_flight : {1, 8, 64}) {
      std::vector<double> ours;
      std::vector<double> echo;
      std::vector<double> alone;
      std::vector<double> lesser;
      for (int round = 0; round < settings.rounds; ++round) {
        ours.push_back(CallRate(served.address(), kPublish, request, in_flight, settings.seconds));
        echo.push_back(CallRate(bare.address(), "/Bare/Unary", request, in_flight, settings.seconds));
        alone.push_back(library.PublishRate(batch, in_flight, settings.seconds));
        lesser.push_back(std::min(echo.back(), alone.back()));
      }
      fmt::print("  {:>3} rows, {:>2} in flight {:>20} {:>22} {:>22} {:>20}\n", rows, in_flight,
                 RateText(ours), RateText(echo), RateText(alone), RatioText(Ratios(ours, lesser)));
    }
  }
}

// --- Replay. The limit is a bare stream of the same messages.

void BenchReplay(const Settings& settings) {
  fmt::print("\nreplay                          events/s               bare stream                ratio\n");
  for (const int64_t rows : {1, 100}) {
    const auto folder = settings.folder / fmt::format("replay{}", rows);
    const auto events = settings.replay_events;
    Library(folder).Fill(MakeBatch(rows), events);
    const Served served(folder);
    std::vector<grpc::ByteBuffer> frames;
    {
      StreamReader reader(served.address(), kSubscribe, ReplayCall(kTopic), true);
      reader.Await(events);
      frames = reader.Kept();
    }
    const BareServer bare("", std::move(frames), 1);
    std::vector<double> ours;
    std::vector<double> theirs;
    for (int round = 0; round < settings.rounds; ++round) {
      const auto all = static_cast<double>(events);
      ours.push_back(all / StreamSeconds(served.address(), kSubscribe, ReplayCall(kTopic), events));
      theirs.push_back(all / StreamSeconds(bare.address(), "/Bare/Stream", ToBuffer(""), events));
    }
    fmt::print("  {:>6} of {:>3} rows {:>24} {:>25} {:>22}\n", events, rows, RateText(ours), RateText(theirs),
               RatioText(Ratios(ours, theirs)));
  }
}

// --- Fan-out: what one publisher publishes to many subscribers. The limit is as many bare streams.

using Readers = std::vector<std::unique_ptr<StreamReader>>;

void AwaitAll(const Readers& readers, int64_t events) {
  for (const auto& reader : readers) reader->Await(events);
}

void BenchFanOut(const Settings& settings) {
  constexpr int64_t kEvents = 4000;
  constexpr int kReaders = 64;
  constexpr double kDeliveries = kEvents * kReaders;
  const auto publish = PublishCall(kTopic, *MakeBatch(1));
  const auto folder = settings.folder / "fanout";
  MakeCatalog(folder);
  const Served served(folder);
  grpc::ByteBuffer frame;
  {
    StreamReader reader(served.address(), kSubscribe, FollowCall(kTopic), true);
    reader.AwaitHeaders();
    MakeCalls(served.address(), kPublish, publish, 1, 1);
    reader.Await(1);
    frame = reader.Kept().front();
  }
  std::vector<double> ours;
  std::vector<double> theirs;
  for (int round = 0; round < settings.rounds; ++round) {
    {
      Readers readers;
      for (int i = 0; i < kReaders; ++i) {
        readers.push_back(std::make_unique<StreamReader>(served.address(), kSubscribe, FollowCall(kTopic)));
        readers.back()->AwaitHeaders();
      }
      const double begin = WallSeconds();
      MakeCalls(served.address(), kPublish, publish, 64, kEvents);
      AwaitAll(readers, kEvents);
      ours.push_back(kDeliveries / (WallSeconds() - begin));
    }
    const BareServer bare("", {frame}, kEvents);
    const double begin = WallSeconds();
    Readers readers;
    for (int i = 0; i < kReaders; ++i) {
      readers.push_back(std::make_unique<StreamReader>(bare.address(), "/Bare/Stream", ToBuffer("")));
    }
    AwaitAll(readers, kEvents);
    theirs.push_back(kDeliveries / (WallSeconds() - begin));
  }
  fmt::print("\nfan-out, {} subscribers       deliveries/s              bare streams               ratio\n",
             kReaders);
  fmt::print("  1-row events {:>29} {:>25} {:>22}\n", RateText(ours), RateText(theirs),
             RatioText(Ratios(ours, theirs)));
}

int Run(int argc, char** argv) {
  const Awake awake;
  Settings settings;
  if (argc > 1) settings.seconds = std::atof(argv[1]);
  if (argc > 2) settings.replay_events = std::atoll(argv[2]);
  if (argc > 3) settings.rounds = std::atoi(argv[3]);
  if (argc > 4) settings.only = argv[4];
  const TempFolder folder("jammi-server-bench");
  settings.folder = folder.path();
  const auto wanted = [&](std::string_view name) { return settings.only.empty() || settings.only == name; };
  if (wanted("calls")) BenchCalls(settings);
  if (wanted("publish")) BenchPublish(settings);
  if (wanted("replay")) BenchReplay(settings);
  if (wanted("fanout")) BenchFanOut(settings);
  return 0;
}

}  // namespace
}  // namespace jammi::bench

int main(int argc, char** argv) {
  try {
    return jammi::bench::Run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "server_bench: {}\n", error.what());
    return 1;
  }
}
