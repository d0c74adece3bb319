#include "server/request_tenant.h"

#include <fmt/format.h>

namespace jammi {

Result<Scope> ScopeOfRequest(const RpcCall& call, std::string_view tenant_id) {
  const Scope& own = call.identity.scope;
  if (tenant_id.empty()) return own;
  auto parsed = TenantId::Parse(tenant_id);
  if (!parsed) return std::move(parsed).error().While("tenant_id");
  const Scope named = Scope::ForTenant(*parsed);
  if (named == own) return own;
  if (!own.is_global()) {
    return Error(ErrorCode::kPermissionDenied,
                 fmt::format("tenant_id names {}, and the session is of tenant {}", named.Key(), own.Key()));
  }
  // Who has shown no credential can bind the session to any tenant as well: nothing is gained by refusing.
  if (call.identity.principal.empty()) return named;
  return Error(ErrorCode::kPermissionDenied,
               fmt::format("tenant_id names {}; with a credential the session's tenant counts: bind it with "
                           "SetTenant, or leave the field empty",
                           named.Key()));
}

}  // namespace jammi
