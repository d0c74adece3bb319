// The bounded queue: section 9 of the sink's rules, "Back-pressure".
#include "jammi/events/queue.h"

#include <gmock/gmock.h>

#include <atomic>
#include <optional>
#include <thread>

#include "base/log.h"
#include "events/scripted_sink.h"

namespace jammi::events {
namespace {

using test::EventNamed;
using test::FaultIn;
using test::ScriptedSink;
using test::Soon;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class QueueTest : public testing::Test {
 protected:
  QueueTest() { SetLog(LogLevel::kOff, LogFormat::kText); }
  ~QueueTest() override { SetLog(LogLevel::kWarning, LogFormat::kText); }

  std::unique_ptr<QueueSink> Make(QueueOptions options) {
    options.metrics = metrics_;
    auto sink = QueueSink::Make(inner_, std::move(options));
    EXPECT_TRUE(sink) << sink.error().ToString();
    return std::move(*sink);
  }
  // A queue whose sink answers nothing and has "a", the whole of its window.
  std::unique_ptr<QueueSink> MakeStuck(QueueOptions options) {
    inner_->Hold();
    options.window = 1;
    auto sink = Make(std::move(options));
    EXPECT_TRUE(sink->Emit(EventNamed("a")));
    inner_->AwaitGiven(1);
    return sink;
  }

  const std::shared_ptr<ScriptedSink> inner_ = std::make_shared<ScriptedSink>();
  const std::shared_ptr<Metrics> metrics_ = std::make_shared<Metrics>();
};

TEST_F(QueueTest, TheProducerDoesNotWaitForTheReceiver) {
  const auto sink = MakeStuck({});
  for (const char* id : {"b", "c", "d"}) EVENTS_OK_OR_FAIL(sink->Emit(EventNamed(id)));
  EXPECT_THAT(inner_->AwaitGiven(1), ElementsAre("a"));  // the window is one
  EXPECT_EQ(metrics_->queue_events.value(), 4);
  EXPECT_EQ(sink->Flush(Deadline::Now()).error().code(), ErrorCode::kDeadlineExceeded);
  inner_->LetGo();
  EVENTS_OK_OR_FAIL(sink->Flush(Soon()));
  EXPECT_THAT(inner_->taken(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(metrics_->queue_events.value(), 0);
  EXPECT_EQ(metrics_->queue_bytes.value(), 0);
}

TEST_F(QueueTest, WhatIsInvalidIsRefusedAtOnce) {
  const auto sink = Make({});
  EXPECT_EQ(FaultIn(sink->Emit({.id = "", .source = "s", .type = "t"})), SinkFault::kInvalidEvent);
}

TEST_F(QueueTest, FailRefusesByEventsAndByBytes) {
  const auto sink = MakeStuck({.max_events = 2, .policy = FullPolicy::kFail});
  EVENTS_OK_OR_FAIL(sink->Emit(EventNamed("b")));
  const auto refused = sink->Emit(EventNamed("c"));
  EXPECT_EQ(FaultIn(refused), SinkFault::kUnavailable);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(metrics_->refused.value(), 1U);
  const auto small = Make({.max_bytes = 10, .policy = FullPolicy::kFail});
  EXPECT_EQ(FaultIn(small->Emit(EventNamed("d"))), SinkFault::kUnavailable);
}

TEST_F(QueueTest, BlockWaitsForRoomAndNoLongerThanItsDeadline) {
  const auto none = MakeStuck({.max_events = 1, .block_for = std::chrono::milliseconds(1)});
  EXPECT_EQ(FaultIn(none->Emit(EventNamed("b"))), SinkFault::kUnavailable);
  inner_->LetGo();
  EVENTS_OK_OR_FAIL(none->Flush(Soon()));

  inner_->Hold();
  const auto sink = Make({.max_events = 1, .window = 1, .block_for = test::kPatience});
  EVENTS_OK_OR_FAIL(sink->Emit(EventNamed("c")));
  std::jthread blocked([&] { EXPECT_TRUE(sink->Emit(EventNamed("d"))); });
  inner_->AwaitGiven(2);
  inner_->LetGo();
  blocked.join();
  EVENTS_OK_OR_FAIL(sink->Flush(Soon()));
  EXPECT_THAT(inner_->taken(), ElementsAre("a", "c", "d"));
}

TEST_F(QueueTest, SpillGoesToTheOtherSinkWhoseAnswerCounts) {
  const auto other = std::make_shared<ScriptedSink>();
  const auto sink = MakeStuck({.max_events = 1, .policy = FullPolicy::kSpill, .spill = other});
  EVENTS_OK_OR_FAIL(sink->Emit(EventNamed("b")));
  other->Fail(SinkFault::kSinkFull, 2);
  EXPECT_EQ(FaultIn(sink->Emit(EventNamed("c"))), SinkFault::kSinkFull);
  SinkFault told = SinkFault::kClosed;
  sink->EmitAsync(EventNamed("d"), [&](const Result<void>& result) { told = FaultIn(result); });
  EXPECT_EQ(told, SinkFault::kSinkFull);
  EXPECT_THAT(other->taken(), ElementsAre("b"));
  EXPECT_EQ(metrics_->refused.value(), 0U);
}

TEST_F(QueueTest, DropOldestLosesTheOldestAndSaysSo) {
  std::vector<std::string> lost;
  const auto sink =
      MakeStuck({.max_events = 3,
                 .policy = FullPolicy::kDropOldest,
                 .on_failed = [&](const Event& event, const Error&) { lost.push_back(event.id); }});
  for (const char* id : {"b", "c", "d", "e"}) EVENTS_OK_OR_FAIL(sink->Emit(EventNamed(id)));
  EXPECT_THAT(lost, ElementsAre("b", "c"));
  EXPECT_EQ(metrics_->dropped.value(), 2U);
  inner_->LetGo();
  EVENTS_OK_OR_FAIL(sink->Flush(Soon()));
  EXPECT_THAT(inner_->taken(), ElementsAre("a", "d", "e"));
}

TEST_F(QueueTest, AnOutcomeIsTold) {
  std::vector<std::string> lost;
  const auto sink =
      MakeStuck({.on_failed = [&](const Event& event, const Error&) { lost.push_back(event.id); }});
  inner_->Script({SinkError(SinkFault::kRejected, "no"), SinkError(SinkFault::kRejected, "no")});
  EVENTS_OK_OR_FAIL(sink->Emit(EventNamed("b")));
  std::optional<Result<void>> outcome;
  sink->EmitAsync(EventNamed("c"), [&](Result<void> result) { outcome = std::move(result); });
  inner_->LetGo();
  EVENTS_OK_OR_FAIL(sink->Flush(Soon()));
  EXPECT_THAT(lost, ElementsAre("b"));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(FaultIn(*outcome), SinkFault::kRejected);
}

TEST_F(QueueTest, MarksAreToldWhenTheyArePassed) {
  std::vector<std::string> told;
  const auto sink = MakeStuck({.max_events = 4,
                               .high_mark = 0.75,
                               .low_mark = 0.25,
                               .on_high = [&] { told.emplace_back("high"); },
                               .on_low = [&] { told.emplace_back("low"); }});
  EVENTS_OK_OR_FAIL(sink->Emit(EventNamed("b")));
  EXPECT_THAT(told, IsEmpty());
  EVENTS_OK_OR_FAIL(sink->Emit(EventNamed("c")));
  EVENTS_OK_OR_FAIL(sink->Emit(EventNamed("d")));
  EXPECT_THAT(told, ElementsAre("high"));
  inner_->LetGo();
  EVENTS_OK_OR_FAIL(sink->Close(Soon()));
  EXPECT_THAT(told, ElementsAre("high", "low"));
}

TEST_F(QueueTest, CloseEndsWhatWaitsAndSaysHowManyThatWere) {
  std::atomic<int> closed = 0;
  const auto sink = MakeStuck({});
  for (int i = 0; i < 3; ++i) {
    sink->EmitAsync(EventNamed("x"), [&](const Result<void>& result) {
      closed += FaultIn(result) == SinkFault::kClosed ? 1 : 0;
    });
  }
  const auto result = sink->Close(Deadline::Now());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(result.error().message(), ::testing::StartsWith("4 events"));
  EXPECT_EQ(closed, 3);
  EXPECT_EQ(FaultIn(sink->Emit(EventNamed("y"))), SinkFault::kClosed);
  EVENTS_OK_OR_FAIL(sink->Close(Deadline::Now()));
}

TEST_F(QueueTest, OptionsThatAreNoneAreRefused) {
  EXPECT_EQ(FaultIn(QueueSink::Make(inner_, {.max_events = 0})), SinkFault::kConfigError);
  EXPECT_EQ(FaultIn(QueueSink::Make(inner_, {.high_mark = 0.4})), SinkFault::kConfigError);
  EXPECT_EQ(FaultIn(QueueSink::Make(inner_, {.policy = FullPolicy::kSpill})), SinkFault::kConfigError);
}

}  // namespace
}  // namespace jammi::events
