#include "catalog/result_table_build.h"

#include <fmt/format.h>

#include <array>
#include <set>

#include "base/text.h"
#include "catalog/arguments.h"
#include "catalog/lease.h"
#include "catalog/read_rows.h"
#include "catalog/result_table_row.h"
#include "catalog/run_again.h"
#include "jammi/ids.h"

namespace jammi {
namespace {

constexpr size_t kResultTableBuildMaxPathBytes = 4096;
constexpr size_t kResultTableBuildMaxColumnBytes = 512;
constexpr size_t kMaxColumnsBytes = 64 << 10;
constexpr size_t kMaxHashBytes = 128;
constexpr size_t kMaxInputs = 256;
constexpr size_t kNamePartBytes = 64;

// --- Statements. Every write is guarded by the state, the holder, the epoch and the time.

#define JAMMI_HELD_BUILD \
  " WHERE scope = $1 AND table_name = $2 AND status = 'building' AND " JAMMI_LEASE_HELD("$3", "$4")
#define JAMMI_END_BUILD "completed_at = (SELECT jammi_now()), " JAMMI_LEASE_DROP

constexpr std::string_view kResultTableBuildInsert =
    "INSERT INTO result_tables (scope, table_name, kind, source_id, model_uid, task, parquet_path, "
    "dimensions, storage_precision, oversample, key_column, text_columns, derived_scope, derived_from, "
    "lease_holder, lease_epoch, lease_expires_at, status, created_at) "
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, clock.now, clock.now + $16, "
    "'building', clock.now FROM (SELECT jammi_now() AS now) AS clock WHERE TRUE "
    "ON CONFLICT (scope, table_name) DO NOTHING "
    "RETURNING " JAMMI_RESULT_TABLE_COLUMNS ", lease_epoch, lease_expires_at";
constexpr std::string_view kModelOwner = "SELECT scope FROM models WHERE model_uid = $1";
constexpr std::string_view kResultTableBuildHeartbeat =
    "UPDATE result_tables SET " JAMMI_LEASE_RENEW("$5") JAMMI_HELD_BUILD " RETURNING lease_expires_at";
constexpr std::string_view kCheckpoint = "UPDATE result_tables SET checkpoint = $5" JAMMI_HELD_BUILD;
constexpr std::string_view kPromote = "UPDATE result_tables SET status = 'ready', " JAMMI_END_BUILD
                                      ", row_count = $5, definition_hash = $6, inputs = $7" JAMMI_HELD_BUILD
                                      " RETURNING " JAMMI_RESULT_TABLE_COLUMNS;
constexpr std::string_view kInsertInput =
    "INSERT INTO result_table_inputs (made_scope, made_table, source, made_at) VALUES ($1, $2, $3, $4)";
constexpr std::string_view kFail =
    "UPDATE result_tables SET status = 'failed', " JAMMI_END_BUILD ", row_count = 0" JAMMI_HELD_BUILD
    " RETURNING " JAMMI_RESULT_TABLE_COLUMNS;
constexpr std::string_view kResultTableBuildEpoch =
    "SELECT lease_epoch FROM result_tables WHERE scope = $1 AND table_name = $2";

constexpr std::array<RepoStatement, 8> kResultTableBuildStatements = {{
    {"create", kResultTableBuildInsert, 16},
    {"owner of a model", kModelOwner, 1},
    {"heartbeat", kResultTableBuildHeartbeat, 5},
    {"checkpoint", kCheckpoint, 5},
    {"promote", kPromote, 7},
    {"add an input", kInsertInput, 4},
    {"fail", kFail, 4},
    {"epoch", kResultTableBuildEpoch, 2},
}};

// --- Arguments.

Result<void> CheckAtLeast(std::string_view field, int64_t least, const std::optional<int64_t>& value) {
  if (!value || *value >= least) return {};
  return InvalidArgument(field, fmt::format("must be {} or more, not {}", least, *value));
}

Result<void> CheckColumns(const std::vector<std::string>& columns) {
  size_t bytes = 0;
  for (const std::string& column : columns) {
    JAMMI_TRY(CheckText("text_columns", column, 1, kResultTableBuildMaxColumnBytes));
    bytes += column.size();
  }
  if (bytes <= kMaxColumnsBytes) return {};
  return InvalidArgument("text_columns", fmt::format("must be {} bytes at most in all", kMaxColumnsBytes));
}

Result<void> Check(const CreateResultTableParams& params) {
  JAMMI_TRY(CheckResultTableName(params.table_name));
  if (ToString(params.kind).empty()) return InvalidArgument("kind", "is none of the known kinds");
  JAMMI_TRY(CheckSourceId("source_id", params.source_id));
  if (params.model_uid) {
    JAMMI_TRY(CheckText("model_uid", params.model_uid->value, 1, kResultTableBuildMaxColumnBytes));
  } else if (params.kind == ResultTableKind::kModel) {
    return InvalidArgument("model_uid", "must be given for a table of kind model");
  }
  if (ToString(params.task).empty()) return InvalidArgument("task", "is none of the known tasks");
  JAMMI_TRY(CheckText("parquet_path", params.parquet_path, 1, kResultTableBuildMaxPathBytes));
  JAMMI_TRY(CheckAtLeast("dimensions", 1, params.dimensions));
  if (params.storage_precision && ToString(*params.storage_precision).empty()) {
    return InvalidArgument("storage_precision", "is none of the known precisions");
  }
  JAMMI_TRY(CheckAtLeast("oversample", 1, params.oversample));
  JAMMI_TRY(CheckOptionalText("key_column", params.key_column, 1, kResultTableBuildMaxColumnBytes));
  JAMMI_TRY(CheckColumns(params.text_columns));
  return params.derived_from ? CheckResultTableName(*params.derived_from) : Result<void>();
}

Result<void> CheckHeld(std::string_view table_name, const LeaseToken& token) {
  JAMMI_TRY(CheckResultTableName(table_name));
  return CheckLeaseToken(token);
}

// --- Steps, each inside a transaction.

Result<void> CheckModelIsVisible(Transaction& tx, const Scope& reader, const ModelUid& uid) {
  JAMMI_ASSIGN(const auto key, tx.QueryFirst(kModelOwner, {uid.value}, ReadColumn<std::string>("scope")));
  if (key) {
    JAMMI_ASSIGN(const Scope owner, Scope::FromKey(*key));
    if (reader.Sees(owner)) return {};
  }
  return Error(ErrorCode::kNotFound, fmt::format("model not found: {}", uid.value),
               ModelNotFoundDetail{uid.value});
}

Result<std::optional<ResultTables::Build>> Insert(Transaction& tx, const Scope& scope,
                                                  const CreateResultTableParams& params,
                                                  const std::optional<ResultTableRef>& parent,
                                                  std::string_view builder, int64_t lease_micros) {
  const std::string key = scope.Key();
  const std::string text_columns = ToJson(params.text_columns);
  const auto precision = params.storage_precision.transform([](StoragePrecision p) { return ToString(p); });
  const auto parent_key = parent.transform([](const ResultTableRef& ref) { return ref.owner.Key(); });
  const auto read = [&](const Row& row) -> Result<ResultTables::Build> {
    ResultTables::Build build;
    JAMMI_TRY(ReadResultTable(row, build.table));
    build.lease.holder = builder;
    JAMMI_ASSIGN(build.lease.epoch, row.Get<int64_t>("lease_epoch"));
    JAMMI_ASSIGN(build.lease_expires_at, row.Get<int64_t>("lease_expires_at"));
    return build;
  };
  return tx.QueryFirst(
      kResultTableBuildInsert,
      {key, params.table_name, ToString(params.kind), params.source_id,
       params.model_uid ? SqlValue(params.model_uid->value) : SqlValue(std::nullopt), ToString(params.task),
       params.parquet_path, params.dimensions, precision, params.oversample, params.key_column, text_columns,
       parent_key, parent ? SqlValue(parent->table_name) : SqlValue(std::nullopt), builder, lease_micros},
      read);
}

Result<void> InsertInputs(Transaction& tx, const ResultTableRecord& table) {
  std::set<std::string_view> sources;
  for (const InputAnchor& input : table.inputs) sources.insert(input.source);
  const std::string key = table.owner.Key();
  for (const std::string_view source : sources) {
    JAMMI_TRY(tx.Execute(kInsertInput, {key, table.table_name, source, table.created_at}));
  }
  return {};
}

// At most kNamePartBytes of whole characters, as a part of a file's name.
std::string NamePart(std::string_view text) {
  size_t size = std::min(text.size(), kNamePartBytes);
  while (size < text.size() && size > 0 && (static_cast<uint8_t>(text[size]) & 0xC0) == 0x80) --size;
  std::string part(text.substr(0, size));
  for (char& c : part) {
    if (std::string_view("/\\: .").find(c) != std::string_view::npos) c = '_';
  }
  return part;
}

}  // namespace

std::span<const RepoStatement> BuildStatements() { return kResultTableBuildStatements; }

std::string MakeResultTableName(std::string_view source_id, ModelTask task, std::string_view model_id,
                                UnixMicros now) {
  const std::string utc = FormatUtc(now);  // 2026-01-02T03:04:05.123456Z
  std::string moment;
  for (const char c : utc) {
    if ((c >= '0' && c <= '9') || c == 'T') moment.push_back(c);
  }
  return fmt::format("{}__{}__{}__{}000_{}", NamePart(source_id), ToString(task), NamePart(model_id), moment,
                     Uuid::RandomV4().ToHex().substr(0, 8));
}

Result<void> CheckManifest(const ResultTableManifest& manifest) {
  JAMMI_TRY(CheckAtLeast("row_count", 0, manifest.row_count));
  JAMMI_TRY(CheckText("definition_hash", manifest.definition_hash, 1, kMaxHashBytes));
  if (manifest.inputs.size() > kMaxInputs) {
    return InvalidArgument("inputs", fmt::format("must be {} at most", kMaxInputs));
  }
  for (const InputAnchor& input : manifest.inputs) {
    JAMMI_TRY(CheckSourceId("inputs.source", input.source));
    JAMMI_TRY(CheckText("inputs.anchor", input.anchor, 1, kResultTableBuildMaxPathBytes));
    if (ToString(input.kind).empty()) return InvalidArgument("inputs.kind", "is none of the known kinds");
  }
  return {};
}

Result<ResultTableRecord> PromoteBuild(Transaction& tx, const Scope& owner, std::string_view table_name,
                                       const LeaseToken& token, const ResultTableManifest& manifest,
                                       ChangeVerb verb) {
  const std::string key = owner.Key();
  const std::string inputs = ToJson(manifest.inputs);
  JAMMI_ASSIGN(auto table, QueryResultTable(tx, kPromote,
                                            {key, table_name, token.holder, token.epoch, manifest.row_count,
                                             manifest.definition_hash, inputs}));
  if (!table) return WhyNoBuild(tx, owner, table_name, token);
  JAMMI_TRY(InsertInputs(tx, *table));
  JAMMI_TRY(RecordTableChange(tx, verb, owner, table_name));
  return std::move(*table);
}

Result<ResultTableRecord> FailBuild(Transaction& tx, const Scope& owner, std::string_view table_name,
                                    const LeaseToken& token, ChangeVerb verb) {
  const std::string key = owner.Key();
  JAMMI_ASSIGN(auto table, QueryResultTable(tx, kFail, {key, table_name, token.holder, token.epoch}));
  if (!table) return WhyNoBuild(tx, owner, table_name, token);
  JAMMI_TRY(RecordTableChange(tx, verb, owner, table_name));
  return std::move(*table);
}

Error WhyNoBuild(Transaction& tx, const Scope& owner, std::string_view table_name, const LeaseToken& token) {
  const std::string key = owner.Key();
  const auto epoch =
      tx.QueryFirst(kResultTableBuildEpoch, {key, table_name}, ReadColumn<int64_t>("lease_epoch"));
  if (!epoch) return epoch.error();
  if (!*epoch) return ResultTableNotFound(table_name);
  return LeaseLost("result table", table_name, token, **epoch);
}

Result<void> RecordTableChange(Transaction& tx, ChangeVerb verb, const Scope& owner,
                               std::string_view table_name) {
  return RecordChange(tx, {.kind = "result_table", .verb = verb, .owner = owner, .name = table_name});
}

Result<ResultTables::Build> ResultTables::Create(const CreateResultTableParams& params,
                                                 std::string_view builder, std::chrono::microseconds lease) {
  JAMMI_TRY(Check(params));
  JAMMI_TRY(CheckLeaseHolder(builder));
  JAMMI_ASSIGN(const int64_t lease_micros, LeaseMicros(lease));
  return TransactReferring(access_, [&](Transaction& tx) -> Result<Build> {
    if (params.model_uid) JAMMI_TRY(CheckModelIsVisible(tx, access_.scope, *params.model_uid));
    std::optional<ResultTableRef> parent;
    if (params.derived_from) {
      JAMMI_ASSIGN(auto found, FindVisibleResultTable(tx, access_.scope, *params.derived_from));
      parent = {found.owner, std::move(found.table_name)};
    }
    JAMMI_ASSIGN(auto build, Insert(tx, access_.scope, params, parent, builder, lease_micros));
    if (!build) {
      return Error(ErrorCode::kAlreadyExists,
                   fmt::format("result table '{}' exists already", params.table_name));
    }
    JAMMI_TRY(RecordTableChange(tx, ChangeVerb::kRegistered, access_.scope, params.table_name));
    return std::move(*build);
  });
}

Result<UnixMicros> ResultTables::Heartbeat(std::string_view table_name, const LeaseToken& token,
                                           std::chrono::microseconds duration) {
  JAMMI_TRY(CheckHeld(table_name, token));
  JAMMI_ASSIGN(const int64_t micros, LeaseMicros(duration));
  return access_.backend->Transact(
      access_.Writing(Lane::kUrgent), [&](Transaction& tx) -> Result<UnixMicros> {
        const std::string key = access_.scope.Key();
        JAMMI_ASSIGN(
            const auto expires_at,
            tx.QueryFirst(kResultTableBuildHeartbeat, {key, table_name, token.holder, token.epoch, micros},
                          ReadColumn<int64_t>("lease_expires_at")));
        if (!expires_at) return WhyNoBuild(tx, access_.scope, table_name, token);
        return *expires_at;
      });
}

Result<void> ResultTables::SetCheckpoint(std::string_view table_name, const LeaseToken& token,
                                         int64_t batch) {
  JAMMI_TRY(CheckHeld(table_name, token));
  JAMMI_TRY(CheckAtLeast("batch", 0, batch));
  return access_.backend->RunTransaction(access_.Writing(), [&](Transaction& tx) -> Result<void> {
    const std::string key = access_.scope.Key();
    JAMMI_ASSIGN(const int64_t changed,
                 tx.Execute(kCheckpoint, {key, table_name, token.holder, token.epoch, batch}));
    return changed == 1 ? Result<void>() : WhyNoBuild(tx, access_.scope, table_name, token);
  });
}

Result<ResultTableRecord> ResultTables::Promote(std::string_view table_name, const LeaseToken& token,
                                                const ResultTableManifest& manifest) {
  JAMMI_TRY(CheckHeld(table_name, token));
  JAMMI_TRY(CheckManifest(manifest));
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) {
    return PromoteBuild(tx, access_.scope, table_name, token, manifest, ChangeVerb::kUpdated);
  });
}

Result<ResultTableRecord> ResultTables::Fail(std::string_view table_name, const LeaseToken& token) {
  JAMMI_TRY(CheckHeld(table_name, token));
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) {
    return FailBuild(tx, access_.scope, table_name, token, ChangeVerb::kUpdated);
  });
}

}  // namespace jammi
