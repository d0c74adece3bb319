// The checker of the torture test sees each fault that it is there for.
#include "torture/checker.h"

#include <gmock/gmock.h>

#include <string>

#include "torture/record.h"

namespace jammi::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = Record::Kind;

const std::string kTopic = "open";

// An event of one row, which every predicate but the last selects.
std::string Key(const std::string& name) {
  for (int i = 0;; ++i) {
    std::string key = MakeEventKey(name + "." + std::to_string(i), 2, 10);
    const auto selects = [&key](size_t predicate) { return DigestOf(key, predicate) != 0; };
    if (selects(1) && selects(2) && selects(3)) return key;
  }
}
// One of which predicate 1 selects nothing.
std::string HighKey(const std::string& name) {
  for (int i = 0;; ++i) {
    std::string key = MakeEventKey(name + "." + std::to_string(i), 1, 10);
    if (DigestOf(key, 1) == 0) return key;
  }
}

// Three processes and a log, all well: event "a" of scope 0, "b" of scope 1, "c" of scope 2, "h" of scope 0;
// "u" of scope 0 of unknown outcome at the end. Each test breaks one thing.
class CheckerTest : public testing::Test {
 protected:
  CheckerTest() {
    Ask("1", {a_}, 0, 10);
    Answer("1", Kind::kAcknowledged, 20, 0);
    Ask("2", {b_}, 1, 30);
    Answer("2", Kind::kAcknowledged, 40, 1);
    Ask("3", {c_}, 2, 41);
    Answer("3", Kind::kAcknowledged, 60, 2);
    Ask("4", {h_}, 0, 70);
    Answer("4", Kind::kAcknowledged, 80, 3);
    Ask("5", {u_}, 0, 90);
    log_[kTopic] = {Event(0, a_), Event(1, b_), Event(2, c_), Event(0, h_), Event(0, u_)};
  }

  static LoggedEvent Event(Who who, const std::string& key) { return {who, key, DigestOf(key, 0)}; }

  void Ask(const std::string& id, std::vector<std::string> keys, Who who, int64_t at, bool keyed = false) {
    history_.Add({.kind = Kind::kAsk,
                  .at = at,
                  .id = id,
                  .topic = kTopic,
                  .who = who,
                  .flag = keyed,
                  .keys = std::move(keys)});
  }
  void Answer(const std::string& id, Kind kind, int64_t at, uint64_t offset = 0) {
    history_.Add({.kind = kind, .at = at, .id = id, .offset = offset});
  }
  void Attach(const std::string& id, Who who, size_t predicate, uint64_t start,
              const std::string& cursor = {}, Kind kind = Kind::kAttached, int64_t at = 0) {
    history_.Add({.kind = kind,
                  .at = at,
                  .id = id,
                  .topic = kTopic,
                  .who = who,
                  .predicate = predicate,
                  .offset = start,
                  .text = cursor.empty() ? id : cursor});
  }
  void Got(const std::string& id, uint64_t offset, size_t predicate = 0) {
    const LoggedEvent& event = log_[kTopic][offset];
    GotThis(id, offset, event.publisher, event.key, DigestOf(event.key, predicate));
  }
  void GotThis(const std::string& id, uint64_t offset, Who publisher, const std::string& key,
               uint64_t digest) {
    history_.Add(
        {.kind = Kind::kGot, .id = id, .who = publisher, .offset = offset, .digest = digest, .keys = {key}});
  }
  void Ended(const std::string& id, uint64_t position) {
    history_.Add({.kind = Kind::kEnded, .id = id, .offset = position, .text = "test"});
  }
  void Acked(const std::string& id, Kind kind, uint64_t position, int64_t at = 0) {
    history_.Add({.kind = kind, .at = at, .id = id, .offset = position});
  }

  void ExpectWell() { EXPECT_THAT(Judge(history_, log_), IsEmpty()); }
  void ExpectProblem(const std::string& text) {
    EXPECT_THAT(Judge(history_, log_), Contains(HasSubstr(text)));
  }

  const std::string a_ = Key("a"), b_ = Key("b"), c_ = Key("c"), h_ = HighKey("h"), u_ = Key("u");
  History history_;
  Log log_;
};

// --- The log -------------------------------------------------------------------------------------------

TEST_F(CheckerTest, WhatIsWellIsWell) { ExpectWell(); }

TEST_F(CheckerTest, AnEventOfUnknownOutcomeMayBeAbsent) {
  log_[kTopic].pop_back();
  ExpectWell();
}

TEST_F(CheckerTest, ALostEvent) {
  log_[kTopic].resize(3);
  ExpectProblem("acknowledged at 3, is lost");
}

TEST_F(CheckerTest, ALostTopic) {
  log_.clear();
  ExpectProblem("acknowledged at 0, is lost");
}

TEST_F(CheckerTest, AnEventAtAnotherOffset) {
  std::swap(log_[kTopic][0], log_[kTopic][1]);
  ExpectProblem("acknowledged at 0, lies at 1");
}

TEST_F(CheckerTest, AnEventTwice) {
  log_[kTopic].push_back(log_[kTopic][1]);
  ExpectProblem("for the second time, it is at 1");
}

TEST_F(CheckerTest, AnEventThatNobodyPublished) {
  log_[kTopic].push_back(Event(0, Key("x")));
  ExpectProblem("was never published there");
}

TEST_F(CheckerTest, AnEventInAnotherTopic) {
  log_["shared"].push_back(Event(0, u_));
  ExpectProblem("shared at 0: event " + u_ + " was never published there");
}

TEST_F(CheckerTest, OtherRows) {
  ++log_[kTopic][1].digest;
  ExpectProblem("has rows that nobody published");
}

TEST_F(CheckerTest, AnotherPublisher) {
  log_[kTopic][1].publisher = 2;
  ExpectProblem("of scope 1 is said to be of scope 2");
}

TEST_F(CheckerTest, ARefusedEventThatIsThere) {
  Answer("5", Kind::kRefused, 95);
  ExpectProblem("was refused, and is there");
}

TEST_F(CheckerTest, AnEventBeforeOneThatWasAcknowledgedEarlier) {
  Ask("6", {Key("late")}, 0, 100);
  log_[kTopic].insert(log_[kTopic].begin(), Event(0, Key("late")));
  ExpectProblem("was asked for after");
}

TEST_F(CheckerTest, EventsPublishedTogetherAreThereTogether) {
  const std::string one = Key("one"), two = Key("two"), three = Key("three");
  Ask("6", {one, two, three}, 0, 100);
  ExpectWell();  // none
  for (const auto& key : {one, two, three}) log_[kTopic].push_back(Event(0, key));
  ExpectWell();  // all
  log_[kTopic].pop_back();
  ExpectProblem("were published together and are not together");
}

TEST_F(CheckerTest, EventsPublishedTogetherWithAnotherBetweenThem) {
  const std::string one = Key("one"), two = Key("two");
  Ask("6", {one, two}, 0, 100);
  Ask("7", {Key("between")}, 0, 100);
  for (const auto& key : {one, Key("between"), two}) log_[kTopic].push_back(Event(0, key));
  ExpectProblem("were published together and are not together");
}

TEST_F(CheckerTest, AKeyedPublishMayBeRepeated) {
  const std::string key = Key("keyed");
  log_[kTopic].push_back(Event(0, key));
  Ask("6", {key}, 0, 100, true);
  Answer("6", Kind::kUnknown, 101);
  Ask("7", {key}, 0, 102, true);
  Answer("7", Kind::kRefused, 103);
  Ask("8", {key}, 0, 104, true);
  Answer("8", Kind::kAcknowledged, 105, 5);
  ExpectWell();
}

TEST_F(CheckerTest, AKeyedPublishIsUnfinishedUntilItIsAcknowledged) {
  Ask("6", {Key("keyed")}, 0, 100, true);
  Answer("6", Kind::kUnknown, 101);
  ASSERT_EQ(history_.Unfinished().size(), 1U);
  EXPECT_THAT(history_.Unfinished()[0]->keys, ElementsAre(Key("keyed")));
  Ask("7", {Key("keyed")}, 0, 102, true);
  Answer("7", Kind::kAcknowledged, 103, 5);
  EXPECT_THAT(history_.Unfinished(), IsEmpty());
}

TEST_F(CheckerTest, AKeyedPublishThatIsThereTwice) {
  const std::string key = Key("keyed");
  Ask("6", {key}, 0, 100, true);
  Ask("7", {key}, 0, 102, true);
  Answer("7", Kind::kAcknowledged, 105, 6);
  log_[kTopic].push_back(Event(0, key));
  log_[kTopic].push_back(Event(0, key));
  ExpectProblem("for the second time");
  ExpectProblem("acknowledged at 6, lies at 5");
}

TEST_F(CheckerTest, APromiseThatAProcessSawBroken) {
  history_.Add({.kind = Kind::kBroken, .text = "the engine cannot be opened"});
  ExpectProblem("the engine cannot be opened");
}

TEST_F(CheckerTest, AnAnswerToNothing) {
  Answer("nobody", Kind::kAcknowledged, 1, 1);
  ExpectProblem("a line that makes no sense");
}

// --- Cursors -------------------------------------------------------------------------------------------

TEST_F(CheckerTest, EachReaderGetsWhatItsScopeSeesAndItsPredicateSelects) {
  Attach("global", 0, 0, 0);
  for (const uint64_t offset : {0, 3, 4}) Got("global", offset);
  Ended("global", 5);
  Attach("first", 1, 1, 1);
  for (const uint64_t offset : {1, 4}) Got("first", offset, 1);
  Ended("first", 5);
  Attach("nothing", 1, 4, 0);
  Ended("nothing", 5);
  Attach("killed", 1, 0, 0);
  Got("killed", 0);
  ExpectWell();
}

TEST_F(CheckerTest, ASkippedEvent) {
  Attach("r", 1, 0, 0);
  Got("r", 0);
  Got("r", 3);
  ExpectProblem("r of open from 0: " + b_ + " at 1 was skipped");
}

TEST_F(CheckerTest, ASkippedFirstEvent) {
  Attach("r", 1, 0, 0);
  Got("r", 1);
  ExpectProblem("at 0 was skipped");
}

TEST_F(CheckerTest, ASkippedLastEvent) {
  Attach("r", 1, 0, 0);
  for (const uint64_t offset : {0, 1, 3}) Got("r", offset);
  ExpectWell();  // it may have been killed here
  Ended("r", 5);
  ExpectProblem("ended at 5 (test), and " + u_ + " at 4 was skipped");
}

TEST_F(CheckerTest, ADoubledEvent) {
  Attach("r", 1, 0, 0);
  Got("r", 0);
  Got("r", 0);
  ExpectProblem("was given " + a_ + " at 0 when 1 was next");
}

TEST_F(CheckerTest, ReorderedEvents) {
  Attach("r", 1, 0, 0);
  for (const uint64_t offset : {0, 1, 4, 3}) Got("r", offset);
  ExpectProblem("at 3 was skipped");
}

TEST_F(CheckerTest, AnEventBelowTheStart) {
  Attach("r", 1, 0, 1);
  Got("r", 0);
  ExpectProblem("was given " + a_ + " at 0 when 1 was next");
}

TEST_F(CheckerTest, AForeignTenantsEvent) {
  Attach("r", 1, 0, 2);
  Got("r", 2);
  ExpectProblem("of scope 2");
}

TEST_F(CheckerTest, ARowThatThePredicateDoesNotSelect) {
  Attach("r", 1, 1, 1);
  Got("r", 1, 0);
  if (DigestOf(b_, 0) != DigestOf(b_, 1)) ExpectProblem("not the rows of " + b_);
  Attach("s", 0, 1, 3);
  Got("s", 3, 0);
  ExpectProblem("s of open from 3: ");
}

TEST_F(CheckerTest, AnotherEventAtTheOffset) {
  Attach("r", 1, 0, 1);
  GotThis("r", 1, 1, a_, DigestOf(a_, 0));
  ExpectProblem("was given " + a_ + " of scope 1 at 1, not the rows of " + b_);
}

TEST_F(CheckerTest, AnEventThatIsNotInTheLog) {
  Attach("r", 1, 0, 4);
  Got("r", 4);
  GotThis("r", 5, 0, a_, DigestOf(a_, 0));
  ExpectProblem("which is not in the log");
}

TEST_F(CheckerTest, APositionBehindTheLastEvent) {
  Attach("r", 1, 0, 0);
  Got("r", 0);
  Got("r", 1);
  Ended("r", 1);
  ExpectProblem("ended at 1 (test), behind its last event");
}

TEST_F(CheckerTest, ACursorGoesOnWhereItWas) {
  Attach("r.1", 1, 0, 0, "r");
  Got("r.1", 0);
  Attach("r.2", 1, 0, 1, "r");
  Ended("r.2", 1);
  Attach("r.3", 1, 0, 1, "r");
  ExpectWell();
  Attach("r.4", 1, 0, 3, "r");
  ExpectProblem("r of open: was at 1 and goes on at 3");
}

TEST_F(CheckerTest, LaggingIsSeenByThePosition) {
  Attach("r", 1, 0, 0);
  Attach("s", 1, 4, 0);
  EXPECT_THAT(Lagging(history_, {"r", "s", "t"}),
              ElementsAre("r of open: stands at 0, and 3 is acknowledged",
                          "s of open: stands at 0, and 3 is acknowledged", "t was never attached"));
  for (const uint64_t offset : {0, 1, 3}) Got("r", offset);
  Acked("s", Kind::kPosition, 4);
  EXPECT_THAT(Lagging(history_, {"r", "s"}), IsEmpty());
}

// --- Named consumers -----------------------------------------------------------------------------------

TEST_F(CheckerTest, AConsumerMaySeeAnEventAgain) {
  Attach("n.1", 1, 0, 0, "n", Kind::kConsuming, 5);
  for (const uint64_t offset : {0, 1, 3}) Got("n.1", offset);
  Acked("n.1", Kind::kAckAsked, 2);
  Acked("n.1", Kind::kAckAnswered, 2, 6);
  Acked("n.1", Kind::kAckAsked, 4);
  Attach("n.2", 1, 0, 2, "n", Kind::kConsuming, 10);
  Got("n.2", 3);
  ExpectWell();
  Attach("n.3", 1, 0, 4, "n", Kind::kConsuming, 20);
  Got("n.3", 4);
  ExpectWell();
}

TEST_F(CheckerTest, AConsumerThatSkips) {
  Attach("n.1", 1, 0, 0, "n", Kind::kConsuming, 5);
  for (const uint64_t offset : {0, 1}) Got("n.1", offset);
  Acked("n.1", Kind::kAckAsked, 1);
  Attach("n.2", 1, 0, 2, "n", Kind::kConsuming, 10);
  ExpectProblem("goes on at 2, and " + b_ + " at 1 was never done with");
}

TEST_F(CheckerTest, AConsumerThatBeginsTooLate) {
  Attach("n.1", 1, 0, 1, "n", Kind::kConsuming, 5);
  ExpectProblem("goes on at 1, and " + a_ + " at 0 was never done with");
}

TEST_F(CheckerTest, WhatAConsumerLeavesOutNeedNotBeAcknowledged) {
  Attach("n.1", 1, 0, 0, "n", Kind::kConsuming, 5);
  for (const uint64_t offset : {0, 1}) Got("n.1", offset);
  Acked("n.1", Kind::kAckAsked, 2);
  Attach("n.2", 1, 0, 3, "n", Kind::kConsuming, 10);  // 2 is another tenant's
  ExpectWell();
}

TEST_F(CheckerTest, AConsumerLagsByWhoeverHasComeFurthest) {
  Attach("n.1", 1, 0, 0, "n", Kind::kConsuming, 5);
  for (const uint64_t offset : {0, 1, 3}) Got("n.1", offset);
  Attach("n.2", 1, 0, 0, "n", Kind::kConsuming, 10);
  EXPECT_THAT(Lagging(history_, {"n"}), IsEmpty());
  Ask("6", {Key("more")}, 0, 100);
  Answer("6", Kind::kAcknowledged, 101, 5);
  EXPECT_THAT(Lagging(history_, {"n"}), ElementsAre("n of open: stands at 4, and 5 is acknowledged"));
}

TEST_F(CheckerTest, AConsumerThatForgets) {
  Attach("n.1", 1, 0, 0, "n", Kind::kConsuming, 5);
  for (const uint64_t offset : {0, 1}) Got("n.1", offset);
  Acked("n.1", Kind::kAckAsked, 2);
  Acked("n.1", Kind::kAckAnswered, 2, 9);
  Attach("n.2", 1, 0, 1, "n", Kind::kConsuming, 10);
  ExpectProblem("goes on at 1, though 2 was acknowledged");
}

// --- The log's reading ---------------------------------------------------------------------------------

class AssembleTest : public CheckerTest {
 protected:
  void Read(Who who, std::vector<uint64_t> offsets, uint64_t end) {
    const std::string id = "log" + std::to_string(who);
    Attach(id, who, 0, 0);
    for (const uint64_t offset : offsets) Got(id, offset);
    Ended(id, end);
  }
  void ReadAll() {
    Read(0, {0, 3, 4}, 5);
    Read(1, {0, 1, 3, 4}, 5);
  }
};

TEST_F(AssembleTest, ReadersOfAllScopesSeeAllOfIt) {
  ReadAll();
  Read(2, {0, 2, 3, 4}, 5);
  const auto assembled = AssembleLog(history_.attachments);
  EXPECT_THAT(assembled.problems, IsEmpty());
  EXPECT_THAT(Judge(history_, assembled.log), IsEmpty());
  EXPECT_EQ(assembled.log.at(kTopic).size(), 5U);
}

TEST_F(AssembleTest, AnOffsetThatNobodySees) {
  ReadAll();
  EXPECT_THAT(AssembleLog(history_.attachments).problems,
              ElementsAre("open at 2: nobody sees an event there"));
}

TEST_F(AssembleTest, AnOffsetThatNobodySeesAtTheEnd) {
  ReadAll();
  Read(2, {0, 2, 3}, 6);
  EXPECT_THAT(AssembleLog(history_.attachments).problems,
              ElementsAre("the log of open ends at 5 for one and at 6 for another"));
}

TEST_F(AssembleTest, TwoWhoSeeDifferentEvents) {
  ReadAll();
  Attach("log2", 2, 0, 0);
  GotThis("log2", 2, 2, c_, DigestOf(c_, 0));
  GotThis("log2", 3, 0, a_, DigestOf(a_, 0));
  Ended("log2", 5);
  EXPECT_THAT(AssembleLog(history_.attachments).problems,
              ElementsAre("open at 3: " + h_ + " for one, " + a_ + " for another"));
}

TEST_F(AssembleTest, AReaderThatDoesNotEnd) {
  Attach("log0", 0, 0, 0);
  EXPECT_THAT(AssembleLog(history_.attachments).problems,
              ElementsAre("the log of open cannot be read as scope 0"));
}

// --- Lines ---------------------------------------------------------------------------------------------

TEST(RecordTest, ALineSaysAllOfIt) {
  const Record record{.kind = Kind::kGot,
                      .at = -5,
                      .id = "p1.7",
                      .topic = "first's",
                      .who = 3,
                      .predicate = 2,
                      .flag = true,
                      .offset = ~uint64_t{0},
                      .digest = 77,
                      .keys = {"k1", "k2"},
                      .text = "Unavailable: the  database"};
  EXPECT_EQ(RecordOf(ToLine(record)), record);
  EXPECT_EQ(RecordOf(ToLine({})), Record{});
}

TEST(RecordTest, ATornLineIsNone) {
  const std::string line = ToLine({.kind = Kind::kGot, .at = 1, .id = "a", .keys = {"k1", "k2"}});
  EXPECT_EQ(RecordOf(line.substr(0, line.find("k2"))), std::nullopt);
  EXPECT_EQ(RecordOf("engine open: catalog"), std::nullopt);
  EXPECT_EQ(RecordOf("99 0 - - 0 0 0 0 0 0 "), std::nullopt);
  EXPECT_EQ(RecordOf(""), std::nullopt);
}

}  // namespace
}  // namespace jammi::test
