// Backups of a file: beside an engine, killed, on a full disk, restored.
#include <fcntl.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "catalog/admin/admin_fixture.h"
#include "support/raw_sqlite.h"

namespace jammi::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class BackupTest : public AdminTest {
 protected:
  const TempDir folder_;
  const fs::path to_ = folder_ / "backup.db";
  const CatalogLocation copy_{.path = to_};
};

TEST_P(BackupTest, IsWholeMarkedAndOneFile) {
  Fill();
  const BackupReport report = Ok(BackupCatalog(location(), to_));
  EXPECT_EQ(report.incarnation, incarnation_);
  EXPECT_EQ(report.bytes, fs::file_size(to_));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1);
  EXPECT_THAT(Findings(copy_), IsEmpty());
  const CatalogStatus status = Ok(ReadCatalogStatus(copy_));
  EXPECT_EQ(status.mark, CatalogMark::kBackup);
  EXPECT_EQ(status.mark_note, incarnation_);
  EXPECT_EQ(status.rows, Ok(ReadCatalogStatus(location())).rows);
}

// The incarnation changes once, in the transaction that takes the mark away, and never the original's.
TEST_P(BackupTest, OpeningItGivesItAnIncarnationOfItsOwn) {
  Fill();
  Ok(BackupCatalog(location(), to_));
  std::string restored;
  {
    const auto opened = Ok(Open(copy_));
    restored = opened->incarnation();
    EXPECT_NE(restored, incarnation_);
    EXPECT_EQ(Texts(*opened, numbers_[0]).size(), 40U);
  }
  EXPECT_EQ(Ok(ReadCatalogStatus(copy_)).mark, CatalogMark::kNone);
  EXPECT_EQ(Ok(Open(copy_))->incarnation(), restored);
  Reopen();
  EXPECT_EQ(catalog_->incarnation(), incarnation_);
}

TEST_P(BackupTest, MigratingOrNamingItDoesTheSame) {
  Fill();
  Ok(BackupCatalog(location(), to_));
  Ok(BackupCatalog(copy_, folder_ / "second.db"));  // a backup of a backup is one of the original
  EXPECT_EQ(Ok(ReadCatalogStatus({.path = folder_ / "second.db"})).mark_note, incarnation_);
  Ok(MigrateCatalog(copy_));
  EXPECT_NE(Ok(ReadCatalogStatus(copy_)).incarnation, incarnation_);
  const std::string fresh = Ok(NewIncarnation({.path = folder_ / "second.db"}));
  EXPECT_EQ(Ok(Open({.path = folder_ / "second.db"}))->incarnation(), fresh);
}

TEST_P(BackupTest, NothingIsOverwritten) {
  Fill();
  std::ofstream(to_) << "precious";
  EXPECT_EQ(CodeOf(BackupCatalog(location(), to_)), ErrorCode::kAlreadyExists);
  EXPECT_EQ(fs::file_size(to_), 8U);
  // Nor what somebody else puts there meanwhile.
  const fs::path late = folder_ / "late.db";
  SetSyncPoint("catalog:backup_synced", [&] { std::ofstream(late) << "precious"; });
  EXPECT_EQ(CodeOf(BackupCatalog(location(), late)), ErrorCode::kAlreadyExists);
  EXPECT_EQ(fs::file_size(late), 8U);
  EXPECT_FALSE(fs::exists(late.string() + ".partial"));
}

TEST_P(BackupTest, TwoAtOnceDoNotMixTheirFiles) {
  Fill();
  std::optional<ErrorCode> second;
  SetSyncPoint("catalog:backup_synced", [&] {
    ClearSyncPoints();
    second = CodeOf(BackupCatalog(location(), to_));
  });
  EXPECT_TRUE(BackupCatalog(location(), to_));
  EXPECT_EQ(second, ErrorCode::kUnavailable);
  EXPECT_THAT(Findings(copy_), IsEmpty());
}

// The writer is not stopped, and what it commits meanwhile does not make the copy begin again: the copy ends,
// and is of the moment at which it began.
TEST_P(BackupTest, AWriterGoesOnBesideIt) {
  Fill();
  for (int i = 0; i < 200; ++i) Publish(numbers_[0], std::string(50'000, 'x'));
  int steps = 0;
  SetSyncPoint("catalog:backup_step", [&] {
    ++steps;
    Publish(numbers_[0], fmt::format("during {}", steps));
  });
  Ok(BackupCatalog(location(), to_));
  EXPECT_GT(steps, 2);
  EXPECT_LT(steps, 20);
  EXPECT_THAT(Findings(copy_), IsEmpty());
  EXPECT_EQ(Ok(ReadCatalogStatus(copy_)).rows.at("events") + steps,
            Ok(ReadCatalogStatus(location())).rows.at("events"));
}

TEST_P(BackupTest, KilledItLeavesNoFileOfThatName) {
  Fill();
  for (int i = 0; i < 100; ++i) Publish(numbers_[0], std::string(50'000, 'x'));
  Close();
  for (const char* point : {"catalog:backup_step", "catalog:backup_synced"}) {
    EXPECT_TRUE(KilledAt(point, 1, [&] { return BackupCatalog(location(), to_).has_value(); }));
    EXPECT_FALSE(fs::exists(to_));
    EXPECT_TRUE(fs::exists(to_.string() + ".partial"));
  }
  Ok(BackupCatalog(location(), to_));
  EXPECT_FALSE(fs::exists(to_.string() + ".partial"));
  EXPECT_THAT(Findings(copy_), IsEmpty());
}

TEST_P(BackupTest, ADamagedOrMissingSourceIsAnError) {
  EXPECT_EQ(CodeOf(BackupCatalog({.path = folder_ / "none.db"}, to_)), ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(folder_ / "none.db"));
  std::ofstream(folder_ / "text.db") << std::string(8192, 'x');
  EXPECT_EQ(CodeOf(BackupCatalog({.path = folder_ / "text.db"}, to_)), ErrorCode::kDataLoss);
  RawSqlite((folder_ / "other.db").string()).Exec("CREATE TABLE t (x)");
  EXPECT_EQ(FaultOf(BackupCatalog({.path = folder_ / "other.db"}, to_).error()), BackendFault::kMigration);
  EXPECT_FALSE(fs::exists(to_));
}

// --- Damage, and files that cannot be written

TEST_P(BackupTest, CheckFindsADamagedPage) {
  Fill();
  Close();
  const std::string path = location().path.string();
  const auto size = static_cast<int64_t>(fs::file_size(path));
  ASSERT_GT(size, 3 * 4096);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(size - 3 * 4096);
    file << std::string(4096, '\xff');
  }
  EXPECT_THAT(Findings(location()), Not(IsEmpty()));
}

TEST_P(BackupTest, AClosedFileIsReadWhereNothingCanBeWritten) {
  Fill();
  Close();
  const fs::path file = location().path;
  fs::permissions(file, fs::perms::owner_read);
  EXPECT_EQ(Ok(ReadCatalogStatus(location())).incarnation, incarnation_);
  EXPECT_THAT(Findings(location()), IsEmpty());
  fs::permissions(file, fs::perms::owner_all);
}

// What a killed engine left in its log is seen.
TEST_P(BackupTest, StatusAndBackupSeeTheWriteAheadLog) {
  Fill();
  const fs::path crashed = folder_ / "crashed.db";
  const std::string path = location().path.string();
  fs::copy(path, crashed);
  fs::copy(path + "-wal", crashed.string() + "-wal");
  ASSERT_GT(fs::file_size(crashed.string() + "-wal"), 0U);
  EXPECT_EQ(Ok(ReadCatalogStatus({.path = crashed})).rows.at("events"),
            Ok(ReadCatalogStatus(location())).rows.at("events"));
  Ok(BackupCatalog({.path = crashed}, to_));
  EXPECT_THAT(Findings(copy_), IsEmpty());
  EXPECT_EQ(Ok(ReadCatalogStatus(copy_)).rows, Ok(ReadCatalogStatus(location())).rows);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, BackupTest, testing::Values(MakeSqliteHarness));

}  // namespace
}  // namespace jammi::test
