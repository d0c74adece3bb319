#include "rows/row_reader.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <gmock/gmock.h>

#include "base/text.h"
#include "rows/ipc_stream.h"
#include "rows/row_json.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::shared_ptr<arrow::Schema> Schema() {
  return arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("size", arrow::float64()),
                        arrow::field("kind", arrow::utf8())});
}

// Each batch as its rows' JSON; or the error's text, "!" before it.
std::vector<std::string> Read(RowFormat format, std::string_view bytes, int64_t rows_per_batch = 0,
                              size_t step = std::string_view::npos,
                              const std::shared_ptr<arrow::Schema>& schema = Schema()) {
  std::vector<std::string> read;
  auto reader = RowReader::Make(format, schema, rows_per_batch);
  if (!reader) return {"!" + reader.error().message()};
  Result<void> done;
  while (!bytes.empty() && done) {
    const auto piece = bytes.substr(0, step);
    done = (*reader)->Feed(piece);
    bytes.remove_prefix(piece.size());
  }
  if (done) done = (*reader)->End();
  for (const auto& batch : (*reader)->Take()) {
    EXPECT_TRUE(batch->ValidateFull().ok());
    std::string rows;
    for (int64_t row = 0; row < batch->num_rows(); ++row) AppendRowJson(*batch, row, rows);
    read.push_back(rows);
  }
  if (!done) read.push_back("!" + done.error().message());
  return read;
}

constexpr const char* kOne = R"({"id":1,"size":2.5,"kind":"a"})";
constexpr const char* kTwo = R"({"id":2,"size":null,"kind":""})";
constexpr const char* kThree = R"({"id":-3,"size":"NaN","kind":null})";

TEST(RowReaderTest, JsonLinesAreRows) {
  const std::string text = "{\"id\":1,\"size\":2.5,\"kind\":\"a\"}\n\n  \r\n{\"kind\":\"\",\"id\":2}\n" +
                           std::string(R"({"id":-3,"size":"NaN","kind":null})");
  EXPECT_THAT(Read(RowFormat::kJson, text), ElementsAre(kOne, kTwo, kThree));
  EXPECT_THAT(Read(RowFormat::kJson, text, 2), ElementsAre(std::string(kOne) + kTwo, kThree));
  for (const size_t step : {1, 2, 7}) EXPECT_EQ(Read(RowFormat::kJson, text, 0, step).size(), 3U) << step;
  EXPECT_THAT(Read(RowFormat::kJson, ""), ElementsAre());
}

TEST(RowReaderTest, WrongJsonIsNamedWithItsLine) {
  const auto error = [](const std::string& line) {
    const auto read = Read(RowFormat::kJson, "{\"id\":1}\n" + line);
    return read.back();
  };
  EXPECT_THAT(error("{"), HasSubstr("!line 2: this is not JSON"));
  EXPECT_EQ(error("[1]"), "!line 2: a row is a JSON object, with the columns as its members");
  EXPECT_EQ(error("{}"), "!line 2: column 'id' must have a value");
  EXPECT_EQ(error(R"({"id":null})"), "!line 2: column 'id' must have a value");
  EXPECT_EQ(error(R"({"id":"7"})"), "!line 2: column 'id' is int64, and \"7\" is not");
  EXPECT_EQ(error(R"({"id":1.0})"), "!line 2: column 'id' is int64, and 1.0 is not");
  EXPECT_EQ(error(R"({"id":9223372036854775808})"),
            "!line 2: column 'id' is int64, and 9223372036854775808 is not");
  EXPECT_EQ(error(R"({"id":1,"szie":2})"), "!line 2: there is no column 'szie'; did you mean 'size'?");
  EXPECT_EQ(error(R"({"id":1,"kind":[1]})"), "!line 2: column 'kind' is string, and [1] is not");
  EXPECT_THAT(error("{\"id\":1,\"kind\":\"\xff\"}"), HasSubstr("not JSON"));
  EXPECT_THAT(error("{\"kind\":" + std::string(100'000, '[')), HasSubstr("nested too deeply"));
}

TEST(RowReaderTest, CsvLinesAreRows) {
  const std::string text = "\xef\xbb\xbfkind,id,size\r\na,1,2.5\r\n\r\n\"\",2,\n,-3,NaN";
  EXPECT_THAT(Read(RowFormat::kCsv, text), ElementsAre(kOne, kTwo, kThree));
  for (const size_t step : {1, 2, 7}) EXPECT_EQ(Read(RowFormat::kCsv, text, 0, step).size(), 3U) << step;
  EXPECT_THAT(Read(RowFormat::kCsv, "id,kind\n1,\"say \"\"hi\"\",\n\nnow\"\n", 9),
              ElementsAre(R"({"id":1,"size":null,"kind":"say \"hi\",\u000a\u000anow"})"));
  EXPECT_THAT(Read(RowFormat::kCsv, "id\n"), ElementsAre());
}

TEST(RowReaderTest, WrongCsvIsNamedWithItsLine) {
  const auto error = [](const std::string& text) { return Read(RowFormat::kCsv, text).back(); };
  EXPECT_THAT(error(""), HasSubstr("there is no header"));
  EXPECT_EQ(error("id,knd\n"), "!line 1: there is no column 'knd'; did you mean 'kind'?");
  EXPECT_EQ(error("id,id\n"), "!line 1: column 'id' is there twice");
  EXPECT_EQ(error("id,kind\n1,\"a\nb\"\n2\n"), "!line 4: it has 1 fields, and the header 2");
  EXPECT_EQ(error("id\nx\n"), "!line 2: column 'id' is int64, and 'x' is not");
  EXPECT_EQ(error("id,kind\n,a\n"), "!line 2: column 'id' must have a value");
  EXPECT_EQ(error("kind\na\n"), "!line 2: column 'id' must have a value");
  EXPECT_EQ(error("id,kind\n1,\"a\n"), "!line 2: a quote is not closed");
  EXPECT_THAT(error("id,kind\n1,\"a\"b\n"), HasSubstr("behind a closing quote"));
  EXPECT_THAT(error("id,kind\n1,a\"b\n"), HasSubstr("a quote stands inside"));
  EXPECT_THAT(error("id\n1\r2\n"), HasSubstr("a carriage return stands alone"));
}

// 1e400 used to become an infinity without a word, which is written as the word.
TEST(RowReaderTest, ANumberBeyondItsTypeIsNoInfinity) {
  const auto csv = [](const std::string& value) {
    return Read(RowFormat::kCsv, "id,size\n1," + value).back();
  };
  EXPECT_EQ(csv("1e400"), "!line 2: column 'size' is double, and '1e400' is not");
  EXPECT_EQ(csv("-1e999"), "!line 2: column 'size' is double, and '-1e999' is not");
  EXPECT_EQ(csv("Infinity"), R"({"id":1,"size":"Infinity","kind":null})");
  EXPECT_EQ(csv("-Infinity"), R"({"id":1,"size":"-Infinity","kind":null})");
  EXPECT_EQ(csv("1e-400"), R"({"id":1,"size":0,"kind":null})");
  const auto narrow = arrow::schema({arrow::field("f32", arrow::float32())});
  EXPECT_EQ(Read(RowFormat::kCsv, "f32\n1e39\n", 0, 99, narrow).back(),
            "!line 2: column 'f32' is float, and '1e39' is not");
  const auto json = [](const std::string& line) { return Read(RowFormat::kJson, line).back(); };
  EXPECT_EQ(json(R"({"id":1,"size":1e400})"), "!line 1: column 'size' is double, and 1e400 is not");
  EXPECT_EQ(json(R"({"id":1,"kind":[{"a":-1e999}]})"), "!line 1: column 'kind' is string, and -1e999 is not");
  EXPECT_EQ(json(R"({"id":1,"other":1e400})"), "!line 1: there is no column 'other'");
  EXPECT_EQ(json("1e400"), "!line 1: a row is a JSON object, with the columns as its members");
}

// The last one used to win without a word.
TEST(RowReaderTest, AMemberThatIsThereTwiceIsRefused) {
  const auto json = [](const std::string& line) { return Read(RowFormat::kJson, line).back(); };
  EXPECT_EQ(json(R"({"id":1,"id":2})"), "!line 1: 'id' is there twice");
  EXPECT_EQ(json(R"({"id":1,"kind":"a","k\u0069nd":"b"})"), "!line 1: 'kind' is there twice");
  const auto nested = arrow::schema({arrow::field(
      "s", arrow::struct_({arrow::field("a", arrow::int64()), arrow::field("b", arrow::utf8())}))});
  EXPECT_EQ(Read(RowFormat::kJson, R"({"s":{"a":1,"a":2}})", 0, 99, nested).back(),
            "!line 1: 'a' is there twice");
  EXPECT_EQ(Read(RowFormat::kJson, R"({"s":{"a":1,"b":"s"}})", 0, 99, nested).back(),
            R"({"s":{"a":1,"b":"s"}})");
  EXPECT_EQ(Read(RowFormat::kCsv, "s\n\"{\"\"a\"\":1,\"\"a\"\":2}\"\n", 0, 99, nested).back(),
            "!line 2: column 's' is struct<a: int64, b: string>, and '{\"a\":1,\"a\":2}' is not");
}

// {"id":1e3} used to be told that 1000.0 is no integer.
TEST(RowReaderTest, AWrongNumberIsShownAsItWasWritten) {
  const auto json = [](const std::string& line) { return Read(RowFormat::kJson, line).back(); };
  EXPECT_EQ(json(R"({"id":1e3})"), "!line 1: column 'id' is int64, and 1e3 is not");
  EXPECT_EQ(json(R"({"size":1.5e3,"kind":"a","id":1.50})"), "!line 1: column 'id' is int64, and 1.50 is not");
  EXPECT_EQ(json(R"({"size":1.5,"id":18446744073709551616})"),
            "!line 1: column 'id' is int64, and 18446744073709551616 is not");
}

// Its bytes used to reach the terminal.
TEST(RowReaderTest, WhatIsNoUtf8IsSaidAndNotEchoed) {
  const auto error = [](const std::string& text) { return Read(RowFormat::kCsv, text).back(); };
  EXPECT_EQ(error("id,kind\n1,a\xff\x9b\n"), "!line 2: column 'kind' is not UTF-8: 'a\\xff\\x9b'");
  EXPECT_EQ(error("id,kind\n\xff,a\n"), "!line 2: column 'id' is not UTF-8: '\\xff'");
  EXPECT_EQ(error("id,k\xff\n"), "!line 1: a name in the header is not UTF-8: 'k\\xff'");
  // What is long is cut between characters.
  const std::string letters = "x\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9";
  const auto cut = error("id\n" + letters + letters + letters + "\n");
  EXPECT_TRUE(IsValidUtf8(cut)) << cut;
  EXPECT_THAT(cut, HasSubstr("..."));
}

TEST(RowReaderTest, EveryTypeOfATableIsReadFromTextAsItIsWritten) {
  const auto schema =
      arrow::schema({arrow::field("b", arrow::boolean()), arrow::field("i8", arrow::int8()),
                     arrow::field("u64", arrow::uint64()), arrow::field("f32", arrow::float32()),
                     arrow::field("bytes", arrow::binary()), arrow::field("day", arrow::date32()),
                     arrow::field("at", arrow::timestamp(arrow::TimeUnit::MICRO)),
                     arrow::field("list", arrow::list(arrow::int32()))});
  const std::string row =
      R"({"b":true,"i8":-128,"u64":18446744073709551615,"f32":0.1,"bytes":"AP8=","day":"2026-01-02",)"
      R"("at":"2026-01-02 03:04:05.000006","list":[1,null]})";
  EXPECT_THAT(Read(RowFormat::kJson, row, 0, 99, schema), ElementsAre(row));
  EXPECT_THAT(
      Read(RowFormat::kCsv,
           "b,i8,u64,f32,bytes,day,at,list\n"
           "TRUE,-128,18446744073709551615,0.1,AP8=,2026-01-02,2026-01-02 03:04:05.000006,\"[1,null]\"\n",
           0, 99, schema),
      ElementsAre(row));
  const auto refuses = [&](const std::string& text) {
    return Read(RowFormat::kJson, text, 0, 99, schema).back().starts_with('!');
  };
  for (const auto* text : {R"({"i8":128})", R"({"u64":-1})", R"({"f32":1e39})", R"({"bytes":"?"})",
                           R"({"b":1})", R"({"day":"soon"})", R"({"list":["x"]})", R"({"f32":"1"})"})
    EXPECT_TRUE(refuses(text)) << text;
}

std::shared_ptr<arrow::RecordBatch> TwoRows() {
  arrow::Int64Builder id;
  arrow::StringBuilder kind;
  EXPECT_TRUE(id.AppendValues({1, 2}).ok() && kind.AppendValues({"a", "b"}).ok());
  // Another order, nullable, and with metadata: as other programs write it.
  return arrow::RecordBatch::Make(
      arrow::schema({arrow::field("kind", arrow::utf8()), arrow::field("id", arrow::int64())},
                    arrow::key_value_metadata({{"pandas", "{}"}})),
      2, {*kind.Finish(), *id.Finish()});
}

std::string FileOf(const arrow::RecordBatch& batch) {
  const auto out = *arrow::io::BufferOutputStream::Create();
  const auto writer = *arrow::ipc::MakeFileWriter(out, batch.schema());
  EXPECT_TRUE(writer->WriteRecordBatch(batch).ok() && writer->Close().ok());
  return (*out->Finish())->ToString();
}

TEST(RowReaderTest, ArrowStreamsAndFilesAreRows) {
  const std::string first = R"({"id":1,"size":null,"kind":"a"})";
  const std::string second = R"({"id":2,"size":null,"kind":"b"})";
  for (const auto& bytes : {*EncodeBatchStream(*TwoRows()), FileOf(*TwoRows())}) {
    EXPECT_THAT(Read(RowFormat::kArrow, bytes), ElementsAre(first + second));
    EXPECT_THAT(Read(RowFormat::kArrow, bytes, 1), ElementsAre(first, second));
    EXPECT_THAT(Read(RowFormat::kArrow, bytes, 0, 3), ElementsAre(first + second));
  }
}

TEST(RowReaderTest, WrongArrowIsNamed) {
  const auto stream = *EncodeBatchStream(*TwoRows());
  const auto error = [](const std::string& bytes) { return Read(RowFormat::kArrow, bytes).back(); };
  for (const auto& bytes : {std::string(), std::string("ARR"), std::string("this is text"),
                            stream.substr(0, 100), stream.substr(0, stream.size() - 8)})
    EXPECT_THAT(error(bytes), HasSubstr("rrow IPC stream")) << bytes.size();
  EXPECT_THAT(error("ARROW1 and no file"), HasSubstr("no Arrow IPC file"));
  EXPECT_THAT(error(stream + "more"), HasSubstr("behind the end"));
  const auto renamed = *TwoRows()->RenameColumns({"kind", "nr"});
  EXPECT_EQ(error(*EncodeBatchStream(*renamed)), "!batch 1: there is no column 'nr'");
  const auto other = *TwoRows()->SetColumn(1, arrow::field("id", arrow::utf8()), TwoRows()->column(0));
  EXPECT_EQ(error(*EncodeBatchStream(*other)), "!batch 1: column 'id' is int64, and not string");
}

}  // namespace
}  // namespace jammi
