#include "client/rpc_channel.h"

#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <fstream>
#include <iterator>
#include <string_view>

#include "client/client_stream_state.h"
#include "client/rpc_error.h"
#include "client/target.h"
#include "jammi/ids.h"

namespace jammi {
namespace {

// What the official clients take from a server.
constexpr int kMaxMessageBytes = 64 << 20;

// gRPC ends the process over a header that HTTP/2 cannot carry, so it is looked at before.
Result<void> CheckHeader(std::string_view what, std::string_view value) {
  for (const char c : value) {
    if (c <= ' ' || c > '~')
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("the {} may hold printable ASCII without blanks only", what));
  }
  return {};
}

Result<std::string> ReadAuthorities(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return Error(ErrorCode::kNotFound, fmt::format("--ca {}: there is no such file", path.string()));
  if (std::filesystem::is_directory(path, error))
    return Error(ErrorCode::kInvalidArgument, fmt::format("--ca {}: it is a directory", path.string()));
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad())
    return Error(ErrorCode::kUnavailable, fmt::format("--ca {}: it cannot be read", path.string()));
  if (text.find("-----BEGIN CERTIFICATE-----") == std::string::npos)
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("--ca {}: it holds no certificate in PEM form", path.string()));
  return text;
}

Result<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const ServerTarget& target,
                                                              const ChannelOptions& options) {
  if (!target.tls) {
    if (!options.ca_file.empty())
      return Error(
          ErrorCode::kInvalidArgument,
          fmt::format("--ca is for TLS, and {} is not: write grpcs://{}", options.target, target.authority));
    return grpc::InsecureChannelCredentials();
  }
  grpc::SslCredentialsOptions ssl;
  if (!options.ca_file.empty()) {
    JAMMI_ASSIGN(ssl.pem_root_certs, ReadAuthorities(options.ca_file));
  }
  return grpc::SslCredentials(ssl);
}

grpc::ChannelArguments Arguments(std::chrono::milliseconds connect_timeout) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);          // no variable sends the calls elsewhere
  // In spite of its name this is how long one attempt may take: a far or a busy server answers late.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(connect_timeout.count()) + 1'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  return arguments;
}

}  // namespace

struct RpcChannel::State {
  ChannelOptions options;
  bool tls = false;
  std::string authorization;  // empty: none
  std::shared_ptr<grpc::Channel> channel;

  void Prepare(grpc::ClientContext& context) const {
    context.AddMetadata("jammi-session-id", options.session_id);
    if (!authorization.empty()) context.AddMetadata("authorization", authorization);
  }
  grpc::Status Send(const char* method, grpc::ClientContext& context, const RpcMessage& request,
                    RpcMessage& response) const {
    return grpc::internal::BlockingUnaryCall<RpcMessage, RpcMessage>(
        channel.get(), grpc::internal::RpcMethod(method, grpc::internal::RpcMethod::NORMAL_RPC, channel),
        &context, request, &response);
  }
};

Result<RpcChannel> RpcChannel::Open(const ChannelOptions& options) {
  JAMMI_ASSIGN(const ServerTarget target, ParseServerTarget(options.target));
  JAMMI_TRY(CheckHeader("token", options.token.Reveal()));
  JAMMI_TRY(CheckHeader("session id", options.session_id));
  JAMMI_ASSIGN(const auto credentials, Credentials(target, options));
  auto state = std::make_shared<State>();
  state->options = options;
  state->tls = target.tls;
  if (options.session_id.empty()) state->options.session_id = Uuid::RandomV4().ToString();
  if (!options.token.empty()) state->authorization = "Bearer " + options.token.Reveal();
  state->channel =
      grpc::CreateCustomChannel(target.authority, credentials, Arguments(options.connect_timeout));
  return RpcChannel(std::move(state));
}

const std::string& RpcChannel::session_id() const { return state_->options.session_id; }

Result<void> RpcChannel::Connect() const {
  const auto deadline = std::chrono::system_clock::now() + state_->options.connect_timeout;
  grpc::Channel& channel = *state_->channel;
  for (auto now = channel.GetState(true); now != GRPC_CHANNEL_READY; now = channel.GetState(true)) {
    if (now == GRPC_CHANNEL_TRANSIENT_FAILURE) break;
    if (channel.WaitForStateChange(now, deadline)) continue;
    return Error(ErrorCode::kUnavailable,
                 fmt::format("cannot connect to {}: no answer within {} ms", state_->options.target,
                             state_->options.connect_timeout.count()));
  }
  if (channel.GetState(false) == GRPC_CHANNEL_READY) return {};
  // Only a call is told the reason.
  grpc::ClientContext context;
  context.set_deadline(deadline);
  google::protobuf::Empty nothing;
  const grpc::Status status = state_->Send("/grpc.health.v1.Health/Check", context, nothing, nothing);
  if (channel.GetState(false) == GRPC_CHANNEL_READY) return {};
  return CannotConnect(state_->options.target, state_->tls, status.error_message());
}

Result<void> RpcChannel::CallInto(const char* method, const RpcMessage& request, RpcMessage& response) const {
  grpc::ClientContext context;
  state_->Prepare(context);
  if (state_->options.call_timeout.count() > 0)
    context.set_deadline(std::chrono::system_clock::now() + state_->options.call_timeout);
  const grpc::Status status = state_->Send(method, context, request, response);
  if (!status.ok()) return FromStatus(status);
  return {};
}

ClientStream RpcChannel::OpenStream(const char* method) const {
  auto stream = std::make_unique<ClientStream::State>();
  stream->channel = state_->channel;
  state_->Prepare(stream->context);
  stream->stream.reset(grpc::internal::ClientReaderWriterFactory<RpcMessage, RpcMessage>::Create(
      state_->channel.get(),
      grpc::internal::RpcMethod(method, grpc::internal::RpcMethod::BIDI_STREAMING, state_->channel),
      &stream->context));
  return ClientStream(std::move(stream));
}

}  // namespace jammi
