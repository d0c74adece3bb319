// The program itself: its options, what it says, how it starts and how it ends.
#include <arrow/api.h>
#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "client/rpc_channel.h"
#include "http/raw_client.h"
#include "http/ready_check.h"
#include "jammi/engine.h"
#include "jammi/v1/catalog.pb.h"
#include "jammi/v1/trigger.pb.h"
#include "support/certificates.h"
#include "support/program_test.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace jammi {
namespace {

using google::protobuf::Empty;
using std::chrono::seconds;
using std::chrono::steady_clock;
using test::Outcome;
using test::ServerProcess;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

constexpr const char* kServerInfo = "/jammi.v1.catalog.CatalogService/GetServerInfo";
constexpr const char* kReflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

class ProcessTest : public test::ProgramTest {
 protected:
  ProcessTest() : ProgramTest(JAMMI_PROGRAM) {}

  [[nodiscard]] std::map<std::string, std::string> Variables() const {
    return {{"JAMMI_ARTIFACT_DIR", state_.path().string()}};
  }
  [[nodiscard]] ServerProcess::Options Options(const std::map<std::string, std::string>& more = {}) const {
    auto variables = Variables();
    variables.insert(more.begin(), more.end());
    return {.program = JAMMI_PROGRAM, .variables = variables};
  }
  [[nodiscard]] ServerProcess Start(const std::map<std::string, std::string>& more = {}) const {
    return ServerProcess(Options(more));
  }
  // Of a start that fails.
  [[nodiscard]] Outcome FailToStart(std::vector<std::string> variables) const {
    variables.push_back("JAMMI_ARTIFACT_DIR=" + state_.path().string());
    variables.emplace_back("JAMMI_SERVER__FLIGHT_LISTEN=127.0.0.1:0");
    variables.emplace_back("JAMMI_SERVER__HEALTH_LISTEN=127.0.0.1:0");
    return Run({}, variables);
  }
  // A call whose request does not come: the server waits for it, and a drain until its limit.
  static BidiStream<Empty, Empty> Hold(const ServerProcess& server) {
    const auto channel = Connect(server);
    EXPECT_TRUE(channel->Connect());
    auto held = channel->Converse<Empty, Empty>(kServerInfo);
    EXPECT_TRUE(channel->Call<Empty>(kServerInfo, Empty())) << "and this one came behind it";
    return held;
  }
  // An answered stream that stays open.
  static BidiStream<Empty, Empty> Open(const ServerProcess& server, const char* method) {
    auto stream = Connect(server)->Converse<Empty, Empty>(method);
    EXPECT_TRUE(stream.Write(Empty()));
    EXPECT_TRUE(stream.Read());
    return stream;
  }
  static void AwaitLine(ServerProcess& server, std::string_view with) {
    while (const auto line = server.process().ReadLine()) {
      if (line->find(with) != std::string::npos) return;
    }
    ADD_FAILURE() << "no line with: " << with;
  }
  static Result<RpcChannel> Connect(const ServerProcess& server) {
    return RpcChannel::Open({.target = "grpc://" + server.flight()});
  }

  const test::TempDir state_{test::TempDir::On::kMemory};
};

// SRV-001, W-15
TEST_F(ProcessTest, Srv001Options) {
  EXPECT_EQ(Run({"--version"}).out, "jammi-server " JAMMI_VERSION "\n");
  EXPECT_THAT(Run({"--help"}).out, AllOf(HasSubstr("--config FILE"), HasSubstr("--check-config")));
  const auto wrong = Run({"--port", "1"});
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_THAT(wrong.err, HasSubstr("there is no option --port"));
}

TEST_F(ProcessTest, W15ACheckOfTheConfigurationStartsNothing) {
  Write("good.toml", "artifact_dir = 'state'\n");
  const auto good = Run({"--check-config", "--config", "good.toml"});
  EXPECT_EQ(good.exit, 0);
  EXPECT_THAT(good.out, EndsWith("\nok\n"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "state"));

  Write("bad.toml", "[server]\nfligt_listen = 'x'\n");
  const auto bad = Run({"--check-config", "--config", "bad.toml"});
  EXPECT_EQ(bad.exit, 1);
  EXPECT_THAT(bad.err, HasSubstr("did you mean 'server.flight_listen'?"));

  // It used to say "ok" of what the start refuses.
  const auto refused = [&](const char* text) {
    Write("refused.toml", std::string("[server]\n") + text);
    const auto run = Run({"--check-config", "--config", "refused.toml"});
    EXPECT_EQ(run.exit, 1);
    EXPECT_EQ(run.out, "");
    return run.err;
  };
  EXPECT_THAT(refused("services = ['train']\n"), HasSubstr("the tier 'train'"));
  EXPECT_THAT(refused("flight_listen = '0.0.0.0:0'\n"), HasSubstr("there is no authentication"));
  EXPECT_THAT(refused("token_path = 'nowhere'\n"), HasSubstr("server.token_path: "));
  EXPECT_THAT(refused("tls_certificate_path = 'nowhere.crt'\ntls_key_path = 'nowhere.key'\n"),
              HasSubstr("nowhere.crt"));
}

// Who replaces a certificate or a token wants to know before the server is asked to read it.
TEST_F(ProcessTest, W15ACheckOfTheConfigurationReadsTheFilesThatItNames) {
  for (const auto* name : {"one", "two"}) test::MakeCertificate(directory_, name);
  const auto path = [&](const char* file) { return (directory_ / file).string(); };
  const auto check = [&](const char* key, const char* tokens) {
    return Run({"--check-config"},
               {"JAMMI_SERVER__TLS_CERTIFICATE_PATH=" + path("one.crt"),
                "JAMMI_SERVER__TLS_KEY_PATH=" + path(key), "JAMMI_SERVER__TOKEN_PATH=" + path(tokens)});
  };
  for (const auto* file : {"tokens", "broken"}) {
    Write(file, file == std::string_view("tokens") ? "# none yet\n" : "ops reader *\n");
    std::filesystem::permissions(directory_ / file, std::filesystem::perms::owner_read);
  }
  const auto good = check("one.key", "tokens");
  EXPECT_EQ(good.exit, 0) << good.err;
  EXPECT_THAT(good.out, EndsWith("\nok\n"));
  const auto refused = [&](const char* key, const char* tokens) {
    const auto run = check(key, tokens);
    EXPECT_EQ(run.exit, 1);
    EXPECT_EQ(run.out, "");
    return run.err;
  };
  EXPECT_EQ(refused("two.key", "tokens"), "jammi-server: server.tls_key_path: " + path("two.key") +
                                              ": it is not the key of the certificate in " + path("one.crt") +
                                              "\n");
  EXPECT_EQ(refused("none.key", "tokens"),
            "jammi-server: server.tls_key_path: " + path("none.key") + ": No such file or directory\n");
  EXPECT_EQ(refused("one.key", "broken"),
            "jammi-server: server.token_path: " + path("broken") +
                ": line 1: expected four words: principal, role, tenants, SHA-256 of the token\n");
}

TEST_F(ProcessTest, W15TheConfigurationInForceIsPrintedWithoutSecrets) {
  Write("jammi.toml", "[catalog]\nkind = 'postgres'\nurl = 'postgres://u:hunter2@h/d'\n");
  const auto printed = Run({"--print-config"});
  EXPECT_EQ(printed.exit, 0) << printed.err;
  EXPECT_THAT(printed.out, AllOf(HasSubstr("[server]"), testing::Not(HasSubstr("hunter2"))));
}

TEST_F(ProcessTest, Srv002AFileThatIsNamedMustBeThere) {
  const auto run = Run({"--config", "nowhere.toml"});
  EXPECT_EQ(run.exit, 1);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err, "jammi-server: failed to load config: configuration file nowhere.toml: no such file\n");
}

// SRV-005, W-15, cases 6 and 28: each is one line.
TEST_F(ProcessTest, Srv005Case06Case28WhatIsRefusedAtStart) {
  const auto refused = [&](const char* variable) {
    const auto run = Run({}, {variable, "JAMMI_ARTIFACT_DIR=" + (directory_ / "state").string()});
    EXPECT_EQ(run.exit, 1) << variable;
    EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
    EXPECT_THAT(run.err, StartsWith("jammi-server: failed to load config: "));
    return run.err;
  };
  EXPECT_THAT(refused("JAMMI_SERVER__HEALTH_LISTEN=127.0.0.1:8081"), HasSubstr("are the same address"));
  EXPECT_THAT(refused("JAMMI_SERVER__HEALTH_LISTEN=somewhere"), HasSubstr("server.health_listen"));
  EXPECT_THAT(refused("JAMMI_SERVER__SERVICES=bogus"), HasSubstr("unknown tier 'bogus'"));
  EXPECT_THAT(refused("JAMMI_TRAINING__HEARTBEAT_INTERVAL_SECS=0"), HasSubstr("heartbeat_interval_secs"));
  EXPECT_THAT(refused("JAMMI_TRAINING__IDLE_POLL_SECS=0"), HasSubstr("idle_poll_secs"));
  EXPECT_THAT(refused("JAMMI_TRAINING__LEASE_DURATION_SECS=20"), HasSubstr("heartbeat_interval_secs"));
  EXPECT_THAT(refused("JAMMI_SERVER__MAX_STREAMS=many"), HasSubstr("max_streams"));
}

TEST_F(ProcessTest, Srv006Case26TrainingIsNotPromised) {
  const auto run = FailToStart({"JAMMI_SERVER__SERVICES=train"});
  EXPECT_EQ(run.exit, 1);
  EXPECT_EQ(run.err, "");
  EXPECT_THAT(run.out, AllOf(HasSubstr(" error cannot start: "), HasSubstr("the tier 'train'")));
}

// SRV-007: what fails once there is a log, fails there.
TEST_F(ProcessTest, Srv007ALaterFailureIsAnErrorInTheLog) {
  auto first = Start();
  const auto second = FailToStart({"JAMMI_LOGGING__FORMAT=json"});
  EXPECT_EQ(second.exit, 1);
  EXPECT_EQ(second.err, "");
  const auto last = second.out.substr(second.out.rfind('\n', second.out.size() - 2) + 1);
  const auto line = nlohmann::json::parse(last);
  EXPECT_EQ(line["level"], "ERROR");
  EXPECT_THAT(line["fields"]["message"].get<std::string>(),
              AllOf(StartsWith("cannot start: "), HasSubstr("catalog.db")));
}

TEST_F(ProcessTest, Srv007APortInUseIsAnErrorThatNamesIt) {
  auto first = Start();
  const auto second =
      Run({}, {"JAMMI_ARTIFACT_DIR=" + (directory_ / "other").string(),
               "JAMMI_SERVER__FLIGHT_LISTEN=" + first.flight(), "JAMMI_SERVER__HEALTH_LISTEN=127.0.0.1:0"});
  EXPECT_EQ(second.exit, 1);
  EXPECT_THAT(second.out, AllOf(HasSubstr("error cannot start"), HasSubstr(first.flight())));
}

// SRV-008, case 8
TEST_F(ProcessTest, Srv008Case08WhenItSaysThatItIsReadyItIs) {
  auto server = Start();
  EXPECT_THAT(
      server.lines().back(),
      MatchesRegex(
          "jammi-server listening flight=127\\.0\\.0\\.1:[1-9][0-9]* health=127\\.0\\.0\\.1:[1-9][0-9]*"));
  std::vector<std::jthread> clients;
  std::atomic<int> served = 0;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] { served += Connect(server)->Call<Empty>(kServerInfo, Empty()) ? 1 : 0; });
  }
  clients.clear();
  EXPECT_EQ(served, 16);
}

// SRV-009, SRV-011, case 7
TEST_F(ProcessTest, Srv009Srv011Case07ASignalEndsItInOrder) {
  for (const int signal : {SIGINT, SIGTERM}) {
    auto server = Start();
    ASSERT_TRUE(Connect(server)->Call<Empty>(kServerInfo, Empty()));
    const auto began = steady_clock::now();
    server.process().Signal(signal);
    EXPECT_EQ(server.process().Wait(), 0);
    EXPECT_LT(steady_clock::now() - began, seconds(5));
  }
}

// SRV-010, W-13: what does not end by itself is cancelled after the limit.
TEST_F(ProcessTest, Srv010TheDrainHasALimit) {
  auto server = Start({{"JAMMI_SERVER__DRAIN_SECS", "1"}});
  auto held = Hold(server);
  EXPECT_EQ(server.Stop(), 0);
  EXPECT_FALSE(held.Read());
}

// SRV-010: both used to keep it waiting until the limit.
TEST_F(ProcessTest, Srv010WatchesOfHealthAndReflectionHoldUpNothing) {
  auto server = Start({{"JAMMI_SERVER__DRAIN_SECS", "3600"}});
  auto watch = Open(server, "/grpc.health.v1.Health/Watch");
  auto reflection = Open(server, kReflection);
  // As clients do: one that does not read does not hear the goodbye.
  const auto end = [](auto& stream) {
    return std::async(std::launch::async, [&stream] {
      auto read = stream.Read();
      while (read && *read) read = stream.Read();
      return read ? ErrorCode::kInternal : read.error().code();
    });
  };
  auto watch_end = end(watch);
  auto reflection_end = end(reflection);
  const auto began = steady_clock::now();
  EXPECT_EQ(server.Stop(), 0);
  EXPECT_LT(steady_clock::now() - began, seconds(60));
  EXPECT_EQ(watch_end.get(), ErrorCode::kUnavailable);
  EXPECT_EQ(reflection_end.get(), ErrorCode::kUnavailable);
}

TEST_F(ProcessTest, Srv010ASecondSignalEndsItAtOnce) {
  auto server = Start({{"JAMMI_SERVER__DRAIN_SECS", "3600"}});
  auto held = Hold(server);
  server.process().Signal(SIGTERM);
  AwaitLine(server, "a second signal ends them at once");
  server.process().Signal(SIGINT);
  EXPECT_EQ(server.process().Wait(), 1);
}

// A topic with three events, in the state of the server that is started next.
class StoredEventsTest : public ProcessTest {
 protected:
  StoredEventsTest() {
    Config config;
    config.artifact_dir = state_.path();
    const auto engine = std::move(*Engine::Open(config));
    const auto schema = arrow::schema({arrow::field("n", arrow::int64(), false)});
    const auto topic = engine->Global().topics().Register("numbers", schema);
    for (int64_t n = 0; n < 3; ++n) {
      const auto column = *arrow::MakeArrayFromScalar(arrow::Int64Scalar(n), 1);
      EXPECT_TRUE(engine->Global().Publish(topic->id, arrow::RecordBatch::Make(schema, 1, {column})));
    }
  }

  // From the first event on.
  static ServerStream<v1::trigger::SubscribedBatch> Subscribe(const ServerProcess& server) {
    v1::trigger::SubscribeRequest request;
    request.mutable_topic()->set_name("numbers");
    request.set_from_offset(0);
    return Connect(server)->Stream<v1::trigger::SubscribedBatch>("/jammi.v1.trigger.TriggerService/Subscribe",
                                                                 request);
  }
};

// SRV-010, SRV-011: subscriptions end, and hold up nothing.
TEST_F(StoredEventsTest, Srv010SubscriptionsEndWithUnavailable) {
  auto server = Start({{"JAMMI_SERVER__DRAIN_SECS", "3600"}});
  auto stream = Subscribe(server);
  ASSERT_TRUE(stream.Read());
  // gRPC asks every client whether it has heard the goodbye; one that reads, as clients do, answers at once.
  auto end = std::async(std::launch::async, [&] {
    auto read = stream.Read();
    while (read && *read) read = stream.Read();
    return read;
  });
  const auto began = steady_clock::now();
  EXPECT_EQ(server.Stop(), 0);
  EXPECT_LT(steady_clock::now() - began, seconds(60)) << "gRPC may take 5 s to say goodbye, and not an hour";
  const auto read = end.get();
  ASSERT_FALSE(read) << "the stream ended as if there were no more";
  EXPECT_EQ(read.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(read.error().message(), HasSubstr("server is shutting down"));
}

// SRV-012: what was acknowledged is there after a restart, and after a kill.
TEST_F(StoredEventsTest, Srv012EventsSurviveAStopAndAKill) {
  for (const bool kill : {false, true, false}) {
    auto server = Start();
    auto stream = Subscribe(server);
    for (uint64_t offset = 0; offset < 3; ++offset) {
      const auto batch = stream.Read();
      ASSERT_TRUE(batch && *batch);
      EXPECT_EQ((*batch)->offset(), offset);
    }
    if (kill) {
      server.process().Kill();
    } else {
      EXPECT_EQ(server.Stop(), 0);
    }
  }
}

// SRV-010: the health port goes on, and says so.
TEST_F(ProcessTest, Srv010ItIsNotReadyFromTheFirstSignalOn) {
  auto server = Start({{"JAMMI_SERVER__DRAIN_SECS", "3600"}});
  auto held = Hold(server);
  ASSERT_TRUE(CheckReady(server.health(), seconds(5)));
  server.process().Signal(SIGTERM);
  AwaitLine(server, "stopping");
  Result<void> ready;
  do ready = CheckReady(server.health(), seconds(5));
  while (ready);  // the signal is heard, and the next thing it does is not to be ready
  EXPECT_THAT(ready.error().message(), HasSubstr("server is shutting down"));
  held.Cancel();
  EXPECT_EQ(server.process().Wait(), 0);
}

// W-16
TEST_F(ProcessTest, W16AProbeOfItsOwn) {
  auto server = Start();
  const auto ready = Run({"--health", server.health()});
  EXPECT_EQ(ready.exit, 0) << ready.err;
  EXPECT_EQ(server.Stop(), 0);
  const auto gone = Run({"--health", server.health()});
  EXPECT_EQ(gone.exit, 1);
  EXPECT_THAT(gone.err, AllOf(StartsWith("jammi-server: "), HasSubstr(server.health())));
}

// SRV-052, SRV-055: the calls are counted, and what the engine counts is there.
TEST_F(ProcessTest, Srv055ItsCallsAreCounted) {
  auto server = Start();
  ASSERT_TRUE(Connect(server)->Call<Empty>(kServerInfo, Empty()));
  std::string page;  // the client may have its answer before the call is counted
  do page = Get(server.health(), "/metrics");
  while (page.find("\njammi_rpc_in_flight 0\n") == std::string::npos);
  for (const auto* line :
       {"\njammi_grpc_requests_total 1\n", "method=\"GetServerInfo\",code=\"OK\"} 1\n",
        "\njammi_rpc_streams 0\n", "\njammi_sessions 0\n", "\njammi_catalog_queue_depth 0\n",
        "\njammi_retention_rounds_total ", "\njammi_forwarding_enabled 0\n"}) {
    EXPECT_TRUE(page.find(line) != std::string::npos) << line;
  }
}

// What docs/monitoring.md promises is what a server says, from its first moment on, and nothing else.
TEST_F(ProcessTest, Srv055TheServerHasEveryMetricOfThePage) {
  const auto find = [](const std::string& text, const std::regex& pattern) {
    std::set<std::string> names;
    for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
      names.insert(std::string((*match)[1]) + " " + std::string((*match)[2]));
    }
    return names;
  };
  std::ifstream file(JAMMI_DOCS "/monitoring.md");
  const std::string promised{std::istreambuf_iterator<char>(file), {}};
  auto server = Start();
  EXPECT_EQ(find(Get(server.health(), "/metrics"), std::regex(R"(# TYPE (\w+) (\w+)\n)")),
            find(promised, std::regex(R"(\| `(\w+)` \| (counter|gauge|histogram) \|)")));
}

// SRV-040, SRV-041, cases 25 and 27
TEST_F(ProcessTest, Srv041Case25Case27WhatIsNotMountedIsNotServed) {
  using testing::ElementsAre;
  const auto tiers = [&](const char* services, RpcChannel* channel, std::optional<ServerProcess>* server) {
    server->reset();
    server->emplace(Options({{"JAMMI_SERVER__SERVICES", services}}));
    *channel = *Connect(**server);
    const auto info = channel->Call<v1::catalog::ServerInfo>(kServerInfo, Empty());
    return std::vector<std::string>(info->services().begin(), info->services().end());
  };
  std::optional<ServerProcess> server;
  RpcChannel channel = *RpcChannel::Open({});
  EXPECT_THAT(tiers("", &channel, &server), ElementsAre("core"));
  const auto publish = channel.Call<Empty>("/jammi.v1.trigger.TriggerService/Publish", Empty());
  EXPECT_EQ(publish.error().code(), ErrorCode::kUnimplemented);
  EXPECT_THAT(publish.error().message(), HasSubstr("tier 'event' is not mounted"));
  const auto train = channel.Call<Empty>("/jammi.v1.training.TrainingService/StartTraining", Empty());
  EXPECT_EQ(train.error().code(), ErrorCode::kUnimplemented);
  EXPECT_THAT(tiers("event", &channel, &server), ElementsAre("core", "event"));
  EXPECT_THAT(tiers("all", &channel, &server), ElementsAre("core", "event"));
}

// What needs models, files or SQL says that it is not there, and why.
TEST_F(ProcessTest, Srv232WhatThisVersionDoesNotHaveSaysSo) {
  auto server = Start();
  const auto channel = Connect(server);
  for (const std::string method :
       {"embedding.EmbeddingService/GenerateEmbeddings", "embedding.EmbeddingService/EncodeQuery",
        "embedding.EmbeddingService/ImportEmbeddings", "embedding.EmbeddingService/Search",
        "inference.InferenceService/Infer", "inference.InferenceService/Predict",
        "training.TrainingService/StartTraining", "training.TrainingService/TrainingStatus",
        "pipeline.PipelineService/AsofJoin", "eval.EvalService/EvalEmbeddings"}) {
    const auto answer = channel->Call<Empty>(("/jammi.v1." + method).c_str(), Empty());
    ASSERT_FALSE(answer) << method;
    EXPECT_EQ(answer.error().code(), ErrorCode::kUnimplemented) << method;
    EXPECT_THAT(answer.error().message(), HasSubstr(method.substr(method.find('/') + 1))) << method;
    EXPECT_THAT(answer.error().message(), HasSubstr("not available on this server")) << method;
  }
}

// SRV-042
TEST_F(ProcessTest, Srv042LifecycleIsNeverMounted) {
  auto server = Start();
  const auto answer = Connect(server)->Call<Empty>("/jammi.v1.lifecycle.LifecycleService/Any", Empty());
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnimplemented);
}

// SRV-060, CFG-061
TEST_F(ProcessTest, Srv060TheLogIsOnStandardOutput) {
  auto server = Start({{"JAMMI_LOGGING__FORMAT", "json"}});
  server.process().Signal(SIGTERM);
  auto lines = server.lines();
  EXPECT_THAT(lines.back(), StartsWith("jammi-server listening"));
  lines.pop_back();
  while (auto line = server.process().ReadLine()) lines.push_back(*line);
  std::string all;
  for (const auto& line : lines) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_TRUE(json.contains("timestamp") && json.contains("level") && json.contains("target")) << line;
    all += json["fields"]["message"].get<std::string>() + "\n";
  }
  EXPECT_THAT(all,
              AllOf(HasSubstr("starts"), HasSubstr("ready"), HasSubstr("stopping"), HasSubstr("stopped")));
}

TEST_F(ProcessTest, Srv060RustLogHasPrecedence) {
  EXPECT_EQ(Start({{"RUST_LOG", "warn"}, {"JAMMI_LOGGING__LEVEL", "debug"}}).lines().size(), 1u);
  const auto lines = Start({{"RUST_LOG", "jammi=loud"}, {"JAMMI_LOGGING__LEVEL", "warn"}}).lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("RUST_LOG has no effect"));
}

// SRV-061: a call has a line, with who and what, and without the session's id.
TEST_F(ProcessTest, Srv061ACallHasALine) {
  auto server = Start({{"RUST_LOG", "jammi::rpc=debug"}, {"JAMMI_LOGGING__FORMAT", "json"}});
  auto channel = Connect(server);
  ASSERT_TRUE(channel->Call<Empty>(kServerInfo, Empty()));
  while (const auto text = server.process().ReadLine()) {
    const auto line = nlohmann::json::parse(*text);
    if (line["target"] != "jammi::rpc") continue;
    EXPECT_EQ(line["span"]["name"], kServerInfo);
    EXPECT_EQ(line["fields"]["rpc.code"], "OK");
    EXPECT_TRUE(line["fields"].contains("duration_ms") && line["span"].contains("request_id")) << line;
    EXPECT_THAT(*text, testing::Not(HasSubstr(channel->session_id())));
    return;
  }
  FAIL() << "there was no line";
}

// A service manager that listens: sd_notify(3).
class ManagerTest : public ProcessTest {
 protected:
  ManagerTest() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~ManagerTest() override { close(socket_); }

  [[nodiscard]] std::string Next() const {
    std::array<char, 256> bytes{};
    const auto size = recv(socket_, bytes.data(), bytes.size(), 0);
    return {bytes.data(), static_cast<size_t>(std::max<ssize_t>(size, 0))};
  }

  const std::string path_ = (directory_ / "notify").string();
  const int socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

TEST_F(ManagerTest, TheServiceManagerIsTold) {
  auto server = Start({{"NOTIFY_SOCKET", path_}});
  EXPECT_EQ(Next(), "READY=1");
  server.process().Signal(SIGHUP);
  EXPECT_THAT(Next(), MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
  EXPECT_EQ(Next(), "READY=1");
  server.process().Signal(SIGTERM);
  EXPECT_EQ(Next(), "STOPPING=1");
  EXPECT_EQ(server.process().Wait(), 0);
}

TEST_F(ManagerTest, TheWatchdogIsFedIfItIsAskedFor) {
  auto server = Start({{"NOTIFY_SOCKET", path_}, {"WATCHDOG_USEC", "20000"}});
  EXPECT_EQ(Next(), "READY=1");
  EXPECT_EQ(Next(), "WATCHDOG=1");
  EXPECT_EQ(Next(), "WATCHDOG=1");
}

TEST_F(ManagerTest, AWatchdogOfAnotherProcessIsNotFed) {
  auto server = Start({{"NOTIFY_SOCKET", path_}, {"WATCHDOG_USEC", "20000"}, {"WATCHDOG_PID", "1"}});
  EXPECT_EQ(Next(), "READY=1");
  server.process().Signal(SIGTERM);
  EXPECT_EQ(Next(), "STOPPING=1");
}

}  // namespace
}  // namespace jammi
