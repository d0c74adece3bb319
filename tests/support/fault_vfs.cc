#include "support/fault_vfs.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace jammi::test {
namespace {

// The shared memory of a write-ahead log: regions that never move, and eight locks.
struct SharedMemory {
  struct Slot {
    int readers = 0;
    const void* writer = nullptr;  // the handle that holds it alone
  };
  std::vector<std::unique_ptr<std::vector<uint64_t>>> regions;
  std::array<Slot, SQLITE_SHM_NLOCK> slots;
  int handles = 0;
};

// What the connections to one file share beside its bytes.
struct SharedState {
  int readers = 0;  // handles at SHARED or above
  const void* reserved = nullptr;
  const void* pending = nullptr;
  const void* exclusive = nullptr;
  std::shared_ptr<SharedMemory> shm;
};

int IoError(DiskOp op) {
  switch (op) {
    case DiskOp::kOpen:
      return SQLITE_CANTOPEN;
    case DiskOp::kDelete:
      return SQLITE_IOERR_DELETE;
    case DiskOp::kAccess:
      return SQLITE_IOERR_ACCESS;
    case DiskOp::kSize:
      return SQLITE_IOERR_FSTAT;
    case DiskOp::kRead:
      return SQLITE_IOERR_READ;
    case DiskOp::kWrite:
      return SQLITE_IOERR_WRITE;
    case DiskOp::kTruncate:
      return SQLITE_IOERR_TRUNCATE;
    case DiskOp::kSync:
      return SQLITE_IOERR_FSYNC;
    case DiskOp::kShmMap:
      return SQLITE_IOERR_SHMMAP;
  }
  return SQLITE_IOERR;
}

// As the unix file system answers ENOSPC.
int FullError(DiskOp op) {
  switch (op) {
    case DiskOp::kOpen:
      return SQLITE_CANTOPEN;
    case DiskOp::kShmMap:
      return SQLITE_IOERR_SHMSIZE;
    default:
      return SQLITE_FULL;
  }
}

}  // namespace

std::string_view ToString(DiskOp op) {
  switch (op) {
    case DiskOp::kOpen:
      return "open";
    case DiskOp::kDelete:
      return "delete";
    case DiskOp::kAccess:
      return "access";
    case DiskOp::kSize:
      return "size";
    case DiskOp::kRead:
      return "read";
    case DiskOp::kWrite:
      return "write";
    case DiskOp::kTruncate:
      return "truncate";
    case DiskOp::kSync:
      return "sync";
    case DiskOp::kShmMap:
      return "shm-map";
  }
  return "?";
}

struct FaultVfs::State {
  explicit State(const DiskImage& image) : disk(image) {}

  // Counts an operation and says whether it fails: SQLITE_OK, or the code to return. `needs_space`: it
  // would fail on a full disk. The hook runs before the lock is taken.
  int Begin(DiskOp op, std::string_view path, bool needs_space = false) {
    const uint64_t number = operations.fetch_add(1) + 1;
    if (hook) hook({number, op, path});
    std::lock_guard lock(mutex);
    if (!fault || !fault->ops.Has(op)) return SQLITE_OK;
    if (fault->kind == DiskFault::Kind::kFull && !needs_space) return SQLITE_OK;
    ++candidates;
    if (candidates < fault->nth || (candidates > fault->nth && !fault->lasting)) return SQLITE_OK;
    ++fired;
    last_errno = fault->kind == DiskFault::Kind::kFull ? ENOSPC : EIO;
    return fault->kind == DiskFault::Kind::kFull ? FullError(op) : IoError(op);
  }

  std::shared_ptr<SharedState> SharedOf(const std::shared_ptr<DiskFile>& file) {
    std::weak_ptr<SharedState>& known = shared[file.get()];
    std::shared_ptr<SharedState> state = known.lock();
    if (!state) known = state = std::make_shared<SharedState>();
    return state;
  }

  std::string name;
  sqlite3_vfs vfs{};
  std::function<void(const DiskOperation&)> hook;
  std::atomic<uint64_t> operations{0};
  std::atomic<int> last_errno{0};  // of a fault; for sqlite3_system_errno()

  mutable std::mutex mutex;  // guards what follows, every DiskFile, SharedState and SharedMemory
  Disk disk;
  // By file, not by path: a handle of a deleted file keeps its own locks. Entries outlive their file
  // harmlessly, since the disk of a test is small and short-lived.
  std::map<const DiskFile*, std::weak_ptr<SharedState>> shared;
  std::optional<DiskFault> fault;
  uint64_t candidates = 0;
  uint64_t fired = 0;
  Random random{1};  // how much of a failed write or sync reached the disk
};

struct FaultVfsGlue {
  using State = FaultVfs::State;
  struct Handle {
    State* state = nullptr;
    std::shared_ptr<DiskFile> file;
    std::shared_ptr<SharedState> shared;
    std::string path;  // empty: temporary
    int lock = SQLITE_LOCK_NONE;
    bool sync_directory = false;
    bool delete_on_close = false;
    std::shared_ptr<SharedMemory> shm;
    std::array<bool, SQLITE_SHM_NLOCK> shm_shared{};
  };
  // What SQLite allocates; it knows no constructors.
  struct File {
    sqlite3_file base;
    Handle* handle;
  };
  using Lock = std::lock_guard<std::mutex>;

  static Handle& Of(sqlite3_file* file) { return *reinterpret_cast<File*>(file)->handle; }
  static State& Of(sqlite3_vfs* vfs) { return *static_cast<State*>(vfs->pAppData); }
  static sqlite3_vfs* System() { return sqlite3_vfs_find(nullptr); }

  // --- the file system

  static int Open(sqlite3_vfs* vfs, sqlite3_filename path, sqlite3_file* out, int flags, int* out_flags) {
    State& state = Of(vfs);
    out->pMethods = nullptr;
    const std::string_view name = path == nullptr ? std::string_view() : path;
    bool missing = false;
    {
      Lock lock(state.mutex);
      missing = !name.empty() && !state.disk.Find(name);
    }
    if (const int code = state.Begin(DiskOp::kOpen, name, missing && (flags & SQLITE_OPEN_CREATE)))
      return code;

    auto handle = std::make_unique<Handle>();
    handle->state = &state;
    handle->path = name;
    handle->delete_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
    constexpr int kJournals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    handle->sync_directory = (flags & SQLITE_OPEN_CREATE) && (flags & kJournals);
    {
      Lock lock(state.mutex);
      handle->file = name.empty() ? std::make_shared<DiskFile>() : state.disk.Find(name);
      if (handle->file && (flags & SQLITE_OPEN_EXCLUSIVE) && !name.empty()) return SQLITE_CANTOPEN;
      if (!handle->file && !(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
      if (!handle->file) handle->file = state.disk.Create(name);
      handle->shared = state.SharedOf(handle->file);
    }
    if (out_flags != nullptr) *out_flags = flags;
    reinterpret_cast<File*>(out)->handle = handle.release();
    out->pMethods = &kMethods;
    return SQLITE_OK;
  }

  static int Delete(sqlite3_vfs* vfs, const char* path, int sync_directory) {
    State& state = Of(vfs);
    if (const int code = state.Begin(DiskOp::kDelete, path)) return code;
    Lock lock(state.mutex);
    if (!state.disk.Remove(path)) return SQLITE_IOERR_DELETE_NOENT;
    if (sync_directory) state.disk.SyncDirectoryOf(path);
    return SQLITE_OK;
  }

  static int Access(sqlite3_vfs* vfs, const char* path, int flags, int* out) {
    State& state = Of(vfs);
    if (const int code = state.Begin(DiskOp::kAccess, path)) return code;
    Lock lock(state.mutex);
    const auto file = state.disk.Find(path);
    // As on unix: an empty file does not exist, but it may be read and written.
    *out = file && (flags != SQLITE_ACCESS_EXISTS || !file->seen().empty());
    return SQLITE_OK;
  }

  static int FullPathname(sqlite3_vfs*, const char* path, int size, char* out) {
    return System()->xFullPathname(System(), path, size, out);
  }
  static int Randomness(sqlite3_vfs*, int size, char* out) {
    return System()->xRandomness(System(), size, out);
  }
  static int Sleep(sqlite3_vfs*, int micros) { return System()->xSleep(System(), micros); }
  static int CurrentTime(sqlite3_vfs*, double* out) { return System()->xCurrentTime(System(), out); }
  static int CurrentTime64(sqlite3_vfs*, sqlite3_int64* out) {
    return System()->xCurrentTimeInt64(System(), out);
  }
  static int LastError(sqlite3_vfs* vfs, int, char*) { return Of(vfs).last_errno.load(); }

  // --- bytes

  static int Close(sqlite3_file* file) {
    std::unique_ptr<Handle> handle(&Of(file));
    Unlock(file, SQLITE_LOCK_NONE);
    ShmUnmap(file, 0);
    Lock lock(handle->state->mutex);
    if (handle->delete_on_close && !handle->path.empty()) handle->state->disk.Remove(handle->path);
    return SQLITE_OK;
  }

  static int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
    Handle& handle = Of(file);
    if (const int code = handle.state->Begin(DiskOp::kRead, handle.path)) return code;
    Lock lock(handle.state->mutex);
    const FileBytes& bytes = handle.file->seen();
    const size_t begin = std::min(static_cast<size_t>(offset), bytes.size());
    const size_t have = std::min(static_cast<size_t>(size), bytes.size() - begin);
    if (have > 0) std::memcpy(out, bytes.data() + begin, have);
    if (have == static_cast<size_t>(size)) return SQLITE_OK;
    std::memset(static_cast<char*>(out) + have, 0, static_cast<size_t>(size) - have);
    return SQLITE_IOERR_SHORT_READ;
  }

  static int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    Handle& handle = Of(file);
    std::string_view bytes(static_cast<const char*>(data), static_cast<size_t>(size));
    bool grows = false;
    {
      Lock lock(handle.state->mutex);
      grows = static_cast<size_t>(offset) + bytes.size() > handle.file->seen().size();
    }
    const int code = handle.state->Begin(DiskOp::kWrite, handle.path, grows);
    Lock lock(handle.state->mutex);
    if (code != SQLITE_OK) bytes = bytes.substr(0, handle.state->random.Below(bytes.size() + 1));
    handle.file->Write(static_cast<size_t>(offset), bytes);
    return code;
  }

  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    Handle& handle = Of(file);
    if (const int code = handle.state->Begin(DiskOp::kTruncate, handle.path)) return code;
    Lock lock(handle.state->mutex);
    handle.file->Truncate(static_cast<size_t>(size));
    return SQLITE_OK;
  }

  static int Sync(sqlite3_file* file, int) {
    Handle& handle = Of(file);
    const int code = handle.state->Begin(DiskOp::kSync, handle.path);
    Lock lock(handle.state->mutex);
    if (code != SQLITE_OK) {
      handle.file->FailSync(handle.state->random);
      return code;
    }
    handle.file->Sync();
    if (std::exchange(handle.sync_directory, false)) handle.state->disk.SyncDirectoryOf(handle.path);
    return SQLITE_OK;
  }

  static int FileSize(sqlite3_file* file, sqlite3_int64* out) {
    Handle& handle = Of(file);
    if (const int code = handle.state->Begin(DiskOp::kSize, handle.path)) return code;
    Lock lock(handle.state->mutex);
    *out = static_cast<sqlite3_int64>(handle.file->seen().size());
    return SQLITE_OK;
  }

  static int FileControl(sqlite3_file* file, int op, void* arg) {
    if (op == SQLITE_FCNTL_LOCKSTATE) {
      *static_cast<int*>(arg) = Of(file).lock;
      return SQLITE_OK;
    }
    if (op == SQLITE_FCNTL_HAS_MOVED) {
      Handle& handle = Of(file);
      Lock lock(handle.state->mutex);
      *static_cast<int*>(arg) = !handle.path.empty() && handle.state->disk.Find(handle.path) != handle.file;
      return SQLITE_OK;
    }
    if (op == SQLITE_FCNTL_VFSNAME) {
      *static_cast<char**>(arg) = sqlite3_mprintf("%s", Of(file).state->name.c_str());
      return SQLITE_OK;
    }
    return SQLITE_NOTFOUND;
  }

  // As the unix file system reports an ordinary disk; what is torn is a smaller unit all the same.
  static int SectorSize(sqlite3_file*) { return 4096; }
  static int DeviceCharacteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

  // --- locks on the file: SHARED by many; RESERVED by one beside them; PENDING keeps new ones out;
  // --- EXCLUSIVE by one alone

  static int LockFile(sqlite3_file* file, int wanted) {
    Handle& handle = Of(file);
    if (handle.lock >= wanted) return SQLITE_OK;
    Lock lock(handle.state->mutex);
    SharedState& shared = *handle.shared;
    const auto free = [&](const void* owner) { return owner == nullptr || owner == &handle; };
    if (wanted == SQLITE_LOCK_SHARED) {
      if (!free(shared.pending) || !free(shared.exclusive)) return SQLITE_BUSY;
      ++shared.readers;
    } else if (wanted == SQLITE_LOCK_RESERVED) {
      if (!free(shared.reserved)) return SQLITE_BUSY;
      shared.reserved = &handle;
    } else {
      if (!free(shared.reserved) || !free(shared.pending)) return SQLITE_BUSY;
      shared.pending = &handle;
      if (shared.readers > 1) {
        handle.lock = SQLITE_LOCK_PENDING;
        return SQLITE_BUSY;
      }
      shared.exclusive = &handle;
    }
    handle.lock = wanted;
    return SQLITE_OK;
  }

  static int Unlock(sqlite3_file* file, int wanted) {
    Handle& handle = Of(file);
    if (handle.lock <= wanted) return SQLITE_OK;
    Lock lock(handle.state->mutex);
    SharedState& shared = *handle.shared;
    for (const void** owner : {&shared.reserved, &shared.pending, &shared.exclusive}) {
      if (*owner == &handle) *owner = nullptr;
    }
    if (wanted == SQLITE_LOCK_NONE) --shared.readers;
    handle.lock = wanted;
    return SQLITE_OK;
  }

  static int CheckReservedLock(sqlite3_file* file, int* out) {
    Handle& handle = Of(file);
    Lock lock(handle.state->mutex);
    *out = handle.shared->reserved != nullptr;
    return SQLITE_OK;
  }

  // --- shared memory

  static int ShmMap(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
    Handle& handle = Of(file);
    *out = nullptr;
    bool missing = false;
    {
      Lock lock(handle.state->mutex);
      if (!handle.shared->shm) handle.shared->shm = std::make_shared<SharedMemory>();
      if (!handle.shm) {
        handle.shm = handle.shared->shm;
        ++handle.shm->handles;
      }
      missing = static_cast<size_t>(region) >= handle.shm->regions.size();
    }
    if (missing && !extend) return SQLITE_OK;
    if (const int code = handle.state->Begin(DiskOp::kShmMap, handle.path, missing)) return code;
    Lock lock(handle.state->mutex);
    auto& regions = handle.shm->regions;
    while (regions.size() <= static_cast<size_t>(region)) {
      regions.push_back(
          std::make_unique<std::vector<uint64_t>>(static_cast<size_t>(size) / sizeof(uint64_t)));
    }
    *out = regions[static_cast<size_t>(region)]->data();
    return SQLITE_OK;
  }

  static int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
    Handle& handle = Of(file);
    Lock lock(handle.state->mutex);
    const auto first = static_cast<size_t>(offset);
    const size_t last = first + static_cast<size_t>(count);
    auto& slots = handle.shm->slots;
    const bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    if (flags & SQLITE_SHM_LOCK) {
      for (size_t i = first; i < last; ++i) {
        if (slots[i].writer != nullptr && slots[i].writer != &handle) return SQLITE_BUSY;
        if (exclusive && slots[i].readers > (handle.shm_shared[i] ? 1 : 0)) return SQLITE_BUSY;
      }
    }
    for (size_t i = first; i < last; ++i) {
      if (flags & SQLITE_SHM_UNLOCK || exclusive) ReleaseShared(handle, i);
      if (flags & SQLITE_SHM_UNLOCK) {
        if (slots[i].writer == &handle) slots[i].writer = nullptr;
      } else if (exclusive) {
        slots[i].writer = &handle;
      } else if (!handle.shm_shared[i]) {
        handle.shm_shared[i] = true;
        ++slots[i].readers;
      }
    }
    return SQLITE_OK;
  }

  static void ReleaseShared(Handle& handle, size_t slot) {
    if (std::exchange(handle.shm_shared[slot], false)) --handle.shm->slots[slot].readers;
  }

  static void ShmBarrier(sqlite3_file* file) { Lock lock(Of(file).state->mutex); }

  static int ShmUnmap(sqlite3_file* file, int /*delete_it*/) {
    Handle& handle = Of(file);
    Lock lock(handle.state->mutex);
    if (!handle.shm) return SQLITE_OK;
    for (size_t i = 0; i < handle.shm_shared.size(); ++i) {
      ReleaseShared(handle, i);
      if (handle.shm->slots[i].writer == &handle) handle.shm->slots[i].writer = nullptr;
    }
    if (--handle.shm->handles == 0) handle.shared->shm.reset();
    handle.shm.reset();
    return SQLITE_OK;
  }

  static const sqlite3_io_methods kMethods;
};

const sqlite3_io_methods FaultVfsGlue::kMethods = {
    .iVersion = 2,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = LockFile,
    .xUnlock = Unlock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
    .xShmMap = ShmMap,
    .xShmLock = ShmLock,
    .xShmBarrier = ShmBarrier,
    .xShmUnmap = ShmUnmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

FaultVfs::FaultVfs(const DiskImage& image) : state_(std::make_unique<State>(image)) {
  static std::atomic<int> last_number{0};
  state_->name = fmt::format("fault-{}", ++last_number);
  sqlite3_initialize();
  state_->vfs = {
      .iVersion = 2,
      .szOsFile = sizeof(FaultVfsGlue::File),
      .mxPathname = FaultVfsGlue::System()->mxPathname,
      .zName = state_->name.c_str(),
      .pAppData = state_.get(),
      .xOpen = FaultVfsGlue::Open,
      .xDelete = FaultVfsGlue::Delete,
      .xAccess = FaultVfsGlue::Access,
      .xFullPathname = FaultVfsGlue::FullPathname,
      .xRandomness = FaultVfsGlue::Randomness,
      .xSleep = FaultVfsGlue::Sleep,
      .xCurrentTime = FaultVfsGlue::CurrentTime,
      .xGetLastError = FaultVfsGlue::LastError,
      .xCurrentTimeInt64 = FaultVfsGlue::CurrentTime64,
  };
  sqlite3_vfs_register(&state_->vfs, /*makeDflt=*/0);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(&state_->vfs); }

const std::string& FaultVfs::name() const { return state_->name; }

DiskImage FaultVfs::AfterPowerLoss(uint64_t seed) const {
  std::lock_guard lock(state_->mutex);
  return state_->disk.AfterPowerLoss(seed);
}

DiskImage FaultVfs::AfterKill() const {
  std::lock_guard lock(state_->mutex);
  return state_->disk.AfterKill();
}

void FaultVfs::OnOperation(std::function<void(const DiskOperation&)> hook) { state_->hook = std::move(hook); }

uint64_t FaultVfs::operations() const { return state_->operations.load(); }

void FaultVfs::Inject(const DiskFault& fault) {
  std::lock_guard lock(state_->mutex);
  state_->fault = fault;
  state_->random = Random(fault.seed);
  state_->candidates = 0;
  state_->fired = 0;
}

void FaultVfs::Heal() {
  std::lock_guard lock(state_->mutex);
  state_->fault.reset();
}

uint64_t FaultVfs::faults_fired() const {
  std::lock_guard lock(state_->mutex);
  return state_->fired;
}

}  // namespace jammi::test
