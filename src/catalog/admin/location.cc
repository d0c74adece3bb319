#include <fmt/format.h>

#include "catalog/admin/database.h"
#include "jammi/catalog_admin.h"

namespace jammi {

Result<CatalogLocation> ParseCatalogLocation(std::string_view text) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (text.starts_with(kSqlite) && text.size() > kSqlite.size()) {
    return CatalogLocation{.kind = BackendKind::kSqlite, .path = text.substr(kSqlite.size())};
  }
  if (text.starts_with("postgres://") || text.starts_with("postgresql://")) {
    return CatalogLocation{.kind = BackendKind::kPostgres, .url = Secret(std::string(text))};
  }
  return Error(ErrorCode::kInvalidArgument, "a catalog is given as sqlite:FILE or postgres://HOST/DATABASE");
}

std::string ToString(const CatalogLocation& location) {
  if (location.kind == BackendKind::kPostgres) return admin::DescribePostgres(location.url);
  std::error_code error;
  const auto path = std::filesystem::weakly_canonical(std::filesystem::absolute(location.path, error), error);
  return fmt::format("sqlite:{}", error ? location.path.string() : path.string());
}

}  // namespace jammi
