// The scopes that a principal may act in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/result.h"
#include "jammi/scope.h"

namespace jammi {

// Immutable; reading it is thread-safe.
class TenantGrant {
 public:
  // Every tenant, and no tenant: the global scope.
  [[nodiscard]] static TenantGrant Everything() { return {}; }
  // "*": everything; else names with commas between them, each a tenant's UUID or "global".
  // Errors: kInvalidArgument: a name that is neither, or is there twice; more than kMaxScopes; none.
  static constexpr size_t kMaxScopes = 1024;
  [[nodiscard]] static Result<TenantGrant> Parse(std::string_view text);

  [[nodiscard]] bool Allows(const Scope& scope) const;
  // The scope, if there is only one: nothing is to be chosen.
  [[nodiscard]] std::optional<Scope> Only() const;
  // What Parse() takes.
  [[nodiscard]] std::string ToString() const;

 private:
  TenantGrant() = default;
  std::vector<Scope> scopes_;  // sorted; empty: everything
};

}  // namespace jammi
