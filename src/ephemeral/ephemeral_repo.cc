#include "ephemeral/ephemeral_repo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "catalog/enum_text.h"
#include "catalog/lease.h"
#include "catalog/read_rows.h"

namespace jammi {
namespace {

constexpr std::array<std::string_view, 3> kEndingTexts = {"closed", "timed_out", "engine_lost"};

Result<SessionEnding> ParseEnding(std::string_view text) {
  const auto ending = ValueOf<SessionEnding>(kEndingTexts, text);
  if (ending) return *ending;
  return Error(ErrorCode::kInvalidArgument, fmt::format("'{}' is no end of a session", text));
}

#define JAMMI_SESSION "scope = $1 AND session_id = $2"
#define JAMMI_SESSION_OPEN "ending IS NULL AND (deadline IS NULL OR deadline > (SELECT jammi_now()))"
#define JAMMI_ENDING_COLUMNS \
  "ending, lease_epoch, dropped_tables, deleted_rows, failures, announced, (SELECT jammi_now()) AS now"

// A deadline beyond what the clock can say is never.
constexpr std::string_view kInsert =
    "INSERT INTO ephemeral_sessions (scope, session_id, created_at, deadline, lease_holder, lease_epoch, "
    "lease_expires_at) SELECT $1, $2, clock.now, "
    "CASE WHEN CAST($3 AS BIGINT) > 9223372036854775807 - clock.now THEN NULL "
    "ELSE clock.now + CAST($3 AS BIGINT) END, $4, 1, clock.now + CAST($5 AS BIGINT) "
    "FROM (SELECT jammi_now() AS now) AS clock WHERE TRUE RETURNING created_at, deadline";
constexpr std::string_view kFindOpen =
    "SELECT created_at, deadline FROM ephemeral_sessions WHERE " JAMMI_SESSION " AND " JAMMI_SESSION_OPEN;
#define JAMMI_HOLD_OPEN \
  "SELECT 1 AS found FROM ephemeral_sessions WHERE " JAMMI_SESSION " AND " JAMMI_SESSION_OPEN
constexpr std::string_view kHoldOpen = JAMMI_HOLD_OPEN;
// Where writers run side by side: who would end it waits.
constexpr std::string_view kHoldOpenShared = JAMMI_HOLD_OPEN " FOR SHARE";

constexpr std::string_view kClaimOpen = "UPDATE ephemeral_sessions SET ending = 'closed', " JAMMI_LEASE_TAKE(
    "$3", "$4") " WHERE " JAMMI_SESSION " AND ending IS NULL RETURNING " JAMMI_ENDING_COLUMNS;
constexpr std::string_view kClaimDue =
    "UPDATE ephemeral_sessions SET ending = COALESCE(ending, CASE WHEN deadline <= (SELECT jammi_now()) "
    "THEN 'timed_out' ELSE 'engine_lost' END), " JAMMI_LEASE_TAKE(
        "$3", "$4") " WHERE " JAMMI_SESSION " AND " JAMMI_LEASE_EXPIRED " RETURNING " JAMMI_ENDING_COLUMNS;
constexpr std::string_view kHold = "UPDATE ephemeral_sessions SET " JAMMI_LEASE_RENEW(
    "$5") " WHERE " JAMMI_SESSION
          " AND lease_holder = $3 AND lease_epoch = $4 RETURNING " JAMMI_ENDING_COLUMNS;

constexpr std::string_view kAddDropped =
    "UPDATE ephemeral_sessions SET dropped_tables = dropped_tables + $3, deleted_rows = deleted_rows + $4 "
    "WHERE " JAMMI_SESSION;
constexpr std::string_view kPostpone =
    "UPDATE ephemeral_sessions SET failures = failures + 1, announced = $4, " JAMMI_LEASE_RENEW(
        "$3") " WHERE " JAMMI_SESSION;
constexpr std::string_view kRemove = "DELETE FROM ephemeral_sessions WHERE " JAMMI_SESSION;

constexpr std::string_view kFindDue =
    "SELECT scope, session_id FROM ephemeral_sessions WHERE " JAMMI_LEASE_EXPIRED
    " ORDER BY lease_expires_at LIMIT $1";
constexpr std::string_view kRenewAll =
    "UPDATE ephemeral_sessions SET lease_expires_at = CASE WHEN deadline <= (SELECT jammi_now()) + "
    "CAST($2 AS BIGINT) THEN deadline ELSE (SELECT jammi_now()) + CAST($2 AS BIGINT) END "
    "WHERE lease_holder = $1 AND ending IS NULL";
constexpr std::string_view kGiveUpAll =
    "UPDATE ephemeral_sessions SET ending = 'closed', lease_expires_at = (SELECT jammi_now()) "
    "WHERE lease_holder = $1 AND ending IS NULL";
constexpr std::string_view kExpireOthers =
    "UPDATE ephemeral_sessions SET lease_expires_at = (SELECT jammi_now()) "
    "WHERE lease_holder <> $1 AND lease_expires_at > (SELECT jammi_now())";

// Not the last one: it looks at all there are, once, when an engine starts.
constexpr std::array kEphemeralStatements = {
    RepoStatement{"insert", kInsert, 5},          RepoStatement{"find open", kFindOpen, 2},
    RepoStatement{"hold open", kHoldOpen, 2},     RepoStatement{"claim open", kClaimOpen, 4},
    RepoStatement{"claim due", kClaimDue, 4},     RepoStatement{"hold", kHold, 5},
    RepoStatement{"add dropped", kAddDropped, 4}, RepoStatement{"postpone", kPostpone, 4},
    RepoStatement{"remove", kRemove, 2},          RepoStatement{"find due", kFindDue, 1},
    RepoStatement{"renew all", kRenewAll, 2},     RepoStatement{"give up all", kGiveUpAll, 1},
};

Result<EphemeralRecord> ReadRecord(const Row& row) {
  EphemeralRecord record;
  JAMMI_ASSIGN(record.created_at, row.Get<int64_t>("created_at"));
  JAMMI_ASSIGN(record.deadline, row.Get<std::optional<int64_t>>("deadline"));
  return record;
}

Result<EndingSession> ReadEnding(const Row& row) {
  EndingSession session;
  JAMMI_ASSIGN(session.ending, ReadEnum(row, "ending", ParseEnding));
  JAMMI_ASSIGN(session.epoch, row.Get<int64_t>("lease_epoch"));
  JAMMI_ASSIGN(session.dropped_tables, row.Get<int64_t>("dropped_tables"));
  JAMMI_ASSIGN(session.deleted_rows, row.Get<int64_t>("deleted_rows"));
  JAMMI_ASSIGN(session.failures, row.Get<int64_t>("failures"));
  JAMMI_ASSIGN(session.announced, row.Get<bool>("announced"));
  JAMMI_ASSIGN(session.now, row.Get<int64_t>("now"));
  return session;
}

Result<void> ExpectOne(int64_t changed, const EphemeralKey& key) {
  if (changed == 1) return {};
  return Error(ErrorCode::kInternal,
               fmt::format("ephemeral session {} went while its row was held", key.session_id));
}

}  // namespace

std::span<const RepoStatement> EphemeralStatements() { return kEphemeralStatements; }

Result<EphemeralRecord> EphemeralRepo::Insert(Transaction& tx, const EphemeralKey& key,
                                              std::chrono::microseconds timeout) const {
  JAMMI_ASSIGN(const auto record, tx.QueryFirst(kInsert,
                                                {key.tenant.Key(), key.session_id, timeout.count(), holder_,
                                                 std::min(timeout, lease_).count()},
                                                ReadRecord));
  if (record) return *record;
  return Error(ErrorCode::kInternal, "an INSERT of one row has returned none");
}

Result<std::optional<EphemeralRecord>> EphemeralRepo::FindOpen(const EphemeralKey& key,
                                                               Deadline deadline) const {
  const TxOptions options{.read_only = true, .single_statement = true, .deadline = deadline};
  return backend_.Transact(options, [&](Transaction& tx) {
    return tx.QueryFirst(kFindOpen, {key.tenant.Key(), key.session_id}, ReadRecord);
  });
}

Result<bool> EphemeralRepo::HoldOpen(Transaction& tx, const EphemeralKey& key) const {
  const bool shared = backend_.kind() == BackendKind::kPostgres;
  JAMMI_ASSIGN(const auto found,
               tx.QueryFirst(shared ? kHoldOpenShared : kHoldOpen, {key.tenant.Key(), key.session_id},
                             ReadColumn<int64_t>("found")));
  return found.has_value();
}

Result<std::optional<EndingSession>> EphemeralRepo::Claim(Transaction& tx, std::string_view sql,
                                                          const EphemeralKey& key) const {
  return tx.QueryFirst(sql, {key.tenant.Key(), key.session_id, holder_, lease_.count()}, ReadEnding);
}

Result<std::optional<EndingSession>> EphemeralRepo::ClaimOpen(Transaction& tx,
                                                              const EphemeralKey& key) const {
  return Claim(tx, kClaimOpen, key);
}

Result<std::optional<EndingSession>> EphemeralRepo::ClaimDue(Transaction& tx, const EphemeralKey& key) const {
  return Claim(tx, kClaimDue, key);
}

Result<std::optional<EndingSession>> EphemeralRepo::Hold(Transaction& tx, const EphemeralKey& key,
                                                         const EndingSession& session) const {
  return tx.QueryFirst(kHold, {key.tenant.Key(), key.session_id, holder_, session.epoch, lease_.count()},
                       ReadEnding);
}

Result<void> EphemeralRepo::AddDropped(Transaction& tx, const EphemeralKey& key, int64_t tables,
                                       int64_t rows) const {
  JAMMI_ASSIGN(const int64_t changed,
               tx.Execute(kAddDropped, {key.tenant.Key(), key.session_id, tables, rows}));
  return ExpectOne(changed, key);
}

Result<void> EphemeralRepo::Postpone(Transaction& tx, const EphemeralKey& key, std::chrono::microseconds by,
                                     bool announced) const {
  JAMMI_ASSIGN(const int64_t changed,
               tx.Execute(kPostpone, {key.tenant.Key(), key.session_id, by.count(), announced}));
  return ExpectOne(changed, key);
}

Result<void> EphemeralRepo::Remove(Transaction& tx, const EphemeralKey& key) const {
  JAMMI_ASSIGN(const int64_t changed, tx.Execute(kRemove, {key.tenant.Key(), key.session_id}));
  return ExpectOne(changed, key);
}

Result<std::vector<EphemeralKey>> EphemeralRepo::FindDue(int64_t limit) const {
  const TxOptions options{.read_only = true, .single_statement = true};
  return backend_.Transact(options, [&](Transaction& tx) -> Result<std::vector<EphemeralKey>> {
    std::vector<EphemeralKey> due;
    JAMMI_TRY(tx.Query(kFindDue, {limit}, [&](const Row& row) -> Result<bool> {
      EphemeralKey key;
      JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("scope"));
      JAMMI_ASSIGN(key.tenant, Scope::FromKey(scope));
      JAMMI_ASSIGN(key.session_id, row.Get<std::string>("session_id"));
      due.push_back(std::move(key));
      return true;
    }));
    return due;
  });
}

Result<LeaseRenewal> EphemeralRepo::RenewAll() const {
  JAMMI_TRY(backend_.Transact({.lane = Lane::kUrgent}, [&](Transaction& tx) {
    return tx.Execute(kRenewAll, {holder_, lease_.count()});
  }));
  return LeaseRenewal();
}

Result<void> EphemeralRepo::GiveUpAll(Deadline deadline) const {
  JAMMI_TRY(backend_.Transact({.deadline = deadline},
                              [&](Transaction& tx) { return tx.Execute(kGiveUpAll, {holder_}); }));
  return {};
}

Result<void> EphemeralRepo::ExpireOthers() const {
  JAMMI_TRY(backend_.Transact({}, [&](Transaction& tx) { return tx.Execute(kExpireOthers, {holder_}); }));
  return {};
}

}  // namespace jammi
