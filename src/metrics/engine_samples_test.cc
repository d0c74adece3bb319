#include "metrics/engine_samples.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <map>
#include <string>

namespace jammi {
namespace {

// By name, and by the fault if there is one: no other label may be there.
std::map<std::string, double> Values(const Samples& samples) {
  std::map<std::string, double> values;
  for (const auto& family : samples.families()) {
    EXPECT_EQ(family.name.ends_with("_total"), family.kind == MetricKind::kCounter) << family.name;
    for (const auto& [labels, value, histogram] : family.series) {
      std::string name = family.name;
      for (const auto& label : labels) {
        EXPECT_EQ(label.name, "fault") << family.name;
        name += " " + label.value;
      }
      EXPECT_TRUE(values.emplace(name, value).second) << name;
    }
  }
  return values;
}

TEST(EngineSamples, OfTheCatalog) {
  Samples samples;
  PutBackendSamples({.transactions = 1,
                     .read_transactions = 2,
                     .failed = 3,
                     .reruns = 4,
                     .events_appended = 5,
                     .groups = 6,
                     .group_work = 7,
                     .queue_depth = 8,
                     .queue_wait_us = 9'000'000,
                     .busy_us = 10'000'000,
                     .commit_us = 11'500'000,
                     .connections = 12,
                     .connections_idle = 13,
                     .checkpoints = 14,
                     .wal_bytes = 15,
                     .writer_reopened = 16},
                    samples);
  EXPECT_EQ(Values(samples), (std::map<std::string, double>{{"jammi_catalog_transactions_total", 1},
                                                            {"jammi_catalog_read_transactions_total", 2},
                                                            {"jammi_catalog_failed_total", 3},
                                                            {"jammi_catalog_retries_total", 4},
                                                            {"jammi_catalog_events_appended_total", 5},
                                                            {"jammi_catalog_commits_total", 6},
                                                            {"jammi_catalog_commit_work_total", 7},
                                                            {"jammi_catalog_queue_depth", 8},
                                                            {"jammi_catalog_queue_wait_seconds_total", 9},
                                                            {"jammi_catalog_busy_seconds_total", 10},
                                                            {"jammi_catalog_commit_seconds_total", 11.5},
                                                            {"jammi_catalog_connections", 12},
                                                            {"jammi_catalog_connections_idle", 13},
                                                            {"jammi_catalog_checkpoints_total", 14},
                                                            {"jammi_catalog_wal_bytes", 15},
                                                            {"jammi_catalog_writer_reopened_total", 16}}));
}

TEST(EngineSamples, OfRetention) {
  Samples samples;
  PutRetentionSamples({.rounds = 1,
                       .failed_rounds = 2,
                       .trimmed_events = 3,
                       .trimmed_bytes = 4,
                       .purged_events = 5,
                       .purged_bytes = 6,
                       .purged_topics = 7},
                      samples);
  EXPECT_EQ(Values(samples), (std::map<std::string, double>{{"jammi_retention_rounds_total", 1},
                                                            {"jammi_retention_failed_rounds_total", 2},
                                                            {"jammi_retention_trimmed_events_total", 3},
                                                            {"jammi_retention_trimmed_bytes_total", 4},
                                                            {"jammi_retention_purged_events_total", 5},
                                                            {"jammi_retention_purged_bytes_total", 6},
                                                            {"jammi_retention_purged_topics_total", 7}}));
}

TEST(EngineSamples, OfABrokerThatIsAwayAndOfOneInMemory) {
  Samples away;
  PutBrokerSamples({.connected = false,
                    .reason = "NATS: no server",
                    .changed_at = 7'500'000,
                    .connections = 3,
                    .published = 4,
                    .failed = 5},
                   away);
  EXPECT_EQ(Values(away), (std::map<std::string, double>{{"jammi_broker_up", 0},
                                                         {"jammi_broker_up_changed_timestamp_seconds", 7.5},
                                                         {"jammi_broker_connections_total", 3},
                                                         {"jammi_broker_published_total", 4},
                                                         {"jammi_broker_failed_total", 5}}));
  Samples in_memory;
  PutBrokerSamples({}, in_memory);
  EXPECT_EQ(Values(in_memory),
            (std::map<std::string, double>{{"jammi_broker_up", 1},
                                           {"jammi_broker_up_changed_timestamp_seconds", 0},
                                           {"jammi_broker_connections_total", 0},
                                           {"jammi_broker_published_total", 0},
                                           {"jammi_broker_failed_total", 0}}));
}

TEST(EngineSamples, OfFeeds) {
  Samples samples;
  PutFeedSamples({.feeds = 1, .pages_read = 2, .pages_shared = 3, .evaluations = 4}, samples);
  EXPECT_EQ(Values(samples), (std::map<std::string, double>{{"jammi_feeds", 1},
                                                            {"jammi_feed_pages_read_total", 2},
                                                            {"jammi_feed_pages_shared_total", 3},
                                                            {"jammi_feed_evaluations_total", 4}}));
}

// The port has no authentication: what is scraped names no tenant and no topic.
TEST(EngineSamples, OfForwardingNameNoTopic) {
  EventForwardingStatus status{.enabled = true, .topics = {}, .forwarded = 1, .retries = 2, .refused = 3};
  status.dead_lettered = 4;
  status.gaps = 5;
  status.last_error_at = 6'500'000;
  ForwardedTopic topic{.name = "secret plans", .forwarding = true, .lag = 10, .lost = 1};
  status.topics = {topic, topic};
  status.topics[1].lag = 4;
  status.topics[1].forwarding = false;
  status.topics[1].last_error = "no stream";
  status.sink = {.circuit_open = true,
                 .circuit_opened = 21,
                 .in_flight = 22,
                 .emitted = 23,
                 .acknowledged = 24,
                 .duplicates = 25,
                 .acknowledge_us = 26'500'000};
  Samples samples;
  PutForwardingSamples(status, samples);
  auto values = Values(samples);
  std::erase_if(values, [](const auto& each) { return each.first.find(' ') != std::string::npos; });
  EXPECT_EQ(values,
            (std::map<std::string, double>{{"jammi_forwarding_enabled", 1},
                                           {"jammi_forwarding_topics", 2},
                                           {"jammi_forwarding_topics_here", 1},
                                           {"jammi_forwarding_topics_failing", 1},
                                           {"jammi_forwarding_lag_events", 14},
                                           {"jammi_forwarding_lag_events_max", 10},
                                           {"jammi_forwarding_lost_events", 2},
                                           {"jammi_forwarding_events_total", 1},
                                           {"jammi_forwarding_retries_total", 2},
                                           {"jammi_forwarding_refused_total", 3},
                                           {"jammi_forwarding_dead_lettered_total", 4},
                                           {"jammi_forwarding_gaps_total", 5},
                                           {"jammi_forwarding_last_error_timestamp_seconds", 6.5},
                                           {"jammi_forwarding_sink_circuit_open", 1},
                                           {"jammi_forwarding_sink_circuit_opened_total", 21},
                                           {"jammi_forwarding_sink_in_flight", 22},
                                           {"jammi_forwarding_sink_emitted_total", 23},
                                           {"jammi_forwarding_sink_acknowledged_total", 24},
                                           {"jammi_forwarding_sink_duplicates_total", 25},
                                           {"jammi_forwarding_sink_acknowledge_seconds_total", 26.5}}));
}

TEST(EngineSamples, OfASinkByWhatFailed) {
  EventForwardingStatus status;
  status.sink.failed.at(static_cast<size_t>(SinkFault::kInvalidEvent)) = 1;
  status.sink.failed.at(static_cast<size_t>(SinkFault::kCircuitOpen)) = 2;
  status.sink.failed.at(static_cast<size_t>(SinkFault::kClosed)) = 3;
  Samples samples;
  PutForwardingSamples(status, samples);
  auto values = Values(samples);
  EXPECT_EQ(values["jammi_forwarding_sink_failed_total CircuitOpen"], 2);
  std::erase_if(values, [](const auto& each) { return each.second == 0; });
  EXPECT_EQ(values, (std::map<std::string, double>{{"jammi_forwarding_sink_failed_total InvalidEvent", 1},
                                                   {"jammi_forwarding_sink_failed_total CircuitOpen", 2},
                                                   {"jammi_forwarding_sink_failed_total Closed", 3}}));
}

TEST(EngineSamples, OfAnEngineThatForwardsNothing) {
  Samples samples;
  PutForwardingSamples({}, samples);
  for (const auto& [name, value] : Values(samples)) EXPECT_EQ(value, 0) << name;
}

}  // namespace
}  // namespace jammi
