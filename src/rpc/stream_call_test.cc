// Streams: what is sent when, and how they end. Cancels, ends and what the stream has to say come in every
// order; sync points hold the one while the other happens.
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/sync_point.h"
#include "jammi/v1/trigger.pb.h"
#include "rpc/rpc_fixture.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using v1::trigger::PublishRequest;
using v1::trigger::PublishResponse;
using v1::trigger::SubscribedBatch;
using v1::trigger::SubscribeRequest;

constexpr auto kSubscribe = "/jammi.v1.trigger.TriggerService/Subscribe";
constexpr auto kPublish = "/jammi.v1.trigger.TriggerService/Publish";

// What a stream reads from; the test and the stream share it.
class Source {
 public:
  void Push(std::string message) {
    Add([&] { messages_.push_back(std::move(message)); });
  }
  void End() {
    Add([&] { ended_ = true; });
  }
  void Fail(const Error& error) {
    Add([&] { error_ = std::make_unique<Error>(error); });
  }
  void set_endless() {
    Add([&] { endless_ = true; });
  }

  Result<RpcStream::Polled> TryNext() {
    const std::lock_guard lock(mutex_);
    ++polls_;
    if (endless_) return RpcStream::Polled(Message(std::string(100'000, 'x')));
    if (!messages_.empty()) {
      auto message = Message(messages_.front());
      messages_.erase(messages_.begin());
      return RpcStream::Polled(std::move(message));
    }
    if (error_) return *error_;
    if (ended_) return RpcStream::Polled(RpcStream::End{});
    return RpcStream::Polled(RpcStream::NotReady{});
  }
  // As an engine's subscription: `ready` runs on the thread of whoever has something to say, and Close()
  // waits for it unless it is called from within.
  void OnReady(std::move_only_function<void()> ready) {
    {
      const std::lock_guard lock(mutex_);
      if (!Sayable()) {
        ready_ = std::move(ready);
        return;
      }
    }
    ready();
  }
  void Close() {
    std::move_only_function<void()> dropped;
    std::unique_lock lock(mutex_);
    dropped = std::exchange(ready_, nullptr);
    if (calling_ != std::this_thread::get_id())
      changed_.wait(lock, [this] { return calling_ == std::thread::id(); });
    closed_ = true;
  }
  // Calls the waiting `ready` though there is nothing to say.
  void Wake() {
    Add([] {});
  }

  [[nodiscard]] bool parked() const {
    const std::lock_guard lock(mutex_);
    return ready_ != nullptr;
  }
  [[nodiscard]] bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  [[nodiscard]] int polls() const {
    const std::lock_guard lock(mutex_);
    return polls_;
  }

 private:
  static grpc::ByteBuffer Message(const std::string& text) {
    SubscribedBatch batch;
    batch.mutable_batch()->set_data_body(text);
    return Encode(batch);
  }
  [[nodiscard]] bool Sayable() const { return !messages_.empty() || ended_ || error_ || endless_; }
  template <class Change>
  void Add(Change change) {
    std::move_only_function<void()> ready;
    {
      const std::lock_guard lock(mutex_);
      change();
      ready = std::exchange(ready_, nullptr);
      if (ready) calling_ = std::this_thread::get_id();
    }
    if (!ready) return;
    ready();
    ready = nullptr;
    {
      const std::lock_guard lock(mutex_);
      calling_ = {};
    }
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> messages_;
  bool ended_ = false;
  bool endless_ = false;
  std::unique_ptr<Error> error_;
  std::move_only_function<void()> ready_;
  std::thread::id calling_;
  bool closed_ = false;
  int polls_ = 0;
};

class SourceStream final : public RpcStream {
 public:
  explicit SourceStream(std::shared_ptr<Source> source) : source_(std::move(source)) {}
  ~SourceStream() override { SourceStream::Close(); }
  Result<Polled> TryNext() override { return source_->TryNext(); }
  void OnReady(std::move_only_function<void()> ready) override { source_->OnReady(std::move(ready)); }
  void Close() override { source_->Close(); }

 private:
  std::shared_ptr<Source> source_;
};

class Trigger final : public RpcService {
 public:
  Trigger() : RpcService("jammi.v1.trigger.TriggerService") {
    ServerStream<SubscribeRequest, SubscribedBatch>(
        "Subscribe", {.errors = ErrorFamily::kTrigger},
        [this](const auto&, const auto& request) -> Result<std::unique_ptr<RpcStream>> {
          JAMMI_SYNC_POINT("test:open");
          if (!request.predicate().empty()) {
            return Error(ErrorCode::kInvalidArgument, "x", PredicateParseDetail{.message = "x"});
          }
          const std::lock_guard lock(mutex);
          sources.push_back(std::make_shared<Source>());
          if (endless) sources.back()->set_endless();
          return std::make_unique<SourceStream>(sources.back());
        });
    Unary<PublishRequest, PublishResponse>(
        "Publish", {}, [](const auto&, const auto&) { return Result<PublishResponse>({}); });
  }
  std::shared_ptr<Source> source(size_t i) {
    if (!Eventually([&] {
          const std::lock_guard lock(mutex);
          return sources.size() > i;
        })) {
      std::abort();
    }
    const std::lock_guard lock(mutex);
    return sources[i];
  }

  std::mutex mutex;
  std::atomic<bool> endless = false;
  std::vector<std::shared_ptr<Source>> sources;
};

std::string Body(const std::optional<std::string>& bytes) {
  SubscribedBatch batch;
  if (!bytes || !batch.ParseFromString(*bytes)) return "-";
  return batch.batch().data_body();
}

class StreamCallTest : public testing::Test {
 protected:
  StreamCallTest() { Start({}); }
  ~StreamCallTest() override {
    ClearSyncPoints();
    server_.reset();
  }
  void Start(const TestServerOptions& options) {
    server_.reset();
    auto trigger = std::make_unique<Trigger>();
    trigger_ = trigger.get();
    std::vector<std::unique_ptr<RpcService>> services;
    services.push_back(std::move(trigger));
    server_ = std::make_unique<TestRpcServer>(std::move(services), options);
  }
  StreamReader Subscribe(std::string_view bytes = "") { return server_->channel().Stream(kSubscribe, bytes); }
  [[nodiscard]] bool AllGone() {
    return Eventually(
        [&] { return server_->observer().in_flight() == 0 && server_->dispatcher().open_streams() == 0; });
  }

  Trigger* trigger_ = nullptr;
  std::unique_ptr<TestRpcServer> server_;
};

// A point at which a thread of the server waits until the test lets it go.
class HeldAt {
 public:
  explicit HeldAt(const std::string& point) {
    SetSyncPoint(point, [state = state_] {
      if (state->used.exchange(true)) return;
      state->entered.set_value();
      state->let_go.get_future().wait();
    });
  }
  void Await() { state_->entered.get_future().wait(); }
  void LetGo() { state_->let_go.set_value(); }

 private:
  struct State {
    std::atomic<bool> used = false;  // later hits pass
    std::promise<void> entered;
    std::promise<void> let_go;
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

TEST_F(StreamCallTest, Srv168HeadersComeBeforeTheFirstMessage) {
  auto stream = Subscribe();
  stream.AwaitHeaders();  // there is no message, and will be none
  EXPECT_EQ(server_->dispatcher().open_streams(), 1U);
  trigger_->source(0)->End();
  const auto answer = stream.Finish();
  EXPECT_EQ(answer.code, RpcCode::kOk);
  EXPECT_EQ(answer.headers.count("x-request-id"), 1U);
  EXPECT_TRUE(AllGone());
}

TEST_F(StreamCallTest, MessagesComeInOrderAndThenTheEnd) {
  auto stream = Subscribe();
  const auto source = trigger_->source(0);
  for (int i = 0; i < 100; ++i) source->Push(std::to_string(i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Body(stream.Read()), std::to_string(i));
  source->Push("last");
  source->End();
  EXPECT_EQ(Body(stream.Read()), "last");
  EXPECT_EQ(stream.Read(), std::nullopt);
  EXPECT_EQ(stream.Finish().code, RpcCode::kOk);
  EXPECT_TRUE(AllGone());
  EXPECT_TRUE(source->closed());
}

TEST_F(StreamCallTest, AnErrorUnderWayEndsItWithItsDetail) {
  auto stream = Subscribe();
  trigger_->source(0)->Push("one");
  trigger_->source(0)->Fail(
      Error(ErrorCode::kFailedPrecondition, "offset 3 evicted", OffsetEvictedDetail{.low_water = 3}));
  EXPECT_EQ(Body(stream.Read()), "one");
  EXPECT_EQ(stream.Read(), std::nullopt);
  const auto answer = stream.Finish();
  EXPECT_EQ(answer.code, RpcCode::kFailedPrecondition);
  EXPECT_EQ(answer.message, "offset 3 evicted");
  EXPECT_THAT(answer.details, HasSubstr("TriggerErrorDetail"));
}

TEST_F(StreamCallTest, Srv160WhatIsRefusedAtTheStartIsTheCallsStatus) {
  SubscribeRequest request;
  request.set_predicate("x");
  auto answer = Subscribe(request.SerializeAsString()).Finish();
  EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
  EXPECT_EQ(answer.message, "predicate: x");
  answer = Subscribe("\xff").Finish();
  EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
  EXPECT_THAT(answer.message, HasSubstr("SubscribeRequest"));
  EXPECT_TRUE(AllGone());
}

TEST_F(StreamCallTest, AWakeWithoutAMessageSendsNothing) {
  auto stream = Subscribe();
  const auto source = trigger_->source(0);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Eventually([&] { return source->parked(); }));
    source->Wake();
  }
  source->Push("x");
  EXPECT_EQ(Body(stream.Read()), "x");
  source->End();
  EXPECT_EQ(stream.Finish().code, RpcCode::kOk);
}

// SRV-166
TEST_F(StreamCallTest, Srv166ACancelWhileItWaitsFreesItAtOnce) {
  auto stream = Subscribe();
  const auto source = trigger_->source(0);
  ASSERT_TRUE(Eventually([&] { return source->parked(); }));
  stream.Cancel();
  EXPECT_EQ(stream.Finish().code, RpcCode::kCancelled);
  EXPECT_TRUE(AllGone());
  EXPECT_TRUE(source->closed());
  EXPECT_THAT(server_->observer().codes(), ElementsAre(Pair(RpcCode::kCancelled, 1)));
}

TEST_F(StreamCallTest, Srv166ACancelWhileItIsOpened) {
  HeldAt held("test:open");
  auto stream = Subscribe();
  held.Await();
  stream.Cancel();
  EXPECT_EQ(stream.Finish().code, RpcCode::kCancelled);
  held.LetGo();
  EXPECT_TRUE(AllGone());
  EXPECT_TRUE(trigger_->source(0)->closed());
}

// Between asking the stream and giving up the turn: whoever comes then must neither be lost nor finish twice.
TEST_F(StreamCallTest, ACancelWhileItParks) {
  HeldAt held("rpc:stream:parking");
  HeldAt asked("rpc:stream:end_asked");
  auto stream = Subscribe();
  held.Await();
  stream.Cancel();
  asked.Await();
  asked.LetGo();
  held.LetGo();
  EXPECT_EQ(stream.Finish().code, RpcCode::kCancelled);
  EXPECT_TRUE(AllGone());
  EXPECT_TRUE(trigger_->source(0)->closed());
}

TEST_F(StreamCallTest, AMessageWhileItParks) {
  HeldAt held("rpc:stream:parking");
  auto stream = Subscribe();
  held.Await();
  trigger_->source(0)->Push("x");
  held.LetGo();
  EXPECT_EQ(Body(stream.Read()), "x");
  trigger_->source(0)->End();
  EXPECT_EQ(stream.Finish().code, RpcCode::kOk);
}

TEST_F(StreamCallTest, AMessageAndACancelWhileItParks) {
  HeldAt held("rpc:stream:parking");
  HeldAt asked("rpc:stream:end_asked");
  auto stream = Subscribe();
  held.Await();
  trigger_->source(0)->Push("x");
  stream.Cancel();
  asked.Await();
  asked.LetGo();
  held.LetGo();
  EXPECT_EQ(stream.Finish().code, RpcCode::kCancelled);
  EXPECT_TRUE(AllGone());
}

// The stream wakes it just when it has taken the turn away.
TEST_F(StreamCallTest, ACancelTakesTheTurnFromAStreamThatIsAboutToSpeak) {
  HeldAt took("rpc:stream:took_turn");
  auto stream = Subscribe();
  const auto source = trigger_->source(0);
  ASSERT_TRUE(Eventually([&] { return source->parked(); }));
  stream.Cancel();
  took.Await();
  source->Push("too late");
  took.LetGo();
  EXPECT_EQ(stream.Finish().code, RpcCode::kCancelled);
  EXPECT_TRUE(AllGone());
}

TEST_F(StreamCallTest, Srv166ACancelWhileTheClientDoesNotRead) {
  trigger_->endless = true;
  auto stream = Subscribe();
  const auto source = trigger_->source(0);
  // Flow control stops it: polls no longer come.
  int before = -1;
  ASSERT_TRUE(Eventually([&] {
    const int now = source->polls();
    const bool still = now > 0 && now == before;
    before = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return still;
  }));
  EXPECT_LT(before, 200) << "a client that does not read gets no 20 MB";
  stream.Cancel();
  EXPECT_TRUE(AllGone());
  EXPECT_TRUE(source->closed());
}

TEST_F(StreamCallTest, Srv167AClientThatDoesNotReadHoldsUpNobody) {
  trigger_->endless = true;
  auto slow = Subscribe();
  (void)trigger_->source(0);
  const TestChannel other(server_->address());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(other.Call(kPublish, "").code, RpcCode::kOk);
  trigger_->endless = false;
  auto quick = other.Stream(kSubscribe, "");
  trigger_->source(1)->Push("x");
  EXPECT_EQ(Body(quick.Read()), "x");
}

TEST_F(StreamCallTest, ADeadlineEndsAStream) {
  auto stream = server_->channel().Stream(kSubscribe, "", {.timeout = std::chrono::milliseconds(50)});
  EXPECT_EQ(stream.Finish().code, RpcCode::kDeadlineExceeded);
  EXPECT_TRUE(AllGone());
}

TEST_F(StreamCallTest, NoMoreStreamsThanAllowed) {
  Start({.dispatcher = {.max_streams = 2}});
  auto first = Subscribe();
  auto second = Subscribe();
  ASSERT_TRUE(Eventually([&] { return server_->dispatcher().open_streams() == 2; }));
  const auto answer = Subscribe().Finish();
  EXPECT_EQ(answer.code, RpcCode::kResourceExhausted);
  EXPECT_EQ(answer.message, "2 streams are open, and no more may be; try again later");
  first.Cancel();
  ASSERT_TRUE(Eventually([&] { return server_->dispatcher().open_streams() == 1; }));
  auto third = Subscribe();
  third.AwaitHeaders();
  EXPECT_TRUE(Eventually([&] { return server_->dispatcher().open_streams() == 2; }));
}

// One tenant once could have all of them, and the others got none.
TEST_F(StreamCallTest, ATenantGetsHalfOfTheStreams) {
  Start({.dispatcher = {.max_streams = 5}});
  const auto of = [this](const char* tenant) {
    auto stream = server_->channel().Stream(kSubscribe, "", {.headers = {{"jammi-session-id", tenant}}});
    stream.AwaitHeaders();
    return stream;
  };
  constexpr auto kA = "aaaaaaaa-0000-4000-8000-000000000001";
  constexpr auto kB = "bbbbbbbb-0000-4000-8000-000000000002";
  std::vector<StreamReader> open;
  for (int i = 0; i < 3; ++i) open.push_back(of(kA));
  auto answer = of(kA).Finish();
  EXPECT_EQ(answer.code, RpcCode::kResourceExhausted);
  EXPECT_EQ(answer.message, "3 streams of one caller are open, and no more may be; try again later");
  open.push_back(of(kB));
  open.push_back(of(kB));
  answer = of(kB).Finish();
  EXPECT_EQ(answer.message, "5 streams are open, and no more may be; try again later");
  open.front().Cancel();
  ASSERT_TRUE(Eventually([&] { return server_->dispatcher().open_streams() == 4; }));
  open.push_back(of(kA));
  EXPECT_EQ(server_->dispatcher().open_streams(), 5U);
}

TEST_F(StreamCallTest, WhoHasNoTenantLeavesATenthOfTheStreams) {
  Start({.dispatcher = {.max_streams = 10}});
  std::vector<StreamReader> open;
  for (int i = 0; i < 9; ++i) {
    open.push_back(Subscribe());
    open.back().AwaitHeaders();
  }
  const auto answer = Subscribe().Finish();
  EXPECT_EQ(answer.code, RpcCode::kResourceExhausted);
  EXPECT_EQ(answer.message, "9 streams of no tenant are open, and no more may be; try again later");
  open.push_back(server_->channel().Stream(
      kSubscribe, "", {.headers = {{"jammi-session-id", "aaaaaaaa-0000-4000-8000-000000000001"}}}));
  open.back().AwaitHeaders();
  EXPECT_EQ(server_->dispatcher().open_streams(), 10U);
}

// --- Streams of those who would no longer be let in

// A stream that goes on all the same does not go on for ever.
const CallOptions kWithToken = {.headers = {{"authorization", "Bearer writer"}},
                                .timeout = std::chrono::seconds(20)};

TEST_F(StreamCallTest, Srv033WhatATokenOpenedEndsWithIt) {
  auto parked = server_->channel().Stream(kSubscribe, "", kWithToken);
  const auto source = trigger_->source(0);
  auto other = Subscribe();
  (void)trigger_->source(1);
  ASSERT_TRUE(Eventually([&] { return source->parked(); }));
  server_->dispatcher().EndRevokedStreams();  // nothing has been taken away
  source->Push("x");
  EXPECT_EQ(Body(parked.Read()), "x");
  server_->resolver().revoked = true;
  server_->dispatcher().EndRevokedStreams();
  const auto answer = parked.Finish();
  EXPECT_EQ(answer.code, RpcCode::kUnauthenticated);
  EXPECT_EQ(answer.message, "the token was taken away");
  EXPECT_TRUE(Eventually([&] { return source->closed(); }));
  trigger_->source(1)->Push("y");
  EXPECT_EQ(Body(other.Read()), "y") << "others go on";
}

TEST_F(StreamCallTest, Srv033AStreamInTheMiddleOfAMessageEndsBehindIt) {
  trigger_->endless = true;
  auto stream = server_->channel().Stream(kSubscribe, "", kWithToken);
  ASSERT_NE(stream.Read(), std::nullopt);
  server_->resolver().revoked = true;
  server_->dispatcher().EndRevokedStreams();
  EXPECT_EQ(stream.Finish().code, RpcCode::kUnauthenticated);
  EXPECT_TRUE(AllGone());
}

// Let in before, opened after: the stream is not in the way of who looks for those that are open.
TEST_F(StreamCallTest, Srv033ATokenThatIsTakenAwayWhileAStreamIsOpened) {
  for (const auto* point : {"test:open", "rpc:stream:running"}) {
    server_->resolver().revoked = false;
    HeldAt held(point);
    auto stream = server_->channel().Stream(kSubscribe, "", kWithToken);
    held.Await();
    server_->resolver().revoked = true;
    server_->dispatcher().EndRevokedStreams();
    held.LetGo();
    EXPECT_EQ(stream.Finish().code, RpcCode::kUnauthenticated) << point;
    ClearSyncPoints();
  }
  EXPECT_TRUE(AllGone());
}

// SRV-010
TEST_F(StreamCallTest, Srv010ADrainEndsStreamsInEveryState) {
  auto parked = Subscribe();
  const auto first = trigger_->source(0);
  ASSERT_TRUE(Eventually([&] { return first->parked(); }));
  auto reading = Subscribe();
  trigger_->source(1)->Push("x");
  EXPECT_EQ(Body(reading.Read()), "x");
  std::thread drain([&] { server_->server().Shutdown(Deadline::After(std::chrono::seconds(20))); });
  for (auto* stream : {&parked, &reading}) {
    const auto answer = stream->Finish();
    EXPECT_EQ(answer.code, RpcCode::kUnavailable);
    EXPECT_EQ(answer.message, "the server is shutting down");
  }
  drain.join();
  EXPECT_EQ(server_->dispatcher().open_streams(), 0U);
}

TEST_F(StreamCallTest, Srv010AStreamThatComesDuringADrainIsRefused) {
  auto warm = Subscribe();  // the connection is there
  warm.AwaitHeaders();
  server_->dispatcher().EndStreams();
  EXPECT_EQ(warm.Finish().code, RpcCode::kUnavailable);
  const auto answer = Subscribe().Finish();
  EXPECT_EQ(answer.code, RpcCode::kUnavailable);
  EXPECT_EQ(answer.message, "the server is shutting down");
  EXPECT_EQ(server_->Call(kPublish, "").code, RpcCode::kOk) << "other calls go on";
}

TEST_F(StreamCallTest, Srv010AStreamThatIsBeingOpenedEndsTooAndOneThatIsNotReadIsCancelled) {
  trigger_->endless = true;
  auto slow = Subscribe();
  (void)trigger_->source(0);
  HeldAt held("test:open");
  auto opening = Subscribe();
  held.Await();
  std::thread drain([&] { server_->server().Shutdown(Deadline::Now()); });
  held.LetGo();
  drain.join();  // though one client does not read
  EXPECT_NE(opening.Finish().code, RpcCode::kOk);
  EXPECT_TRUE(AllGone());
}

// Everything at once, for the sanitizers.
TEST_F(StreamCallTest, ClientsThatComeAndGoAtRandom) {
  std::vector<std::thread> clients;
  for (unsigned seed = 0; seed < 4; ++seed) {
    clients.emplace_back([&, seed] {
      const TestChannel channel(server_->address());
      for (unsigned i = 0; i < 60; ++i) {
        auto stream = channel.Stream(kSubscribe, "");
        if ((i + seed) % 3 == 0) stream.AwaitHeaders();
        if ((i + seed) % 5 == 0) (void)stream.Read();
        stream.Cancel();
      }
    });
  }
  std::atomic<bool> stop = false;
  std::thread publisher([&] {
    for (size_t i = 0; !stop; ++i) {
      std::vector<std::shared_ptr<Source>> now;
      {
        const std::lock_guard lock(trigger_->mutex);
        now = trigger_->sources;
      }
      for (auto& source : now) source->Push("x");
      std::this_thread::yield();
    }
  });
  for (auto& client : clients) client.join();
  stop = true;
  publisher.join();
  EXPECT_TRUE(AllGone());
  for (const auto& source : trigger_->sources) EXPECT_TRUE(source->closed());
}

}  // namespace
}  // namespace jammi::test
