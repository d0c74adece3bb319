// The judge of the crash tests finds each fault it is there for.
#include "crash/verdict.h"

#include <gmock/gmock.h>

namespace jammi::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = LedgerEntry::Kind;

const std::string kFirst = MakeKey("first", 100);
const std::string kSecond = MakeKey("second", 0);

// One topic with two events and a model, all acknowledged.
class Verdict : public ::testing::Test {
 protected:
  Verdict() {
    ledger_.Ask({.kind = Kind::kTopic, .topic = "t"});
    ledger_.Acknowledge({.kind = Kind::kTopic, .topic = "t"});
    ledger_.Acknowledge({.kind = Kind::kModel, .key = "m"});
    ledger_.Ask({.kind = Kind::kEvent, .topic = "t", .key = kFirst});
    ledger_.Ask({.kind = Kind::kEvent, .topic = "t", .key = kSecond});
    before_acknowledgement_ = ledger_.length();
    ledger_.Acknowledge({.kind = Kind::kEvent, .topic = "t", .key = kFirst, .offset = 0});
    ledger_.Acknowledge({.kind = Kind::kEvent, .topic = "t", .key = kSecond, .offset = 1});
    contents_.models = {"m"};
    contents_.topics = {{"t", {PayloadOf(kFirst), PayloadOf(kSecond)}}};
  }
  std::vector<std::string> Judge() { return test::Judge(contents_, ledger_.entries(), ledger_.length()); }

  Ledger ledger_;
  Contents contents_;
  size_t before_acknowledgement_ = 0;
};

TEST_F(Verdict, NothingWrong) { EXPECT_THAT(Judge(), IsEmpty()); }

TEST_F(Verdict, LostEvent) {
  contents_.topics["t"].pop_back();
  EXPECT_THAT(Judge(), ElementsAre("event second/0 at 1 of t is lost"));
}

TEST_F(Verdict, UnacknowledgedMayBeMissing) {
  contents_.topics["t"].clear();
  EXPECT_THAT(test::Judge(contents_, ledger_.entries(), before_acknowledgement_), IsEmpty());
}

TEST_F(Verdict, LostModelAndTopic) {
  contents_ = {};
  EXPECT_THAT(Judge(), ElementsAre("topic t is lost, with its events", "model m is lost"));
}

TEST_F(Verdict, SwappedEvents) {
  std::swap(contents_.topics["t"][0], contents_.topics["t"][1]);
  EXPECT_EQ(Judge().size(), 2u);
}

TEST_F(Verdict, APublishUnderAKeyMayBeAcknowledgedAgainAtItsPlaceOnly) {
  LedgerEntry once{.kind = Kind::kOnce, .topic = "t", .key = kSecond, .offset = 1};
  ledger_.Acknowledge(once);
  EXPECT_THAT(Judge(), IsEmpty());
  once.offset = 2;
  ledger_.Acknowledge(once);
  EXPECT_THAT(Judge(), testing::Contains("event second/0 was acknowledged at 1 and at 2"));
}

TEST_F(Verdict, HalfAPair) {
  const EventPair pair = MakePair("pair", 10);
  ledger_.Ask({.kind = Kind::kOnce, .topic = "t", .key = pair.first});
  ledger_.Ask({.kind = Kind::kOnce, .topic = "t", .key = pair.second});
  contents_.topics["t"].push_back(PayloadOf(pair.first));
  EXPECT_THAT(Judge(), ElementsAre("t at 2: event pair+first/10 without its other half"));
  contents_.topics["t"].push_back(PayloadOf(pair.second));
  EXPECT_THAT(Judge(), IsEmpty());
  contents_.topics["t"].erase(contents_.topics["t"].begin() + 2);
  EXPECT_THAT(Judge(), ElementsAre("t at 2: event pair+second/10 without its other half"));
}

TEST_F(Verdict, DoubledEvent) {
  contents_.topics["t"].push_back(PayloadOf(kFirst));
  EXPECT_THAT(Judge(), ElementsAre("t at 2: event first/100 for the second time"));
}

TEST_F(Verdict, AlteredBytes) {
  contents_.topics["t"][0].back() ^= 1;
  EXPECT_EQ(Judge().size(), 2u);  // bytes that nobody published, and the event is lost
}

TEST_F(Verdict, NeverAskedFor) {
  contents_.topics["t"].push_back(PayloadOf("stranger/5"));
  contents_.topics["u"] = {};
  contents_.models.insert("n");
  EXPECT_THAT(Judge(), ElementsAre("t at 2: event stranger/5 was never published",
                                   "topic u was never registered", "model n was never registered"));
}

TEST_F(Verdict, AcknowledgedTwice) {
  ledger_.Acknowledge({.kind = Kind::kEvent, .topic = "t", .key = kFirst, .offset = 1});
  EXPECT_THAT(Judge(),
              ElementsAre("offset 1 of t was acknowledged twice", "event first/100 was acknowledged twice",
                          "event first/100 at 1 of t is lost"));
}

TEST_F(Verdict, LedgerOfWhatWasFoundHoldsAgainstIt) {
  Ledger next;
  BeginWith(contents_, next);
  EXPECT_THAT(test::Judge(contents_, next.entries(), next.length()), IsEmpty());
  contents_.topics["t"].pop_back();
  EXPECT_EQ(test::Judge(contents_, next.entries(), next.length()).size(), 1u);
}

TEST(Ledger, EntriesTravelAsLines) {
  for (const LedgerEntry& entry :
       {LedgerEntry{.kind = Kind::kTopic, .acknowledged = true, .topic = "t"},
        LedgerEntry{.kind = Kind::kModel, .key = "m"},
        LedgerEntry{.kind = Kind::kEvent, .topic = "t", .key = "k/3", .offset = 9}}) {
    EXPECT_EQ(FromLine(ToLine(entry)), entry);
  }
}

}  // namespace
}  // namespace jammi::test
