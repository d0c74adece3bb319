#include "rows/row_writer.h"

#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <gmock/gmock.h>

#include <sstream>

namespace jammi {
namespace {

std::shared_ptr<arrow::RecordBatch> Batch() {
  const auto type = arrow::struct_({arrow::field("id", arrow::int64()), arrow::field("text", arrow::utf8()),
                                    arrow::field("bytes", arrow::binary()),
                                    arrow::field("list", arrow::list(arrow::int8()))});
  const auto rows = *arrow::json::ArrayFromJSONString(
      type,
      R"([[1, "plain", "ab", [1, 2]], [2, "", null, null], [3, "a \"b\",\n", "", []], [null, null, null, null]])");
  return *arrow::RecordBatch::FromStructArray(rows);
}

std::string Written(RowFormat format) {
  std::ostringstream out;
  const auto writer = *RowWriter::Make(format, out, Batch()->schema());
  EXPECT_TRUE(writer->Write(*Batch()));
  EXPECT_TRUE(writer->End());
  return out.str();
}

TEST(RowWriterTest, CsvTellsNullFromNothing) {
  EXPECT_EQ(Written(RowFormat::kCsv),
            "id,text,bytes,list\n"
            "1,plain,YWI=,\"[1,2]\"\n"
            "2,\"\",,\n"
            "3,\"a \"\"b\"\",\n\",\"\",[]\n"
            ",,,\n");
}

// Each on its own: some programs take a carriage return for the end of a line.
TEST(RowWriterTest, CsvQuotesWhateverCouldEndAField) {
  const auto type = arrow::struct_({arrow::field("text", arrow::utf8())});
  const auto rows =
      *arrow::json::ArrayFromJSONString(type, R"([["a,b"], ["a\"b"], ["a\rb"], ["a\nb"], ["a b"]])");
  const auto batch = *arrow::RecordBatch::FromStructArray(rows);
  std::ostringstream out;
  const auto writer = *RowWriter::Make(RowFormat::kCsv, out, batch->schema());
  ASSERT_TRUE(writer->Write(*batch));
  EXPECT_EQ(out.str(), "text\n\"a,b\"\n\"a\"\"b\"\n\"a\rb\"\n\"a\nb\"\na b\n");
}

TEST(RowWriterTest, JsonIsALineForEachRow) {
  EXPECT_EQ(Written(RowFormat::kJson),
            "{\"id\":1,\"text\":\"plain\",\"bytes\":\"YWI=\",\"list\":[1,2]}\n"
            "{\"id\":2,\"text\":\"\",\"bytes\":null,\"list\":null}\n"
            "{\"id\":3,\"text\":\"a \\\"b\\\",\\u000a\",\"bytes\":\"\",\"list\":[]}\n"
            "{\"id\":null,\"text\":null,\"bytes\":null,\"list\":null}\n");
}

TEST(RowWriterTest, WhatIsWrittenIsReadBack) {
  for (const auto format : {RowFormat::kJson, RowFormat::kCsv, RowFormat::kArrow}) {
    const auto reader = *RowReader::Make(format, Batch()->schema(), 100);
    ASSERT_TRUE(reader->Feed(Written(format)));
    ASSERT_TRUE(reader->End());
    const auto batches = reader->Take();
    ASSERT_EQ(batches.size(), 1U);
    EXPECT_TRUE(batches[0]->Equals(*Batch())) << batches[0]->ToString();
  }
}

}  // namespace
}  // namespace jammi
