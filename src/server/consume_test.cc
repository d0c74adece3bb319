// jammi.ext.v1.StreamService/Consume
#include <functional>
#include <future>
#include <thread>

#include "base/sync_point.h"
#include "server/consume_dialog.h"
#include "server/stream_fixture.h"

namespace jammi::test {
namespace {

using testing::HasSubstr;

using Dialog = BidiStream<ext::ConsumeRequest, ext::ConsumeResponse>;

ext::ConsumeRequest Attach(const std::string& name = "reader") {
  ext::ConsumeRequest request;
  auto& attach = *request.mutable_attach();
  attach.set_topic("t");
  attach.set_name(name);
  attach.mutable_create_if_absent()->mutable_from()->set_offset(0);
  return request;
}
ext::ConsumeRequest Ack(uint64_t offset) {
  ext::ConsumeRequest request;
  request.mutable_ack()->set_offset(offset);
  return request;
}
ext::ConsumeRequest Flush() {
  ext::ConsumeRequest request;
  request.mutable_flush();
  return request;
}

class ConsumeTest : public StreamTest {
 protected:
  void SetUp() override { Register(kNobody, "t"); }
  void PublishN(int count) {
    const auto client = Client(kNobody);
    for (int i = 0; i < count; ++i) PublishOk(client, "t", BatchS(i));
  }
  Dialog Open(const ext::ConsumeRequest& first = Attach()) {
    auto dialog = Client(kNobody).Converse<ext::ConsumeRequest, ext::ConsumeResponse>(
        "/jammi.ext.v1.StreamService/Consume");
    EXPECT_TRUE(dialog.Write(first));
    return dialog;
  }
  // Behind `attached`.
  Dialog Reader(const ext::ConsumeRequest& first = Attach()) {
    auto dialog = Open(first);
    const auto attached = dialog.Read();
    EXPECT_TRUE(attached) << attached.error().ToString();
    EXPECT_TRUE(attached && *attached && (*attached)->has_attached());
    return dialog;
  }
  // The next message; fails the test if none comes.
  static ext::ConsumeResponse NextOf(Dialog& dialog) {
    const auto next = dialog.Read();
    EXPECT_TRUE(next) << next.error().ToString();
    EXPECT_TRUE(next && *next);
    return next && *next ? **next : ext::ConsumeResponse();
  }
  // The next delivery; what is acknowledged meanwhile is passed over.
  static uint64_t NextEvent(Dialog& dialog) {
    auto next = NextOf(dialog);
    while (next.has_acked()) next = NextOf(dialog);
    EXPECT_TRUE(next.has_delivery()) << next.ShortDebugString();
    return next.delivery().offset();
  }
  // Of a replay of two events, both of which have come, and the end behind them.
  Dialog ReaderAtTheEnd() {
    PublishN(2);
    auto attach = Attach();
    attach.mutable_attach()->set_replay_only(true);
    auto dialog = Reader(attach);
    EXPECT_EQ(NextEvent(dialog), 0);
    EXPECT_EQ(NextEvent(dialog), 1);
    EXPECT_TRUE(NextOf(dialog).has_end());
    return dialog;
  }
  // How far all is acknowledged when the answer to a flush, or to the end, comes.
  static void ExpectAcked(Dialog& dialog, uint64_t offset) {
    auto next = NextOf(dialog);
    while (next.has_acked() && next.acked().offset() < offset) next = NextOf(dialog);
    EXPECT_EQ(next.acked().offset(), offset) << next.ShortDebugString();
  }
  static void ExpectEnd(Dialog& dialog) {
    auto next = dialog.Read();
    while (next && *next && (*next)->has_acked()) next = dialog.Read();
    ASSERT_TRUE(next) << next.error().ToString();
    EXPECT_FALSE(next->has_value());
  }
  Error ErrorOf(Dialog& dialog) {
    while (true) {
      const auto next = dialog.Read();
      if (!next) return next.error();
      if (!*next) return Error(ErrorCode::kInternal, "it ended in order");
    }
  }
  uint64_t Position(const std::string& name = "reader") {
    return host().As(kNobody).consumers().Get("t", name)->position.offset;
  }
};

TEST_F(ConsumeTest, DeliversAndRemembersWhatWasAcknowledged) {
  PublishN(3);
  {
    auto dialog = Reader();
    EXPECT_EQ(NextEvent(dialog), 0);
    EXPECT_EQ(NextEvent(dialog), 1);
    EXPECT_TRUE(dialog.Write(Ack(1)));
    EXPECT_TRUE(dialog.Write(Flush()));
    ASSERT_EQ(NextEvent(dialog), 2);
    EXPECT_TRUE(Eventually([&] { return Position() == 2; }));
  }
  EXPECT_TRUE(Eventually([&] {
    const auto lease = host().As(kNobody).consumers().Get("t", "reader")->lease;
    return !lease || !lease->live;
  }));
  auto again = Reader();
  EXPECT_EQ(NextEvent(again), 2);  // it was delivered, and not acknowledged
  PublishN(1);
  EXPECT_EQ(NextEvent(again), 3);
}

TEST_F(ConsumeTest, AFlushIsAnsweredWhenAllIsInTheCatalog) {
  PublishN(2);
  auto dialog = Reader();
  EXPECT_EQ(NextEvent(dialog), 0);
  EXPECT_EQ(NextEvent(dialog), 1);
  EXPECT_TRUE(dialog.Write(Ack(0)));
  EXPECT_TRUE(dialog.Write(Flush()));
  ExpectAcked(dialog, 1);
  EXPECT_EQ(Position(), 1);
  EXPECT_TRUE(dialog.Write(Flush()));  // there is nothing new
  ExpectAcked(dialog, 1);
}

// Whoever waits for `acked` before he sends the next message asks for nothing, and nothing else happens.
TEST_F(ConsumeTest, WhatReachesTheCatalogIsSaidUnasked) {
  PublishN(1);
  auto dialog = Reader();
  EXPECT_EQ(NextEvent(dialog), 0);
  EXPECT_TRUE(dialog.Write(Ack(0)));
  auto acked = std::async(std::launch::async, [&] { return NextOf(dialog); });
  const bool said = acked.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  EXPECT_TRUE(said);
  if (!said) PublishN(1);  // wakes it
  EXPECT_EQ(acked.get().acked().offset(), 1) << "it is the first to come";
}

TEST_F(ConsumeTest, WhatReachesTheCatalogIsSaidBehindTheEndToo) {
  auto dialog = ReaderAtTheEnd();
  for (const uint64_t offset : {0, 1}) {
    EXPECT_TRUE(dialog.Write(Ack(offset)));
    auto acked = std::async(std::launch::async, [&] { return NextOf(dialog); });
    const bool said = acked.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
    EXPECT_TRUE(said);
    if (!said) {
      EXPECT_TRUE(dialog.Write(Flush()));
    }
    EXPECT_EQ(acked.get().acked().offset(), offset + 1);
  }
  dialog.WritesDone();
  ExpectEnd(dialog);
}

// A client that asks for a flush while one is under way, each time.
TEST_F(ConsumeTest, EachFlushIsAnsweredBeforeTheNext) {
  constexpr int kFlushes = 5;
  auto subscription =
      host().As(kNobody).consumers().Attach("t", "reader", {.create_if_absent = {{.from = From::Offset(0)}}});
  JAMMI_OK(subscription);
  ConsumeDialog dialog(*std::move(subscription), {}, host().executor, 0, host().metrics);
  int written = 0;
  std::vector<int> answered;  // flushes that were written when the client got an answer
  std::promise<void> last;
  SetSyncPoint("ConsumeDialog::RunFlush.written", [&] {
    if (++written < kFlushes) {
      EXPECT_TRUE(dialog.Take(Flush()));
    }
  });
  std::function<void()> read = [&] {
    while (true) {
      const auto polled = dialog.TryNext();
      ASSERT_TRUE(polled) << polled.error().ToString();
      if (!std::holds_alternative<grpc::ByteBuffer>(*polled)) break;
      answered.push_back(written);
    }
    dialog.OnReady(read);
    if (written == kFlushes) last.set_value();
  };
  read();
  EXPECT_THAT(answered, testing::ElementsAre(0)) << "the first message";
  answered.clear();
  JAMMI_OK(dialog.Take(Flush()));
  last.get_future().wait();
  dialog.Close();
  ClearSyncPoints();
  EXPECT_THAT(answered, testing::ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(ConsumeTest, WhoSendsNoMoreGetsTheLastAckAndTheEnd) {
  PublishN(2);
  auto dialog = Reader();
  EXPECT_EQ(NextEvent(dialog), 0);
  EXPECT_EQ(NextEvent(dialog), 1);
  EXPECT_TRUE(dialog.Write(Ack(1)));
  dialog.WritesDone();
  ExpectAcked(dialog, 2);
  EXPECT_EQ(Position(), 2);
  ExpectEnd(dialog);
}

TEST_F(ConsumeTest, AReplayEndsAndWaitsForTheAcknowledgements) {
  auto dialog = ReaderAtTheEnd();
  EXPECT_TRUE(dialog.Write(Ack(1)));
  dialog.WritesDone();
  ExpectAcked(dialog, 2);
  ExpectEnd(dialog);
}

TEST_F(ConsumeTest, OneReadsAtATime) {
  auto first = Reader();
  auto second = Open();
  const auto held = ErrorOf(second);
  EXPECT_EQ(held.code(), ErrorCode::kFailedPrecondition);
  auto attach = Attach();
  attach.mutable_attach()->set_take_over(true);
  auto third = Reader(attach);
  EXPECT_EQ(ErrorOf(first).code(), ErrorCode::kFailedPrecondition);
  PublishN(1);
  EXPECT_EQ(NextEvent(third), 0);
}

TEST_F(ConsumeTest, RefusesWhatCannotBe) {
  auto none = Open(Ack(0));
  EXPECT_THAT(ErrorOf(none).message(), HasSubstr("the first message must be attach"));
  ext::ConsumeRequest unnamed;
  unnamed.mutable_attach();
  auto no_topic = Open(unnamed);
  EXPECT_THAT(ErrorOf(no_topic).message(), HasSubstr("topic is required"));
  auto attach = Attach();
  attach.mutable_attach()->set_topic("nope");
  auto unknown = Open(attach);
  EXPECT_THAT(ErrorOf(unknown).message(), HasSubstr("topic 'nope' not found"));
  auto twice = Reader();
  EXPECT_TRUE(twice.Write(Attach()));
  EXPECT_EQ(ErrorOf(twice).code(), ErrorCode::kInvalidArgument);
  auto early = Reader(Attach("another"));
  EXPECT_TRUE(early.Write(Ack(7)));
  EXPECT_EQ(ErrorOf(early).code(), ErrorCode::kInvalidArgument);
  auto empty = Reader(Attach("a third"));
  EXPECT_TRUE(empty.Write({}));
  EXPECT_EQ(ErrorOf(empty).code(), ErrorCode::kInvalidArgument);
}

TEST_F(ConsumeTest, WhoSaysNothingIsRefused) {
  auto dialog = Client(kNobody).Converse<ext::ConsumeRequest, ext::ConsumeResponse>(
      "/jammi.ext.v1.StreamService/Consume");
  dialog.WritesDone();
  const auto error = ErrorOf(dialog);
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.message(), HasSubstr("there is no first message"));
}

// SRV-010, SRV-011: also one that has not said yet what it wants.
TEST_F(ConsumeTest, DrainEndsDialogs) {
  auto reading = Reader();
  auto silent = Client(kNobody).Converse<ext::ConsumeRequest, ext::ConsumeResponse>(
      "/jammi.ext.v1.StreamService/Consume");
  ASSERT_TRUE(Eventually([this] { return open_streams() == 2; }));
  std::jthread drain([this] { host().port->Shutdown(Deadline::After(std::chrono::seconds(30))); });
  EXPECT_EQ(ErrorOf(reading).code(), ErrorCode::kUnavailable);
  EXPECT_EQ(ErrorOf(silent).code(), ErrorCode::kUnavailable);
}

TEST_F(ConsumeTest, ClientsThatGoLeaveNothingAndGiveTheLeaseBack) {
  PublishN(2);
  for (int round = 0; round < 20; ++round) {
    auto dialog = Reader(Attach("reader " + std::to_string(round)));
    EXPECT_EQ(NextEvent(dialog), 0);
    EXPECT_TRUE(dialog.Write(Ack(0)));
    if (round % 2 == 0) {
      EXPECT_TRUE(dialog.Write(Flush()));
    }
  }
  EXPECT_TRUE(Eventually([this] { return open_streams() == 0 && NobodySubscribes(); }));
  EXPECT_TRUE(Eventually([this] {
    const auto lease = host().As(kNobody).consumers().Get("t", "reader 19")->lease;
    return !lease || !lease->live;
  }));
}

// Both ways nobody gets more than he takes: many events to a reader who is slow, many acknowledgements from
// one.
TEST_F(ConsumeTest, SlowReaderGetsEverything) {
  const auto client = Client(kNobody);
  const auto big = BatchS(1, {std::string(256 << 10, 'x')});
  for (int i = 0; i < 100; ++i) PublishOk(client, "t", big);
  auto dialog = Reader();
  for (uint64_t i = 0; i < 100; ++i) {
    ASSERT_EQ(NextEvent(dialog), i);
    ASSERT_TRUE(dialog.Write(Ack(i)));
  }
  dialog.WritesDone();
  ExpectAcked(dialog, 100);
  ExpectEnd(dialog);
}

}  // namespace
}  // namespace jammi::test
