// The durable spool: section 9 of the sink's rules, "At-least-once, durable local spool".
#include "jammi/events/spool.h"

#include <gmock/gmock.h>

#include <barrier>
#include <filesystem>
#include <thread>

#include "events/dead_letter_file.h"
#include "events/spool_fixture.h"

namespace jammi::events {
namespace {

namespace fs = std::filesystem;
using test::EventNamed;
using test::FaultIn;
using test::ScriptedSink;
using test::Soon;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class SpoolTest : public test::SpoolFixture {};

TEST_F(SpoolTest, WhatIsTakenIsOnDiskAndThenDelivered) {
  inner_->Hold();
  const auto spool = Open();
  const int syncs = disk_.syncs;
  EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("a")));
  EXPECT_EQ(disk_.syncs, syncs + 1);
  EXPECT_THAT(Contents(Segments().at(0)), HasSubstr(Serialise(EventNamed("a"))));
  EXPECT_EQ(spool->status().events, 1U);
  EXPECT_EQ(spool->Flush(Deadline::Now()).error().code(), ErrorCode::kDeadlineExceeded);
  inner_->AwaitGiven(1);
  inner_->LetGo();
  EVENTS_OK_OR_FAIL(spool->Flush(Soon()));
  EXPECT_EQ(spool->status().events, 0U);
  EXPECT_EQ(spool->status().bytes, 0U);
  EXPECT_EQ(spool->status().health, SinkHealth::kOk);
  EXPECT_EQ(inner_->payloads().at(0), Serialise(EventNamed("a")));
  EXPECT_EQ(metrics_->delivered.value(), 1U);
}

TEST_F(SpoolTest, WhatIsNotDeliveredIsDeliveredByTheNextOne) {
  Fill({"a", "b", "c"});
  {
    inner_->Script({{}, SinkError(SinkFault::kUnavailable, "away")});  // before it sends anything
    const auto spool = Open({.window = 1});
    pauses_->AwaitPauses(1);
    EXPECT_EQ(spool->status().health, SinkHealth::kDegraded);
    const auto closed = spool->Close(Deadline::Now());
    ASSERT_FALSE(closed);
    EXPECT_THAT(closed.error().message(), HasSubstr("events stay in the spool"));
  }
  const size_t before = inner_->taken().size();
  Drain();
  // Nothing that was taken is delivered again: the cursor was saved.
  EXPECT_THAT(inner_->taken(), ElementsAre("a", "b", "c")) << before;
}

TEST_F(SpoolTest, WithoutWaitingTheOutcomeIsTold) {
  const auto spool = Open();
  std::atomic<int> taken = 0;
  for (int i = 0; i < 50; ++i) {
    spool->EmitAsync(EventNamed(std::to_string(i)),
                     [&](const Result<void>& result) { taken += result ? 1 : 0; });
  }
  EVENTS_OK_OR_FAIL(spool->Close(Soon()));
  EXPECT_EQ(taken, 50);
  const auto ids = inner_->taken();
  ASSERT_THAT(ids, SizeIs(50));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(ids[static_cast<size_t>(i)], std::to_string(i));
  EXPECT_EQ(FaultIn(spool->Emit(EventNamed("x"))), SinkFault::kClosed);
}

TEST_F(SpoolTest, CallersThatComeTogetherShareOneSync) {
  const auto spool = Open();
  constexpr int kThreads = 8;
  // The first one leads alone, and stays there until all the others wait behind it.
  std::atomic<bool> first = true;
  SetSyncPoint("events.spool.leading", [&] {
    if (!first.exchange(false)) return;
    while (spool->status().events < kThreads) std::this_thread::yield();
  });
  const int syncs = disk_.syncs;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { EXPECT_TRUE(spool->Emit(EventNamed(std::to_string(i)))); });
  }
  threads.clear();
  // The cursor may be saved in between.
  EXPECT_EQ(metrics_->spool_sync_events.sum(), static_cast<uint64_t>(kThreads));
  EXPECT_EQ(metrics_->spool_sync_events.bucket(0), 1U);  // alone
  EXPECT_EQ(metrics_->spool_sync_events.bucket(3), 1U);  // the seven others
  EXPECT_GE(disk_.syncs, syncs + 2);
}

TEST_F(SpoolTest, SegmentsGoWhenAllOfThemIsDelivered) {
  const SpoolOptions small{.segment_bytes = 1};
  Fill({"a", "b", "c"}, small);
  EXPECT_THAT(Segments(), SizeIs(3));
  EXPECT_THAT(Drain(small), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Segments(), SizeIs(1));  // the one that is written
  inner_ = std::make_shared<ScriptedSink>();
  EXPECT_THAT(Drain(small), IsEmpty());
}

// --- what the sink below says

TEST_F(SpoolTest, AnOpenCircuitPacesTheSender) {
  inner_->Script({Error(ErrorCode::kUnavailable, "open",
                        SinkDetail{.fault = SinkFault::kCircuitOpen, .attempt = 3, .remaining_ms = 777})});
  const auto spool = Open();
  EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("a")));
  EXPECT_THAT(pauses_->AwaitPauses(1), ElementsAre(777));
  EXPECT_EQ(spool->status().health, SinkHealth::kDegraded);
  EXPECT_THAT(inner_->AwaitGiven(1), ElementsAre("a"));
  pauses_->EndPauses(1);
  EVENTS_OK_OR_FAIL(spool->Flush(Soon()));
  EXPECT_THAT(inner_->taken(), ElementsAre("a"));
  EXPECT_EQ(metrics_->retried.value(), 1U);
}

TEST_F(SpoolTest, OtherTransientErrorsArePacedByTheBackoff) {
  inner_->Fail(SinkFault::kAckTimeout, 3);
  const auto spool = Open();
  EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("a")));
  for (size_t i = 1; i <= 3; ++i) {
    pauses_->AwaitPauses(i);
    pauses_->EndPauses(i);
  }
  EVENTS_OK_OR_FAIL(spool->Flush(Soon()));
  EXPECT_THAT(pauses_->AwaitPauses(3), ElementsAre(100, 200, 400));
  // A success begins it anew.
  inner_->Fail(SinkFault::kNoStream);
  EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("b")));
  EXPECT_EQ(pauses_->AwaitPauses(4).at(3), 100);
  pauses_->EndPauses(4);
  EVENTS_OK_OR_FAIL(spool->Flush(Soon()));
}

TEST_F(SpoolTest, AfterAnOutageTheFirstGoesAloneAndTheOthersFollowInOrder) {
  Fill({"a", "b", "c", "d"});
  inner_->Script({{},
                  SinkError(SinkFault::kConnectionLost, "cut"),
                  SinkError(SinkFault::kConnectionLost, "cut"),
                  SinkError(SinkFault::kConnectionLost, "cut"),
                  SinkError(SinkFault::kUnavailable, "still away")});
  inner_->Hold();
  const auto spool = Open();
  inner_->AwaitGiven(4);
  inner_->LetGo();
  pauses_->AwaitPauses(1);
  pauses_->EndPauses(1);
  pauses_->AwaitPauses(2);
  EXPECT_THAT(inner_->AwaitGiven(5), ElementsAre("a", "b", "c", "d", "b"));
  pauses_->EndPauses(2);
  EVENTS_OK_OR_FAIL(spool->Flush(Soon()));
  EXPECT_THAT(inner_->AwaitGiven(8), ElementsAre("a", "b", "c", "d", "b", "b", "c", "d"));
}

TEST_F(SpoolTest, WhatCanNeverPassGoesAsideAndTheOthersGoOn) {
  inner_->Script({{}, SinkError(SinkFault::kRejected, "sealed"), {}});
  const auto spool = Open();
  for (const char* id : {"a", "b", "c"}) EVENTS_OK_OR_FAIL(spool->Emit(EventNamed(id)));
  EVENTS_OK_OR_FAIL(spool->Flush(Soon()));
  EXPECT_THAT(inner_->taken(), ElementsAre("a", "c"));
  ASSERT_THAT(Quarantined(), SizeIs(1));
  const auto letter = ParseDeadLetter(Contents(Quarantined()[0]));
  EVENTS_OK_OR_FAIL(letter);
  EXPECT_EQ(letter->id, "b");
  EXPECT_EQ(metrics_->quarantined.value(), 1U);
  EXPECT_EQ(spool->status().events, 0U);
}

TEST_F(SpoolTest, WhatIsNoEventOrTooLargeIsNotTaken) {
  const auto spool = Open({.max_event_bytes = 200});
  EXPECT_EQ(FaultIn(spool->Emit({.id = "", .source = "s", .type = "t"})), SinkFault::kInvalidEvent);
  EXPECT_EQ(FaultIn(spool->Emit(EventNamed("a", std::string(200, 'x')))), SinkFault::kEventTooLarge);
  EXPECT_EQ(spool->status().events, 0U);
}

// --- bounds

class FullSpoolTest : public SpoolTest {
 protected:
  // Two events fit, and the sink below answers nothing.
  std::unique_ptr<SpoolSink> OpenSmall(SpoolOptions options) {
    inner_->Hold();
    const size_t given = std::min<size_t>(options.window, 2);
    options.max_bytes = 2 * (kRecordHeaderBytes + Serialise(EventNamed("a")).size());
    auto spool = Open(std::move(options));
    EXPECT_TRUE(spool->Emit(EventNamed("a")));
    EXPECT_TRUE(spool->Emit(EventNamed("b")));
    inner_->AwaitGiven(given);
    return spool;
  }
};

TEST_F(FullSpoolTest, FailRefusesAndIsLosing) {
  const auto spool = OpenSmall({.policy = FullPolicy::kFail});
  const auto refused = spool->Emit(EventNamed("c"));
  EXPECT_EQ(FaultIn(refused), SinkFault::kSpillFull);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(spool->status().health, SinkHealth::kLosing);
  EXPECT_EQ(metrics_->refused.value(), 1U);
  SinkFault told = SinkFault::kClosed;
  spool->EmitAsync(EventNamed("c"), [&](const Result<void>& result) { told = FaultIn(result); });
  EXPECT_EQ(told, SinkFault::kSpillFull);
  inner_->LetGo();
  EVENTS_OK_OR_FAIL(spool->Flush(Soon()));
  EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("d")));
  EVENTS_OK_OR_FAIL(spool->Flush(Soon()));
  EXPECT_EQ(spool->status().health, SinkHealth::kOk);
}

TEST_F(FullSpoolTest, BlockWaitsForRoomAndNoLongerThanItsDeadline) {
  {
    const auto spool = OpenSmall({.block_for = std::chrono::milliseconds(1)});
    EXPECT_EQ(FaultIn(spool->Emit(EventNamed("c"))), SinkFault::kSpillFull);
    inner_->LetGo();
    EVENTS_OK_OR_FAIL(spool->Flush(Soon()));
  }
  inner_ = std::make_shared<ScriptedSink>();
  const auto spool = OpenSmall({.block_for = test::kPatience});
  std::jthread blocked([&] { EXPECT_TRUE(spool->Emit(EventNamed("c"))); });
  inner_->LetGo();
  blocked.join();
  EVENTS_OK_OR_FAIL(spool->Flush(Soon()));
  EXPECT_THAT(inner_->taken(), ElementsAre("a", "b", "c"));
}

TEST_F(FullSpoolTest, SpillGoesToTheOtherSink) {
  const auto other = std::make_shared<ScriptedSink>();
  const auto spool = OpenSmall({.policy = FullPolicy::kSpill, .spill = other});
  EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("c")));
  std::atomic<bool> taken = false;
  spool->EmitAsync(EventNamed("d"), [&](const Result<void>& result) { taken = bool{result}; });
  EXPECT_TRUE(taken);
  EXPECT_THAT(other->taken(), ElementsAre("c", "d"));
}

TEST_F(FullSpoolTest, DropOldestLosesTheOldestSegmentAndSaysSo) {
  {
    const auto spool = OpenSmall({.segment_bytes = 1, .policy = FullPolicy::kDropOldest, .window = 1});
    EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("c")));
    EXPECT_EQ(spool->status().health, SinkHealth::kLosing);
    EXPECT_EQ(metrics_->dropped.value(), 1U);
    EXPECT_EQ(spool->status().events, 2U);
    EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("d")));
    IgnoreError(spool->Close(Deadline::Now()), "they stay");
  }
  inner_ = std::make_shared<ScriptedSink>();
  EXPECT_THAT(Drain(), ElementsAre("c", "d"));
  EXPECT_THAT(status_.damage, IsEmpty()) << "what was dropped is not missing";
}

// --- a disk that fails

TEST_F(SpoolTest, AWriteThatFailsIsNotTakenAndLeavesNothingBehind) {
  const auto spool = Open();
  EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("a")));
  disk_.write_error = EIO;
  const auto refused = spool->Emit(EventNamed("b"));
  EXPECT_EQ(FaultIn(refused), SinkFault::kSpillFailed);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  disk_.write_at_most = 30;
  disk_.write_error = ENOSPC;
  const auto full = spool->Emit(EventNamed("c"));
  EXPECT_EQ(FaultIn(full), SinkFault::kSinkFull);
  EXPECT_THAT(full.error().message(), StartsWith("sink full: "));
  EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("d")));
  EVENTS_OK_OR_FAIL(spool->Close(Soon()));
  EXPECT_THAT(inner_->taken(), ElementsAre("a", "d"));
  EXPECT_THAT(Drain(), ElementsAre("a", "d"));
  EXPECT_THAT(status_.damage, IsEmpty());
}

// The kernel may forget what it could not write, and a second sync would succeed.
TEST_F(SpoolTest, ASyncThatFailsEndsItUntilItIsOpenedAgain) {
  {
    inner_->Hold();
    const auto spool = Open();
    EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("a")));
    inner_->AwaitGiven(1);
    disk_.sync_error = EIO;
    const auto unknown = spool->Emit(EventNamed("b"));
    EXPECT_EQ(FaultIn(unknown), SinkFault::kSpillFailed);
    EXPECT_EQ(unknown.error().code(), ErrorCode::kOutcomeUnknown);
    const auto refused = spool->Emit(EventNamed("c"));
    EXPECT_EQ(FaultIn(refused), SinkFault::kSpillFailed);
    EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
    EXPECT_EQ(spool->status().health, SinkHealth::kLosing);
    inner_->LetGo();
    EVENTS_OK_OR_FAIL(spool->Flush(Soon()));  // what was on disk is delivered all the same
  }
  const auto spool = Open();
  EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("d")));
  EVENTS_OK_OR_FAIL(spool->Flush(Soon()));
  const auto taken = inner_->taken();
  EXPECT_EQ(taken.front(), "a");
  EXPECT_EQ(taken.back(), "d");
  EXPECT_THAT(taken, ::testing::Not(::testing::Contains("c")));
}

TEST_F(SpoolTest, AnIntervalIsSyncedByItselfAndByClose) {
  const auto spool = Open({.sync = SpoolSync::kInterval, .sync_interval = std::chrono::milliseconds(1)});
  inner_->Hold();
  const int syncs = disk_.syncs;
  EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("a")));
  while (disk_.syncs == syncs) std::this_thread::yield();
  disk_.sync_error = EIO;
  Result<void> result;
  while ((result = spool->Emit(EventNamed("b")))) std::this_thread::yield();
  EXPECT_EQ(FaultIn(result), SinkFault::kSpillFailed);
}

TEST_F(SpoolTest, NoneIsLeftToTheKernelUntilClose) {
  const auto spool = Open({.sync = SpoolSync::kNone});
  inner_->Hold();
  const int syncs = disk_.syncs;
  for (int i = 0; i < 10; ++i) EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("a")));
  EXPECT_EQ(disk_.syncs, syncs);
  IgnoreError(spool->Close(Deadline::Now()), "they stay");
  EXPECT_GT(disk_.syncs, syncs);
}

// --- one process at a time

TEST_F(SpoolTest, ASecondSpoolOfTheFolderIsRefused) {
  const auto spool = Open();
  const auto second = TryOpen();
  EXPECT_EQ(FaultIn(second), SinkFault::kSpillFailed);
  EXPECT_THAT(second.error().message(), HasSubstr("in use"));
  EVENTS_OK_OR_FAIL(spool->Close(Soon()));
  EXPECT_TRUE(TryOpen());
}

TEST_F(SpoolTest, OptionsThatAreNoneAreRefused) {
  EXPECT_EQ(FaultIn(TryOpen({.window = 0})), SinkFault::kConfigError);
  EXPECT_EQ(FaultIn(TryOpen({.max_bytes = 0})), SinkFault::kConfigError);
  EXPECT_EQ(FaultIn(TryOpen({.policy = FullPolicy::kSpill})), SinkFault::kConfigError);
  EXPECT_EQ(FaultIn(SpoolSink::Open(inner_, {})), SinkFault::kConfigError);
  EXPECT_EQ(FaultIn(SpoolSink::Open(inner_, {.directory = folder_ / "no" / "parent"})),
            SinkFault::kSpillFailed);
}

TEST_F(SpoolTest, TheAgeOfTheOldestIsKnown) {
  inner_->Hold();
  const auto spool = Open();
  EXPECT_EQ(metrics_->spool_oldest.value(), 0);
  EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("a")));
  clock_->Advance(std::chrono::seconds(5));
  EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("b")));
  EXPECT_EQ(metrics_->spool_oldest.value(), 1'000'000);
  inner_->LetGo();
  EVENTS_OK_OR_FAIL(spool->Flush(Soon()));
  EXPECT_EQ(metrics_->spool_oldest.value(), 0);
}

}  // namespace
}  // namespace jammi::events
