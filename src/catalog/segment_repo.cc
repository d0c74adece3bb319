#include "catalog/segment_repo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "catalog/arguments.h"
#include "catalog/lease.h"
#include "catalog/listing.h"
#include "catalog/page_token.h"
#include "catalog/read_rows.h"
#include "catalog/result_table_build.h"
#include "catalog/result_table_row.h"

namespace jammi {
namespace {

constexpr size_t kSegmentMaxPathBytes = 4096;
constexpr std::string_view kSegmentList = "index_segments";

// --- Statements.

#define JAMMI_SEGMENT_COLUMNS                                                          \
  "index_segments.table_name AS table_name, index_segments.segment_id AS segment_id, " \
  "index_segments.bundle_path AS bundle_path, index_segments.row_count AS row_count, " \
  "index_segments.created_at AS created_at"
#define JAMMI_SEGMENTS "SELECT " JAMMI_SEGMENT_COLUMNS " FROM index_segments "
#define JAMMI_OWN_BUILD "(status = 'building' AND " JAMMI_LEASE_HELD("$3", "$4") ")"

// Touching the row of the table gives each caller an id of his own, and lets a deletion of the table see
// that there is another segment.
constexpr std::string_view kTakeId =
    "UPDATE result_tables SET next_segment_id = next_segment_id + 1 "
    "WHERE scope = $1 AND table_name = $2 AND (status = 'ready' OR " JAMMI_OWN_BUILD
    ") "
    "RETURNING next_segment_id - 1 AS segment_id, storage_precision";
constexpr std::string_view kSegmentInsert =
    "INSERT INTO index_segments (scope, table_name, segment_id, bundle_path, row_count, created_at) "
    "VALUES ($1, $2, $3, $4, $5, jammi_now()) ON CONFLICT (scope, table_name, bundle_path) DO NOTHING "
    "RETURNING " JAMMI_SEGMENT_COLUMNS;
constexpr std::string_view kSegmentPage =
    JAMMI_SEGMENTS "WHERE scope = $1 AND table_name = $2 AND segment_id > $3 ORDER BY segment_id LIMIT $4";
constexpr std::string_view kMaxId =
    "SELECT segment_id FROM index_segments WHERE scope = $1 AND table_name = $2 "
    "ORDER BY segment_id DESC LIMIT 1";
// Locks the row too: a build that is taken over at the same time is not written to any more.
constexpr std::string_view kLockTable =
    "UPDATE result_tables SET next_segment_id = next_segment_id "
    "WHERE scope = $1 AND table_name = $2 AND (status <> 'building' OR " JAMMI_OWN_BUILD ")";
constexpr std::string_view kDeleteAll =
    "DELETE FROM index_segments WHERE scope = $1 AND table_name = $2 RETURNING " JAMMI_SEGMENT_COLUMNS;
constexpr std::string_view kOfTable =
    JAMMI_SEGMENTS "WHERE scope = $1 AND table_name = $2 ORDER BY segment_id";
constexpr std::string_view kOfSource = JAMMI_SEGMENTS
    "JOIN result_tables ON result_tables.scope = index_segments.scope "
    "AND result_tables.table_name = index_segments.table_name "
    "WHERE result_tables.scope = $1 AND result_tables.source_id = $2 AND index_segments.scope = $1";

constexpr std::array<RepoStatement, 8> kSegmentStatements = {{
    {"take an id", kTakeId, 4},
    {"insert", kSegmentInsert, 5},
    {"page", kSegmentPage, 4},
    {"largest id", kMaxId, 2},
    {"lock the table", kLockTable, 4},
    {"delete", kDeleteAll, 2},
    {"of a table", kOfTable, 2},
    {"of a source", kOfSource, 2},
}};

// --- Steps inside a transaction.

Result<IndexSegment> ReadSegment(const Row& row) {
  IndexSegment segment;
  JAMMI_ASSIGN(segment.segment_id, row.Get<int64_t>("segment_id"));
  JAMMI_ASSIGN(segment.bundle_path, row.Get<std::string>("bundle_path"));
  JAMMI_ASSIGN(segment.row_count, row.Get<int64_t>("row_count"));
  JAMMI_ASSIGN(segment.created_at, row.Get<int64_t>("created_at"));
  return segment;
}

Result<std::vector<IndexSegment>> ReadSegments(Transaction& tx, std::string_view sql,
                                               std::initializer_list<SqlValue> params) {
  std::vector<IndexSegment> segments;
  JAMMI_TRY(tx.Query(sql, params, AppendTo(segments, ReadSegment)));
  return segments;
}

// Segments by id within their tables.
Result<SegmentsByTable> ReadByTable(Transaction& tx, std::string_view sql, const Scope& owner,
                                    std::string_view what) {
  const std::string key = owner.Key();
  SegmentsByTable segments;
  JAMMI_TRY(tx.Query(sql, {key, what}, [&](const Row& row) -> Result<bool> {
    JAMMI_ASSIGN(auto table, row.Get<std::string>("table_name"));
    JAMMI_ASSIGN(segments[std::move(table)].emplace_back(), ReadSegment(row));
    return true;
  }));
  for (auto& [table, list] : segments) std::ranges::sort(list, {}, &IndexSegment::segment_id);
  return segments;
}

// Why a write to the segments met no table that it may change.
Error WhyNoTable(Transaction& tx, const Scope& owner, std::string_view table_name,
                 const std::optional<LeaseToken>& lease) {
  auto table = FindResultTable(tx, owner, table_name);
  if (!table) return table.error();
  if (!*table) return ResultTableNotFound(table_name);
  if ((*table)->status == ResultTableStatus::kFailed) {
    return Error(ErrorCode::kFailedPrecondition, fmt::format("result table '{}' has failed", table_name));
  }
  if (lease) return WhyNoBuild(tx, owner, table_name, *lease);
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("result table '{}' is being built: its builder alone writes to it", table_name));
}

Result<void> Check(std::string_view table_name, const std::optional<LeaseToken>& lease) {
  JAMMI_TRY(CheckResultTableName(table_name));
  return lease ? CheckLeaseToken(*lease) : Result<void>();
}

SqlValue HolderOf(const std::optional<LeaseToken>& lease) {
  return lease ? SqlValue(lease->holder) : SqlValue(std::nullopt);
}
SqlValue EpochOf(const std::optional<LeaseToken>& lease) {
  return lease ? SqlValue(lease->epoch) : SqlValue(std::nullopt);
}

struct TakenId {
  int64_t segment_id = 0;
  std::string precision;
};

Result<TakenId> ReadTakenId(const Row& row) {
  TakenId taken;
  JAMMI_ASSIGN(taken.segment_id, row.Get<int64_t>("segment_id"));
  JAMMI_ASSIGN(const auto precision, row.Get<std::optional<std::string>>("storage_precision"));
  taken.precision = precision.value_or(std::string(ToString(StoragePrecision::kF32)));
  return taken;
}

struct SegmentPosition {
  bool own = false;  // whose table the first page was of
  int64_t segment_id = -1;
};

// The owner of the table whose segments are read: that of the first page, when there was one.
Result<Scope> OwnerOf(Transaction& tx, const Scope& reader, std::string_view table_name,
                      const std::optional<SegmentPosition>& after) {
  const Scope from = after && !after->own ? Scope::Global() : reader;
  JAMMI_ASSIGN(const auto table, FindVisibleResultTable(tx, from, table_name));
  return table.owner;
}

}  // namespace

std::span<const RepoStatement> SegmentStatements() { return kSegmentStatements; }

Result<SegmentsByTable> SegmentsOfTable(Transaction& tx, const Scope& owner, std::string_view table_name) {
  return ReadByTable(tx, kOfTable, owner, table_name);
}

Result<SegmentsByTable> SegmentsOfSource(Transaction& tx, const Scope& owner, std::string_view source_id) {
  return ReadByTable(tx, kOfSource, owner, source_id);
}

IndexSegments IndexSegments::WithDeadline(Deadline deadline) const {
  return IndexSegments(access_.Until(deadline));
}

Result<IndexSegment> IndexSegments::Append(std::string_view table_name, const AppendSegmentParams& params,
                                           const std::optional<LeaseToken>& lease) {
  JAMMI_TRY(Check(table_name, lease));
  JAMMI_TRY(CheckText("bundle_path", params.bundle_path, 1, kSegmentMaxPathBytes));
  if (params.row_count < 0) return InvalidArgument("row_count", "must be 0 or more");
  const std::string_view precision = ToString(params.precision);
  if (precision.empty()) return InvalidArgument("precision", "is none of the known precisions");
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) -> Result<IndexSegment> {
    const std::string key = access_.scope.Key();
    JAMMI_ASSIGN(const auto taken,
                 tx.QueryFirst(kTakeId, {key, table_name, HolderOf(lease), EpochOf(lease)}, ReadTakenId));
    if (!taken) return WhyNoTable(tx, access_.scope, table_name, lease);
    if (taken->precision != precision) {
      return Error(ErrorCode::kFailedPrecondition, fmt::format("result table '{}' stores {}, not {}",
                                                               table_name, taken->precision, precision));
    }
    JAMMI_ASSIGN(auto segment,
                 tx.QueryFirst(kSegmentInsert,
                               {key, table_name, taken->segment_id, params.bundle_path, params.row_count},
                               ReadSegment));
    if (!segment) {
      return Error(ErrorCode::kAlreadyExists,
                   fmt::format("result table '{}' has a segment {} already", table_name, params.bundle_path));
    }
    JAMMI_TRY(RecordTableChange(tx, ChangeVerb::kUpdated, access_.scope, table_name));
    return std::move(*segment);
  });
}

Result<IndexSegments::Page> IndexSegments::List(std::string_view table_name, int page_size,
                                                std::string_view page_token) const {
  JAMMI_TRY(CheckResultTableName(table_name));
  JAMMI_TRY(CheckPageSize(page_size));
  std::optional<SegmentPosition> after;
  if (!page_token.empty()) {
    JAMMI_ASSIGN(const auto fields, DecodePageToken(kSegmentList, "ii", page_token));
    after = SegmentPosition{std::get<int64_t>(fields[0]) != 0, std::get<int64_t>(fields[1])};
  }
  return access_.backend->Transact(access_.Reading(), [&](Transaction& tx) -> Result<Page> {
    JAMMI_ASSIGN(const Scope owner, OwnerOf(tx, access_.scope, table_name, after));
    const std::string key = owner.Key();
    Page page;
    JAMMI_ASSIGN(page.items,
                 ReadSegments(tx, kSegmentPage,
                              {key, table_name, after ? after->segment_id : -1, int64_t{page_size} + 1}));
    CutPage(page, page_size, [&](const IndexSegment& last) {
      return EncodePageToken(kSegmentList, {int64_t{!owner.is_global()}, last.segment_id});
    });
    return page;
  });
}

Result<std::optional<int64_t>> IndexSegments::MaxId(std::string_view table_name) const {
  JAMMI_TRY(CheckResultTableName(table_name));
  return access_.backend->Transact(access_.Reading(), [&](Transaction& tx) -> Result<std::optional<int64_t>> {
    JAMMI_ASSIGN(const Scope owner, OwnerOf(tx, access_.scope, table_name, std::nullopt));
    const std::string key = owner.Key();
    return tx.QueryFirst(kMaxId, {key, table_name}, ReadColumn<int64_t>("segment_id"));
  });
}

Result<std::vector<IndexSegment>> IndexSegments::DeleteAll(std::string_view table_name,
                                                           const std::optional<LeaseToken>& lease) {
  JAMMI_TRY(Check(table_name, lease));
  return access_.backend->Transact(
      access_.Writing(), [&](Transaction& tx) -> Result<std::vector<IndexSegment>> {
        const std::string key = access_.scope.Key();
        JAMMI_ASSIGN(const int64_t locked,
                     tx.Execute(kLockTable, {key, table_name, HolderOf(lease), EpochOf(lease)}));
        if (locked != 1) return WhyNoTable(tx, access_.scope, table_name, lease);
        JAMMI_ASSIGN(auto segments, ReadSegments(tx, kDeleteAll, {key, table_name}));
        std::ranges::sort(segments, {}, &IndexSegment::segment_id);
        if (!segments.empty()) {
          JAMMI_TRY(RecordTableChange(tx, ChangeVerb::kUpdated, access_.scope, table_name));
        }
        return segments;
      });
}

}  // namespace jammi
