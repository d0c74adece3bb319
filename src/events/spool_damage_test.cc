// A spool that was cut off, changed or robbed: nothing that was taken is lost without a word.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "events/crc32c.h"
#include "events/spool_fixture.h"

namespace jammi::events {
namespace {

namespace fs = std::filesystem;
using test::EventNamed;
using test::FaultIn;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SpoolDamageTest : public test::SpoolFixture {
 protected:
  // Begins the test anew with what was in the folder after Fill().
  void Keep() {
    for (const auto& each : fs::directory_iterator(directory_)) {
      if (each.is_regular_file()) kept_.emplace_back(each.path(), Contents(each.path()));
    }
  }
  void Restore() {
    fs::remove_all(directory_);
    fs::create_directory(directory_);
    for (const auto& [path, bytes] : kept_) Put(path, bytes);
    inner_ = std::make_shared<test::ScriptedSink>();
  }
  std::vector<std::pair<fs::path, std::string>> kept_;
};

TEST_F(SpoolDamageTest, ATornEndIsCutWhereverItWasTorn) {
  Fill({"a", "b", "c"});
  Keep();
  const fs::path segment = Segments().at(0);
  const std::string whole = Contents(segment);
  const size_t record = (whole.size() - kSegmentHeaderBytes) / 3;
  for (size_t left = 0; left < record; ++left) {
    SCOPED_TRACE(left);
    Restore();
    Put(segment, whole.substr(0, whole.size() - record + left));
    {
      const auto spool = Open();
      ASSERT_NE(spool, nullptr);
      EXPECT_EQ(spool->status().torn_bytes, left);
      EXPECT_THAT(spool->status().damage, IsEmpty());
      EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("d")));
    }
    Drain();
    EXPECT_THAT(inner_->taken(), ElementsAre("a", "b", "d"));
  }
}

// Some file systems make a file longer before they write into it.
TEST_F(SpoolDamageTest, AnEndOfNothingButZerosIsTorn) {
  Fill({"a"});
  const fs::path segment = Segments().at(0);
  Put(segment, Contents(segment) + std::string(4096, '\0'));
  EXPECT_THAT(Drain(), ElementsAre("a"));
  EXPECT_EQ(status_.torn_bytes, 4096U);
  EXPECT_THAT(status_.damage, IsEmpty());
}

TEST_F(SpoolDamageTest, EveryChangedByteOfASegmentIsFoundAndTold) {
  Fill({"a", "b", "c"});
  Keep();
  const fs::path segment = Segments().at(0);
  const std::string whole = Contents(segment);
  const size_t record = (whole.size() - kSegmentHeaderBytes) / 3;
  for (size_t at = 0; at < whole.size(); ++at) {
    SCOPED_TRACE(at);
    Restore();
    std::string changed = whole;
    changed[at] ^= 0x10;
    Put(segment, changed);
    const auto delivered = Drain();
    ASSERT_THAT(status_.damage, SizeIs(1));
    EXPECT_EQ(status_.torn_bytes, 0U);
    EXPECT_EQ(status_.health, SinkHealth::kLosing);
    EXPECT_EQ(status_.damage[0].error.code(), ErrorCode::kDataLoss);
    // What was changed is in quarantine, as it was found.
    const std::string aside = Contents(status_.damage[0].quarantine);
    EXPECT_EQ(aside.size(), status_.damage[0].bytes);
    EXPECT_THAT(changed, HasSubstr(aside));
    if (at < kSegmentHeaderBytes) {
      EXPECT_THAT(delivered, ElementsAre("a", "b", "c"));
      continue;
    }
    const size_t number = (at - kSegmentHeaderBytes) / record;
    const bool header = (at - kSegmentHeaderBytes) % record < kRecordHeaderBytes;
    std::vector<std::string> expected = {"a", "b", "c"};
    const auto hit = expected.begin() + static_cast<std::ptrdiff_t>(number);
    // Behind a changed header nobody knows where a record begins.
    expected.erase(hit, header ? expected.end() : hit + 1);
    EXPECT_EQ(delivered, expected);
  }
}

TEST_F(SpoolDamageTest, ADamagedSpoolGoesOnBehindTheDamage) {
  Fill({"a", "b"});
  const fs::path segment = Segments().at(0);
  std::string bytes = Contents(segment);
  bytes[kSegmentHeaderBytes] ^= 1;
  Put(segment, bytes);
  {
    const auto spool = Open();
    EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("c")));
    EVENTS_OK_OR_FAIL(spool->Close(test::Soon()));
  }
  EXPECT_THAT(inner_->taken(), ElementsAre("c"));
  EXPECT_THAT(Drain(), ElementsAre("c"));
  EXPECT_THAT(status_.damage, IsEmpty()) << "it is told until it is passed";
  EXPECT_THAT(Quarantined(), SizeIs(1));
}

TEST_F(SpoolDamageTest, AMissingOrShortSegmentIsTold) {
  const SpoolOptions small{.segment_bytes = 1};  // one event a segment
  Fill({"a", "b", "c", "d"}, small);
  Keep();
  ASSERT_THAT(Segments(), SizeIs(4));

  fs::remove(Segments()[1]);
  EXPECT_THAT(Drain(small), ElementsAre("a", "c", "d"));
  ASSERT_THAT(status_.damage, SizeIs(1));
  EXPECT_THAT(status_.damage[0].error.message(), HasSubstr("1 events are missing"));

  Restore();
  fs::remove(Segments()[0]);
  EXPECT_THAT(Drain(small), ElementsAre("b", "c", "d"));
  ASSERT_THAT(status_.damage, SizeIs(1));

  Restore();
  fs::resize_file(Segments()[1], kSegmentHeaderBytes + 5);  // not the last one: that is no torn end
  EXPECT_THAT(Drain(small), ElementsAre("a", "c", "d"));
  EXPECT_THAT(status_.damage, SizeIs(1));
  EXPECT_EQ(status_.torn_bytes, 0U);
}

TEST_F(SpoolDamageTest, WithoutItsCursorEverythingIsDeliveredAgain) {
  Fill({"a", "b"});
  Drain();
  Keep();
  fs::remove(directory_ / "cursor");
  inner_ = std::make_shared<test::ScriptedSink>();
  EXPECT_THAT(Drain(), ElementsAre("a", "b"));
  EXPECT_THAT(status_.damage, IsEmpty());

  Restore();
  Put(directory_ / "cursor", std::string(kCursorFileBytes, 'x'));
  EXPECT_THAT(Drain(), ElementsAre("a", "b"));
  EXPECT_THAT(status_.damage, SizeIs(1));
}

TEST_F(SpoolDamageTest, ANewerFormIsRefusedAndLeftAlone) {
  Fill({"a"});
  const fs::path segment = Segments().at(0);
  std::string bytes = Contents(segment);
  bytes[8] = 2;
  const uint32_t crc = Crc32c(std::string_view(bytes).substr(0, 28));
  bytes.replace(28, 4, reinterpret_cast<const char*>(&crc), 4);
  Put(segment, bytes);
  const auto refused = TryOpen();
  EXPECT_EQ(FaultIn(refused), SinkFault::kSpillFailed);
  EXPECT_EQ(refused.error().code(), ErrorCode::kDataLoss);
  EXPECT_EQ(Contents(segment), bytes);
}

// A byte that changes while the spool is open: it stops, and the next one puts aside what is damaged.
TEST_F(SpoolDamageTest, WhatChangesUnderItStopsItUntilItIsOpenedAgain) {
  inner_->Hold();
  {
    const auto spool = Open({.window = 1});
    EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("a")));
    inner_->AwaitGiven(1);
    EVENTS_OK_OR_FAIL(spool->Emit(EventNamed("b")));
    const fs::path segment = Segments().at(0);
    std::string bytes = Contents(segment);
    bytes.back() ^= 1;
    std::fstream(segment, std::ios::in | std::ios::out | std::ios::binary) << bytes;
    inner_->LetGo();
    const auto flushed = spool->Flush(test::Soon());
    EXPECT_EQ(FaultIn(flushed), SinkFault::kSpillFailed);
    EXPECT_EQ(flushed.error().code(), ErrorCode::kDataLoss);
    EXPECT_EQ(spool->status().health, SinkHealth::kLosing);
  }
  EXPECT_THAT(inner_->taken(), ElementsAre("a"));
  EXPECT_THAT(Drain(), ElementsAre("a"));
  EXPECT_THAT(status_.damage, SizeIs(1));
}

}  // namespace
}  // namespace jammi::events
