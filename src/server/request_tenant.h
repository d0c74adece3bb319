// The tenant that a request's body names (SRV-151, docs/decisions/0043-the-tenant-in-a-requests-body.md).
#pragma once

#include <string_view>

#include "jammi/result.h"
#include "jammi/scope.h"
#include "rpc/call.h"

namespace jammi {

// Whose the request is: the caller's, or that of `tenant_id`, which may be empty. Errors: kInvalidArgument
// with TenantDetail: it is no tenant; kPermissionDenied: the caller has another one, or one that he proved to
// have and this is none of it.
[[nodiscard]] Result<Scope> ScopeOfRequest(const RpcCall& call, std::string_view tenant_id);

}  // namespace jammi
