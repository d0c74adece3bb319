#include "rpc/rpc_server.h"

#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "rpc/call_state.h"
#include "rpc/health.h"
#include "rpc/listener.h"
#include "rpc/reflection.h"

namespace jammi {
namespace {

using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

constexpr size_t kMaxPathSaid = 256;
constexpr int kMaxCallsOfAConnection = 20'000;

// Paths that no service has: a client of another version, or of another server.
class UnknownMethods final : public grpc::CallbackGenericService {
 public:
  explicit UnknownMethods(Dispatcher& dispatcher) : dispatcher_(dispatcher) {}

 private:
  class Refusal final : public grpc::ServerGenericBidiReactor {
   public:
    explicit Refusal(const grpc::Status& status) { Finish(status); }

   private:
    void OnDone() override { delete this; }
  };

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    dispatcher_.observer().Unknown(context->method());
    return new Refusal({grpc::StatusCode::UNIMPLEMENTED,
                        fmt::format("there is no method {} on this server",
                                    std::string_view(context->method()).substr(0, kMaxPathSaid))});
  }

  Dispatcher& dispatcher_;
};

// gRPC calls an error what a stranger has sent in place of a handshake.
bool IsOfAHandshake(const gpr_log_func_args& said) {
  return std::string_view(said.file).ends_with("ssl_transport_security.cc");
}

// What the libraries have to say goes where everything goes, and not to stderr. Most of it is about what
// clients have sent: one that sends nonsense must not fill the log.
void TakeLibraryLogs() {
  gpr_set_log_function([](gpr_log_func_args* said) {
    const bool loud = said->severity == GPR_LOG_SEVERITY_ERROR && !IsOfAHandshake(*said);
    Log(loud ? LogLevel::kInfo : LogLevel::kDebug, "gRPC: {}", said->message);
  });
  google::protobuf::SetLogHandler(
      [](google::protobuf::LogLevel level, const char*, int, const std::string& message) {
        Log(level == google::protobuf::LOGLEVEL_FATAL ? LogLevel::kError : LogLevel::kDebug, "protobuf: {}",
            message);
      });
}

void Configure(grpc::ServerBuilder& builder, const RpcServerOptions& options) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  builder.SetMaxSendMessageSize(-1);
  // What is received before it is known who sends it. Beyond the quota gRPC ends calls and closes idle
  // connections until what is left fits.
  grpc::ResourceQuota quota("server");
  quota.Resize(std::max(options.max_incoming_bytes, 2 * options.max_message_bytes));
  builder.SetResourceQuota(quota);
  // Dead peers are found within 80 s; clients may ask every 10 s whether we are there.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             static_cast<int>(options.handshake_timeout.count()));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxCallsOfAConnection);
  // Nothing compressed is taken: what a small message grows to would be known only when it is in memory.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
}

}  // namespace

struct RpcServer::Running {
  Dispatcher& dispatcher;
  UnknownMethods unknown;
  std::shared_ptr<RpcCertificates> certificates;  // which the server goes on asking for
  std::unique_ptr<HealthService> health;
  std::unique_ptr<ReflectionService> reflection;
  std::vector<std::unique_ptr<grpc::Service>> services;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Acceptor> acceptor;  // what gRPC takes connections by
  std::unique_ptr<grpc::Server> server;
  std::mutex shutdown;

  void Take(int connection) const {
    Acceptor::NewConnectionParameters taken;
    taken.fd = connection;
    acceptor->HandleNewConnection(&taken);
  }
};

Result<std::unique_ptr<RpcServer>> RpcServer::Start(const RpcServerOptions& options, Dispatcher& dispatcher,
                                                    const std::vector<const RpcService*>& services) {
  static std::once_flag once;
  std::call_once(once, TakeLibraryLogs);
  std::unique_ptr<Running> running(new Running{.dispatcher = dispatcher,
                                               .unknown = UnknownMethods(dispatcher),
                                               .certificates = options.tls,
                                               .health = std::make_unique<HealthService>(services),
                                               .reflection = {},
                                               .services = {},
                                               .listener = {},
                                               .acceptor = {},
                                               .server = {},
                                               .shutdown = {}});
  JAMMI_ASSIGN(running->listener, Listener::Bind(options.address));
  grpc::ServerBuilder builder;
  Configure(builder, options);
  running->acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      options.tls == nullptr ? grpc::InsecureServerCredentials() : TlsCredentials(*options.tls));
  auto served = services;
  served.push_back(running->health.get());
  running->reflection = std::make_unique<ReflectionService>(served);
  served.push_back(running->reflection.get());
  for (const auto* service : served) {
    running->services.push_back(dispatcher.Serve(*service));
    builder.RegisterService(running->services.back().get());
  }
  builder.RegisterCallbackGenericService(&running->unknown);
  running->server = builder.BuildAndStart();
  if (running->server == nullptr) {
    return Error(
        ErrorCode::kFailedPrecondition,
        fmt::format("cannot serve on {}: the certificate or its key cannot be used", options.address));
  }
  running->listener->Serve([running = running.get()](int connection) { running->Take(connection); });
  std::string address = running->listener->address();
  return std::unique_ptr<RpcServer>(new RpcServer(std::move(address), std::move(running)));
}

RpcServer::RpcServer(std::string address, std::unique_ptr<Running> running)
    : address_(std::move(address)), running_(std::move(running)) {}

RpcServer::~RpcServer() { Shutdown(Deadline::Now()); }

void RpcServer::Shutdown(Deadline deadline) {
  const std::lock_guard lock(running_->shutdown);
  if (running_->server == nullptr) return;
  running_->listener->Stop();
  running_->health->Drain();
  running_->dispatcher.EndStreams(deadline);
  if (deadline.IsNever()) {
    running_->server->Shutdown();
  } else {
    const auto now = std::chrono::steady_clock::now();
    const auto wait = std::max(deadline.at(), now) - now;
    running_->server->Shutdown(std::chrono::system_clock::now() +
                               std::chrono::duration_cast<std::chrono::system_clock::duration>(wait));
  }
  running_->server->Wait();
  running_->server.reset();
}

}  // namespace jammi
