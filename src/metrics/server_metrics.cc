#include "metrics/server_metrics.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <unordered_map>
#include <utility>

#include "base/callback.h"
#include "base/histogram.h"
#include "metrics/process_samples.h"
#include "metrics/samples_text.h"

namespace jammi {
namespace {

constexpr std::string_view kPublishedPrefix = "jammi.v1.";
constexpr std::string_view kEvalService = "jammi.v1.eval.EvalService";
constexpr std::string_view kSearchService = "jammi.v1.embedding.EmbeddingService";
constexpr std::string_view kFlightService = "arrow.flight.protocol.FlightService";
constexpr std::string_view kFlightQuery = "DoGet";

// By number.
constexpr std::array<std::string_view, 17> kCodes = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};
constexpr size_t kUnknownCode = 2;

// In nanoseconds. SRV-055 fixes these.
constexpr std::array<uint64_t, 11> kSearchBounds = {1'000'000,     5'000'000,     10'000'000,   25'000'000,
                                                    50'000'000,    100'000'000,   250'000'000,  500'000'000,
                                                    1'000'000'000, 2'500'000'000, 5'000'000'000};
constexpr std::array<uint64_t, 14> kRpcBounds = {
    100'000,    250'000,    500'000,     1'000'000,   2'500'000,     5'000'000,     10'000'000,
    25'000'000, 50'000'000, 100'000'000, 250'000'000, 1'000'000'000, 5'000'000'000, 30'000'000'000};

constexpr Metric kGrpcRequests{"jammi_grpc_requests_total", "Requests whose path begins with /jammi.v1.",
                               MetricKind::kCounter};
constexpr Metric kFlightQueries{"jammi_flight_queries_total", "Queries that were read over Flight.",
                                MetricKind::kCounter};
constexpr Metric kEvalInvocations{"jammi_eval_invocations_total", "Requests to the EvalService.",
                                  MetricKind::kCounter};
constexpr Metric kSearchLatency{"jammi_search_latency_seconds", "Duration of EmbeddingService.Search.",
                                MetricKind::kHistogram};
constexpr Metric kRpcs{"jammi_rpc_total", "Calls that ended, by their status.", MetricKind::kCounter};
constexpr Metric kRpcSeconds{"jammi_rpc_seconds", "Duration of calls; of a stream, until its end.",
                             MetricKind::kHistogram};
constexpr Metric kRpcInFlight{"jammi_rpc_in_flight", "Calls under way."};
constexpr Metric kRpcUnknown{"jammi_rpc_unknown_total", "Requests for methods that are not served.",
                             MetricKind::kCounter};
constexpr Metric kPublishEvents{"jammi_publish_events_total", "Events that were published.",
                                MetricKind::kCounter};
constexpr Metric kPublishRows{"jammi_publish_rows_total", "Their rows.", MetricKind::kCounter};
constexpr Metric kSubscribers{"jammi_subscribers", "Subscriptions that are open, by topic."};
constexpr Metric kSubscriberLag{"jammi_subscriber_lag_batches",
                                "Events before the subscription of the topic that has most of them."};
constexpr std::string_view kOtherTopics = "other";
constexpr Metric kBuild{"jammi_build_info", "1; the version is a label."};

void Increment(std::atomic<uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }
uint64_t Read(const std::atomic<uint64_t>& counter) { return counter.load(std::memory_order_relaxed); }

}  // namespace

struct MethodMetrics {
  MethodMetrics(std::string_view service_name, std::string_view method_name)
      : service(service_name), method(method_name) {
    if (service == kSearchService && method == "Search") {
      search_seconds = std::make_unique<BoundedHistogram>(kSearchBounds);
    }
  }

  const std::string service;
  const std::string method;
  std::atomic<uint64_t> began = 0;
  std::array<std::atomic<uint64_t>, kCodes.size()> ended = {};  // by code
  BoundedHistogram seconds{kRpcBounds};
  std::unique_ptr<BoundedHistogram> search_seconds;  // of that method only
};

ServerMetrics::ServerMetrics(std::string_view version) : version_(version) {}
ServerMetrics::~ServerMetrics() = default;

MethodId ServerMetrics::AddMethod(std::string_view service, std::string_view method) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(
      methods_, [&](const auto& known) { return known->service == service && known->method == method; });
  if (found != methods_.end()) return MethodId(found->get());
  methods_.push_back(std::make_unique<MethodMetrics>(service, method));
  return MethodId(methods_.back().get());
}

void ServerMetrics::RpcBegan(MethodId method) { Increment(method.metrics_->began); }

void ServerMetrics::RpcEnded(MethodId method, int grpc_code, std::chrono::nanoseconds took) {
  auto& metrics = *method.metrics_;
  const auto code = static_cast<size_t>(grpc_code);  // below zero it is above them all
  metrics.seconds.Observe(took);
  if (metrics.search_seconds) metrics.search_seconds->Observe(took);
  // Released, so that who sees the end sees the beginning: no count of calls under way falls below zero.
  metrics.ended[code < kCodes.size() ? code : kUnknownCode].fetch_add(1, std::memory_order_release);
}

void ServerMetrics::UnknownRpc(std::string_view path) {
  Increment(unknown_);
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.starts_with(kPublishedPrefix)) Increment(unknown_jammi_);
  const auto slash = path.find('/');
  if (slash == std::string_view::npos) return;
  const auto service = path.substr(0, slash);
  if (service == kEvalService) Increment(unknown_eval_);
  if (service == kFlightService && path.substr(slash + 1) == kFlightQuery) Increment(unknown_flight_);
}

void ServerMetrics::Published(uint64_t events, uint64_t rows) {
  published_events_.fetch_add(events, std::memory_order_relaxed);
  published_rows_.fetch_add(rows, std::memory_order_relaxed);
}

ServerMetrics::Subscriber::Subscriber(ServerMetrics& metrics, std::string topic,
                                      std::function<uint64_t()> lag)
    : metrics_(metrics), topic_(std::move(topic)), lag_(std::move(lag)) {
  const std::lock_guard lock(metrics_.subscribers_mutex_);
  metrics_.subscribers_.insert(this);
}

ServerMetrics::Subscriber::~Subscriber() {
  const std::lock_guard lock(metrics_.subscribers_mutex_);
  metrics_.subscribers_.erase(this);
}

void ServerMetrics::OnScrape(std::function<void(Samples&)> collect) {
  const std::lock_guard lock(mutex_);
  collectors_.push_back(std::move(collect));
}

std::string ServerMetrics::Text() const {
  Samples samples;
  {
    const std::lock_guard lock(mutex_);
    PutPublished(samples);
    PutMethods(samples);
    PutStreams(samples);
    for (const auto& collect : collectors_) CallBack("metrics", collect, samples);
  }
  samples.Put(kBuild, 1, {{"version", version_}});
  PutProcessSamples(samples);
  return SamplesText(samples);
}

// The four that dashboards know.
void ServerMetrics::PutPublished(Samples& samples) const {
  uint64_t requests = Read(unknown_jammi_);
  uint64_t queries = Read(unknown_flight_);
  uint64_t evaluations = Read(unknown_eval_);
  HistogramReading search = InSeconds(BoundedHistogram(kSearchBounds).Read());
  for (const auto& method : methods_) {
    const uint64_t began = Read(method->began);
    if (method->service.starts_with(kPublishedPrefix)) requests += began;
    if (method->service == kEvalService) evaluations += began;
    if (method->service == kFlightService && method->method == kFlightQuery) queries += began;
    if (method->search_seconds) search = InSeconds(method->search_seconds->Read());
  }
  samples.Put(kGrpcRequests, static_cast<double>(requests));
  samples.Put(kFlightQueries, static_cast<double>(queries));
  samples.Put(kEvalInvocations, static_cast<double>(evaluations));
  samples.Put(kSearchLatency, std::move(search));
}

void ServerMetrics::PutMethods(Samples& samples) const {
  uint64_t in_flight = 0;
  for (const auto& method : methods_) {
    uint64_t all_ended = 0;
    for (size_t code = 0; code < kCodes.size(); ++code) {
      const uint64_t ended = method->ended[code].load(std::memory_order_acquire);
      all_ended += ended;
      // A series for each code of each method would be a thousand lines of zeros.
      if (ended == 0 && code != 0) continue;
      samples.Put(kRpcs, static_cast<double>(ended),
                  {{"service", method->service}, {"method", method->method}, {"code", kCodes[code]}});
    }
    in_flight += Read(method->began) - all_ended;
  }
  for (const auto& method : methods_) {
    samples.Put(kRpcSeconds, InSeconds(method->seconds.Read()),
                {{"service", method->service}, {"method", method->method}});
  }
  samples.Put(kRpcInFlight, static_cast<double>(in_flight));
  samples.Put(kRpcUnknown, static_cast<double>(Read(unknown_)));
}

void ServerMetrics::PutStreams(Samples& samples) const {
  samples.Put(kPublishEvents, static_cast<double>(Read(published_events_)));
  samples.Put(kPublishRows, static_cast<double>(Read(published_rows_)));
  PutSubscribers(samples);
}

// A label for each topic would be as many series as there are topics.
void ServerMetrics::PutSubscribers(Samples& samples) const {
  struct OfTopic {
    uint64_t subscribers = 0;
    uint64_t lag = 0;  // of the one that is furthest behind
  };
  std::unordered_map<std::string_view, OfTopic> by_topic;
  const std::lock_guard lock(subscribers_mutex_);  // the topics' names are theirs
  for (const auto* subscriber : subscribers_) {
    auto& topic = by_topic[subscriber->topic_];
    ++topic.subscribers;
    topic.lag = std::max(topic.lag, subscriber->lag_());
  }
  std::vector<std::pair<std::string_view, OfTopic>> topics(by_topic.begin(), by_topic.end());
  std::ranges::sort(topics, [](const auto& a, const auto& b) {
    return std::pair(b.second.subscribers, a.first) < std::pair(a.second.subscribers, b.first);
  });
  OfTopic others;
  for (size_t i = kLabelledTopics; i < topics.size(); ++i) {
    others.subscribers += topics[i].second.subscribers;
    others.lag = std::max(others.lag, topics[i].second.lag);
  }
  topics.resize(std::min(topics.size(), kLabelledTopics));
  topics.emplace_back(kOtherTopics, others);
  for (const auto& [topic, of] : topics) {
    samples.Put(kSubscribers, static_cast<double>(of.subscribers), {{"topic", topic}});
    samples.Put(kSubscriberLag, static_cast<double>(of.lag), {{"topic", topic}});
  }
}

}  // namespace jammi
