// jammi publish beside a real server.
#include <arrow/api.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "cli/parquet_fixture.h"
#include "cli/remote_fixture.h"
#include "rows/ipc_stream.h"

namespace jammi {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class PublishCli : public RemoteCli {
 protected:
  PublishCli() {
    Out({"trigger", "register", "--name", "quakes", "--schema",
         "id:int,magnitude:float:nullable,place:string:nullable"});
  }
  // All rows of the topic, as CSV.
  [[nodiscard]] std::string Rows() const {
    return Out({"subscribe", "quakes", "--no-follow", "--rows-only", "--output", "csv"});
  }
  [[nodiscard]] size_t Events() const {
    const auto out = Out({"subscribe", "quakes", "--no-follow", "--output", "json"});
    std::set<uint64_t> offsets;
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);)
      offsets.insert(json::parse(line)["_offset"].get<uint64_t>());
    return offsets.size();
  }
};

constexpr const char* kLines =
    "{\"id\":1,\"magnitude\":2.5,\"place\":\"a\"}\n{\"id\":2}\n{\"id\":3,\"place\":\"c, d\"}\n";
constexpr const char* kRows = "id,magnitude,place\n1,2.5,a\n2,,\n3,,\"c, d\"\n";

TEST_F(PublishCli, Cli070EveryFormBecomesTheSameRows) {
  Write("rows.jsonl", kLines);
  Write("rows.csv", kRows);
  EXPECT_EQ(Out({"publish", "quakes", "--file", "rows.jsonl"}),
            "Published 3 event(s) with 3 row(s) to 'quakes' (offsets 0 to 2).\n");
  EXPECT_EQ(Rows(), kRows);
  EXPECT_EQ(Out({"trigger", "publish", "quakes", "--file", "rows.csv", "--rows-per-event", "2"}),
            "Published 2 event(s) with 3 row(s) to 'quakes' (offsets 3 to 4).\n");
  const auto arrow =
      Jammi({"subscribe", "quakes", "--no-follow", "--rows-only", "--from", "3", "--output", "arrow"});
  Write("rows.arrows", arrow.out);
  EXPECT_EQ(json::parse(Out({"publish", "quakes", "--file", "rows.arrows", "--output", "json"})),
            json({{"topic", "quakes"},
                  {"events", 2},
                  {"rows", 3},
                  {"first_offset", 5},
                  {"last_offset", 6},
                  {"duplicates", 0}}));
  EXPECT_EQ(Out({"subscribe", "quakes", "--no-follow", "--rows-only", "--from", "5", "--output", "csv"}),
            kRows);
  EXPECT_EQ(Events(), 7U);
}

TEST_F(PublishCli, Cli070TheStandardInputIsReadToo) {
  const auto run = RunWith(kLines, {"publish", "quakes"}, Variables());
  EXPECT_EQ(run.exit, 0) << run.err;
  EXPECT_EQ(Rows(), kRows);
  EXPECT_EQ(Out({"publish", "quakes"}),
            "Published 0 event(s) with 0 row(s) to 'quakes'.\n");  // nothing there
  EXPECT_EQ(RunWith(kRows, {"publish", "quakes", "--format", "csv"}, Variables()).exit, 0);
  EXPECT_EQ(Events(), 6U);
}

TEST_F(PublishCli, Cli070AProducerKeyMakesItHappenOnce) {
  std::string lines;  // of several calls
  for (int i = 0; i < 600; ++i) lines += "{\"id\":" + std::to_string(i) + "}\n";
  Write("rows.jsonl", lines);
  const std::vector<std::string> load = {"publish",    "quakes",         "--file",
                                         "rows.jsonl", "--producer-key", "load-1"};
  EXPECT_EQ(Out(load), "Published 600 event(s) with 600 row(s) to 'quakes' (offsets 0 to 599).\n");
  EXPECT_EQ(Out(load),
            "Published 600 event(s) with 600 row(s) to 'quakes' (offsets 0 to 599), 600 of them were there "
            "already.\n");
  EXPECT_EQ(Events(), 600U);
  Write("rows.jsonl", "{\"id\":7}\n");
  EXPECT_THAT(Error(load), HasSubstr("load-1"));
}

TEST_F(PublishCli, WhatStandsBeforeAWrongLineIsPublishedAndTold) {
  Write("rows.jsonl", "{\"id\":1}\n{\"id\":2}\n{\"id\":\"x\"}\n{\"id\":4}\n");
  EXPECT_EQ(Error({"publish", "quakes", "--file", "rows.jsonl"}),
            "Error: 2 event(s) are published, up to offset 1; then: line 3: column 'id' is int64, and \"x\" "
            "is not\n");
  EXPECT_EQ(Events(), 2U);
}

TEST_F(PublishCli, WrongInputIsNamed) {
  Write("rows.parquet", "PAR1");
  Write("rows.pq", "id,place");
  Write("rows.bin", "?");
  Write("rows.arrow", "no arrow at all");
  Write("rows.csv", "id,plaec\n");
  const auto publish = [&](const char* file) { return Error({"publish", "quakes", "--file", file}); };
  EXPECT_EQ(publish("rows.parquet"), "Error: the Parquet file is cut off: its end is not there\n");
  EXPECT_EQ(publish("rows.pq"), "Error: this is no Parquet file: it does not begin with PAR1\n");
  EXPECT_THAT(publish("rows.bin"), HasSubstr("give --format"));
  EXPECT_THAT(publish("rows.arrow"), HasSubstr("Arrow IPC stream"));
  EXPECT_THAT(publish("rows.csv"), HasSubstr("line 1: there is no column 'plaec'; did you mean 'place'?"));
  EXPECT_THAT(publish("nothing.csv"), HasSubstr("--file nothing.csv: No such file or directory"));
  EXPECT_THAT(publish("/"), HasSubstr("give --format"));
  EXPECT_EQ(Error({"publish", "nope", "--file", "rows.csv"}), "Error: topic 'nope' not found\n");
  EXPECT_EQ(Jammi({"publish", "quakes", "--format", "xml"}).exit, 2);
  EXPECT_EQ(Jammi({"publish", "quakes", "--rows-per-event", "0"}).exit, 2);
  EXPECT_EQ(Jammi({"publish"}).exit, 2);
  Write("rows.csv", "id;place\n");
  EXPECT_THAT(publish("rows.csv"), HasSubstr("commas are wanted"));
  Write("rows.jsonl", "{\"id\":1");
  EXPECT_EQ(publish("rows.jsonl"),
            "Error: line 1: this is not JSON: unexpected end of input; expected '}' (at byte 8)\n");
  EXPECT_EQ(Error({"publish", "quakes", "--file", "/", "--format", "csv"}),
            "Error: --file /: Is a directory\n");
  EXPECT_EQ(Error({"publish", "quakes", "--format", "arrow"}),
            "Error: the input is empty, and no Arrow IPC stream\n");
  EXPECT_EQ(
      Error({"publish", "quakes", "--format", "parquet"}),
      "Error: Parquet is read from its end, and this input has none yet: put it into a file, and give that "
      "with --file\n");
  EXPECT_EQ(Error({"publish", "quakes", "--file", "/", "--format", "parquet"}),
            "Error: this is a directory, and no Parquet file\n");
  // Of a variable that is not set. It used to publish without a key.
  EXPECT_EQ(Jammi({"publish", "quakes", "--producer-key", ""}).exit, 2);
  EXPECT_EQ(Events(), 0U);
}

// It used to read, for ever, a descriptor that a library had opened in the place of the missing one.
TEST_F(PublishCli, AStandardInputThatIsClosedIsAnError) {
  const Shell shell;
  const auto run = shell.Run({"-c", "timeout 20 " JAMMI_PROGRAM " publish quakes <&-"},
                             {Variables()[0], "PATH=/usr/bin:/bin"});
  EXPECT_EQ(run.exit, 1);
  EXPECT_EQ(run.err, "Error: the standard input is closed\n");
  const auto out = shell.Run({"-c", "timeout 20 " JAMMI_PROGRAM " trigger list >&-"},
                             {Variables()[0], "PATH=/usr/bin:/bin"});
  EXPECT_EQ(out.exit, 1);
  EXPECT_EQ(out.err, "Error: cannot write the output: Bad file descriptor\n");
}

TEST_F(PublishCli, AFileMayHaveItsNameInCapitals) {
  Write("ROWS.CSV", kRows);
  EXPECT_EQ(Out({"publish", "quakes", "--file", "ROWS.CSV"}),
            "Published 3 event(s) with 3 row(s) to 'quakes' (offsets 0 to 2).\n");
}

TEST_F(PublishCli, Cli070ParquetIsRows) {
  arrow::Int32Builder id;  // narrower than the topic's
  arrow::LargeStringBuilder place;
  for (int i = 0; i < 2500; ++i) ASSERT_TRUE(id.Append(i).ok() && place.Append("somewhere").ok());
  Write("rows.parquet",
        test::ParquetOf(arrow::RecordBatch::Make(
            arrow::schema({arrow::field("id", arrow::int32()), arrow::field("place", arrow::large_utf8())}),
            2500, {*id.Finish(), *place.Finish()})));
  const std::vector<std::string> load = {"publish",      "quakes",         "--file",
                                         "rows.parquet", "--producer-key", "load-1"};
  EXPECT_EQ(Out(load), "Published 3 event(s) with 2500 row(s) to 'quakes' (offsets 0 to 2).\n");
  EXPECT_EQ(
      Out(load),
      "Published 3 event(s) with 2500 row(s) to 'quakes' (offsets 0 to 2), 3 of them were there already.\n");
  EXPECT_THAT(Rows(), testing::EndsWith("2499,,somewhere\n"));
  // The standard input may be a file, too.
  EXPECT_EQ(RunWith(Read("rows.parquet"),
                    {"publish", "quakes", "--format", "parquet", "--rows-per-event", "500"}, Variables())
                .out,
            "Published 5 event(s) with 2500 row(s) to 'quakes' (offsets 3 to 7).\n");
}

// Ctrl-C: what is published is told. It used to end without a word.
TEST_F(PublishCli, ASignalEndsItInOrder) {
  const auto fifo = directory_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const int writer = ::open(fifo.c_str(), O_RDWR | O_CLOEXEC);
  const auto child = Start({"publish", "quakes"}, Variables(), {.in = "fifo", .out = "pub", .err = "why"});
  ASSERT_GT(::write(writer, "{\"id\":1}\n", 9), 0);
  while (Events() == 0) std::this_thread::yield();
  ::kill(child, SIGINT);
  const auto run = Finish(child, "pub", "why");
  ::close(writer);
  EXPECT_EQ(run.exit, 1);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err, "Error: 1 event(s) are published, up to offset 0; then: stopped by a signal\n");
}

}  // namespace
}  // namespace jammi
