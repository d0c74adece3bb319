// Real file systems that are full or read-only, and database files that are damaged, foreign or newer.
// Runs in a private mount namespace, so it needs root or user namespaces; without either it fails and
// says so.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "base/log.h"
#include "crash/ledger.h"
#include "crash/system.h"
#include "crash/verdict.h"
#include "jammi/error.h"
#include "support/mount_namespace.h"
#include "support/random.h"
#include "support/raw_sqlite.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = LedgerEntry::Kind;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kDamages = 200;
#else
constexpr uint64_t kDamages = 300;
#endif

const std::string kTopic = "t";

BackendFault FaultOf(const Error& error) {
  const auto* detail = error.As<BackendDetail>();
  EXPECT_NE(detail, nullptr) << error.ToString();
  return detail != nullptr ? detail->fault : BackendFault::kExecution;
}

void ExpectError(const Error& error, ErrorCode code, BackendFault fault) {
  EXPECT_EQ(ToString(error.code()), ToString(code)) << error.ToString();
  EXPECT_EQ(ToString(FaultOf(error)), ToString(fault)) << error.ToString();
}

// A database with one topic of `events` events, closed.
void MakeDatabase(const std::string& path, int events, Ledger& ledger) {
  const auto system = System::Open({.path = path});
  ASSERT_TRUE(system) << system.error().ToString();
  ASSERT_TRUE((*system)->RegisterTopic(kTopic));
  ledger.Acknowledge({.kind = Kind::kTopic, .topic = kTopic});
  ASSERT_TRUE((*system)->RegisterModel("m"));
  ledger.Acknowledge({.kind = Kind::kModel, .key = "m"});
  for (int i = 0; i < events; ++i) {
    const std::string key = MakeKey(fmt::format("e{}", i), 700);
    const auto offset = (*system)->Publish(kTopic, PayloadOf(key), Deadline::Never());
    ASSERT_TRUE(offset) << offset.error().ToString();
    ledger.Acknowledge({.kind = Kind::kEvent, .topic = kTopic, .key = key, .offset = *offset});
  }
  (*system)->Close();
}

// --- a disk that is full

class FullDisk : public ::testing::Test {
 protected:
  FullDisk() { SetLog(LogLevel::kOff, LogFormat::kText); }
  // Publishes until it is refused, or `most` events.
  Result<void> PublishUntilRefused(System& system, const std::string& name, int most) {
    for (int i = 0; i < most; ++i) {
      LedgerEntry entry{
          .kind = Kind::kEvent, .topic = kTopic, .key = MakeKey(fmt::format("{}{}", name, i), 20'000)};
      ledger_.Ask(entry);
      JAMMI_ASSIGN(entry.offset, system.Publish(kTopic, PayloadOf(entry.key), Deadline::Never()));
      ledger_.Acknowledge(entry);
    }
    return {};
  }

  void JudgeAll(System& system) {
    const auto contents = system.ReadAll();
    ASSERT_TRUE(contents) << contents.error().ToString();
    EXPECT_THAT(Judge(*contents, ledger_.entries(), ledger_.length()), IsEmpty());
  }

  const TempDir directory_;
  SmallFileSystem disk_{directory_.path(), 4 << 20};
  const std::string path_ = directory_ / "catalog.db";
  Ledger ledger_;
};

TEST_F(FullDisk, PublishIsRefusedAndGoesOnWhenThereIsRoom) {
  MakeDatabase(path_, 3, ledger_);
  {
    const auto system = System::Open({.path = path_});
    ASSERT_TRUE(system) << system.error().ToString();
    disk_.Fill();
    const auto refused = PublishUntilRefused(**system, "during", 1000);
    ASSERT_FALSE(refused);
    ExpectError(refused.error(), ErrorCode::kResourceExhausted, BackendFault::kFull);
    EXPECT_FALSE((*system)->RegisterModel("refused"));
    JudgeAll(**system);  // a full disk can be read

    disk_.Free();
    const auto again = PublishUntilRefused(**system, "after", 5);
    EXPECT_TRUE(again) << again.error().ToString();
    JudgeAll(**system);
    (*system)->Close();
  }
  const auto system = System::Open({.path = path_});
  ASSERT_TRUE(system) << system.error().ToString();
  JudgeAll(**system);
}

TEST_F(FullDisk, ClosedWhileFullLosesNothing) {
  MakeDatabase(path_, 3, ledger_);
  {
    const auto system = System::Open({.path = path_});
    ASSERT_TRUE(system) << system.error().ToString();
    EXPECT_TRUE(PublishUntilRefused(**system, "before", 5));
    disk_.Fill();
    EXPECT_FALSE(PublishUntilRefused(**system, "during", 1000));
    (*system)->Close();
  }
  disk_.Free();
  const auto system = System::Open({.path = path_});
  ASSERT_TRUE(system) << system.error().ToString();
  JudgeAll(**system);
  EXPECT_TRUE(PublishUntilRefused(**system, "after", 1));
}

TEST_F(FullDisk, NewCatalogIsRefusedByName) {
  disk_.Fill();
  const auto system = System::Open({.path = path_});
  ASSERT_FALSE(system);
  ExpectError(system.error(), ErrorCode::kResourceExhausted, BackendFault::kFull);
  disk_.Free();
  EXPECT_TRUE(System::Open({.path = path_}));
}

TEST_F(FullDisk, ExistingCatalogOpensOrSaysWhyNot) {
  MakeDatabase(path_, 3, ledger_);
  disk_.Fill();
  if (const auto system = System::Open({.path = path_}); system) {
    JudgeAll(**system);
  } else {
    ExpectError(system.error(), ErrorCode::kResourceExhausted, BackendFault::kFull);
  }
  disk_.Free();
  const auto system = System::Open({.path = path_});
  ASSERT_TRUE(system) << system.error().ToString();
  JudgeAll(**system);
}

// --- a disk that is read-only

TEST(ReadOnlyFileSystem, IsRefusedByName) {
  const TempDir directory;
  SmallFileSystem disk(directory.path(), 4 << 20);
  const std::string path = directory / "catalog.db";
  Ledger ledger;
  MakeDatabase(path, 3, ledger);

  disk.MakeReadOnly();
  const auto refused = System::Open({.path = path});
  ASSERT_FALSE(refused);
  ExpectError(refused.error(), ErrorCode::kFailedPrecondition, BackendFault::kReadOnly);
  EXPECT_THAT(refused.error().message(), HasSubstr("catalog.db"));
  const auto missing = System::Open({.path = directory / "new.db"});
  ASSERT_FALSE(missing);
  ExpectError(missing.error(), ErrorCode::kFailedPrecondition, BackendFault::kReadOnly);

  disk.MakeWritable();
  const auto system = System::Open({.path = path});
  ASSERT_TRUE(system) << system.error().ToString();
  const auto contents = (*system)->ReadAll();
  ASSERT_TRUE(contents);
  EXPECT_THAT(Judge(*contents, ledger.entries(), ledger.length()), IsEmpty());
}

// --- files that are not what they should be

class WrongFile : public ::testing::Test {
 protected:
  WrongFile() { SetLog(LogLevel::kOff, LogFormat::kText); }
  void WriteFile(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string ReadFile() {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const TempDir directory_;
  const std::string path_ = directory_ / "catalog.db";
};

TEST_F(WrongFile, NoDatabase) {
  const std::string text(10'000, 'x');
  WriteFile(text);
  const auto system = System::Open({.path = path_});
  ASSERT_FALSE(system);
  ExpectError(system.error(), ErrorCode::kDataLoss, BackendFault::kCorrupt);
  EXPECT_EQ(ReadFile(), text) << "it was changed";
}

TEST_F(WrongFile, EmptyFileBecomesACatalog) {
  WriteFile("");
  EXPECT_TRUE(System::Open({.path = path_}));
}

TEST_F(WrongFile, DatabaseOfAnotherApplication) {
  ASSERT_EQ(RawSqlite(path_).Exec("CREATE TABLE theirs(v); INSERT INTO theirs VALUES('keep')"), 0);
  const auto system = System::Open({.path = path_});
  ASSERT_FALSE(system);
  ExpectError(system.error(), ErrorCode::kFailedPrecondition, BackendFault::kMigration);
  RawSqlite theirs(path_);
  EXPECT_EQ(theirs.Text("SELECT v FROM theirs"), "keep");
  EXPECT_EQ(theirs.Number("SELECT count(*) FROM sqlite_schema"), 1);
}

TEST_F(WrongFile, NewerDatabaseIsRefusedByTheNameOfItsMigration) {
  Ledger ledger;
  MakeDatabase(path_, 3, ledger);
  ASSERT_EQ(RawSqlite(path_).Exec("INSERT INTO schema_migrations VALUES('9999_from_the_future', 'x', 0)"), 0);
  const std::string before = ReadFile();
  const auto system = System::Open({.path = path_});
  ASSERT_FALSE(system);
  ExpectError(system.error(), ErrorCode::kFailedPrecondition, BackendFault::kMigration);
  EXPECT_EQ(system.error().As<BackendDetail>()->object, "9999_from_the_future");
  EXPECT_EQ(ReadFile(), before) << "it was changed";
}

TEST_F(WrongFile, AlteredMigrationIsRefusedByItsName) {
  Ledger ledger;
  MakeDatabase(path_, 0, ledger);
  RawSqlite raw(path_);
  const std::string name = raw.Text("SELECT name FROM schema_migrations ORDER BY name");
  ASSERT_EQ(raw.Exec("UPDATE schema_migrations SET sha256 = 'other' WHERE name = '" + name + "'"), 0);
  const auto system = System::Open({.path = path_});
  ASSERT_FALSE(system);
  ExpectError(system.error(), ErrorCode::kFailedPrecondition, BackendFault::kMigration);
  EXPECT_EQ(system.error().As<BackendDetail>()->object, name);
}

// A damaged byte had made CHECK (id != 1) of it, and the caller was told that his argument was wrong.
TEST_F(WrongFile, DamagedConstraintIsDamage) {
  Ledger ledger;
  MakeDatabase(path_, 0, ledger);
  std::string damaged = ReadFile();
  const std::string check = "CHECK (id = 1)";
  size_t found = 0;
  for (size_t at = damaged.find(check); at != std::string::npos; at = damaged.find(check, at + 1)) {
    damaged.replace(at, check.size(), "CHECK (id!= 1)");
    ++found;
  }
  ASSERT_GT(found, 0U);
  WriteFile(damaged);
  const auto system = System::Open({.path = path_});
  ASSERT_FALSE(system);
  ExpectError(system.error(), ErrorCode::kDataLoss, BackendFault::kCorrupt);
}

TEST_F(WrongFile, DirectoryInPlaceOfTheFile) {
  std::filesystem::create_directory(path_);
  const auto system = System::Open({.path = path_});
  ASSERT_FALSE(system);
  EXPECT_THAT(system.error().message(), HasSubstr(path_));
  FaultOf(system.error());
}

// Bytes of a sound database are changed, or its end is cut off; it is opened and read: what comes back
// is right, or the error says that the data is damaged. Never other bytes, never a crash. What nothing
// but a check of the whole file can tell is damage that hides a row: an index without its topic, a head
// that says less than it should.
//
//   JAMMI_DAMAGE_SEED=7   only this damage
TEST_F(WrongFile, DamagedFileIsDetectedOrRead) {
  constexpr int kEvents = 60;
  Ledger ledger;
  MakeDatabase(path_, kEvents, ledger);
  const std::string sound = ReadFile();
  const uint64_t only = FromEnvironment("JAMMI_DAMAGE_SEED", 0);
  int refused_open = 0, refused_read = 0, unharmed = 0, hidden = 0;
  for (uint64_t seed = only != 0 ? only : 1; seed <= (only != 0 ? only : kDamages); ++seed) {
    SCOPED_TRACE(Replay("JAMMI_DAMAGE_SEED", seed));
    Random random(seed);
    std::string damaged = sound;
    if (random.Percent(10)) {
      damaged.resize(random.Below(damaged.size()));
    } else {
      // The header and the first pages get more than their share.
      const size_t reach = random.Percent(40) ? 4096 : damaged.size();
      const size_t start = random.Below(reach);
      const size_t length =
          std::min<size_t>(1 + random.Below(random.Percent(50) ? 4 : 600), damaged.size() - start);
      for (size_t i = start; i < start + length; ++i) damaged[i] = static_cast<char>(random.Next());
    }
    WriteFile(damaged);
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(path_ + suffix);

    const auto system = System::Open({.path = path_});
    if (!system) {
      ++refused_open;
      // A changed header may also make a newer or foreign file of it, or another migration.
      EXPECT_THAT(system.error().code(), AnyOf(Eq(ErrorCode::kDataLoss), Eq(ErrorCode::kFailedPrecondition)))
          << system.error().ToString();
      continue;
    }
    const auto contents = (*system)->ReadAll();
    if (!contents && contents.error().code() == ErrorCode::kNotFound) {
      ++hidden;
      continue;
    }
    if (!contents) {
      ++refused_read;
      EXPECT_EQ(ToString(contents.error().code()), ToString(ErrorCode::kDataLoss))
          << contents.error().ToString();
      continue;
    }
    ++unharmed;
    for (const auto& [topic, payloads] : contents->topics) {
      for (const std::string& payload : payloads)
        EXPECT_NE(KeyOf(payload), "") << "bytes that nobody published";
    }
  }
  fmt::print("{} refused at open, {} at read, {} unharmed, {} with a hidden row\n", refused_open,
             refused_read, unharmed, hidden);
  EXPECT_LE(hidden, static_cast<int>(kDamages / 20));
  // Of 200 damages some 40, 10 and 150: none of the three ways may be missing.
  EXPECT_TRUE(only != 0 || (refused_open > 0 && refused_read > 0 && unharmed > 0));
}

}  // namespace
}  // namespace jammi::test

int main(int argc, char** argv) {
  if (const std::string why_not = jammi::test::EnterMountNamespace(argv); !why_not.empty()) {
    fmt::print(stderr, "file_system_test: {}\n", why_not);
    return 1;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
