// The tools of the catalog on file systems that are full or read-only. Part of file_system_test, which has
// the private mounts.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "base/log.h"
#include "crash/system.h"
#include "jammi/catalog_admin.h"
#include "support/mount_namespace.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

class ToolsOnDisk : public ::testing::Test {
 protected:
  ToolsOnDisk() {
    SetLog(LogLevel::kOff, LogFormat::kText);
    auto system = System::Open({.path = source_.path});
    EXPECT_TRUE(system);
    EXPECT_TRUE((*system)->RegisterTopic("t"));
    const std::string payload(10'000, 'x');
    for (int i = 0; i < 100; ++i) EXPECT_TRUE((*system)->Publish("t", payload, Deadline::Never()));
    (*system)->Close();
  }

  static void ExpectFault(const Error& error, BackendFault fault) {
    const auto* detail = error.As<BackendDetail>();
    ASSERT_NE(detail, nullptr) << error.ToString();
    EXPECT_EQ(ToString(detail->fault), ToString(fault)) << error.ToString();
  }
  static int64_t Findings(const CatalogLocation& location) {
    const auto report = CheckCatalog(location, [](const CheckFinding&) {});
    EXPECT_TRUE(report) << report.error().ToString();
    return report ? report->findings : -1;
  }

  const TempDir folder_;
  const TempDir small_;
  const CatalogLocation source_{.path = folder_ / "catalog.db"};
  SmallFileSystem disk_{small_.path(), 4 << 20};
};

TEST_F(ToolsOnDisk, ABackupThatDoesNotFitLeavesNothing) {
  disk_.Fill();
  const auto refused = BackupCatalog(source_, small_ / "backup.db");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  ExpectFault(refused.error(), BackendFault::kFull);
  disk_.Free();
  EXPECT_TRUE(std::filesystem::is_empty(small_.path()));
  ASSERT_TRUE(BackupCatalog(source_, small_ / "backup.db"));
  EXPECT_EQ(Findings({.path = small_ / "backup.db"}), 0);
}

TEST_F(ToolsOnDisk, ACopyThatDidNotFitGoesOnWhenThereIsRoom) {
  const CatalogLocation to{.path = small_ / "copy.db"};
  disk_.Fill();
  const auto refused = CopyCatalog(source_, to);
  ASSERT_FALSE(refused);
  ExpectFault(refused.error(), BackendFault::kFull);
  EXPECT_FALSE(System::Open({.path = to.path}));
  disk_.Free();
  const auto copied = CopyCatalog(source_, to);
  ASSERT_TRUE(copied) << copied.error().ToString();
  EXPECT_EQ(Findings(to), 0);
  EXPECT_TRUE(System::Open({.path = to.path}));
}

// What a closed engine left can be looked at, checked, backed up and copied from where nothing is writable.
TEST_F(ToolsOnDisk, AReadOnlyFileSystemCanBeReadAndNotChanged) {
  std::filesystem::copy(source_.path, small_ / "catalog.db");
  const CatalogLocation location{.path = small_ / "catalog.db"};
  disk_.MakeReadOnly();
  const auto status = ReadCatalogStatus(location);
  ASSERT_TRUE(status) << status.error().ToString();
  EXPECT_EQ(status->rows.at("topics"), 2);
  EXPECT_EQ(Findings(location), 0);
  EXPECT_TRUE(BackupCatalog(location, folder_ / "backup.db"));
  const auto copied = CopyCatalog(location, {.path = folder_ / "copy.db"});
  EXPECT_TRUE(copied) << copied.error().ToString();
  ExpectFault(BackupCatalog(source_, small_ / "backup.db").error(), BackendFault::kReadOnly);
  ExpectFault(MigrateCatalog(location).error(), BackendFault::kReadOnly);
  ExpectFault(NewIncarnation(location).error(), BackendFault::kReadOnly);
  ExpectFault(CopyCatalog(location, {.path = folder_ / "moved.db"}, {.move = true}).error(),
              BackendFault::kReadOnly);
}

}  // namespace
}  // namespace jammi::test
