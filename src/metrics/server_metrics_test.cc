#include "metrics/server_metrics.h"

#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace jammi {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kEmbedding = "jammi.v1.embedding.EmbeddingService";
constexpr std::string_view kCatalog = "jammi.v1.catalog.CatalogService";

// The line of a sample must be there, whole.
testing::Matcher<const std::string&> HasLine(const std::string& line) {
  return HasSubstr("\n" + line + "\n");
}

// SRV-052, SRV-055, case 3
TEST(ServerMetrics, Srv052AllThatDashboardsKnowIsThereAtZero) {
  const ServerMetrics metrics("1.2.3");
  const std::string text = metrics.Text();
  for (const std::string name :
       {"jammi_grpc_requests_total", "jammi_flight_queries_total", "jammi_eval_invocations_total"}) {
    EXPECT_THAT("\n" + text, HasLine("# TYPE " + name + " counter"));
    EXPECT_THAT(text, HasLine(name + " 0"));
  }
  EXPECT_THAT(text, HasLine("# TYPE jammi_search_latency_seconds histogram"));
  EXPECT_THAT(text, HasLine("jammi_search_latency_seconds_count 0"));
  EXPECT_THAT(text, HasLine("jammi_search_latency_seconds_sum 0"));
  for (const std::string bound :
       {"0.001", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "+Inf"}) {
    EXPECT_THAT(text, HasLine("jammi_search_latency_seconds_bucket{le=\"" + bound + "\"} 0"));
  }
  for (const std::string name : {"jammi_rpc_in_flight", "jammi_rpc_unknown_total", "jammi_publish_rows_total",
                                 "jammi_publish_events_total", "jammi_subscribers{topic=\"other\"}",
                                 "jammi_subscriber_lag_batches{topic=\"other\"}"}) {
    EXPECT_THAT(text, HasLine(name + " 0"));
  }
  EXPECT_THAT(text, HasLine("jammi_build_info{version=\"1.2.3\"} 1"));
}

TEST(ServerMetrics, Srv055RequestsAreCountedByTheirPath) {
  ServerMetrics metrics("1");
  const MethodId list = metrics.AddMethod(kCatalog, "ListTopics");
  const MethodId own = metrics.AddMethod("jammi.ext.v1.StreamService", "Read");
  const MethodId get = metrics.AddMethod("arrow.flight.protocol.FlightService", "DoGet");
  const MethodId info = metrics.AddMethod("arrow.flight.protocol.FlightService", "GetFlightInfo");
  const MethodId eval = metrics.AddMethod("jammi.v1.eval.EvalService", "EvalEmbeddings");
  for (const MethodId method : {list, list, own, get, info, eval}) metrics.RpcBegan(method);
  // Not served, and counted all the same.
  metrics.UnknownRpc("/jammi.v1.eval.EvalService/EvalInference");
  metrics.UnknownRpc("/jammi.v1.lifecycle.LifecycleService/Stop");
  metrics.UnknownRpc("/jammi.v10.x.Y/Z");
  metrics.UnknownRpc("/arrow.flight.protocol.FlightService/DoGet");
  metrics.UnknownRpc("/arrow.flight.protocol.FlightService/DoPut");
  metrics.UnknownRpc("/jammi.v1.eval.EvalService");
  for (const auto* path : {"", "/", "//", "jammi"}) metrics.UnknownRpc(path);

  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasLine("jammi_grpc_requests_total 6"));  // list twice, eval, three of the unknown
  EXPECT_THAT(text, HasLine("jammi_flight_queries_total 2"));
  EXPECT_THAT(text, HasLine("jammi_eval_invocations_total 2"));
  EXPECT_THAT(text, HasLine("jammi_rpc_unknown_total 10"));
  EXPECT_THAT(text, HasLine("jammi_rpc_in_flight 6"));
}

TEST(ServerMetrics, Srv055SearchesAreTimedFailuresIncluded) {
  ServerMetrics metrics("1");
  const MethodId search = metrics.AddMethod(kEmbedding, "Search");
  const MethodId other = metrics.AddMethod(kEmbedding, "ImportEmbeddings");
  for (const auto& [method, code, took] : {std::tuple{search, 0, milliseconds(1)},
                                           {search, 13, milliseconds(2)},
                                           {search, 0, milliseconds(6000)},
                                           {other, 0, milliseconds(3)}}) {
    metrics.RpcBegan(method);
    metrics.RpcEnded(method, code, took);
  }
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasLine("jammi_search_latency_seconds_bucket{le=\"0.001\"} 1"));  // a bound is within
  EXPECT_THAT(text, HasLine("jammi_search_latency_seconds_bucket{le=\"0.005\"} 2"));
  EXPECT_THAT(text, HasLine("jammi_search_latency_seconds_bucket{le=\"5\"} 2"));
  EXPECT_THAT(text, HasLine("jammi_search_latency_seconds_bucket{le=\"+Inf\"} 3"));
  EXPECT_THAT(text, HasLine("jammi_search_latency_seconds_count 3"));
  EXPECT_THAT(text, HasLine("jammi_search_latency_seconds_sum 6.003"));
}

TEST(ServerMetrics, CallsAreCountedByMethodAndStatus) {
  ServerMetrics metrics("1");
  const MethodId list = metrics.AddMethod(kCatalog, "ListTopics");
  const std::string labels = R"(service="jammi.v1.catalog.CatalogService",method="ListTopics")";
  EXPECT_THAT(metrics.Text(), HasLine("jammi_rpc_total{" + labels + ",code=\"OK\"} 0"));

  for (const int code : {0, 0, 5, 16, 17, -1, 1'000'000}) {
    metrics.RpcBegan(list);
    metrics.RpcEnded(list, code, milliseconds(20));
  }
  metrics.RpcBegan(list);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasLine("jammi_rpc_total{" + labels + ",code=\"OK\"} 2"));
  EXPECT_THAT(text, HasLine("jammi_rpc_total{" + labels + ",code=\"NOT_FOUND\"} 1"));
  EXPECT_THAT(text, HasLine("jammi_rpc_total{" + labels + ",code=\"UNAUTHENTICATED\"} 1"));
  EXPECT_THAT(text, HasLine("jammi_rpc_total{" + labels + ",code=\"UNKNOWN\"} 3"));
  EXPECT_THAT(text, Not(HasSubstr("code=\"CANCELLED\"")));
  EXPECT_THAT(text, HasLine("jammi_rpc_in_flight 1"));
  EXPECT_THAT(text, HasLine("jammi_rpc_seconds_count{" + labels + "} 7"));
  EXPECT_THAT(text, HasLine("jammi_rpc_seconds_bucket{" + labels + ",le=\"0.01\"} 0"));
  EXPECT_THAT(text, HasLine("jammi_rpc_seconds_bucket{" + labels + ",le=\"0.025\"} 7"));
}

TEST(ServerMetrics, AMethodIsAddedOnce) {
  ServerMetrics metrics("1");
  metrics.RpcBegan(metrics.AddMethod(kCatalog, "ListTopics"));
  metrics.RpcBegan(metrics.AddMethod(kCatalog, "ListTopics"));
  EXPECT_THAT(metrics.Text(), HasLine("jammi_grpc_requests_total 2"));
}

// The clock of whoever measures may be anything; a histogram's sum never falls.
TEST(ServerMetrics, ATimeBelowZeroIsZero) {
  ServerMetrics metrics("1");
  const MethodId search = metrics.AddMethod(kEmbedding, "Search");
  metrics.RpcBegan(search);
  metrics.RpcEnded(search, 0, milliseconds(-5));
  EXPECT_THAT(metrics.Text(), HasLine("jammi_search_latency_seconds_bucket{le=\"0.001\"} 1"));
  EXPECT_THAT(metrics.Text(), HasLine("jammi_search_latency_seconds_sum 0"));
}

TEST(ServerMetrics, StreamsAndSessions) {
  ServerMetrics metrics("1");
  metrics.Published(3, 250);
  metrics.Published(1, 0);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasLine("jammi_publish_events_total 4"));
  EXPECT_THAT(text, HasLine("jammi_publish_rows_total 250"));
}

TEST(ServerMetrics, Srv055SubscribersAreCountedByTopicWithTheLagOfTheLast) {
  using Subscriber = ServerMetrics::Subscriber;
  ServerMetrics metrics("1");
  uint64_t lag = 5;
  auto one = std::make_unique<Subscriber>(metrics, "a", [&] { return lag; });
  const Subscriber two(metrics, "a", [] { return 3; });
  const Subscriber three(metrics, "b", [] { return 0; });
  std::string text = metrics.Text();
  EXPECT_THAT(text, HasLine("jammi_subscribers{topic=\"a\"} 2"));
  EXPECT_THAT(text, HasLine("jammi_subscribers{topic=\"b\"} 1"));
  EXPECT_THAT(text, HasLine("jammi_subscribers{topic=\"other\"} 0"));
  EXPECT_THAT(text, HasLine("jammi_subscriber_lag_batches{topic=\"a\"} 5"));
  EXPECT_THAT(text, HasLine("jammi_subscriber_lag_batches{topic=\"b\"} 0"));
  lag = 1;
  EXPECT_THAT(metrics.Text(), HasLine("jammi_subscriber_lag_batches{topic=\"a\"} 3"));
  one.reset();
  EXPECT_THAT(metrics.Text(), HasLine("jammi_subscribers{topic=\"a\"} 1"));
}

// Ten thousand topics are not ten thousand series; what has no label of its own is counted all the same.
TEST(ServerMetrics, Srv055TopicsWithALabelAreBounded) {
  ServerMetrics metrics("1");
  std::vector<std::unique_ptr<ServerMetrics::Subscriber>> subscribers;
  for (size_t i = 0; i < ServerMetrics::kLabelledTopics + 10; ++i) {
    const std::string topic = (i < 10 ? "small" : "large") + std::to_string(i);
    for (size_t n = 0; n < (i < 10 ? 1U : 2U); ++n) {
      subscribers.push_back(std::make_unique<ServerMetrics::Subscriber>(metrics, topic, [i] { return i; }));
    }
  }
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasLine("jammi_subscribers{topic=\"other\"} 10"));
  EXPECT_THAT(text, HasLine("jammi_subscriber_lag_batches{topic=\"other\"} 9"));
  EXPECT_THAT(text, HasLine("jammi_subscribers{topic=\"large41\"} 2"));
  EXPECT_THAT(text, Not(HasSubstr("topic=\"small")));
}

TEST(ServerMetrics, WhatIsReadAtAScrape) {
  ServerMetrics metrics("1");
  int asked = 0;
  metrics.OnScrape([&](Samples& samples) {
    samples.Put({"broker_connected", "1: it is.", MetricKind::kGauge}, ++asked,
                {{"driver", "jet\"stream\\\n"}});
    samples.Put({"subscriber_lag", "Events."}, 4);
    samples.Put({"broker_connected", "Another.", MetricKind::kGauge}, 9, {{"driver", "b"}});
    samples.Put({"broker_connected", "Not this.", MetricKind::kCounter}, 9, {{"driver", "c"}});
  });
  EXPECT_THAT(metrics.Text(), HasLine(R"(broker_connected{driver="jet\"stream\\\n"} 1)"));
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("# HELP broker_connected 1: it is.\n# TYPE broker_connected gauge\n"
                              "broker_connected{driver=\"jet\\\"stream\\\\\\n\"} 2\n"
                              "broker_connected{driver=\"b\"} 9\n"));
  EXPECT_THAT(text, HasLine("subscriber_lag 4"));
  EXPECT_THAT(text, Not(HasSubstr("driver=\"c\"")));
}

TEST(ServerMetrics, ACollectorThatThrowsCostsItsOwnSamplesAlone) {
  ServerMetrics metrics("1");
  metrics.OnScrape([](Samples&) { throw std::runtime_error("thrown by a test"); });
  metrics.OnScrape([](Samples& samples) { samples.Put({"next", "The next one."}, 1); });
  EXPECT_THAT(metrics.Text(), HasLine("next 1"));
}

TEST(ServerMetrics, ThreadsCountAndScrapeAtOnce) {
  ServerMetrics metrics("1");
  const MethodId search = metrics.AddMethod(kEmbedding, "Search");
  constexpr int kThreads = 4;
  constexpr int kCalls = 5'000;
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int call = 0; call < kCalls; ++call) {
          metrics.RpcBegan(search);
          metrics.Published(1, 2);
          metrics.RpcEnded(search, call % 17, milliseconds(call % 7));
        }
      });
    }
    for (int scrape = 0; scrape < 20; ++scrape) {
      // No more calls under way than there are threads, and none below zero.
      const std::string text = metrics.Text();
      const auto at = text.find("\njammi_rpc_in_flight ");
      ASSERT_NE(at, std::string::npos);
      EXPECT_LT(std::stod(text.substr(at + 21)), kThreads * kCalls + 1);
    }
  }
  EXPECT_THAT(metrics.Text(), HasLine("jammi_rpc_in_flight 0"));
  EXPECT_THAT(metrics.Text(), HasLine("jammi_search_latency_seconds_count 20000"));
  EXPECT_THAT(metrics.Text(), HasLine("jammi_publish_rows_total 40000"));
}

}  // namespace
}  // namespace jammi
