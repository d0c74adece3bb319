// The checker of the torture test on a topic that is dropped and registered again.
#include <gmock/gmock.h>

#include <string>

#include "torture/checker.h"
#include "torture/record.h"

namespace jammi::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = Record::Kind;

const std::string kOld = "passing@old";
const std::string kNew = "passing@new";

// All well: events "a" and "b" of a life that was dropped at 50, "c" of the one after it. Each test breaks
// one thing.
class LivesTest : public testing::Test {
 protected:
  LivesTest() {
    Publish("1", kOld, a_, 10, 0);
    Publish("2", kOld, b_, 20, 1);
    Publish("3", kNew, c_, 70, 0);
    log_[kNew] = {{2, c_, DigestOf(c_, 0)}};
  }

  void Publish(const std::string& id, const std::string& topic, const std::string& key, int64_t at,
               uint64_t offset) {
    history_.Add({.kind = Kind::kAsk, .at = at, .id = id, .topic = topic, .who = 2, .keys = {key}});
    history_.Add({.kind = Kind::kAcknowledged, .at = at + 5, .id = id, .offset = offset});
  }
  void Drop(bool acknowledged = true) {
    history_.Add({.kind = Kind::kDropAsked, .at = 50, .topic = kOld});
    if (acknowledged) history_.Add({.kind = Kind::kDropped, .at = 60, .topic = kOld});
  }
  void Attach(const std::string& id, const std::string& topic, uint64_t start = 0) {
    history_.Add(
        {.kind = Kind::kAttached, .id = id, .topic = topic, .who = 2, .offset = start, .text = "cursor"});
  }
  void Got(const std::string& id, uint64_t offset, const std::string& key) {
    history_.Add({.kind = Kind::kGot,
                  .id = id,
                  .who = 2,
                  .offset = offset,
                  .digest = DigestOf(key, 0),
                  .keys = {key}});
  }
  void Ended(const std::string& id, uint64_t position) {
    history_.Add({.kind = Kind::kEnded, .id = id, .offset = position, .text = std::string(kEndOfTopic)});
  }
  void ExpectProblem(const std::string& text) {
    EXPECT_THAT(Judge(history_, log_), Contains(HasSubstr(text)));
  }

  const std::string a_ = MakeEventKey("a", 1, 5), b_ = MakeEventKey("b", 1, 5), c_ = MakeEventKey("c", 1, 5);
  History history_;
  Log log_;
};

TEST_F(LivesTest, ALifeEndsWithItsEventsAndItsStreams) {
  Drop();
  Attach("1", kOld);
  Got("1", 0, a_);
  Ended("1", 1);
  Attach("2", kNew);
  Got("2", 0, c_);
  EXPECT_THAT(Judge(history_, log_), IsEmpty());
}

TEST_F(LivesTest, ADropWithoutAnAnswerMayHaveHappenedOrNot) {
  Drop(/*acknowledged=*/false);
  EXPECT_THAT(Judge(history_, log_), IsEmpty());
  log_[kOld] = {{2, a_, DigestOf(a_, 0)}, {2, b_, DigestOf(b_, 0)}};
  EXPECT_THAT(Judge(history_, log_), IsEmpty());
}

TEST_F(LivesTest, ALifeThatNobodyHasDropped) { ExpectProblem("passing@old is lost"); }

TEST_F(LivesTest, AStreamThatEndsThoughNobodyHasDroppedItsTopic) {
  Drop();
  Attach("2", kNew);
  Ended("2", 0);
  ExpectProblem("cursor: passing@new has ended, and nobody has dropped it");
}

TEST_F(LivesTest, AnEventOfTheLifeBefore) {
  Drop();
  Attach("2", kNew);
  Got("2", 0, a_);
  ExpectProblem("was given " + a_);
}

TEST_F(LivesTest, AnEventOfTheLifeBeforeInTheLog) {
  Drop();
  log_[kNew].push_back({2, b_, DigestOf(b_, 0)});
  ExpectProblem("passing@new at 1: event " + b_ + " was never published there");
}

TEST_F(LivesTest, WhatIsSkippedInALifeThatIsOver) {
  Drop();
  Attach("1", kOld);
  Got("1", 1, b_);
  ExpectProblem(a_ + " at 0 was skipped");
}

TEST_F(LivesTest, WhatIsAcknowledgedAfterTheDrop) {
  Drop();
  Publish("4", kOld, MakeEventKey("d", 1, 5), 61, 2);
  ExpectProblem("was acknowledged by passing@old, which had been dropped");
}

TEST_F(LivesTest, APublishThatDoesNotFindALivingTopic) {
  Drop();
  history_.Add({.kind = Kind::kAsk, .at = 80, .id = "5", .topic = kNew, .who = 2, .keys = {"e/1x1"}});
  history_.Add({.kind = Kind::kRefused, .at = 81, .id = "5", .text = "NotFound: topic not found"});
  ExpectProblem("e/1x1 does not know passing@new, which nobody has dropped");
}

TEST_F(LivesTest, WhoDoesNotHearOfTheDrop) {
  Attach("1", kOld, 2);
  EXPECT_THAT(Lagging(history_, {"cursor"}), IsEmpty());
  Drop();
  EXPECT_THAT(Lagging(history_, {"cursor"}),
              ElementsAre("cursor does not know that passing@old was dropped"));
  Ended("1", 2);
  EXPECT_THAT(Lagging(history_, {"cursor"}), IsEmpty());
}

}  // namespace
}  // namespace jammi::test
