#include "catalog/postgres/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "catalog/postgres/pg_error.h"

namespace jammi::postgres {
namespace {

constexpr int kOldestServer = 130000;  // the first with pg_current_xact_id()
constexpr size_t kMostStatements = 500;

// Object identifiers of the types that a Row gives; fixed in PostgreSQL's own catalog.
enum TypeId : Oid {
  kBool = 16,
  kBytea = 17,
  kName = 19,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kJson = 114,
  kFloat4 = 700,
  kFloat8 = 701,
  kBpChar = 1042,
  kVarChar = 1043,
};

template <class T>
T FromNetwork(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return std::byteswap(value);
}

// Parameters in the form that libpq wants. Numbers go as text, which the server reads as whatever type
// the statement needs there; text and bytes go as they are, without a copy.
class Parameters {
 public:
  explicit Parameters(SqlParams params) {
    const size_t count = params.size();
    values.resize(count);
    lengths.resize(count);
    formats.resize(count);
    numbers_.resize(count);
    for (size_t i = 0; i < count; ++i) std::visit([&](const auto& value) { Set(i, value); }, params[i].get());
  }

  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;

 private:
  void Set(size_t i, std::monostate) { values[i] = nullptr; }
  void Set(size_t i, int64_t value) {
    SetText(i, fmt::format_to_n(numbers_[i].data(), kLongest, "{}", value).out);
  }
  void Set(size_t i, double value) {
    SetText(i, fmt::format_to_n(numbers_[i].data(), kLongest, "{}", value).out);
  }
  void Set(size_t i, std::string_view value) { SetBinary(i, value.data(), value.size()); }
  void Set(size_t i, SqlBytes value) {
    SetBinary(i, reinterpret_cast<const char*>(value.data()), value.size());
  }
  void SetText(size_t i, char* end) {
    *end = '\0';
    values[i] = numbers_[i].data();
  }
  void SetBinary(size_t i, const char* data, size_t size) {
    values[i] = data == nullptr ? "" : data;  // null would be NULL
    lengths[i] = static_cast<int>(size);
    formats[i] = 1;
  }

  static constexpr size_t kLongest = 31;
  std::vector<std::array<char, kLongest + 1>> numbers_;
};

}  // namespace

// --- Results

void ResultSet::Clear::operator()(pg_result* result) const { PQclear(result); }

int ResultSet::rows() const { return PQntuples(result_.get()); }
int ResultSet::columns() const { return PQnfields(result_.get()); }
std::string_view ResultSet::tag() const { return PQcmdStatus(result_.get()); }

int64_t ResultSet::changes() const {
  const std::string_view what = tag();
  if (!what.starts_with("INSERT") && !what.starts_with("UPDATE") && !what.starts_with("DELETE")) return 0;
  return std::strtoll(PQcmdTuples(result_.get()), nullptr, 10);
}

bool ResultSet::IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }

int64_t ResultSet::Int(int row, int column) const {
  const char* bytes = PQgetvalue(result_.get(), row, column);
  switch (PQgetlength(result_.get(), row, column)) {
    case 1:
      return *bytes;
    case 2:
      return FromNetwork<int16_t>(bytes);
    case 4:
      return FromNetwork<int32_t>(bytes);
    case 8:
      return FromNetwork<int64_t>(bytes);
    default:
      return 0;
  }
}

double ResultSet::Double(int row, int column) const {
  const char* bytes = PQgetvalue(result_.get(), row, column);
  if (PQgetlength(result_.get(), row, column) == 4) return std::bit_cast<float>(FromNetwork<uint32_t>(bytes));
  return std::bit_cast<double>(FromNetwork<uint64_t>(bytes));
}

std::string_view ResultSet::Text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

SqlBytes ResultSet::Bytes(int row, int column) const {
  const std::string_view text = Text(row, column);
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Result<void> ResultSet::CheckTypes() const {
  static constexpr std::array kKnown = {kBool, kBytea, kName,   kInt8,   kInt2,   kInt4,
                                        kText, kJson,  kFloat4, kFloat8, kBpChar, kVarChar};
  for (int i = 0; i < columns(); ++i) {
    const Oid type = PQftype(result_.get(), i);
    if (std::ranges::find(kKnown, type) != kKnown.end()) continue;
    return Error(ErrorCode::kInternal,
                 fmt::format("column {} has a type (oid {}) that a row cannot give; cast it",
                             PQfname(result_.get(), i), type));
  }
  return {};
}

int ResultRow::Find(std::string_view column) const {
  // Columns are mostly asked for in their order.
  const int columns = results_.columns();
  for (int i = 0; i < columns; ++i) {
    if (next_column_ >= columns) next_column_ = 0;
    const int index = next_column_++;
    if (column == PQfname(results_.result_.get(), index)) return index;
  }
  return -1;
}

Row::Cell ResultRow::At(size_t column) const {
  const int index = static_cast<int>(column);
  if (results_.IsNull(row_, index)) return std::monostate{};
  switch (PQftype(results_.result_.get(), index)) {
    case kBool:
    case kInt2:
    case kInt4:
    case kInt8:
      return results_.Int(row_, index);
    case kFloat4:
    case kFloat8:
      return results_.Double(row_, index);
    case kBytea:
      return results_.Bytes(row_, index);
    default:
      return results_.Text(row_, index);
  }
}

bool ResultRow::Read(std::string_view column, Cell& cell) const {
  const int index = Find(column);
  if (index < 0) return false;
  cell = At(static_cast<size_t>(index));
  return true;
}

// --- Opening

namespace {

// libpq observes connect_timeout in its blocking functions only.
Deadline ConnectTimeout(const ConnectionParameters& parameters) {
  for (const auto& [key, value] : parameters) {
    if (key != "connect_timeout") continue;
    const long seconds = std::strtol(value.c_str(), nullptr, 10);
    if (seconds > 0) return Deadline::After(std::chrono::seconds(seconds));
  }
  return Deadline::Never();
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(const ConnectionOptions& options, Deadline deadline) {
  const ConnectionParameters& parameters = options.parameters;
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : parameters) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  PGconn* handle = PQconnectStartParams(keys.data(), values.data(), /*expand_dbname=*/0);
  if (handle == nullptr) return Error(ErrorCode::kResourceExhausted, "libpq is out of memory");
  std::unique_ptr<Connection> connection(new Connection(handle, options));
  if (auto connected = connection->Connect(Earlier(deadline, ConnectTimeout(parameters))); !connected) {
    const bool ours = connected.error().code() == ErrorCode::kDeadlineExceeded && !deadline.Passed();
    if (ours) return ConnectionLost("it could not be made within connect_timeout");
    return std::move(connected).error();
  }
  JAMMI_TRY(connection->CheckServer(deadline));
  return Result<std::unique_ptr<Connection>>(std::move(connection));
}

Connection::~Connection() {
  if (const std::string farewell = marker_.Farewell(); !farewell.empty()) SendOnly(farewell);
  PQfinish(connection_);
}

Result<void> Connection::Connect(Deadline deadline) {
  PQsetNoticeReceiver(connection_, &Connection::TakeNotice, this);
  PQsetErrorVerbosity(connection_, PQERRORS_VERBOSE);  // with the SQLSTATE, see FromConnection
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED || PQstatus(connection_) == CONNECTION_BAD) {
      return FromConnection(connection_, "cannot connect to PostgreSQL");
    }
    if (auto ready = Wait(state == PGRES_POLLING_WRITING, deadline); !ready) {
      return std::move(ready).error().While("connecting to PostgreSQL");
    }
    state = PQconnectPoll(connection_);
  }
  PQsetErrorVerbosity(connection_, PQERRORS_DEFAULT);
  if (PQsetnonblocking(connection_, 1) != 0 || PQenterPipelineMode(connection_) != 1) return Lose();
  return {};
}

Result<void> Connection::CheckServer(Deadline deadline) {
  if (const int version = PQserverVersion(connection_); version < kOldestServer) {
    return Error(ErrorCode::kFailedPrecondition,
                 fmt::format("the server is PostgreSQL {}; {} is the oldest that will do", version / 10000,
                             kOldestServer / 10000));
  }
  const char* encoding = PQparameterStatus(connection_, "server_encoding");
  if (encoding != nullptr && std::string_view(encoding) != "UTF8") {
    return Error(
        ErrorCode::kFailedPrecondition,
        fmt::format("the database stores text as {}; it must be created with ENCODING 'UTF8'", encoding));
  }
  JAMMI_ASSIGN(const ResultSet self,
               RunOne("SELECT CAST(extract(epoch FROM backend_start) * 1000000 AS BIGINT),"
                      " pg_is_in_recovery()"
                      " FROM pg_stat_activity WHERE pid = pg_backend_pid()",
                      {}, deadline));
  if (self.rows() == 0)
    return Error(ErrorCode::kFailedPrecondition, "the server does not show its processes");
  process_ = {PQbackendPID(connection_), self.Int(0, 0)};
  if (self.Int(0, 1) != 0) {
    return Error(ErrorCode::kUnavailable, "the server is a standby, which cannot be written to",
                 BackendDetail{BackendFault::kReadOnly, {}, {}});
  }
  return {};
}

int Connection::socket() const { return PQsocket(connection_); }

// --- Round trips

Error Connection::Lose() {
  lost_ = true;
  return ConnectionLost(PQerrorMessage(connection_));
}

Result<void> Connection::Wait(bool to_write, Deadline deadline) {
  using std::chrono::milliseconds;
  pollfd waiting{PQsocket(connection_), static_cast<short>(POLLIN | (to_write ? POLLOUT : 0)), 0};
  while (true) {
    if (deadline.Passed()) {
      lost_ = true;  // the answer may come, and nobody will know to what
      return Error(ErrorCode::kDeadlineExceeded, "PostgreSQL did not answer in time");
    }
    auto longest = options_.silence_limit;
    if (!deadline.IsNever()) {
      const auto left = std::chrono::ceil<milliseconds>(deadline.at() - std::chrono::steady_clock::now());
      longest = std::clamp(left, milliseconds(0), milliseconds(60'000));
    }
    const int ready = poll(&waiting, 1, static_cast<int>(longest.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) {
      lost_ = true;
      return ConnectionLost(strerrordesc_np(errno));
    }
    if (ready == 0 && deadline.IsNever() && !ServerAnswers()) {
      lost_ = true;
      return ConnectionLost("the server is silent, and gives no other connection either");
    }
  }
}

// A statement may take its time, but a server that is there can be connected to.
bool Connection::ServerAnswers() const {
  const auto probe = Open(options_, Deadline::After(options_.probe_limit));
  if (probe) return true;
  const auto* detail = probe.error().As<BackendDetail>();
  return detail != nullptr && !detail->native_code.empty();  // a refusal is an answer
}

// Puts a statement into the outgoing pipeline.
bool Connection::Send(const Statement& statement, std::vector<Sent>& sent) {
  auto found = statements_.find(statement.sql);
  const bool is_old = found != statements_.end();
  if (!is_old) {
    found = statements_.emplace(statement.sql, Prepared{fmt::format("s{}", ++next_name_)}).first;
    sent.push_back({&found->second, /*prepares=*/true});
    if (PQsendPrepare(connection_, found->second.name.c_str(), found->first.c_str(), 0, nullptr) != 1)
      return false;
  }
  const Parameters parameters(statement.params);
  sent.push_back({&found->second, /*prepares=*/false, is_old});
  return PQsendQueryPrepared(connection_, found->second.name.c_str(),
                             static_cast<int>(statement.params.size()), parameters.values.data(),
                             parameters.lengths.data(), parameters.formats.data(),
                             /*resultFormat=*/1) == 1;
}

// Sends what is buffered, and takes in what comes meanwhile, so that neither side waits for the other.
Result<void> Connection::Flush(Deadline deadline) {
  while (true) {
    const int left = PQflush(connection_);
    if (left == 0) return {};
    if (left < 0) return Lose();
    JAMMI_TRY(Wait(/*to_write=*/true, deadline));
    if (PQconsumeInput(connection_) != 1) return Lose();
  }
}

// The next result; null at the end of a statement's results.
Result<pg_result*> Connection::Next(Deadline deadline) {
  while (PQisBusy(connection_) != 0) {
    JAMMI_TRY(Wait(/*to_write=*/false, deadline));
    if (PQconsumeInput(connection_) != 1) return Lose();
  }
  return PQgetResult(connection_);
}

Result<void> Connection::SkipToSync(Deadline deadline) {
  while (unread_syncs_ > 0) {
    JAMMI_ASSIGN(pg_result * next, Next(deadline));
    if (next == nullptr) {
      if (PQstatus(connection_) == CONNECTION_BAD) return Lose();
      continue;
    }
    const ResultSet result(next);
    if (PQresultStatus(next) == PGRES_PIPELINE_SYNC) --unread_syncs_;
    if (PQresultStatus(next) == PGRES_FATAL_ERROR && EndsConnection(next)) {
      lost_ = true;
      return ConnectionLost(FromResult(next).message());
    }
  }
  return {};
}

Result<std::vector<ResultSet>> Connection::Receive(std::span<const Sent> sent, Deadline deadline) {
  JAMMI_TRY(SkipToSync(deadline));
  std::vector<ResultSet> results;
  std::optional<Error> failed;
  bool stale = false;
  for (const Sent& one : sent) {
    JAMMI_ASSIGN(pg_result * answer, Next(deadline));
    if (answer == nullptr) return Lose();
    ResultSet result(answer);
    const ExecStatusType status = PQresultStatus(answer);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
      if (one.prepares)
        one.statement->ready = true;
      else
        results.push_back(std::move(result));
    } else if (!failed && status != PGRES_PIPELINE_ABORTED) {
      failed = FromResult(answer);
      stale = one.is_old && IsStale(*failed);
      if (status != PGRES_FATAL_ERROR || EndsConnection(answer)) {
        lost_ = true;
        return *failed;
      }
    }
    JAMMI_ASSIGN(const pg_result* end, Next(deadline));
    if (end != nullptr) return Lose();
  }
  unread_syncs_ = 1;
  JAMMI_TRY(SkipToSync(deadline));
  if (!failed) return results;
  std::erase_if(statements_, [](const auto& entry) { return !entry.second.ready; });
  if (stale) {
    lost_ = true;
    return ConnectionLost(failed->message());
  }
  return *std::move(failed);
}

Result<std::vector<ResultSet>> Connection::Run(std::span<const Statement> statements, Deadline deadline) {
  if (lost_) return ConnectionLost("it is not used any more");
  std::vector<Sent> sent;
  for (const Statement& statement : statements) {
    if (!Send(statement, sent)) return Lose();
  }
  if (PQpipelineSync(connection_) != 1) return Lose();
  JAMMI_TRY(Flush(deadline));
  return Receive(sent, deadline);
}

Result<ResultSet> Connection::RunOne(std::string_view sql, std::initializer_list<SqlValue> params,
                                     Deadline deadline) {
  const Statement statement{sql, {params.begin(), params.size()}};
  JAMMI_ASSIGN(auto results, Run({&statement, 1}, deadline));
  return std::move(results.front());
}

void Connection::SendOnly(std::string_view sql) {
  std::vector<Sent> sent;
  if (lost_) return;
  if (!Send({sql, {}}, sent) || PQpipelineSync(connection_) != 1 || PQflush(connection_) < 0) {
    lost_ = true;
    return;
  }
  ++unread_syncs_;
  for (const Sent& one : sent) {
    one.statement->ready = true;  // ROLLBACK and COMMIT can always be prepared
  }
}

Result<void> Connection::RunScript(const std::string& sql) {
  JAMMI_TRY(LeavePipeline());
  if (PQsendQuery(connection_, sql.c_str()) != 1) return Lose();
  JAMMI_TRY(Flush({}));
  return FinishPlain();
}

void Connection::TrimStatements() {
  if (statements_.size() <= kMostStatements) return;
  statements_.clear();
  if (!RunOne("DEALLOCATE ALL")) lost_ = true;
  statements_.clear();
}

// --- What the server says by itself

// A server that ends an idle connection says so in this way too.
void Connection::TakeNotice(void* self, const pg_result* notice) {
  if (EndsConnection(notice)) static_cast<Connection*>(self)->lost_ = true;
  Log(LogLevel::kDebug, "PostgreSQL: {}", FromResult(notice).message());
}

bool Connection::LooksAlive() {
  if (lost_ || PQstatus(connection_) == CONNECTION_BAD) return false;
  pollfd waiting{PQsocket(connection_), POLLIN | POLLRDHUP, 0};
  if (poll(&waiting, 1, 0) <= 0) return true;
  if ((waiting.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) return false;
  if (PQconsumeInput(connection_) != 1) return false;
  (void)PQisBusy(connection_);  // reads a notice that has come, if any
  return !lost_;
}

Result<std::vector<Notification>> Connection::TakeNotifications() {
  if (PQconsumeInput(connection_) != 1) return Lose();
  std::vector<Notification> all;
  while (PGnotify* one = PQnotifies(connection_)) {
    all.push_back({one->relname, one->extra, one->be_pid});
    PQfreemem(one);
  }
  return all;
}

}  // namespace jammi::postgres
