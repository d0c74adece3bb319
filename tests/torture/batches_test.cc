// What the torture test's processes see in a batch, whatever version of the schema it has.
#include "torture/batches.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include "torture/events.h"

namespace jammi::test {
namespace {

const std::string kPlain = MakeEventKey("plain", 3, 20);
const std::string kGrown = MakeEventKey(NameWithColumns("grown", 2), 3, 20);

// The batch as a subscriber of another version sees it: with nulls behind its columns, or with fewer.
std::shared_ptr<arrow::RecordBatch> SeenWith(const std::shared_ptr<arrow::RecordBatch>& batch,
                                             size_t columns) {
  arrow::ArrayVector arrays = batch->columns();
  const auto schema = EventSchema(columns);
  while (arrays.size() < static_cast<size_t>(schema->num_fields()))
    arrays.push_back(*arrow::MakeArrayOfNull(arrow::int64(), batch->num_rows()));
  arrays.resize(static_cast<size_t>(schema->num_fields()));
  return arrow::RecordBatch::Make(schema, batch->num_rows(), arrays);
}

std::shared_ptr<arrow::RecordBatch> With(const std::shared_ptr<arrow::RecordBatch>& batch, int column,
                                         std::shared_ptr<arrow::Array> values) {
  return *batch->SetColumn(column, batch->schema()->field(column), std::move(values));
}

TEST(DescribeTest, AnEventOfEveryVersionSeenWithEveryVersion) {
  for (const std::string& key : {kPlain, kGrown}) {
    for (size_t columns = 0; columns < 5; ++columns) {
      const auto seen = Describe(*SeenWith(ToBatch(key), columns));
      EXPECT_EQ(seen.key, key) << columns;
      EXPECT_EQ(seen.digest, DigestOf(key, 0)) << columns;
    }
  }
}

TEST(DescribeTest, AnAppendedColumnWithoutItsValues) {
  const auto batch = ToBatch(kGrown);
  EXPECT_EQ(Describe(*With(batch, 5, *arrow::MakeArrayOfNull(arrow::int64(), batch->num_rows()))).key, "?");
}

TEST(DescribeTest, AnAppendedColumnWithAnothersValues) {
  const auto batch = ToBatch(kGrown);
  EXPECT_EQ(Describe(*With(batch, 4, batch->column(5))).key, "?");
}

TEST(DescribeTest, ValuesWhereTheEventHasNone) {
  const auto batch = SeenWith(ToBatch(kGrown), 3);
  EXPECT_EQ(Describe(*With(batch, 6, batch->column(4))).key, "?");
}

TEST(DescribeTest, AnotherSchema) {
  const auto batch = ToBatch(kPlain);
  EXPECT_EQ(
      Describe(*batch->AddColumn(4, arrow::field("x", arrow::int64()), batch->column(2)).ValueOrDie()).key,
      "?");
}

}  // namespace
}  // namespace jammi::test
