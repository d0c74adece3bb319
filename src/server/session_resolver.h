// Whose a call is: who its credential says, and of the scopes that he has the one that its session has chosen
// (SRV-030).
#pragma once

#include "rpc/call.h"
#include "server/authenticator.h"
#include "server/session_store.h"

namespace jammi {

// Thread-safe. Both must outlive it.
class SessionResolver final : public CallResolver {
 public:
  SessionResolver(Authenticator& authenticator, SessionStore& sessions)
      : authenticator_(authenticator), sessions_(sessions) {}

  std::optional<Answer> ResolveNow(const CallMetadata& metadata) override;
  Answer Resolve(const CallMetadata& metadata, Deadline deadline) override;
  Answer Again(const CallMetadata& metadata, const Identity& had) override;

 private:
  Authenticator& authenticator_;
  SessionStore& sessions_;
};

// What a session is told whose tenant has expired.
[[nodiscard]] std::string ExpiredText(const SessionLimits& limits);

}  // namespace jammi
