#include "server/session_store.h"

#include <utility>

#include "base/log.h"

namespace jammi {

SessionStore::SessionStore(SessionBindings bindings, std::shared_ptr<Clock> clock)
    : bindings_(std::move(bindings)),
      clock_(std::move(clock)),
      cache_(kMaxCached, bindings_.limits().touch_after) {}

std::optional<SessionStore::Found> SessionStore::FindNow(const SessionKey& session) {
  if (bindings_.shared()) return std::nullopt;
  return cache_.Find(session, clock_->Now());
}

Result<SessionStore::Found> SessionStore::Find(const SessionKey& session, Deadline deadline) {
  if (bindings_.shared()) return Read(session, deadline);
  return cache_.Read(session, clock_->Now(), [&] { return Read(session, deadline); });
}

Result<SessionStore::Found> SessionStore::Read(const SessionKey& session, Deadline deadline) {
  auto found = bindings_.Find(session, deadline);
  if (!found || !*found || !(**found).touch_due) return found;
  // The call goes on if the use cannot be written down: a later one does it.
  if (auto touched = bindings_.Touch(session, deadline); !touched) {
    Log(LogLevel::kWarning, "the use of a session cannot be written down: {}", touched.error().ToString());
  }
  return found;
}

Result<void> SessionStore::Bind(const SessionKey& session, const TenantId& tenant, Deadline deadline) {
  return cache_.Write(session, clock_->Now(), SessionBinding{.tenant = tenant},
                      [&] { return bindings_.Bind(session, tenant, deadline); });
}

Result<bool> SessionStore::Unbind(const SessionKey& session, Deadline deadline) {
  return cache_.Write(session, clock_->Now(), std::nullopt,
                      [&] { return bindings_.Unbind(session, deadline); });
}

}  // namespace jammi
