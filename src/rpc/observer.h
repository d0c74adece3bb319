// Who counts the calls.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

#include "rpc/call.h"

namespace jammi {

// Thread-safe but for Add(), which is called before the first call. Each of the others is called for every
// call, on its thread: short.
class RpcObserver {
 public:
  virtual ~RpcObserver() = default;
  // A number for the method.
  [[nodiscard]] virtual size_t Add(std::string_view service, std::string_view method) = 0;
  virtual void Began(size_t method) = 0;
  virtual void Ended(size_t method, RpcCode code, std::chrono::nanoseconds took) = 0;
  // A call of a path that nobody serves.
  virtual void Unknown(std::string_view path) = 0;
};

}  // namespace jammi
