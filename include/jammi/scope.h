// Who asks: a tenant, or nobody in particular. A value in every call; nothing is ambient.
#pragma once

#include <optional>
#include <string>

#include "jammi/ids.h"

namespace jammi {

// Global() sees and writes global things only; it is not "see all". ForTenant(t) sees its own and
// global things, and writes its own. Immutable, cheap to copy.
class Scope {
 public:
  [[nodiscard]] static Scope Global() { return Scope(std::nullopt); }
  [[nodiscard]] static Scope ForTenant(TenantId tenant) { return Scope(tenant); }

  [[nodiscard]] bool is_global() const { return !tenant_.has_value(); }
  [[nodiscard]] const std::optional<TenantId>& tenant() const { return tenant_; }
  // What the `scope` column of the catalog holds: '' for global, else the tenant's UUID text.
  [[nodiscard]] std::string Key() const { return tenant_ ? tenant_->ToString() : std::string(); }
  // The inverse of Key(). Errors: kDataLoss when a stored key is no UUID.
  [[nodiscard]] static Result<Scope> FromKey(std::string_view key);
  // May a reader of this scope see a thing owned by `owner`? (own or global)
  [[nodiscard]] bool Sees(const Scope& owner) const { return owner.is_global() || owner == *this; }

  auto operator<=>(const Scope&) const = default;

 private:
  explicit Scope(std::optional<TenantId> tenant) : tenant_(tenant) {}
  std::optional<TenantId> tenant_;
};

}  // namespace jammi
