// Who calls, by what the call shows of him. Tokens of a file are one way (token_authenticator.h); another
// one, such as signed tokens or the subject of a client's certificate, is another Authenticator.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "access/role.h"
#include "access/tenant_grant.h"
#include "rpc/call.h"

namespace jammi {

struct Principal {
  std::string name;  // empty: nobody was asked for one
  RpcRole role = RpcRole::kAdmin;
  std::shared_ptr<const TenantGrant> grant = nullptr;  // null: everything
};

// Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Never waits: it is asked for every call, on the thread that takes it. The text of a refusal goes to the
  // client and into the log; it has no part of the credential.
  [[nodiscard]] virtual std::expected<Principal, Refusal> Authenticate(const CallMetadata& metadata) = 0;
};

// Everybody may do everything.
class AnonymousAuthenticator final : public Authenticator {
 public:
  std::expected<Principal, Refusal> Authenticate(const CallMetadata& /*metadata*/) override {
    return Principal();
  }
};

}  // namespace jammi
