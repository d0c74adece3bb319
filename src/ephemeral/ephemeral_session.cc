#include "jammi/ephemeral.h"

#include <fmt/format.h>

#include <utility>

#include "base/sync_point.h"
#include "catalog/arguments.h"
#include "ephemeral/ephemeral_sessions.h"
#include "ephemeral/handle_state.h"

namespace jammi {
namespace {

Error OfTable(ErrorCode code, EphemeralFault fault, const EphemeralKey& key, std::string_view table,
              std::string_view what) {
  return Error(code, fmt::format("ephemeral table '{}' {}", table, what),
               EphemeralDetail{.fault = fault, .session_id = key.session_id, .table = std::string(table)});
}

bool IsTableFault(const Error& error, TableFault fault) {
  const auto* const detail = error.As<TableDetail>();
  return detail != nullptr && detail->fault == fault;
}

// No session has a table of such a name, so none needs to be asked.
bool IsNoTable(const Error& error) {
  return IsTableFault(error, TableFault::kNotFound) || IsTableFault(error, TableFault::kInvalidId);
}

}  // namespace

EphemeralSession::EphemeralSession(std::unique_ptr<State> state) : state_(std::move(state)) {}
EphemeralSession::EphemeralSession(EphemeralSession&&) noexcept = default;

EphemeralSession& EphemeralSession::operator=(EphemeralSession&& other) noexcept {
  if (this != &other) {
    const EphemeralSession gone(std::exchange(state_, nullptr));
    state_ = std::move(other.state_);
  }
  return *this;
}

EphemeralSession::~EphemeralSession() {
  if (state_ == nullptr || !state_->owner) return;
  if (!state_->closed) state_->sessions->sweeper_.GiveUp(state_->key);
  state_->sessions->RemoveHandle();
}

const std::string& EphemeralSession::id() const { return state_->key.session_id; }
const TenantId& EphemeralSession::tenant() const { return *state_->key.tenant.tenant(); }
UnixMicros EphemeralSession::created_at() const { return state_->created_at; }
std::optional<UnixMicros> EphemeralSession::deadline() const { return state_->deadline; }

std::string EphemeralSession::TableId(std::string_view table) const {
  return EphemeralTableId(state_->key.session_id, table);
}

Result<void> EphemeralSession::CheckOpen() const {
  if (state_->closed) return EphemeralEnded(id());
  JAMMI_ASSIGN(const auto open, state_->sessions->repo_.FindOpen(state_->key, Deadline::Never()));
  return open ? Result<void>() : EphemeralEnded(id());
}

Result<void> EphemeralSession::CreateTable(std::string_view name,
                                           const std::shared_ptr<arrow::Schema>& schema,
                                           const std::vector<std::string>& primary_key) {
  if (state_->closed) return EphemeralEnded(id());
  if (name.size() > kMaxTableNameBytes) {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("name of an ephemeral table: {} bytes, more than {}", name.size(), kMaxTableNameBytes),
        EphemeralDetail{.fault = EphemeralFault::kNameTooLong,
                        .session_id = id(),
                        .table = std::string(name),
                        .limit = kMaxTableNameBytes});
  }
  if (name.empty()) return InvalidArgument("name of an ephemeral table", "must not be empty");
  EphemeralSessions& sessions = *state_->sessions;
  const Pass pass(sessions.gate_);
  if (!pass) return EphemeralSessions::Closed();
  // It is open until the table is there, so whoever ends it finds the table.
  bool open = false;
  const auto while_open = [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(open, sessions.repo_.HoldOpen(tx, state_->key));
    return open ? Result<void>() : Error(ErrorCode::kInvalidState, "the session is not open");
  };
  const TableDefinition definition{.id = TableId(name), .schema = schema, .primary_key = primary_key};
  const auto created = sessions.tables_.Create(definition, state_->key, while_open);
  if (created) return {};
  if (!open && created.error().code() == ErrorCode::kInvalidState) return EphemeralEnded(id());
  if (!IsTableFault(created.error(), TableFault::kAlreadyExists)) return created.error();
  return OfTable(ErrorCode::kAlreadyExists, EphemeralFault::kDuplicateTable, state_->key, name,
                 "exists already");
}

// Calls `verb(tables, id)` of a session that is open. A table that is not there says nothing before it is
// known that the session still is.
template <class Verb>
auto EphemeralSession::OnTable(std::string_view table, Verb verb) const
    -> std::invoke_result_t<Verb, const SessionTables&, const std::string&> {
  const EphemeralSessions& sessions = *state_->sessions;
  const Pass pass(state_->sessions->gate_);
  if (!pass) return EphemeralSessions::Closed();
  JAMMI_TRY(CheckOpen());
  JAMMI_SYNC_POINT("EphemeralSession::OnTable was open");
  auto done = verb(sessions.tables_, TableId(table));
  if (done || !IsNoTable(done.error())) return done;
  JAMMI_TRY(CheckOpen());
  return OfTable(ErrorCode::kNotFound, EphemeralFault::kUnknownTable, state_->key, table, "does not exist");
}

Result<int64_t> EphemeralSession::Insert(std::string_view table,
                                         const std::shared_ptr<arrow::RecordBatch>& batch) {
  return OnTable(table, [&](const SessionTables& tables, const std::string& id) {
    return tables.Append(state_->key, id, batch);
  });
}

Result<TableScanEnd> EphemeralSession::Scan(std::string_view table, const TableScan& scan,
                                            const OnTableBatch& on_batch) const {
  return OnTable(table, [&](const SessionTables& tables, const std::string& id) {
    return tables.Scan(state_->key, id, scan, on_batch);
  });
}

Result<int64_t> EphemeralSession::Count(std::string_view table) const {
  return OnTable(table, [&](const SessionTables& tables, const std::string& id) {
    return tables.Count(state_->key, id);
  });
}

Result<void> EphemeralSession::Close(Deadline deadline) {
  if (state_->closed) return {};
  const Pass pass(state_->sessions->gate_);
  if (!pass) return EphemeralSessions::Closed();
  auto closed = state_->sessions->Close(state_->key, deadline);
  // Tables that survive are the sweeper's from now on.
  if (closed || closed.error().As<EphemeralDetail>() != nullptr) state_->closed = true;
  return closed;
}

}  // namespace jammi
