// Any bytes as the requests of any method: what can be decoded is run on an engine, and gets an answer that
// is no bug of ours.
//
// An input's first line names the method by the end of its path, "TriggerService/Publish", with '+' before it
// if a tenant asks, and not the global scope; any other line is some method. Behind it is the request. Of a
// method to which the client streams, each message has its length before it, two bytes, the higher one first.
#include <arrow/api.h>
#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jammi/engine.h"
#include "metrics/server_metrics.h"
#include "rpc/executor.h"
#include "server/named_publisher.h"
#include "server/services.h"

namespace jammi {
namespace {

constexpr auto kTenant = "aaaaaaaa-0000-4000-8000-000000000001";
constexpr auto kTopic = "t";  // is there for everybody, with events
constexpr int kMaxMessages = 64;
constexpr std::chrono::milliseconds kWait{5};

void Require(bool holds) {
  if (!holds) std::abort();
}
void RequireNoBug(const Error& error) { Require(error.code() != ErrorCode::kInternal); }

// Lives as long as the program; what runs made stays for those that follow.
struct Stage {
  Stage() {
    std::string folder = (std::filesystem::temp_directory_path() / "request_fuzz_XXXXXX").string();
    Require(mkdtemp(folder.data()) != nullptr);
    config.artifact_dir = folder;
    auto opened = Engine::Open(config);
    Require(opened.has_value());
    engine = std::move(*opened);
    context = std::make_unique<ServerContext>(ServerContext{.engine = *engine, .config = config});
    publisher = std::make_unique<NamedPublisher>(*context, executor, metrics);
    services.push_back(NewCatalogService(*context));
    services.push_back(NewAuditService(*context));
    services.push_back(NewAuditChainService(*context));
    services.push_back(NewOperationsService(*context));
    services.push_back(NewTriggerService(*context, *publisher, metrics));
    services.push_back(NewStreamService(*context, *publisher, executor, metrics));
    for (const auto& service : services) {
      for (const auto& method : service->methods()) {
        if (method.make_request) methods.push_back(&method);
      }
    }
  }

  [[nodiscard]] const RpcMethod& MethodOf(std::string_view line) const {
    const auto named = std::ranges::find_if(
        methods, [&](const auto* method) { return !line.empty() && method->path.ends_with(line); });
    if (named != methods.end()) return **named;
    return *methods[std::hash<std::string_view>()(line) % methods.size()];
  }
  // A run may have dropped it.
  void KeepTopic(const Scope& scope) const {
    const auto session = scope.is_global() ? engine->Global() : engine->ForTenant(*scope.tenant());
    if (session.topics().Find(kTopic)) return;
    const auto schema = arrow::schema({arrow::field("n", arrow::int64())});
    const auto topic = session.topics().Register(kTopic, schema);
    Require(topic.has_value());
    const auto rows = arrow::RecordBatch::Make(schema, 2, {*arrow::MakeArrayOfNull(arrow::int64(), 2)});
    for (int i = 0; i < 3; ++i) Require(session.Publish(topic->id, rows).has_value());
  }

  Config config;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<ServerContext> context;
  RpcExecutor executor{2, 64};
  ServerMetrics metrics{"0"};
  std::unique_ptr<NamedPublisher> publisher;
  std::vector<std::unique_ptr<RpcService>> services;
  std::vector<const RpcMethod*> methods;
};

using Request = std::unique_ptr<google::protobuf::MessageLite>;

// nullptr: it cannot be decoded.
Request Decode(const RpcMethod& method, std::string_view bytes) {
  auto request = method.make_request();
  if (!request->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return nullptr;
  return request;
}

void RunUnary(const RpcMethod& method, const RpcCall& call, std::string_view bytes) {
  const auto request = Decode(method, bytes);
  if (!request) return;
  auto answered = std::make_shared<std::promise<Result<grpc::ByteBuffer>>>();
  auto answer = answered->get_future();
  method.unary(call, *request,
               [answered](Result<grpc::ByteBuffer> reply) { answered->set_value(std::move(reply)); });
  answered.reset();
  if (const auto reply = answer.get(); !reply) RequireNoBug(reply.error());
}

// Reads a stream as a call does: who waits for it does not ask it meanwhile.
class Reader {
 public:
  // The stream must be gone before it.
  void Of(RpcStream& stream) { stream_ = &stream; }

  // Until it ends or has nothing to say for a while. false: it has ended.
  bool Read() {
    for (int i = 0; i < kMaxMessages; ++i) {
      if (waits_ && !Rung()) return true;
      waits_ = false;
      const auto polled = stream_->TryNext();
      if (!polled) RequireNoBug(polled.error());
      if (!polled || std::holds_alternative<RpcStream::End>(*polled)) return false;
      if (!std::holds_alternative<RpcStream::NotReady>(*polled)) continue;
      waits_ = true;
      stream_->OnReady([this] { Ring(); });
    }
    return true;
  }

 private:
  void Ring() {
    const std::lock_guard lock(mutex_);
    rung_ = true;
    changed_.notify_all();
  }
  bool Rung() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kWait, [this] { return rung_; }) && std::exchange(rung_, false);
  }

  RpcStream* stream_ = nullptr;
  bool waits_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
};

void RunStream(const RpcMethod& method, const RpcCall& call, std::string_view bytes) {
  const auto request = Decode(method, bytes);
  if (!request) return;
  Reader reader;
  const auto stream = method.stream(call, *request);
  if (!stream) return RequireNoBug(stream.error());
  reader.Of(**stream);
  (void)reader.Read();
}

// The next message, which is taken from `bytes`; nullptr: there is none.
Request Next(const RpcMethod& method, std::string_view& bytes) {
  if (bytes.size() < 2) return nullptr;
  const size_t size = static_cast<uint8_t>(bytes[0]) << 8U | static_cast<uint8_t>(bytes[1]);
  auto request = Decode(method, bytes.substr(2, size));
  bytes.remove_prefix(std::min(bytes.size(), 2 + size));
  return request;
}

void RunDialog(const RpcMethod& method, const RpcCall& call, std::string_view bytes) {
  const auto first = Next(method, bytes);
  if (!first) return;
  Reader reader;
  const auto dialog = method.dialog(call, *first);
  if (!dialog) return RequireNoBug(dialog.error());
  reader.Of(**dialog);
  for (bool ended = false; reader.Read() && !ended;) {
    const auto message = Next(method, bytes);
    const auto taken = message ? (*dialog)->Take(*message) : (*dialog)->TakeEnd();
    if (!taken) return RequireNoBug(taken.error());
    ended = message == nullptr;
  }
}

void Ask(std::string_view input) {
  static const Stage stage;
  std::string_view line = input.substr(0, input.find('\n'));
  const auto bytes = input.substr(std::min(input.size(), line.size() + 1));
  RpcCall call;
  if (line.starts_with('+')) {
    line.remove_prefix(1);
    call.identity.scope = Scope::ForTenant(*TenantId::Parse(kTenant));
  }
  stage.KeepTopic(call.identity.scope);
  const auto& method = stage.MethodOf(line);
  if (method.unary) RunUnary(method, call, bytes);
  if (method.stream) RunStream(method, call, bytes);
  if (method.dialog) RunDialog(method, call, bytes);
}

}  // namespace
}  // namespace jammi

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jammi::Ask(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
