#include "server/tenant_methods.h"

#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include "jammi/v1/catalog.pb.h"
#include "server/session_resolver.h"

namespace jammi {
namespace {

namespace wire = ::jammi::v1::catalog;
using google::protobuf::Empty;

// SRV-020
Result<SessionKey> KeyOf(const RpcCall& call) {
  if (!call.session_id || call.session_id->empty()) {
    return Error(ErrorCode::kInvalidArgument, "the metadata jammi-session-id is missing");
  }
  auto key = SessionKey::Of(*call.session_id, call.identity.principal);
  if (!key) return std::move(key).error().While("jammi-session-id");
  return key;
}

std::optional<Scope> OnlyScope(const RpcCall& call) {
  return call.identity.grant == nullptr ? std::nullopt : call.identity.grant->Only();
}

Result<void> CheckGranted(const RpcCall& call, const Scope& scope) {
  const auto& identity = call.identity;
  if (identity.grant == nullptr || identity.grant->Allows(scope)) return {};
  if (scope.is_global()) {
    return Error(ErrorCode::kPermissionDenied,
                 fmt::format("'{}' may not work without a tenant", identity.principal));
  }
  return Error(ErrorCode::kPermissionDenied,
               fmt::format("'{}' does not have the tenant {}", identity.principal, scope.Key()));
}

Result<Scope> ScopeOf(const wire::SetTenantRequest& request) {
  if (!request.has_tenant()) return Error(ErrorCode::kInvalidArgument, "tenant is required");
  if (request.tenant().id().empty()) return Scope::Global();
  const auto tenant = TenantId::Parse(request.tenant().id());
  // A request that cannot be read has no detail.
  if (!tenant) return Error(ErrorCode::kInvalidArgument, "tenant.id: " + tenant.error().message());
  return Scope::ForTenant(*tenant);
}

// SRV-021. To be bound to no tenant and not to be bound are the same, so no tenant is stored as nothing.
Result<Empty> SetTenant(const RpcCall& call, const wire::SetTenantRequest& request, SessionStore& sessions) {
  JAMMI_ASSIGN(const SessionKey key, KeyOf(call));
  JAMMI_ASSIGN(const Scope scope, ScopeOf(request));
  JAMMI_TRY(CheckGranted(call, scope));
  if (OnlyScope(call)) return Empty();
  if (scope.is_global()) {
    JAMMI_TRY(sessions.Unbind(key, call.deadline));
  } else {
    JAMMI_TRY(sessions.Bind(key, *scope.tenant(), call.deadline));
  }
  return Empty();
}

Result<wire::GetTenantResponse> GetTenant(const RpcCall& call, SessionStore& sessions) {
  JAMMI_ASSIGN(const SessionKey key, KeyOf(call));
  wire::GetTenantResponse reply;
  if (const auto only = OnlyScope(call)) {
    reply.mutable_tenant()->set_id(only->Key());
    return reply;
  }
  JAMMI_ASSIGN(const auto found, sessions.Find(key, call.deadline));
  if (found && found->expired) {
    return Error(ErrorCode::kFailedPrecondition, ExpiredText(sessions.limits()));
  }
  reply.mutable_tenant()->set_id(found ? found->tenant.ToString() : std::string());
  return reply;
}

Result<Empty> ClearTenant(const RpcCall& call, SessionStore& sessions) {
  JAMMI_ASSIGN(const SessionKey key, KeyOf(call));
  JAMMI_TRY(sessions.Unbind(key, call.deadline));
  return Empty();
}

}  // namespace

void AddTenantMethods(RpcService& service, SessionStore& sessions) {
  constexpr MethodOptions kOptions{.scoped = false};
  service.Unary<wire::SetTenantRequest, Empty>(
      "SetTenant", kOptions,
      [&](const RpcCall& call, const auto& request) { return SetTenant(call, request, sessions); });
  service.Unary<Empty, wire::GetTenantResponse>(
      "GetTenant", kOptions, [&](const RpcCall& call, const Empty&) { return GetTenant(call, sessions); });
  service.Unary<Empty, Empty>("ClearTenant", kOptions,
                              [&](const RpcCall& call, const Empty&) { return ClearTenant(call, sessions); });
}

}  // namespace jammi
