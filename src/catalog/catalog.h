// The door of the catalog: a database that is open and migrated, its event log, its identity.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "catalog/event_log.h"
#include "jammi/catalog_backend.h"
#include "jammi/clock.h"
#include "jammi/secret.h"

namespace jammi {

enum class Durability : uint8_t {
  kFull,    // a commit is on disk when it is acknowledged
  kNormal,  // a commit survives the process, not a power loss
};

struct SqliteOptions {
  std::filesystem::path path;
  Durability durability = Durability::kFull;
  int reader_connections = 32;  // at most; they are opened when they are needed
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

struct PostgresOptions {
  // postgres://user:password@host:port/database?sslmode=verify-full&...; libpq's parameters.
  Secret url;
  int pool_size = 8;  // connections of bodies and reads; five more: leases, appends, news, probes, repairs
  std::optional<std::chrono::seconds> max_lifetime;  // a pooled connection older than this is replaced
  // How long a body or read without a deadline of its own waits for a connection of the pool.
  std::chrono::milliseconds acquire_timeout{30'000};
  // A server that has not answered for `silence_limit` is asked for another connection; if it does not give
  // one within `probe_limit`, the connection is taken for lost. So a long statement may take its time, and
  // nothing waits for a server that hangs.
  std::chrono::milliseconds silence_limit{30'000};
  std::chrono::milliseconds probe_limit{30'000};
  // How long work is repeated that lost against other work or lost its connection, and how long the
  // outcome of a COMMIT is asked for whose answer was lost.
  std::chrono::milliseconds retry_for{15'000};
  Durability durability = Durability::kFull;  // kNormal leaves synchronous_commit as the server has it
  // A group of appends closes after so many events or payload bytes.
  int64_t group_max_work = 1024;
  int64_t group_max_bytes = 8 << 20;
  int64_t queue_limit = 65536;  // waiting appends; beyond it callers wait to their deadline
  // Added to the server's clock. For tests.
  std::function<std::chrono::microseconds()> time_shift = [] { return std::chrono::microseconds(0); };
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

// Connects to a database that exists, and migrates it; any number of processes may do so at once.
// Lane::kUrgent goes first where all connections are in use, and has one more; kBulk is as kNormal.
// Errors: kInvalidArgument with ConfigDetail("catalog.url"); kFailedPrecondition with
// BackendDetail(kConnection): wrong password, no such database or role; kFailedPrecondition with
// BackendDetail(kMigration): a newer or altered ledger, or another application's; kUnavailable with
// BackendDetail(kConnection): no server there; kUnavailable with BackendDetail(kReadOnly): a standby;
// kFailedPrecondition with BackendDetail(kReadOnly): a read-only database; kUnimplemented: not in this build.
[[nodiscard]] Result<std::unique_ptr<Catalog>> OpenPostgresCatalog(const PostgresOptions& options);

}  // namespace jammi
