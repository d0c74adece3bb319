// In place of this folder, in a build without PostgreSQL.
#include "catalog/catalog.h"

namespace jammi {

Result<std::unique_ptr<Catalog>> OpenPostgresCatalog(const PostgresOptions& /*options*/) {
  return Error(ErrorCode::kUnimplemented,
               "this build has no PostgreSQL: install libpq-dev and configure with -DJAMMI_POSTGRES=ON",
               ConfigDetail{.key = "catalog.kind"});
}

}  // namespace jammi
