#include "jammi/session_bindings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/hash.h"
#include "catalog/arguments.h"
#include "catalog/read_rows.h"
#include "catalog/session_statements.h"

namespace jammi {
namespace {

constexpr size_t kSessionBindingsMaxIdBytes = 256;
constexpr std::chrono::microseconds kShortestKeep = std::chrono::seconds(1);
constexpr std::chrono::microseconds kLongest = std::chrono::days(3653);

constexpr std::string_view kBind =
    "INSERT INTO session_bindings (session_hash, scope, revision, expires_at) "
    "VALUES ($1, $2, 1, (SELECT jammi_now()) + $3) "
    "ON CONFLICT (session_hash) DO UPDATE SET scope = excluded.scope, expires_at = excluded.expires_at, "
    "revision = session_bindings.revision + 1 RETURNING revision";
constexpr std::string_view kUnbind = "DELETE FROM session_bindings WHERE session_hash = $1";
constexpr std::string_view kFind =
    "SELECT scope, expires_at <= (SELECT jammi_now()) AS expired, "
    "expires_at <= (SELECT jammi_now()) + $2 AS touch_due FROM session_bindings WHERE session_hash = $1";
constexpr std::string_view kSessionBindingsTouch =
    "UPDATE session_bindings SET expires_at = (SELECT jammi_now()) + $2 "
    "WHERE session_hash = $1 AND expires_at > (SELECT jammi_now()) "
    "AND expires_at <= (SELECT jammi_now()) + $3";
constexpr std::string_view kSessionBindingsCount = "SELECT sessions FROM session_totals WHERE id = 1";
constexpr std::string_view kAdd =
    "UPDATE session_totals SET sessions = sessions + $1 WHERE id = 1 RETURNING sessions";

// The time is looked at twice: a binding that was used anew while this waited for its row stays. The limit
// is part of the text, so that PostgreSQL plans for few rows.
const std::string& SweepText() {
  static const std::string text = fmt::format(
      "DELETE FROM session_bindings WHERE session_hash IN "
      "(SELECT session_hash FROM session_bindings WHERE expires_at <= (SELECT jammi_now()) - $1 "
      "ORDER BY expires_at LIMIT {}) AND expires_at <= (SELECT jammi_now()) - $1",
      SessionBindings::kSweepBatch);
  return text;
}

// U+0000 to U+001F, and U+007F to U+009F, which begin with 0xC2 in UTF-8.
bool HasControlCharacter(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

SqlBytes BytesOf(const SessionKey& session) { return session.digest(); }

Error CountIsLost() {
  return {ErrorCode::kDataLoss, "the catalog has lost its number of session bindings",
          BackendDetail{BackendFault::kCorrupt, "session_totals", {}}};
}

// Changes the number of bindings, and returns it.
Result<int64_t> AddToCount(Transaction& tx, int64_t count) {
  JAMMI_ASSIGN(const auto sessions, tx.QueryFirst(kAdd, {count}, ReadColumn<int64_t>("sessions")));
  if (sessions) return *sessions;
  return CountIsLost();
}

}  // namespace

std::span<const RepoStatement> SessionStatements() {
  static const std::array statements = {
      RepoStatement{"bind", kBind, 3},        RepoStatement{"unbind", kUnbind, 1},
      RepoStatement{"find", kFind, 2},        RepoStatement{"touch", kSessionBindingsTouch, 3},
      RepoStatement{"sweep", SweepText(), 1},
  };
  return statements;
}

Result<SessionKey> SessionKey::Of(std::string_view session_id, std::string_view principal) {
  JAMMI_TRY(CheckText("session id", session_id, 1, kSessionBindingsMaxIdBytes));
  if (HasControlCharacter(session_id)) {
    return InvalidArgument("session id", "must not hold control characters");
  }
  std::string known(session_id);
  if (!principal.empty()) {
    // An id has no U+0000, so no two pairs make the same text.
    known += '\0';
    known += principal;
  }
  return SessionKey(Sha256({reinterpret_cast<const uint8_t*>(known.data()), known.size()}));
}

Result<SessionBindings> SessionBindings::Make(std::shared_ptr<CatalogBackend> backend,
                                              const SessionLimits& limits) {
  if (limits.keep < kShortestKeep || limits.keep > kLongest) {
    return InvalidArgument("keep", "must be 1 second to 10 years");
  }
  if (limits.remember < std::chrono::microseconds(0) || limits.remember > kLongest) {
    return InvalidArgument("remember", "must be 0 to 10 years");
  }
  if (limits.touch_after < std::chrono::microseconds(0) || limits.touch_after > limits.keep) {
    return InvalidArgument("touch_after", "must not be negative, nor longer than a binding is kept");
  }
  if (limits.most < 1) return InvalidArgument("most", fmt::format("must be 1 or more, not {}", limits.most));
  return SessionBindings(std::move(backend), limits);
}

// False: there is no room for another one.
Result<bool> SessionBindings::TryBind(const SessionKey& session, const TenantId& tenant, Deadline deadline) {
  bool no_room = false;
  auto bound = backend_->RunTransaction({.deadline = deadline}, [&](Transaction& tx) -> Result<void> {
    no_room = false;
    JAMMI_ASSIGN(const auto revision,
                 tx.QueryFirst(kBind, {BytesOf(session), tenant.ToString(), limits_.keep.count()},
                               ReadColumn<int64_t>("revision")));
    if (revision != 1) return {};
    JAMMI_ASSIGN(const int64_t sessions, AddToCount(tx, 1));
    no_room = sessions > limits_.most;
    if (!no_room) return {};
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("there are {} sessions bound to tenants, which is the limit", sessions - 1));
  });
  if (!bound && no_room) return false;
  if (!bound) return std::move(bound).error();
  return true;
}

Result<void> SessionBindings::Bind(const SessionKey& session, const TenantId& tenant, Deadline deadline) {
  JAMMI_ASSIGN(bool bound, TryBind(session, tenant, deadline));
  if (bound) return {};
  // Another may have swept just before: whether this did is of no matter.
  JAMMI_TRY(Sweep(std::chrono::microseconds(0), deadline));
  JAMMI_ASSIGN(bound, TryBind(session, tenant, deadline));
  if (bound) return {};
  return Error(ErrorCode::kResourceExhausted,
               fmt::format("all {} bindings of sessions to tenants are in use", limits_.most));
}

Result<bool> SessionBindings::Unbind(const SessionKey& session, Deadline deadline) {
  return backend_->Transact({.deadline = deadline}, [&](Transaction& tx) -> Result<bool> {
    JAMMI_ASSIGN(const int64_t removed, tx.Execute(kUnbind, {BytesOf(session)}));
    if (removed > 0) JAMMI_TRY(AddToCount(tx, -removed));
    return removed > 0;
  });
}

Result<std::optional<SessionBinding>> SessionBindings::Find(const SessionKey& session,
                                                            Deadline deadline) const {
  const int64_t fresh = (limits_.keep - limits_.touch_after).count();
  const auto read = [](const Row& row) -> Result<SessionBinding> {
    JAMMI_ASSIGN(const auto key, row.Get<std::string_view>("scope"));
    JAMMI_ASSIGN(const Scope scope, Scope::FromKey(key));
    if (scope.is_global()) {
      return Error(ErrorCode::kDataLoss, "a session is bound to no tenant",
                   BackendDetail{BackendFault::kTypeConversion, "scope", {}});
    }
    JAMMI_ASSIGN(const bool expired, row.Get<bool>("expired"));
    JAMMI_ASSIGN(const bool touch_due, row.Get<bool>("touch_due"));
    return SessionBinding{.tenant = *scope.tenant(), .expired = expired, .touch_due = touch_due && !expired};
  };
  return backend_->Transact({.read_only = true, .single_statement = true, .deadline = deadline},
                            [&](Transaction& tx) {
                              return tx.QueryFirst(kFind, {BytesOf(session), fresh}, read);
                            });
}

Result<bool> SessionBindings::Touch(const SessionKey& session, Deadline deadline) {
  const int64_t fresh = (limits_.keep - limits_.touch_after).count();
  return backend_->Transact({.deadline = deadline}, [&](Transaction& tx) -> Result<bool> {
    JAMMI_ASSIGN(const int64_t touched,
                 tx.Execute(kSessionBindingsTouch, {BytesOf(session), limits_.keep.count(), fresh}));
    return touched > 0;
  });
}

Result<int64_t> SessionBindings::Sweep(std::chrono::microseconds expired_for, Deadline deadline) {
  return backend_->Transact(
      {.lane = Lane::kBulk, .deadline = deadline}, [&](Transaction& tx) -> Result<int64_t> {
        JAMMI_ASSIGN(const int64_t removed, tx.Execute(SweepText(), {expired_for.count()}));
        if (removed > 0) JAMMI_TRY(AddToCount(tx, -removed));
        return removed;
      });
}

Result<int64_t> SessionBindings::SweepStep(Deadline deadline) { return Sweep(limits_.remember, deadline); }

Result<int64_t> SessionBindings::Count(Deadline deadline) const {
  return backend_->Transact({.read_only = true, .single_statement = true, .deadline = deadline},
                            [](Transaction& tx) -> Result<int64_t> {
                              JAMMI_ASSIGN(const auto count, tx.QueryFirst(kSessionBindingsCount, {},
                                                                           ReadColumn<int64_t>("sessions")));
                              if (count) return *count;
                              return CountIsLost();
                            });
}

}  // namespace jammi
