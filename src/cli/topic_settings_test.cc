// jammi trigger stats|add-columns|retention and jammi backup beside a real server.
#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/remote_fixture.h"

namespace jammi {
namespace {

using nlohmann::json;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

class TopicSettingsCli : public RemoteCli {
 protected:
  TopicSettingsCli() {
    Out({"topics", "register", "--name", "quakes", "--schema", "id:int"});
    Write("rows.jsonl", "{\"id\":1}\n{\"id\":2}\n");
    Out({"publish", "quakes", "--file", "rows.jsonl"});
  }
  [[nodiscard]] json Retention() const {
    return json::parse(Out({"topics", "retention", "get", "--name", "quakes", "--output", "json"}));
  }
};

TEST_F(TopicSettingsCli, Cli070StatsSayWhatATopicHolds) {
  EXPECT_THAT(Out({"trigger", "stats", "--name", "quakes"}),
              MatchesRegex("name:               quakes\nevents:             2\noldest offset:      0\n"
                           "next offset:        2\nbytes:              [0-9]+\noldest event:       <time>\n"
                           "newest event:       <time>\nmax age:            without limit\n"
                           "max bytes:          without limit\nmax events:         without limit\n"
                           "keep for consumers: no\nbroker:             0 event\\(s\\) waiting, 0 lost\n"));
  const auto stats = json::parse(Jammi({"topics", "stats", "--name", "quakes", "--output", "json"}).out);
  EXPECT_EQ(stats["events"], 2);
  EXPECT_EQ(stats["head"], 2);
  EXPECT_EQ(stats["retention"]["max_age_ms"], nullptr);
  EXPECT_EQ(stats["broker"]["last_error"], nullptr);
  EXPECT_EQ(Error({"trigger", "stats", "--name", "nope"}), "Error: topic 'nope' not found\n");
  EXPECT_EQ(Jammi({"trigger", "stats"}).exit, 2);
  // Whose bytes they are nobody else is told, and a topic without events has no times.
  Out({"trigger", "register", "--name", "empty", "--schema", "id:int"});
  EXPECT_THAT(
      Out({"trigger", "stats", "--name", "empty", "--tenant", kTenant}),
      HasSubstr("bytes:              \u2014\noldest event:       \u2014\nnewest event:       \u2014\n"));
}

TEST_F(TopicSettingsCli, Cli070RetentionIsSetAndReset) {
  EXPECT_EQ(
      Out({"trigger", "retention", "set", "--name", "quakes", "--max-age", "90d", "--max-bytes", "10GB"}),
      "Retention of topic 'quakes' set.\n");
  EXPECT_EQ(Out({"trigger", "retention", "get", "--name", "quakes"}),
            "max age:            90d\nmax bytes:          10GB\nmax events:         without limit\n"
            "keep for consumers: no\n");
  // All of the topic's own limits are replaced.
  EXPECT_EQ(Out({"trigger", "retention", "set", "--name", "quakes", "--max-events", "1000",
                 "--keep-for-consumers", "yes"}),
            "Retention of topic 'quakes' set.\n");
  EXPECT_EQ(Retention(), json({{"max_age_ms", nullptr},
                               {"max_bytes", nullptr},
                               {"max_events", 1000},
                               {"keep_for_consumers", true}}));
  EXPECT_EQ(Out({"trigger", "retention", "reset", "--name", "quakes"}),
            "Retention of topic 'quakes' reset.\n");
  EXPECT_EQ(Retention()["max_events"], nullptr);
}

TEST_F(TopicSettingsCli, AWrongLimitIsNamedAndNothingIsSet) {
  const auto set = [&](const char* option, const char* value) {
    return Error({"trigger", "retention", "set", "--name", "quakes", option, value});
  };
  EXPECT_THAT(set("--max-age", "soon"), HasSubstr("--max-age: 'soon': expected a duration"));
  EXPECT_THAT(set("--max-age", "0s"), HasSubstr("nothing would be kept"));
  EXPECT_THAT(set("--max-bytes", "x"), HasSubstr("--max-bytes: 'x'"));
  EXPECT_THAT(set("--max-events", "-1"), HasSubstr("--max-events: '-1': expected a whole number"));
  EXPECT_THAT(Error({"trigger", "retention", "set", "--name", "quakes"}),
              HasSubstr("give at least one limit"));
  EXPECT_EQ(Jammi({"trigger", "retention", "set", "--name", "quakes", "--keep-for-consumers", "maybe"}).exit,
            2);
  EXPECT_THAT(Error({"trigger", "retention", "set", "--name", "nope", "--max-age", "none"}),
              HasSubstr("nope"));
  EXPECT_EQ(Retention()["max_age_ms"], nullptr);
}

TEST_F(TopicSettingsCli, Cli070ColumnsAreAdded) {
  EXPECT_EQ(Out({"trigger", "add-columns", "--name", "quakes", "--schema", "depth:float:nullable"}),
            "Topic 'quakes' extended with 1 column(s).\n");
  EXPECT_THAT(Out({"topics", "list"}), EndsWith("id:int, depth:float\n"));
  EXPECT_EQ(Out({"subscribe", "quakes", "--no-follow", "--rows-only", "--output", "csv"}),
            "id,depth\n1,\n2,\n");
  EXPECT_THAT(Error({"trigger", "add-columns", "--name", "quakes", "--schema", "depth:float:nullable"}),
              HasSubstr("all of the columns are there"));
  EXPECT_THAT(Error({"trigger", "add-columns", "--name", "quakes", "--schema", "late:float"}),
              HasSubstr("late"));
  EXPECT_EQ(Jammi({"trigger", "add-columns", "--name", "quakes"}).exit, 2);
}

// They used to be told in words of the parser: "is out of range, or none", and in those of the server.
TEST_F(TopicSettingsCli, ALimitBeyondAllNumbersNamesItsOption) {
  const auto set = [&](const char* option, const char* value) {
    return Error({"trigger", "retention", "set", "--name", "quakes", option, value});
  };
  EXPECT_EQ(set("--max-bytes", "99999999TB"), "Error: --max-bytes: '99999999TB' is out of range\n");
  EXPECT_EQ(set("--max-age", "99999999999d"), "Error: --max-age: '99999999999d' is out of range\n");
  EXPECT_EQ(set("--max-age", "999999999999999d"), "Error: --max-age: '999999999999999d' is out of range\n");
  EXPECT_THAT(
      set("--max-bytes", "5x"),
      testing::AllOf(testing::StartsWith("Error: --max-bytes: '5x': expected "), EndsWith(", or none\n")));
  EXPECT_THAT(
      set("--max-events", "x"),
      testing::AllOf(testing::StartsWith("Error: --max-events: 'x': expected "), EndsWith(", or none\n")));
}

// The offset of a time is looked up; what lies before the first event begins there.
TEST_F(TopicSettingsCli, AReaderBeginsAtATime) {
  const auto from = [&](const std::string& time) {
    return Out({"subscribe", "quakes", "--no-follow", "--rows-only", "--output", "csv", "--from", time});
  };
  EXPECT_EQ(from("2020-01-01T00:00:00Z"), "id\n1\n2\n");
  EXPECT_EQ(from("2999-01-01T00:00:00Z"), "id\n");
  const auto stats = json::parse(Jammi({"topics", "stats", "--name", "quakes", "--output", "json"}).out);
  EXPECT_THAT(from(stats["newest_at"]), EndsWith("2\n"));
  EXPECT_EQ(Out({"consumers", "create", "c", "--topic", "quakes", "--from", "2020-01-01T00:00:00Z"}),
            "Consumer 'c' created at offset 0.\n");
  EXPECT_EQ(Error({"consumers", "create", "c", "--topic", "quakes"}),
            "Error: the topic has a consumer 'c' already\n");
}

TEST_F(RemoteCli, ABackupWantsAPlaceOnTheServer) {
  EXPECT_THAT(Error({"backup", "monday.db"}), HasSubstr("server.backup_path is not set"));
  EXPECT_EQ(Jammi({"backup"}).exit, 2);
}

TEST_F(Cli, Cli070TheServerBacksItsCatalogUp) {
  std::filesystem::create_directory(directory_ / "backups");
  test::ServerProcess server(
      {.program = JAMMI_SERVER_PROGRAM,
       .variables = {{"JAMMI_ARTIFACT_DIR", (directory_ / "state").string()},
                     {"JAMMI_SERVER__BACKUP_PATH", (directory_ / "backups").string()}}});
  const std::vector<std::string> variables = {"JAMMI_TARGET=grpc://" + server.flight()};
  const auto run = Run({"backup", "monday.db"}, variables);
  EXPECT_EQ(run.exit, 0) << run.err;
  EXPECT_THAT(Masked(run.out),
              MatchesRegex("Backed up to [^ ]*/backups/monday.db on the server \\([0-9]+ bytes, incarnation "
                           "<id>\\).\n"));
  const auto size = std::filesystem::file_size(directory_ / "backups" / "monday.db");
  const auto again = Run({"backup", "monday.db"}, variables);
  EXPECT_EQ(again.exit, 1);
  EXPECT_THAT(again.err, HasSubstr("monday.db"));
  const auto tuesday = json::parse(Run({"backup", "tuesday.db", "--output", "json"}, variables).out);
  EXPECT_EQ(tuesday["bytes"], size);
  EXPECT_THAT(tuesday["path"], EndsWith("/backups/tuesday.db"));
  for (const auto* name : {"../x", "", ".x", "a/b"}) {
    const auto refused = Run({"backup", name}, variables);
    EXPECT_EQ(refused.exit, 1) << name;
    EXPECT_THAT(refused.err, HasSubstr("name: ")) << name;
  }
}

}  // namespace
}  // namespace jammi
