// Opening a catalog: the lock, the ledger, the incarnation, and the files that are refused.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/hash.h"
#include "catalog/migrations.h"
#include "catalog/sqlite/migrate.h"
#include "catalog/sqlite/test_catalog.h"
#include "support/raw_sqlite.h"

namespace jammi::sqlite {
namespace {

// On the real file system.
class OpenTest : public CatalogTest {
 protected:
  OpenTest() { options_.vfs.clear(); }

  Error OpenError() {
    auto opened = OpenSqliteCatalog(options_);
    if (opened) return Error(ErrorCode::kInternal, "it could be opened");
    return opened.error();
  }
  void ExpectFault(const Error& error, ErrorCode code, BackendFault fault) {
    EXPECT_EQ(error.code(), code) << error.ToString();
    ASSERT_NE(error.As<BackendDetail>(), nullptr) << error.ToString();
    EXPECT_EQ(error.As<BackendDetail>()->fault, fault) << error.ToString();
  }
  std::string Path() const { return options_.path.string(); }
};

// Reference cases 2 and 3.
TEST_F(OpenTest, Case2And3OpensAgainAndPings) {
  JAMMI_OK(backend().Ping({}));
  JAMMI_OK(backend().Ping({}));
  EXPECT_EQ(backend().kind(), BackendKind::kSqlite);
  Open();
  JAMMI_OK(backend().Ping({}));
}

TEST_F(OpenTest, TheIncarnationIsAUuidAndStays) {
  const std::string first = catalog_->incarnation();
  EXPECT_TRUE(Uuid::Parse(first));
  Open();
  EXPECT_EQ(catalog_->incarnation(), first);
  options_.path = folder_ / "other.db";
  Open();
  EXPECT_NE(catalog_->incarnation(), first);
}

TEST_F(OpenTest, MissingFoldersAreMade) {
  options_.path = folder_ / "a/b/c/catalog.db";
  Open();
  EXPECT_TRUE(std::filesystem::exists(options_.path));
}

TEST_F(OpenTest, TheFileSaysWhatItIs) {
  catalog_->Close();
  test::RawSqlite db(Path());
  EXPECT_EQ(db.Number("PRAGMA application_id"), 0x4a616d6d);
  EXPECT_EQ(db.Number("PRAGMA user_version"), 1);
  EXPECT_EQ(db.Text("PRAGMA journal_mode"), "wal");
}

TEST_F(OpenTest, CloseMovesTheLogIntoTheFile) {
  MakeTopic(1);
  JAMMI_OK(log().Append(Event(1, "x"), {}));
  catalog_->Close();
  EXPECT_FALSE(std::filesystem::exists(Path() + "-wal"));
}

TEST_F(OpenTest, ASecondEngineIsRefusedAndToldWhoHoldsIt) {
  const Error error = OpenError();
  EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
  const auto* holder = error.As<CatalogLockedDetail>();
  ASSERT_NE(holder, nullptr) << error.ToString();
  EXPECT_EQ(holder->lock_path, Path() + ".lock");
  EXPECT_EQ(holder->pid, getpid());
  EXPECT_FALSE(holder->host.empty());
  EXPECT_EQ(holder->started_at.size(), std::string("2026-01-02T03:04:05.123456Z").size());
  EXPECT_NE(error.message().find(std::to_string(getpid())), std::string::npos);
  // By another spelling of the path too.
  std::filesystem::create_directories(folder_ / "sub");
  options_.path = folder_ / "sub/../catalog.db";
  EXPECT_NE(OpenError().As<CatalogLockedDetail>(), nullptr);
  std::filesystem::create_symlink(folder_ / "catalog.db", folder_ / "link.db");
  options_.path = folder_ / "link.db";
  EXPECT_NE(OpenError().As<CatalogLockedDetail>(), nullptr);
  catalog_->Close();
  Open();
}

TEST_F(OpenTest, AnotherProcessIsRefusedToo) {
  int pipes[2];
  ASSERT_EQ(pipe2(pipes, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    const Error error = OpenError();
    const bool refused =
        error.As<CatalogLockedDetail>() != nullptr && error.As<CatalogLockedDetail>()->pid == getppid();
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(OpenTest, ALockFileOfADeadProcessIsNoObstacle) {
  catalog_->Close();
  std::ofstream(Path() + ".lock") << "{\"pid\": 1, \"host\": \"gone\"";  // cut short, and nobody holds it
  Open();
  EXPECT_EQ(OpenError().As<CatalogLockedDetail>()->pid, getpid());
}

TEST_F(OpenTest, MigratingTwiceChangesNothing) {
  const auto applied = static_cast<int64_t>(Migrations().size());
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM schema_migrations"), applied);
  JAMMI_OK(backend().Migrate());
  Open();
  JAMMI_OK(backend().Migrate());
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM schema_migrations"), applied);
}

// Case 8: the ledger holds exactly our list, with the digests of its texts.
TEST_F(OpenTest, Case8TheLedgerHoldsTheListInOrder) {
  std::vector<std::string> ledger;
  JAMMI_OK(backend().RunTransaction({.read_only = true}, [&](Transaction& tx) {
    return tx.Query("SELECT name, sha256 FROM schema_migrations ORDER BY name", {},
                    [&](const Row& row) -> Result<bool> {
                      JAMMI_ASSIGN(const auto name, row.Get<std::string>("name"));
                      JAMMI_ASSIGN(const auto digest, row.Get<std::string>("sha256"));
                      ledger.push_back(name + " " + digest);
                      return true;
                    });
  }));
  std::vector<std::string> ours;
  for (const auto& migration : Migrations()) {
    ours.push_back(std::string(migration.name) + " " + Sha256Hex(migration.sql));
  }
  EXPECT_EQ(ledger, ours);
}

TEST_F(OpenTest, Wk20ANewerLedgerIsRefusedByName) {
  JAMMI_OK(
      Execute("INSERT INTO schema_migrations (name, sha256, applied_at) VALUES ('0999_future', 'x', 0)"));
  EXPECT_EQ(backend().Migrate().error().As<BackendDetail>()->object, "0999_future");
  catalog_->Close();
  const Error error = OpenError();
  ExpectFault(error, ErrorCode::kFailedPrecondition, BackendFault::kMigration);
  EXPECT_EQ(error.As<BackendDetail>()->object, "0999_future");
  EXPECT_NE(error.message().find("0999_future"), std::string::npos);
}

TEST_F(OpenTest, Wk20AnAlteredMigrationIsRefusedByName) {
  JAMMI_OK(Execute("UPDATE schema_migrations SET sha256 = 'other' WHERE name = '0002_topics'"));
  catalog_->Close();
  const Error error = OpenError();
  ExpectFault(error, ErrorCode::kFailedPrecondition, BackendFault::kMigration);
  EXPECT_EQ(error.As<BackendDetail>()->object, "0002_topics");
}

TEST_F(OpenTest, ANewerFormatIsRefused) {
  catalog_->Close();
  test::RawSqlite(Path()).Exec("PRAGMA user_version=2");
  const Error error = OpenError();
  ExpectFault(error, ErrorCode::kFailedPrecondition, BackendFault::kMigration);
  EXPECT_EQ(error.As<BackendDetail>()->object, "user_version");
}

// A crash between two migrations leaves the first ones; the next start goes on.
TEST_F(OpenTest, Wk20EachMigrationIsATransactionOfItsOwn) {
  auto connection = Connection::Open({.path = folder_ / "half.db", .create = true});
  JAMMI_OK(connection);
  const Migration good{"0001_a", "CREATE TABLE a (k BIGINT); -- a comment; with a semicolon\n"};
  const Migration bad{"0002_b", "CREATE TABLE b (k BIGINT); CREATE TABLE a (k BIGINT);"};
  const Migration list[] = {good, bad};
  const auto failed = Migrate(**connection, list, 0);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message().find("0002_b"), std::string::npos);
  EXPECT_EQ((*connection)->GetInt("SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b')"), 1);
  EXPECT_EQ((*connection)->GetInt("SELECT count(*) FROM schema_migrations"), 1);
  const Migration repaired[] = {good, {"0002_b", "CREATE TABLE b (k BIGINT);"}};
  JAMMI_OK(Migrate(**connection, repaired, 0));
  EXPECT_EQ((*connection)->GetInt("SELECT count(*) FROM schema_migrations"), 2);
}

TEST_F(OpenTest, WhatIsNoDatabaseIsCorrupt) {
  options_.path = folder_ / "text.db";
  const std::string text(5000, 'x');
  std::ofstream(options_.path) << text;
  ExpectFault(OpenError(), ErrorCode::kDataLoss, BackendFault::kCorrupt);
  std::ifstream file(options_.path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), text);  // nothing was changed
}

TEST_F(OpenTest, TheDatabaseOfAnotherApplicationIsRefusedUntouched) {
  options_.path = folder_ / "other.db";
  test::RawSqlite(Path()).Exec("CREATE TABLE theirs (k); PRAGMA user_version=3");
  ExpectFault(OpenError(), ErrorCode::kFailedPrecondition, BackendFault::kMigration);
  test::RawSqlite db(Path());
  EXPECT_EQ(db.Number("SELECT count(*) FROM sqlite_schema"), 1);
  EXPECT_EQ(db.Text("PRAGMA journal_mode"), "delete");
}

TEST_F(OpenTest, AFolderInPlaceOfTheFileIsAnIoError) {
  options_.path = folder_ / "folder";
  std::filesystem::create_directories(options_.path);
  const Error error = OpenError();
  ExpectFault(error, ErrorCode::kUnavailable, BackendFault::kIo);
  EXPECT_NE(error.message().find(Path()), std::string::npos);
}

TEST_F(OpenTest, AFileInPlaceOfAFolderIsAnIoError) {
  options_.path = folder_ / "catalog.db/inner.db";
  ExpectFault(OpenError(), ErrorCode::kUnavailable, BackendFault::kIo);
}

TEST_F(OpenTest, OptionsThatCannotBeHonouredAreRefusedByName) {
  const auto expect = [&](std::string_view name, auto change) {
    SqliteOptions options;
    options.path = folder_ / "options.db";
    change(options);
    const auto opened = OpenSqliteCatalog(options);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(opened.error().message().find(name), std::string::npos) << opened.error().message();
  };
  expect("reader_connections", [](SqliteOptions& o) { o.reader_connections = 0; });
  expect("group_max_work", [](SqliteOptions& o) { o.group_max_work = 0; });
  expect("group_max_bytes", [](SqliteOptions& o) { o.group_max_bytes = 0; });
  expect("queue_limit", [](SqliteOptions& o) { o.queue_limit = 0; });
  expect("''", [](SqliteOptions& o) { o.path = ""; });
  expect("no_such_vfs", [](SqliteOptions& o) { o.vfs = "no_such_vfs"; });
}

}  // namespace
}  // namespace jammi::sqlite
