#include "catalog/column_types.h"

namespace jammi {

std::string_view TypeText(BackendKind kind, SqlKind column) {
  const bool sqlite = kind == BackendKind::kSqlite;
  switch (column) {
    case SqlKind::kInteger:
      return sqlite ? "INTEGER" : "BIGINT";
    case SqlKind::kReal:
      return sqlite ? "REAL" : "DOUBLE PRECISION";
    case SqlKind::kText:
      return sqlite ? "TEXT" : "TEXT COLLATE \"C\"";
    case SqlKind::kBytes:
      break;
  }
  return sqlite ? "BLOB" : "BYTEA";
}

}  // namespace jammi
