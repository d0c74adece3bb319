#include "rpc/dispatcher.h"

#include <fmt/format.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>

#include <utility>

#include "rpc/bidi_call.h"
#include "rpc/stream_call.h"
#include "rpc/stream_pump.h"
#include "rpc/unary_call.h"

namespace jammi {
namespace {

using grpc::ByteBuffer;
using RpcType = grpc::internal::RpcMethod::RpcType;

grpc::internal::MethodHandler* MakeHandler(Dispatcher& dispatcher, const RpcMethod& method, size_t metric) {
  if (method.client_streams) {
    return new grpc::internal::CallbackBidiHandler<ByteBuffer, ByteBuffer>(
        [&dispatcher, &method, metric](grpc::CallbackServerContext* context) {
          return BidiCall::Begin(dispatcher, method, metric, *context);
        });
  }
  if (method.server_streams) {
    return new grpc::internal::CallbackServerStreamingHandler<ByteBuffer, ByteBuffer>(
        [&dispatcher, &method, metric](grpc::CallbackServerContext* context, const ByteBuffer* request) {
          return StreamCall::Begin(dispatcher, method, metric, *context, *request);
        });
  }
  return new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
      [&dispatcher, &method, metric](grpc::CallbackServerContext* context, const ByteBuffer* request,
                                     ByteBuffer* response) {
        return UnaryCall::Begin(dispatcher, method, metric, *context, *request, *response);
      });
}

// What gRPC knows of a service: the paths, and what makes the reactor of each call. It is what generated code
// would be, without a type for each service.
class GrpcService final : public grpc::Service {
 public:
  GrpcService(Dispatcher& dispatcher, const RpcService& service) {
    int index = 0;
    for (const auto& method : service.methods()) {
      const size_t metric = dispatcher.observer().Add(service.full_name(), method.name);
      const auto type = method.client_streams   ? RpcType::BIDI_STREAMING
                        : method.server_streams ? RpcType::SERVER_STREAMING
                                                : RpcType::NORMAL_RPC;
      AddMethod(new grpc::internal::RpcServiceMethod(method.path.c_str(), type, nullptr));
      MarkMethodRawCallback(index++, MakeHandler(dispatcher, method, metric));
    }
  }
};

}  // namespace

Dispatcher::Dispatcher(CallResolver& resolver, RpcExecutor& executor, RpcObserver& observer,
                       const DispatcherOptions& options)
    : resolver_(resolver),
      executor_(executor),
      observer_(observer),
      options_(options),
      loud_lines_(options.clock) {}

Dispatcher::~Dispatcher() = default;

std::unique_ptr<grpc::Service> Dispatcher::Serve(const RpcService& service) {
  return std::make_unique<GrpcService>(*this, service);
}

RpcFailure Dispatcher::NotServed(const RpcMethod& method) {
  return {RpcCode::kUnimplemented,
          fmt::format("{} is not available on this server: {}", method.path.substr(1), method.unserved),
          {}};
}

// Who has a name gets half, so that no one of them shuts out the rest. Who has none may be everybody there
// is, as on a laptop, and leaves a tenth.
std::optional<std::string> Dispatcher::Full(const std::string& caller) const {
  constexpr auto kText = "{} streams {}are open, and no more may be; try again later";
  const size_t most = options_.max_streams;
  const size_t open = streams_.size() - open_to_all_;
  if (open >= most) return fmt::format(kText, open, "");
  const auto found = of_caller_.find(caller);
  const size_t mine = found == of_caller_.end() ? 0 : found->second;
  const size_t share = most - (caller.empty() ? most / 10 : most / 2);
  if (mine < share) return std::nullopt;
  return fmt::format(kText, mine, caller.empty() ? "of no tenant " : "of one caller ");
}

bool Dispatcher::Enter(StreamPump* stream, RpcFailure* refused) {
  const std::lock_guard lock(mutex_);
  Forget(stream);
  if (ending_) {
    *refused = {RpcCode::kUnavailable, std::string(kShuttingDown), {}};
    return false;
  }
  if (stream->open_to_all()) {
    if (open_to_all_ >= options_.max_open_to_all) {
      *refused = {RpcCode::kResourceExhausted,
                  fmt::format("{} streams are open, and no more may be; try again later", open_to_all_),
                  {}};
      return false;
    }
    streams_.emplace(stream, std::string());
    ++open_to_all_;
    return true;
  }
  const auto caller = stream->caller();
  if (auto full = Full(caller)) {
    *refused = {RpcCode::kResourceExhausted, *std::move(full), {}};
    return false;
  }
  streams_.emplace(stream, caller);
  ++of_caller_[caller];
  return true;
}

void Dispatcher::Leave(StreamPump* stream) {
  const std::lock_guard lock(mutex_);
  Forget(stream);
}

void Dispatcher::Forget(StreamPump* stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  if (stream->open_to_all()) {
    --open_to_all_;
  } else if (const auto of = of_caller_.find(found->second); --of->second == 0) {
    of_caller_.erase(of);
  }
  streams_.erase(found);
}

// Under the lock, which Leave() needs too: so none of them is gone meanwhile.
void Dispatcher::EndStreams(Deadline drain) {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  drain_ = drain;
  for (const auto& [stream, caller] : streams_) {
    if (!stream->ends_itself()) stream->EndWith({RpcCode::kUnavailable, std::string(kShuttingDown), {}});
  }
}

bool Dispatcher::drained() const {
  const std::lock_guard lock(mutex_);
  return ending_ && drain_.Passed();
}

// As EndStreams().
void Dispatcher::EndRevokedStreams() {
  const std::lock_guard lock(mutex_);
  for (const auto& [stream, caller] : streams_) stream->EndIfRevoked();
}

size_t Dispatcher::open_streams() const {
  const std::lock_guard lock(mutex_);
  return streams_.size();
}

}  // namespace jammi
