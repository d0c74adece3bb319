// What is asked of a stream and told to the wire, step by step and on one thread: which message may wait for
// the next one, and which must not.
#include "rpc/stream_pump.h"

#include <gmock/gmock.h>
#include <grpcpp/server_context.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rpc/rpc_fixture.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Step = Result<RpcStream::Polled>;

Step Say(const std::string& text) {
  const grpc::Slice slice(text);
  return RpcStream::Polled(grpc::ByteBuffer(&slice, 1));
}
Step Wait() { return RpcStream::Polled(RpcStream::NotReady{}); }
Step Over() { return RpcStream::Polled(RpcStream::End{}); }
Step Broken() { return Error(ErrorCode::kNotFound, "gone"); }

std::string TextOf(const grpc::ByteBuffer& message) {
  grpc::Slice slice;
  EXPECT_TRUE(message.DumpToSingleSlice(&slice).ok());
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

// Says the steps in turn. Whoever asks it beyond its end, or beyond the script, fails the test and is told
// that it is over: a broken rule does not go on for ever.
class ScriptedStream final : public RpcStream {
 public:
  explicit ScriptedStream(std::deque<Step> steps) : steps_(std::move(steps)) {}
  Result<Polled> TryNext() override {
    ++polls;
    if (over_ || steps_.empty()) {
      ADD_FAILURE() << (over_ ? "asked after its end" : "asked again");
      return Over();
    }
    Step step = std::move(steps_.front());
    steps_.pop_front();
    over_ = !step || std::holds_alternative<End>(*step);
    return step;
  }
  void OnReady(std::move_only_function<void()> ready) override { waiting = std::move(ready); }
  void Close() override {}

  int polls = 0;
  std::move_only_function<void()> waiting;

 private:
  std::deque<Step> steps_;
  bool over_ = false;
};

// Notes what it is told: "a" is sent at once, "a+" may wait for what follows. The test says when a message
// has gone.
class NotingWire final : public StreamPump::Wire {
 public:
  void SendHeaders() override { ++headers; }
  void Write(const grpc::ByteBuffer& message, bool more) override {
    written.push_back(TextOf(message) + (more ? "+" : ""));
  }
  void End(const grpc::Status& status) override { ends.push_back(status.error_code()); }

  int headers = 0;
  std::vector<std::string> written;
  std::vector<int> ends;
};

class StreamPumpTest : public testing::Test {
 protected:
  void Run(std::deque<Step> steps) {
    auto stream = std::make_unique<ScriptedStream>(std::move(steps));
    stream_ = stream.get();
    ASSERT_TRUE(pump_.Enter());
    pump_.Run(std::move(stream));
  }
  // Until nothing is under way: the stream waits, or the call is finished.
  void SendAll() {
    for (size_t gone = 0; gone < wire_.written.size() && wire_.ends.empty(); ++gone) pump_.Written(true);
  }

  HeaderResolver resolver_;
  CountingObserver observer_;
  RpcExecutor executor_{1, 1};
  Dispatcher dispatcher_{resolver_, executor_, observer_, {}};
  const RpcMethod method_ = {.name = "Subscribe", .path = "/test/Subscribe", .server_streams = true};
  grpc::CallbackServerContext context_;
  CallState state_{dispatcher_, method_, 0, context_};
  NotingWire wire_;
  StreamPump pump_{state_, wire_};
  ScriptedStream* stream_ = nullptr;
};

// gRPC keeps back what may wait until more comes: the client would not see it.
TEST_F(StreamPumpTest, AMessageThatNothingFollowsIsSentAtOnce) {
  Run({Say("a"), Wait(), Wait()});
  EXPECT_EQ(wire_.headers, 1);
  EXPECT_THAT(wire_.written, ElementsAre("a"));
  SendAll();
  EXPECT_TRUE(stream_->waiting) << "for what comes next";
  EXPECT_THAT(wire_.ends, IsEmpty());
}

TEST_F(StreamPumpTest, MessagesThatFollowEachOtherGoTogether) {
  Run({Say("a"), Say("b"), Say("c"), Wait(), Wait()});
  SendAll();
  EXPECT_THAT(wire_.written, ElementsAre("a+", "b+", "c"));
  EXPECT_TRUE(stream_->waiting);
}

TEST_F(StreamPumpTest, TheLastMessageGoesWithTheEnd) {
  Run({Say("a"), Say("b"), Over()});
  SendAll();
  EXPECT_THAT(wire_.written, ElementsAre("a+", "b+"));
  EXPECT_THAT(wire_.ends, ElementsAre(grpc::StatusCode::OK));
}

TEST_F(StreamPumpTest, AnErrorThatFollowsAMessageComesBehindIt) {
  Run({Say("a"), Broken()});
  EXPECT_THAT(wire_.written, ElementsAre("a+"));
  EXPECT_THAT(wire_.ends, IsEmpty()) << "not before the message has gone";
  SendAll();
  EXPECT_THAT(wire_.ends, ElementsAre(grpc::StatusCode::NOT_FOUND));
}

TEST_F(StreamPumpTest, WhatComesWhileAMessageIsUnderWayIsSentBehindIt) {
  Run({Say("a"), Wait(), Say("b"), Wait(), Over()});
  SendAll();
  EXPECT_THAT(wire_.written, ElementsAre("a", "b"));
  EXPECT_THAT(wire_.ends, ElementsAre(grpc::StatusCode::OK));
}

TEST_F(StreamPumpTest, AfterAWaitItGoesOn) {
  Run({Wait(), Say("a"), Say("b"), Wait(), Over()});
  ASSERT_TRUE(stream_->waiting);
  EXPECT_THAT(wire_.written, IsEmpty());
  stream_->waiting();
  SendAll();
  EXPECT_THAT(wire_.written, ElementsAre("a+", "b"));
  EXPECT_THAT(wire_.ends, ElementsAre(grpc::StatusCode::OK));
}

// A client that does not read costs two messages.
TEST_F(StreamPumpTest, NoMoreThanOneMessageIsTakenAhead) {
  Run({Say("a"), Say("b"), Say("c"), Over()});
  EXPECT_EQ(stream_->polls, 2);
  pump_.Written(true);
  EXPECT_EQ(stream_->polls, 3);
}

TEST_F(StreamPumpTest, AnEndThatIsAskedForGoesBeforeWhatWasTakenAhead) {
  Run({Say("a"), Say("b")});
  dispatcher_.EndStreams();
  EXPECT_THAT(wire_.ends, IsEmpty()) << "a message is under way";
  pump_.Written(true);
  EXPECT_THAT(wire_.written, ElementsAre("a+"));
  EXPECT_THAT(wire_.ends, ElementsAre(grpc::StatusCode::UNAVAILABLE));
}

TEST_F(StreamPumpTest, NothingIsSentBehindAMessageThatCouldNotGo) {
  Run({Say("a"), Say("b")});
  pump_.Written(false);
  EXPECT_THAT(wire_.written, ElementsAre("a+"));
  EXPECT_THAT(wire_.ends, ElementsAre(grpc::StatusCode::CANCELLED));
}

// Until it is known who calls, his connection's or session's share counts; then his own.
TEST_F(StreamPumpTest, WhoIsKnownByNowGivesBackTheShareOfHisConnection) {
  Dispatcher small(resolver_, executor_, observer_, {.max_streams = 2});
  CallState first_state(small, method_, 0, context_);
  CallState second_state(small, method_, 0, context_);
  NotingWire first_wire;
  NotingWire second_wire;
  StreamPump first(first_state, first_wire);
  StreamPump second(second_state, second_wire);
  ASSERT_TRUE(first.Enter());
  EXPECT_FALSE(second.Enter()) << "one of two is what one connection may have";
  EXPECT_THAT(second_wire.ends, ElementsAre(grpc::StatusCode::RESOURCE_EXHAUSTED));
  ASSERT_TRUE(first_state.Resolve());
  EXPECT_TRUE(first.Enter());
  EXPECT_EQ(small.open_streams(), 1U);
  CallState third_state(small, method_, 0, context_);
  NotingWire third_wire;
  StreamPump third(third_state, third_wire);
  EXPECT_TRUE(third.Enter());
  EXPECT_THAT(first_wire.ends, IsEmpty());
}

}  // namespace
}  // namespace jammi::test
