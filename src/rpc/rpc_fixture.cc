#include "rpc/rpc_fixture.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/sync_stream.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

namespace jammi::test {
namespace {

std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return {};
  std::string bytes;
  for (const auto& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

grpc::ByteBuffer Buffer(std::string_view bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return grpc::ByteBuffer(&slice, 1);
}

Answer Reply(const grpc::Status& status, const grpc::ClientContext& context) {
  Answer reply{.code = static_cast<RpcCode>(status.error_code()),
               .message = status.error_message(),
               .details = status.error_details(),
               .bytes = {},
               .headers = {}};
  for (const auto& [name, value] : context.GetServerInitialMetadata())
    reply.headers.emplace(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
  return reply;
}

void Configure(grpc::ClientContext& context, const CallOptions& options) {
  for (const auto& [name, value] : options.headers) context.AddMetadata(name, value);
  if (options.timeout) context.set_deadline(std::chrono::system_clock::now() + *options.timeout);
  if (options.gzip) context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
}

}  // namespace

// --- HeaderResolver

std::optional<CallResolver::Answer> HeaderResolver::ResolveNow(const CallMetadata& metadata) {
  if (slow) return std::nullopt;
  return Resolve(metadata, {});
}

CallResolver::Answer HeaderResolver::Resolve(const CallMetadata& metadata, Deadline) {
  Identity identity;
  if (metadata.session_id) {
    if (const auto tenant = TenantId::Parse(*metadata.session_id)) identity.scope = Scope::ForTenant(*tenant);
  }
  if (metadata.authorization == "Bearer nobody") {
    return std::unexpected(Refusal{RpcCode::kUnauthenticated, "the token is not known"});
  }
  if (metadata.authorization == "Bearer reader") identity.role = RpcRole::kReader;
  if (metadata.authorization == "Bearer writer") identity.role = RpcRole::kWriter;
  return identity;
}

CallResolver::Answer HeaderResolver::Again(const CallMetadata& metadata, const Identity& had) {
  if (revoked && metadata.authorization) {
    return std::unexpected(Refusal{RpcCode::kUnauthenticated, "the token was taken away"});
  }
  return had;
}

// --- CountingObserver

size_t CountingObserver::Add(std::string_view, std::string_view) {
  const std::lock_guard lock(mutex_);
  return methods_++;
}
void CountingObserver::Began(size_t) {
  const std::lock_guard lock(mutex_);
  ++began_;
}
void CountingObserver::Ended(size_t, RpcCode code, std::chrono::nanoseconds) {
  const std::lock_guard lock(mutex_);
  ++ended_;
  ++codes_[code];
}
void CountingObserver::Unknown(std::string_view path) {
  const std::lock_guard lock(mutex_);
  unknown_.emplace_back(path);
}
int CountingObserver::began() const {
  const std::lock_guard lock(mutex_);
  return began_;
}
int CountingObserver::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}
int CountingObserver::in_flight() const {
  const std::lock_guard lock(mutex_);
  return began_ - ended_;
}
std::vector<std::string> CountingObserver::unknown() const {
  const std::lock_guard lock(mutex_);
  return unknown_;
}
std::map<RpcCode, int> CountingObserver::codes() const {
  const std::lock_guard lock(mutex_);
  return codes_;
}

// --- StreamReader

struct StreamReader::State {
  State(std::shared_ptr<grpc::Channel> to, std::string at)
      : channel(std::move(to)),
        path(std::move(at)),
        method(path.c_str(), grpc::internal::RpcMethod::SERVER_STREAMING) {}
  std::shared_ptr<grpc::Channel> channel;
  std::string path;
  grpc::internal::RpcMethod method;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<grpc::ByteBuffer>> reader;
  bool finished = false;
};

StreamReader::StreamReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamReader::StreamReader(StreamReader&&) noexcept = default;
StreamReader::~StreamReader() {
  if (state_ == nullptr || state_->finished) return;
  state_->context.TryCancel();
  (void)Finish();
}

void StreamReader::AwaitHeaders() { state_->reader->WaitForInitialMetadata(); }
std::optional<std::string> StreamReader::Read() {
  grpc::ByteBuffer message;
  if (!state_->reader->Read(&message)) return std::nullopt;
  return Bytes(message);
}
Answer StreamReader::Finish() {
  grpc::ByteBuffer rest;
  while (state_->reader->Read(&rest)) {
  }
  state_->finished = true;
  const auto status = state_->reader->Finish();
  return Reply(status, state_->context);
}
void StreamReader::Cancel() { state_->context.TryCancel(); }

// --- TestChannel

struct TestChannel::State {
  std::shared_ptr<grpc::Channel> channel;
};

TestChannel::TestChannel(const std::string& address) : state_(std::make_unique<State>()) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // else equal channels share one connection
  arguments.SetInt("grpc.max_metadata_size", 1 << 20);
  state_->channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}
TestChannel::~TestChannel() = default;

Answer TestChannel::Call(const std::string& path, std::string_view bytes, const CallOptions& options) const {
  grpc::ClientContext context;
  Configure(context, options);
  const grpc::internal::RpcMethod method(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::ByteBuffer response;
  const auto status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      state_->channel.get(), method, &context, Buffer(bytes), &response);
  auto reply = Reply(status, context);
  if (status.ok()) reply.bytes = Bytes(response);
  return reply;
}

StreamReader TestChannel::Stream(const std::string& path, std::string_view bytes,
                                 const CallOptions& options) const {
  auto state = std::make_unique<StreamReader::State>(state_->channel, path);
  Configure(state->context, options);
  state->reader.reset(grpc::internal::ClientReaderFactory<grpc::ByteBuffer>::Create(
      state->channel.get(), state->method, &state->context, Buffer(bytes)));
  return StreamReader(std::move(state));
}

// --- TestRpcServer

TestRpcServer::TestRpcServer(std::vector<std::unique_ptr<RpcService>> services,
                             const TestServerOptions& options)
    : services_(std::move(services)),
      executor_(options.threads, options.max_waiting),
      dispatcher_(resolver_, executor_, observer_, options.dispatcher) {
  std::vector<const RpcService*> all;
  for (const auto& service : services_) all.push_back(service.get());
  auto started = RpcServer::Start({.address = "127.0.0.1:0",
                                   .max_message_bytes = options.max_receive_bytes,
                                   .max_incoming_bytes = options.max_incoming_bytes,
                                   .handshake_timeout = options.handshake_timeout,
                                   .tls = nullptr},
                                  dispatcher_, all);
  if (!started) {
    std::fprintf(stderr, "%s\n", started.error().ToString().c_str());
    std::abort();
  }
  server_ = std::move(*started);
  channel_ = std::make_unique<TestChannel>(server_->address());
}

TestRpcServer::~TestRpcServer() { Shutdown(); }

void TestRpcServer::Shutdown(Deadline deadline) {
  server_->Shutdown(deadline);
  executor_.Shutdown();
}

bool Eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace jammi::test
