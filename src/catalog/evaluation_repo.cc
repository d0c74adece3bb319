#include "catalog/evaluation_repo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <limits>
#include <tuple>

#include "catalog/arguments.h"
#include "catalog/backend_error.h"
#include "catalog/changes.h"
#include "catalog/enum_text.h"
#include "catalog/listing.h"
#include "catalog/model_repo.h"
#include "catalog/page_token.h"
#include "catalog/read_rows.h"
#include "catalog/run_again.h"
#include "jammi/evaluations.h"

namespace jammi {
namespace {

constexpr size_t kMaxRunIdBytes = 128;
constexpr size_t kEvaluationMaxNameBytes = 512;  // of queries and sources
constexpr size_t kMaxUidBytes = 36;
constexpr size_t kMaxRunMetricsBytes = 64 << 10;
constexpr size_t kMaxCohortsBytes = 4 << 10;
constexpr size_t kMaxRowMetricsBytes = 16 << 10;
constexpr std::string_view kRunList = "eval_runs";
constexpr std::string_view kRowList = "eval_per_query";

constexpr std::array<std::string_view, 5> kEvaluationTypeTexts = {
    "embedding", "classification", "ner", "calibration_gaussian", "calibration_sample"};

// --- Statements.

#define JAMMI_RUN_COLUMNS \
  "scope, run_id, model_uid, eval_type, source_id, golden_source, k, metrics, created_at"
#define JAMMI_RUN_PAGE(filter)                                 \
  "SELECT " JAMMI_RUN_COLUMNS " FROM eval_runs WHERE " filter  \
  "scope = $1 AND (created_at, run_id, scope) < ($2, $3, $4) " \
  "ORDER BY created_at DESC, run_id DESC LIMIT $5"

constexpr std::string_view kInsertRun = "INSERT INTO eval_runs (" JAMMI_RUN_COLUMNS
                                        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, jammi_now()) "
                                        "ON CONFLICT (scope, run_id) DO NOTHING RETURNING " JAMMI_RUN_COLUMNS;
constexpr std::string_view kGetRun =
    "SELECT " JAMMI_RUN_COLUMNS " FROM eval_runs WHERE run_id = $1 AND scope IN ($2, '')";
constexpr std::string_view kEvaluationPage = JAMMI_RUN_PAGE("");
constexpr std::string_view kPageOfType = JAMMI_RUN_PAGE("eval_type = $6 AND ");
constexpr std::string_view kPageOfModel = JAMMI_RUN_PAGE("model_uid = $6 AND ");
constexpr std::string_view kPageOfModelAndType = JAMMI_RUN_PAGE("model_uid = $6 AND eval_type = $7 AND ");
constexpr std::string_view kOwnerOfRun =
    "SELECT scope FROM eval_runs WHERE run_id = $1 AND scope IN ($2, '')";
constexpr std::string_view kRowPage =
    "SELECT query_id, cohorts, metrics FROM eval_per_query "
    "WHERE scope = $1 AND run_id = $2 AND query_id > $3 ORDER BY query_id LIMIT $4";
constexpr std::string_view kDeleteRun = "DELETE FROM eval_runs WHERE scope = $1 AND run_id = $2";
constexpr std::string_view kModelIsVisible =
    "SELECT model_uid FROM models WHERE model_uid = $1 AND scope IN ($2, '')";

// Takes kMaxCompared ids.
const std::string& GetRunsText() {
  static const std::string text = [] {
    std::string ids = "$2";
    for (size_t i = 1; i < Evaluations::kMaxCompared; ++i) ids += fmt::format(", ${}", i + 2);
    return fmt::format(
        "SELECT " JAMMI_RUN_COLUMNS " FROM eval_runs WHERE scope IN ($1, '') AND run_id IN ({})", ids);
  }();
  return text;
}

// Rows go in by statements of 1, 2, 4, ... rows, so that few texts serve every number of them, none comes
// near a limit on parameters, and a round trip carries many.
constexpr size_t kRowsPerInsert = 512;
const std::string& InsertRowsText(size_t rows) {
  static const auto texts = [] {
    std::array<std::string, std::bit_width(kRowsPerInsert)> all;
    for (size_t power = 0; power < all.size(); ++power) {
      all[power] = "INSERT INTO eval_per_query (scope, run_id, query_id, cohorts, metrics) VALUES ";
      for (size_t row = 0; row < size_t{1} << power; ++row) {
        const size_t first = 3 + 3 * row;
        all[power] +=
            fmt::format("{}($1, $2, ${}, ${}, ${})", row == 0 ? "" : ", ", first, first + 1, first + 2);
      }
    }
    return all;
  }();
  return texts[static_cast<size_t>(std::bit_width(rows)) - 1];
}

// --- Arguments.

Result<void> CheckRunId(std::string_view run_id) { return CheckText("run_id", run_id, 1, kMaxRunIdBytes); }

Result<void> CheckUid(const std::optional<ModelUid>& model) {
  return model ? CheckText("model", model->value, 1, kMaxUidBytes) : Result<void>();
}

Result<void> CheckType(EvalType type) {
  return ToString(type).empty() ? InvalidArgument("type", "is none of the known types") : Result<void>();
}

Result<void> Check(const RecordEvalRunParams& params) {
  JAMMI_TRY(CheckRunId(params.run_id));
  JAMMI_TRY(CheckUid(params.model));
  JAMMI_TRY(CheckType(params.type));
  JAMMI_TRY(CheckText("source_id", params.source_id, 1, kEvaluationMaxNameBytes));
  JAMMI_TRY(CheckText("golden_source", params.golden_source, 0, kEvaluationMaxNameBytes));
  if (params.k && *params.k < 1)
    return InvalidArgument("k", fmt::format("must be 1 or more, not {}", *params.k));
  return CheckJsonObject("metrics", params.metrics, kMaxRunMetricsBytes);
}

// In the order of their key, in which a database takes them fastest.
using SortedRows = std::vector<const EvalQueryResult*>;

Result<SortedRows> CheckRows(std::span<const EvalQueryResult> rows) {
  if (rows.size() > Evaluations::kMaxRows) {
    return InvalidArgument("rows",
                           fmt::format("must be at most {}, not {}", Evaluations::kMaxRows, rows.size()));
  }
  SortedRows sorted;
  sorted.reserve(rows.size());
  size_t bytes = 0;
  for (const EvalQueryResult& row : rows) {
    JAMMI_TRY(CheckText("query_id", row.query_id, 1, kEvaluationMaxNameBytes));
    JAMMI_TRY(CheckJsonObject("cohorts", row.cohorts, kMaxCohortsBytes));
    JAMMI_TRY(CheckJsonObject("metrics of a row", row.metrics, kMaxRowMetricsBytes));
    bytes += row.query_id.size() + row.cohorts.size() + row.metrics.size();
    sorted.push_back(&row);
  }
  if (bytes > Evaluations::kMaxRowBytes) {
    return InvalidArgument(
        "rows", fmt::format("must have at most {} bytes, not {}", Evaluations::kMaxRowBytes, bytes));
  }
  std::ranges::sort(sorted, {}, [](const auto* row) -> std::string_view { return row->query_id; });
  const auto twice = std::ranges::adjacent_find(
      sorted, {}, [](const auto* row) -> std::string_view { return row->query_id; });
  if (twice == sorted.end()) return sorted;
  return InvalidArgument("query_id", fmt::format("'{}' is given twice", (*twice)->query_id));
}

// A long body goes into the lane of the long ones.
Lane LaneFor(size_t rows) { return rows > kRowsPerInsert ? Lane::kBulk : Lane::kNormal; }

Error RunNotFound(std::string_view run_id) {
  return Error(ErrorCode::kNotFound, fmt::format("evaluation run not found: {}", run_id));
}

// --- Rows.

Result<EvalRun> ReadRun(const Row& row) {
  EvalRun run;
  JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("scope"));
  JAMMI_ASSIGN(run.owner, Scope::FromKey(scope));
  JAMMI_ASSIGN(run.run_id, row.Get<std::string_view>("run_id"));
  JAMMI_ASSIGN(auto model, row.Get<std::optional<std::string>>("model_uid"));
  if (model) run.model = ModelUid{std::move(*model)};
  JAMMI_ASSIGN(run.type, ReadEnum(row, "eval_type", ParseEvalType));
  JAMMI_ASSIGN(run.source_id, row.Get<std::string_view>("source_id"));
  JAMMI_ASSIGN(run.golden_source, row.Get<std::string_view>("golden_source"));
  JAMMI_ASSIGN(run.k, row.Get<std::optional<int32_t>>("k"));
  JAMMI_ASSIGN(run.metrics, row.Get<std::string_view>("metrics"));
  JAMMI_ASSIGN(run.created_at, row.Get<int64_t>("created_at"));
  return run;
}

Result<EvalQueryResult> ReadQueryResult(const Row& row) {
  EvalQueryResult result;
  JAMMI_ASSIGN(result.query_id, row.Get<std::string_view>("query_id"));
  JAMMI_ASSIGN(result.cohorts, row.Get<std::string_view>("cohorts"));
  JAMMI_ASSIGN(result.metrics, row.Get<std::string_view>("metrics"));
  return result;
}

// --- Steps of the verbs, each inside a transaction.

Result<void> InsertSomeRows(Transaction& tx, std::string_view scope, std::string_view run_id,
                            std::span<const EvalQueryResult* const> rows) {
  std::vector<SqlValue> params = {scope, run_id};
  params.reserve(2 + 3 * rows.size());
  for (const auto* row : rows) {
    params.insert(params.end(), {row->query_id, row->cohorts, row->metrics});
  }
  auto inserted = tx.Execute(InsertRowsText(rows.size()), params);
  if (inserted) return {};
  if (IsForeignKeyError(inserted.error())) return RunNotFound(run_id);
  if (!HasFault(inserted.error(), BackendFault::kUnique)) return std::move(inserted).error();
  return Error(ErrorCode::kAlreadyExists,
               fmt::format("evaluation run {} has a row of a query from '{}' to '{}' already", run_id,
                           rows.front()->query_id, rows.back()->query_id));
}

Result<void> InsertRows(Transaction& tx, const Scope& owner, std::string_view run_id,
                        const SortedRows& sorted) {
  const std::string scope = owner.Key();
  std::span<const EvalQueryResult* const> rows = sorted;
  while (!rows.empty()) {
    const size_t count = std::min(kRowsPerInsert, std::bit_floor(rows.size()));
    JAMMI_TRY(InsertSomeRows(tx, scope, run_id, rows.first(count)));
    rows = rows.subspan(count);
  }
  return {};
}

Result<EvalRun> InsertRun(Transaction& tx, const Scope& owner, const RecordEvalRunParams& params) {
  const std::string scope = owner.Key();
  const auto uid = params.model ? std::optional(params.model->value) : std::nullopt;
  if (uid) {
    JAMMI_ASSIGN(const auto visible,
                 tx.QueryFirst(kModelIsVisible, {*uid, scope}, ReadColumn<std::string>("model_uid")));
    if (!visible) {
      return Error(ErrorCode::kNotFound, fmt::format("model not found: {}", *uid), ModelNotFoundDetail{*uid});
    }
  }
  JAMMI_ASSIGN(auto run, tx.QueryFirst(kInsertRun,
                                       {scope, params.run_id, uid, ToString(params.type), params.source_id,
                                        params.golden_source, params.k, params.metrics},
                                       ReadRun));
  if (run) return std::move(*run);
  return Error(ErrorCode::kAlreadyExists, fmt::format("evaluation run {} exists already", params.run_id));
}

Result<void> RecordRunChange(Transaction& tx, ChangeVerb verb, const Scope& owner, std::string_view run_id) {
  return RecordChange(tx, {.kind = "eval_run", .verb = verb, .owner = owner, .name = run_id});
}

Result<std::vector<EvalRun>> ReadRuns(Transaction& tx, std::string_view sql, SqlParams params) {
  std::vector<EvalRun> runs;
  JAMMI_TRY(tx.Query(sql, params, AppendTo(runs, ReadRun)));
  return runs;
}

// The one of that id: the reader's own, else the global one.
Result<EvalRun> Pick(std::span<const EvalRun> runs, std::string_view run_id) {
  const EvalRun* picked = nullptr;
  for (const EvalRun& run : runs) {
    if (run.run_id == run_id && (picked == nullptr || picked->owner.is_global())) picked = &run;
  }
  return picked != nullptr ? Result<EvalRun>(*picked) : RunNotFound(run_id);
}

// Whose run a reader means by that id; nullopt when he sees none.
Result<std::optional<std::string>> OwnerOfRun(Transaction& tx, const Scope& reader, std::string_view run_id) {
  std::optional<std::string> owner;
  JAMMI_TRY(tx.Query(kOwnerOfRun, {run_id, reader.Key()}, [&](const Row& row) -> Result<bool> {
    JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("scope"));
    if (!owner || owner->empty()) owner = scope;
    return true;
  }));
  return owner;
}

// --- Pages.

// The place of a run in a list; at first one in front of all.
struct EvaluationPosition {
  UnixMicros created_at = std::numeric_limits<UnixMicros>::max();
  std::string run_id;
  bool own = false;  // of the reader's scope
};

Result<EvaluationPosition> EvaluationDecodePosition(std::string_view token) {
  if (token.empty()) return EvaluationPosition();
  JAMMI_ASSIGN(const auto fields, DecodePageToken(kRunList, "isi", token));
  return EvaluationPosition{std::get<int64_t>(fields[0]), std::get<std::string>(fields[1]),
                            std::get<int64_t>(fields[2]) != 0};
}

std::string TokenOf(const EvalRun& run) {
  return EncodePageToken(kRunList, {run.created_at, run.run_id, int64_t{!run.owner.is_global()}});
}

bool ComesBefore(const EvalRun& a, const EvalRun& b) {
  return std::tie(a.created_at, a.run_id, a.owner) > std::tie(b.created_at, b.run_id, b.owner);
}

std::string_view PageText(const EvalRunFilter& filter) {
  if (filter.model) return filter.type ? kPageOfModelAndType : kPageOfModel;
  return filter.type ? kPageOfType : kEvaluationPage;
}

Result<Page<EvalRun>> ReadRunPage(Transaction& tx, const Scope& reader, const EvalRunFilter& filter,
                                  const EvaluationPosition& after, int page_size) {
  const std::string after_scope = after.own ? reader.Key() : "";
  const auto query = [&](const std::string& scope, int64_t limit,
                         std::vector<EvalRun>& runs) -> Result<void> {
    std::vector<SqlValue> params = {scope, after.created_at, after.run_id, after_scope, limit};
    if (filter.model) params.emplace_back(filter.model->value);
    if (filter.type) params.emplace_back(ToString(*filter.type));
    JAMMI_ASSIGN(auto more, ReadRuns(tx, PageText(filter), params));
    std::ranges::move(more, std::back_inserter(runs));
    return {};
  };
  return ReadVisiblePage<EvalRun>(reader, page_size, query, ComesBefore, TokenOf);
}

Result<std::optional<EvalRun>> ReadLatest(Transaction& tx, const Scope& reader, const ModelUid& model,
                                          EvalType type) {
  JAMMI_ASSIGN(auto page, ReadRunPage(tx, reader, {.model = model, .type = type}, EvaluationPosition(), 1));
  if (page.items.empty()) return std::optional<EvalRun>();
  return std::optional(std::move(page.items.front()));
}

// The rows of `scope`'s run after `query_id`.
Result<Page<EvalQueryResult>> ReadRows(Transaction& tx, const std::string& scope, std::string_view run_id,
                                       std::string_view query_id, int page_size) {
  Page<EvalQueryResult> page;
  JAMMI_TRY(tx.Query(kRowPage, {scope, run_id, query_id, page_size + int64_t{1}},
                     AppendTo(page.items, ReadQueryResult)));
  CutPage(page, page_size, [&](const EvalQueryResult& last) {
    return EncodePageToken(kRowList, {int64_t{!scope.empty()}, last.query_id});
  });
  return page;
}

}  // namespace

std::string_view ToString(EvalType type) { return TextOf(kEvaluationTypeTexts, type); }

Result<EvalType> ParseEvalType(std::string_view text) {
  if (const auto type = ValueOf<EvalType>(kEvaluationTypeTexts, text)) return *type;
  return Error(ErrorCode::kInvalidArgument, fmt::format("Unknown evaluation type '{}'. Expected: {}", text,
                                                        fmt::join(kEvaluationTypeTexts, ", ")));
}

std::span<const RepoStatement> EvaluationStatements() {
  static const std::array statements = {
      RepoStatement{"get run", kGetRun, 2},
      RepoStatement{"get runs", GetRunsText(), 1 + static_cast<int>(Evaluations::kMaxCompared)},
      RepoStatement{"page", kEvaluationPage, 5},
      RepoStatement{"page of type", kPageOfType, 6},
      RepoStatement{"page of model", kPageOfModel, 6},
      RepoStatement{"page of model and type", kPageOfModelAndType, 7},
      RepoStatement{"owner of run", kOwnerOfRun, 2},
      RepoStatement{"page of rows", kRowPage, 4},
      RepoStatement{"delete run", kDeleteRun, 2},
      RepoStatement{"model is visible", kModelIsVisible, 2},
  };
  return statements;
}

Evaluations Evaluations::WithDeadline(Deadline deadline) const {
  return Evaluations(access_.Until(deadline));
}

Result<EvalRun> Evaluations::Record(const RecordEvalRunParams& params,
                                    std::span<const EvalQueryResult> rows) {
  JAMMI_TRY(Check(params));
  JAMMI_ASSIGN(const SortedRows sorted, CheckRows(rows));
  const auto body = [&](Transaction& tx) -> Result<EvalRun> {
    JAMMI_ASSIGN(auto run, InsertRun(tx, access_.scope, params));
    JAMMI_TRY(InsertRows(tx, access_.scope, params.run_id, sorted));
    JAMMI_TRY(RecordRunChange(tx, ChangeVerb::kRegistered, access_.scope, params.run_id));
    return run;
  };
  return TransactReferring(access_, body, LaneFor(rows.size()));
}

Result<void> Evaluations::Append(std::string_view run_id, std::span<const EvalQueryResult> rows) {
  JAMMI_TRY(CheckRunId(run_id));
  JAMMI_ASSIGN(const SortedRows sorted, CheckRows(rows));
  if (sorted.empty()) return {};
  const auto body = [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(InsertRows(tx, access_.scope, run_id, sorted));
    return RecordRunChange(tx, ChangeVerb::kUpdated, access_.scope, run_id);
  };
  return access_.backend->RunTransaction(access_.Writing(LaneFor(rows.size())), body);
}

Result<EvalRun> Evaluations::Get(std::string_view run_id) const {
  JAMMI_TRY(CheckRunId(run_id));
  const std::string scope = access_.scope.Key();
  const std::array<SqlValue, 2> params = {run_id, scope};
  JAMMI_ASSIGN(const auto found, access_.backend->Transact(access_.Reading(), [&](Transaction& tx) {
    return ReadRuns(tx, kGetRun, params);
  }));
  return Pick(found, run_id);
}

Result<std::vector<EvalRun>> Evaluations::GetAll(std::span<const std::string> run_ids) const {
  if (run_ids.empty() || run_ids.size() > kMaxCompared) {
    return InvalidArgument("run_ids", fmt::format("must be 1 to {}, not {}", kMaxCompared, run_ids.size()));
  }
  for (const std::string& run_id : run_ids) JAMMI_TRY(CheckRunId(run_id));
  const std::string scope = access_.scope.Key();
  std::vector<SqlValue> params(1 + kMaxCompared, run_ids.front());
  params[0] = scope;
  std::ranges::copy(run_ids, params.begin() + 1);

  JAMMI_ASSIGN(const auto found, access_.backend->Transact(access_.Reading(), [&](Transaction& tx) {
    return ReadRuns(tx, GetRunsText(), params);
  }));
  std::vector<EvalRun> runs;
  for (const std::string& run_id : run_ids) {
    JAMMI_ASSIGN(runs.emplace_back(), Pick(found, run_id));
  }
  return runs;
}

Result<std::optional<EvalRun>> Evaluations::Latest(const ModelUid& model, EvalType type) const {
  JAMMI_TRY(CheckUid(model));
  JAMMI_TRY(CheckType(type));
  return access_.backend->Transact(
      access_.Reading(), [&](Transaction& tx) { return ReadLatest(tx, access_.scope, model, type); });
}

Result<std::optional<EvalRun>> Evaluations::Latest(std::string_view model_id, int32_t version,
                                                   EvalType type) const {
  JAMMI_TRY(CheckModelKey("model_id", model_id, version));
  JAMMI_TRY(CheckType(type));
  const auto body = [&](Transaction& tx) -> Result<std::optional<EvalRun>> {
    const auto model = FindVisibleModel(tx, access_.scope, model_id, version);
    if (model) return ReadLatest(tx, access_.scope, model->uid, type);
    if (model.error().code() == ErrorCode::kNotFound) return std::optional<EvalRun>();
    return model.error();
  };
  return access_.backend->Transact(access_.Reading(), body);
}

Result<Page<EvalRun>> Evaluations::List(const EvalRunFilter& filter, int page_size,
                                        std::string_view page_token) const {
  JAMMI_TRY(CheckUid(filter.model));
  if (filter.type) JAMMI_TRY(CheckType(*filter.type));
  JAMMI_TRY(CheckPageSize(page_size));
  JAMMI_ASSIGN(const EvaluationPosition after, EvaluationDecodePosition(page_token));
  return access_.backend->Transact(access_.Reading(), [&](Transaction& tx) {
    return ReadRunPage(tx, access_.scope, filter, after, page_size);
  });
}

Result<Page<EvalQueryResult>> Evaluations::PerQuery(std::string_view run_id, int page_size,
                                                    std::string_view page_token) const {
  JAMMI_TRY(CheckRunId(run_id));
  JAMMI_TRY(CheckPageSize(page_size));
  std::optional<std::string> owner_of_page;  // whose run, once that is known
  std::string after;
  if (!page_token.empty()) {
    JAMMI_ASSIGN(auto fields, DecodePageToken(kRowList, "is", page_token));
    owner_of_page = std::get<int64_t>(fields[0]) != 0 ? access_.scope.Key() : "";
    after = std::get<std::string>(std::move(fields[1]));
  }
  const auto body = [&](Transaction& tx) -> Result<Page<EvalQueryResult>> {
    auto owner = owner_of_page;
    if (!owner) {
      JAMMI_ASSIGN(owner, OwnerOfRun(tx, access_.scope, run_id));
    }
    if (!owner) return Page<EvalQueryResult>();
    return ReadRows(tx, *owner, run_id, after, page_size);
  };
  return access_.backend->Transact(access_.Reading(), body);
}

Result<void> Evaluations::Delete(std::string_view run_id) {
  JAMMI_TRY(CheckRunId(run_id));
  const auto body = [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(const int64_t deleted, tx.Execute(kDeleteRun, {access_.scope.Key(), run_id}));
    if (deleted == 0) return RunNotFound(run_id);
    return RecordRunChange(tx, ChangeVerb::kDeleted, access_.scope, run_id);
  };
  return access_.backend->RunTransaction(access_.Writing(Lane::kBulk), body);
}

}  // namespace jammi
