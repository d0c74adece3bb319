// Who this catalog is. The row is made when the file is.
#pragma once

#include <string_view>

namespace jammi {

inline constexpr std::string_view kIdentityMigration = R"sql(
CREATE TABLE catalog_identity (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  incarnation TEXT NOT NULL CHECK (length(incarnation) = 36),
  created_at BIGINT NOT NULL,
  format BIGINT NOT NULL CHECK (format >= 1)
);
-- Numbers that are never given twice, not even after what had them is gone.
CREATE TABLE catalog_counters (
  name TEXT NOT NULL PRIMARY KEY,
  next_value BIGINT NOT NULL CHECK (next_value >= 1)
);
)sql";

}  // namespace jammi
