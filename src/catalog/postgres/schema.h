// The catalog's schema in PostgreSQL's words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jammi::postgres {

// A step, as catalog/migrations.h has it, with a text of its own.
struct PgMigration {
  std::string_view name;
  std::string sql;
};

// The steps of the catalog, in order: their one text in PostgreSQL's types, and after it what PostgreSQL
// alone needs.
[[nodiscard]] const std::vector<PgMigration>& PostgresMigrations();

// Writes PostgreSQL's types for SQLite's: INTEGER holds 64 bits, BLOB is BYTEA, REAL has double precision,
// and TEXT is ordered by its bytes. Literals, quoted names and comments stay as they are.
[[nodiscard]] std::string WithPostgresTypes(std::string_view sql);

}  // namespace jammi::postgres
