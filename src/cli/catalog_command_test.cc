// `jammi catalog ...` on files.
#include <gmock/gmock.h>
#include <unistd.h>

#include "cli/cli_fixture.h"

namespace jammi {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

class CatalogCli : public Cli {
 protected:
  CatalogCli() { Write("jammi.toml", "[catalog]\nkind = \"sqlite\"\npath = \"data/catalog.db\"\n"); }
  Outcome Catalog(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "catalog");
    return Run(arguments);
  }
};

TEST_F(CatalogCli, FromNothingToABackupAndBack) {
  EXPECT_EQ(Catalog({"status"}).exit, 1);
  const auto migrated = Catalog({"migrate"});
  EXPECT_EQ(migrated.exit, 0) << migrated.err;
  EXPECT_THAT(migrated.out,
              AllOf(StartsWith("applied 0001_identity\n"), HasSubstr("data/catalog.db is up to date\n")));
  EXPECT_THAT(Catalog({"migrate"}).out, MatchesRegex("sqlite:.*/data/catalog.db is up to date\n"));

  const auto status = Catalog({"status"});
  EXPECT_EQ(status.exit, 0) << status.err;
  EXPECT_THAT(status.out, AllOf(HasSubstr("none missing\n"), HasSubstr("no engine has it open\n"),
                                HasSubstr("\nformat: 1\n"), HasSubstr("  topics ")));
  const auto json = Catalog({"status", "--output", "json"});
  EXPECT_THAT(json.out, AllOf(HasSubstr("\"kind\": \"sqlite\""), HasSubstr("\"state\": \"applied\""),
                              HasSubstr("\"holder\": null"), HasSubstr("\"mark\": \"none\"")));

  const auto backup = Catalog({"backup", "monday.db"});
  EXPECT_EQ(backup.exit, 0) << backup.err;
  EXPECT_THAT(backup.out, StartsWith("backed up sqlite:"));
  EXPECT_THAT(Catalog({"status", "--catalog", "sqlite:monday.db"}).out, HasSubstr("\na backup of "));
  EXPECT_EQ(Catalog({"check", "--catalog", "sqlite:monday.db"}).exit, 0);
  const auto again = Catalog({"backup", "monday.db"});
  EXPECT_EQ(again.exit, 1);
  EXPECT_THAT(again.err, HasSubstr("monday.db is there already\n"));

  const auto renewed = Catalog({"new-incarnation", "--catalog", "sqlite:monday.db"});
  EXPECT_THAT(renewed.out, MatchesRegex("sqlite:.*/monday.db has incarnation [0-9a-f-]{36}\n"));
}

TEST_F(CatalogCli, CopyAndMove) {
  Catalog({"migrate"});
  const auto copied = Catalog({"copy", "--to", "sqlite:copy.db"});
  EXPECT_EQ(copied.exit, 0) << copied.err;
  EXPECT_THAT(copied.out, AllOf(HasSubstr("catalog_identity                        1 rows  checksum "),
                                HasSubstr("\ncopied sqlite:")));
  EXPECT_EQ(copied.err, "");  // progress is for terminals
  EXPECT_EQ(Catalog({"copy", "--to", "sqlite:copy.db"}).exit, 1);
  const auto moved = Catalog({"copy", "--from", "sqlite:copy.db", "--to", "sqlite:moved.db", "--move"});
  EXPECT_THAT(moved.out, HasSubstr("\nmoved sqlite:"));
  const auto refused = Catalog({"migrate", "--catalog", "sqlite:copy.db"});
  EXPECT_EQ(refused.exit, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("was moved to sqlite:"), HasSubstr("moved.db")));
}

TEST_F(CatalogCli, CheckEndsWithOneWhenSomethingIsWrong) {
  Catalog({"migrate"});
  EXPECT_THAT(Catalog({"check"}).out, HasSubstr("nothing is wrong\n"));
  Write("text.db", std::string(8192, 'x'));
  const auto text = Catalog({"check", "--catalog", "sqlite:text.db"});
  EXPECT_EQ(text.exit, 1);
  EXPECT_THAT(text.err, AllOf(StartsWith("Error: sqlite:"), HasSubstr("/text.db: file is not a database")));
  // There is none in an empty file. It used not to say in what.
  Write("empty.db", "");
  EXPECT_THAT(Catalog({"status", "--catalog", "sqlite:empty.db"}).err,
              AllOf(StartsWith("Error: sqlite:"), HasSubstr("/empty.db: there is no catalog in it")));
}

TEST_F(CatalogCli, LocationsThatAreNoneAreRefusedWithoutTheirSecrets) {
  for (const std::string location : {"catalog.db", "mysql://u:hunter2@h/d", "postgres://u:hunter2@h:port/d",
                                     "postgres://u:hunter2@h/d?sslmode=maybe&nonsense=1"}) {
    const auto run = Catalog({"status", "--catalog", location});
    EXPECT_EQ(run.exit, 1) << location;
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err, AllOf(StartsWith("Error: "), Not(HasSubstr("hunter2"))));
  }
}

TEST_F(CatalogCli, PostgresIsBackedUpByItsOwnMeans) {
  const auto run = Catalog({"backup", "x.db", "--catalog", "postgres://h/d"});
  EXPECT_EQ(run.exit, 1);
  EXPECT_THAT(run.err,
              AllOf(HasSubstr("pg_dump"), HasSubstr("new-incarnation"), HasSubstr("copy --to sqlite:FILE")));
}

TEST_F(CatalogCli, WrongUsage) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {"backup"},
                                                    {"copy"},
                                                    {"status", "--output", "xml"},
                                                    {"copy", "--to"},
                                                    {"restore"}}) {
    const auto run = Catalog(arguments);
    EXPECT_EQ(run.exit, 2) << run.out << run.err;
  }
}

}  // namespace
}  // namespace jammi
