#include "jammi/catalog_backend.h"

#include <fmt/format.h>

namespace jammi {

std::string_view ToString(BackendKind kind) {
  switch (kind) {
    case BackendKind::kSqlite:
      return "sqlite";
    case BackendKind::kPostgres:
      return "postgres";
  }
  return "unknown";
}

Result<void> Transaction::AssertScope(const Scope& session, const Scope& row, std::string_view table) {
  if (session == row) return {};
  const auto name = [](const Scope& scope) {
    return scope.is_global() ? std::string("global") : scope.Key();
  };
  return Error(ErrorCode::kPermissionDenied,
               fmt::format("tenant mismatch writing {}: session={}, row={}", table, name(session), name(row)),
               BackendDetail{BackendFault::kTenantMismatch, std::string(table), {}});
}

}  // namespace jammi
