#include "ephemeral/ephemeral_sessions.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "base/sync_point.h"
#include "catalog/arguments.h"
#include "ephemeral/handle_state.h"

namespace jammi {

Error EphemeralEnded(std::string_view session_id) {
  return Error(ErrorCode::kInvalidState, fmt::format("ephemeral session {} is already closed", session_id),
               EphemeralDetail{.fault = EphemeralFault::kEnded, .session_id = std::string(session_id)});
}

Result<std::shared_ptr<EphemeralSessions>> EphemeralSessions::Start(Catalog& catalog, Streams& streams,
                                                                    TableStore& tables,
                                                                    const EphemeralSessionsOptions& options) {
  JAMMI_TRY(LeaseMicros(options.lease));
  if (options.sweep_interval < std::chrono::milliseconds(1) || options.sessions_a_pass < 1) {
    return InvalidArgument("ephemeral.sweep_interval", "and the sessions of a pass must be above zero");
  }
  std::shared_ptr<EphemeralSessions> sessions(new EphemeralSessions(catalog, streams, tables, options));
  if (catalog.backend().kind() == BackendKind::kSqlite) JAMMI_TRY(sessions->repo_.ExpireOthers());
  if (options.background) sessions->sweeper_.Start();
  return sessions;
}

EphemeralSessions::EphemeralSessions(Catalog& catalog, Streams& streams, TableStore& tables,
                                     const EphemeralSessionsOptions& options)
    : backend_(catalog.backend()),
      lease_(options.lease),
      background_(options.background),
      repo_(backend_, Uuid::RandomV4().ToString(), lease_),
      tables_(tables),
      topic_(backend_, streams),
      ender_(backend_, repo_, tables_, topic_),
      sweeper_(repo_, ender_,
               {.interval = options.sweep_interval,
                .sessions_a_pass = options.sessions_a_pass,
                .after_round = [this] { CheckRenewal(); }}) {}

// --- Handles ------------------------------------------------------------------------------------------

Result<EphemeralSession> EphemeralSessions::Open(const Scope& scope, const OpenEphemeralOptions& options) {
  if (scope.is_global()) {
    return Error(ErrorCode::kFailedPrecondition, "an ephemeral session belongs to a tenant; none is bound",
                 EphemeralDetail{.fault = EphemeralFault::kNoTenantBinding});
  }
  if (options.timeout <= std::chrono::microseconds(0)) {
    return InvalidArgument("timeout", "must be above zero");
  }
  const Pass pass(gate_);
  if (!pass) return Closed();
  const EphemeralKey key{scope, Uuid::RandomV4().ToString()};
  JAMMI_ASSIGN(const int64_t topic_no, topic_.Ensure(scope));
  JAMMI_ASSIGN(const auto record, backend_.Transact({}, [&](Transaction& tx) -> Result<EphemeralRecord> {
    JAMMI_ASSIGN(const auto inserted, repo_.Insert(tx, key, options.timeout));
    JAMMI_TRY(LifecycleTopic::Append(tx, topic_no, scope,
                                     {.session_id = key.session_id,
                                      .tenant_id = scope.Key(),
                                      .event = SessionLifecycleEvent::kOpened,
                                      .occurred_at = inserted.created_at}));
    return inserted;
  }));
  return MakeHandle(key, record, /*owner=*/true);
}

Result<EphemeralSession> EphemeralSessions::Attach(const Scope& scope, std::string_view session_id) {
  const Pass pass(gate_);
  if (!pass) return Closed();
  const auto uuid = Uuid::Parse(session_id);
  const EphemeralKey key{scope, uuid ? uuid->ToString() : std::string()};
  std::optional<EphemeralRecord> record;
  if (uuid) {
    JAMMI_ASSIGN(record, repo_.FindOpen(key, Deadline::Never()));
  }
  if (record) return MakeHandle(key, *record, /*owner=*/false);
  return Error(ErrorCode::kNotFound, fmt::format("ephemeral session not found: {}", session_id),
               EphemeralDetail{.fault = EphemeralFault::kEnded, .session_id = std::string(session_id)});
}

Result<EphemeralSession> EphemeralSessions::MakeHandle(const EphemeralKey& key, const EphemeralRecord& record,
                                                       bool owner) {
  if (owner) AddHandle();
  return EphemeralSession(std::make_unique<EphemeralSession::State>(shared_from_this(), key, record, owner));
}

Result<void> EphemeralSessions::Close(const EphemeralKey& key, Deadline deadline) {
  JAMMI_ASSIGN(const SessionEnd end, ender_.End(key, EndOf::kOpen, deadline));
  if (end.survivors.empty()) return {};
  const auto failed = static_cast<int64_t>(end.survivors.size());
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("ephemeral session {}: {} of {} tables could not be dropped yet", key.session_id,
                           failed, end.tables),
               EphemeralDetail{.fault = EphemeralFault::kPartialDeletionFailure,
                               .session_id = key.session_id,
                               .failed = failed,
                               .total = end.tables});
}

Result<SweepReport> EphemeralSessions::Sweep() {
  const Pass pass(gate_);
  if (!pass) return Closed();
  return sweeper_.RunPass();
}

// --- Leases -------------------------------------------------------------------------------------------

void EphemeralSessions::AddHandle() {
  const std::lock_guard lock(mutex_);
  ++handles_;
  has_opened_ = true;
  StartRenewal();
}

void EphemeralSessions::RemoveHandle() {
  const std::lock_guard lock(mutex_);
  --handles_;
}

// The keeper gives up a lease that it could not renew in time, as while the database was away. Ours may be
// there still: nobody has taken it unless somebody has ended the session.
void EphemeralSessions::StartRenewal() {
  if (!background_ || (kept_ && !kept_->MustStop())) return;
  if (!keeper_) keeper_.emplace();
  kept_.emplace(keeper_->Keep(std::chrono::steady_clock::now(), lease_, [this] { return repo_.RenewAll(); }));
}

void EphemeralSessions::CheckRenewal() {
  std::optional<LeaseKeeper::Kept> over;  // its end waits for a renewal that runs: outside of the lock
  const std::lock_guard lock(mutex_);
  if (handles_ > 0) return StartRenewal();
  over.swap(kept_);
}

void EphemeralSessions::Stop(bool give_up) {
  gate_.Shut();
  sweeper_.Stop();
  {
    const std::lock_guard lock(mutex_);
    kept_.reset();
    keeper_.reset();
    give_up = std::exchange(has_opened_, false) && give_up;
  }
  if (!give_up) return;
  const auto given_up = repo_.GiveUpAll(Deadline::After(std::chrono::seconds(5)));
  if (!given_up) {
    Log(LogLevel::kWarning, "open ephemeral sessions are left to expire: {}", given_up.error().ToString());
  }
}

}  // namespace jammi
