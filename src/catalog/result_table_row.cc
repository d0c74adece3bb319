#include "catalog/result_table_row.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "catalog/arguments.h"
#include "catalog/enum_text.h"

namespace jammi {
namespace {

using Json = nlohmann::json;

constexpr size_t kResultTableRowMaxNameBytes = 512;

constexpr std::array<std::string_view, 3> kResultTableRowKindTexts = {"model", "neighbor_graph", "asof_join"};
constexpr std::array<std::string_view, 3> kResultTableRowStatusTexts = {"building", "ready", "failed"};
constexpr std::array<std::string_view, 4> kAnchorTexts = {"result_digest", "mutable_version",
                                                          "source_version", "unpinned_at_instant"};
constexpr std::array<std::string_view, 4> kPrecisionTexts = {"f32", "f16", "int8", "binary"};

Error Damaged(std::string_view column) {
  return Error(ErrorCode::kDataLoss, fmt::format("column {} of result_tables is damaged", column),
               BackendDetail{BackendFault::kTypeConversion, std::string(column), {}});
}

bool Take(const Json& object, const char* key, std::string& text) {
  const auto member = object.find(key);
  if (member == object.end() || !member->is_string()) return false;
  text = member->get_ref<const std::string&>();
  return true;
}

bool Take(const Json& value, std::string& text) {
  if (!value.is_string()) return false;
  text = value.get_ref<const std::string&>();
  return true;
}

bool Take(const Json& value, InputAnchor& input) {
  std::string kind_text;
  if (!value.is_object() || !Take(value, "source", input.source) || !Take(value, "anchor", input.anchor) ||
      !Take(value, "kind", kind_text)) {
    return false;
  }
  const auto kind = ValueOf<AnchorKind>(kAnchorTexts, kind_text);
  input.kind = kind.value_or(AnchorKind::kUnpinnedAtInstant);
  return kind.has_value();
}

template <class T>
Result<void> ReadList(const Row& row, std::string_view column, std::vector<T>& list) {
  JAMMI_ASSIGN(const auto text, row.Get<std::string_view>(column));
  const Json array = Json::parse(text, nullptr, false);
  if (!array.is_array()) return Damaged(column);
  list.clear();
  for (const Json& value : array) {
    if (!Take(value, list.emplace_back())) return Damaged(column);
  }
  return {};
}

Result<void> ReadOrigin(const Row& row, ResultTableRecord& record) {
  JAMMI_ASSIGN(auto model_uid, row.Get<std::optional<std::string>>("model_uid"));
  if (model_uid) record.model_uid = ModelUid{std::move(*model_uid)};
  JAMMI_ASSIGN(record.model_id, row.Get<std::optional<std::string>>("model_id"));
  JAMMI_ASSIGN(auto derived_from, row.Get<std::optional<std::string>>("derived_from"));
  if (!derived_from) return {};
  JAMMI_ASSIGN(const auto derived_scope, row.Get<std::string_view>("derived_scope"));
  JAMMI_ASSIGN(const Scope owner, Scope::FromKey(derived_scope));
  record.derived_from = ResultTableRef{owner, std::move(*derived_from)};
  return {};
}

Result<void> ReadShape(const Row& row, ResultTableRecord& record) {
  JAMMI_ASSIGN(record.dimensions, row.Get<std::optional<int32_t>>("dimensions"));
  JAMMI_ASSIGN(record.distance_metric, row.Get<std::string>("distance_metric"));
  JAMMI_ASSIGN(const auto precision, row.Get<std::optional<std::string_view>>("storage_precision"));
  if (precision) {
    JAMMI_ASSIGN(record.storage_precision, ReadEnum(row, "storage_precision", ParseStoragePrecision));
  }
  JAMMI_ASSIGN(record.oversample, row.Get<std::optional<int32_t>>("oversample"));
  JAMMI_ASSIGN(record.key_column, row.Get<std::optional<std::string>>("key_column"));
  return ReadList(row, "text_columns", record.text_columns);
}

}  // namespace

Result<void> ReadResultTable(const Row& row, ResultTableRecord& record) {
  JAMMI_ASSIGN(record.table_name, row.Get<std::string>("table_name"));
  JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("scope"));
  JAMMI_ASSIGN(record.owner, Scope::FromKey(scope));
  JAMMI_ASSIGN(record.kind, ReadEnum(row, "kind", ParseResultTableKind));
  JAMMI_ASSIGN(record.source_id, row.Get<std::string>("source_id"));
  JAMMI_ASSIGN(record.task, ReadEnum(row, "task", ParseModelTask));
  JAMMI_ASSIGN(record.parquet_path, row.Get<std::string>("parquet_path"));
  JAMMI_TRY(ReadOrigin(row, record));
  JAMMI_TRY(ReadShape(row, record));
  JAMMI_ASSIGN(record.status, ReadEnum(row, "status", ParseResultTableStatus));
  JAMMI_ASSIGN(record.checkpoint, row.Get<std::optional<int64_t>>("checkpoint"));
  JAMMI_ASSIGN(record.row_count, row.Get<int64_t>("row_count"));
  JAMMI_ASSIGN(record.definition_hash, row.Get<std::optional<std::string>>("definition_hash"));
  JAMMI_TRY(ReadList(row, "inputs", record.inputs));
  JAMMI_ASSIGN(record.created_at, row.Get<int64_t>("created_at"));
  JAMMI_ASSIGN(record.completed_at, row.Get<std::optional<int64_t>>("completed_at"));
  return {};
}

Result<std::optional<ResultTableRecord>> QueryResultTable(Transaction& tx, std::string_view sql,
                                                          std::initializer_list<SqlValue> params) {
  return tx.QueryFirst(sql, params, [](const Row& row) -> Result<ResultTableRecord> {
    ResultTableRecord record;
    JAMMI_TRY(ReadResultTable(row, record));
    return record;
  });
}

Result<std::optional<ResultTableRecord>> FindResultTable(Transaction& tx, const Scope& owner,
                                                         std::string_view table_name) {
  const std::string scope = owner.Key();
  return QueryResultTable(tx, kGetResultTable, {scope, table_name});
}

Result<ResultTableRecord> FindVisibleResultTable(Transaction& tx, const Scope& reader,
                                                 std::string_view table_name) {
  JAMMI_ASSIGN(auto found, FindResultTable(tx, reader, table_name));
  if (!found && !reader.is_global()) {
    JAMMI_ASSIGN(found, FindResultTable(tx, Scope::Global(), table_name));
  }
  if (!found) return ResultTableNotFound(table_name);
  return std::move(*found);
}

Error ResultTableNotFound(std::string_view table_name) {
  return Error(ErrorCode::kNotFound, fmt::format("result table '{}' not found", table_name),
               ResultTableNotFoundDetail{std::string(table_name), {}});
}

Result<void> CheckResultTableName(std::string_view table_name) {
  return CheckText("table_name", table_name, 1, kResultTableRowMaxNameBytes);
}

Result<void> CheckSourceId(std::string_view field, std::string_view source_id) {
  return CheckText(field, source_id, 1, kResultTableRowMaxNameBytes);
}

std::string ToJson(const std::vector<std::string>& texts) { return Json(texts).dump(); }

std::string ToJson(const std::vector<InputAnchor>& inputs) {
  Json array = Json::array();
  for (const InputAnchor& input : inputs) {
    array.push_back({{"source", input.source}, {"anchor", input.anchor}, {"kind", ToString(input.kind)}});
  }
  return array.dump();
}

std::string_view ToString(ResultTableKind kind) { return TextOf(kResultTableRowKindTexts, kind); }

Result<ResultTableKind> ParseResultTableKind(std::string_view text) {
  if (const auto kind = ValueOf<ResultTableKind>(kResultTableRowKindTexts, text)) return *kind;
  return Error(ErrorCode::kInvalidArgument, fmt::format("Unknown result-table kind '{}'. Expected: {}", text,
                                                        fmt::join(kResultTableRowKindTexts, ", ")));
}

std::string_view ToString(ResultTableStatus status) { return TextOf(kResultTableRowStatusTexts, status); }

Result<ResultTableStatus> ParseResultTableStatus(std::string_view text) {
  if (const auto status = ValueOf<ResultTableStatus>(kResultTableRowStatusTexts, text)) return *status;
  return Error(ErrorCode::kInvalidArgument, fmt::format("Unknown result table status: '{}'", text));
}

std::string_view ToString(AnchorKind kind) { return TextOf(kAnchorTexts, kind); }

std::string_view ToString(StoragePrecision precision) { return TextOf(kPrecisionTexts, precision); }

Result<StoragePrecision> ParseStoragePrecision(std::string_view text) {
  if (const auto precision = ValueOf<StoragePrecision>(kPrecisionTexts, text)) return *precision;
  return Error(ErrorCode::kInvalidArgument, fmt::format("Unknown storage precision '{}'. Expected: {}", text,
                                                        fmt::join(kPrecisionTexts, ", ")));
}

}  // namespace jammi
