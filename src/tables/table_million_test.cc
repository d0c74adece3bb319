// A million rows in one call of each verb, on every database, in memory that does not grow with what the
// database is told.
#include <sys/resource.h>

#include "tables/table_fixture.h"

namespace jammi::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int64_t kRows = 50'000;
#else
constexpr int64_t kRows = 1'000'000;
#endif
// Beside the rows themselves: 16 bytes a row to find those that share a key, what is on its way, and what the
// database keeps in memory.
constexpr int64_t kMostBytes = int64_t{160} << 20;

int64_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} << 10;
}

class TableMillionTest : public TableTest {
 protected:
  static std::shared_ptr<arrow::Schema> Schema() {
    return arrow::schema({arrow::field("k", arrow::int64(), false), arrow::field("v", arrow::int64()),
                          arrow::field("t", arrow::utf8())});
  }
  // Keys from `first` on.
  static std::shared_ptr<arrow::RecordBatch> Rows(int64_t first, int64_t v) {
    arrow::Int64Builder keys, values;
    arrow::StringBuilder texts;
    EXPECT_TRUE(keys.Reserve(kRows).ok() && values.Reserve(kRows).ok());
    for (int64_t i = 0; i < kRows; ++i) {
      keys.UnsafeAppend(first + i);
      values.UnsafeAppend(v);
      EXPECT_TRUE(texts.Append("some twenty bytes ...").ok());
    }
    return arrow::RecordBatch::Make(Schema(), kRows, {*keys.Finish(), *values.Finish(), *texts.Finish()});
  }
  int64_t Count(const TableFilter& filter = {}) { return Ok(As(kA).CountRows("rows", filter)); }
};

JAMMI_ON_EVERY_DATABASE(TableMillionTest);

TEST_P(TableMillionTest, AMillionRowsInOneCall) {
  Ok(As(kA).Create({.id = "rows", .schema = Schema(), .primary_key = {"k"}}));
  auto tables = As(kA);
  const auto old_rows = Rows(0, 0);
  const auto new_rows = Rows(kRows / 2, 1);
  const auto some = *new_rows->RemoveColumn(2);
  const auto keys = *some->RemoveColumn(1);
  const int64_t before = PeakBytes();
  EXPECT_EQ(Ok(tables.Append("rows", old_rows)), kRows);
  EXPECT_EQ(Count(), kRows);
  EXPECT_EQ(Ok(tables.Upsert("rows", {&new_rows, 1})), kRows);
  EXPECT_EQ(Count(), kRows + kRows / 2);
  EXPECT_EQ(Count(TableFilter::Equal("v", 1)), kRows);
  EXPECT_EQ(Ok(tables.Upsert("rows", {&old_rows, 1}, UpsertMode::kIgnore)), 0);
  EXPECT_EQ(Ok(tables.UpdateWhere("rows", {}, *Rows(0, 2)->Slice(0, 1)->RemoveColumn(0))), kRows + kRows / 2);
  EXPECT_EQ(Ok(tables.Update("rows", {&some, 1})), kRows);
  EXPECT_EQ(Count(TableFilter::Equal("v", 1)), kRows);
  EXPECT_EQ(Ok(tables.Delete("rows", {&keys, 1})), kRows);
  EXPECT_EQ(Count(TableFilter::Less("k", kRows / 2)), kRows / 2);
  EXPECT_EQ(Count(), kRows / 2);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(PeakBytes() - before, kMostBytes);
#else
  EXPECT_GE(PeakBytes(), before);
#endif
}

}  // namespace
}  // namespace jammi::test
