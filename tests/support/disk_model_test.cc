#include "support/disk_model.h"

#include <gmock/gmock.h>

#include <functional>
#include <set>

namespace jammi::test {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::IsEmpty;

FileBytes Bytes(char letter, size_t size) { return FileBytes(size, letter); }

// What is left of /d/f in many power failures.
std::set<FileBytes> Outcomes(const Disk& disk, uint64_t failures = 200) {
  std::set<FileBytes> outcomes;
  for (uint64_t seed = 0; seed < failures; ++seed) {
    DiskImage image = disk.AfterPowerLoss(seed);
    if (const auto file = image.find("/d/f"); file != image.end()) outcomes.insert(file->second);
  }
  return outcomes;
}

// A disk with one durable file of two sectors.
class DiskModel : public ::testing::Test {
 protected:
  Disk disk_{DiskImage{{"/d/f", Bytes('a', 2 * kSectorBytes)}}};
  std::shared_ptr<DiskFile> file_ = disk_.Find("/d/f");
};

TEST_F(DiskModel, SyncedBytesStay) {
  file_->Write(100, Bytes('b', 700));
  file_->Sync();
  EXPECT_THAT(Outcomes(disk_), Each(file_->seen()));
}

TEST_F(DiskModel, UnsyncedWriteIsKeptDroppedOrTornAtSectors) {
  file_->Write(0, Bytes('b', 2 * kSectorBytes));
  const auto outcomes = Outcomes(disk_);
  EXPECT_EQ(outcomes.size(), 4u);  // each sector is old or new, and nothing between
  for (const FileBytes& outcome : outcomes) {
    for (size_t at = 0; at < outcome.size(); ++at)
      EXPECT_EQ(outcome[at], outcome[at / kSectorBytes * kSectorBytes]);
  }
}

TEST_F(DiskModel, LaterWriteMaySurviveAnEarlierOne) {
  file_->Write(0, Bytes('b', kSectorBytes));
  file_->Write(kSectorBytes, Bytes('c', kSectorBytes));
  FileBytes reordered = Bytes('a', kSectorBytes);
  reordered.resize(2 * kSectorBytes, 'c');
  EXPECT_THAT(Outcomes(disk_), Contains(reordered));
}

TEST_F(DiskModel, SectorHoldsNoMixThatNobodySaw) {
  file_->Write(0, Bytes('b', 10));
  file_->Write(10, Bytes('c', 10));
  for (const FileBytes& outcome : Outcomes(disk_)) {
    EXPECT_TRUE(outcome[10] != 'c' || outcome[0] == 'b');
  }
}

TEST_F(DiskModel, UnsyncedGrowthMayLeaveLengthWithoutBytes) {
  file_->Write(2 * kSectorBytes, Bytes('b', kSectorBytes));
  std::set<size_t> sizes;
  bool unwritten = false;
  for (const FileBytes& outcome : Outcomes(disk_)) {
    sizes.insert(outcome.size());
    unwritten |= outcome.size() == 3 * kSectorBytes && outcome.back() != 'b';
  }
  EXPECT_EQ(sizes, (std::set<size_t>{2 * kSectorBytes, 3 * kSectorBytes}));
  EXPECT_TRUE(unwritten);
}

TEST_F(DiskModel, UnsyncedTruncationIsKeptOrDropped) {
  file_->Truncate(5);
  EXPECT_EQ(Outcomes(disk_), (std::set<FileBytes>{Bytes('a', 5), Bytes('a', 2 * kSectorBytes)}));
  file_->Sync();
  EXPECT_EQ(Outcomes(disk_), (std::set<FileBytes>{Bytes('a', 5)}));
}

TEST_F(DiskModel, FailedSyncForgets) {
  // The page cache takes the bytes of a failed sync for written: the next sync does not write them.
  bool lost = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Disk disk{DiskImage{{"/d/f", Bytes('a', kSectorBytes)}}};
    Random random(seed);
    disk.Find("/d/f")->Write(0, Bytes('b', kSectorBytes));
    disk.Find("/d/f")->FailSync(random);
    EXPECT_EQ(disk.Find("/d/f")->seen(), Bytes('b', kSectorBytes));
    disk.Find("/d/f")->Sync();
    const auto outcomes = Outcomes(disk, 5);
    EXPECT_EQ(outcomes.size(), 1u) << "what the sync left is on disk or not, but decided";
    lost |= outcomes.contains(Bytes('a', kSectorBytes));
  }
  EXPECT_TRUE(lost);
}

TEST_F(DiskModel, NewNameNeedsItsDirectorySynced) {
  disk_.Create("/d/new")->Write(0, Bytes('n', 3));
  disk_.Find("/d/new")->Sync();
  const auto survivals = [&] {
    int count = 0;
    for (uint64_t seed = 0; seed < 200; ++seed) count += disk_.AfterPowerLoss(seed).contains("/d/new");
    return count;
  };
  EXPECT_GT(survivals(), 0);
  EXPECT_LT(survivals(), 200);
  disk_.SyncDirectoryOf("/elsewhere/f");
  EXPECT_LT(survivals(), 200);
  disk_.SyncDirectoryOf("/d/f");
  EXPECT_EQ(survivals(), 200);
}

TEST_F(DiskModel, RemovedNameMayComeBackUntilItsDirectoryIsSynced) {
  ASSERT_TRUE(disk_.Remove("/d/f"));
  EXPECT_FALSE(disk_.Remove("/d/f"));
  EXPECT_EQ(disk_.Find("/d/f"), nullptr);
  EXPECT_EQ(Outcomes(disk_), (std::set<FileBytes>{Bytes('a', 2 * kSectorBytes)}));
  disk_.SyncDirectoryOf("/d/f");
  EXPECT_THAT(Outcomes(disk_), IsEmpty());
}

TEST_F(DiskModel, SameSeedSameImage) {
  for (int i = 0; i < 20; ++i) file_->Write(static_cast<size_t>(i) * 300, Bytes('b', 400));
  EXPECT_EQ(disk_.AfterPowerLoss(7), disk_.AfterPowerLoss(7));
  EXPECT_GT(Outcomes(disk_).size(), 20u);
}

TEST_F(DiskModel, KillKeepsAllThatWasWritten) {
  file_->Write(0, Bytes('b', 3000));
  disk_.Create("/d/new");
  EXPECT_EQ(disk_.AfterKill(), (DiskImage{{"/d/f", file_->seen()}, {"/d/new", {}}}));
}

}  // namespace
}  // namespace jammi::test
