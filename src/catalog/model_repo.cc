#include "catalog/model_repo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <tuple>

#include "base/hash.h"
#include "base/text.h"
#include "jammi/models.h"

namespace jammi {
namespace {

constexpr size_t kMaxNameBytes = 512;
constexpr size_t kMaxKindBytes = 128;  // model_type, backend
constexpr size_t kMaxPathBytes = 4096;
constexpr size_t kMaxConfigBytes = 256 << 10;
constexpr int32_t kMaxVersion = std::numeric_limits<int32_t>::max();  // what the published clients can hold
constexpr int kMaxPageSize = 1000;
constexpr int kMaxAttempts = 100;

constexpr std::array<std::string_view, 6> kTaskTexts = {
    "text_embedding", "image_embedding", "audio_embedding", "classification", "ner", "regression"};
constexpr std::array<std::string_view, 3> kStatusTexts = {"registered", "loaded", "failed"};

template <class Enum, size_t n>
std::string_view TextOf(const std::array<std::string_view, n>& texts, Enum value) {
  const auto index = static_cast<size_t>(value);
  return index < n ? texts[index] : std::string_view();
}

template <class Enum, size_t n>
std::optional<Enum> ValueOf(const std::array<std::string_view, n>& texts, std::string_view text) {
  const auto found = std::find(texts.begin(), texts.end(), text);
  if (found == texts.end()) return std::nullopt;
  return static_cast<Enum>(found - texts.begin());
}

// --- Statements. A read of what is visible asks for the own row first and for the global one if there
// --- is none: each is a probe of the primary key, whatever the number of versions and scopes.

#define JAMMI_MODEL_COLUMNS                                                             \
  "scope, name, version, model_uid, model_type, task, backend, status, base_model_id, " \
  "artifact_path, config_json, revision, created_at, updated_at"
#define JAMMI_MODEL_INSERT                                                       \
  "INSERT INTO models (" JAMMI_MODEL_COLUMNS                                     \
  ") "                                                                           \
  "VALUES ($1, $2, $3, $4, $5, $6, $7, 'registered', $8, $9, $10, 1, $11, $11) " \
  "ON CONFLICT (scope, name, version) DO "
#define JAMMI_MODEL_PAGE(columns)                                               \
  "SELECT " columns                                                             \
  " FROM models "                                                               \
  "WHERE scope = $1 AND (created_at, name, version, scope) > ($2, $3, $4, $5) " \
  "ORDER BY created_at, name, version LIMIT $6"

constexpr std::string_view kInsert = JAMMI_MODEL_INSERT "NOTHING RETURNING " JAMMI_MODEL_COLUMNS;
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
constexpr std::string_view kPage = JAMMI_MODEL_PAGE(JAMMI_MODEL_COLUMNS);
constexpr std::string_view kDescriptorPage =
    JAMMI_MODEL_PAGE("scope, name, version, task, backend, status, created_at");
constexpr std::string_view kSetStatus =
    "UPDATE models SET status = $1, revision = revision + 1, updated_at = $2 "
    "WHERE model_uid = $3 AND revision = $4 RETURNING " JAMMI_MODEL_COLUMNS;
constexpr std::string_view kSetArtifactPath =
    "UPDATE models SET artifact_path = $1, revision = revision + 1, updated_at = $2 "
    "WHERE model_uid = $3 AND revision = $4 RETURNING " JAMMI_MODEL_COLUMNS;
constexpr std::string_view kDelete = "DELETE FROM models WHERE model_uid = $1";

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

constexpr std::array<ModelStatement, 14> kStatements = {{
    {"insert", kInsert, 11},
    {"upsert", kUpsert, 11},
    {"highest version", kHighest, 2},
    {"get", kGetHighest, 2},
    {"get version", kGetVersion, 3},
    {"page", kPage, 6},
    {"descriptor page", kDescriptorPage, 6},
    {"set status", kSetStatus, 4},
    {"set artifact path", kSetArtifactPath, 4},
    {"delete", kDelete, 1},
    {kEdges[0].name, kEdges[0].sql, 1},
    {kEdges[1].name, kEdges[1].sql, 1},
    {kEdges[2].name, kEdges[2].sql, 1},
    {kEdges[3].name, kEdges[3].sql, 1},
}};

// --- Arguments.

Error Invalid(std::string_view field, std::string_view why) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("{} {}", field, why));
}

Result<void> CheckText(std::string_view field, std::string_view text, size_t least, size_t most) {
  if (text.size() < least || text.size() > most) {
    return Invalid(field, fmt::format("must be {} to {} bytes long, not {}", least, most, text.size()));
  }
  if (text.find('\0') != std::string_view::npos) return Invalid(field, "must not hold U+0000");
  if (!IsValidUtf8(text)) return Invalid(field, "is not valid UTF-8");
  return {};
}

Result<void> CheckName(std::string_view model_id) {
  return CheckText("model_id", model_id, 1, kMaxNameBytes);
}

Result<void> CheckVersion(int32_t version) {
  if (version >= 1) return {};
  return Invalid("version", fmt::format("must be 1 or more, not {}", version));
}

Result<void> CheckKey(std::string_view model_id, std::optional<int32_t> version) {
  JAMMI_TRY(CheckName(model_id));
  if (version) JAMMI_TRY(CheckVersion(*version));
  return {};
}

Result<void> CheckArtifactPath(const std::optional<std::string>& path) {
  return path ? CheckText("artifact_path", *path, 1, kMaxPathBytes) : Result<void>();
}

Result<void> Check(const RegisterModelParams& params) {
  JAMMI_TRY(CheckKey(params.model_id, params.version));
  JAMMI_TRY(CheckText("model_type", params.model_type, 1, kMaxKindBytes));
  JAMMI_TRY(CheckText("backend", params.backend, 0, kMaxKindBytes));
  if (ToString(params.task).empty()) return Invalid("task", "is none of the known tasks");
  if (params.base_model_id) JAMMI_TRY(CheckText("base_model_id", *params.base_model_id, 1, kMaxNameBytes));
  JAMMI_TRY(CheckArtifactPath(params.artifact_path));
  if (params.config_json) {
    JAMMI_TRY(CheckText("config_json", *params.config_json, 1, kMaxConfigBytes));
    if (!nlohmann::json::accept(*params.config_json)) return Invalid("config_json", "is not JSON");
  }
  return {};
}

std::string Describe(std::string_view model_id, std::optional<int32_t> version) {
  return version ? fmt::format("{} version {}", model_id, *version) : std::string(model_id);
}

Error NotFound(std::string_view model_id, std::optional<int32_t> version) {
  return Error(ErrorCode::kNotFound, fmt::format("model not found: {}", Describe(model_id, version)),
               ModelNotFoundDetail{std::string(model_id)});
}

// --- Rows.

// CAT-007. `parse` says what the column may hold.
template <class T>
Result<T> ReadEnum(const Row& row, std::string_view column, Result<T> (*parse)(std::string_view)) {
  JAMMI_ASSIGN(const auto text, row.Get<std::string_view>(column));
  auto value = parse(text);
  if (value) return value;
  return Error(ErrorCode::kDataLoss, fmt::format("models.{}: {}", column, value.error().message()),
               BackendDetail{BackendFault::kTypeConversion, std::string(column), {}});
}

// Fills `record`. These columns every statement returns; they describe a version and its place in a list.
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

Result<void> ReadRecord(const Row& row, ModelRecord& record) {
  JAMMI_TRY(ReadOutline(row, record));
  JAMMI_ASSIGN(record.uid.value, row.Get<std::string_view>("model_uid"));
  JAMMI_ASSIGN(record.model_type, row.Get<std::string_view>("model_type"));
  JAMMI_ASSIGN(record.base_model_id, row.Get<std::optional<std::string_view>>("base_model_id"));
  JAMMI_ASSIGN(record.artifact_path, row.Get<std::optional<std::string_view>>("artifact_path"));
  JAMMI_ASSIGN(record.config_json, row.Get<std::optional<std::string_view>>("config_json"));
  JAMMI_ASSIGN(record.revision, row.Get<int64_t>("revision"));
  JAMMI_ASSIGN(record.updated_at, row.Get<int64_t>("updated_at"));
  return {};
}

// --- Steps of the verbs, each inside a transaction.

// The record that a statement returns, if it returns one.
Result<std::optional<ModelRecord>> QueryRecord(Transaction& tx, std::string_view sql,
                                               std::initializer_list<SqlValue> params) {
  std::optional<ModelRecord> record;
  const auto take = [&](const Row& row) -> Result<bool> {
    JAMMI_TRY(ReadRecord(row, record.emplace()));
    return false;
  };
  JAMMI_TRY(tx.Query(sql, params, take));
  return record;
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
                                       const RegisterModelParams& params, int32_t version, UnixMicros now) {
  const std::string scope = owner.Key();
  const std::string uid = Uuid::TimeOrderedV7(now / 1000).ToString();
  return QueryRecord(tx, sql,
                     {scope, params.model_id, version, uid, params.model_type, ToString(params.task),
                      params.backend, params.base_model_id, params.artifact_path, params.config_json, now});
}

// Runs kSetStatus or kSetArtifactPath on `current`, unless it has been changed since it was read.
Result<ModelRecord> Change(Transaction& tx, std::string_view sql, const ModelRecord& current,
                           const SqlValue& value, UnixMicros now) {
  JAMMI_ASSIGN(auto changed, QueryRecord(tx, sql, {value, now, current.uid.value, current.revision}));
  if (changed) return std::move(*changed);
  return Error(ErrorCode::kAborted, fmt::format("model {} was changed at the same time",
                                                Describe(current.model_id, current.version)));
}

Result<std::vector<std::string>> ReferencesTo(Transaction& tx, const ModelUid& uid) {
  std::vector<std::string> names;
  for (const ModelEdge& edge : kEdges) {
    JAMMI_ASSIGN(const auto found, tx.QueryFirst(edge.sql, {uid.value},
                                                 [](const Row& row) { return row.Get<int64_t>("found"); }));
    if (found) names.emplace_back(edge.name);
  }
  return names;
}

// --- Pages.

// The place of a version in a list. A page starts after a position: the first one before all of them.
struct Position {
  UnixMicros created_at = std::numeric_limits<UnixMicros>::min();
  std::string name;
  int32_t version = 0;
  bool own = false;  // of the reader's scope; the global one of the same rank comes first
};

Position PositionOf(const ModelRecord& record) {
  return {record.created_at, record.model_id, record.version, !record.owner.is_global()};
}

bool ComesBefore(const ModelRecord& a, const ModelRecord& b) {
  return std::forward_as_tuple(a.created_at, a.model_id, a.version, !a.owner.is_global()) <
         std::forward_as_tuple(b.created_at, b.model_id, b.version, !b.owner.is_global());
}

// Hexadecimal of "<created_at> <version> <own?> <name>", led by its checksum, so that a token that was
// cut or altered is refused instead of leading elsewhere. It names no tenant: "own" is whoever reads.
std::string EncodeToken(const Position& position) {
  const std::string text = fmt::format("{} {} {} {}", position.created_at, position.version,
                                       position.own ? 'o' : 'g', position.name);
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  return fmt::format("{:016x}{}", Checksum(bytes), ToHex(bytes));
}

std::optional<std::string> FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    uint8_t byte = 0;
    const auto [end, error] = std::from_chars(&hex[i], &hex[i] + 2, byte, 16);
    if (error != std::errc() || end != &hex[i] + 2) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

template <class Int>
bool TakeInt(std::string_view& text, Int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (!text.starts_with(' ')) return false;
  text.remove_prefix(1);
  return true;
}

Result<Position> DecodeToken(std::string_view token, const Scope& reader) {
  Position position;
  if (token.empty()) return position;
  const Error malformed = Invalid("page_token", "is none that this registry has given");
  const auto text = FromHex(token.substr(std::min<size_t>(16, token.size())));
  if (!text) return malformed;
  std::string_view rest = *text;
  if (!TakeInt(rest, position.created_at) || !TakeInt(rest, position.version)) return malformed;
  if (rest.size() < 3) return malformed;
  position.own = rest.starts_with("o ") && !reader.is_global();
  position.name = rest.substr(2);
  // Encoded again it must be the same text, checksum included. A reader without a scope of its own has
  // been given no "own" position.
  if (EncodeToken(position) != token || !CheckName(position.name)) return malformed;
  return position;
}

// ReadRecord or ReadOutline.
using ReadFn = Result<void> (*)(const Row&, ModelRecord&);

// The first `size` rows after `after` that `reader` sees.
Result<std::vector<ModelRecord>> ReadPage(Transaction& tx, std::string_view sql, const Scope& reader,
                                          const Position& after, size_t size, ReadFn read) {
  std::vector<ModelRecord> rows;
  rows.reserve(reader.is_global() ? size : 2 * size);
  const std::string own = reader.Key();
  const auto append = [&](const std::string& scope) {
    return tx.Query(sql,
                    {scope, after.created_at, after.name, after.version, after.own ? own : "",
                     static_cast<int64_t>(size)},
                    [&](const Row& row) -> Result<bool> {
                      JAMMI_TRY(read(row, rows.emplace_back()));
                      return true;
                    });
  };
  JAMMI_TRY(append(own));
  if (reader.is_global()) return rows;
  const auto middle = static_cast<std::ptrdiff_t>(rows.size());
  JAMMI_TRY(append(""));
  std::inplace_merge(rows.begin(), rows.begin() + middle, rows.end(), ComesBefore);
  rows.resize(std::min(size, rows.size()));
  return rows;
}

// List() and ListDescriptors().
Result<Models::Page> ListPage(CatalogBackend& backend, const TxOptions& options, const Scope& reader,
                              int page_size, std::string_view page_token, std::string_view sql, ReadFn read) {
  if (page_size < 1 || page_size > kMaxPageSize) {
    return Invalid("page_size", fmt::format("must be 1 to {}, not {}", kMaxPageSize, page_size));
  }
  JAMMI_ASSIGN(const Position after, DecodeToken(page_token, reader));
  const auto size = static_cast<size_t>(page_size);
  Models::Page page;
  // One row more than asked for tells whether there is a next page.
  JAMMI_ASSIGN(page.models, backend.Transact(options, [&](Transaction& tx) {
    return ReadPage(tx, sql, reader, after, size + 1, read);
  }));
  if (page.models.size() > size) {
    page.models.pop_back();
    page.next_page_token = EncodeToken(PositionOf(page.models.back()));
  }
  return page;
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

std::string_view ToString(ModelStatus status) { return TextOf(kStatusTexts, status); }

Result<ModelStatus> ParseModelStatus(std::string_view text) {
  if (const auto status = ValueOf<ModelStatus>(kStatusTexts, text)) return *status;
  return Error(ErrorCode::kInvalidArgument, fmt::format("Unknown model status: '{}'", text));
}

std::span<const ModelEdge> ModelEdges() { return kEdges; }
std::span<const ModelStatement> ModelStatements() { return kStatements; }

Models Models::WithDeadline(Deadline deadline) const {
  Models copy = *this;
  copy.deadline_ = deadline;
  return copy;
}

Result<ModelRecord> Models::Register(const RegisterModelParams& params) {
  JAMMI_TRY(Check(params));
  const int32_t version = params.version.value_or(1);
  JAMMI_ASSIGN(auto inserted, backend_->Transact(Writing(), [&](Transaction& tx) {
    return Put(tx, kInsert, scope_, params, version, clock_->Now());
  }));
  if (inserted) return std::move(*inserted);
  return Error(ErrorCode::kAlreadyExists,
               fmt::format("model {} exists already", Describe(params.model_id, version)));
}

Result<ModelRecord> Models::RegisterNext(const RegisterModelParams& params) {
  JAMMI_TRY(Check(params));
  if (params.version) return Invalid("version", "must be absent: RegisterNext allocates it");
  return backend_->Transact(Writing(), [&](Transaction& tx) -> Result<ModelRecord> {
    // Where writers run side by side (PostgreSQL), another may take the number between the two statements.
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
      JAMMI_ASSIGN(const auto highest,
                   tx.QueryFirst(kHighest, {scope_.Key(), params.model_id},
                                 [](const Row& row) { return row.Get<int32_t>("version"); }));
      if (highest == kMaxVersion) {
        return Error(ErrorCode::kFailedPrecondition,
                     fmt::format("model {} has no version left after {}", params.model_id, kMaxVersion));
      }
      JAMMI_ASSIGN(auto inserted, Put(tx, kInsert, scope_, params, highest.value_or(0) + 1, clock_->Now()));
      if (inserted) return std::move(*inserted);
    }
    return Error(ErrorCode::kAborted,
                 fmt::format("others took every next version of model {}", params.model_id));
  });
}

Result<ModelRecord> Models::Upsert(const RegisterModelParams& params) {
  JAMMI_TRY(Check(params));
  JAMMI_ASSIGN(auto stored, backend_->Transact(Writing(), [&](Transaction& tx) {
    return Put(tx, kUpsert, scope_, params, params.version.value_or(1), clock_->Now());
  }));
  if (stored) return std::move(*stored);
  return Error(ErrorCode::kInternal, "an upsert into models returned no row");
}

Result<ModelRecord> Models::Find(std::string_view model_id, std::optional<int32_t> version) const {
  JAMMI_TRY(CheckKey(model_id, version));
  std::optional<ModelRecord> found;
  JAMMI_TRY(backend_->RunTransaction(Reading(), [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(found, FindVisible(tx, scope_, model_id, version));
    return {};
  }));
  if (found) return std::move(*found);
  return NotFound(model_id, version);
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
  return ListPage(*backend_, Reading(), scope_, page_size, page_token, kPage, ReadRecord);
}

Result<Models::DescriptorPage> Models::ListDescriptors(int page_size, std::string_view page_token) const {
  JAMMI_ASSIGN(Page page,
               ListPage(*backend_, Reading(), scope_, page_size, page_token, kDescriptorPage, ReadOutline));
  DescriptorPage descriptors;
  descriptors.next_page_token = std::move(page.next_page_token);
  descriptors.models.reserve(page.models.size());
  for (auto& record : page.models) {
    descriptors.models.push_back(
        {std::move(record.model_id), std::move(record.backend), record.task, record.status});
  }
  return descriptors;
}

Result<ModelRecord> Models::UpdateStatus(std::string_view model_id, int32_t version, ModelStatus status) {
  JAMMI_TRY(CheckKey(model_id, version));
  if (ToString(status).empty()) return Invalid("status", "is none of the known statuses");
  return backend_->Transact(Writing(), [&](Transaction& tx) -> Result<ModelRecord> {
    JAMMI_ASSIGN(auto current, FindOwned(tx, scope_, model_id, version));
    if (!current) return NotFound(model_id, version);
    if (current->status == status) return std::move(*current);
    if (current->status == ModelStatus::kFailed && status == ModelStatus::kLoaded) {
      return Error(ErrorCode::kFailedPrecondition,
                   fmt::format("model {} has failed: register it again before it is loaded",
                               Describe(model_id, version)));
    }
    return Change(tx, kSetStatus, *current, ToString(status), clock_->Now());
  });
}

Result<ModelRecord> Models::SetArtifactPath(std::string_view model_id, int32_t version,
                                            const std::optional<std::string>& artifact_path,
                                            std::optional<int64_t> expected_revision) {
  JAMMI_TRY(CheckKey(model_id, version));
  JAMMI_TRY(CheckArtifactPath(artifact_path));
  return backend_->Transact(Writing(), [&](Transaction& tx) -> Result<ModelRecord> {
    JAMMI_ASSIGN(const auto current, FindOwned(tx, scope_, model_id, version));
    if (!current) return NotFound(model_id, version);
    if (expected_revision && *expected_revision != current->revision) {
      return Error(ErrorCode::kFailedPrecondition,
                   fmt::format("model {} is at revision {}, not {}", Describe(model_id, version),
                               current->revision, *expected_revision));
    }
    return Change(tx, kSetArtifactPath, *current, artifact_path, clock_->Now());
  });
}

Result<void> Models::Delete(std::string_view model_id, std::optional<int32_t> version, OnMissing on_missing) {
  JAMMI_TRY(CheckKey(model_id, version));
  // Serializable: a reference added beside us must not slip in between the scan and the deletion.
  TxOptions options = Writing();
  options.isolation = IsolationLevel::kSerializable;
  return backend_->RunTransaction(options, [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(const auto target, FindVisible(tx, scope_, model_id, version));
    if (!target && on_missing == OnMissing::kIgnore) return {};
    if (!target || target->owner != scope_) return NotFound(model_id, version);
    JAMMI_ASSIGN(auto referenced_by, ReferencesTo(tx, target->uid));
    if (!referenced_by.empty()) {
      std::string message =
          fmt::format("model {} is still referenced by {}", model_id, fmt::join(referenced_by, ", "));
      return Error(ErrorCode::kFailedPrecondition, std::move(message),
                   ModelReferencedDetail{std::string(model_id), std::move(referenced_by)});
    }
    JAMMI_ASSIGN(const int64_t deleted, tx.Execute(kDelete, {target->uid.value}));
    return deleted == 1 ? Result<void>() : NotFound(model_id, version);
  });
}

}  // namespace jammi
