#include "bench/raw_grpc.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include "bench/measure.h"

namespace jammi::bench {
namespace {

using grpc::ByteBuffer;
using RpcType = grpc::internal::RpcMethod::RpcType;

class BareStream final : public grpc::ServerWriteReactor<ByteBuffer> {
 public:
  BareStream(const std::vector<ByteBuffer>& frames, int64_t rounds)
      : frames_(frames), left_(static_cast<int64_t>(frames.size()) * rounds) {
    StartSendInitialMetadata();
    Next();
  }

 private:
  void Next() {
    if (left_-- == 0) return Finish(grpc::Status::OK);
    writing_ = frames_[at_];
    at_ = (at_ + 1) % frames_.size();
    StartWrite(&writing_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    Next();
  }
  void OnDone() override { delete this; }

  const std::vector<ByteBuffer>& frames_;
  int64_t left_;
  size_t at_ = 0;
  ByteBuffer writing_;
};

class BareService final : public grpc::Service {
 public:
  BareService(const std::string& reply, std::vector<ByteBuffer> frames, int64_t rounds)
      : reply_(ToBuffer(reply)), frames_(std::move(frames)) {
    AddMethod(new grpc::internal::RpcServiceMethod("/Bare/Unary", RpcType::NORMAL_RPC, nullptr));
    MarkMethodRawCallback(
        0, new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
               [this](grpc::CallbackServerContext* context, const ByteBuffer*, ByteBuffer* response) {
                 *response = reply_;
                 auto* reactor = context->DefaultReactor();
                 reactor->Finish(grpc::Status::OK);
                 return reactor;
               }));
    AddMethod(new grpc::internal::RpcServiceMethod("/Bare/Stream", RpcType::SERVER_STREAMING, nullptr));
    MarkMethodRawCallback(1, new grpc::internal::CallbackServerStreamingHandler<ByteBuffer, ByteBuffer>(
                                 [this, rounds](grpc::CallbackServerContext*, const ByteBuffer*) {
                                   return new BareStream(frames_, rounds);
                                 }));
  }

 private:
  const ByteBuffer reply_;
  const std::vector<ByteBuffer> frames_;
};

// One call after the other, as long as there are any left.
class Lane {
 public:
  Lane(grpc::GenericStub& stub, const std::string& method, const ByteBuffer& request,
       std::atomic<int64_t>& left)
      : stub_(stub), method_(method), request_(request), left_(left) {
    Next();
  }
  void JoinInto(CallTally& tally) {
    done_.wait(false);
    tally.answered += answered_;
    tally.failed += failed_;
    if (failed_ > 0) tally.failure = failure_;
  }

 private:
  void Next() {
    if (left_.fetch_sub(1) > 0) return Call();
    done_ = true;
    done_.notify_one();
  }
  void Call() {
    context_ = std::make_unique<grpc::ClientContext>();
    stub_.UnaryCall(context_.get(), method_, {}, &request_, &response_, [this](const grpc::Status& status) {
      if (status.ok()) {
        ++answered_;
      } else {
        ++failed_;
        failure_ = status.error_message();
      }
      Next();
    });
  }

  grpc::GenericStub& stub_;
  const std::string& method_;
  const ByteBuffer& request_;
  std::atomic<int64_t>& left_;
  std::unique_ptr<grpc::ClientContext> context_;
  ByteBuffer response_;
  int64_t answered_ = 0;
  int64_t failed_ = 0;
  std::string failure_;
  std::atomic<bool> done_ = false;
};

// Until `left` is used up, or `seconds` are over.
CallTally RunLanes(const std::string& address, const std::string& method,
                   const std::vector<ByteBuffer>& requests, int in_flight, std::atomic<int64_t>& left,
                   std::optional<double> seconds) {
  grpc::GenericStub stub(Connect(address));
  const double begin = WallSeconds();
  std::vector<std::unique_ptr<Lane>> lanes;
  for (size_t i = 0; i < static_cast<size_t>(in_flight); ++i) {
    lanes.push_back(std::make_unique<Lane>(stub, method, requests[i % requests.size()], left));
  }
  if (seconds) {
    std::this_thread::sleep_for(std::chrono::duration<double>(*seconds));
    left = 0;
  }
  CallTally tally;
  for (auto& lane : lanes) lane->JoinInto(tally);
  tally.seconds = WallSeconds() - begin;
  return tally;
}

void MustAllBeAnswered(const CallTally& tally) {
  if (tally.failed > 0) throw std::runtime_error("a call failed: " + tally.failure);
}

}  // namespace

ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return ByteBuffer(&slice, 1);
}

BareServer::BareServer(std::string reply, std::vector<ByteBuffer> frames, int64_t rounds)
    : service_(std::make_unique<BareService>(reply, std::move(frames), rounds)) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.SetMaxSendMessageSize(-1);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
  address_ = fmt::format("127.0.0.1:{}", port);
}

BareServer::~BareServer() {
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10))) {
    throw std::runtime_error("no connection to " + address);
  }
  return channel;
}

CallTally TallyCalls(const std::string& address, const std::string& method,
                     const std::vector<ByteBuffer>& requests, int in_flight, double seconds) {
  std::atomic<int64_t> left = int64_t{1} << 60;
  return RunLanes(address, method, requests, in_flight, left, seconds);
}

double CallRate(const std::string& address, const std::string& method, const ByteBuffer& request,
                int in_flight, double seconds) {
  const CallTally tally = TallyCalls(address, method, {request}, in_flight, seconds);
  MustAllBeAnswered(tally);
  return static_cast<double>(tally.answered) / tally.seconds;
}

void MakeCalls(const std::string& address, const std::string& method, const ByteBuffer& request,
               int in_flight, int64_t calls) {
  std::atomic<int64_t> left = calls;
  MustAllBeAnswered(RunLanes(address, method, {request}, in_flight, left, std::nullopt));
}

class StreamReader::Reactor final : public grpc::ClientBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  Reactor(const std::string& address, const std::string& method, const ByteBuffer& request, bool keep)
      : channel_(Connect(address)), stub_(channel_), request_(request), keep_(keep) {
    stub_.PrepareBidiStreamingCall(&context_, method, {}, this);
    StartWriteLast(&request_, {});
    StartRead(&message_);
    StartCall();
  }
  ~Reactor() override {
    context_.TryCancel();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }

  void AwaitHeaders() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return headers_ || done_; });
  }
  void Await(int64_t messages) {
    std::unique_lock lock(mutex_);
    wanted_ = messages;
    changed_.wait(lock, [&] { return count_ >= messages || done_; });
    if (count_ < messages) throw std::runtime_error("the stream ended early: " + error_);
  }
  [[nodiscard]] std::vector<ByteBuffer> Kept() {
    const std::lock_guard lock(mutex_);
    return kept_;
  }

 private:
  void OnReadInitialMetadataDone(bool) override {
    const std::lock_guard lock(mutex_);
    headers_ = true;
    changed_.notify_all();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    {
      const std::lock_guard lock(mutex_);
      if (keep_) kept_.push_back(message_);
      if (++count_ == wanted_) changed_.notify_all();
    }
    StartRead(&message_);
  }
  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(mutex_);
    error_ = status.error_message();
    done_ = true;
    changed_.notify_all();
  }

  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  ByteBuffer request_;
  const bool keep_;
  ByteBuffer message_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ByteBuffer> kept_;
  int64_t count_ = 0;
  int64_t wanted_ = -1;
  bool headers_ = false;
  bool done_ = false;
  std::string error_;
};

StreamReader::StreamReader(const std::string& address, const std::string& method, const ByteBuffer& request,
                           bool keep)
    : reactor_(std::make_unique<Reactor>(address, method, request, keep)) {}
StreamReader::~StreamReader() = default;
void StreamReader::AwaitHeaders() { reactor_->AwaitHeaders(); }
void StreamReader::Await(int64_t messages) { reactor_->Await(messages); }
std::vector<ByteBuffer> StreamReader::Kept() const { return reactor_->Kept(); }

double StreamSeconds(const std::string& address, const std::string& method, const ByteBuffer& request,
                     int64_t messages) {
  const double begin = WallSeconds();
  StreamReader reader(address, method, request);
  reader.Await(messages);
  return WallSeconds() - begin;
}

}  // namespace jammi::bench
