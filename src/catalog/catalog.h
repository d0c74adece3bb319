// The door of the catalog: a database that is open and migrated, its event log, its identity.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "catalog/event_log.h"
#include "jammi/catalog_backend.h"
#include "jammi/clock.h"

namespace jammi {

enum class Durability : uint8_t {
  kFull,    // a commit is on disk when it is acknowledged
  kNormal,  // a commit survives the process, not a power loss
};

struct SqliteOptions {
  std::filesystem::path path;
  Durability durability = Durability::kFull;
  int reader_connections = 4;
  // A group closes after so many bodies and appends, so many payload bytes, or so long a wait.
  int64_t group_max_work = 1024;
  int64_t group_max_bytes = 8 << 20;
  std::chrono::microseconds group_max_wait{2000};
  int64_t queue_limit = 65536;  // waiting bodies and appends; beyond it callers wait to their deadline
  std::shared_ptr<Clock> clock = Clock::System();
  std::string vfs;  // name of a registered SQLite VFS; empty = the system's. For fault tests.
  // Off: only Checkpoint() and Close() checkpoint, so that a test knows when.
  bool background_checkpoints = true;
};

class Catalog {
 public:
  virtual ~Catalog() = default;
  [[nodiscard]] virtual CatalogBackend& backend() = 0;
  [[nodiscard]] virtual EventLog& log() = 0;
  // UUID of this catalog's history; part of every stored position (design section 5).
  [[nodiscard]] virtual const std::string& incarnation() const = 0;
  // Moves all that was committed from the write-ahead log into the database file; writers wait meanwhile.
  // It is done by itself; this is for tests and tools. Errors: kUnavailable, also with
  // BackendDetail(kBusy): a long read held it back.
  [[nodiscard]] virtual Result<void> Checkpoint() = 0;
  // Refuses new work with kUnavailable, lets what was started complete, checkpoints, and closes. Idempotent.
  virtual void Close() = 0;
};

// Opens or creates the file, takes its lock (`<path>.lock`), migrates.
// Errors: kFailedPrecondition with CatalogLockedDetail: another engine holds it; kFailedPrecondition with
// BackendDetail(kMigration): a newer or altered ledger; kDataLoss with BackendDetail(kCorrupt): no
// database; kFailedPrecondition with BackendDetail(kReadOnly); kUnavailable with BackendDetail(kIo);
// kResourceExhausted with BackendDetail(kFull).
[[nodiscard]] Result<std::unique_ptr<Catalog>> OpenSqliteCatalog(const SqliteOptions& options);

}  // namespace jammi
