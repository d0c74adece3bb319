// A gRPC server with services of a test's choice, and calls of it with any bytes.
#pragma once

#include <google/protobuf/message_lite.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rpc/call.h"
#include "rpc/dispatcher.h"
#include "rpc/executor.h"
#include "rpc/observer.h"
#include "rpc/rpc_server.h"
#include "rpc/service.h"

namespace jammi::test {

// The session id is the tenant; "Bearer reader", "Bearer writer", "Bearer admin" are roles, "Bearer nobody"
// is refused, and no header is an admin.
class HeaderResolver final : public CallResolver {
 public:
  std::optional<CallResolver::Answer> ResolveNow(const CallMetadata& metadata) override;
  CallResolver::Answer Resolve(const CallMetadata& metadata, Deadline deadline) override;
  CallResolver::Answer Again(const CallMetadata& metadata, const Identity& had) override;

  bool slow = false;                  // nothing is known at once
  std::atomic<bool> revoked = false;  // Again() refuses who has come with a token
};

class CountingObserver final : public RpcObserver {
 public:
  size_t Add(std::string_view service, std::string_view method) override;
  void Began(size_t method) override;
  void Ended(size_t method, RpcCode code, std::chrono::nanoseconds took) override;
  void Unknown(std::string_view path) override;

  [[nodiscard]] int began() const;
  [[nodiscard]] int ended() const;
  [[nodiscard]] int in_flight() const;
  [[nodiscard]] std::vector<std::string> unknown() const;
  [[nodiscard]] std::map<RpcCode, int> codes() const;

 private:
  mutable std::mutex mutex_;
  size_t methods_ = 0;
  int began_ = 0;
  int ended_ = 0;
  std::map<RpcCode, int> codes_;
  std::vector<std::string> unknown_;
};

using Headers = std::multimap<std::string, std::string>;

struct Answer {
  RpcCode code = RpcCode::kUnknown;
  std::string message;
  std::string details;  // grpc-status-details-bin
  std::string bytes;    // of the message
  Headers headers;      // initial metadata
};

struct CallOptions {
  Headers headers = {};
  std::optional<std::chrono::milliseconds> timeout = {};
  bool gzip = false;
};

// A call whose answer is a stream.
class StreamReader {
 public:
  struct State;
  explicit StreamReader(std::unique_ptr<State> state);
  ~StreamReader();
  StreamReader(StreamReader&&) noexcept;

  // Waits for the headers.
  void AwaitHeaders();
  // The bytes of the next message; nullopt: the stream has ended, and Finish() says how.
  [[nodiscard]] std::optional<std::string> Read();
  [[nodiscard]] Answer Finish();
  void Cancel();

 private:
  std::unique_ptr<State> state_;
};

// A connection of its own.
class TestChannel {
 public:
  explicit TestChannel(const std::string& address);
  ~TestChannel();

  [[nodiscard]] Answer Call(const std::string& path, std::string_view bytes,
                            const CallOptions& options = {}) const;
  [[nodiscard]] Answer Call(const std::string& path, const google::protobuf::MessageLite& request,
                            const CallOptions& options = {}) const {
    return Call(path, request.SerializeAsString(), options);
  }
  [[nodiscard]] StreamReader Stream(const std::string& path, std::string_view bytes,
                                    const CallOptions& options = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct TestServerOptions {
  size_t threads = 4;
  size_t max_waiting = 64;
  DispatcherOptions dispatcher = {};
  size_t max_receive_bytes = 64 << 20;
  size_t max_incoming_bytes = 512 << 20;
  std::chrono::milliseconds handshake_timeout{10'000};
};

class TestRpcServer {
 public:
  TestRpcServer(std::vector<std::unique_ptr<RpcService>> services, const TestServerOptions& options = {});
  ~TestRpcServer();

  // Idempotent.
  void Shutdown(Deadline deadline = Deadline::Now());

  [[nodiscard]] const std::string& address() const { return server_->address(); }
  [[nodiscard]] HeaderResolver& resolver() { return resolver_; }
  [[nodiscard]] CountingObserver& observer() { return observer_; }
  [[nodiscard]] RpcExecutor& executor() { return executor_; }
  [[nodiscard]] Dispatcher& dispatcher() { return dispatcher_; }
  [[nodiscard]] RpcServer& server() { return *server_; }
  [[nodiscard]] const std::vector<std::unique_ptr<RpcService>>& services() const { return services_; }
  [[nodiscard]] const TestChannel& channel() const { return *channel_; }
  [[nodiscard]] Answer Call(const std::string& path, std::string_view bytes,
                            const CallOptions& options = {}) const {
    return channel_->Call(path, bytes, options);
  }
  [[nodiscard]] Answer Call(const std::string& path, const google::protobuf::MessageLite& request,
                            const CallOptions& options = {}) const {
    return channel_->Call(path, request, options);
  }

 private:
  std::vector<std::unique_ptr<RpcService>> services_;
  HeaderResolver resolver_;
  CountingObserver observer_;
  RpcExecutor executor_;
  Dispatcher dispatcher_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<TestChannel> channel_;
};

// Waits until it holds; false after 20 s.
[[nodiscard]] bool Eventually(const std::function<bool()>& holds);

}  // namespace jammi::test
