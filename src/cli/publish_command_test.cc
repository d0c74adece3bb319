// jammi publish beside a real server.
#include <arrow/api.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

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
  Write("rows.bin", "?");
  Write("rows.arrow", "no arrow at all");
  Write("rows.csv", "id,plaec\n");
  const auto publish = [&](const char* file) { return Error({"publish", "quakes", "--file", file}); };
  EXPECT_THAT(publish("rows.parquet"), HasSubstr("Parquet is not read by this build"));
  EXPECT_THAT(publish("rows.bin"), HasSubstr("give --format"));
  EXPECT_THAT(publish("rows.arrow"), HasSubstr("Arrow IPC stream"));
  EXPECT_THAT(publish("rows.csv"), HasSubstr("line 1: there is no column 'plaec'; did you mean 'place'?"));
  EXPECT_THAT(publish("nothing.csv"), HasSubstr("--file nothing.csv: No such file or directory"));
  EXPECT_THAT(publish("/"), HasSubstr("give --format"));
  EXPECT_EQ(Error({"publish", "nope", "--file", "rows.csv"}), "Error: topic 'nope' not found\n");
  EXPECT_EQ(Jammi({"publish", "quakes", "--format", "xml"}).exit, 2);
  EXPECT_EQ(Jammi({"publish", "quakes", "--rows-per-event", "0"}).exit, 2);
  EXPECT_EQ(Jammi({"publish"}).exit, 2);
}

}  // namespace
}  // namespace jammi
