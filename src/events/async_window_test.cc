// EmitAsync(): order, bounds, and sending again from the first without an outcome.
#include <atomic>
#include <thread>
#include <vector>

#include "events/jetstream_sink_fixture.h"

namespace jammi::events {
namespace {

using testing::Each;
using testing::ElementsAre;

class AsyncWindowTest : public JetStreamSinkTest {
 protected:
  // Emits an event whose outcome comes into outcomes().
  void EmitAsync(const std::string& id) {
    sink_->EmitAsync(MakeEvent(id), [this, id](Result<void> result) {
      const std::lock_guard lock(mutex_);
      outcomes_.push_back(id + " " + Name(result));
    });
  }
  std::vector<std::string> outcomes() {
    const std::lock_guard lock(mutex_);
    return outcomes_;
  }
  // The ids of the events in the order of the calls.
  std::vector<std::string> Sent() {
    std::vector<std::string> ids;
    for (const auto& call : publisher_->calls()) {
      const size_t at = call.payload.find(R"("id":")") + 6;
      ids.push_back(call.payload.substr(at, call.payload.find('"', at) - at));
    }
    return ids;
  }
  void Flush() { ASSERT_TRUE(sink_->Flush(Deadline::After(std::chrono::seconds(30)))); }
  static Result<PubAck> Acked() { return PubAck{.stream = "S", .seq = 1}; }
  static Error Away() { return SinkError(SinkFault::kUnavailable, "away"); }

 private:
  std::mutex mutex_;
  std::vector<std::string> outcomes_;
};

// SNK-080
TEST_F(AsyncWindowTest, EventsGoOutInTheirOrderWithoutWaitingForOneAnother) {
  Make();
  publisher_->Hold();
  for (const auto* const id : {"a", "b", "c"}) EmitAsync(id);
  EXPECT_THAT(Sent(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(outcomes(), testing::IsEmpty());
  EXPECT_EQ(sink_->counters().in_flight.value(), 3);
  publisher_->Release();
  EXPECT_THAT(outcomes(), ElementsAre("a ok", "b ok", "c ok"));
  EXPECT_EQ(sink_->counters().in_flight.value(), 0);
  EXPECT_EQ(sink_->counters().acked.value(), 3U);
}

// Section 9: the window stops, and the first without an outcome goes again before those behind it.
TEST_F(AsyncWindowTest, AFailureStopsTheWindowAndTheFirstGoesAgainAlone) {
  Make();
  publisher_->Hold();
  for (const auto* const id : {"a", "b", "c", "d"}) EmitAsync(id);
  publisher_->AnswerOne(Acked());  // a
  publisher_->AnswerOne(Away());   // b
  EmitAsync("e");                  // not sent: something is wrong
  publisher_->AnswerOne(Acked());  // c
  EXPECT_THAT(Sent(), ElementsAre("a", "b", "c", "d"));
  publisher_->AnswerOne(Away());  // d: now all have their outcome
  publisher_->AwaitCalls(5);
  EXPECT_THAT(Sent(), ElementsAre("a", "b", "c", "d", "b"));
  publisher_->AnswerOne(Acked());
  publisher_->AwaitCalls(7);
  EXPECT_THAT(Sent(), ElementsAre("a", "b", "c", "d", "b", "d", "e"));
  publisher_->Release();
  Flush();
  EXPECT_THAT(outcomes(), ElementsAre("a ok", "c ok", "b ok", "d ok", "e ok"));
  EXPECT_THAT(clock_->pauses(), ElementsAre(Milliseconds(100)));
  // The same message id both times.
  EXPECT_EQ(publisher_->calls().at(1).headers, publisher_->calls().at(4).headers);
}

TEST_F(AsyncWindowTest, ThreeTriesInVainOpenTheCircuitAndEveryEventHearsOfIt) {
  Make();
  publisher_->Hold();
  EmitAsync("a");
  publisher_->Fails();
  publisher_->AnswerOne(Away());
  publisher_->AwaitCalls(2);
  EmitAsync("b");  // behind the one that is tried again
  publisher_->Release();
  Flush();
  EXPECT_THAT(outcomes(), ElementsAre("a Unavailable", "b CircuitOpen"));
  EXPECT_THAT(Sent(), ElementsAre("a", "a", "a"));
  EXPECT_THAT(clock_->pauses(), ElementsAre(Milliseconds(100), Milliseconds(400)));
  EXPECT_EQ(Left(), Milliseconds(100));
  EmitAsync("c");
  EXPECT_EQ(outcomes().back(), "c CircuitOpen");
}

TEST_F(AsyncWindowTest, AProbeIsOneTry) {
  Make();
  Open();
  clock_->Advance(Milliseconds(100));
  publisher_->Hold();
  EmitAsync("probe");
  EmitAsync("other");
  EXPECT_THAT(outcomes(), ElementsAre("other CircuitOpen"));
  publisher_->AnswerOne(Away());
  Flush();
  EXPECT_EQ(outcomes().back(), "probe Unavailable");
  EXPECT_EQ(sink_->DebugState().attempt, 1U);
  EXPECT_EQ(Left(), Milliseconds(200));
}

TEST_F(AsyncWindowTest, ARejectionHoldsNobodyUp) {
  Make();
  publisher_->Hold();
  for (const auto* const id : {"a", "b"}) EmitAsync(id);
  publisher_->AnswerOne(SinkError(SinkFault::kRejected, "no"));
  EmitAsync("c");
  EXPECT_THAT(Sent(), ElementsAre("a", "b", "c"));
  publisher_->Release();
  EXPECT_THAT(outcomes(), ElementsAre("a Rejected", "b ok", "c ok"));
  EXPECT_TRUE(sink_->DebugState().connected);
}

TEST_F(AsyncWindowTest, TheWindowIsBounded) {
  JetStreamSinkOptions options;
  options.max_in_flight = 2;
  Make(options);
  publisher_->Hold();
  EmitAsync("a");
  EmitAsync("b");
  std::atomic<bool> in = false;
  std::thread third([&] {
    EmitAsync("c");
    in = true;
  });
  EXPECT_EQ(publisher_->count(), 2U);
  publisher_->AnswerOne(Acked());
  publisher_->AwaitCalls(3);
  third.join();
  EXPECT_TRUE(in);
  publisher_->Release();
  EXPECT_THAT(outcomes(), ElementsAre("a ok", "b ok", "c ok"));
}

// A client that gathers messages for a moment must not do so while somebody waits for their answers; and a
// wake-up for each answer would halve the rate: half of the window is free when he goes on.
TEST_F(AsyncWindowTest, WhoWaitsForRoomHasItSentAndGetsHalfOfTheWindow) {
  JetStreamSinkOptions options;
  options.max_in_flight = 4;
  Make(options);
  publisher_->Hold();
  for (const auto* id : {"a", "b", "c", "d"}) EmitAsync(id);
  std::thread waiting([&] { EmitAsync("e"); });
  publisher_->AwaitSendNow();
  publisher_->AnswerOne(Acked());
  publisher_->AnswerOne(Acked());
  publisher_->AwaitCalls(5);
  waiting.join();
  publisher_->Release();
  EXPECT_THAT(outcomes(), ElementsAre("a ok", "b ok", "c ok", "d ok", "e ok"));
}

// Also in a full window: who is told makes the room by returning.
TEST_F(AsyncWindowTest, ACallbackMayEmit) {
  JetStreamSinkOptions options;
  options.max_in_flight = 1;
  Make(options);
  publisher_->Hold();
  sink_->EmitAsync(MakeEvent("a"), [this](Result<void> result) {
    EXPECT_TRUE(result);
    EmitAsync("b");
  });
  publisher_->AnswerOne(Acked());
  publisher_->Release();
  Flush();
  EXPECT_THAT(Sent(), ElementsAre("a", "b"));
  EXPECT_THAT(outcomes(), ElementsAre("b ok"));
}

// A publisher that answers before it returns.
TEST_F(AsyncWindowTest, AnswersMayComeAtOnce) {
  Make();
  for (int i = 0; i < 600; ++i) EmitAsync("e");
  EXPECT_EQ(outcomes().size(), 600U);
  EXPECT_THAT(outcomes(), Each("e ok"));
}

TEST_F(AsyncWindowTest, WhatIsWrongWithTheEventIsToldAtOnce) {
  Make();
  Event invalid = MakeEvent("");
  std::string told;
  sink_->EmitAsync(invalid, [&](Result<void> result) { told = Name(result); });
  EXPECT_EQ(told, "InvalidEvent");
  EXPECT_EQ(sink_->counters().Failed(SinkFault::kInvalidEvent).value(), 1U);
}

// SNK-080: an Emit() behind EmitAsync()s of the same thread.
TEST_F(AsyncWindowTest, EmitComesAfterWhatWasEmittedBefore) {
  Make();
  publisher_->Hold();
  EmitAsync("a");
  std::thread emit([this] { EXPECT_TRUE(sink_->Emit(MakeEvent("b"))); });
  EXPECT_EQ(publisher_->count(), 1U);
  publisher_->Release();
  emit.join();
  EXPECT_THAT(Sent(), ElementsAre("a", "b"));
}

// SNK-004
TEST_F(AsyncWindowTest, FlushWaitsAndCloseLeavesNothingUntold) {
  Make();
  publisher_->Hold();
  EmitAsync("a");
  const auto late = sink_->Flush(Deadline::Now());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::kDeadlineExceeded);
  const auto closed = sink_->Close(Deadline::Now());
  EXPECT_EQ(closed.error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(closed.error().message(), testing::HasSubstr("1 events"));
  EXPECT_THAT(outcomes(), ElementsAre("a Closed"));
  EmitAsync("b");
  EXPECT_EQ(outcomes().back(), "b Closed");
  EXPECT_EQ(Emit(), "Closed");
  EXPECT_TRUE(sink_->Close(Deadline::Now()));
}

TEST_F(AsyncWindowTest, CloseEndsAPauseAndAnEmitThatIsHeld) {
  Make();
  publisher_->Hold();
  std::thread emit([this] { EXPECT_EQ(Emit(), "Closed"); });
  publisher_->AwaitCalls(1);
  EXPECT_FALSE(sink_->Close(Deadline::Now()));
  emit.join();
}

TEST_F(AsyncWindowTest, APublisherThatThrowsCountsAsALostConnection) {
  Make();
  publisher_->Answers([]() -> Result<PubAck> { throw std::runtime_error("gone"); });
  EmitAsync("a");
  Flush();
  EXPECT_THAT(outcomes(), ElementsAre("a ConnectionLost"));
  EXPECT_EQ(publisher_->count(), 3U);
}

// Many threads, answers at random, the circuit opening and closing: every event has one outcome, and the
// events of one thread that were taken were taken in their order.
TEST_F(AsyncWindowTest, ManyThreads) {
  JetStreamSinkOptions options;
  options.max_in_flight = 16;
  options.backoff_base = Milliseconds(1);
  Make(options);
  std::atomic<uint32_t> calls = 0;
  publisher_->Answers([&]() -> Result<PubAck> {
    clock_->Advance(Milliseconds(1));
    return ++calls * 2654435761U % 7 == 0 ? Result<PubAck>(Away()) : Acked();
  });
  constexpr int kThreads = 4;
  constexpr int kEvents = 500;
  std::array<std::atomic<int>, kThreads> told{};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEvents; ++i)
        sink_->EmitAsync(MakeEvent(std::to_string(t)), [&, t](const Result<void>&) { ++told.at(t); });
    });
  }
  for (auto& thread : threads) thread.join();
  Flush();
  for (const auto& each : told) EXPECT_EQ(each, kEvents);
  const auto& counters = sink_->counters();
  EXPECT_EQ(counters.emitted.value(), uint64_t{kThreads * kEvents});
  EXPECT_EQ(counters.acked.value() + counters.Failed(SinkFault::kUnavailable).value() +
                counters.refused_while_open(),
            uint64_t{kThreads * kEvents});
}

}  // namespace
}  // namespace jammi::events
