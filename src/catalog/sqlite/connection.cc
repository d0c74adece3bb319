#include "catalog/sqlite/connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "catalog/sqlite/sqlite_error.h"
#include "catalog/sqlite/statement_text.h"
#include "jammi/error.h"

namespace jammi::sqlite {
namespace {

constexpr size_t kCachedStatements = 256;
// Our own connections do not wait for one another here; this is for a shell or a backup beside us.
constexpr int kBusyTimeoutMs = 250;

// Enough of a statement to find it by.
std::string_view Excerpt(std::string_view sql) { return sql.substr(0, 120); }

// "file:/a%3fb?immutable=1"
std::string ImmutableUri(std::string_view path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02x}", c);
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

struct Binder {
  sqlite3_stmt* statement;
  int index;
  int operator()(std::monostate) const { return sqlite3_bind_null(statement, index); }
  int operator()(int64_t value) const { return sqlite3_bind_int64(statement, index, value); }
  int operator()(double value) const { return sqlite3_bind_double(statement, index, value); }
  int operator()(std::string_view value) const {
    // A null pointer would bind NULL.
    const char* data = value.data() != nullptr ? value.data() : "";
    return sqlite3_bind_text64(statement, index, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  int operator()(SqlBytes value) const {
    if (value.empty()) return sqlite3_bind_zeroblob(statement, index, 0);
    return sqlite3_bind_blob64(statement, index, value.data(), value.size(), SQLITE_STATIC);
  }
};

}  // namespace

// --- Statement

Statement::Statement(Connection& connection, PreparedStatement& prepared)
    : connection_(&connection), prepared_(&prepared) {
  prepared_->in_use = true;
}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_), prepared_(std::exchange(other.prepared_, nullptr)) {}

Statement::~Statement() {
  if (prepared_ == nullptr) return;
  sqlite3_reset(prepared_->handle);  // repeats the error of the last step, which was told
  sqlite3_clear_bindings(prepared_->handle);
  prepared_->in_use = false;
}

Result<void> Statement::Bind(SqlParams params) {
  sqlite3_stmt* const handle = prepared_->handle;
  const int wanted = sqlite3_bind_parameter_count(handle);
  if (wanted != static_cast<int>(params.size())) {
    return Error(ErrorCode::kInternal, fmt::format("{} parameters given, {} wanted by: {}", params.size(),
                                                   wanted, Excerpt(sqlite3_sql(handle))));
  }
  for (int i = 0; i < wanted; ++i) {
    const SqlValue::Variant& value = params[static_cast<size_t>(i)].get();
    if (const auto* text = std::get_if<std::string_view>(&value); text && text->find('\0') != text->npos) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("parameter ${} contains the character U+0000", i + 1));
    }
    const int code = std::visit(Binder{handle, i + 1}, value);
    if (code != SQLITE_OK) return FromSqlite(connection_->db_, code, fmt::format("parameter ${}", i + 1));
  }
  return {};
}

Result<bool> Statement::Step() {
  int code = sqlite3_step(prepared_->handle);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  // Nothing that large can be stored: what is read says so because its length is damaged.
  if (code == SQLITE_TOOBIG && sqlite3_stmt_readonly(prepared_->handle) != 0) code = SQLITE_CORRUPT;
  Error error = FromSqlite(connection_->db_, code, {});
  if (error.code() != ErrorCode::kInternal) return error;
  return std::move(error).While(Excerpt(sqlite3_sql(prepared_->handle)));  // a bug of ours: say where
}

Result<void> Statement::Finish() {
  while (true) {
    JAMMI_ASSIGN(const bool row, Step());
    if (!row) return {};
  }
}

void Statement::Reset() { sqlite3_reset(prepared_->handle); }

int Statement::Find(std::string_view column) const {
  // Columns are mostly asked for in their order.
  const std::vector<std::string>& columns = prepared_->columns;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (next_column_ >= columns.size()) next_column_ = 0;
    const size_t index = next_column_++;
    if (columns[index] == column) return static_cast<int>(index);
  }
  return -1;
}

// One look-up serves several questions. The connection has no mutex (SQLITE_THREADSAFE=2), so the value is
// as good as a protected one.
sqlite3_value* Statement::ValueAt(int index) const { return sqlite3_column_value(prepared_->handle, index); }

namespace {

std::string_view TextOf(sqlite3_value* value) {
  const auto* data = reinterpret_cast<const char*>(sqlite3_value_text(value));
  const auto length = static_cast<size_t>(sqlite3_value_bytes(value));
  return data == nullptr ? std::string_view() : std::string_view(data, length);
}

SqlBytes BytesOf(sqlite3_value* value) {
  // The pointer first: it may convert the value, and the length follows from that.
  const auto* data = static_cast<const uint8_t*>(sqlite3_value_blob(value));
  return {data, static_cast<size_t>(sqlite3_value_bytes(value))};
}

}  // namespace

Row::Cell Statement::At(size_t index) const {
  sqlite3_value* const value = ValueAt(static_cast<int>(index));
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return int64_t{sqlite3_value_int64(value)};
    case SQLITE_FLOAT:
      return sqlite3_value_double(value);
    case SQLITE_TEXT:
      return TextOf(value);
    case SQLITE_BLOB:
      return BytesOf(value);
    default:
      return std::monostate{};
  }
}

bool Statement::Read(std::string_view column, Cell& cell) const {
  const int index = Find(column);
  if (index < 0) return false;
  cell = At(static_cast<size_t>(index));
  return true;
}

bool Statement::IsNull(int index) const { return sqlite3_value_type(ValueAt(index)) == SQLITE_NULL; }
int64_t Statement::Int(int index) const { return sqlite3_value_int64(ValueAt(index)); }
std::string_view Statement::Text(int index) const { return TextOf(ValueAt(index)); }
SqlBytes Statement::Bytes(int index) const { return BytesOf(ValueAt(index)); }

// --- Connection

Result<std::unique_ptr<Connection>> Connection::Open(const ConnectionOptions& options) {
  sqlite3* db = nullptr;
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (options.create) flags |= SQLITE_OPEN_CREATE;
  if (options.immutable) flags |= SQLITE_OPEN_URI;
  const std::string name = options.immutable ? ImmutableUri(options.path) : options.path;
  const int code =
      sqlite3_open_v2(name.c_str(), &db, flags, options.vfs.empty() ? nullptr : options.vfs.c_str());
  if (code != SQLITE_OK) {
    Error error = FromSqlite(db, code, fmt::format("opening {}", options.path));
    sqlite3_close(db);
    return error;
  }
  std::unique_ptr<Connection> connection(new Connection(db));
  JAMMI_TRY(connection->SetUp(options));
  return connection;
}

Result<void> Connection::SetUp(const ConnectionOptions& options) {
  sqlite3_busy_timeout(db_, kBusyTimeoutMs);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, 1, nullptr);
  sqlite3_set_authorizer(db_, &Connection::OnAuthorize, this);
  // In place of the automatic checkpoint, which would run inside somebody's commit.
  sqlite3_wal_hook(db_, &Connection::OnWalCommit, this);
  clock_ = options.clock;
  if (const int code = sqlite3_create_function_v2(db_, "jammi_now", 0, SQLITE_UTF8, this, &Connection::Now,
                                                  nullptr, nullptr, nullptr);
      code != SQLITE_OK) {
    return FromSqlite(db_, code, "jammi_now");
  }
  if (options.read_only) return {};
  if (IsReadOnlyFile()) {
    return Error(ErrorCode::kFailedPrecondition, fmt::format("{} cannot be written", options.path),
                 BackendDetail{BackendFault::kReadOnly, options.path, {}});
  }
  const bool full = options.durability == Durability::kFull;
  JAMMI_TRY(RunScript(full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
  if (options.query_only) JAMMI_TRY(RunScript("PRAGMA query_only=ON"));
  return {};
}

Connection::~Connection() {
  for (auto& [text, prepared] : statements_) sqlite3_finalize(prepared.handle);
  sqlite3_finalize(begin_);
  sqlite3_finalize(commit_);
  sqlite3_close(db_);
}

int Connection::OnAuthorize(void* self, int action, const char*, const char*, const char*, const char*) {
  switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_PRAGMA:
      break;
    default:
      return SQLITE_OK;
  }
  auto* const connection = static_cast<Connection*>(self);
  connection->saw_control_ = true;
  return connection->deny_control_ ? SQLITE_DENY : SQLITE_OK;
}

void Connection::Now(sqlite3_context* context, int, sqlite3_value**) {
  sqlite3_result_int64(context, static_cast<Connection*>(sqlite3_user_data(context))->clock_->Now());
}

int Connection::OnWalCommit(void* self, sqlite3*, const char*, int frames) {
  static_cast<Connection*>(self)->wal_frames_ = frames;
  return SQLITE_OK;
}

// The first statement of `sql`; `rest` gets what follows it. Null when there is none.
Result<sqlite3_stmt*> Connection::Compile(std::string_view sql, bool keep, std::string_view* rest) {
  sqlite3_stmt* handle = nullptr;
  const char* tail = nullptr;
  saw_control_ = false;
  const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                      keep ? SQLITE_PREPARE_PERSISTENT : 0, &handle, &tail);
  if (code != SQLITE_OK) return FromSqlite(db_, code, Excerpt(sql));
  *rest = sql.substr(static_cast<size_t>(tail - sql.data()));
  return handle;
}

Result<Statement> Connection::Prepare(std::string_view sql) {
  JAMMI_ASSIGN(PreparedStatement * prepared, Find(sql));
  return Lend(*prepared);
}

Result<Statement> Connection::PrepareForBody(std::string_view sql) {
  saw_control_ = false;
  deny_control_ = true;
  auto prepared = Find(sql);
  deny_control_ = false;
  if (prepared ? (*prepared)->control : saw_control_) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("not allowed inside a transaction: {}", Excerpt(sql)));
  }
  if (!prepared) return std::move(prepared).error();
  return Lend(**prepared);
}

Result<Statement> Connection::Lend(PreparedStatement& prepared) {
  if (!prepared.in_use) return Statement(*this, prepared);
  return Error(ErrorCode::kInvalidState, fmt::format("a statement of the same text is running: {}",
                                                     Excerpt(sqlite3_sql(prepared.handle))));
}

// From the cache, or compiled and put there.
Result<PreparedStatement*> Connection::Find(std::string_view sql) {
  auto*& recent = recent_[(reinterpret_cast<uintptr_t>(sql.data()) >> 4) % recent_.size()];
  if (recent != nullptr && recent->first == sql) return &recent->second;
  if (const auto found = statements_.find(sql); found != statements_.end()) {
    recent = &*found;
    return &found->second;
  }
  if (statements_.size() >= kCachedStatements) ForgetUnused();
  const std::string numbered = NumberPlaceholders(sql);
  std::string_view rest;
  JAMMI_ASSIGN(sqlite3_stmt * handle, Compile(numbered, true, &rest));
  const bool control = saw_control_;
  sqlite3_stmt* second = nullptr;
  if (handle != nullptr && !rest.empty()) {
    if (auto next = Compile(rest, false, &rest); !next) {
      sqlite3_finalize(handle);
      return std::move(next).error();
    } else {
      second = *next;
    }
  }
  if (handle == nullptr || second != nullptr) {
    sqlite3_finalize(handle);
    sqlite3_finalize(second);
    return Error(ErrorCode::kInvalidArgument, fmt::format("one statement expected: {}", Excerpt(sql)));
  }
  PreparedStatement& prepared = statements_[std::string(sql)];
  prepared.handle = handle;
  prepared.control = control;
  for (int i = 0; i < sqlite3_column_count(handle); ++i)
    prepared.columns.emplace_back(sqlite3_column_name(handle, i));
  return &prepared;
}

void Connection::ForgetUnused() {
  recent_.fill(nullptr);
  std::erase_if(statements_, [](const auto& entry) {
    if (entry.second.in_use) return false;
    sqlite3_finalize(entry.second.handle);
    return true;
  });
}

Result<void> Connection::Run(std::string_view sql, std::initializer_list<SqlValue> params) {
  JAMMI_ASSIGN(Statement statement, Prepare(sql));
  JAMMI_TRY(statement.Bind(params));
  return statement.Finish();
}

Result<int64_t> Connection::GetInt(std::string_view sql, std::initializer_list<SqlValue> params) {
  JAMMI_ASSIGN(Statement statement, Prepare(sql));
  JAMMI_TRY(statement.Bind(params));
  JAMMI_ASSIGN(const bool row, statement.Step());
  if (!row) return Error(ErrorCode::kInternal, fmt::format("no row: {}", Excerpt(sql)));
  return statement.Int(0);
}

Result<void> Connection::RunScript(std::string_view sql) {
  while (!sql.empty()) {
    JAMMI_ASSIGN(sqlite3_stmt * handle, Compile(sql, false, &sql));
    if (handle == nullptr) continue;  // white space or a comment
    int code = SQLITE_ROW;
    while (code == SQLITE_ROW) code = sqlite3_step(handle);
    if (code != SQLITE_DONE) {
      Error error = FromSqlite(db_, code, Excerpt(sqlite3_sql(handle)));
      sqlite3_finalize(handle);
      return error;
    }
    sqlite3_finalize(handle);
  }
  return {};
}

void Connection::RollbackQuietly() {
  if (InTransaction())
    IgnoreError(Run("ROLLBACK"), "a transaction that cannot be rolled back is gone already");
}

Result<void> Connection::RunKept(sqlite3_stmt*& kept, std::string_view sql) {
  if (kept == nullptr) {
    std::string_view rest;
    JAMMI_ASSIGN(kept, Compile(sql, true, &rest));
  }
  const int code = sqlite3_step(kept);
  sqlite3_reset(kept);
  if (code == SQLITE_DONE) return {};
  return FromSqlite(db_, code, sql);
}

Result<void> Connection::BeginRead() { return RunKept(begin_, "BEGIN"); }

void Connection::EndRead() {
  if (!InTransaction()) return;
  // There is nothing to take back, and to say so costs more than to commit nothing.
  if (!RunKept(commit_, "COMMIT")) RollbackQuietly();
}

bool Connection::InTransaction() const { return sqlite3_get_autocommit(db_) == 0; }
int64_t Connection::total_changes() const { return sqlite3_total_changes64(db_); }
int64_t Connection::last_changes() const { return sqlite3_changes64(db_); }
bool Connection::IsReadOnlyFile() const { return sqlite3_db_readonly(db_, "main") == 1; }

bool Connection::HasOpenForeignKeys() const {
  int current = 0;
  int high = 0;
  sqlite3_db_status(db_, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &high, 0);
  return current != 0;
}

Result<Connection::CheckpointResult> Connection::RunCheckpoint(Checkpoint kind) {
  int wal_frames = 0;
  int done = 0;
  const int mode = kind == Checkpoint::kPassive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE;
  const int code = sqlite3_wal_checkpoint_v2(db_, "main", mode, &wal_frames, &done);
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) return FromSqlite(db_, code, "checkpoint");
  return CheckpointResult{code == SQLITE_OK && done == wal_frames, wal_frames, done};
}

}  // namespace jammi::sqlite
