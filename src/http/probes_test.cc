#include "http/probes.h"

#include <gmock/gmock.h>

#include <chrono>
#include <condition_variable>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http/http_server.h"
#include "http/raw_client.h"

namespace jammi {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kReady = R"({"status":"ready"})";
constexpr std::string_view kShuttingDown = R"({"status":"not_ready","detail":"server is shutting down"})";

// A readiness check that hangs while it is told to.
class Check {
 public:
  Result<Readiness> Run() {
    std::unique_lock lock(mutex_);
    ++runs_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !hangs_; });
    if (error_.empty()) return Readiness{.degraded = degraded_};
    return Error(ErrorCode::kUnavailable, error_);
  }
  void Hang() {
    const std::lock_guard lock(mutex_);
    hangs_ = true;
  }
  void GoOn() {
    const std::lock_guard lock(mutex_);
    hangs_ = false;
    changed_.notify_all();
  }
  void FailWith(std::string error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
  }
  void SayDegraded(std::string degraded) {
    const std::lock_guard lock(mutex_);
    degraded_ = std::move(degraded);
  }
  void AwaitRuns(int runs) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, 20s, [&] { return runs_ >= runs; }));
  }
  int runs() {
    const std::lock_guard lock(mutex_);
    return runs_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool hangs_ = false;
  int runs_ = 0;
  std::string error_;
  std::string degraded_;
};

class ProbesTest : public testing::Test {
 protected:
  ProbesTest() { server_->Serve(); }
  ~ProbesTest() override { check_.GoOn(); }

  std::string Ask(std::string_view path) { return Get(server_->address(), path); }
  std::string AskWith(const std::string& method, const std::string& path) {
    RawClient client(server_->address());
    client.Send(method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return client.ReadToEnd();
  }

  Check check_;
  ServerMetrics metrics_{"1.2.3"};
  Probes probes_{"1.2.3", metrics_, [this] { return check_.Run(); }};
  std::unique_ptr<HttpServer> server_ = HttpServer::Bind("127.0.0.1:0", {}, probes_.Handler()).value();
};

TEST_F(ProbesTest, Srv050Case01Health) {
  const std::string response = Ask("/healthz");
  EXPECT_EQ(StatusOf(response), "HTTP/1.1 200 OK");
  EXPECT_THAT(response, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_EQ(BodyOf(response), R"({"status":"ok","version":"1.2.3"})");
  EXPECT_EQ(check_.runs(), 0);  // it touches nothing
}

TEST_F(ProbesTest, Srv051Case02Readiness) {
  std::string response = Ask("/readyz");
  EXPECT_EQ(StatusOf(response), "HTTP/1.1 200 OK");
  EXPECT_THAT(response, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_EQ(BodyOf(response), kReady);

  check_.FailWith("the catalog: connection refused");
  response = Ask("/readyz");
  EXPECT_EQ(StatusOf(response), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(BodyOf(response), R"({"status":"not_ready","detail":"the catalog: connection refused"})");

  check_.FailWith("");
  EXPECT_EQ(BodyOf(Ask("/readyz")), kReady);
}

// Whoever looks at the code or at the status sends calls here all the same.
TEST_F(ProbesTest, Srv051WhatIsDegradedIsReadyAndSaysSo) {
  check_.SayDegraded("the broker is away: NATS: \"no\" server\xff");
  const std::string response = Ask("/readyz");
  EXPECT_EQ(StatusOf(response), "HTTP/1.1 200 OK");
  EXPECT_EQ(
      BodyOf(response),
      "{\"status\":\"ready\",\"degraded\":\"the broker is away: NATS: \\\"no\\\" server\xef\xbf\xbd\"}");
  check_.SayDegraded("");
  EXPECT_EQ(BodyOf(Ask("/readyz")), kReady);
}

// An error may quote what it likes; the answer stays JSON.
TEST_F(ProbesTest, Srv051ADetailIsEscaped) {
  check_.FailWith("\"quoted\"\n\xff");
  EXPECT_EQ(BodyOf(Ask("/readyz")),
            "{\"status\":\"not_ready\",\"detail\":\"\\\"quoted\\\"\\n\xef\xbf\xbd\"}");
}

TEST_F(ProbesTest, Srv052Case03Metrics) {
  const auto counted = metrics_.AddMethod("jammi.v1.catalog.CatalogService", "ListTopics");
  for (int i = 0; i < 3; ++i) metrics_.RpcBegan(counted);
  const std::string response = Ask("/metrics");
  EXPECT_EQ(StatusOf(response), "HTTP/1.1 200 OK");
  EXPECT_THAT(response, HasSubstr("\r\nContent-Type: text/plain; version=0.0.4\r\n"));
  EXPECT_THAT(BodyOf(response), AllOf(HasSubstr("\njammi_grpc_requests_total 3\n"),
                                      HasSubstr("\njammi_flight_queries_total 0\n"),
                                      HasSubstr("\njammi_eval_invocations_total 0\n"),
                                      HasSubstr("\njammi_search_latency_seconds_count 0\n")));
}

TEST_F(ProbesTest, Srv053Case04OtherPaths) {
  for (const std::string path : {"/nope", "/", "/healthz/", "//healthz", "/HEALTHZ", "/health%7a", "*"}) {
    for (const std::string method : {"GET", "POST"}) {
      const std::string response = AskWith(method, path);
      EXPECT_EQ(StatusOf(response), "HTTP/1.1 404 Not Found") << path;
      EXPECT_THAT(response, HasSubstr("\r\nContent-Type: application/json\r\n"));
      EXPECT_EQ(BodyOf(response), R"({"error":"Not found","code":"not_found"})") << path;
    }
  }
}

TEST_F(ProbesTest, Srv053OtherMethods) {
  for (const std::string path : {"/healthz", "/readyz", "/metrics"}) {
    for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "BREW"}) {
      const std::string response = AskWith(method, path);
      EXPECT_EQ(StatusOf(response), "HTTP/1.1 405 Method Not Allowed") << method << path;
      EXPECT_THAT(response, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
    }
    EXPECT_THAT(AskWith("HEAD", path), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
  EXPECT_EQ(BodyOf(Ask("/healthz?verbose")), BodyOf(Ask("/healthz")));
}

// SRV-054, case 5: and a readiness check that hangs holds none of them up, nor a scrape.
TEST_F(ProbesTest, Srv054Case05HealthIsAnsweredWhileAReadinessCheckHangs) {
  check_.Hang();
  RawClient waiting(server_->address());
  waiting.Send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
  check_.AwaitRuns(1);
  std::vector<std::string> statuses(20);
  {
    std::vector<std::jthread> clients;
    clients.reserve(statuses.size());
    for (auto& status : statuses) clients.emplace_back([&] { status = StatusOf(Ask("/healthz")); });
  }
  EXPECT_THAT(statuses, Each("HTTP/1.1 200 OK"));
  EXPECT_EQ(StatusOf(Ask("/metrics")), "HTTP/1.1 200 OK");
  check_.GoOn();
  EXPECT_EQ(BodyOf(waiting.Read()), kReady);
}

TEST_F(ProbesTest, AScrapeThatHangsHoldsUpNoProbe) {
  Check scrape;
  metrics_.OnScrape([&](Samples&) { IgnoreError(scrape.Run(), "the test is about the waiting"); });
  scrape.Hang();
  RawClient waiting(server_->address());
  waiting.Send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  scrape.AwaitRuns(1);
  EXPECT_EQ(BodyOf(Ask("/readyz")), kReady);
  scrape.GoOn();
  EXPECT_THAT(waiting.Read(), StartsWith("HTTP/1.1 200 OK"));
}

// Many who ask at once cost two checks: the one under way, and one that began after the last had asked.
TEST_F(ProbesTest, ReadinessChecksAreShared) {
  check_.Hang();
  std::latch answered(30);
  const auto handler = probes_.Handler();
  for (int i = 0; i < 30; ++i) {
    handler({.method = "GET", .path = "/readyz"}, [&](const HttpResponse& response) {
      EXPECT_EQ(response.body, kReady);
      answered.count_down();
    });
    if (i == 0) check_.AwaitRuns(1);
  }
  check_.GoOn();
  answered.wait();
  EXPECT_EQ(check_.runs(), 2);
}

// An answer is never older than its question: who asks during a check gets the next one's.
TEST_F(ProbesTest, AReadinessAnswerIsNotOlderThanTheQuestion) {
  check_.Hang();
  RawClient early(server_->address());
  early.Send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
  check_.AwaitRuns(1);
  RawClient later(server_->address());
  later.Send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
  check_.GoOn();
  EXPECT_EQ(BodyOf(early.Read()), kReady);
  EXPECT_EQ(BodyOf(later.Read()), kReady);
  EXPECT_EQ(check_.runs(), 2);
}

// SRV-010
TEST_F(ProbesTest, Srv010DrainingIsNotReadyAtOnce) {
  check_.Hang();
  RawClient waiting(server_->address());
  waiting.Send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
  check_.AwaitRuns(1);
  probes_.SetDraining();
  const std::string response = Ask("/readyz");  // the check still hangs
  EXPECT_EQ(StatusOf(response), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(BodyOf(response), kShuttingDown);
  EXPECT_EQ(StatusOf(Ask("/healthz")), "HTTP/1.1 200 OK");
  check_.GoOn();
  EXPECT_EQ(BodyOf(waiting.Read()), kShuttingDown);
}

}  // namespace
}  // namespace jammi
