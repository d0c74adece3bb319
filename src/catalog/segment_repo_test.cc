// The segments of result tables' indexes.
#include "catalog/segment_repo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <mutex>
#include <set>
#include <thread>

#include "catalog/result_table_fixture.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

class SegmentRepoTest : public ResultTablesTest {
 protected:
  Result<IndexSegment> Append(const Scope& scope, std::string_view table, std::string path,
                              const std::optional<LeaseToken>& lease = {}) {
    return Segments(scope).Append(table, {.bundle_path = std::move(path), .row_count = 3}, lease);
  }
  std::vector<int64_t> Ids(const Scope& scope, const std::string& table) {
    std::vector<int64_t> ids;
    for (const auto& segment :
         AllPages([&](const std::string& token) { return Segments(scope).List(table, 2, token); })) {
      ids.push_back(segment.segment_id);
    }
    return ids;
  }
};
JAMMI_ON_EVERY_DATABASE(SegmentRepoTest);

TEST_P(SegmentRepoTest, Cat090SegmentsAreNumberedFromZero) {
  Ready(kA, "t");
  EXPECT_EQ(Ok(Segments(kA).MaxId("t")), std::nullopt);
  for (int i = 0; i < 5; ++i) {
    const auto segment = Ok(Append(kA, "t", fmt::format("p{}", i)));
    EXPECT_EQ(segment.segment_id, i);
    EXPECT_EQ(segment.row_count, 3);
  }
  Reopen();
  EXPECT_THAT(Ids(kA, "t"), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(Ok(Segments(kA).MaxId("t")), 4);
  EXPECT_EQ(Ok(Segments(kA).List("t")).items[3].bundle_path, "p3");
}

TEST_P(SegmentRepoTest, Cat092EightAppendsAtOnceGetZeroToSeven) {
  Ready(kA, "t");
  std::latch start(8);
  std::mutex mutex;
  std::multiset<int64_t> ids;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        const auto segment = Append(kA, "t", fmt::format("p{}", i));
        const std::lock_guard lock(mutex);
        ids.insert(segment ? segment->segment_id : -1);
      });
    }
  }
  EXPECT_THAT(ids, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(Ids(kA, "t"), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  Ok(Tables(kA).Delete("t"));
  EXPECT_EQ(GetInt("SELECT COUNT(*) AS v FROM index_segments"), 0);
}

TEST_P(SegmentRepoTest, Case15OfAnUnknownTableThereIsNothing) {
  EXPECT_TRUE(IsTableNotFound(Segments(kA).List("t")));
  EXPECT_TRUE(IsTableNotFound(Segments(kA).MaxId("t")));
  EXPECT_TRUE(IsTableNotFound(Segments(kA).DeleteAll("t")));
  EXPECT_TRUE(IsTableNotFound(Append(kA, "t", "p")));
}

TEST_P(SegmentRepoTest, Cat093ThePrecisionMustBeTheTables) {
  auto params = Params("int8");
  params.storage_precision = StoragePrecision::kInt8;
  Ready(kA, params);
  Ready(kA, "absent");  // reads as f32
  const auto append = [&](std::string_view table, StoragePrecision precision) {
    return Segments(kA).Append(table, {.bundle_path = "p", .precision = precision});
  };
  EXPECT_EQ(CodeOf(append("int8", StoragePrecision::kF32)), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(append("absent", StoragePrecision::kBinary)), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(append("absent", static_cast<StoragePrecision>(4))), ErrorCode::kInvalidArgument);
  EXPECT_THAT(Ids(kA, "int8"), IsEmpty());
  EXPECT_EQ(Ok(append("int8", StoragePrecision::kInt8)).segment_id, 0);  // no id was used up
  EXPECT_EQ(Ok(append("absent", StoragePrecision::kF32)).segment_id, 0);
}

// WK-30: a call that is repeated because nobody knows how the first ended adds no second segment.
TEST_P(SegmentRepoTest, Wk30ABundleIsASegmentOnce) {
  Ready(kA, "t");
  Ok(Append(kA, "t", "p"));
  EXPECT_EQ(CodeOf(Append(kA, "t", "p")), ErrorCode::kAlreadyExists);
  EXPECT_EQ(Ok(Append(kA, "t", "q")).segment_id, 1);
}

TEST_P(SegmentRepoTest, Wk15OnlyTheBuilderAppendsToABuild) {
  const auto build = Start(kA, "t");
  EXPECT_EQ(CodeOf(Append(kA, "t", "p")), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(LostTo(Append(kA, "t", "p", LeaseToken{"other", build.lease.epoch})), build.lease.epoch);
  EXPECT_EQ(CodeOf(Append(kA, "t", "p", LeaseToken{"", 1})), ErrorCode::kInvalidArgument);
  Ok(Append(kA, "t", "p", build.lease));
  MoveClock(kLease);
  EXPECT_EQ(LostTo(Append(kA, "t", "q", build.lease)), build.lease.epoch);
  EXPECT_EQ(LostTo(Segments(kA).DeleteAll("t", build.lease)), build.lease.epoch);
  EXPECT_EQ(CodeOf(Segments(kA).DeleteAll("t")), ErrorCode::kFailedPrecondition);
  EXPECT_THAT(Ids(kA, "t"), ElementsAre(0));
}

TEST_P(SegmentRepoTest, AFailedTableTakesNoSegmentsButGivesThemBack) {
  const auto build = Start(kA, "t");
  Ok(Append(kA, "t", "p", build.lease));
  Ok(Tables(kA).Fail("t", build.lease));
  EXPECT_EQ(CodeOf(Append(kA, "t", "q")), ErrorCode::kFailedPrecondition);
  const auto deleted = Ok(Segments(kA).DeleteAll("t"));
  ASSERT_EQ(deleted.size(), 1U);
  EXPECT_EQ(deleted[0].bundle_path, "p");
}

TEST_P(SegmentRepoTest, Cat090DeletedIdsAreNotGivenAgain) {
  Ready(kA, "t");
  for (int i = 0; i < 3; ++i) Ok(Append(kA, "t", fmt::format("p{}", i)));
  const auto deleted = Ok(Segments(kA).DeleteAll("t"));
  ASSERT_EQ(deleted.size(), 3U);
  EXPECT_EQ(deleted[2].segment_id, 2);
  EXPECT_EQ(Ok(Segments(kA).MaxId("t")), std::nullopt);
  EXPECT_THAT(Ok(Segments(kA).DeleteAll("t")), IsEmpty());
  EXPECT_EQ(Ok(Append(kA, "t", "p0")).segment_id, 3);
}

TEST_P(SegmentRepoTest, Wk30SegmentsAreSeenAndChangedAsTheirTable) {
  Ready(kGlobal, "g");
  Ok(Append(kGlobal, "g", "p"));
  Ready(kA, "t");
  Ok(Append(kA, "t", "p"));
  EXPECT_THAT(Ids(kA, "g"), ElementsAre(0));
  for (const Scope& scope : {kB, kOutsider, kGlobal}) {
    EXPECT_TRUE(IsTableNotFound(Segments(scope).List("t")));
    EXPECT_TRUE(IsTableNotFound(Segments(scope).MaxId("t")));
    EXPECT_TRUE(IsTableNotFound(Append(scope, "t", "q")));
    EXPECT_TRUE(IsTableNotFound(Segments(scope).DeleteAll("t")));
  }
  EXPECT_TRUE(IsTableNotFound(Append(kA, "g", "q")));
  EXPECT_TRUE(IsTableNotFound(Segments(kA).DeleteAll("g")));
  Ready(kB, "t");
  EXPECT_THAT(Ids(kB, "t"), IsEmpty());
  EXPECT_THAT(Ids(kA, "t"), ElementsAre(0));
}

TEST_P(SegmentRepoTest, APageGoesOnInTheTableOfTheFirst) {
  Ready(kGlobal, "t");
  for (int i = 0; i < 4; ++i) Ok(Append(kGlobal, "t", fmt::format("p{}", i)));
  const auto first = Ok(Segments(kA).List("t", 2));
  Ready(kA, "t");
  const auto second = Ok(Segments(kA).List("t", 2, first.next_page_token));
  ASSERT_EQ(second.items.size(), 2U);
  EXPECT_EQ(second.items[0].segment_id, 2);
  EXPECT_THAT(Ids(kA, "t"), IsEmpty());
  EXPECT_EQ(CodeOf(Segments(kA).List("t", 0)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Segments(kA).List("t", 2, "x")), ErrorCode::kInvalidArgument);
}

TEST_P(SegmentRepoTest, BadArgumentsAreRefused) {
  Ready(kA, "t");
  EXPECT_EQ(CodeOf(Append(kA, "", "p")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Append(kA, "t", "")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Append(kA, "t", std::string(4097, 'p'))), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Segments(kA).Append("t", {.bundle_path = "p", .row_count = -1})),
            ErrorCode::kInvalidArgument);
  EXPECT_THAT(Ids(kA, "t"), IsEmpty());
}

}  // namespace
}  // namespace jammi::test
