// The tenant that a request's body names (SRV-151, docs/decisions/0043-the-tenant-in-a-requests-body.md).
#pragma once

#include <string_view>

#include "jammi/result.h"
#include "jammi/scope.h"
#include "rpc/call.h"

namespace jammi {

// Whose a request about `topic` is: the caller's, or that of `tenant_id`, which may be empty. Errors:
// kInvalidArgument: it is no tenant; kPermissionDenied: the caller may not be it, with
// PublishTenantMismatchDetail where the session has another one.
[[nodiscard]] Result<Scope> ScopeOfRequest(const RpcCall& call, std::string_view tenant_id,
                                           std::string_view topic);

}  // namespace jammi
