// A SQLite file system in memory that loses power, fills up and fails when a test says so.
//
// It is modelled on SQLite's unix file system: a journal or write-ahead log that is opened with CREATE
// syncs its directory with its first sync; deleting with `syncDir` syncs it too; nothing is ever renamed;
// a write that fails may have written a part. What is volatile until a sync: disk_model.h.
// Locks and the shared memory of the write-ahead log work between the connections of this process. The
// shared memory is no file: it is gone with its last connection, and with the power.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "support/disk_model.h"

namespace jammi::test {

// What SQLite asks of a file system that can fail. (Locks are no operations: the unix ones fail only as
// "busy".)
enum class DiskOp : uint8_t { kOpen, kDelete, kAccess, kSize, kRead, kWrite, kTruncate, kSync, kShmMap };
std::string_view ToString(DiskOp op);

class DiskOps {  // a set
 public:
  DiskOps(std::initializer_list<DiskOp> ops) {
    for (const DiskOp op : ops) bits_ |= 1u << static_cast<unsigned>(op);
  }
  [[nodiscard]] static DiskOps All() {
    return {DiskOp::kOpen,  DiskOp::kDelete,   DiskOp::kAccess, DiskOp::kSize,  DiskOp::kRead,
            DiskOp::kWrite, DiskOp::kTruncate, DiskOp::kSync,   DiskOp::kShmMap};
  }
  [[nodiscard]] bool Has(DiskOp op) const { return (bits_ >> static_cast<unsigned>(op)) & 1u; }

 private:
  uint32_t bits_ = 0;
};

struct DiskOperation {
  uint64_t number = 0;  // of all operations of this disk, from 1
  DiskOp op = DiskOp::kOpen;
  std::string_view path;  // empty for a temporary file
};

struct DiskFault {
  // kIo: SQLITE_IOERR_... (SQLITE_CANTOPEN for an open) from the operation as it is.
  // kFull: no space. Only what needs space fails: making a file, growing one, growing shared memory.
  enum class Kind : uint8_t { kIo, kFull };
  Kind kind = Kind::kIo;
  DiskOps ops = DiskOps::All();
  uint64_t nth = 1;      // of the operations in `ops` that can fail so, counted from Inject(), 1 = the next
  bool lasting = false;  // and every such one after it, until Heal()
  uint64_t seed = 1;     // of how much of a failed write or sync reaches the disk
};

// Registers itself under a name of its own. Thread-safe. Every connection must be closed before it is
// destroyed.
class FaultVfs {
 public:
  explicit FaultVfs(const DiskImage& image = {});
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  // For sqlite3_open_v2() and SqliteOptions::vfs.
  [[nodiscard]] const std::string& name() const;

  // What a machine finds that comes up after a power failure now, or after the process was killed now.
  // This disk goes on as if nothing had happened. May be called from the hook.
  [[nodiscard]] DiskImage AfterPowerLoss(uint64_t seed) const;
  [[nodiscard]] DiskImage AfterKill() const;

  // Calls `hook` before each operation, on the thread that does it, without a lock of this disk. Set it
  // before the first connection is opened.
  void OnOperation(std::function<void(const DiskOperation&)> hook);
  [[nodiscard]] uint64_t operations() const;

  // One fault at a time: a new one replaces the old one and starts counting again.
  void Inject(const DiskFault& fault);
  void Heal();
  [[nodiscard]] uint64_t faults_fired() const;  // since the last Inject()

 private:
  friend struct FaultVfsGlue;  // the C callbacks
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jammi::test
