#include "server/request_tenant.h"

#include <fmt/format.h>

#include <string>

namespace jammi {

Result<Scope> ScopeOfRequest(const RpcCall& call, std::string_view tenant_id, std::string_view topic) {
  const Scope& own = call.identity.scope;
  if (tenant_id.empty()) return own;
  const auto parsed = TenantId::Parse(tenant_id);
  // A request that cannot be read has no detail: its text says all there is.
  if (!parsed)
    return Error(ErrorCode::kInvalidArgument, fmt::format("tenant_id: {}", parsed.error().message()));
  const Scope named = Scope::ForTenant(*parsed);
  if (named == own) return own;
  if (!own.is_global()) {
    return Error(ErrorCode::kPermissionDenied,
                 fmt::format("topic '{}': tenant_id names {}, and the session is of tenant {}", topic,
                             named.Key(), own.Key()),
                 PublishTenantMismatchDetail{
                     .topic = std::string(topic), .topic_tenant = own.Key(), .publish_tenant = named.Key()});
  }
  // Whoever may bind the session to the tenant gains nothing by naming it here.
  if (call.identity.grant == nullptr || call.identity.grant->Allows(named)) return named;
  return Error(ErrorCode::kPermissionDenied,
               fmt::format("tenant_id names {}, which is not among the tenants of '{}'", named.Key(),
                           call.identity.principal));
}

}  // namespace jammi
