#include "catalog/postgres/schema.h"

#include <algorithm>
#include <array>
#include <utility>

#include "catalog/migrations.h"
#include "catalog/postgres/sql_text.h"

namespace jammi::postgres {
namespace {

using Words = std::pair<std::string_view, std::string_view>;

constexpr std::array<Words, 4> kTypes = {{
    {"BLOB", "BYTEA"},
    {"INTEGER", "BIGINT"},
    {"REAL", "DOUBLE PRECISION"},
    {"TEXT", "TEXT COLLATE \"C\""},
}};

// What comes before the text of a step. jammi_now() is the server's time; a session of a test may shift it.
constexpr std::array<Words, 1> kPreparation = {{
    {"0001_identity",
     "CREATE FUNCTION jammi_now() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$"
     " SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
     " + CAST(COALESCE(NULLIF(current_setting('jammi.time_shift', true), ''), '0') AS BIGINT) $$;"},
}};

// What follows the text of a step. Where transactions leave their marks, see commit_mark.h. Payloads do not
// compress, and their length shall be known without reading them. A mark or a head is updated by every
// commit: room beside it keeps the update within its page. A claimed job leaves a dead entry at the head of
// the index that all claims read first, until a vacuum that does not spare the indexes.
constexpr std::array<Words, 3> kOwnText = {{
    {"0001_identity",
     "CREATE TABLE commit_marks (slot TEXT COLLATE \"C\" NOT NULL PRIMARY KEY, number BIGINT NOT NULL,"
     " marked_at TIMESTAMP WITH TIME ZONE NOT NULL) WITH (fillfactor = 20);"},
    {"0002_topics",
     "ALTER TABLE events ALTER COLUMN payload SET STORAGE EXTERNAL;"
     "ALTER TABLE topic_heads SET (fillfactor = 20);"},
    {"0006_training_jobs",
     "ALTER TABLE training_jobs SET (autovacuum_vacuum_scale_factor = 0.01,"
     " autovacuum_vacuum_threshold = 5000, vacuum_index_cleanup = on);"},
}};

std::string_view Find(const auto& list, std::string_view word) {
  const auto found = std::ranges::find(list, word, &Words::first);
  return found == list.end() ? std::string_view() : found->second;
}

}  // namespace

std::string WithPostgresTypes(std::string_view sql) {
  std::string out;
  std::string_view last_word;
  while (!sql.empty()) {
    const std::string_view token = sql.substr(0, TokenLength(sql));
    sql.remove_prefix(token.size());
    std::string_view type = Find(kTypes, token);
    if (last_word == "AS" && token == "TEXT") type = {};  // CAST(x AS TEXT) takes no collation
    out += type.empty() ? token : type;
    if (IsWordByte(token.front())) last_word = token;
  }
  return out;
}

const std::vector<PgMigration>& PostgresMigrations() {
  static const std::vector<PgMigration> migrations = [] {
    std::vector<PgMigration> list;
    for (const Migration& migration : Migrations()) {
      std::string sql(Find(kPreparation, migration.name));
      sql += WithPostgresTypes(migration.sql);
      sql += Find(kOwnText, migration.name);
      list.push_back({migration.name, std::move(sql)});
    }
    return list;
  }();
  return migrations;
}

}  // namespace jammi::postgres
