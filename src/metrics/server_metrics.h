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
#include <unordered_set>
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

// Thread-safe. What is called for each call or event neither locks nor allocates nor looks anything up;
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
  // A subscription that is open, as long as this lives. `topic` is the id of its topic: whoever may scrape
  // may not see names. `lag` is asked in every Text() meanwhile, from any thread: how many events of the
  // topic it has still before it. It must be quick and must not throw; what it refers to must outlive this.
  class Subscriber {
   public:
    Subscriber(ServerMetrics& metrics, std::string topic, std::function<uint64_t()> lag);
    // When it returns, `lag` neither runs nor will run.
    ~Subscriber();
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;

   private:
    friend class ServerMetrics;
    ServerMetrics& metrics_;
    const std::string topic_;
    const std::function<uint64_t()> lag_;
  };
  // So many topics have a label of their own, those with most subscribers; the others share one.
  static constexpr size_t kLabelledTopics = 32;

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
  void PutSubscribers(Samples& samples) const;

  const std::string version_;

  std::atomic<uint64_t> unknown_ = 0;        // every UnknownRpc()
  std::atomic<uint64_t> unknown_jammi_ = 0;  // of these, under /jammi.v1.
  std::atomic<uint64_t> unknown_eval_ = 0;
  std::atomic<uint64_t> unknown_flight_ = 0;

  std::atomic<uint64_t> published_events_ = 0;
  std::atomic<uint64_t> published_rows_ = 0;
  mutable std::mutex subscribers_mutex_;
  std::unordered_set<const Subscriber*> subscribers_;

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<MethodMetrics>> methods_;
  std::vector<std::function<void(Samples&)>> collectors_;
};

}  // namespace jammi
