// A disk that is full or broken, and a process that is killed, at each operation in turn, in the middle of a
// bulk write and of a transaction with a publish: rows and event are there together, or nothing is.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "catalog/catalog.h"
#include "support/fault_vfs.h"
#include "support/temp_dir.h"
#include "support/whole_writes.h"
#include "tables/table_store.h"
#include "tables/transactor.h"

namespace jammi::test {
namespace {

const Scope kTenant = Scope::ForTenant(*TenantId::Parse("aaaaaaaa-0000-4000-8000-000000000001"));

template <class T>
T Ok(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().ToString());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// Tables and streams on a disk that may fail.
class Opened {
 public:
  Opened(const std::filesystem::path& path, const FaultVfs& disk) {
    SqliteOptions options;
    options.path = path;
    options.vfs = disk.name();
    options.background_checkpoints = false;
    catalog_ = Ok(OpenSqliteCatalog(options));
    const StreamsOptions streams;
    streams_ = Ok(Streams::Open(*catalog_, streams, nullptr));
    store_ = std::make_shared<TableStore>(catalog_->backend(), streams_.get());
    topic_ = Ok(streams_->EnsureTopic(kTenant, "news", WholeWrites::Schema())).id;
  }

  WholeWrites writes() {
    return {
        Tables(store_, kTenant),
        [this](const TransactBody& body) { return Transactor(*store_, *streams_).Run(kTenant, body, {}); },
        topic_};
  }
  int64_t events() { return static_cast<int64_t>(Ok(streams_->StatsOf(kTenant, *topic_)).events); }

 private:
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Streams> streams_;
  std::shared_ptr<TableStore> store_;
  std::optional<TopicId> topic_;
};

class TableFaultTest : public testing::Test {
 protected:
  TableFaultTest() {
    disk_.OnOperation([this](const DiskOperation& operation) {
      const bool changes = operation.op == DiskOp::kWrite || operation.op == DiskOp::kSync;
      if (!collect_ || !changes) return;
      const std::lock_guard lock(mutex_);
      images_.push_back(disk_.AfterKill());
    });
    opened_ = std::make_unique<Opened>(folder_ / "catalog.db", disk_);
    Ok(opened_->writes().Create());
  }

  // What a machine finds that comes up with this disk.
  void Judge(const DiskImage& image, int64_t at_least, int64_t at_most, int64_t bulk) {
    const TempDir folder;
    DiskImage moved;
    for (const auto& [path, file] : image)
      moved[(folder / std::filesystem::path(path).filename().string()).string()] = file;
    const FaultVfs disk(moved);
    Opened after(folder / "catalog.db", disk);
    after.writes().ExpectWhole(at_least, at_most, after.events());
    after.writes().ExpectWholeBulk(bulk);
  }

  const TempDir folder_;
  FaultVfs disk_;
  std::atomic<bool> collect_ = false;
  std::mutex mutex_;
  std::vector<DiskImage> images_;  // what a kill would have left, before each operation while `collect_`
  std::unique_ptr<Opened> opened_;
};

TEST_F(TableFaultTest, AFaultAnywhereLeavesAllOrNothing) {
  int64_t generation = 0;
  for (const auto kind : {DiskFault::Kind::kFull, DiskFault::Kind::kIo}) {
    bool failed = true;
    for (uint64_t nth = 1; failed && !HasFailure(); ++nth) {
      SCOPED_TRACE(
          fmt::format("{} fault at operation {}", kind == DiskFault::Kind::kFull ? "full" : "io", nth));
      disk_.Inject({.kind = kind, .nth = nth, .seed = nth});
      const auto transacted = opened_->writes().Transact(generation + 1);
      const auto bulk = opened_->writes().Bulk(generation + 1);
      disk_.Heal();
      failed = disk_.faults_fired() > 0;
      for (const auto* done : {&transacted, &bulk}) {
        if (*done) continue;
        const ErrorCode code = done->error().code();
        EXPECT_TRUE(code == ErrorCode::kOutcomeUnknown || code == ErrorCode::kUnavailable ||
                    code == (kind == DiskFault::Kind::kFull ? ErrorCode::kResourceExhausted
                                                            : ErrorCode::kUnavailable))
            << done->error().ToString();
      }
      const bool unknown = !transacted && transacted.error().code() == ErrorCode::kOutcomeUnknown;
      opened_ = nullptr;  // the next engine
      opened_ = std::make_unique<Opened>(folder_ / "catalog.db", disk_);
      const int64_t before = generation;
      generation = opened_->writes().ExpectWhole(
          transacted ? before + 1 : before, transacted || unknown ? before + 1 : before, opened_->events());
      const bool there = opened_->writes().ExpectWholeBulk(before + 1);
      EXPECT_TRUE(there || !bulk);
      if (!there || generation == before) {
        // The other one is brought to the same generation.
        if (generation == before) Ok(opened_->writes().Transact(++generation));
        if (!there) Ok(opened_->writes().Bulk(generation));
      }
    }
  }
  EXPECT_GT(generation, 20);
}

TEST_F(TableFaultTest, AKillAnywhereLeavesAllOrNothing) {
  collect_ = true;
  Ok(opened_->writes().Transact(1));
  const size_t transacted = images_.size();
  Ok(opened_->writes().Bulk(1));
  collect_ = false;
  const auto all = std::exchange(images_, {});
  EXPECT_GT(transacted, 3U);
  EXPECT_GT(all.size(), transacted + 3);
  for (size_t i = 0; i < all.size() && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    Judge(all[i], i < transacted ? 0 : 1, 1, 1);
  }
}

}  // namespace
}  // namespace jammi::test
