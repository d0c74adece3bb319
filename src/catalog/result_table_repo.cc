#include "catalog/result_table_repo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "base/sync_point.h"
#include "catalog/arguments.h"
#include "catalog/listing.h"
#include "catalog/page_token.h"
#include "catalog/read_rows.h"
#include "catalog/result_table_build.h"
#include "catalog/result_table_row.h"
#include "catalog/run_again.h"
#include "catalog/segment_repo.h"
#include "jammi/result_tables.h"

namespace jammi {
namespace {

// --- Statements. $1 is the scope of the rows; a list begins after the position in $2 to $4.

#define JAMMI_TABLES "SELECT " JAMMI_RESULT_TABLE_COLUMNS " FROM result_tables "
#define JAMMI_AFTER "(created_at, table_name, scope) > ($2, $3, $4) ORDER BY created_at, table_name LIMIT $5"
#define JAMMI_FILTERED                                 \
  "(CAST($6 AS TEXT) IS NULL OR task = $6) AND "       \
  "(CAST($7 AS TEXT) IS NULL OR model_uid IN (SELECT " \
  "models.model_uid FROM models WHERE models.scope IN ($1, '') AND models.name = $7)) AND "
#define JAMMI_NEWEST_FIRST "ORDER BY created_at DESC, table_name DESC LIMIT "

constexpr std::string_view kResultTablePage = JAMMI_TABLES "WHERE scope = $1 AND " JAMMI_FILTERED JAMMI_AFTER;
constexpr std::string_view kPageByStatus =
    JAMMI_TABLES "WHERE scope = $1 AND status = $8 AND " JAMMI_FILTERED JAMMI_AFTER;
constexpr std::string_view kPageBySource = JAMMI_TABLES
    "WHERE scope = $1 AND source_id = $9 AND (CAST($8 AS TEXT) IS NULL OR status = $8) AND " JAMMI_FILTERED
        JAMMI_AFTER;
constexpr std::string_view kPageByDefinition = JAMMI_TABLES
    "WHERE scope = $1 AND definition_hash = $6 AND status = 'ready' "
    "AND (created_at, table_name, scope) < ($2, $3, $4) " JAMMI_NEWEST_FIRST "$5";
constexpr std::string_view kPageByInput =
    "SELECT " JAMMI_RESULT_TABLE_COLUMNS
    " FROM result_table_inputs JOIN result_tables ON scope = made_scope AND table_name = made_table "
    "WHERE made_scope = $1 AND source = $6 AND (made_at, made_table, made_scope) > ($2, $3, $4) "
    "ORDER BY made_at, made_table LIMIT $5";
constexpr std::string_view kNewestEmbedding = JAMMI_TABLES
    "WHERE scope = $1 AND source_id = $2 AND status = 'ready' AND kind = 'model' "
    "AND task IN ('text_embedding', 'image_embedding', 'audio_embedding') " JAMMI_NEWEST_FIRST "1";

constexpr std::string_view kDerivedFrom =
    "SELECT derived_from AS table_name FROM result_tables WHERE derived_scope = $1 AND derived_from = $2 "
    "LIMIT 1";
constexpr std::string_view kDerivedOutsideSource =
    "SELECT parent.table_name AS table_name FROM result_tables AS parent JOIN result_tables AS child "
    "ON child.derived_scope = parent.scope AND child.derived_from = parent.table_name "
    "WHERE parent.scope = $1 AND parent.source_id = $2 AND (child.scope <> $1 OR child.source_id <> $2) "
    "LIMIT 1";
// Where writers run side by side. Whoever adds a segment to a table or derives another from it locks its row.
constexpr std::string_view kResultTableLock =
    "SELECT table_name FROM result_tables WHERE scope = $1 AND table_name = $2 FOR UPDATE";
constexpr std::string_view kLockForSource =
    "SELECT table_name FROM result_tables WHERE scope = $1 AND source_id = $2 ORDER BY table_name FOR UPDATE";
constexpr std::string_view kResultTableDelete =
    "DELETE FROM result_tables WHERE scope = $1 AND table_name = $2 RETURNING " JAMMI_RESULT_TABLE_COLUMNS;
constexpr std::string_view kDeleteForSource =
    "DELETE FROM result_tables WHERE scope = $1 AND source_id = $2 RETURNING " JAMMI_RESULT_TABLE_COLUMNS;

constexpr std::array<RepoStatement, 11> kResultTableStatements = {{
    {"get", kGetResultTable, 2},
    {"page", kResultTablePage, 7},
    {"page by status", kPageByStatus, 8},
    {"page by source", kPageBySource, 9},
    {"page by definition", kPageByDefinition, 6},
    {"page by input", kPageByInput, 6},
    {"newest embedding", kNewestEmbedding, 2},
    {"derived from", kDerivedFrom, 2},
    {"derived outside of the source", kDerivedOutsideSource, 2},
    {"delete", kResultTableDelete, 2},
    {"delete for a source", kDeleteForSource, 2},
}};

// --- Pages.

enum class Order : uint8_t { kOldestFirst, kNewestFirst };

std::string_view ListName(Order order) {
  return order == Order::kOldestFirst ? "result_tables" : "result_tables_newest";
}

std::tuple<UnixMicros, std::string_view, bool> Rank(const ResultTableRecord& table) {
  return {table.created_at, table.table_name, !table.owner.is_global()};
}

struct ResultTablePosition {
  UnixMicros created_at = 0;
  std::string table_name;
  bool own = false;  // of the reader's scope; the global one of the same rank is the lesser
};

std::string EncodeToken(Order order, const ResultTableRecord& last) {
  return EncodePageToken(ListName(order),
                         {last.created_at, int64_t{!last.owner.is_global()}, last.table_name});
}

Result<ResultTablePosition> DecodeToken(Order order, std::string_view token, const Scope& reader) {
  using Limits = std::numeric_limits<UnixMicros>;
  if (token.empty())
    return ResultTablePosition{order == Order::kOldestFirst ? Limits::min() : Limits::max(), {}, false};
  JAMMI_ASSIGN(auto fields, DecodePageToken(ListName(order), "iis", token));
  // To a reader without a scope of its own no row of the list is "own".
  return ResultTablePosition{std::get<int64_t>(fields[0]), std::get<std::string>(std::move(fields[2])),
                             std::get<int64_t>(fields[1]) != 0 && !reader.is_global()};
}

// The page of `sql` after `page_token`; `filters` are the parameters from $6 on.
Result<ResultTables::Page> ReadPage(const CatalogAccess& access, Order order, std::string_view sql,
                                    std::initializer_list<SqlValue> filters, int page_size,
                                    std::string_view page_token) {
  JAMMI_TRY(CheckPageSize(page_size));
  JAMMI_ASSIGN(const ResultTablePosition after, DecodeToken(order, page_token, access.scope));
  const std::string after_scope = after.own ? access.scope.Key() : "";
  const auto before = [order](const ResultTableRecord& a, const ResultTableRecord& b) {
    return order == Order::kOldestFirst ? Rank(a) < Rank(b) : Rank(b) < Rank(a);
  };
  const auto token_of = [order](const ResultTableRecord& last) { return EncodeToken(order, last); };
  return access.backend->Transact(access.Reading(), [&](Transaction& tx) {
    const auto query = [&](const std::string& scope, int64_t limit, std::vector<ResultTableRecord>& tables) {
      std::vector<SqlValue> params = {scope, after.created_at, after.table_name, after_scope, limit};
      params.insert(params.end(), filters);
      return tx.Query(sql, SqlParams(params), [&](const Row& row) -> Result<bool> {
        JAMMI_TRY(ReadResultTable(row, tables.emplace_back()));
        return true;
      });
    };
    return ReadVisiblePage<ResultTableRecord>(access.scope, page_size, query, before, token_of);
  });
}

// --- Steps inside a transaction.

// The newest of the own and the global tables.
Result<std::optional<ResultTableRecord>> NewestEmbedding(Transaction& tx, const Scope& reader,
                                                         std::string_view source_id) {
  const std::string key = reader.Key();
  JAMMI_ASSIGN(auto own, QueryResultTable(tx, kNewestEmbedding, {key, source_id}));
  if (reader.is_global()) return own;
  JAMMI_ASSIGN(auto global, QueryResultTable(tx, kNewestEmbedding, {"", source_id}));
  if (!own || (global && Rank(*own) < Rank(*global))) return global;
  return own;
}

// An error if `sql` finds that tables are derived from what is to be deleted.
Result<void> CheckNotDerivedFrom(Transaction& tx, std::string_view sql, const std::string& scope,
                                 std::string_view what) {
  JAMMI_ASSIGN(auto parent, tx.QueryFirst(sql, {scope, what}, ReadColumn<std::string>("table_name")));
  if (!parent) return {};
  std::string message = fmt::format("tables are derived from result table '{}'", *parent);
  return Error(ErrorCode::kFailedPrecondition, std::move(message),
               ResultTableReferencedDetail{std::move(*parent)});
}

// What a deletion deletes, and how: statements of the scope and `what`.
struct Deletion {
  std::string_view lock;
  std::string_view derived;
  std::string_view remove;
  Result<SegmentsByTable> (*segments)(Transaction& tx, const Scope& owner, std::string_view what);
};
constexpr Deletion kOneTable = {kResultTableLock, kDerivedFrom, kResultTableDelete, SegmentsOfTable};
constexpr Deletion kTablesOfSource = {kLockForSource, kDerivedOutsideSource, kDeleteForSource,
                                      SegmentsOfSource};

// How many rows are locked, so that nothing is added to them before they are gone; nullopt where nobody
// else writes.
Result<std::optional<size_t>> Lock(Transaction& tx, BackendKind kind, const Deletion& deletion,
                                   const std::string& scope, std::string_view what) {
  if (kind != BackendKind::kPostgres) return std::optional<size_t>();
  size_t locked = 0;
  JAMMI_TRY(tx.Query(deletion.lock, {scope, what}, [&](const Row&) -> Result<bool> {
    ++locked;
    return true;
  }));
  return std::optional(locked);
}

// The tables that are gone, with the segments that they had. Nothing was removed when the error is kAborted,
// or of a foreign key: a table was added after the others had been locked.
Result<std::vector<DeletedResultTable>> DeleteTables(Transaction& tx, BackendKind kind,
                                                     const Deletion& deletion, const Scope& owner,
                                                     std::string_view what) {
  std::vector<DeletedResultTable> deleted;
  const std::string scope = owner.Key();
  JAMMI_ASSIGN(const auto locked, Lock(tx, kind, deletion, scope, what));
  if (locked == 0) return deleted;
  JAMMI_TRY(CheckNotDerivedFrom(tx, deletion.derived, scope, what));
  JAMMI_ASSIGN(SegmentsByTable segments, deletion.segments(tx, owner, what));
  const auto take = [&](const Row& row) -> Result<bool> {
    JAMMI_TRY(ReadResultTable(row, deleted.emplace_back().table));
    return true;
  };
  if (locked) JAMMI_SYNC_POINT("catalog:result_tables_locked");
  JAMMI_TRY(tx.Query(deletion.remove, {scope, what}, take));
  if (locked && deleted.size() != *locked) {
    return Error(ErrorCode::kAborted,
                 fmt::format("result tables of '{}' were added at the same time, again and again", what));
  }
  std::ranges::sort(deleted, {}, [](const DeletedResultTable& d) -> auto& { return d.table.table_name; });
  for (DeletedResultTable& one : deleted) {
    one.segments = std::move(segments[one.table.table_name]);
    JAMMI_TRY(RecordTableChange(tx, ChangeVerb::kDeleted, owner, one.table.table_name));
  }
  return deleted;
}

}  // namespace

bool TableWasAdded(const Error& error) {
  // An error of the database has been tried again by the backend.
  if (error.As<BackendDetail>() != nullptr) return IsForeignKeyError(error);
  return error.code() == ErrorCode::kAborted;
}

Result<std::vector<DeletedResultTable>> DeleteTablesOfSource(Transaction& tx, BackendKind kind,
                                                             const Scope& owner, std::string_view source_id) {
  return DeleteTables(tx, kind, kTablesOfSource, owner, source_id);
}

std::span<const RepoStatement> ResultTableStatements() { return kResultTableStatements; }

ResultTables ResultTables::WithDeadline(Deadline deadline) const {
  return ResultTables(access_.Until(deadline));
}

Result<ResultTableRecord> ResultTables::Get(std::string_view table_name) const {
  JAMMI_TRY(CheckResultTableName(table_name));
  return access_.backend->Transact(access_.Reading(), [&](Transaction& tx) {
    return FindVisibleResultTable(tx, access_.scope, table_name);
  });
}

Result<ResultTables::Page> ResultTables::List(const ResultTableFilter& filter, int page_size,
                                              std::string_view page_token) const {
  const auto status = filter.status.transform([](ResultTableStatus s) { return ToString(s); });
  const auto task = filter.task.transform([](ModelTask t) { return ToString(t); });
  if (status && status->empty()) return InvalidArgument("status", "is none of the known statuses");
  if (task && task->empty()) return InvalidArgument("task", "is none of the known tasks");
  if (filter.source_id) JAMMI_TRY(CheckSourceId("source_id", *filter.source_id));
  if (filter.model_id) JAMMI_TRY(CheckText("model_id", *filter.model_id, 1, 512));
  const auto read = [&](std::string_view sql, std::initializer_list<SqlValue> filters) {
    return ReadPage(access_, Order::kOldestFirst, sql, filters, page_size, page_token);
  };
  if (filter.source_id) return read(kPageBySource, {task, filter.model_id, status, filter.source_id});
  if (status) return read(kPageByStatus, {task, filter.model_id, status});
  return read(kResultTablePage, {task, filter.model_id});
}

Result<ResultTables::Page> ResultTables::FindReadyByDefinition(std::string_view definition_hash,
                                                               int page_size,
                                                               std::string_view page_token) const {
  JAMMI_TRY(CheckText("definition_hash", definition_hash, 1, 128));
  return ReadPage(access_, Order::kNewestFirst, kPageByDefinition, {definition_hash}, page_size, page_token);
}

Result<ResultTables::Page> ResultTables::FindReadyAnchoredOn(std::string_view source, int page_size,
                                                             std::string_view page_token) const {
  JAMMI_TRY(CheckSourceId("source", source));
  return ReadPage(access_, Order::kOldestFirst, kPageByInput, {source}, page_size, page_token);
}

Result<ResultTableRecord> ResultTables::ResolveEmbeddingTable(
    std::string_view source_id, const std::optional<std::string>& table_name) const {
  JAMMI_TRY(CheckSourceId("source_id", source_id));
  if (table_name) return Get(*table_name);
  JAMMI_ASSIGN(auto found, access_.backend->Transact(access_.Reading(), [&](Transaction& tx) {
    return NewestEmbedding(tx, access_.scope, source_id);
  }));
  if (found) return std::move(*found);
  return Error(ErrorCode::kNotFound, fmt::format("no ready embedding table for source '{}'", source_id),
               ResultTableNotFoundDetail{{}, std::string(source_id)});
}

Result<DeletedResultTable> ResultTables::Delete(std::string_view table_name) {
  JAMMI_TRY(CheckResultTableName(table_name));
  const BackendKind kind = access_.backend->kind();
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) -> Result<DeletedResultTable> {
    JAMMI_ASSIGN(auto deleted, DeleteTables(tx, kind, kOneTable, access_.scope, table_name));
    if (deleted.empty()) return ResultTableNotFound(table_name);
    return std::move(deleted.front());
  });
}

Result<std::vector<DeletedResultTable>> ResultTables::DeleteForSource(std::string_view source_id) {
  JAMMI_TRY(CheckSourceId("source_id", source_id));
  const BackendKind kind = access_.backend->kind();
  return TransactWhile(*access_.backend, access_.Writing(Lane::kBulk), TableWasAdded, [&](Transaction& tx) {
    return DeleteTablesOfSource(tx, kind, access_.scope, source_id);
  });
}

}  // namespace jammi
