// Parquet as rows of a topic (CLI-070).
#include "cli/parquet_reader.h"

#include <arrow/json/from_string.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "cli/parquet_fixture.h"
#include "rows/row_json.h"
#include "support/temp_dir.h"

namespace jammi {
namespace {

using test::ParquetOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::shared_ptr<arrow::Array> Values(const std::shared_ptr<arrow::DataType>& type, const char* json) {
  return *arrow::json::ArrayFromJSONString(type, json);
}

class ParquetReaderTest : public testing::Test {
 protected:
  // Batches as JSON, their rows behind each other; behind "!" what is wrong.
  std::vector<std::string> Read(const std::string& bytes, int64_t rows_per_batch = 1000) const {
    const auto path = folder_ / "rows.parquet";
    std::ofstream(path, std::ios::binary) << bytes;
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    auto read = Read(fd, rows_per_batch);
    ::close(fd);
    return read;
  }
  [[nodiscard]] std::vector<std::string> Read(int fd, int64_t rows_per_batch) const {
    const auto reader = ParquetReader::Open(fd, schema_, rows_per_batch);
    if (!reader) return {"!" + reader.error().message()};
    std::vector<std::string> read;
    for (;;) {
      const auto batch = (*reader)->Next();
      if (!batch) read.push_back("!" + batch.error().message());
      if (!batch || !*batch) return read;
      read.emplace_back();
      for (int64_t row = 0; row < (*batch)->num_rows(); ++row) AppendRowJson(**batch, row, read.back());
    }
  }
  static std::shared_ptr<arrow::RecordBatch> Rows(int64_t count) {
    arrow::Int64Builder id;
    for (int64_t i = 0; i < count; ++i) EXPECT_TRUE(id.Append(i).ok());
    return arrow::RecordBatch::Make(arrow::schema({arrow::field("id", arrow::int64())}), count,
                                    {*id.Finish()});
  }

  test::TempDir folder_{test::TempDir::On::kMemory};
  std::shared_ptr<arrow::Schema> schema_ =
      arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("kind", arrow::utf8())});
};

TEST_F(ParquetReaderTest, RowGroupsAreCutAndNeverPutTogether) {
  const auto bytes = ParquetOf(Rows(5), 3);
  const auto row = [](int i) { return R"({"id":)" + std::to_string(i) + R"(,"kind":null})"; };
  EXPECT_THAT(Read(bytes), ElementsAre(row(0) + row(1) + row(2), row(3) + row(4)));
  EXPECT_THAT(Read(bytes, 2), ElementsAre(row(0) + row(1), row(2), row(3) + row(4)));
  EXPECT_THAT(Read(ParquetOf(Rows(0))), ElementsAre());
}

TEST_F(ParquetReaderTest, NearTypesAreConvertedIfNothingIsLost) {
  schema_ = arrow::schema({arrow::field("id", arrow::int64()), arrow::field("small", arrow::int8()),
                           arrow::field("size", arrow::float64()), arrow::field("kind", arrow::utf8()),
                           arrow::field("bytes", arrow::binary()),
                           arrow::field("at", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")),
                           arrow::field("word", arrow::utf8())});
  const auto word = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto nanos = arrow::timestamp(arrow::TimeUnit::NANO, "UTC");
  const auto rows = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("id", arrow::int32()), arrow::field("small", arrow::int64()),
                     arrow::field("size", arrow::float32()), arrow::field("kind", arrow::large_utf8()),
                     arrow::field("bytes", arrow::large_binary()), arrow::field("at", nanos),
                     arrow::field("word", word)}),
      1,
      {Values(arrow::int32(), "[7]"), Values(arrow::int64(), "[-128]"), Values(arrow::float32(), "[0.5]"),
       Values(arrow::large_utf8(), "[\"a\"]"), Values(arrow::large_binary(), "[\"b\"]"),
       Values(nanos, "[1767323045000006000]"), Values(word, "[\"w\"]")});
  EXPECT_THAT(Read(ParquetOf(rows)),
              ElementsAre(R"({"id":7,"small":-128,"size":0.5,"kind":"a","bytes":"Yg==",)"
                          R"("at":"2026-01-02 03:04:05.000006Z","word":"w"})"));
  const auto large =
      *rows->SetColumn(1, arrow::field("small", arrow::int64()), Values(arrow::int64(), "[128]"));
  EXPECT_THAT(Read(ParquetOf(large)), ElementsAre(StartsWith("!row group 1: column 'small': ")));
  const auto fine = *rows->SetColumn(5, arrow::field("at", nanos), Values(nanos, "[1767323045000006001]"));
  EXPECT_THAT(Read(ParquetOf(fine)), ElementsAre(StartsWith("!row group 1: column 'at': ")));
}

TEST_F(ParquetReaderTest, ColumnsThatDoNotFitAreNamedBeforeARowIsRead) {
  const auto error = [&](const std::string& name, const std::shared_ptr<arrow::DataType>& type,
                         const char* values) {
    return Read(ParquetOf(
        arrow::RecordBatch::Make(arrow::schema({arrow::field(name, type)}), 1, {Values(type, values)})));
  };
  EXPECT_THAT(error("idd", arrow::int64(), "[1]"),
              ElementsAre("!there is no column 'idd'; did you mean 'id'?"));
  EXPECT_THAT(error("kind", arrow::utf8(), "[\"a\"]"), ElementsAre("!column 'id' must have a value"));
  EXPECT_THAT(error("id", arrow::utf8(), "[\"1\"]"), ElementsAre("!column 'id' is int64, and not string"));
  EXPECT_THAT(error("id", arrow::float64(), "[1]"), ElementsAre("!column 'id' is int64, and not double"));
  EXPECT_THAT(error("id", arrow::decimal128(10, 2), "[\"1.00\"]"),
              ElementsAre("!column 'id' is int64, and not decimal128(10, 2)"));
  EXPECT_THAT(error("id", arrow::int64(), "[null]"),
              ElementsAre("!row group 1: column 'id' must have a value"));
}

TEST_F(ParquetReaderTest, WhatIsNoParquetFileIsNamed) {
  const auto bytes = ParquetOf(Rows(1000));
  for (const auto& other : {std::string(), std::string("PAR"), std::string("id,kind\n1,a\n")})
    EXPECT_THAT(Read(other), ElementsAre("!this is no Parquet file: it does not begin with PAR1")) << other;
  for (const size_t cut : {size_t{4}, size_t{8}, bytes.size() / 2, bytes.size() - 1})
    EXPECT_THAT(Read(bytes.substr(0, cut)), ElementsAre("!the Parquet file is cut off: its end is not there"))
        << cut;
  EXPECT_THAT(Read("PAR1" + bytes.substr(bytes.size() - 8)),  // the footer is not where the end says
              ElementsAre(StartsWith("!the Parquet file is damaged: ")));
  EXPECT_THAT(Read("PAREsecretPARE"), ElementsAre("!encrypted Parquet is not read"));
  std::array<int, 2> ends = {};
  ASSERT_EQ(::pipe(ends.data()), 0);
  EXPECT_THAT(Read(ends[0], 1), ElementsAre(HasSubstr("put it into a file")));
  for (const int end : ends) ::close(end);
}

// Wherever a byte is another one there are rows or an error, and never an exception or a crash.
TEST_F(ParquetReaderTest, ADamagedFileIsAnError) {
  const auto bytes = ParquetOf(Rows(50), 20);
  size_t errors = 0;
  for (size_t i = 4; i + 4 < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    const auto read = Read(damaged);
    if (!read.empty() && read.back().starts_with('!')) ++errors;
  }
  EXPECT_GT(errors, bytes.size() / 4);
}

}  // namespace
}  // namespace jammi
