// What is counted, as Prometheus reads it.
#include "jammi/events/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jammi/events/jetstream_sink.h"

namespace jammi::events {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, AValueIsInTheFirstBucketThatTakesIt) {
  Histogram histogram;
  for (const uint64_t value : {0, 1, 2, 3, 4, 5}) histogram.Record(value);
  EXPECT_EQ(histogram.bucket(0), 2U);  // 0, 1
  EXPECT_EQ(histogram.bucket(1), 1U);  // 2
  EXPECT_EQ(histogram.bucket(2), 2U);  // 3, 4
  EXPECT_EQ(histogram.bucket(3), 1U);  // 5
  EXPECT_EQ(histogram.sum(), 15U);
  histogram.Record(UINT64_MAX);
  EXPECT_EQ(histogram.bucket(Histogram::kBuckets - 1), 1U);
}

TEST(MetricsTest, BucketsOfTheTextAddUp) {
  Metrics metrics;
  metrics.spool_sync_us.Record(1);
  metrics.spool_sync_us.Record(1'000'000);
  const std::string text = RenderMetrics(metrics, 0);
  EXPECT_THAT(text, HasSubstr("# TYPE jammi_events_spool_sync_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("jammi_events_spool_sync_seconds_bucket{le=\"1e-06\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("jammi_events_spool_sync_seconds_bucket{le=\"1.048576\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("jammi_events_spool_sync_seconds_bucket{le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("jammi_events_spool_sync_seconds_sum 1.000001\n"));
  EXPECT_THAT(text, HasSubstr("jammi_events_spool_sync_seconds_count 2\n"));
}

TEST(MetricsTest, TheAgeOfTheOldestIsThatOfNowAndNothingHasNone) {
  Metrics metrics;
  EXPECT_THAT(RenderMetrics(metrics, 90'000'000), HasSubstr("jammi_events_spool_oldest_age_seconds 0\n"));
  metrics.spool_oldest.Set(60'000'000);
  EXPECT_THAT(RenderMetrics(metrics, 90'000'000), HasSubstr("jammi_events_spool_oldest_age_seconds 30\n"));
  metrics.spilled.Add(3);
  EXPECT_THAT(RenderMetrics(metrics, 0), HasSubstr("# TYPE jammi_events_spilled_total counter\n"
                                                   "jammi_events_spilled_total 3\n"));
}

TEST(MetricsTest, FailuresOfTheJetStreamSinkAreToldByTheirFault) {
  JetStreamCounters counters;
  counters.emitted.Add(3);
  counters.Failed(SinkFault::kCircuitOpen).Add(2);
  counters.circuit_open.Set(1);
  counters.ack_latency_us.Record(2'000'000);
  const std::string text = RenderMetrics(counters);
  EXPECT_THAT(text, HasSubstr("# TYPE jammi_events_jetstream_emitted_total counter\n"
                              "jammi_events_jetstream_emitted_total 3\n"));
  EXPECT_THAT(text, HasSubstr("jammi_events_jetstream_failed_total{fault=\"CircuitOpen\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("jammi_events_jetstream_failed_total{fault=\"Closed\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("jammi_events_jetstream_circuit_open 1\n"));
  EXPECT_THAT(text, HasSubstr("jammi_events_jetstream_ack_seconds_sum 2\n"));
}

}  // namespace
}  // namespace jammi::events
