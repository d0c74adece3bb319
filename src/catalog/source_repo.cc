#include "catalog/source_repo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "base/sync_point.h"
#include "base/text.h"
#include "catalog/arguments.h"
#include "catalog/changes.h"
#include "catalog/enum_text.h"
#include "catalog/listing.h"
#include "catalog/page_token.h"
#include "catalog/read_rows.h"
#include "catalog/result_table_repo.h"
#include "catalog/run_again.h"
#include "catalog/source_connection.h"

namespace jammi {
namespace {

constexpr size_t kSourceMaxIdBytes = 512;
constexpr std::array<std::string_view, 8> kReservedIds = {
    "mutable", "jammi", "main", "temp", "memory", "system", "information_schema", "pg_catalog"};
constexpr std::string_view kReservedPrefix = "_jammi";

// --- Statements.

#define JAMMI_SOURCE_COLUMNS                                                                         \
  "scope, source_id, source_type, url, format, file_extension, cloud, options_json, tenant_column, " \
  "revision, "                                                                                       \
  "created_at, updated_at"

constexpr std::string_view kSourceInsert =
    "INSERT INTO sources (" JAMMI_SOURCE_COLUMNS
    ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, 1, clock.now, clock.now "
    "FROM (SELECT jammi_now() AS now) AS clock WHERE TRUE "
    "ON CONFLICT (scope, source_id) DO NOTHING RETURNING " JAMMI_SOURCE_COLUMNS;
constexpr std::string_view kUpdate =
    "UPDATE sources SET url = $1, format = $2, file_extension = $3, cloud = $4, options_json = $5, "
    "tenant_column = $6, revision = revision + 1, updated_at = jammi_now() "
    "WHERE scope = $7 AND source_id = $8 AND revision = $9 RETURNING " JAMMI_SOURCE_COLUMNS;
constexpr std::string_view kSourceDelete = "DELETE FROM sources WHERE scope = $1 AND source_id = $2";
constexpr std::string_view kSourceGet =
    "SELECT " JAMMI_SOURCE_COLUMNS " FROM sources WHERE scope = $1 AND source_id = $2";

// The reader is $1. Global sources that one of his own hides are left out.
#define JAMMI_SOURCE_PAGE(whose)                                      \
  "SELECT " JAMMI_SOURCE_COLUMNS " FROM sources WHERE scope = " whose \
  " AND (created_at, source_id) > ($2, $3) "
#define JAMMI_SOURCE_NOT_HIDDEN                                        \
  "AND NOT EXISTS (SELECT 1 FROM sources AS own WHERE own.scope = $1 " \
  "AND own.source_id = sources.source_id) "
#define JAMMI_SOURCE_PAGE_END "ORDER BY created_at, source_id LIMIT $4"
#define JAMMI_OWN_SOURCES JAMMI_SOURCE_PAGE("$1") JAMMI_SOURCE_PAGE_END
#define JAMMI_GLOBAL_SOURCES JAMMI_SOURCE_PAGE("''") JAMMI_SOURCE_NOT_HIDDEN JAMMI_SOURCE_PAGE_END

constexpr std::string_view kSourceOwnPage = JAMMI_OWN_SOURCES;
constexpr std::string_view kSourceGlobalPage = JAMMI_GLOBAL_SOURCES;
constexpr std::string_view kPageOfAll = "SELECT " JAMMI_SOURCE_COLUMNS
                                        " FROM sources WHERE (scope, created_at, source_id) > ($1, $2, $3) "
                                        "ORDER BY scope, created_at, source_id LIMIT $4";

constexpr std::string_view kTables =
    "SELECT scope AS table_scope, table_name, status, created_at AS table_created_at FROM result_tables "
    "WHERE scope = $1 AND source_id = $2 AND (created_at, table_name, scope) > ($3, $4, $5) "
    "ORDER BY created_at, table_name LIMIT $6";

// A page of sources, each with its first $5 tables; one row for a source without any.
#define JAMMI_SOURCES_WITH_TABLES(page, visible)                                                           \
  "SELECT * FROM (SELECT page.*, t.scope AS table_scope, t.table_name, t.status, "                         \
  "t.created_at AS table_created_at, "                                                                     \
  "ROW_NUMBER() OVER (PARTITION BY page.source_id ORDER BY t.created_at, t.table_name, t.scope) AS place " \
  "FROM (" page                                                                                            \
  ") AS page "                                                                                             \
  "LEFT JOIN result_tables AS t ON t.source_id = page.source_id AND t.scope " visible                      \
  ") AS numbered WHERE place <= $5 ORDER BY created_at, source_id, place"

constexpr std::string_view kOwnWithTables = JAMMI_SOURCES_WITH_TABLES(JAMMI_OWN_SOURCES, "= $1");
constexpr std::string_view kGlobalWithTables = JAMMI_SOURCES_WITH_TABLES(JAMMI_GLOBAL_SOURCES, "IN ('', $1)");

constexpr std::array<RepoStatement, 10> kSourceStatements = {{
    {"insert", kSourceInsert, 9},
    {"update", kUpdate, 9},
    {"delete", kSourceDelete, 2},
    {"get", kSourceGet, 2},
    {"own page", kSourceOwnPage, 4},
    {"global page", kSourceGlobalPage, 4},
    {"page of all", kPageOfAll, 4},
    {"tables", kTables, 6},
    {"own with tables", kOwnWithTables, 5},
    {"global with tables", kGlobalWithTables, 5},
}};

// --- Errors and checks.

Error NoSuchSource(std::string_view source_id) {
  return Error(ErrorCode::kNotFound, fmt::format("source '{}' not found", source_id),
               SourceDetail{std::string(source_id)});
}

// Is the name taken in SQL, in any case?
bool IsReserved(std::string_view source_id) {
  const std::string lower = AsciiLower(source_id);
  return lower.starts_with(kReservedPrefix) || std::ranges::find(kReservedIds, lower) != kReservedIds.end();
}

Result<void> CheckId(std::string_view source_id) {
  return CheckText("source_id", source_id, 1, kSourceMaxIdBytes);
}

// --- Rows.

Result<SourceRecord> ReadSource(const Row& row) {
  SourceRecord source;
  JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("scope"));
  JAMMI_ASSIGN(source.owner, Scope::FromKey(scope));
  JAMMI_ASSIGN(source.source_id, row.Get<std::string>("source_id"));
  JAMMI_ASSIGN(source.type, ReadEnum(row, "source_type", ParseSourceType));
  SourceConnection& connection = source.connection;
  JAMMI_ASSIGN(auto url, row.Get<std::string>("url"));
  connection.url = Secret(std::move(url));
  JAMMI_ASSIGN(const auto format, row.Get<std::optional<std::string_view>>("format"));
  if (format) {
    JAMMI_ASSIGN(connection.format, ReadEnum(row, "format", ParseFileFormat));
  }
  JAMMI_ASSIGN(connection.file_extension, row.Get<std::string>("file_extension"));
  JAMMI_ASSIGN(connection.cloud, row.Get<std::string>("cloud"));
  JAMMI_ASSIGN(const auto options, row.Get<std::string_view>("options_json"));
  JAMMI_ASSIGN(connection.options, ParseOptions(options));
  JAMMI_ASSIGN(connection.tenant_column, row.Get<std::string>("tenant_column"));
  JAMMI_ASSIGN(source.revision, row.Get<int64_t>("revision"));
  JAMMI_ASSIGN(source.created_at, row.Get<int64_t>("created_at"));
  JAMMI_ASSIGN(source.updated_at, row.Get<int64_t>("updated_at"));
  return source;
}

Result<SourceTable> ReadTable(const Row& row) {
  SourceTable table;
  JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("table_scope"));
  JAMMI_ASSIGN(table.owner, Scope::FromKey(scope));
  JAMMI_ASSIGN(table.table_name, row.Get<std::string>("table_name"));
  JAMMI_ASSIGN(table.status, row.Get<std::string>("status"));
  JAMMI_ASSIGN(table.created_at, row.Get<int64_t>("table_created_at"));
  return table;
}

// The row of `owner`; nullopt when there is none.
Result<std::optional<SourceRecord>> FindOwned(Transaction& tx, const Scope& owner,
                                              std::string_view source_id) {
  return tx.QueryFirst(kSourceGet, {owner.Key(), source_id}, ReadSource);
}

Result<SourceRecord> FindVisible(Transaction& tx, const Scope& reader, std::string_view source_id) {
  JAMMI_ASSIGN(auto found, FindOwned(tx, reader, source_id));
  if (!found && !reader.is_global()) {
    JAMMI_ASSIGN(found, FindOwned(tx, Scope::Global(), source_id));
  }
  return found ? Result<SourceRecord>(std::move(*found)) : NoSuchSource(source_id);
}

Result<void> RecordSourceChange(Transaction& tx, ChangeVerb verb, const Scope& owner,
                                std::string_view source_id) {
  return RecordChange(tx, {.kind = "source", .verb = verb, .owner = owner, .name = source_id});
}

Result<void> DeleteSource(Transaction& tx, const Scope& owner, std::string_view source_id) {
  JAMMI_ASSIGN(const int64_t deleted, tx.Execute(kSourceDelete, {owner.Key(), source_id}));
  if (deleted != 1) return NoSuchSource(source_id);
  return RecordSourceChange(tx, ChangeVerb::kDeleted, owner, source_id);
}

// --- Pages.

// The place of a source in a list. A page starts after one: the first page before all of them.
struct SourcePosition {
  UnixMicros created_at = std::numeric_limits<UnixMicros>::min();
  std::string source_id;
};

constexpr std::string_view kSourceList = "sources";

Result<SourcePosition> SourceDecodePosition(std::string_view token) {
  if (token.empty()) return SourcePosition();
  JAMMI_ASSIGN(auto fields, DecodePageToken(kSourceList, "is", token));
  return SourcePosition{std::get<int64_t>(fields[0]), std::get<std::string>(std::move(fields[1]))};
}

std::string TokenOf(const SourceRecord& last) {
  return EncodePageToken(kSourceList, {last.created_at, last.source_id});
}

bool ComesBefore(const SourceRecord& a, const SourceRecord& b) {
  return std::tie(a.created_at, a.source_id) < std::tie(b.created_at, b.source_id);
}

// The place of a table among those of a source. At equal rank the global one comes first; a token says
// only whether it was the reader's own.
struct TablePosition {
  UnixMicros created_at = std::numeric_limits<UnixMicros>::min();
  std::string table_name;
  bool own = false;
};

std::string TableList(std::string_view source_id) { return fmt::format("tables of source {}", source_id); }

Result<TablePosition> DecodeTablePosition(std::string_view source_id, std::string_view token) {
  if (token.empty()) return TablePosition();
  JAMMI_ASSIGN(auto fields, DecodePageToken(TableList(source_id), "iis", token));
  return TablePosition{std::get<int64_t>(fields[0]), std::get<std::string>(std::move(fields[2])),
                       std::get<int64_t>(fields[1]) != 0};
}

std::string TableTokenOf(std::string_view source_id, const SourceTable& last) {
  return EncodePageToken(TableList(source_id),
                         {last.created_at, int64_t{!last.owner.is_global()}, last.table_name});
}

bool TableComesBefore(const SourceTable& a, const SourceTable& b) {
  return std::tie(a.created_at, a.table_name, a.owner) < std::tie(b.created_at, b.table_name, b.owner);
}

Result<Page<SourceTable>> ReadTables(Transaction& tx, const Scope& reader, const SourceRecord& source,
                                     const TablePosition& after, int page_size) {
  const std::string after_scope = after.own ? reader.Key() : "";
  const auto query = [&](const std::string& scope, int64_t limit,
                         std::vector<SourceTable>& rows) -> Result<void> {
    if (scope.empty() && !source.owner.is_global()) return {};
    return tx.Query(kTables,
                    {scope, source.source_id, after.created_at, after.table_name, after_scope, limit},
                    AppendTo(rows, ReadTable));
  };
  return ReadVisiblePage<SourceTable>(
      reader, page_size, query, TableComesBefore,
      [&](const SourceTable& last) { return TableTokenOf(source.source_id, last); });
}

// A row of kOwnWithTables or kGlobalWithTables: another table of the last source, or the next source.
Result<void> AddDescription(const Row& row, std::vector<SourceDescription>& descriptions) {
  JAMMI_ASSIGN(const auto place, row.Get<int64_t>("place"));
  if (place == 1) {
    JAMMI_ASSIGN(descriptions.emplace_back().source, ReadSource(row));
  }
  JAMMI_ASSIGN(const auto table_name, row.Get<std::optional<std::string_view>>("table_name"));
  if (!table_name) return {};
  auto& [source, tables] = descriptions.back();
  if (place > Sources::kTablesPerSource) {  // one more than is given
    tables.next_page_token = TableTokenOf(source.source_id, tables.items.back());
    return {};
  }
  JAMMI_ASSIGN(tables.items.emplace_back(), ReadTable(row));
  return {};
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const SourceRecord& record) {
  out << "source " << record.source_id;
  if (!record.owner.is_global()) out << " of " << record.owner.Key();
  return out << ", revision " << record.revision << ": " << ToString(record.type) << ", "
             << record.connection;
}

std::span<const RepoStatement> SourceStatements() { return kSourceStatements; }

Result<Page<SourceRecord>> AllSources::List(int page_size, std::string_view page_token) const {
  constexpr std::string_view kAll = "sources of all";
  JAMMI_TRY(CheckPageSize(page_size));
  SourcePosition after;
  std::string after_scope;
  if (!page_token.empty()) {
    JAMMI_ASSIGN(auto fields, DecodePageToken(kAll, "iss", page_token));
    after = {std::get<int64_t>(fields[0]), std::get<std::string>(std::move(fields[1]))};
    after_scope = std::get<std::string>(std::move(fields[2]));
  }
  return backend_.Transact({.read_only = true}, [&](Transaction& tx) {
    const auto query = [&](const std::string& /*scope*/, int64_t limit, std::vector<SourceRecord>& rows) {
      return tx.Query(kPageOfAll, {after_scope, after.created_at, after.source_id, limit},
                      AppendTo(rows, ReadSource));
    };
    // One range of one index: as if the only scope there is had them all.
    return ReadVisiblePage<SourceRecord>(
        Scope::Global(), page_size, query, ComesBefore, [&](const SourceRecord& last) {
          return EncodePageToken(kAll, {last.created_at, last.source_id, last.owner.Key()});
        });
  });
}

Result<SourceRecord> Sources::Register(std::string_view source_id, SourceType type,
                                       const SourceConnection& connection) {
  JAMMI_TRY(CheckId(source_id));
  if (IsReserved(source_id)) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("source_id '{}' is a reserved name", source_id),
                 SourceDetail{std::string(source_id)});
  }
  if (ToString(type).empty()) return InvalidArgument("type", "is none of the known source types");
  JAMMI_TRY(CheckConnection(type, connection));
  const std::string options = OptionsJson(connection.options);
  const std::string owner = access_.scope.Key();
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) -> Result<SourceRecord> {
    JAMMI_ASSIGN(
        auto inserted,
        tx.QueryFirst(kSourceInsert,
                      {owner, source_id, ToString(type), connection.url.Reveal(),
                       connection.format.transform([](FileFormat format) { return ToString(format); }),
                       connection.file_extension, connection.cloud, options, connection.tenant_column},
                      ReadSource));
    if (!inserted) {
      return Error(ErrorCode::kAlreadyExists, fmt::format("source '{}' is registered already", source_id),
                   SourceDetail{std::string(source_id)});
    }
    JAMMI_TRY(RecordSourceChange(tx, ChangeVerb::kRegistered, access_.scope, source_id));
    return std::move(*inserted);
  });
}

Result<SourceRecord> Sources::Update(std::string_view source_id, const SourceConnection& connection,
                                     std::optional<int64_t> expected_revision) {
  JAMMI_TRY(CheckId(source_id));
  const std::string owner = access_.scope.Key();
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) -> Result<SourceRecord> {
    JAMMI_ASSIGN(const auto current, FindOwned(tx, access_.scope, source_id));
    if (!current) return NoSuchSource(source_id);
    JAMMI_TRY(CheckConnection(current->type, connection));
    if (expected_revision && *expected_revision != current->revision) {
      return Error(ErrorCode::kFailedPrecondition,
                   fmt::format("source '{}' is at revision {}, not {}", source_id, current->revision,
                               *expected_revision));
    }
    const std::string options = OptionsJson(connection.options);
    JAMMI_ASSIGN(auto updated,
                 tx.QueryFirst(kUpdate,
                               {connection.url.Reveal(), connection.format.transform([](FileFormat format) {
                                  return ToString(format);
                                }),
                                connection.file_extension, connection.cloud, options,
                                connection.tenant_column, owner, source_id, current->revision},
                               ReadSource));
    if (!updated) {
      return Error(ErrorCode::kAborted, fmt::format("source '{}' was changed at the same time", source_id));
    }
    JAMMI_TRY(RecordSourceChange(tx, ChangeVerb::kUpdated, access_.scope, source_id));
    return std::move(*updated);
  });
}

Result<void> Sources::Remove(std::string_view source_id) {
  JAMMI_TRY(CheckId(source_id));
  return access_.backend->RunTransaction(access_.Writing(), [&](Transaction& tx) -> Result<void> {
    return DeleteSource(tx, access_.scope, source_id);
  });
}

Result<std::vector<DeletedResultTable>> Sources::RemoveWithTables(std::string_view source_id) {
  JAMMI_TRY(CheckId(source_id));
  const BackendKind kind = access_.backend->kind();
  return TransactWhile(*access_.backend, access_.Writing(Lane::kBulk), TableWasAdded,
                       [&](Transaction& tx) -> Result<std::vector<DeletedResultTable>> {
                         JAMMI_TRY(DeleteSource(tx, access_.scope, source_id));
                         JAMMI_SYNC_POINT("catalog:source_removed");
                         return DeleteTablesOfSource(tx, kind, access_.scope, source_id);
                       });
}

Result<SourceRecord> Sources::Get(std::string_view source_id) const {
  JAMMI_TRY(CheckId(source_id));
  return access_.backend->Transact(
      access_.Reading(), [&](Transaction& tx) { return FindVisible(tx, access_.scope, source_id); });
}

Result<Page<SourceRecord>> Sources::List(int page_size, std::string_view page_token) const {
  JAMMI_TRY(CheckPageSize(page_size));
  JAMMI_ASSIGN(const SourcePosition after, SourceDecodePosition(page_token));
  const std::string reader = access_.scope.Key();
  return access_.backend->Transact(access_.Reading(), [&](Transaction& tx) {
    const auto query = [&](const std::string& scope, int64_t limit, std::vector<SourceRecord>& rows) {
      return tx.Query(scope == reader ? kSourceOwnPage : kSourceGlobalPage,
                      {reader, after.created_at, after.source_id, limit}, AppendTo(rows, ReadSource));
    };
    return ReadVisiblePage<SourceRecord>(access_.scope, page_size, query, ComesBefore, TokenOf);
  });
}

Result<SourceDescription> Sources::Describe(std::string_view source_id, int page_size,
                                            std::string_view page_token) const {
  JAMMI_TRY(CheckId(source_id));
  JAMMI_TRY(CheckPageSize(page_size));
  JAMMI_ASSIGN(const TablePosition after, DecodeTablePosition(source_id, page_token));
  return access_.backend->Transact(access_.Reading(), [&](Transaction& tx) -> Result<SourceDescription> {
    SourceDescription description;
    JAMMI_ASSIGN(description.source, FindVisible(tx, access_.scope, source_id));
    JAMMI_ASSIGN(description.tables, ReadTables(tx, access_.scope, description.source, after, page_size));
    return description;
  });
}

Result<Page<SourceDescription>> Sources::ListDescriptions(int page_size, std::string_view page_token) const {
  JAMMI_TRY(CheckPageSize(page_size));
  JAMMI_ASSIGN(const SourcePosition after, SourceDecodePosition(page_token));
  const std::string reader = access_.scope.Key();
  return access_.backend->Transact(access_.Reading(), [&](Transaction& tx) {
    const auto query = [&](const std::string& scope, int64_t limit, std::vector<SourceDescription>& rows) {
      return tx.Query(scope == reader ? kOwnWithTables : kGlobalWithTables,
                      {reader, after.created_at, after.source_id, limit, int64_t{kTablesPerSource} + 1},
                      [&](const Row& row) -> Result<bool> {
                        JAMMI_TRY(AddDescription(row, rows));
                        return true;
                      });
    };
    return ReadVisiblePage<SourceDescription>(
        access_.scope, page_size, query,
        [](const SourceDescription& a, const SourceDescription& b) {
          return ComesBefore(a.source, b.source);
        },
        [](const SourceDescription& last) { return TokenOf(last.source); });
  });
}

}  // namespace jammi
