// `jammi catalog ...` on a server.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "cli/cli_fixture.h"
#include "support/pg_server.h"
#include "support/raw_postgres.h"

namespace jammi {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class CatalogPgCli : public Cli {
 protected:
  static test::PgServer& server() { return test::PgServer::Shared(); }
  const std::string database_ = server().CreateDatabase();
  const std::string url_ = server().Url(database_);
};

// WK-20, MIG-07, and (d) of the acceptance list: real processes, one empty database, all at once.
TEST_F(CatalogPgCli, Wk20EightProcessesStartOnOneEmptyDatabase) {
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(Start({"catalog", "migrate", "--catalog", url_}, {},
                             {.out = fmt::format("out{}", i), .err = fmt::format("err{}", i)}));
  }
  std::string all;
  for (int i = 0; i < 8; ++i) {
    const auto run =
        Finish(children[static_cast<size_t>(i)], fmt::format("out{}", i), fmt::format("err{}", i));
    EXPECT_EQ(run.exit, 0) << run.err;
    EXPECT_THAT(run.out, HasSubstr("is up to date\n"));
    all += run.out;
  }
  // Every migration was applied by one of them, and by no other.
  test::RawPostgres raw(url_);
  const int64_t migrations = raw.Number("SELECT count(*) FROM schema_migrations");
  size_t applied = 0;
  for (size_t at = all.find("applied "); at != std::string::npos; at = all.find("applied ", at + 1))
    ++applied;
  EXPECT_EQ(static_cast<int64_t>(applied), migrations);
  EXPECT_EQ(raw.Number("SELECT count(*) FROM catalog_identity"), 1);
}

TEST_F(CatalogPgCli, StatusCheckAndCopies) {
  EXPECT_EQ(Run({"catalog", "migrate", "--catalog", url_}).exit, 0);
  Write("jammi.toml", "[catalog]\nkind = \"postgres\"\nurl = \"${URL}\"\n");
  const std::vector<std::string> variables = {"URL=" + url_};
  const auto status = Run({"catalog", "status"}, variables);
  EXPECT_EQ(status.exit, 0) << status.err;
  EXPECT_THAT(status.out,
              AllOf(HasSubstr("catalog: postgres://127.0.0.1:"), HasSubstr("no engine is connected\n")));
  EXPECT_EQ(Run({"catalog", "check"}, variables).exit, 0);
  EXPECT_EQ(Run({"catalog", "copy", "--to", "sqlite:file.db"}, variables).exit, 0);
  const std::string other = server().CreateDatabase();
  const auto back = Run({"catalog", "copy", "--from", "sqlite:file.db", "--to", server().Url(other)});
  EXPECT_EQ(back.exit, 0) << back.err;
  const auto refused = Run({"catalog", "copy", "--from", "sqlite:file.db", "--to", server().Url(other)});
  EXPECT_EQ(refused.exit, 1);
  EXPECT_THAT(refused.err, HasSubstr("is not empty"));
  EXPECT_EQ(Run({"catalog", "new-incarnation"}, variables).exit, 0);
}

TEST_F(CatalogPgCli, WhatCannotBeReachedIsSaidWithoutSecrets) {
  const std::string nobody = fmt::format("postgres://u:hunter2@127.0.0.1:1/{}", database_);
  for (const std::string& url :
       {nobody, server().UrlWithPassword(database_, "hunter2"), server().Url("no_such_database")}) {
    for (const char* verb : {"status", "check", "migrate", "new-incarnation"}) {
      const auto run = Run({"catalog", verb, "--catalog", url});
      EXPECT_EQ(run.exit, 1) << verb << ' ' << url;
      EXPECT_THAT(run.err, AllOf(HasSubstr("cannot connect to PostgreSQL"), Not(HasSubstr("hunter2"))));
    }
  }
}

}  // namespace
}  // namespace jammi
