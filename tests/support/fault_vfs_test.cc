// The disk of the fault tests, under a SQLite database that is not ours: what it must lose, it loses, and
// what SQLite promises to keep on any disk, it keeps.
#include "support/fault_vfs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "support/random.h"
#include "support/raw_sqlite.h"

namespace jammi::test {
namespace {

constexpr const char* kPath = "/disk/test.db";

struct Verdict {
  int crashes = 0;
  int lost = 0;     // images without a commit that had been acknowledged, or that cannot be read
  int corrupt = 0;  // of these, damaged
};

// Commits 60 rows and pulls the plug at random operations, up to the last; then looks at every image.
Verdict Crash(const std::string& journal_mode, const std::string& synchronous, uint64_t seed) {
  FaultVfs vfs;
  Random random(seed);
  int acknowledged = 0;
  std::vector<std::pair<int, DiskImage>> images;
  uint64_t next_crash = 1 + random.Below(20);
  vfs.OnOperation([&](const DiskOperation& operation) {
    if (operation.number < next_crash) return;
    images.emplace_back(acknowledged, vfs.AfterPowerLoss(random.Next()));
    next_crash = operation.number + 1 + random.Below(40);
  });
  {
    RawSqlite db(kPath, vfs.name());
    db.Exec("PRAGMA journal_mode=" + journal_mode + "; PRAGMA synchronous=" + synchronous +
            "; PRAGMA wal_autocheckpoint=20; CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
    for (int i = 1; i <= 60; ++i) {
      const int code = db.Exec(fmt::format("INSERT INTO t VALUES({}, randomblob(900))", i));
      EXPECT_EQ(code, SQLITE_OK);
      acknowledged = i;
    }
  }
  images.emplace_back(60, vfs.AfterPowerLoss(random.Next()));

  Verdict verdict;
  for (const auto& [kept, image] : images) {
    FaultVfs after(image);
    RawSqlite db(kPath, after.name());
    const std::string sound = db.Text("PRAGMA integrity_check");
    ++verdict.crashes;
    verdict.corrupt += sound != "ok";
    verdict.lost +=
        kept > 0 && db.Number("SELECT count(*) FROM t WHERE id <= " + std::to_string(kept)) != kept;
  }
  return verdict;
}

Verdict CrashMany(const std::string& journal_mode, const std::string& synchronous) {
  Verdict sum;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(fmt::format("{} {} seed {}", journal_mode, synchronous, seed));
    const Verdict verdict = Crash(journal_mode, synchronous, seed);
    sum.crashes += verdict.crashes;
    sum.lost += verdict.lost;
    sum.corrupt += verdict.corrupt;
  }
  EXPECT_GT(sum.crashes, 100);
  return sum;
}

TEST(FaultVfsPowerLoss, WalFullLosesNothing) {
  const Verdict verdict = CrashMany("WAL", "FULL");
  EXPECT_EQ(verdict.lost, 0) << "of " << verdict.crashes;
  EXPECT_EQ(verdict.corrupt, 0);
}

TEST(FaultVfsPowerLoss, WalNormalLosesCommitsButStaysSound) {
  const Verdict verdict = CrashMany("WAL", "NORMAL");
  EXPECT_GT(verdict.lost, verdict.crashes / 4) << "of " << verdict.crashes;
  EXPECT_EQ(verdict.corrupt, 0);
}

TEST(FaultVfsPowerLoss, WalOffDamages) {
  const Verdict verdict = CrashMany("WAL", "OFF");
  EXPECT_GT(verdict.lost, verdict.crashes / 4) << "of " << verdict.crashes;
  EXPECT_GT(verdict.corrupt, 0);
}

TEST(FaultVfsPowerLoss, RollbackJournalExtraLosesNothing) {
  const Verdict verdict = CrashMany("DELETE", "EXTRA");
  EXPECT_EQ(verdict.lost, 0) << "of " << verdict.crashes;
  EXPECT_EQ(verdict.corrupt, 0);
}

TEST(FaultVfsPowerLoss, RollbackJournalOffDamages) {
  const Verdict verdict = CrashMany("DELETE", "OFF");
  EXPECT_GT(verdict.lost, 0);
  EXPECT_GT(verdict.corrupt, 0);
}

TEST(FaultVfs, KillLosesNothingThatWasCommitted) {
  FaultVfs vfs;
  DiskImage image;
  {
    RawSqlite db(kPath, vfs.name());
    ASSERT_EQ(
        db.Exec(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; CREATE TABLE t(v); INSERT INTO t VALUES(1)"),
        SQLITE_OK);
    image = vfs.AfterKill();
  }
  FaultVfs after(image);
  RawSqlite db(kPath, after.name());
  EXPECT_EQ(db.Number("SELECT count(*) FROM t"), 1);
}

TEST(FaultVfs, ConnectionsOfSeveralThreadsShareOneDatabase) {
  FaultVfs vfs;
  RawSqlite setup(kPath, vfs.name());
  ASSERT_EQ(setup.Exec("PRAGMA journal_mode=WAL; CREATE TABLE t(thread, n)"), SQLITE_OK);
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        RawSqlite db(kPath, vfs.name());
        db.Exec("PRAGMA wal_autocheckpoint=10");
        for (int n = 0; n < 50; ++n) {
          EXPECT_EQ(db.Exec(fmt::format("INSERT INTO t VALUES({}, {})", thread, n)), SQLITE_OK);
        }
      });
    }
  }
  EXPECT_EQ(setup.Number("SELECT count(*) FROM t"), 200);
  EXPECT_EQ(setup.Text("PRAGMA integrity_check"), "ok");
}

TEST(FaultVfs, ReaderKeepsItsSnapshot) {
  FaultVfs vfs;
  RawSqlite writer(kPath, vfs.name());
  ASSERT_EQ(writer.Exec("PRAGMA journal_mode=WAL; CREATE TABLE t(v)"), SQLITE_OK);
  RawSqlite reader(kPath, vfs.name());
  ASSERT_EQ(reader.Exec("BEGIN"), SQLITE_OK);
  ASSERT_EQ(reader.Number("SELECT count(*) FROM t"), 0);
  ASSERT_EQ(writer.Exec("INSERT INTO t VALUES(1)"), SQLITE_OK);
  EXPECT_EQ(reader.Number("SELECT count(*) FROM t"), 0);
  ASSERT_EQ(reader.Exec("COMMIT"), SQLITE_OK);
  EXPECT_EQ(reader.Number("SELECT count(*) FROM t"), 1);
}

TEST(FaultVfs, RollbackJournalLocksExclude) {
  FaultVfs vfs;
  RawSqlite first(kPath, vfs.name());
  RawSqlite second(kPath, vfs.name());
  ASSERT_EQ(first.Exec("CREATE TABLE t(v); BEGIN IMMEDIATE"), SQLITE_OK);
  ASSERT_EQ(second.Exec("PRAGMA busy_timeout=0"), SQLITE_OK);
  EXPECT_EQ(second.Exec("BEGIN IMMEDIATE"), SQLITE_BUSY);
  EXPECT_EQ(second.Number("SELECT count(*) FROM t"), 0) << "a reader beside a reserved writer";
  ASSERT_EQ(first.Exec("INSERT INTO t VALUES(1); COMMIT"), SQLITE_OK);
  EXPECT_EQ(second.Exec("BEGIN EXCLUSIVE"), SQLITE_OK);
  EXPECT_EQ(first.Exec("PRAGMA busy_timeout=0; SELECT * FROM t"), SQLITE_BUSY);
}

// One statement under a fault at each operation in turn: it fails with what the operation says, or was
// not touched by the fault, and the next statement after the fault works.
std::map<int, int> FailEach(const DiskFault& fault_of_kind) {
  std::map<int, int> codes;
  for (uint64_t nth = 1;; ++nth) {
    EXPECT_LT(nth, 500u);
    FaultVfs vfs;
    RawSqlite db(kPath, vfs.name());
    EXPECT_EQ(db.Exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(v)"), SQLITE_OK);
    DiskFault fault = fault_of_kind;
    fault.nth = nth;
    vfs.Inject(fault);
    const int code = db.Exec("INSERT INTO t VALUES(randomblob(20000)); PRAGMA wal_checkpoint(TRUNCATE)");
    const uint64_t fired = vfs.faults_fired();
    vfs.Heal();
    EXPECT_EQ(db.Exec("INSERT INTO t VALUES(1)"), SQLITE_OK) << nth;
    EXPECT_EQ(db.Text("PRAGMA integrity_check"), "ok") << nth;
    if (fired == 0) {
      EXPECT_EQ(code, SQLITE_OK);
      return codes;
    }
    ++codes[code];
  }
}

TEST(FaultVfs, IoErrorsHaveTheCodeOfTheirOperation) {
  EXPECT_GT(FailEach({.ops = {DiskOp::kWrite}})[SQLITE_IOERR_WRITE], 5);
  EXPECT_GT(FailEach({.ops = {DiskOp::kSync}})[SQLITE_IOERR_FSYNC], 1);
  EXPECT_GT(FailEach({.ops = {DiskOp::kTruncate}})[SQLITE_IOERR_TRUNCATE], 0);
}

TEST(FaultVfs, FullDiskRefusesOnlyWhatGrows) {
  const auto codes = FailEach({.kind = DiskFault::Kind::kFull});
  EXPECT_GT(codes.at(SQLITE_FULL), 5);
  EXPECT_EQ(codes.size(), 1u);
}

TEST(FaultVfs, LastingFaultStaysUntilHealed) {
  FaultVfs vfs;
  RawSqlite db(kPath, vfs.name());
  ASSERT_EQ(db.Exec("PRAGMA journal_mode=WAL; CREATE TABLE t(v)"), SQLITE_OK);
  vfs.Inject({.ops = {DiskOp::kWrite}, .nth = 2, .lasting = true});
  EXPECT_EQ(db.Exec("INSERT INTO t VALUES(1)"), SQLITE_IOERR_WRITE);
  EXPECT_EQ(db.Exec("INSERT INTO t VALUES(1)"), SQLITE_IOERR_WRITE);
  EXPECT_EQ(vfs.faults_fired(), 2u);
  vfs.Heal();
  EXPECT_EQ(db.Exec("INSERT INTO t VALUES(1)"), SQLITE_OK);
}

TEST(FaultVfs, RefusedOpenIsCantOpen) {
  FaultVfs vfs;
  vfs.Inject({.ops = {DiskOp::kOpen}});
  RawSqlite db(kPath, vfs.name());
  EXPECT_EQ(db.result(), SQLITE_CANTOPEN);
}

}  // namespace
}  // namespace jammi::test
