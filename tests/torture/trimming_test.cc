// The checker of the torture test on a topic that does not keep all of its events.
#include <fmt/format.h>
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

const std::string kTrimmedTopic = "kept";
constexpr uint64_t kEvents = 110;
constexpr uint64_t kLow = 10;  // as low as it can be: the topic keeps 100

// All well: 110 events were acknowledged, the first ten were trimmed. Each test breaks one thing.
class TrimmingTest : public testing::Test {
 protected:
  TrimmingTest() {
    for (uint64_t i = 0; i < kEvents; ++i) {
      keys_.push_back(MakeEventKey(fmt::format("e{}", i), 2, 10));
      const auto at = static_cast<int64_t>(10 * i);
      const std::string id = std::to_string(i);
      history_.Add({.kind = Kind::kAsk, .at = at, .id = id, .topic = kTrimmedTopic, .keys = {keys_.back()}});
      history_.Add({.kind = Kind::kAcknowledged, .at = at + 5, .id = id, .offset = i});
      auto& event = log_[kTrimmedTopic].emplace_back();
      if (i >= kLow) event = {0, keys_.back(), DigestOf(keys_.back(), 0)};
    }
  }

  void Attach(const std::string& id, uint64_t start) {
    history_.Add({.kind = Kind::kAttached, .id = id, .topic = kTrimmedTopic, .offset = start, .text = "c"});
  }
  void Got(const std::string& id, uint64_t offset, const std::string& key) {
    history_.Add({.kind = Kind::kGot, .id = id, .offset = offset, .digest = DigestOf(key, 0), .keys = {key}});
  }
  void Got(const std::string& id, uint64_t begin, uint64_t end) {
    for (; begin < end; ++begin) Got(id, begin, keys_[begin]);
  }
  void Evicted(uint64_t wanted, uint64_t low_water, const std::string& topic = kTrimmedTopic) {
    history_.Add(
        {.kind = Kind::kEvicted, .topic = topic, .offset = low_water, .digest = wanted, .text = "c"});
  }
  void Ended(const std::string& id, uint64_t position) {
    history_.Add({.kind = Kind::kEnded, .id = id, .offset = position, .text = "test"});
  }
  void ExpectWell() { EXPECT_THAT(Judge(history_, log_, low_water_), IsEmpty()); }
  void ExpectProblem(const std::string& text) {
    EXPECT_THAT(Judge(history_, log_, low_water_), Contains(HasSubstr(text)));
  }

  std::vector<std::string> keys_;
  History history_;
  Log log_;
  LowWater low_water_{{kTrimmedTopic, kLow}};
};

TEST_F(TrimmingTest, WhoReadThemBeforeAndWhoIsToldThatTheyAreGone) {
  Attach("c.1", 0);
  Got("c.1", 0, 3);
  Evicted(3, 7);
  Ended("c.1", 3);
  Attach("c.2", 7);
  Got("c.2", 7, kEvents);
  ExpectWell();
}

TEST_F(TrimmingTest, ATopicThatKeepsFewerThanItShould) {
  log_[kTrimmedTopic][kLow].key.clear();
  low_water_[kTrimmedTopic] = kLow + 1;
  ExpectProblem("kept: begins at 11 and ends at 110, and is to keep 100 events");
}

TEST_F(TrimmingTest, ATopicThatKeepsAllAndBeginsLater) {
  low_water_["open"] = 1;
  ExpectProblem("open: begins at 1 and ends at 0, and is to keep all events");
}

TEST_F(TrimmingTest, ACursorThatIsToldTooMuch) {
  Evicted(3, kLow + 1);
  ExpectProblem("c of kept: wanted 3 and was told that 11 is the first, which is 10");
}

TEST_F(TrimmingTest, ACursorThatIsToldSoWithoutNeed) {
  Evicted(7, 7);
  ExpectProblem("c of kept: wanted 7 and was told that 7 is the first");
}

TEST_F(TrimmingTest, ACursorThatIsToldSoOfATopicThatKeepsAll) {
  Evicted(0, 1, "open");
  ExpectProblem("c of open: wanted 0 and was told that 1 is the first, which is 0");
}

TEST_F(TrimmingTest, ACursorThatGoesOnBehindThePlaceThatItWasTold) {
  Attach("c.1", 0);
  Evicted(0, 7);
  Ended("c.1", 0);
  Attach("c.2", 8);
  ExpectProblem("c of kept: was at 7 and goes on at 8");
}

TEST_F(TrimmingTest, ACursorThatSkipsWhatWasTrimmedAndSaysNothing) {
  Attach("c.1", 0);
  Got("c.1", 0, 3);
  Got("c.1", kLow, kEvents);
  ExpectProblem(keys_[3] + " at 3 was skipped");
}

TEST_F(TrimmingTest, AnotherEventThanTheOneThatWasAcknowledgedThere) {
  Attach("c.1", 2);
  Got("c.1", 2, keys_[4]);
  ExpectProblem("kept at 2: " + keys_[2] + " for one, " + keys_[4] + " for another");
}

TEST_F(TrimmingTest, AnEventThatNobodyHasPublished) {
  History other;
  other.Add({.kind = Kind::kAttached, .id = "c.1", .topic = kTrimmedTopic, .offset = 0, .text = "c"});
  other.Add({.kind = Kind::kGot, .id = "c.1", .offset = 0, .digest = 1, .keys = {"forged/1x1"}});
  EXPECT_THAT(Judge(other, log_, low_water_), Contains(HasSubstr("forged/1x1 was never published there")));
}

// Without an answer, and some of them trimmed before anybody saw them.
TEST_F(TrimmingTest, OfEventsThatWerePublishedTogetherAPartMayBeKnown) {
  const std::vector<std::string> together = {MakeEventKey("t0", 1, 5), MakeEventKey("t1", 1, 5)};
  History history;
  history.Add({.kind = Kind::kAsk, .id = "t", .topic = kTrimmedTopic, .keys = together});
  history.Add({.kind = Kind::kAttached, .id = "c.1", .topic = kTrimmedTopic, .offset = 0, .text = "c"});
  history.Add({.kind = Kind::kGot,
               .id = "c.1",
               .offset = 0,
               .digest = DigestOf(together[0], 0),
               .keys = {together[0]}});
  for (uint64_t i = kLow; i < kEvents; ++i)
    history.Add({.kind = Kind::kAsk, .id = std::to_string(i), .topic = kTrimmedTopic, .keys = {keys_[i]}});
  EXPECT_THAT(Judge(history, log_, low_water_), IsEmpty());
  history.Add({.kind = Kind::kGot,
               .id = "c.1",
               .offset = 2,
               .digest = DigestOf(together[1], 0),
               .keys = {together[1]}});
  EXPECT_THAT(Judge(history, log_, low_water_), Contains(HasSubstr("and are not together")));
}

// --- The log's reading

TEST_F(TrimmingTest, ALogThatBeginsAtItsLowWater) {
  History reading;
  const auto read = [&](const std::string& id, uint64_t begin, uint64_t end, bool evicted) {
    reading.Add({.kind = Kind::kAttached, .id = id, .topic = kTrimmedTopic, .offset = begin, .text = id});
    for (uint64_t i = begin; i < end; ++i) {
      reading.Add(
          {.kind = Kind::kGot, .id = id, .offset = i, .digest = DigestOf(keys_[i], 0), .keys = {keys_[i]}});
    }
    if (evicted) reading.Add({.kind = Kind::kEvicted, .topic = kTrimmedTopic, .offset = kLow, .text = id});
    reading.Add({.kind = Kind::kEnded, .id = id, .offset = end});
  };
  read("early", 5, 7, /*evicted=*/true);
  read("late", kLow, kEvents, /*evicted=*/false);
  const auto assembled = AssembleLog(reading.attachments);
  EXPECT_THAT(assembled.problems, IsEmpty());
  EXPECT_THAT(assembled.low_water, ElementsAre(std::pair(kTrimmedTopic, kLow)));
  EXPECT_THAT(Judge(history_, assembled.log, assembled.low_water), IsEmpty());
}

TEST_F(TrimmingTest, AnOffsetThatNobodySeesBehindTheLowWater) {
  History reading;
  reading.Add({.kind = Kind::kAttached, .id = "r", .topic = kTrimmedTopic, .offset = kLow, .text = "r"});
  reading.Add({.kind = Kind::kGot, .id = "r", .offset = kLow + 1, .digest = 1, .keys = {"k"}});
  reading.Add({.kind = Kind::kEnded, .id = "r", .offset = kLow + 2});
  EXPECT_THAT(AssembleLog(reading.attachments).problems,
              ElementsAre("kept at 10: nobody sees an event there"));
}

}  // namespace
}  // namespace jammi::test
