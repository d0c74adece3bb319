// What the remote commands read from text, and how they print.
#include <arrow/api.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/event_printer.h"
#include "cli/report.h"
#include "cli/start_option.h"
#include "cli/table_options.h"
#include "cli/topics.h"
#include "command_line/lists.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
std::string Text(const Result<T>& result) {
  return result ? "no error" : result.error().message();
}

TEST(OptionsTest, Cli041ASpecIsASchema) {
  const auto schema = ParseTopicSchema(
      "id:int, a:int64,b:float:nullable,c:float64,d:double,e:string,f:utf8,g:bool,h:boolean");
  ASSERT_TRUE(schema) << Text(schema);
  EXPECT_EQ((*schema)->ToString(),
            "id: int64 not null\na: int64 not null\nb: double\nc: double not null\nd: double not null\n"
            "e: string not null\nf: string not null\ng: bool not null\nh: bool not null");
}

// What `trigger list --output json` calls a type may be given back.
TEST(OptionsTest, Cli041TheNamesOfTheListAreTypesToo) {
  const auto schema = ParseTopicSchema("a:Int64,b:Float64,c:Utf8,d:Boolean");
  ASSERT_TRUE(schema) << Text(schema);
  EXPECT_EQ((*schema)->ToString(),
            "a: int64 not null\nb: double not null\nc: string not null\nd: bool not null");
}

TEST(OptionsTest, Cli041AWrongSpecIsNamed) {
  EXPECT_EQ(Text(ParseTopicSchema("a:date")),
            "unsupported column type: date; the types are int, float, string and bool");
  for (const auto* empty : {"", ",", " , "})
    EXPECT_EQ(Text(ParseTopicSchema(empty)), "schema must declare at least one column");
  for (const auto* bad : {"a", ":int", "a:int:nullable:x"})
    EXPECT_THAT(Text(ParseTopicSchema(bad)), HasSubstr("expected NAME:TYPE")) << bad;
  EXPECT_EQ(Text(ParseTopicSchema("a:int:null")), "column 'a:int:null': 'null' is not 'nullable'");
}

TEST(OptionsTest, Cli060AFileIsASchema) {
  const auto schema = ParseTableSchema(
      R"([{"name":"a","type":"Int64"},{"name":"b","type":"Utf8","nullable":true},{"name":"c","type":"Binary","nullable":false}])");
  ASSERT_TRUE(schema) << Text(schema);
  EXPECT_EQ((*schema)->ToString(), "a: int64 not null\nb: string\nc: binary not null");
}

TEST(OptionsTest, Cli060AWrongFileIsNamed) {
  EXPECT_EQ(Text(ParseTableSchema("[]")), "schema must declare at least one column");
  for (const auto* none : {"", "{}", "7", "[", "[{\"name\":\"a\""})
    EXPECT_EQ(Text(ParseTableSchema(none)), "schema: expected a JSON array of columns") << none;
  EXPECT_EQ(Text(ParseTableSchema("[7]")), "schema: each column is a JSON object");
  EXPECT_EQ(Text(ParseTableSchema(R"([{"name":"a","type":"int64"}])")),
            "schema: column 'a' has the unknown type 'int64'");
  EXPECT_EQ(Text(ParseTableSchema(R"([{"name":7,"type":"Int64"}])")), "schema: a column has no name");
  EXPECT_EQ(Text(ParseTableSchema(R"([{"name":"a","type":"Int64","null":true}])")),
            "schema: unknown key 'null'");
  EXPECT_EQ(Text(ParseTableSchema(R"([{"name":"a","type":"Int64","nullable":1}])")),
            "schema: column 'a': nullable is true or false");
  EXPECT_THAT(Text(ReadTableSchema("/nowhere/notes.json")), HasSubstr("there is no such file"));
  EXPECT_EQ(Text(ReadTableSchema("/tmp")), "--schema /tmp: it is a directory");
}

TEST(OptionsTest, Cli060KeysAndIndexes) {
  EXPECT_THAT(*ParsePrimaryKey("a, b"), ElementsAre("a", "b"));
  EXPECT_EQ(Text(ParsePrimaryKey(",")), "--primary-key must list at least one column");
  const auto index = ParseIndex("columns=a+b,name=n,unique=true");
  ASSERT_TRUE(index);
  EXPECT_EQ(index->name, "n");
  EXPECT_THAT(index->columns, ElementsAre("a", "b"));
  EXPECT_TRUE(index->unique);
  EXPECT_FALSE(ParseIndex("name=n,columns=a")->unique);
  const auto why = [](const char* text) { return Text(ParseIndex(text)); };
  EXPECT_EQ(why("name=n,columns"), "--index 'name=n,columns': 'columns' is not key=value");
  EXPECT_EQ(why("columns=a"), "--index 'columns=a': missing name");
  EXPECT_EQ(why("name=n"), "--index 'name=n': missing columns");
  EXPECT_EQ(why("name=n,columns=+"), "--index 'name=n,columns=+': missing columns");
  EXPECT_EQ(why("name=n,kolumns=a"), "--index 'name=n,kolumns=a': unknown key 'kolumns'");
  EXPECT_EQ(why("name=n,columns=a,unique=yes"),
            "--index 'name=n,columns=a,unique=yes': unique is true or false");
}

TEST(OptionsTest, AStartIsAWordAnOffsetOrATime) {
  const auto text = [](std::string_view given) { return ParseStart(given)->ShortDebugString(); };
  EXPECT_EQ(text("begin"), "offset: 0");
  EXPECT_EQ(text("end"), "newest { }");
  EXPECT_EQ(text("18446744073709551615"), "offset: 18446744073709551615");
  EXPECT_EQ(text("1970-01-01T00:00:05Z"), "time { seconds: 5 }");
  EXPECT_EQ(text("2026-01-02T03:04:05.000006Z"), "time { seconds: 1767323045 nanos: 6000 }");
  for (const auto* bad : {"", "-1", "1.5", "18446744073709551616", "Begin", "1 ", "2026-01-02",
                          "1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z"})
    EXPECT_FALSE(ParseStart(bad)) << bad;
}

TEST(ReportTest, Cli071WidthsCountCharactersAndNotBytes) {
  std::ostringstream out;
  const TextTable table(out, {{"Name", 6}, {"Who", 4}, {"Rest"}}, 12);
  table.Header();
  table.Row({"m\u00fcll", std::string(kDash), "x y"});
  table.Row({"too long a name", "", ""});
  EXPECT_EQ(out.str(),
            "Name   Who  Rest\n------------\nm\u00fcll   \xe2\x80\x94    x y\ntoo long a name      \n");
}

TEST(ReportTest, WhatOthersWroteDoesNotReachTheTerminalAsItIs) {
  EXPECT_EQ(Printable("a\x1b[2Jb\nc\x7f\xc3\xa9"), "a\\x1b[2Jb\\x0ac\\x7f\xc3\xa9");
  // Bytes that are no UTF-8, and the controls that UTF-8 has besides.
  EXPECT_EQ(Printable("a\xff\xc3 \xe2\x82\xac\xc2\x9bm\xed\xa0\x80"),
            "a\\xff\\xc3 \xe2\x82\xac\\xc2\\x9bm\\xed\\xa0\\x80");
  std::ostringstream err;
  EXPECT_EQ(Fail(err, {ErrorCode::kNotFound, "no\r\n\x1b[31m"}), Exit::kFailed);
  EXPECT_EQ(err.str(), "Error: no\\x0d\\x0a\\x1b[31m\n");
}

TEST(ReportTest, Cli007JsonStaysJsonWhateverBytesATextHas) {
  std::ostringstream out;
  PrintJson(out, {{"name", "a\"\n\x1b\xff"}});
  EXPECT_EQ(out.str(), "{\n  \"name\": \"a\\\"\\n\\u001b\xef\xbf\xbd\"\n}\n");
}

TEST(ReportTest, ColoursAreForTerminalsThatWantThem) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  ASSERT_EQ(::grantpt(terminal) | ::unlockpt(terminal), 0);
  const int end = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
  const int file = ::open("/dev/null", O_WRONLY);
  ::unsetenv("NO_COLOR");
  EXPECT_TRUE(IsDecorated(end));
  EXPECT_FALSE(IsDecorated(file));
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(IsDecorated(end));
  ::unsetenv("NO_COLOR");
  for (const int fd : {terminal, end, file}) ::close(fd);
}

TEST(EventPrinterTest, ATopicThatGrewUnderWayIsTold) {
  std::ostringstream out;
  const auto schema = arrow::schema({arrow::field("id", arrow::int64())});
  const auto printer = *EventPrinter::Make("csv", false, schema, out);
  const auto grown = arrow::schema({arrow::field("id", arrow::int64()), arrow::field("more", arrow::utf8())});
  const auto printed = printer->Print(7, 0, **arrow::RecordBatch::MakeEmpty(grown));
  ASSERT_FALSE(printed);
  EXPECT_EQ(printed.error().message(), "the topic's columns have changed: go on with --from 7");
  EXPECT_EQ(out.str(), "_offset,_produced_at,id\n");
}

}  // namespace
}  // namespace jammi
