#include "catalog/model_repo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <tuple>

#include "catalog/arguments.h"
#include "catalog/changes.h"
#include "catalog/enum_text.h"
#include "catalog/listing.h"
#include "catalog/page_token.h"
#include "catalog/read_rows.h"
#include "jammi/models.h"

namespace jammi {
namespace {

constexpr size_t kModelMaxNameBytes = 512;
constexpr size_t kMaxKindBytes = 128;  // model_type, backend
constexpr size_t kModelMaxPathBytes = 4096;
constexpr size_t kMaxConfigBytes = 256 << 10;
constexpr int32_t kMaxVersion = std::numeric_limits<int32_t>::max();  // what the published clients can hold
constexpr int kMaxAttempts = 100;
constexpr std::string_view kModelList = "models";

constexpr std::array<std::string_view, 6> kTaskTexts = {
    "text_embedding", "image_embedding", "audio_embedding", "classification", "ner", "regression"};
constexpr std::array<std::string_view, 3> kModelStatusTexts = {"registered", "loaded", "failed"};

// --- Statements. A read of what is visible asks for the own row first and for the global one if there
// --- is none: each is a probe of the primary key, whatever the number of versions and scopes.

#define JAMMI_MODEL_COLUMNS                                                             \
  "scope, name, version, model_uid, model_type, task, backend, status, base_model_id, " \
  "artifact_path, config_json, revision, created_at, updated_at"
#define JAMMI_MODEL_INSERT                                                                 \
  "INSERT INTO models (" JAMMI_MODEL_COLUMNS                                               \
  ") "                                                                                     \
  "SELECT $1, $2, $3, $4, $5, $6, $7, 'registered', $8, $9, $10, 1, clock.now, clock.now " \
  "FROM (SELECT jammi_now() AS now) AS clock WHERE TRUE "                                  \
  "ON CONFLICT (scope, name, version) DO "
#define JAMMI_MODEL_PAGE(columns)                                               \
  "SELECT " columns                                                             \
  " FROM models "                                                               \
  "WHERE scope = $1 AND (created_at, name, version, scope) > ($2, $3, $4, $5) " \
  "ORDER BY created_at, name, version LIMIT $6"

constexpr std::string_view kModelInsert = JAMMI_MODEL_INSERT "NOTHING RETURNING " JAMMI_MODEL_COLUMNS;
constexpr std::string_view kUpsert = JAMMI_MODEL_INSERT
    "UPDATE SET model_type = excluded.model_type, task = excluded.task, backend = excluded.backend, "
    "base_model_id = excluded.base_model_id, config_json = excluded.config_json, "
    "artifact_path = COALESCE(excluded.artifact_path, models.artifact_path), "
    "revision = models.revision + 1, updated_at = excluded.updated_at RETURNING " JAMMI_MODEL_COLUMNS;
constexpr std::string_view kHighest =
    "SELECT version FROM models WHERE scope = $1 AND name = $2 ORDER BY version DESC LIMIT 1";
constexpr std::string_view kGetHighest =
    "SELECT " JAMMI_MODEL_COLUMNS " FROM models WHERE scope = $1 AND name = $2 ORDER BY version DESC LIMIT 1";
constexpr std::string_view kGetVersion =
    "SELECT " JAMMI_MODEL_COLUMNS " FROM models WHERE scope = $1 AND name = $2 AND version = $3";
constexpr std::string_view kGetByUid = "SELECT " JAMMI_MODEL_COLUMNS " FROM models WHERE model_uid = $1";
constexpr std::string_view kModelPage = JAMMI_MODEL_PAGE(JAMMI_MODEL_COLUMNS);
constexpr std::string_view kDescriptorPage =
    JAMMI_MODEL_PAGE("scope, name, version, task, backend, status, created_at");
constexpr std::string_view kSetStatus =
    "UPDATE models SET status = $1, revision = revision + 1, updated_at = jammi_now() "
    "WHERE model_uid = $2 AND revision = $3 RETURNING " JAMMI_MODEL_COLUMNS;
constexpr std::string_view kSetArtifactPath =
    "UPDATE models SET artifact_path = $1, revision = revision + 1, updated_at = jammi_now() "
    "WHERE model_uid = $2 AND revision = $3 RETURNING " JAMMI_MODEL_COLUMNS;
constexpr std::string_view kPublish =
    "UPDATE models SET artifact_path = $1, revision = revision + 1, updated_at = jammi_now() "
    "WHERE model_uid = $2 RETURNING " JAMMI_MODEL_COLUMNS;
constexpr std::string_view kModelDelete = "DELETE FROM models WHERE model_uid = $1";
// Where writers run side by side. Whoever adds a reference locks what he refers to, so he has done it before,
// and is seen by the next statement, or he comes too late.
constexpr std::string_view kModelLock = "SELECT 1 AS found FROM models WHERE model_uid = $1 FOR UPDATE";

// Result tables and outputs belong to the model whatever the version (CAT-010), base models and
// evaluations to the version.
#define JAMMI_ANY_VERSION(table, column)                                                   \
  "SELECT 1 AS found FROM models AS target "                                               \
  "JOIN models AS sibling ON sibling.scope = target.scope AND sibling.name = target.name " \
  "JOIN " table " AS referrer ON referrer." column                                         \
  " = sibling.model_uid "                                                                  \
  "WHERE target.model_uid = $1 LIMIT 1"
#define JAMMI_THIS_VERSION(table, column) "SELECT 1 AS found FROM " table " WHERE " column " = $1 LIMIT 1"

constexpr std::array<ModelEdge, 4> kEdges = {{
    {"result_tables", "result_tables", "model_uid", JAMMI_ANY_VERSION("result_tables", "model_uid")},
    {"training_jobs.output_model_id", "training_jobs", "output_model_uid",
     JAMMI_ANY_VERSION("training_jobs", "output_model_uid")},
    {"training_jobs.base_model_id", "training_jobs", "base_model_uid",
     JAMMI_THIS_VERSION("training_jobs", "base_model_uid")},
    {"eval_runs", "eval_runs", "model_uid", JAMMI_THIS_VERSION("eval_runs", "model_uid")},
}};

constexpr std::array<RepoStatement, 16> kModelStatements = {{
    {"insert", kModelInsert, 10},
    {"upsert", kUpsert, 10},
    {"highest version", kHighest, 2},
    {"get", kGetHighest, 2},
    {"get version", kGetVersion, 3},
    {"get by uid", kGetByUid, 1},
    {"page", kModelPage, 6},
    {"descriptor page", kDescriptorPage, 6},
    {"set status", kSetStatus, 3},
    {"set artifact path", kSetArtifactPath, 3},
    {"publish", kPublish, 2},
    {"delete", kModelDelete, 1},
    {kEdges[0].name, kEdges[0].sql, 1},
    {kEdges[1].name, kEdges[1].sql, 1},
    {kEdges[2].name, kEdges[2].sql, 1},
    {kEdges[3].name, kEdges[3].sql, 1},
}};

// --- Arguments.

Result<void> CheckVersion(std::string_view field, int32_t version) {
  if (version >= 1) return {};
  return InvalidArgument(field, fmt::format("must be 1 or more, not {}", version));
}

Result<void> CheckKey(std::string_view model_id, std::optional<int32_t> version) {
  return CheckModelKey("model_id", model_id, version);
}

Result<void> CheckArtifactPath(const std::optional<std::string>& path) {
  return CheckOptionalText("artifact_path", path, 1, kModelMaxPathBytes);
}

std::string Describe(std::string_view model_id, std::optional<int32_t> version) {
  return version ? fmt::format("{} version {}", model_id, *version) : std::string(model_id);
}

Error NotFound(std::string_view model_id, std::optional<int32_t> version) {
  return Error(ErrorCode::kNotFound, fmt::format("model not found: {}", Describe(model_id, version)),
               ModelNotFoundDetail{std::string(model_id)});
}

Error DanglingUid(const ModelUid& uid) {
  return Error(ErrorCode::kDataLoss, fmt::format("there is no model with the uid {}", uid.value));
}

// --- Rows.

// Both fill `record`, in the order of the columns, in which they are found quickest.
Result<void> ReadRecord(const Row& row, ModelRecord& record) {
  JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("scope"));
  JAMMI_ASSIGN(record.owner, Scope::FromKey(scope));
  JAMMI_ASSIGN(record.model_id, row.Get<std::string_view>("name"));
  JAMMI_ASSIGN(record.version, row.Get<int32_t>("version"));
  JAMMI_ASSIGN(record.uid.value, row.Get<std::string_view>("model_uid"));
  JAMMI_ASSIGN(record.model_type, row.Get<std::string_view>("model_type"));
  JAMMI_ASSIGN(record.task, ReadEnum(row, "task", ParseModelTask));
  JAMMI_ASSIGN(record.backend, row.Get<std::string_view>("backend"));
  JAMMI_ASSIGN(record.status, ReadEnum(row, "status", ParseModelStatus));
  JAMMI_ASSIGN(record.base_model_id, row.Get<std::optional<std::string_view>>("base_model_id"));
  JAMMI_ASSIGN(record.artifact_path, row.Get<std::optional<std::string_view>>("artifact_path"));
  JAMMI_ASSIGN(record.config_json, row.Get<std::optional<std::string_view>>("config_json"));
  JAMMI_ASSIGN(record.revision, row.Get<int64_t>("revision"));
  JAMMI_ASSIGN(record.created_at, row.Get<int64_t>("created_at"));
  JAMMI_ASSIGN(record.updated_at, row.Get<int64_t>("updated_at"));
  return {};
}

// What describes a version, and its place in a list.
Result<void> ReadOutline(const Row& row, ModelRecord& record) {
  JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("scope"));
  JAMMI_ASSIGN(record.owner, Scope::FromKey(scope));
  JAMMI_ASSIGN(record.model_id, row.Get<std::string_view>("name"));
  JAMMI_ASSIGN(record.version, row.Get<int32_t>("version"));
  JAMMI_ASSIGN(record.task, ReadEnum(row, "task", ParseModelTask));
  JAMMI_ASSIGN(record.backend, row.Get<std::string_view>("backend"));
  JAMMI_ASSIGN(record.status, ReadEnum(row, "status", ParseModelStatus));
  JAMMI_ASSIGN(record.created_at, row.Get<int64_t>("created_at"));
  return {};
}

// --- Steps of the verbs, each inside a transaction.

Result<void> RecordModelChange(Transaction& tx, ChangeVerb verb, const ModelRecord& model) {
  return jammi::RecordChange(tx, {.kind = "model",
                                  .verb = verb,
                                  .owner = model.owner,
                                  .name = model.model_id,
                                  .version = model.version});
}

// The record that a statement returns, if it returns one.
Result<std::optional<ModelRecord>> QueryRecord(Transaction& tx, std::string_view sql,
                                               std::initializer_list<SqlValue> params) {
  Result<std::optional<ModelRecord>> record;
  auto ran = tx.Query(sql, params, [&](const Row& row) -> Result<bool> {
    JAMMI_TRY(ReadRecord(row, record->emplace()));
    return false;
  });
  if (!ran) record = std::move(ran).error();
  return record;  // not moved: a record is large
}

Result<std::optional<ModelRecord>> FindOwned(Transaction& tx, const Scope& owner, std::string_view model_id,
                                             std::optional<int32_t> version) {
  const std::string scope = owner.Key();
  return version ? QueryRecord(tx, kGetVersion, {scope, model_id, *version})
                 : QueryRecord(tx, kGetHighest, {scope, model_id});
}

// Own beats global (CAT-004, CAT-005).
Result<std::optional<ModelRecord>> FindVisible(Transaction& tx, const Scope& reader,
                                               std::string_view model_id, std::optional<int32_t> version) {
  auto own = FindOwned(tx, reader, model_id, version);
  if (!own || *own || reader.is_global()) return own;
  return FindOwned(tx, Scope::Global(), model_id, version);
}

Result<std::optional<ModelRecord>> Put(Transaction& tx, std::string_view sql, const Scope& owner,
                                       const RegisterModelParams& params, int32_t version) {
  const std::string scope = owner.Key();
  const std::string uid = Uuid::TimeOrderedV7(Clock::System()->Now() / 1000).ToString();
  JAMMI_ASSIGN(auto stored,
               QueryRecord(tx, sql,
                           {scope, params.model_id, version, uid, params.model_type, ToString(params.task),
                            params.backend, params.base_model_id, params.artifact_path, params.config_json}));
  if (!stored) return std::optional<ModelRecord>();
  JAMMI_TRY(
      RecordModelChange(tx, stored->revision == 1 ? ChangeVerb::kRegistered : ChangeVerb::kUpdated, *stored));
  return stored;
}

// Runs kSetStatus or kSetArtifactPath on `current`, unless it has been changed since it was read.
Result<ModelRecord> Change(Transaction& tx, std::string_view sql, const ModelRecord& current,
                           const SqlValue& value) {
  JAMMI_ASSIGN(auto changed, QueryRecord(tx, sql, {value, current.uid.value, current.revision}));
  if (changed) {
    JAMMI_TRY(RecordModelChange(tx, ChangeVerb::kUpdated, *changed));
    return std::move(*changed);
  }
  return Error(ErrorCode::kAborted, fmt::format("model {} was changed at the same time",
                                                Describe(current.model_id, current.version)));
}

Result<std::vector<std::string>> ReferencesTo(Transaction& tx, const ModelUid& uid) {
  std::vector<std::string> names;
  for (const ModelEdge& edge : kEdges) {
    JAMMI_ASSIGN(const auto found, tx.QueryFirst(edge.sql, {uid.value}, ReadColumn<int64_t>("found")));
    if (found) names.emplace_back(edge.name);
  }
  return names;
}

// --- Pages.

// The place of a version in a list. A page starts after a position: the first one before all of them.
struct ModelPosition {
  UnixMicros created_at = std::numeric_limits<UnixMicros>::min();
  std::string name;
  int64_t version = 0;
  bool own = false;  // of the reader's scope; the global one of the same rank comes first
};

bool ComesBefore(const ModelRecord& a, const ModelRecord& b) {
  return std::forward_as_tuple(a.created_at, a.model_id, a.version, !a.owner.is_global()) <
         std::forward_as_tuple(b.created_at, b.model_id, b.version, !b.owner.is_global());
}

std::string EncodeToken(const ModelRecord& last) {
  return EncodePageToken(
      kModelList, {last.created_at, int64_t{last.version}, int64_t{!last.owner.is_global()}, last.model_id});
}

Result<ModelPosition> DecodeToken(std::string_view token, const Scope& reader) {
  ModelPosition position;
  if (token.empty()) return position;
  JAMMI_ASSIGN(auto fields, DecodePageToken(kModelList, "iiis", token));
  position.created_at = std::get<int64_t>(fields[0]);
  position.version = std::get<int64_t>(fields[1]);
  position.own = std::get<int64_t>(fields[2]) != 0;
  // A reader without a scope of its own has been given no "own" position.
  if (position.own && reader.is_global()) return InvalidArgument("page_token", "is another scope's");
  position.name = std::get<std::string>(std::move(fields[3]));
  return position;
}

// ReadRecord or ReadOutline.
using ReadFn = Result<void> (*)(const Row&, ModelRecord&);

// List() and ListDescriptors().
Result<Page<ModelRecord>> ListPage(const CatalogAccess& access, int page_size, std::string_view page_token,
                                   std::string_view sql, ReadFn read) {
  JAMMI_TRY(CheckPageSize(page_size));
  JAMMI_ASSIGN(const ModelPosition after, DecodeToken(page_token, access.scope));
  const std::string own = access.scope.Key();
  return access.backend->Transact(access.Reading(), [&](Transaction& tx) {
    const auto query = [&](const std::string& scope, int64_t limit, std::vector<ModelRecord>& rows) {
      return tx.Query(sql, {scope, after.created_at, after.name, after.version, after.own ? own : "", limit},
                      [&](const Row& row) -> Result<bool> {
                        JAMMI_TRY(read(row, rows.emplace_back()));
                        return true;
                      });
    };
    return ReadVisiblePage<ModelRecord>(access.scope, page_size, query, ComesBefore, EncodeToken);
  });
}

}  // namespace

std::string_view ToString(ModelTask task) { return TextOf(kTaskTexts, task); }

Result<ModelTask> ParseModelTask(std::string_view text) {
  if (const auto task = ValueOf<ModelTask>(kTaskTexts, text)) return *task;
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("Unknown model task '{}'. Expected: {}", text, fmt::join(kTaskTexts, ", ")));
}

bool IsEmbeddingTask(ModelTask task) {
  return task == ModelTask::kTextEmbedding || task == ModelTask::kImageEmbedding ||
         task == ModelTask::kAudioEmbedding;
}

std::string ModelRecord::CatalogPk() const {
  return owner.is_global() ? fmt::format("{}::{}", model_id, version)
                           : fmt::format("{}::{}::{}", owner.Key(), model_id, version);
}

std::string_view ToString(ModelStatus status) { return TextOf(kModelStatusTexts, status); }

Result<ModelStatus> ParseModelStatus(std::string_view text) {
  if (const auto status = ValueOf<ModelStatus>(kModelStatusTexts, text)) return *status;
  return Error(ErrorCode::kInvalidArgument, fmt::format("Unknown model status: '{}'", text));
}

std::span<const ModelEdge> ModelEdges() { return kEdges; }
std::span<const RepoStatement> ModelStatements() { return kModelStatements; }

Result<void> CheckModelKey(std::string_view field, std::string_view model_id,
                           std::optional<int32_t> version) {
  JAMMI_TRY(CheckText(field, model_id, 1, kModelMaxNameBytes));
  return version ? CheckVersion("version", *version) : Result<void>();
}

Result<void> CheckModel(const RegisterModelParams& params) {
  JAMMI_TRY(CheckKey(params.model_id, params.version));
  JAMMI_TRY(CheckText("model_type", params.model_type, 1, kMaxKindBytes));
  JAMMI_TRY(CheckText("backend", params.backend, 0, kMaxKindBytes));
  if (ToString(params.task).empty()) return InvalidArgument("task", "is none of the known tasks");
  JAMMI_TRY(CheckOptionalText("base_model_id", params.base_model_id, 1, kModelMaxNameBytes));
  JAMMI_TRY(CheckArtifactPath(params.artifact_path));
  return params.config_json ? CheckJson("config_json", *params.config_json, kMaxConfigBytes) : Result<void>();
}

Result<ModelRecord> FindVisibleModel(Transaction& tx, const Scope& reader, std::string_view model_id,
                                     std::optional<int32_t> version) {
  auto found = FindVisible(tx, reader, model_id, version);
  if (!found) return std::move(found).error();
  if (*found) return *std::move(*found);
  return NotFound(model_id, version);
}

Result<ModelRecord> FindOwnedModel(Transaction& tx, const Scope& owner, std::string_view model_id,
                                   std::optional<int32_t> version) {
  JAMMI_ASSIGN(auto found, FindOwned(tx, owner, model_id, version));
  if (found) return std::move(*found);
  return NotFound(model_id, version);
}

Result<ModelRecord> GetModelByUid(Transaction& tx, const ModelUid& uid) {
  JAMMI_ASSIGN(auto found, QueryRecord(tx, kGetByUid, {uid.value}));
  if (found) return std::move(*found);
  return DanglingUid(uid);
}

Result<ModelRecord> RegisterNextModel(Transaction& tx, const Scope& owner,
                                      const RegisterModelParams& params) {
  const std::string scope = owner.Key();
  // Where writers run side by side (PostgreSQL), another may take the number between the two statements.
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    JAMMI_ASSIGN(const auto highest,
                 tx.QueryFirst(kHighest, {scope, params.model_id}, ReadColumn<int32_t>("version")));
    if (highest == kMaxVersion) {
      return Error(ErrorCode::kFailedPrecondition,
                   fmt::format("model {} has no version left after {}", params.model_id, kMaxVersion));
    }
    JAMMI_ASSIGN(auto inserted, Put(tx, kModelInsert, owner, params, highest.value_or(0) + 1));
    if (inserted) return std::move(*inserted);
  }
  return Error(ErrorCode::kAborted,
               fmt::format("others took every next version of model {}", params.model_id));
}

Result<ModelRecord> SetModelArtifactPath(Transaction& tx, const ModelUid& uid,
                                         std::string_view artifact_path) {
  JAMMI_ASSIGN(auto changed, QueryRecord(tx, kPublish, {artifact_path, uid.value}));
  if (!changed) return DanglingUid(uid);
  JAMMI_TRY(RecordModelChange(tx, ChangeVerb::kUpdated, *changed));
  return std::move(*changed);
}

Models Models::WithDeadline(Deadline deadline) const {
  Models copy = *this;
  copy.access_.deadline = deadline;
  return copy;
}

Result<ModelRecord> Models::Register(const RegisterModelParams& params) {
  JAMMI_TRY(CheckModel(params));
  const int32_t version = params.version.value_or(1);
  JAMMI_ASSIGN(auto inserted, access_.backend->Transact(access_.Writing(), [&](Transaction& tx) {
    return Put(tx, kModelInsert, access_.scope, params, version);
  }));
  if (inserted) return std::move(*inserted);
  return Error(ErrorCode::kAlreadyExists,
               fmt::format("model {} exists already", Describe(params.model_id, version)));
}

Result<ModelRecord> Models::RegisterNext(const RegisterModelParams& params) {
  JAMMI_TRY(CheckModel(params));
  if (params.version) return InvalidArgument("version", "must be absent: RegisterNext allocates it");
  return access_.backend->Transact(
      access_.Writing(), [&](Transaction& tx) { return RegisterNextModel(tx, access_.scope, params); });
}

Result<ModelRecord> Models::Upsert(const RegisterModelParams& params) {
  JAMMI_TRY(CheckModel(params));
  JAMMI_ASSIGN(auto stored, access_.backend->Transact(access_.Writing(), [&](Transaction& tx) {
    return Put(tx, kUpsert, access_.scope, params, params.version.value_or(1));
  }));
  if (stored) return std::move(*stored);
  return Error(ErrorCode::kInternal, "an upsert into models returned no row");
}

Result<ModelRecord> Models::Find(std::string_view model_id, std::optional<int32_t> version) const {
  JAMMI_TRY(CheckKey(model_id, version));
  // Who has no scope of his own asks once.
  const TxOptions options = access_.scope.is_global() ? access_.ReadingOnce() : access_.Reading();
  return access_.backend->Transact(
      options, [&](Transaction& tx) { return FindVisibleModel(tx, access_.scope, model_id, version); });
}

Result<ModelRecord> Models::Get(std::string_view model_id) const { return Find(model_id, std::nullopt); }

Result<int32_t> Models::LatestVersion(std::string_view model_id) const {
  JAMMI_ASSIGN(const auto record, Find(model_id, std::nullopt));
  return record.version;
}

Result<ModelRecord> Models::GetVersion(std::string_view model_id, int32_t version) const {
  return Find(model_id, version);
}

Result<Models::Page> Models::List(int page_size, std::string_view page_token) const {
  return ListPage(access_, page_size, page_token, kModelPage, ReadRecord);
}

Result<Models::DescriptorPage> Models::ListDescriptors(int page_size, std::string_view page_token) const {
  JAMMI_ASSIGN(Page page, ListPage(access_, page_size, page_token, kDescriptorPage, ReadOutline));
  DescriptorPage descriptors;
  descriptors.next_page_token = std::move(page.next_page_token);
  descriptors.items.reserve(page.items.size());
  for (auto& record : page.items) {
    descriptors.items.push_back(
        {std::move(record.model_id), std::move(record.backend), record.task, record.status});
  }
  return descriptors;
}

Result<ModelRecord> Models::UpdateStatus(std::string_view model_id, int32_t version, ModelStatus status) {
  JAMMI_TRY(CheckKey(model_id, version));
  if (ToString(status).empty()) return InvalidArgument("status", "is none of the known statuses");
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) -> Result<ModelRecord> {
    JAMMI_ASSIGN(auto current, FindOwnedModel(tx, access_.scope, model_id, version));
    if (current.status == status) return current;
    if (current.status == ModelStatus::kFailed && status == ModelStatus::kLoaded) {
      return Error(ErrorCode::kFailedPrecondition,
                   fmt::format("model {} has failed: register it again before it is loaded",
                               Describe(model_id, version)));
    }
    return Change(tx, kSetStatus, current, ToString(status));
  });
}

Result<ModelRecord> Models::SetArtifactPath(std::string_view model_id, int32_t version,
                                            const std::optional<std::string>& artifact_path,
                                            std::optional<int64_t> expected_revision) {
  JAMMI_TRY(CheckKey(model_id, version));
  JAMMI_TRY(CheckArtifactPath(artifact_path));
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) -> Result<ModelRecord> {
    JAMMI_ASSIGN(const auto current, FindOwnedModel(tx, access_.scope, model_id, version));
    if (expected_revision && *expected_revision != current.revision) {
      return Error(ErrorCode::kFailedPrecondition,
                   fmt::format("model {} is at revision {}, not {}", Describe(model_id, version),
                               current.revision, *expected_revision));
    }
    return Change(tx, kSetArtifactPath, current, artifact_path);
  });
}

Result<void> Models::Delete(std::string_view model_id, std::optional<int32_t> version, OnMissing on_missing) {
  JAMMI_TRY(CheckKey(model_id, version));
  const bool must_lock = access_.backend->kind() == BackendKind::kPostgres;
  return access_.backend->RunTransaction(access_.Writing(), [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(const auto target, FindVisible(tx, access_.scope, model_id, version));
    if (!target && on_missing == OnMissing::kIgnore) return {};
    if (!target || target->owner != access_.scope) return NotFound(model_id, version);
    // A reference added beside us must not slip in between the scan and the deletion.
    if (must_lock) JAMMI_TRY(tx.Execute(kModelLock, {target->uid.value}));
    JAMMI_ASSIGN(auto referenced_by, ReferencesTo(tx, target->uid));
    if (!referenced_by.empty()) {
      std::string message =
          fmt::format("model {} is still referenced by {}", model_id, fmt::join(referenced_by, ", "));
      return Error(ErrorCode::kFailedPrecondition, std::move(message),
                   ModelReferencedDetail{std::string(model_id), std::move(referenced_by)});
    }
    JAMMI_ASSIGN(const int64_t deleted, tx.Execute(kModelDelete, {target->uid.value}));
    if (deleted != 1) return NotFound(model_id, version);
    return RecordModelChange(tx, ChangeVerb::kDeleted, *target);
  });
}

}  // namespace jammi
