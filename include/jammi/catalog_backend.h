// The database under the catalog: transactions over SQLite (one file, no daemon) or PostgreSQL (many
// replicas). One SQL text serves both: `$n` placeholders, BIGINT integers, rows read by column name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "jammi/clock.h"
#include "jammi/result.h"
#include "jammi/scope.h"

namespace arrow {
class Buffer;
}

namespace jammi {

enum class BackendKind : uint8_t { kSqlite, kPostgres };
[[nodiscard]] std::string_view ToString(BackendKind kind);

// A parameter. Text and bytes are borrowed: they must live until the statement returns.
using SqlBytes = std::span<const uint8_t>;
class SqlValue {
 public:
  SqlValue(std::nullopt_t) : value_(std::monostate{}) {}
  SqlValue(bool value) : value_(static_cast<int64_t>(value)) {}
  SqlValue(int value) : value_(static_cast<int64_t>(value)) {}
  SqlValue(int64_t value) : value_(value) {}
  SqlValue(double value) : value_(value) {}
  SqlValue(std::string_view value) : value_(value) {}
  SqlValue(const std::string& value) : value_(std::string_view(value)) {}
  SqlValue(const char* value) : value_(std::string_view(value)) {}
  SqlValue(SqlBytes value) : value_(value) {}
  template <class T>
  SqlValue(const std::optional<T>& value) : SqlValue(std::nullopt) {
    if (value) *this = SqlValue(*value);
  }
  SqlValue(uint64_t) = delete;  // no database holds one; say how it is to fit

  using Variant = std::variant<std::monostate, int64_t, double, std::string_view, SqlBytes>;
  [[nodiscard]] const Variant& get() const { return value_; }

 private:
  Variant value_;
};
using SqlParams = std::span<const SqlValue>;

// One row of a result; valid inside the row callback only, with everything it lends out.
class Row {
 public:
  virtual ~Row() = default;

  // The value of a column, by name. T is int64_t, int32_t, bool, double, std::string,
  // std::string_view, SqlBytes, or std::optional of one of these for a column that may be NULL.
  // Errors: kDataLoss with BackendDetail(kTypeConversion, column) for NULL without optional, for a
  // value that is not of the type, and for an integer out of range. kInternal: no such column.
  template <class T>
  [[nodiscard]] Result<T> Get(std::string_view column) const;

  // A value as it is stored; std::monostate is NULL.
  using Cell = SqlValue::Variant;
  // The value of the column at `index`, counted from 0, which the statement must have: for whoever reads
  // many rows of one statement.
  [[nodiscard]] virtual Cell At(size_t index) const = 0;

 protected:
  // Sets `cell` to the value of a column. False: the statement returns no such column.
  [[nodiscard]] virtual bool Read(std::string_view column, Cell& cell) const = 0;
};

// An event on its way into the log: data, not code (TRG-037).
struct EventAppend {
  int64_t topic_no = 0;
  Scope scope = Scope::Global();           // the publish tenant
  int64_t row_count = 0;                   // rows of the batch; 0 is allowed
  uint64_t checksum = 0;                   // XXH3-64 of payload
  std::shared_ptr<arrow::Buffer> payload;  // Arrow IPC messages, without the schema message
};

// Events of one topic and one scope that become durable together: consecutive offsets in one commit, or
// nothing.
struct AppendRequest {
  AppendRequest() = default;
  AppendRequest(EventAppend event) { events.push_back(std::move(event)); }
  explicit AppendRequest(std::vector<EventAppend> all, std::string key = {})
      : events(std::move(all)), producer_key(std::move(key)) {}

  std::vector<EventAppend> events;  // one at least
  // Empty: none. Else 1 to 256 bytes of UTF-8 without U+0000: while the first event of a request is
  // retained, no other of the same topic and scope with the same key is written. One with the same events
  // (their number, row counts, lengths and checksums) is a duplicate: a success with the outcome of the
  // first. One with others is refused: kAlreadyExists with ProducerKeyConflictDetail.
  std::string producer_key;
};

// What became of it. Offsets of one topic are contiguous from 0; `committed_at` never falls from one
// offset of a topic to the next, whatever the wall clock does.
struct AppendOutcome {
  uint64_t offset = 0;  // of the first event; each other has the next one, and the same time
  UnixMicros committed_at = 0;
  bool duplicate = false;  // that is where an earlier request with the same key went; nothing was written
};

// As what a column stores its values: BIGINT, DOUBLE PRECISION, TEXT, bytes.
enum class SqlKind : uint8_t { kInteger, kReal, kText, kBytes };

// What becomes of a row whose key is there already.
enum class OnConflict : uint8_t {
  kFail,     // the insert fails with BackendDetail(kUnique)
  kIgnore,   // that row stays
  kReplace,  // all columns but those of the key are overwritten
};

// Rows for one table, any number of them. Names are identifiers of ours, which need no quotes; everything is
// borrowed until the call returns.
struct RowInsert {
  struct Column {
    std::string_view name;
    SqlKind kind = SqlKind::kInteger;  // of the table's column; every value is of it, or NULL
  };
  std::string_view table;
  std::span<const Column> columns;
  int64_t rows = 0;
  OnConflict on_conflict = OnConflict::kFail;
  std::span<const std::string_view> key = {};  // the unique key that on_conflict is about; unless kFail

  // Sets the values of one row, one for each column. It is called for each row in order; what it lends out
  // must live until the next call.
  using Fill = std::function<Result<void>(int64_t row, std::span<SqlValue> values)>;
};

// The handle a body works with; valid during the call of the body only, on its thread.
class Transaction {
 public:
  virtual ~Transaction() = default;

  // Runs one statement and returns the number of rows it changed.
  // Errors: BackendDetail says what the database refused; the code follows from the fault.
  // kInvalidArgument: not exactly one statement; one that begins or ends a transaction or changes the
  // connection (PRAGMA, ATTACH); text with U+0000. A body whose statement has failed must end with an
  // error: on PostgreSQL the transaction is lost by then, and every later statement fails with the error
  // of the first.
  [[nodiscard]] Result<int64_t> Execute(std::string_view sql, std::initializer_list<SqlValue> params = {}) {
    return ExecuteImpl(sql, {params.begin(), params.size()});
  }
  [[nodiscard]] Result<int64_t> Execute(std::string_view sql, SqlParams params) {
    return ExecuteImpl(sql, params);
  }

  // Runs one statement and calls `row` for each row, in order, until it returns false or fails. The
  // callback must not run another statement of the same text.
  using RowFn = std::function<Result<bool>(const Row&)>;
  [[nodiscard]] Result<void> Query(std::string_view sql, std::initializer_list<SqlValue> params,
                                   const RowFn& row) {
    return QueryImpl(sql, {params.begin(), params.size()}, row);
  }
  [[nodiscard]] Result<void> Query(std::string_view sql, SqlParams params, const RowFn& row) {
    return QueryImpl(sql, params, row);
  }

  // The first row through `map` (Result<T>(const Row&)), or nullopt when there is none.
  template <class Map>
  [[nodiscard]] auto QueryFirst(std::string_view sql, std::initializer_list<SqlValue> params, Map map)
      -> Result<std::optional<typename std::invoke_result_t<Map, const Row&>::value_type>> {
    std::optional<typename std::invoke_result_t<Map, const Row&>::value_type> first;
    JAMMI_TRY(QueryImpl(sql, {params.begin(), params.size()}, [&](const Row& row) -> Result<bool> {
      JAMMI_ASSIGN(first, map(row));
      return false;
    }));
    return first;
  }

  // Inserts rows as quickly as the database takes them. Returns how many were written: with kReplace all of
  // them, a later one over an earlier one of the same key; with kIgnore those whose key was free.
  // Errors: as Execute(); what `fill` fails with, after which the body must end with an error too.
  [[nodiscard]] Result<int64_t> InsertRows(const RowInsert& insert, const RowInsert::Fill& fill) {
    return InsertRowsImpl(insert, fill);
  }

  // Adds events to the log in this transaction. They get their offsets by the last statements before
  // COMMIT, so these are known only through `done`, which runs like AfterCommit. A duplicate changes
  // nothing and lets the transaction commit; a producer key that is in conflict fails it.
  virtual void Append(AppendRequest request, std::function<void(const AppendOutcome&)> done = {}) = 0;

  // Runs `fn` after COMMIT has returned, only if it succeeded, in commit order, outside every lock.
  // It must be short and must not call the backend.
  virtual void AfterCommit(std::move_only_function<void()> fn) = 0;

  // Fails with kPermissionDenied and BackendDetail(kTenantMismatch, table) unless `row` is `session`:
  // the last check before a row is written for a caller who built it himself (rule 2.10).
  [[nodiscard]] static Result<void> AssertScope(const Scope& session, const Scope& row,
                                                std::string_view table);

 protected:
  [[nodiscard]] virtual Result<int64_t> ExecuteImpl(std::string_view sql, SqlParams params) = 0;
  [[nodiscard]] virtual Result<void> QueryImpl(std::string_view sql, SqlParams params, const RowFn& row) = 0;
  [[nodiscard]] virtual Result<int64_t> InsertRowsImpl(const RowInsert& insert,
                                                       const RowInsert::Fill& fill) = 0;
};

enum class IsolationLevel : uint8_t { kReadCommitted, kRepeatableRead, kSerializable };

// Which queue a body waits in.
enum class Lane : uint8_t {
  kNormal,
  kUrgent,  // lease renewals: before all others
  kBulk,    // long bodies: alone in their group, after what waits
};

struct TxOptions {
  IsolationLevel isolation = IsolationLevel::kReadCommitted;  // SQLite gives kSerializable always
  bool read_only = false;  // runs on a reader; a write fails with BackendDetail(kReadOnly)
  // A read-only body promises to run one statement at most, which needs no transaction around it to see one
  // moment. A second one fails with kInternal.
  bool single_statement = false;
  Lane lane = Lane::kNormal;
  Deadline deadline;  // for the start of the body; one that has started completes
};

// Counters since the backend was opened; a consistent snapshot is not promised.
struct BackendStats {
  uint64_t transactions = 0;       // bodies that committed
  uint64_t read_transactions = 0;  //
  uint64_t failed = 0;             // bodies and appends that ended in an error
  uint64_t reruns = 0;             // bodies and appends run again: their group was rolled back, or they lost
  uint64_t events_appended = 0;    //
  uint64_t groups = 0;             // COMMITs of writes
  uint64_t group_work = 0;         // bodies and appends in them; group_work / groups = mean group size
  uint64_t queue_depth = 0;        // waiting now, for the writer or the appending connection
  uint64_t queue_wait_us = 0;  // sum over all work: its wait for the writer, or for a connection of the pool
  uint64_t busy_us = 0;        // sum of the time that work held the writer, a reader or a pooled connection
  uint64_t commit_us = 0;      // sum over groups; SQLite: BEGIN to COMMIT returned; PostgreSQL: COMMIT alone
  uint64_t connections = 0;    // PostgreSQL: open in the pool now
  uint64_t connections_idle = 0;  // of these, in nobody's use
  uint64_t checkpoints = 0;       // SQLite
  uint64_t wal_bytes = 0;         // SQLite: size of the write-ahead log now
  uint64_t writer_reopened = 0;   // SQLite: after an I/O error in COMMIT
};

// A catalog database. Thread-safe. Every call may be made from any thread, except from inside a body,
// where it fails with kInvalidState: a body that waits for the writer that runs it never ends.
class CatalogBackend {
 public:
  virtual ~CatalogBackend() = default;

  // Runs `body` in one transaction: success commits, an error rolls back and is returned unchanged.
  // The body may run more than once (its earlier runs are rolled back whole) and must have no effect
  // but through its handle. No outcome, success or error, is returned before COMMIT has.
  //
  // Errors: the body's own; kDeadlineExceeded: not started in time; kResourceExhausted: the queue or
  // the disk is full; kUnavailable: the engine is closed, or reopens the file after an I/O error, or
  // was stopped; kOutcomeUnknown: COMMIT itself failed with an I/O error: the change may or may not be
  // there, look before repeating it.
  using Body = std::function<Result<void>(Transaction&)>;
  [[nodiscard]] virtual Result<void> RunTransaction(const TxOptions& options, const Body& body) = 0;

  // The same for a body that returns a value: backend.Transact(options, [&](Transaction& tx) ->
  // Result<int> {...}). The value is that of the run that committed.
  template <class Fn>
  [[nodiscard]] auto Transact(const TxOptions& options, Fn fn) -> std::invoke_result_t<Fn, Transaction&> {
    using R = std::invoke_result_t<Fn, Transaction&>;
    if constexpr (std::is_void_v<typename R::value_type>) {
      return RunTransaction(options, fn);
    } else {
      R result(std::unexpect, ErrorCode::kInternal, std::string());  // no body was run
      auto ran = RunTransaction(options, [&](Transaction& tx) -> Result<void> {
        result = fn(tx);
        return result ? Result<void>() : Result<void>(result.error());
      });
      if (!ran) result = std::move(ran).error();
      return result;
    }
  }

  // Brings the schema up to date; does nothing when it is. Errors: kFailedPrecondition with
  // BackendDetail(kMigration, name) when the ledger holds a migration that this build does not know
  // (a newer database) or whose text differs from ours.
  [[nodiscard]] virtual Result<void> Migrate() = 0;

  // Answers whether the database can be asked: SELECT 1 on a connection of its own, no transaction, no
  // lock, so it does not wait behind a long body. Errors: kUnavailable, kDeadlineExceeded.
  [[nodiscard]] virtual Result<void> Ping(Deadline deadline) = 0;

  [[nodiscard]] virtual BackendKind kind() const = 0;
  [[nodiscard]] virtual BackendStats stats() const = 0;
};

}  // namespace jammi
