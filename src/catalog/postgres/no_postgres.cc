// In place of this folder, in a build without PostgreSQL.
#include "catalog/admin/database.h"
#include "catalog/catalog.h"

namespace jammi {
namespace {

Error NoPostgres() {
  return Error(ErrorCode::kUnimplemented,
               "this build has no PostgreSQL: install libpq-dev and configure with -DJAMMI_POSTGRES=ON",
               ConfigDetail{.key = "catalog.kind"});
}

}  // namespace

Result<std::unique_ptr<Catalog>> OpenPostgresCatalog(const PostgresOptions& /*options*/) {
  return NoPostgres();
}

Result<std::unique_ptr<admin::Database>> admin::OpenPostgresDatabase(const CatalogLocation& /*location*/,
                                                                     Access /*access*/) {
  return NoPostgres();
}

std::string admin::DescribePostgres(const Secret& /*url*/) { return "postgres://"; }

}  // namespace jammi
