#include "metrics/engine_samples.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace jammi {
namespace {

constexpr auto kCounter = MetricKind::kCounter;
constexpr auto kGauge = MetricKind::kGauge;

void Count(Samples& samples, const Metric& metric, uint64_t value) {
  samples.Put(metric, static_cast<double>(value));
}

void Seconds(Samples& samples, const Metric& metric, uint64_t micros) {
  samples.Put(metric, static_cast<double>(micros) / 1e6);
}

void PutSinkSamples(const ForwardingSinkStatus& sink, Samples& samples) {
  Count(samples, {"jammi_forwarding_sink_circuit_open", "1: the receiver is away.", kGauge},
        sink.circuit_open ? 1 : 0);
  Count(samples, {"jammi_forwarding_sink_circuit_opened_total", "Times that the circuit opened.", kCounter},
        sink.circuit_opened);
  Count(samples, {"jammi_forwarding_sink_in_flight", "CloudEvents without an outcome.", kGauge},
        sink.in_flight);
  Count(samples, {"jammi_forwarding_sink_emitted_total", "CloudEvents given to the sink.", kCounter},
        sink.emitted);
  Count(samples, {"jammi_forwarding_sink_acknowledged_total", "Of these, a stream has them.", kCounter},
        sink.acknowledged);
  Count(samples, {"jammi_forwarding_sink_duplicates_total", "Of these, it had them already.", kCounter},
        sink.duplicates);
  Seconds(samples,
          {"jammi_forwarding_sink_acknowledge_seconds_total", "Time that acknowledgements took.", kCounter},
          sink.acknowledge_us);
  for (size_t i = 0; i < sink.failed.size(); ++i) {
    samples.Put({"jammi_forwarding_sink_failed_total", "CloudEvents that failed, by what failed.", kCounter},
                static_cast<double>(sink.failed[i]), {{"fault", ToString(static_cast<SinkFault>(i))}});
  }
}

}  // namespace

void PutBackendSamples(const BackendStats& stats, Samples& samples) {
  Count(samples, {"jammi_catalog_transactions_total", "Writing transactions that committed.", kCounter},
        stats.transactions);
  Count(samples, {"jammi_catalog_read_transactions_total", "Reading transactions that ended well.", kCounter},
        stats.read_transactions);
  Count(samples, {"jammi_catalog_failed_total", "Transactions and appends that ended in an error.", kCounter},
        stats.failed);
  Count(samples, {"jammi_catalog_retries_total", "Transactions and appends that were run again.", kCounter},
        stats.reruns);
  Count(samples, {"jammi_catalog_events_appended_total", "Events written to the log.", kCounter},
        stats.events_appended);
  Count(samples, {"jammi_catalog_commits_total", "COMMITs of writes; each is of a group.", kCounter},
        stats.groups);
  Count(samples, {"jammi_catalog_commit_work_total", "Transactions and appends in those groups.", kCounter},
        stats.group_work);
  Seconds(samples, {"jammi_catalog_commit_seconds_total", "Time that commits took.", kCounter},
          stats.commit_us);
  Count(samples, {"jammi_catalog_queue_depth", "Work that waits for the writer or a connection.", kGauge},
        stats.queue_depth);
  Seconds(samples, {"jammi_catalog_queue_wait_seconds_total", "Time that work waited there.", kCounter},
          stats.queue_wait_us);
  Seconds(samples, {"jammi_catalog_busy_seconds_total", "Time that work held a connection.", kCounter},
          stats.busy_us);
  Count(samples, {"jammi_catalog_connections", "Connections of the pool (PostgreSQL).", kGauge},
        stats.connections);
  Count(samples, {"jammi_catalog_connections_idle", "Of these, in nobody's use.", kGauge},
        stats.connections_idle);
  Count(samples,
        {"jammi_catalog_checkpoints_total", "Checkpoints of the write-ahead log (SQLite).", kCounter},
        stats.checkpoints);
  Count(samples, {"jammi_catalog_wal_bytes", "Size of the write-ahead log (SQLite).", kGauge},
        stats.wal_bytes);
  Count(samples,
        {"jammi_catalog_writer_reopened_total", "Times the file was opened again (SQLite).", kCounter},
        stats.writer_reopened);
}

void PutRetentionSamples(const RetentionStats& stats, Samples& samples) {
  Count(samples, {"jammi_retention_rounds_total", "Looks at all topics.", kCounter}, stats.rounds);
  Count(samples, {"jammi_retention_failed_rounds_total", "Of these, that failed.", kCounter},
        stats.failed_rounds);
  Count(samples, {"jammi_retention_trimmed_events_total", "Events beyond their topic's limits.", kCounter},
        stats.trimmed_events);
  Count(samples, {"jammi_retention_trimmed_bytes_total", "Their payload.", kCounter}, stats.trimmed_bytes);
  Count(samples, {"jammi_retention_purged_topics_total", "Dropped topics whose events are gone.", kCounter},
        stats.purged_topics);
  Count(samples, {"jammi_retention_purged_events_total", "Events of dropped topics.", kCounter},
        stats.purged_events);
  Count(samples, {"jammi_retention_purged_bytes_total", "Their payload.", kCounter}, stats.purged_bytes);
}

void PutBrokerSamples(const BrokerStatus& status, Samples& samples) {
  Count(samples, {"jammi_broker_up", "1: it is connected, or in memory.", kGauge}, status.connected ? 1 : 0);
  Seconds(samples,
          {"jammi_broker_up_changed_timestamp_seconds", "When a connection came or went. 0: never.", kGauge},
          static_cast<uint64_t>(std::max<UnixMicros>(status.changed_at, 0)));
  Count(samples, {"jammi_broker_connections_total", "Connections made to the broker.", kCounter},
        status.connections);
  Count(samples, {"jammi_broker_published_total", "Events that it has acknowledged.", kCounter},
        status.published);
  Count(samples, {"jammi_broker_failed_total", "Attempts at that in vain.", kCounter}, status.failed);
}

void PutFeedSamples(const FeedStats& stats, Samples& samples) {
  Count(samples, {"jammi_feeds", "Topics that somebody subscribes to here.", kGauge}, stats.feeds);
  Count(samples, {"jammi_feed_pages_read_total", "Pages of the log read for subscriptions.", kCounter},
        stats.pages_read);
  Count(samples, {"jammi_feed_pages_shared_total", "Pages found in memory instead.", kCounter},
        stats.pages_shared);
  Count(samples, {"jammi_feed_evaluations_total", "Predicates evaluated on an event.", kCounter},
        stats.evaluations);
}

void PutForwardingSamples(const EventForwardingStatus& status, Samples& samples) {
  uint64_t here = 0;
  uint64_t failing = 0;
  uint64_t lag = 0;
  uint64_t lag_max = 0;
  uint64_t lost = 0;
  for (const auto& topic : status.topics) {
    here += topic.forwarding ? 1 : 0;
    failing += topic.last_error.empty() ? 0 : 1;
    lag += topic.lag;
    lag_max = std::max(lag_max, topic.lag);
    lost += topic.lost;
  }
  Count(samples, {"jammi_forwarding_enabled", "1: events are forwarded to a sink.", kGauge},
        status.enabled ? 1 : 0);
  Count(samples, {"jammi_forwarding_topics", "Topics that are to be forwarded.", kGauge},
        status.topics.size());
  Count(samples, {"jammi_forwarding_topics_here", "Of these, by this process.", kGauge}, here);
  Count(samples, {"jammi_forwarding_topics_failing", "Of these, whose last attempt failed.", kGauge},
        failing);
  Count(samples, {"jammi_forwarding_lag_events", "Events that no sink has acknowledged yet.", kGauge}, lag);
  Count(samples, {"jammi_forwarding_lag_events_max", "Of the topic that has most of them.", kGauge}, lag_max);
  Count(samples, {"jammi_forwarding_lost_events", "Events that retention took before that.", kGauge}, lost);
  Count(samples, {"jammi_forwarding_events_total", "CloudEvents that the sink acknowledged.", kCounter},
        status.forwarded);
  Count(samples, {"jammi_forwarding_retries_total", "Attempts that failed and are made again.", kCounter},
        status.retries);
  Count(samples, {"jammi_forwarding_refused_total", "CloudEvents that can never be sent.", kCounter},
        status.refused);
  Count(samples, {"jammi_forwarding_dead_lettered_total", "Of these, that were kept as files.", kCounter},
        status.dead_lettered);
  Count(samples, {"jammi_forwarding_gaps_total", "Times that retention was quicker.", kCounter}, status.gaps);
  Seconds(samples, {"jammi_forwarding_last_error_timestamp_seconds", "0: there was none.", kGauge},
          static_cast<uint64_t>(std::max<UnixMicros>(status.last_error_at, 0)));
  PutSinkSamples(status.sink, samples);
}

}  // namespace jammi
