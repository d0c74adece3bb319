// A catalog in one SQLite file: opening, closing, and the backend over writer and readers.
#include <fmt/format.h>
#include <sqlite3.h>

#include <mutex>
#include <utility>

#include "base/log.h"
#include "catalog/call_guard.h"
#include "catalog/catalog.h"
#include "catalog/changes.h"
#include "catalog/migrations.h"
#include "catalog/sqlite/checkpointer.h"
#include "catalog/sqlite/connection.h"
#include "catalog/sqlite/data_folder.h"
#include "catalog/sqlite/lock_file.h"
#include "catalog/sqlite/migrate.h"
#include "catalog/sqlite/reader_pool.h"
#include "catalog/sqlite/sqlite_error.h"
#include "catalog/sqlite/sqlite_log.h"
#include "catalog/sqlite/transaction.h"
#include "catalog/sqlite/writer.h"

namespace jammi {
namespace sqlite {
namespace {

class SqliteCatalog final : public Catalog, public CatalogBackend {
 public:
  SqliteCatalog(SqliteOptions options, LockFile lock)
      : options_(std::move(options)),
        lock_(std::move(lock)),
        writer_(options_, this, statistics_, [this] { return OpenConnection({}); }),
        checkpointer_(writer_, statistics_),
        log_(this, writer_, readers_) {}
  ~SqliteCatalog() override { Close(); }

  [[nodiscard]] Result<void> Start();

  // Catalog
  [[nodiscard]] CatalogBackend& backend() override { return *this; }
  [[nodiscard]] EventLog& log() override { return log_; }
  [[nodiscard]] const std::string& incarnation() const override { return incarnation_; }
  [[nodiscard]] Result<void> Checkpoint() override;
  void Close() override;

  // CatalogBackend
  [[nodiscard]] Result<void> RunTransaction(const TxOptions& options, const Body& body) override;
  [[nodiscard]] Result<void> Migrate() override;
  [[nodiscard]] Result<void> Ping(Deadline deadline) override;
  [[nodiscard]] BackendKind kind() const override { return BackendKind::kSqlite; }
  [[nodiscard]] BackendStats stats() const override { return Snapshot(statistics_, writer_.queue_depth()); }

 private:
  struct Purpose {
    bool create = false;
    bool query_only = false;
    bool checkpoint = false;  // a checkpoint is always synced
  };
  [[nodiscard]] Result<std::unique_ptr<Connection>> OpenConnection(Purpose purpose) const;
  [[nodiscard]] Result<void> Prepare(Connection& connection);
  [[nodiscard]] Result<void> RunReadOnly(const TxOptions& options, const Body& body);
  [[nodiscard]] Result<void> ReadOn(Connection& connection, const TxOptions& options, const Body& body,
                                    BodyEffects& effects);

  const SqliteOptions options_;
  LockFile lock_;  // outlives all connections
  std::string incarnation_;
  mutable Statistics statistics_;
  mutable Writer writer_;
  ReaderPool readers_;
  Checkpointer checkpointer_;
  SqliteLog log_;

  std::mutex ping_mutex_;
  std::unique_ptr<Connection> ping_;

  std::mutex close_mutex_;
  bool closed_ = false;
};

Result<std::unique_ptr<Connection>> SqliteCatalog::OpenConnection(Purpose purpose) const {
  return Connection::Open({.path = options_.path.string(),
                           .vfs = options_.vfs,
                           .durability = purpose.checkpoint ? Durability::kFull : options_.durability,
                           .create = purpose.create,
                           .query_only = purpose.query_only,
                           .clock = options_.clock});
}

// SQLite answers with the mode that it could take, and no error.
Result<void> UseWriteAheadLog(Connection& connection) {
  JAMMI_ASSIGN(Statement statement, connection.Prepare("PRAGMA journal_mode=WAL"));
  std::string mode;
  // To the end: the change of mode is a transaction, which commits behind its one row.
  while (true) {
    JAMMI_ASSIGN(const bool row, statement.Step());
    if (!row) break;
    mode = statement.Text(0);
  }
  if (mode == "wal") return {};
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("the file system cannot hold a write-ahead log (journal mode is '{}')", mode),
               BackendDetail{BackendFault::kIo, {}, {}});
}

// Brings the file into shape before anybody else is there. Nothing is changed in a file that is refused.
Result<void> SqliteCatalog::Prepare(Connection& connection) {
  JAMMI_TRY(CheckIsCatalog(connection, Migrations(), options_.path.string()));
  JAMMI_ASSIGN(const admin::Mark mark, ReadMark(connection));
  JAMMI_TRY(admin::CheckMayOpen(mark));
  JAMMI_TRY(UseWriteAheadLog(connection));
  JAMMI_TRY(sqlite::Migrate(connection, Migrations(), options_.clock->Now()));
  JAMMI_ASSIGN(incarnation_, EnsureIncarnation(connection, options_.clock->Now()));
  // What an earlier process left in the log may be in memory only, if that process died of a failed sync.
  // In the database file, synced, it is safe; new commits must not stand behind it in the log.
  JAMMI_ASSIGN(const auto moved, connection.RunCheckpoint(Connection::Checkpoint::kTruncate));
  if (moved.complete) return {};
  return Error(
      ErrorCode::kUnavailable,
      fmt::format("{}: another program reads the file and holds its write-ahead log", options_.path.string()),
      BackendDetail{BackendFault::kBusy, {}, "SQLITE_BUSY"});
}

Result<void> SqliteCatalog::Start() {
  JAMMI_ASSIGN(auto checkpoint, OpenConnection({.create = true, .checkpoint = true}));
  JAMMI_TRY(Prepare(*checkpoint));
  JAMMI_TRY(readers_.Start(static_cast<size_t>(options_.reader_connections),
                           [this] { return OpenConnection({.query_only = true}); }));
  JAMMI_ASSIGN(ping_, OpenConnection({.query_only = true}));
  JAMMI_TRY(checkpointer_.Start(std::move(checkpoint), options_.background_checkpoints));
  writer_.SetOnWalGrowth([this](int64_t frames) { checkpointer_.OnWalGrowth(frames); });
  return writer_.Start();
}

void SqliteCatalog::Close() {
  if (auto allowed = RefuseReentry(this); !allowed) {
    Log(LogLevel::kError, "catalog: not closed: {}", allowed.error().message());
    return;
  }
  const std::lock_guard lock(close_mutex_);
  if (std::exchange(closed_, true)) return;
  writer_.Close();
  readers_.Close();
  {
    const std::lock_guard ping_lock(ping_mutex_);
    ping_.reset();
  }
  checkpointer_.Close();
  lock_.Release();  // a closed catalog may be kept alive by whoever still has a handle
}

Result<void> SqliteCatalog::Checkpoint() {
  JAMMI_TRY(RefuseReentry(this));
  return checkpointer_.Run();
}

Result<void> SqliteCatalog::RunTransaction(const TxOptions& options, const Body& body) {
  if (options.read_only) return RunReadOnly(options, body);
  Work work;
  work.lane = options.lane;
  work.deadline = options.deadline;
  work.body = &body;
  return writer_.RunAndWait(work);
}

Result<void> SqliteCatalog::RunReadOnly(const TxOptions& options, const Body& body) {
  JAMMI_TRY(RefuseReentry(this));
  BodyEffects effects;
  {
    JAMMI_ASSIGN(const auto lease, readers_.Acquire(options.deadline));
    const TimeCounted busy(statistics_.busy_us);
    if (!options.single_statement) JAMMI_TRY(lease->BeginRead());
    auto outcome = ReadOn(*lease, options, body, effects);
    lease->EndRead();
    if (!outcome) {
      Add(statistics_.failed);
      return outcome;
    }
  }
  Add(statistics_.read_transactions);
  const CallScope inside(this, CallScope::Kind::kCallback);
  for (auto& fn : effects.after_commit) fn();
  return {};
}

Result<void> SqliteCatalog::ReadOn(Connection& connection, const TxOptions& options, const Body& body,
                                   BodyEffects& effects) {
  SqliteTransaction tx(connection, effects, options.single_statement);
  const CallScope inside(this, CallScope::Kind::kBody);
  JAMMI_TRY(CallBody(body, tx));
  if (effects.appends.empty()) return {};
  return Error(ErrorCode::kFailedPrecondition, "an event was appended in a read-only transaction",
               BackendDetail{BackendFault::kReadOnly, "events", {}});
}

Result<void> SqliteCatalog::Migrate() {
  JAMMI_TRY(RefuseReentry(this));
  return writer_.RunExclusive([this](Connection& connection) -> Result<void> {
    JAMMI_TRY(sqlite::Migrate(connection, Migrations(), options_.clock->Now()));
    return {};
  });
}

Result<void> SqliteCatalog::Ping(Deadline deadline) {
  JAMMI_TRY(RefuseReentry(this));
  if (deadline.Passed()) return Error(ErrorCode::kDeadlineExceeded, "ping: the deadline has passed");
  JAMMI_TRY(writer_.CheckOpen());
  const std::lock_guard lock(ping_mutex_);
  if (ping_ == nullptr) return writer_.CheckOpen();
  JAMMI_TRY(ping_->GetInt("SELECT 1"));
  return {};
}

Result<void> CheckOptions(const SqliteOptions& options) {
  const auto refuse = [](std::string_view what) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("{} must be at least 1", what));
  };
  if (options.reader_connections < 1) return refuse("reader_connections");
  if (options.group_max_work < 1) return refuse("group_max_work");
  if (options.group_max_bytes < 1) return refuse("group_max_bytes");
  if (options.queue_limit < 1) return refuse("queue_limit");
  if (!options.vfs.empty() && sqlite3_vfs_find(options.vfs.c_str()) == nullptr) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("no SQLite file system is named {}", options.vfs));
  }
  return {};
}

// What is written at open is ours and fits. A constraint that it breaks is not the one we made.
Error AsDamage(Error error) {
  const auto* const detail = error.As<BackendDetail>();
  const bool refused =
      detail != nullptr && (detail->fault == BackendFault::kCheck || detail->fault == BackendFault::kUnique ||
                            detail->fault == BackendFault::kForeignKey);
  if (!refused) return error;
  return Error(ErrorCode::kDataLoss, fmt::format("the catalog file is damaged: {}", error.message()),
               BackendDetail{BackendFault::kCorrupt, detail->object, detail->native_code});
}

}  // namespace
}  // namespace sqlite

Result<std::unique_ptr<Catalog>> OpenSqliteCatalog(const SqliteOptions& options) {
  JAMMI_TRY(sqlite::CheckOptions(options));
  SqliteOptions resolved = options;
  JAMMI_ASSIGN(resolved.path, sqlite::CanonicalPath(options.path));
  JAMMI_TRY(sqlite::EnsureFolder(resolved.path.parent_path()));
  JAMMI_ASSIGN(auto lock, sqlite::LockFile::Take(resolved.path.string() + ".lock", resolved.clock->Now()));
  auto catalog = std::make_unique<sqlite::SqliteCatalog>(std::move(resolved), std::move(lock));
  if (auto started = catalog->Start(); !started) return sqlite::AsDamage(std::move(started).error());
  if (auto made = EnsureChangesTopic(catalog->backend()); !made)
    return sqlite::AsDamage(std::move(made).error());
  return Result<std::unique_ptr<Catalog>>(std::move(catalog));
}

}  // namespace jammi
