// Mistakes that the tests of this folder have found, each told once, small and quick.
#include <gmock/gmock.h>

#include <string>

#include "base/log.h"
#include "crash/system.h"
#include "jammi/error.h"
#include "support/fault_vfs.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Found : public ::testing::Test {
 protected:
  Found() { SetLog(LogLevel::kOff, LogFormat::kText); }

  // What Open() answers when the nth open of the disk fails, and every later one.
  Result<std::unique_ptr<System>> OpenWithFault(DiskFault::Kind kind, DiskOps ops, uint64_t nth) {
    vfs_.Inject({.kind = kind, .ops = ops, .nth = nth, .lasting = true});
    auto system = System::Open({.path = path_, .vfs = vfs_.name()});
    vfs_.Heal();
    return system;
  }

  const TempDir directory_{TempDir::On::kMemory};  // for the lock file, which is a real one
  const std::string path_ = directory_ / "catalog.db";
  FaultVfs vfs_;
};

// When the second reader could not be opened, closing waited for ever for the first to come back.
TEST_F(Found, AnOpenThatFailsHalfWayReturns) {
  for (uint64_t nth = 1;; ++nth) {
    const auto system = OpenWithFault(DiskFault::Kind::kIo, {DiskOp::kOpen}, nth);
    if (system) break;
    ASSERT_EQ(ToString(system.error().code()), ToString(ErrorCode::kUnavailable))
        << system.error().ToString();
  }
}

// A disk without room for the shared memory of the log, or for the file itself, was an I/O error: SQLite's
// own code does not say which it is.
TEST_F(Found, AFullDiskIsFullWhateverCannotGrow) {
  for (const DiskOp op : {DiskOp::kOpen, DiskOp::kShmMap, DiskOp::kWrite}) {
    const auto system = OpenWithFault(DiskFault::Kind::kFull, {op}, 1);
    ASSERT_FALSE(system) << ToString(op);
    EXPECT_EQ(ToString(system.error().code()), ToString(ErrorCode::kResourceExhausted))
        << system.error().ToString();
  }
}

// The message was made from what had been moved into the detail.
TEST_F(Found, TheHolderOfALockIsNamedInTheMessage) {
  const auto holder = System::Open({.path = path_, .vfs = vfs_.name()});
  ASSERT_TRUE(holder);
  const auto second = System::Open({.path = path_, .vfs = vfs_.name()});
  ASSERT_FALSE(second);
  const auto* detail = second.error().As<CatalogLockedDetail>();
  ASSERT_NE(detail, nullptr);
  EXPECT_FALSE(detail->lock_path.empty() || detail->host.empty() || detail->started_at.empty());
  EXPECT_THAT(second.error().message(),
              AllOf(HasSubstr(detail->lock_path), HasSubstr(detail->host), HasSubstr(detail->started_at)));
}

}  // namespace
}  // namespace jammi::test
