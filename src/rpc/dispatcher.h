// What happens to every call before and after its handler: identity, access, decoding, threads, errors,
// metrics, request ids. One path for all methods of all services.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "rpc/call.h"
#include "rpc/executor.h"
#include "rpc/loud_lines.h"
#include "rpc/observer.h"
#include "rpc/service.h"

namespace grpc {
class Service;
}

namespace jammi {

class StreamPump;

inline constexpr std::string_view kShuttingDown = "the server is shutting down";

struct DispatcherOptions {
  size_t max_message_bytes = 64 << 20;  // of a unary reply
  size_t max_streams = 10'000;          // open at a time; a tenant's or principal's: half of them
  size_t max_open_to_all = 1'000;       // beside them, of methods that want no credential
  std::shared_ptr<Clock> clock;         // of the log's lines; null: the machine's
};

// Thread-safe. Everything given must outlive it.
class Dispatcher {
 public:
  Dispatcher(CallResolver& resolver, RpcExecutor& executor, RpcObserver& observer,
             const DispatcherOptions& options);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // The service as gRPC takes it. It keeps references to both.
  [[nodiscard]] std::unique_ptr<grpc::Service> Serve(const RpcService& service);

  // Ends every open stream with UNAVAILABLE but those that end by themselves, and whatever stream comes from
  // now on. Calls have until `drain`.
  void EndStreams(Deadline drain = Deadline::Never());
  // They have had it: whatever is cancelled is so because the server stops.
  [[nodiscard]] bool drained() const;
  // Ends the open streams whose callers would no longer be let in.
  void EndRevokedStreams();
  [[nodiscard]] size_t open_streams() const;

  [[nodiscard]] CallResolver& resolver() { return resolver_; }
  [[nodiscard]] RpcExecutor& executor() { return executor_; }
  // Sends the answers of asynchronous methods. Their handlers are told the outcome on threads that have
  // better things to do than to write to sockets: the catalog's writer, which could commit the next group
  // meanwhile.
  [[nodiscard]] Executor& answers() { return answers_; }
  [[nodiscard]] RpcObserver& observer() { return observer_; }
  [[nodiscard]] LoudLines& loud_lines() { return loud_lines_; }
  [[nodiscard]] const DispatcherOptions& options() const { return options_; }

  [[nodiscard]] static RpcFailure NotServed(const RpcMethod& method);

  // Of a stream: false, it may not begin, or go on, with the reason. One that is in already enters anew, as
  // whoever its caller is by now.
  [[nodiscard]] bool Enter(StreamPump* stream, RpcFailure* refused);
  void Leave(StreamPump* stream);

 private:
  void Forget(StreamPump* stream);  // under mutex_
  // Why `caller` may have no other stream; nullopt: he may. Under mutex_.
  [[nodiscard]] std::optional<std::string> Full(const std::string& caller) const;

  CallResolver& resolver_;
  RpcExecutor& executor_;
  RpcObserver& observer_;
  const DispatcherOptions options_;
  LoudLines loud_lines_;
  Executor answers_{1};
  mutable std::mutex mutex_;
  bool ending_ = false;
  Deadline drain_;                                        // once it is ending
  std::unordered_map<StreamPump*, std::string> streams_;  // with their callers; those open to all have none
  std::unordered_map<std::string, size_t> of_caller_;     // how many of these
  size_t open_to_all_ = 0;                                // likewise
};

}  // namespace jammi
