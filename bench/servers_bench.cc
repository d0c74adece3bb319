// jammi-server beside the published one of the same name, which is written in Rust: both as processes on the
// loopback interface, each with a new SQLite catalog and its events handed on in memory, called by the same
// client. They take turns.
//
// The published server never syncs: what it has acknowledged can be gone after a power loss. So ours runs
// twice, with its defaults and with `synchronous = "normal"`, which promises as little.
//
//   servers_bench [seconds per case] [rounds] [events to replay] [publish|topics|models|replay]
#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/measure.h"
#include "bench/raw_grpc.h"
#include "bench/readings.h"
#include "bench/trigger_calls.h"
#include "jammi/config.h"
#include "jammi/engine.h"
#include "jammi/v1/catalog.pb.h"
#include "server/arrow_wire.h"
#include "support/raw_sqlite.h"
#include "support/server_process.h"

namespace jammi::bench {
namespace {

namespace wire = ::jammi::v1::catalog;

constexpr const char* kRegister = "/jammi.v1.catalog.CatalogService/RegisterTopic";
constexpr const char* kDescribe = "/jammi.v1.catalog.CatalogService/DescribeModel";
constexpr const char* kList = "/jammi.v1.catalog.CatalogService/ListModels";
constexpr int kTopics = 8;
constexpr int kModels = 1000;
constexpr const char* kReplayed = "replayed";

struct Settings {
  double seconds = 1;
  int rounds = 5;
  int64_t replay_events = 5'000;
  std::string only;
};

std::string TopicName(int i) { return fmt::format("readings{}", i); }
std::string ModelName(int i) { return fmt::format("organisation/model-{}", i); }

// A server that runs.
class Contender {
 public:
  Contender(std::string name, const std::string& program, const std::filesystem::path& folder,
            std::map<std::string, std::string> variables)
      : name_(std::move(name)),
        server_({.program = program, .variables = WithFolder(std::move(variables), folder)}),
        printed_([this] {
          while (server_.process().ReadLine()) continue;
        }) {}
  ~Contender() { server_.Stop(); }
  Contender(const Contender&) = delete;
  Contender& operator=(const Contender&) = delete;

  [[nodiscard]] const std::string& address() const { return server_.flight(); }

  // Calls answered in a second. What fails is counted.
  double Rate(const char* method, const std::vector<grpc::ByteBuffer>& requests, int in_flight,
              double seconds) {
    const CallTally tally = TallyCalls(address(), method, requests, in_flight, seconds);
    answered_ += tally.answered;
    failed_ += tally.failed;
    if (tally.failed > 0) failure_ = tally.failure;
    return static_cast<double>(tally.answered) / tally.seconds;
  }
  // Says what failed since the last time.
  void PrintFailures() {
    if (failed_ > 0) {
      fmt::print("      {}: {} calls failed beside {} answered ones, at last with \"{}\"\n", name_, failed_,
                 answered_, failure_);
    }
    answered_ = failed_ = 0;
  }

 private:
  static std::map<std::string, std::string> WithFolder(std::map<std::string, std::string> variables,
                                                       const std::filesystem::path& folder) {
    variables["JAMMI_ARTIFACT_DIR"] = folder;
    variables["JAMMI_LOGGING__LEVEL"] = "error";
    return variables;
  }

  const std::string name_;
  test::ServerProcess server_;
  std::jthread printed_;  // must not fill the pipe
  int64_t answered_ = 0;
  int64_t failed_ = 0;
  std::string failure_;
};

// --- Models come from training, which is not of the wire: they are put into the catalogs beforehand.

void PutModelsIntoOurs(const std::filesystem::path& folder) {
  Config config;
  config.artifact_dir = folder;
  config.catalog = SqliteCatalogConfig{.synchronous = SqliteSynchronous::kNormal};
  const auto engine = Must(Engine::Open(config));
  for (int i = 0; i < kModels; ++i) {
    Must(engine->Global().models().RegisterNext({.model_id = ModelName(i),
                                                 .model_type = "embedding",
                                                 .backend = "candle",
                                                 .task = ModelTask::kTextEmbedding}));
  }
}

// The published server makes its catalog, and has it for itself as long as it runs.
void PutModelsIntoTheirs(const std::filesystem::path& folder) {
  { const Contender once("", JAMMI_PUBLISHED_SERVER, folder, {}); }
  test::RawSqlite catalog(folder / "catalog.db");
  const int failed = catalog.Exec(fmt::format(
      "INSERT INTO models (model_id, name, model_type, task, backend, status, created_at, updated_at) "
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {} - 1) "
      "SELECT 'organisation/model-' || i || '::1', 'organisation/model-' || i, 'embedding', "
      "'text_embedding', 'candle', 'registered', '2026-01-01T00:00:00.000000Z', "
      "'2026-01-01T00:00:00.000000Z' FROM n",
      kModels));
  if (failed != 0) throw std::runtime_error("the published server's catalog is another one");
}

// --- The three, and their turns.

class Arena {
 public:
  Arena(const Settings& settings, const std::filesystem::path& folder) : settings_(settings) {
    for (const char* name : {"theirs", "ours", "unsynced"}) {
      std::filesystem::create_directories(folder / name);
    }
    PutModelsIntoTheirs(folder / "theirs");
    PutModelsIntoOurs(folder / "ours");
    PutModelsIntoOurs(folder / "unsynced");
    theirs_ = std::make_unique<Contender>("the published server", JAMMI_PUBLISHED_SERVER, folder / "theirs",
                                          Variables{});
    ours_ = std::make_unique<Contender>("ours", JAMMI_SERVER_PROGRAM, folder / "ours", Variables{});
    unsynced_ = std::make_unique<Contender>("ours, unsynced", JAMMI_SERVER_PROGRAM, folder / "unsynced",
                                            Variables{{"JAMMI_CATALOG__SYNCHRONOUS", "normal"}});
    for (Contender* contender : All()) RegisterTopics(*contender);
  }

  // `measure` gives the rate of one of them, in its turn.
  void Race(std::string_view what, const std::function<double(Contender&)>& measure) {
    std::map<Contender*, std::vector<double>> rates;
    for (int round = 0; round < settings_.rounds; ++round) {
      for (Contender* contender : All()) rates[contender].push_back(measure(*contender));
    }
    const auto& theirs = rates[theirs_.get()];
    const auto& ours = rates[ours_.get()];
    const auto& unsynced = rates[unsynced_.get()];
    fmt::print("  {:<22} {:>22} {:>22} {:>18} {:>22} {:>18}\n", what, RateText(theirs), RateText(ours),
               RatioText(Ratios(ours, theirs)), RateText(unsynced), RatioText(Ratios(unsynced, theirs)));
    for (Contender* contender : All()) contender->PrintFailures();
  }
  void RaceCalls(std::string_view what, const char* method, const std::vector<grpc::ByteBuffer>& requests,
                 int in_flight) {
    Race(fmt::format("{}, {} in flight", what, in_flight), [&](Contender& contender) {
      return contender.Rate(method, requests, in_flight, settings_.seconds);
    });
  }
  static void PrintHead(std::string_view what) {
    fmt::print("\n{:<24} {:>22} {:>22} {:>18} {:>22} {:>18}\n", what, "published", "ours", "ratio",
               "ours, unsynced", "ratio");
  }

  [[nodiscard]] std::vector<Contender*> All() const { return {theirs_.get(), ours_.get(), unsynced_.get()}; }
  [[nodiscard]] Contender& ours() const { return *ours_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }

 private:
  using Variables = std::map<std::string, std::string>;

  static void RegisterTopics(const Contender& contender) {
    wire::RegisterTopicRequest request;
    request.set_schema(Must(EncodeWireSchema(*MakeBatch(1)->schema())));
    for (int i = 0; i <= kTopics; ++i) {
      request.set_name(i < kTopics ? TopicName(i) : kReplayed);
      MakeCalls(contender.address(), kRegister, ToBuffer(request.SerializeAsString()), 1, 1);
    }
  }

  const Settings settings_;
  std::unique_ptr<Contender> theirs_;
  std::unique_ptr<Contender> ours_;
  std::unique_ptr<Contender> unsynced_;
};

// --- The cases.

std::vector<grpc::ByteBuffer> PublishCalls(int topics, int64_t rows) {
  std::vector<grpc::ByteBuffer> calls;
  for (int i = 0; i < topics; ++i) calls.push_back(PublishCall(TopicName(i), *MakeBatch(rows)));
  return calls;
}

void BenchPublish(Arena& arena) {
  Arena::PrintHead("publish, events/s");
  for (const int64_t rows : {1, 100}) {
    for (const int in_flight : {1, 8, 64}) {
      arena.RaceCalls(rows == 1 ? "1 row" : fmt::format("{} rows", rows), kPublish, PublishCalls(1, rows),
                      in_flight);
    }
  }
}

// Ours against itself.
void BenchTopics(Arena& arena) {
  fmt::print("\n{:<24} {:>22} {:>22} {:>18}\n", "ours, events/s", "one topic", "8 topics", "ratio");
  for (const int publishers : {8, 64}) {
    std::vector<double> one;
    std::vector<double> eight;
    for (int round = 0; round < arena.settings().rounds; ++round) {
      const double seconds = arena.settings().seconds;
      one.push_back(arena.ours().Rate(kPublish, PublishCalls(1, 1), publishers, seconds));
      eight.push_back(arena.ours().Rate(kPublish, PublishCalls(kTopics, 1), publishers, seconds));
    }
    fmt::print("  {:>2} publishers          {:>22} {:>22} {:>18}\n", publishers, RateText(one),
               RateText(eight), RatioText(Ratios(eight, one)));
    arena.ours().PrintFailures();
  }
  Arena::PrintHead("publish, events/s");
  for (const int publishers : {8, 64}) {
    arena.RaceCalls("8 topics", kPublish, PublishCalls(kTopics, 1), publishers);
  }
}

void BenchModels(Arena& arena) {
  Arena::PrintHead(fmt::format("{} models, calls/s", kModels));
  wire::DescribeModelRequest request;
  request.set_model_id(ModelName(kModels / 2));
  for (const int in_flight : {1, 8, 64}) {
    arena.RaceCalls("get", kDescribe, {ToBuffer(request.SerializeAsString())}, in_flight);
  }
  for (const int in_flight : {1, 8}) arena.RaceCalls("list of all", kList, {ToBuffer("")}, in_flight);
}

void BenchReplay(Arena& arena) {
  const int64_t events = arena.settings().replay_events;
  const std::vector<grpc::ByteBuffer> publish = {PublishCall(kReplayed, *MakeBatch(1))};
  for (Contender* contender : arena.All()) {
    for (int64_t there = 0; there < events;) {
      there += TallyCalls(contender->address(), kPublish, publish, 8, 0.1).answered;
    }
  }
  Arena::PrintHead("replay, events/s");
  arena.Race(fmt::format("{} of 1 row", events), [&](Contender& contender) {
    return static_cast<double>(events) /
           StreamSeconds(contender.address(), kSubscribe, ReplayCall(kReplayed), events);
  });
}

int Run(int argc, char** argv) {
  const Awake awake;
  Settings settings;
  if (argc > 1) settings.seconds = std::atof(argv[1]);
  if (argc > 2) settings.rounds = std::atoi(argv[2]);
  if (argc > 3) settings.replay_events = std::atoll(argv[3]);
  if (argc > 4) settings.only = argv[4];
  if (!std::filesystem::exists(JAMMI_PUBLISHED_SERVER)) {
    throw std::runtime_error("the published server is not there; scripts/setup --bench fetches it");
  }
  const TempFolder folder("jammi-servers-bench");
  Arena arena(settings, folder.path());
  const auto wanted = [&](std::string_view name) { return settings.only.empty() || settings.only == name; };
  if (wanted("publish")) BenchPublish(arena);
  if (wanted("topics")) BenchTopics(arena);
  if (wanted("models")) BenchModels(arena);
  if (wanted("replay")) BenchReplay(arena);
  return 0;
}

}  // namespace
}  // namespace jammi::bench

int main(int argc, char** argv) {
  try {
    return jammi::bench::Run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "servers_bench: {}\n", error.what());
    return 1;
  }
}
