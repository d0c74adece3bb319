#include "access/tenant_grant.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace jammi {
namespace {

constexpr std::string_view kEverything = "*";
constexpr std::string_view kGlobal = "global";

Result<Scope> ParseScope(std::string_view name) {
  if (name == kGlobal) return Scope::Global();
  auto tenant = TenantId::Parse(name);
  if (tenant) return Scope::ForTenant(*tenant);
  return Error(
      ErrorCode::kInvalidArgument,
      fmt::format("tenants: '{}' is no UUID; expected '*', or UUIDs and 'global' with commas between "
                  "them",
                  name));
}

}  // namespace

Result<TenantGrant> TenantGrant::Parse(std::string_view text) {
  TenantGrant grant;
  if (text == kEverything) return grant;
  while (true) {
    const size_t comma = text.find(',');
    JAMMI_ASSIGN(auto scope, ParseScope(text.substr(0, comma)));
    grant.scopes_.push_back(std::move(scope));
    if (grant.scopes_.size() > kMaxScopes) {
      return Error(ErrorCode::kInvalidArgument, fmt::format("tenants: there are more than {}", kMaxScopes));
    }
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  std::ranges::sort(grant.scopes_);
  const auto twice = std::ranges::adjacent_find(grant.scopes_);
  if (twice == grant.scopes_.end()) return grant;
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("tenants: '{}' is there twice", twice->is_global() ? kGlobal : twice->Key()));
}

bool TenantGrant::Allows(const Scope& scope) const {
  return scopes_.empty() || std::ranges::binary_search(scopes_, scope);
}

std::optional<Scope> TenantGrant::Only() const {
  if (scopes_.size() != 1) return std::nullopt;
  return scopes_.front();
}

std::string TenantGrant::ToString() const {
  if (scopes_.empty()) return std::string(kEverything);
  std::string text;
  for (const Scope& scope : scopes_) {
    if (!text.empty()) text += ',';
    text += scope.is_global() ? std::string(kGlobal) : scope.Key();
  }
  return text;
}

}  // namespace jammi
