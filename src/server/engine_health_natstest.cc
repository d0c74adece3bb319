// What the health port says while the NATS server of the broker and of the event sink comes and goes.
#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <regex>
#include <string>

#include "base/log.h"
#include "engine/number_fixture.h"
#include "http/http_server.h"
#include "http/probes.h"
#include "http/raw_client.h"
#include "metrics/server_metrics.h"
#include "nats/connection.h"
#include "nats/jetstream.h"
#include "server/engine_health.h"
#include "support/nats_server.h"
#include "support/temp_dir.h"

namespace jammi {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kReady = R"({"status":"ready"})";

class EngineHealthTest : public testing::Test {
 protected:
  EngineHealthTest() {
    SetLog(LogLevel::kOff, LogFormat::kText);  // the server is away on purpose
    config_.artifact_dir = folder_.path();
    config_.broker = JetStreamBrokerConfig{.url = Secret(nats_.Url())};
    config_.events.enabled = true;
    config_.events.url = Secret(nats_.Url());
    metrics_.OnScrape([this](Samples& samples) { PutEngineSamples(*engine_, samples); });
  }
  ~EngineHealthTest() override { SetLog(LogLevel::kWarning, LogFormat::kText); }

  void Start() {
    engine_ = Engine::Open(config_).value();
    server_->Serve();
  }
  [[nodiscard]] std::string Ask(const std::string& path) const { return Get(server_->address(), path); }
  [[nodiscard]] bool Says(const std::string& body) const { return BodyOf(Ask("/readyz")) == body; }
  // Of a metric without labels.
  [[nodiscard]] double Value(const std::string& name) const {
    const std::string page = Ask("/metrics");
    std::smatch found;
    if (std::regex_search(page, found, std::regex("\n" + name + " (\\S+)\n"))) return std::stod(found[1]);
    ADD_FAILURE() << "there is no " << name;
    return -1;
  }
  [[nodiscard]] bool AwaitValue(const std::string& name, double value) const {
    return AwaitTrue([&] { return Value(name) == value; });
  }
  void MakeStreamOfEvents() const {
    const auto raw = *nats::Connection::Open({.url = Secret(nats_.Url())});
    ASSERT_TRUE(raw->AwaitConnected(Patience()));
    const auto made = nats::JetStream(*raw).EnsureStream({.name = "EVENTS", .subjects = {"jammi.events.>"}});
    ASSERT_TRUE(made) << made.error().ToString();
  }

  const test::TempDir folder_{test::TempDir::On::kMemory};
  test::NatsServer nats_;
  Config config_;
  std::unique_ptr<Engine> engine_;
  ServerMetrics metrics_{"1"};
  Probes probes_{"1", metrics_, [this] { return CheckReadiness(*engine_, Patience()); }};
  std::unique_ptr<HttpServer> server_ = HttpServer::Bind("127.0.0.1:0", {}, probes_.Handler()).value();
};

TEST_F(EngineHealthTest, Srv051Srv055ABrokerThatComesAndGoesIsToldAndTheServerStaysReady) {
  nats_.Stop();
  Start();
  // It was never there.
  const std::string never = Ask("/readyz");
  EXPECT_EQ(StatusOf(never), "HTTP/1.1 200 OK");
  EXPECT_THAT(BodyOf(never), StartsWith(R"({"status":"ready","degraded":"the broker is away: NATS: )"));
  EXPECT_EQ(Value("jammi_broker_up"), 0);
  EXPECT_EQ(Value("jammi_broker_connections_total"), 0);
  EXPECT_EQ(Value("jammi_broker_up_changed_timestamp_seconds"), 0);

  nats_.Start();
  ASSERT_TRUE(AwaitTrue([&] { return Says(kReady); }));
  EXPECT_EQ(Value("jammi_broker_up"), 1);
  EXPECT_EQ(Value("jammi_broker_connections_total"), 1);
  ASSERT_TRUE(AwaitTrue([&] { return Value("jammi_broker_up_changed_timestamp_seconds") > 0; }));
  const double came = Value("jammi_broker_up_changed_timestamp_seconds");
  EXPECT_NEAR(came, static_cast<double>(Clock::System()->Now()) / 1e6, 60);

  nats_.Stop();
  ASSERT_TRUE(AwaitValue("jammi_broker_up", 0));
  const std::string away = Ask("/readyz");
  EXPECT_EQ(StatusOf(away), "HTTP/1.1 200 OK");
  EXPECT_THAT(BodyOf(away), HasSubstr(R"(,"degraded":"the broker is away: NATS: )"));
  EXPECT_EQ(Value("jammi_broker_connections_total"), 1);
  EXPECT_TRUE(AwaitTrue([&] { return Value("jammi_broker_up_changed_timestamp_seconds") > came; }));

  nats_.Start();
  ASSERT_TRUE(AwaitTrue([&] { return Says(kReady); }));
  EXPECT_EQ(Value("jammi_broker_up"), 1);
  EXPECT_EQ(Value("jammi_broker_connections_total"), 2);
}

TEST_F(EngineHealthTest, Srv051ACatalogThatDoesNotAnswerIsNotReady) {
  Start();
  EXPECT_EQ(StatusOf(Ask("/readyz")), "HTTP/1.1 200 OK");
  engine_->Close();
  const std::string away = Ask("/readyz");
  EXPECT_EQ(StatusOf(away), "HTTP/1.1 503 Service Unavailable");
  EXPECT_THAT(BodyOf(away), StartsWith(R"({"status":"not_ready","detail":")"));
}

TEST_F(EngineHealthTest, Srv055TheEventSinkIsWatched) {
  MakeStreamOfEvents();
  Start();
  auto topics = engine_->Global().topics();
  ASSERT_TRUE(topics.Register("one", NumberSchema()));
  ASSERT_TRUE(AwaitTrue([&] { return Value("jammi_forwarding_sink_acknowledged_total") >= 1; }));
  EXPECT_EQ(Value("jammi_forwarding_sink_circuit_open"), 0);
  EXPECT_GT(Value("jammi_forwarding_sink_acknowledge_seconds_total"), 0);

  nats_.Stop();
  ASSERT_TRUE(topics.Register("two", NumberSchema()));
  ASSERT_TRUE(AwaitValue("jammi_forwarding_sink_circuit_open", 1));
  EXPECT_GE(Value("jammi_forwarding_sink_circuit_opened_total"), 1);
  ASSERT_TRUE(AwaitTrue([&] { return Value("jammi_forwarding_lag_events") >= 1; }));

  nats_.Start();
  ASSERT_TRUE(AwaitValue("jammi_forwarding_sink_circuit_open", 0));
  ASSERT_TRUE(AwaitValue("jammi_forwarding_lag_events", 0));
  EXPECT_GE(Value("jammi_forwarding_sink_acknowledged_total"), 2);
  EXPECT_EQ(Value("jammi_forwarding_sink_in_flight"), 0);
}

}  // namespace
}  // namespace jammi
