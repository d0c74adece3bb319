// The calls of the server, counted.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "metrics/server_metrics.h"
#include "rpc/observer.h"

namespace jammi {

// As RpcObserver says.
class RpcMetrics final : public RpcObserver {
 public:
  // `metrics` outlives it.
  explicit RpcMetrics(ServerMetrics& metrics) : metrics_(metrics) {}

  size_t Add(std::string_view service, std::string_view method) override {
    methods_.push_back(metrics_.AddMethod(service, method));
    return methods_.size() - 1;
  }
  void Began(size_t method) override { metrics_.RpcBegan(methods_[method]); }
  void Ended(size_t method, RpcCode code, std::chrono::nanoseconds took) override {
    metrics_.RpcEnded(methods_[method], static_cast<int>(code), took);
  }
  void Unknown(std::string_view path) override { metrics_.UnknownRpc(path); }

 private:
  ServerMetrics& metrics_;
  std::vector<MethodId> methods_;  // by number
};

}  // namespace jammi
