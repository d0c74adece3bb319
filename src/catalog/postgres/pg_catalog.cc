// A catalog in a PostgreSQL database: opening, closing, and the backend over a pool of connections.
#include <fmt/format.h>

#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include "base/callback.h"
#include "base/log.h"
#include "catalog/backend_error.h"
#include "catalog/body.h"
#include "catalog/call_guard.h"
#include "catalog/catalog.h"
#include "catalog/changes.h"
#include "catalog/postgres/appender.h"
#include "catalog/postgres/commit_mark.h"
#include "catalog/postgres/committer.h"
#include "catalog/postgres/head_notifier.h"
#include "catalog/postgres/migrate.h"
#include "catalog/postgres/pg_error.h"
#include "catalog/postgres/pg_log.h"
#include "catalog/postgres/pool.h"
#include "catalog/postgres/retry.h"
#include "catalog/postgres/schema.h"
#include "catalog/postgres/transaction.h"
#include "catalog/postgres/url.h"
#include "catalog/statistics.h"

namespace jammi {
namespace postgres {
namespace {

// The server keeps the plan of a prepared statement until it has looked at the table again, which may take
// minutes. A plan that reads all of a table, made while it had ten rows, would read all of a million. Every
// statement of the catalog has an index, so plans are made by index from the first row on.
constexpr std::string_view kPlanByIndex =
    "SELECT set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false),"
    " set_config('jit', 'off', false)";

class PgCatalog final : public Catalog, public CatalogBackend {
 public:
  PgCatalog(PostgresOptions options, ConnectionParameters parameters)
      : options_(std::move(options)),
        connection_options_{std::move(parameters), options_.silence_limit, options_.probe_limit},
        pool_({options_.pool_size, options_.max_lifetime}, Opener()),
        notifier_(Opener()),
        committer_(this, statistics_, notifier_, options_.retry_for, Opener()),
        appender_(options_, this, statistics_, committer_, places_, Opener()),
        log_(this, options_, pool_, committer_, appender_, notifier_) {}
  ~PgCatalog() override { Close(); }

  [[nodiscard]] Result<void> Start();

  // Catalog
  [[nodiscard]] CatalogBackend& backend() override { return *this; }
  [[nodiscard]] EventLog& log() override { return log_; }
  [[nodiscard]] const std::string& incarnation() const override { return incarnation_; }
  [[nodiscard]] Result<void> Checkpoint() override { return {}; }  // the server's affair
  void Close() override;

  // CatalogBackend
  [[nodiscard]] Result<void> RunTransaction(const TxOptions& options, const Body& body) override;
  [[nodiscard]] Result<void> Migrate() override;
  [[nodiscard]] Result<void> Ping(Deadline deadline) override;
  [[nodiscard]] BackendKind kind() const override { return BackendKind::kPostgres; }
  [[nodiscard]] BackendStats stats() const override {
    BackendStats stats = Snapshot(statistics_, appender_.queue_depth());
    const Pool::Count count = pool_.count();
    stats.connections = count.open;
    stats.connections_idle = count.idle;
    return stats;
  }

 private:
  Pool::OpenFn Opener() {
    return [this](Deadline deadline) { return OpenConnection(deadline); };
  }
  [[nodiscard]] Result<std::unique_ptr<Connection>> OpenConnection(Deadline deadline) const;
  [[nodiscard]] Result<void> RunOnce(const TxOptions& options, const Body& body, Deadline acquire,
                                     bool& rerun);
  [[nodiscard]] Result<void> RunBody(PgTransaction& tx, const Body& body, bool& rerun) const;
  [[nodiscard]] Result<void> Finish(PgTransaction& tx, Connection& connection, BodyEffects& effects);

  const PostgresOptions options_;
  const ConnectionOptions connection_options_;
  std::string incarnation_;
  mutable Statistics statistics_;
  mutable Pool pool_;
  HeadNotifier notifier_;
  Committer committer_;
  HeadPlaces places_;
  mutable Appender appender_;
  PgLog log_;

  std::timed_mutex ping_mutex_;
  std::unique_ptr<Connection> ping_;

  std::mutex close_mutex_;
  bool closed_ = false;
};

// A commit that is acknowledged before it is on disk is not what callers are promised.
constexpr std::string_view kCommitSynced =
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = "
    "'off'";

// Every connection holds the engines' lock, so that no tool gives the catalog another history under one.
constexpr std::string_view kTakePart = "SELECT pg_try_advisory_lock_shared($1)";

// The history that the catalog has now, unless it was moved away.
constexpr std::string_view kHistory =
    "SELECT incarnation FROM catalog_identity WHERE to_regclass('catalog_mark') IS NULL";

Result<std::unique_ptr<Connection>> PgCatalog::OpenConnection(Deadline deadline) const {
  JAMMI_ASSIGN(auto connection, Connection::Open(connection_options_, deadline));
  const std::array<SqlValue, 1> lock = {kEngineLock};
  std::vector<Statement> statements = {{kTakePart, lock}, {kPlanByIndex, {}}};
  if (options_.durability == Durability::kFull) statements.push_back({kCommitSynced, {}});
  if (!incarnation_.empty()) statements.push_back({kHistory, {}});
  JAMMI_ASSIGN(const auto results, connection->Run(statements, deadline));
  if (results.front().Int(0, 0) == 0) {
    return Error(ErrorCode::kUnavailable, "a tool works on the catalog, and no engine may be there meanwhile",
                 BackendDetail{BackendFault::kBusy, {}, {}});
  }
  if (incarnation_.empty()) return Result<std::unique_ptr<Connection>>(std::move(connection));
  const ResultSet& history = results.back();
  if (history.rows() == 1 && history.Text(0, 0) == incarnation_) {
    return Result<std::unique_ptr<Connection>>(std::move(connection));
  }
  return Error(
      ErrorCode::kFailedPrecondition,
      fmt::format("the database holds another catalog than {}, which was opened: it was restored or moved;"
                  " start the engine again",
                  incarnation_),
      BackendDetail{BackendFault::kMoved, "catalog_identity", {}});
}

Result<void> PgCatalog::Start() {
  JAMMI_ASSIGN(auto connection, OpenConnection(Deadline::After(options_.acquire_timeout)));
  JAMMI_TRY(postgres::Migrate(*connection, PostgresMigrations()));
  JAMMI_ASSIGN(incarnation_, EnsureIncarnation(*connection));
  JAMMI_TRY(SweepCommitMarks(*connection));
  ping_ = std::move(connection);
  std::string channel = "jammi_" + incarnation_;
  std::erase(channel, '-');
  notifier_.Start(std::move(channel));
  appender_.Start();
  return {};
}

void PgCatalog::Close() {
  if (auto allowed = RefuseReentry(this); !allowed) {
    Log(LogLevel::kError, "catalog: not closed: {}", allowed.error().message());
    return;
  }
  const std::lock_guard lock(close_mutex_);
  if (std::exchange(closed_, true)) return;
  appender_.Close();
  pool_.Close();
  notifier_.Stop();
  const std::lock_guard ping_lock(ping_mutex_);
  ping_.reset();
}

// --- Transactions

Result<void> PgCatalog::RunTransaction(const TxOptions& options, const Body& body) {
  JAMMI_TRY(RefuseReentry(this));
  if (options.deadline.Passed()) {
    Add(statistics_.failed);
    return Error(ErrorCode::kDeadlineExceeded, "the deadline passed before the transaction could start");
  }
  // The deadline is for the start, of a repeated run too.
  Retry retry(Earlier(options.deadline, Deadline::After(options_.retry_for)));
  const Deadline acquire = Earlier(options.deadline, Deadline::After(options_.acquire_timeout));
  while (true) {
    bool rerun = false;
    auto ran = RunOnce(options, body, acquire, rerun);
    if (ran) return ran;
    if (!rerun || pool_.closed() || !retry.Pause()) {
      Add(statistics_.failed);
      return ran;
    }
    Add(statistics_.reruns);
  }
}

Result<void> PgCatalog::RunOnce(const TxOptions& options, const Body& body, Deadline acquire, bool& rerun) {
  const auto asked = std::chrono::steady_clock::now();
  auto lease = pool_.Acquire(acquire, options.lane);
  const auto waited = std::chrono::steady_clock::now() - asked;
  Add(statistics_.queue_wait_us,
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(waited).count()));
  if (!lease) {
    rerun = MayRerun(lease.error());
    return std::move(lease).error();
  }
  const TimeCounted busy(statistics_.busy_us);
  BodyEffects effects;
  PgTransaction tx(**lease, options, effects, options_.time_shift());
  JAMMI_TRY(RunBody(tx, body, rerun));
  auto finished = Finish(tx, **lease, effects);
  if (!finished) {
    rerun = MayRerun(finished.error());
    return finished;
  }
  Add(options.read_only ? statistics_.read_transactions : statistics_.transactions);
  if (!options.read_only) Add(statistics_.group_work);
  return {};
}

Result<void> PgCatalog::RunBody(PgTransaction& tx, const Body& body, bool& rerun) const {
  Result<void> outcome;
  {
    const CallScope inside(this, CallScope::Kind::kBody);
    outcome = CallBody(body, tx);
  }
  if (!tx.failed()) return outcome;
  rerun = MayRerun(*tx.failed());
  // Nothing that the body made of the failure can have been committed.
  if (outcome || rerun) return *tx.failed();
  return outcome;
}

Result<void> PgCatalog::Finish(PgTransaction& tx, Connection& connection, BodyEffects& effects) {
  std::vector<PendingAppend> appends;
  for (auto& append : effects.appends) {
    JAMMI_TRY(CheckAppend(append.request));
    appends.push_back({&append.request, &append.outcome});
  }
  if (!appends.empty()) JAMMI_TRY(tx.Write(appends, places_));
  for (const PendingAppend& pending : appends) {
    if (pending.refused) return *pending.refused;  // a body must not commit without its event
  }
  std::function<void()> callbacks;
  if (!appends.empty() || !effects.after_commit.empty()) {
    callbacks = [&] {
      for (auto& append : effects.appends) {
        if (append.done) CallBack("catalog", append.done, append.outcome);
      }
      for (auto& fn : effects.after_commit) CallBack("catalog", fn);
    };
  }
  return committer_.Commit(tx, connection, appends, callbacks);
}

// --- The rest

Result<void> PgCatalog::Migrate() {
  JAMMI_TRY(RefuseReentry(this));
  JAMMI_ASSIGN(const auto connection, OpenConnection(Deadline::After(options_.acquire_timeout)));
  JAMMI_TRY(postgres::Migrate(*connection, PostgresMigrations()));
  return {};
}

Result<void> PgCatalog::Ping(Deadline deadline) {
  JAMMI_TRY(RefuseReentry(this));
  std::unique_lock lock(ping_mutex_, std::defer_lock);
  if (deadline.IsNever()) {
    lock.lock();
  } else if (deadline.Passed() || !lock.try_lock_until(deadline.at())) {
    return Error(ErrorCode::kDeadlineExceeded, "ping: the deadline has passed");
  }
  if (pool_.closed()) {
    return Error(ErrorCode::kUnavailable, "the catalog is closed",
                 BackendDetail{BackendFault::kConnection, {}, {}});
  }
  if (ping_ == nullptr || !ping_->LooksAlive()) {
    ping_.reset();
    JAMMI_ASSIGN(ping_, OpenConnection(deadline));
  }
  JAMMI_TRY(ping_->RunOne("SELECT 1", {}, deadline));
  return {};
}

Result<void> CheckOptions(const PostgresOptions& options) {
  const auto refuse = [](std::string_view what) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("{} must be at least 1", what));
  };
  if (options.pool_size < 1) return refuse("pool_size");
  if (options.max_lifetime && options.max_lifetime->count() < 1) return refuse("max_lifetime");
  if (options.acquire_timeout.count() < 1) return refuse("acquire_timeout");
  if (options.silence_limit.count() < 1) return refuse("silence_limit");
  if (options.probe_limit.count() < 1) return refuse("probe_limit");
  if (options.retry_for.count() < 1) return refuse("retry_for");
  if (options.group_max_work < 1) return refuse("group_max_work");
  if (options.group_max_bytes < 1) return refuse("group_max_bytes");
  if (options.queue_limit < 1) return refuse("queue_limit");
  return {};
}

}  // namespace
}  // namespace postgres

Result<std::unique_ptr<Catalog>> OpenPostgresCatalog(const PostgresOptions& options) {
  JAMMI_TRY(postgres::CheckOptions(options));
  JAMMI_ASSIGN(auto parameters, postgres::ParseUrl(options.url));
  auto catalog = std::make_unique<postgres::PgCatalog>(options, std::move(parameters));
  JAMMI_TRY(catalog->Start());
  JAMMI_TRY(EnsureChangesTopic(catalog->backend()));
  return Result<std::unique_ptr<Catalog>>(std::move(catalog));
}

}  // namespace jammi
