// The bindings of sessions, as calls ask for them. On SQLite, whose file this process has alone, those that
// were used last are answered from memory; on PostgreSQL each call reads its own, so that what another
// replica has changed counts at once.
#pragma once

#include <memory>
#include <optional>

#include "jammi/clock.h"
#include "jammi/session_bindings.h"
#include "server/session_cache.h"

namespace jammi {

// Thread-safe.
class SessionStore {
 public:
  using Found = SessionCache::Found;

  static constexpr size_t kMaxCached = 65'536;
  SessionStore(SessionBindings bindings, std::shared_ptr<Clock> clock);

  // Without waiting; nullopt: ask Find().
  [[nodiscard]] std::optional<Found> FindNow(const SessionKey& session);
  // Errors of this and the others: those of SessionBindings.
  [[nodiscard]] Result<Found> Find(const SessionKey& session, Deadline deadline);

  // What follows is seen by every call that begins after it has returned.
  [[nodiscard]] Result<void> Bind(const SessionKey& session, const TenantId& tenant, Deadline deadline);
  // False: there was no binding.
  [[nodiscard]] Result<bool> Unbind(const SessionKey& session, Deadline deadline);

  [[nodiscard]] const SessionLimits& limits() const { return bindings_.limits(); }

 private:
  [[nodiscard]] Result<Found> Read(const SessionKey& session, Deadline deadline);

  SessionBindings bindings_;
  const std::shared_ptr<Clock> clock_;
  // Bindings are remembered for as long as a use need not be written down: so one that is used is, in time.
  SessionCache cache_;
};

}  // namespace jammi
