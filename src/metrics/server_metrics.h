// What the server counts, and the page that Prometheus reads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/samples.h"

namespace jammi {

struct MethodMetrics;

// A method that is served; from ServerMetrics::AddMethod(), and valid as long as that lives.
class MethodId {
 public:
  MethodId() = default;  // of no method; not to be counted by

 private:
  friend class ServerMetrics;
  explicit MethodId(MethodMetrics* metrics) : metrics_(metrics) {}
  MethodMetrics* metrics_ = nullptr;
};

// Thread-safe. What is called for each request or event neither locks nor allocates nor looks anything up;
// everything is at 0 from the start (SRV-052). Rules SRV-052, 055.
class ServerMetrics {
 public:
  explicit ServerMetrics(std::string_view version);
  ~ServerMetrics();
  ServerMetrics(const ServerMetrics&) = delete;
  ServerMetrics& operator=(const ServerMetrics&) = delete;

  // --- Calls of methods: each began once and ended once.

  // For "/jammi.v1.catalog.CatalogService/ListTopics": service "jammi.v1.catalog.CatalogService", method
  // "ListTopics". The same names give the same id.
  [[nodiscard]] MethodId AddMethod(std::string_view service, std::string_view method);
  void RpcBegan(MethodId method);
  // `grpc_code` is 0 to 16; any other counts as 2, UNKNOWN. `took`: since it began.
  void RpcEnded(MethodId method, int grpc_code, std::chrono::nanoseconds took);
  // A request for a method that was not added, by its path, "/jammi.v1.eval.EvalService/Run". It has ended.
  void UnknownRpc(std::string_view path);

  // --- Streams.

  void Published(uint64_t events, uint64_t rows);  // durable
  void SubscriberCame();
  void SubscriberLeft();

  // --- What is read at the moment of a scrape.

  // `collect` runs in every later Text(), one at a time, on the thread that calls it; it must be quick and
  // must not call this object. What it refers to must outlive the metrics. Its samples come after ours.
  void OnScrape(std::function<void(Samples&)> collect);

  // Prometheus' text format 0.0.4. May wait for another thread's Text().
  [[nodiscard]] std::string Text() const;

 private:
  void PutPublished(Samples& samples) const;
  void PutMethods(Samples& samples) const;
  void PutStreams(Samples& samples) const;

  const std::string version_;

  std::atomic<uint64_t> unknown_ = 0;        // every UnknownRpc()
  std::atomic<uint64_t> unknown_jammi_ = 0;  // of these, under /jammi.v1.
  std::atomic<uint64_t> unknown_eval_ = 0;
  std::atomic<uint64_t> unknown_flight_ = 0;

  std::atomic<uint64_t> published_events_ = 0;
  std::atomic<uint64_t> published_rows_ = 0;
  std::atomic<int64_t> subscribers_ = 0;

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<MethodMetrics>> methods_;
  std::vector<std::function<void(Samples&)>> collectors_;
};

}  // namespace jammi
