// Calls that wait for each other are written together, and each gets an answer of its own.
#include "audit/log_groups.h"

#include <atomic>
#include <latch>
#include <thread>

#include "audit/audit_fixture.h"

namespace jammi {
namespace {

using audit::LogCall;
using audit::LogGroups;
using test::CodeOf;
using test::kA;
using test::Ok;
using testing::ElementsAre;

// Holds the first that writes until others wait.
class LogGroupsTest : public testing::Test {
 protected:
  ~LogGroupsTest() override { ClearSyncPoints(); }

  // The first group is held, and answers true; the others answer `answer`.
  Result<bool> Write(std::span<LogCall* const> calls, Deadline deadline) {
    if (groups_.empty()) {
      groups_.push_back(calls.size());
      holds_.count_down();
      may_end_.wait();
      return true;
    }
    groups_.push_back(calls.size());
    deadline_ = deadline;
    return answer_;
  }
  // One call that writes, and then the others, which have waited for it: what became of those, in order.
  std::vector<Result<bool>> Run(const std::vector<size_t>& records, const std::vector<Deadline>& deadlines) {
    LogGroups groups([this](auto calls, Deadline deadline) { return Write(calls, deadline); });
    std::atomic<size_t> waiting = 0;
    SetSyncPoint("LogGroups waits", [&] { ++waiting; });
    std::jthread first([&] {
      LogCall call = Call(1, {});
      EXPECT_TRUE(Ok(groups.Submit("t", call)));
    });
    holds_.wait();
    std::vector<Result<bool>> outcomes(records.size(), Result<bool>(false));
    std::vector<std::jthread> others;
    for (size_t i = 0; i < records.size(); ++i) {
      others.emplace_back([&, i] {
        LogCall call = Call(records[i], deadlines.empty() ? Deadline() : deadlines[i]);
        outcomes[i] = groups.Submit("t", call);
      });
      while (waiting < i + 1) std::this_thread::yield();  // so that they come in order
    }
    if (wait_for_first_) others.front().join();
    may_end_.count_down();
    others.clear();
    return outcomes;
  }
  LogCall Call(size_t records, Deadline deadline) {
    return {std::vector<audit::StoredRecord*>(records, &record_), {}, {}, {{}, {}}, deadline};
  }

  audit::StoredRecord record_;
  std::latch holds_{1};
  std::latch may_end_{1};
  std::vector<size_t> groups_;  // their sizes
  Deadline deadline_;           // of the last
  Result<bool> answer_ = true;
  bool wait_for_first_ = false;
};

TEST_F(LogGroupsTest, ThoseWhoWaitAreWrittenTogether) {
  for (const auto& outcome : Run({1, 2, 3, 4}, {})) EXPECT_TRUE(Ok(outcome));
  EXPECT_THAT(groups_, ElementsAre(1, 4));
  EXPECT_TRUE(deadline_.IsNever());
}

TEST_F(LogGroupsTest, AGroupHasAtMostSoManyRecordsOrOneCall) {
  for (const auto& outcome : Run({300, 212, 1, 5000, 1}, {})) EXPECT_TRUE(Ok(outcome));
  EXPECT_THAT(groups_, ElementsAre(1, 2, 1, 1, 1));
}

TEST_F(LogGroupsTest, WhoseDeadlinePassesWhileOthersWriteIsNotWritten) {
  wait_for_first_ = true;
  const auto outcomes = Run({1, 1}, {Deadline::After(std::chrono::milliseconds(20)), {}});
  EXPECT_EQ(CodeOf(outcomes[0]), ErrorCode::kDeadlineExceeded);
  EXPECT_TRUE(Ok(outcomes[1]));
  EXPECT_THAT(groups_, ElementsAre(1, 1));
}

// The group starts in time for all of it, and who has more time than that tries alone.
TEST_F(LogGroupsTest, AGroupHasTheEarliestDeadlineOfItsCalls) {
  answer_ = Error(ErrorCode::kUnavailable, "the database does not answer");
  const Deadline early = Deadline::After(std::chrono::hours(1));
  const Deadline late = Deadline::After(std::chrono::hours(2));
  const auto outcomes = Run({1, 1, 1}, {late, early, {}});
  EXPECT_EQ(deadline_.at(), early.at());
  EXPECT_FALSE(Ok(outcomes[0]));
  EXPECT_EQ(CodeOf(outcomes[1]), ErrorCode::kUnavailable);
  EXPECT_FALSE(Ok(outcomes[2]));
}

TEST_F(LogGroupsTest, WhatTheDatabaseFailsWithIsEverybodys) {
  answer_ = Error(ErrorCode::kResourceExhausted, "the disk is full");
  for (const auto& outcome : Run({1, 1}, {})) EXPECT_EQ(CodeOf(outcome), ErrorCode::kResourceExhausted);
}

TEST_F(LogGroupsTest, AnUnknownOutcomeIsEverybodysWhateverTheirTime) {
  answer_ = Error(ErrorCode::kOutcomeUnknown, "the connection was lost in COMMIT");
  const auto outcomes = Run({1, 1}, {{}, Deadline::After(std::chrono::hours(1))});
  for (const auto& outcome : outcomes) EXPECT_EQ(CodeOf(outcome), ErrorCode::kOutcomeUnknown);
}

TEST_F(LogGroupsTest, WhatOneCallMaySpoilIsTriedAlone) {
  answer_ = Error(ErrorCode::kInvalidArgument, "a value is none");
  for (const auto& outcome : Run({1, 1}, {})) EXPECT_FALSE(Ok(outcome));
}

TEST_F(LogGroupsTest, TheErrorOfACallThatWasAloneIsItsOwn) {
  answer_ = Error(ErrorCode::kInvalidArgument, "a value is none");
  EXPECT_EQ(CodeOf(Run({1}, {})[0]), ErrorCode::kInvalidArgument);
}

TEST_F(LogGroupsTest, TenantsDoNotWaitForEachOther) {
  std::vector<std::string> written;
  std::function<Result<bool>(std::string)> submit;
  LogGroups groups([&](auto, Deadline) -> Result<bool> {
    if (written.empty()) {
      written.emplace_back("t has begun");
      EXPECT_TRUE(Ok(submit("u")));
      written.emplace_back("u has ended");
    }
    return true;
  });
  submit = [&](const std::string& tenant) {
    LogCall call = Call(1, {});
    return groups.Submit(tenant, call);
  };
  EXPECT_TRUE(Ok(submit("t")));
  EXPECT_THAT(written, ElementsAre("t has begun", "u has ended"));
}

// --- With a database

class AuditGroupTest : public test::AuditTest {
 protected:
  // Logs each of `calls` by a thread of its own while Query(1000) holds the head, then lets it go.
  std::vector<Result<std::vector<AuditRecord>>> LogTogether(
      const std::vector<std::vector<AuditedQuery>>& calls) {
    std::latch holds(1);
    std::latch may_end(1);
    std::atomic<bool> first_is_there = false;
    std::atomic<size_t> waiting = 0;
    SetSyncPoint("Audit::Write holds the head", [&] {
      if (first_is_there.exchange(true)) return;
      holds.count_down();
      may_end.wait();
    });
    SetSyncPoint("LogGroups waits", [&] { ++waiting; });
    std::jthread first([&] { Ok(LogOne(A(), Query(1000))); });
    holds.wait();
    std::vector<Result<std::vector<AuditRecord>>> outcomes(calls.size());
    std::vector<std::jthread> others;
    for (size_t i = 0; i < calls.size(); ++i) {
      others.emplace_back([&, i] { outcomes[i] = A().Log(calls[i]); });
    }
    while (waiting < calls.size()) std::this_thread::yield();
    may_end.count_down();
    others.clear();
    first.join();
    ClearSyncPoints();
    return outcomes;
  }
};
JAMMI_ON_EVERY_DATABASE(AuditGroupTest);

TEST_P(AuditGroupTest, CallsThatWaitAreOneTransactionAndEachHasItsRecords) {
  Ok(LogOne(A(), Query(500)));  // the topic is there
  const uint64_t before = backend().stats().transactions;
  const auto outcomes = LogTogether({Queries(1, 3), Queries(3, 4), Queries(4, 9)});
  EXPECT_EQ(backend().stats().transactions - before, 2U);
  EXPECT_EQ(Ok(outcomes[0]).size(), 2U);
  EXPECT_EQ(Ok(outcomes[1])[0], *Ok(A().Find(Id(3))));
  EXPECT_EQ(Ok(outcomes[2]).size(), 5U);
  EXPECT_EQ(Announced(kA).size(), 10U);
  const auto report = Ok(A().VerifyChain());
  EXPECT_TRUE(report.intact());
  EXPECT_EQ(report.checked, 10);
}

TEST_P(AuditGroupTest, ABadRecordFailsItsOwnCallAlone) {
  Ok(A().Log(Queries(1, 3)));
  std::vector<AuditedQuery> other_content = Queries(2, 5);
  other_content[0].model_id = "of another content";
  const auto outcomes = LogTogether({Queries(10, 12), other_content, Queries(1, 3), Queries(20, 21)});
  EXPECT_EQ(Ok(outcomes[0]).size(), 2U);
  EXPECT_EQ(CodeOf(outcomes[1]), ErrorCode::kAlreadyExists);
  EXPECT_EQ(FaultOf(outcomes[1]), AuditFault::kDuplicateQueryId);
  EXPECT_EQ(Ok(outcomes[2]).size(), 2U) << "was logged before";
  EXPECT_EQ(Ok(outcomes[3]).size(), 1U);
  EXPECT_FALSE(Ok(A().Find(Id(3)))) << "nothing of the bad call";
  EXPECT_EQ(Count("search_audit"), 6);
  EXPECT_EQ(Announced(kA).size(), 6U);
  EXPECT_TRUE(Ok(A().VerifyChain()).intact());
}

TEST_P(AuditGroupTest, TheSameQueryInSeveralWaitingCallsIsLoggedOnce) {
  const auto outcomes = LogTogether({Queries(1, 3), Queries(2, 4), Queries(1, 4)});
  const auto all = Ok(outcomes[2]);
  EXPECT_EQ(Ok(outcomes[0])[1], all[1]);
  EXPECT_EQ(Ok(outcomes[1])[0], all[1]);
  EXPECT_EQ(Count("search_audit"), 4);
  EXPECT_EQ(Announced(kA).size(), 4U);
  EXPECT_TRUE(Ok(A().VerifyChain()).intact());
}

// Keys were exchanged between two calls of a group: each record is linked with the key that it names.
TEST_P(AuditGroupTest, AGroupMayHaveRecordsOfSeveralKeys) {
  std::atomic<int> calls = 0;
  std::latch first_waits(1);
  std::atomic<bool> first_is_there = false;
  SetSyncPoint("Audit::Write holds the head", [&] {
    if (!first_is_there.exchange(true)) first_waits.wait();
  });
  SetSyncPoint("LogGroups waits", [&] { ++calls; });
  std::jthread holder([&] { Ok(LogOne(A(), Query(1))); });
  while (!first_is_there) std::this_thread::yield();
  std::jthread old_key([&] { Ok(LogOne(A(), Query(2))); });
  while (calls < 1) std::this_thread::yield();
  keys_->Set({test::kOldKey, test::kNewKey});
  std::jthread new_key([&] { Ok(LogOne(A(), Query(3))); });
  while (calls < 2) std::this_thread::yield();
  first_waits.count_down();
  for (std::jthread* thread : {&holder, &old_key, &new_key}) thread->join();
  EXPECT_NE(Ok(A().Find(Id(2)))->key_id, Ok(A().Find(Id(3)))->key_id);
  EXPECT_TRUE(Ok(A().VerifyChain()).intact());
}

}  // namespace
}  // namespace jammi
