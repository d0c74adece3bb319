// The checker of the load test: each test breaks one thing of a run in which all is well.
#include "load/checker.h"

#include <gmock/gmock.h>

namespace jammi::test {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Kind = Record::Kind;

EventId Of(uint32_t view, uint32_t number, uint32_t publisher = 1) {
  return {.view = view, .publisher = publisher, .life = 0, .number = number};
}

// View 0 has three events, the shared topic one of each tenant. Stream 7 reads view 0 in two lives, stream 8
// reads tenant 1's part of the shared topic.
class CheckerTest : public testing::Test {
 protected:
  CheckerTest() {
    log_[0] = {{0, Of(0, 0)}, {1, Of(0, 1)}, {2, Of(0, 2)}};
    log_[2] = {{0, Of(2, 0)}};
    log_[5] = {{1, Of(5, 0)}};
    for (const auto& view : log_) {
      for (const auto& [offset, event] : view) {
        history_.published.push_back({.kind = Kind::kAsk, .event = event});
        history_.published.push_back({.kind = Kind::kAcknowledge, .offset = offset, .event = event});
      }
    }
    history_.view_of_stream = {{7, 0}, {8, 5}};
    history_.subscribers[0] = {{.records = {Attach(7, 0), Got(7, 0, Of(0, 0))}, .killed = true},
                               {.records = {Attach(7, 1), Got(7, 1, Of(0, 1)), Got(7, 2, Of(0, 2))}}};
    history_.subscribers[1] = {{.records = {Attach(8, Record::kLive), Got(8, 1, Of(5, 0))}}};
  }

  static Record Attach(uint32_t stream, uint64_t offset) {
    return {.kind = Kind::kAttach, .stream = stream, .offset = offset};
  }
  static Record Got(uint32_t stream, uint64_t offset, const EventId& event) {
    return {.kind = Kind::kDelivery, .stream = stream, .offset = offset, .event = event};
  }
  std::vector<Record>& last_life() { return history_.subscribers[0][1].records; }
  void ExpectProblem(const std::string& rule) {
    EXPECT_THAT(Judge(history_, log_), Contains(StartsWith(rule + ":")));
  }

  LoadHistory history_;
  LoadLog log_;
};

TEST_F(CheckerTest, AllIsWell) { EXPECT_THAT(Judge(history_, log_), IsEmpty()); }

TEST_F(CheckerTest, WhatWasNotAcknowledgedMayBeThereOrNot) {
  std::erase_if(history_.published, [](const Record& record) {
    return record.kind == Kind::kAcknowledge && record.event == Of(0, 2);
  });
  history_.published.push_back({.kind = Kind::kAsk, .event = Of(0, 3)});
  EXPECT_THAT(Judge(history_, log_), IsEmpty());
}

TEST_F(CheckerTest, AnAcknowledgedEventIsLost) {
  log_[5].clear();
  ExpectProblem("lost");
}
TEST_F(CheckerTest, AnAcknowledgedEventIsElsewhere) {
  log_[5][0].first = 3;
  ExpectProblem("moved");
}
TEST_F(CheckerTest, AnEventIsThereTwice) {
  log_[0].emplace_back(3, Of(0, 2));
  ExpectProblem("double");
}
TEST_F(CheckerTest, AnEventThatNobodyPublished) {
  log_[0].emplace_back(3, Of(0, 9));
  ExpectProblem("invented");
}
TEST_F(CheckerTest, APublishersOrderIsNotKept) {
  std::swap(log_[0][0].second, log_[0][1].second);
  ExpectProblem("order");
}
TEST_F(CheckerTest, OffsetsAreNotInOrder) {
  std::swap(log_[0][0], log_[0][1]);
  ExpectProblem("order");
}
TEST_F(CheckerTest, ATopicOfOneTenantHasAGap) {
  log_[0].erase(log_[0].begin() + 1);
  ExpectProblem("gap");
}
TEST_F(CheckerTest, AnEventOfAnotherTenantInTheLog) {
  log_[5].emplace_back(2, Of(2, 0));
  ExpectProblem("foreign");
}
TEST_F(CheckerTest, AnEventOfAnotherTenantInAStream) {
  history_.subscribers[1][0].records.push_back(Got(8, 0, Of(2, 0)));
  ExpectProblem("foreign");
}
TEST_F(CheckerTest, AStreamIsGivenAnEventTwice) {
  last_life().push_back(Got(7, 2, Of(0, 2)));
  ExpectProblem("twice");
}
TEST_F(CheckerTest, AStreamSkipsAnEvent) {
  last_life().erase(last_life().begin() + 1);
  ExpectProblem("skipped");
}
TEST_F(CheckerTest, AStreamIsGivenEventsInAnotherOrder) {
  std::swap(last_life()[1], last_life()[2]);
  ExpectProblem("skipped");
}
TEST_F(CheckerTest, AStreamIsGivenWhatIsNotInTheLog) {
  last_life().push_back(Got(7, 3, Of(0, 3)));
  ExpectProblem("delivered");
}
TEST_F(CheckerTest, AStreamDoesNotReachTheEnd) {
  last_life().pop_back();
  ExpectProblem("unfinished");
}
TEST_F(CheckerTest, AStreamOfAChildThatLivedWasGivenNothing) {
  history_.subscribers[1][0].records.pop_back();
  ExpectProblem("unfinished");
}

TEST(EventId, IsFoundInAMessage) {
  const EventId event{.view = 3, .publisher = kLastPublisher, .life = 12, .number = 4'000'000'000};
  EXPECT_EQ(FindEvent("bytes" + ToText(event) + "more"), event);
}

}  // namespace
}  // namespace jammi::test
