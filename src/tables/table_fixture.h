// Mutable tables on the database under test: definitions, batches from JSON, and rows as they are stored.
#pragma once

#include <arrow/api.h>
#include <arrow/json/from_string.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/repo_fixture.h"
#include "tables/table_store.h"

namespace jammi::test {

// The detail, if the result was refused with this code and fault.
template <class T>
const TableDetail* Refusal(const Result<T>& result, ErrorCode code, TableFault fault) {
  if (result || result.error().code() != code) return nullptr;
  const auto* detail = result.error().template As<TableDetail>();
  return detail != nullptr && detail->fault == fault ? detail : nullptr;
}

inline std::shared_ptr<arrow::Array> ArrayFromJson(const std::shared_ptr<arrow::DataType>& type,
                                                   const std::string& json) {
  auto array = arrow::json::ArrayFromJSONString(type, json);
  if (!array.ok()) throw std::runtime_error(type->ToString() + ": " + array.status().ToString());
  return *array;
}

// A JSON array of rows, each an array of its values.
inline std::shared_ptr<arrow::RecordBatch> BatchFromJson(const std::shared_ptr<arrow::Schema>& schema,
                                                         const std::string& rows) {
  const auto array = ArrayFromJson(arrow::struct_(schema->fields()), rows);
  return arrow::RecordBatch::Make(schema, array->length(),
                                  static_cast<const arrow::StructArray&>(*array).fields());
}

class TableTest : public RepoTest {
 protected:
  Tables As(const Scope& scope) { return {{catalog_, &store()}, scope}; }

  // Made anew with the catalog that it works on.
  TableStore& store() {
    if (store_ == nullptr || &store_->backend() != &backend())
      store_ = std::make_unique<TableStore>(backend());
    return *store_;
  }

  static std::shared_ptr<arrow::Schema> WidgetSchema() {
    return arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("name", arrow::utf8())});
  }
  static TableDefinition Widgets(std::string id = "widgets") {
    return {.id = std::move(id), .schema = WidgetSchema(), .primary_key = {"id"}};
  }
  static std::shared_ptr<arrow::RecordBatch> WidgetRows(const std::string& rows) {
    return BatchFromJson(WidgetSchema(), rows);
  }

  // The rows that `scope` has written into the table it finds under the id, by key.
  std::shared_ptr<arrow::RecordBatch> StoredRows(const Scope& scope, std::string_view id) {
    const auto table = Ok(store().Find(scope, id));
    std::string columns;
    std::vector<std::unique_ptr<ColumnDecoder>> decoders;
    for (size_t i = 0; i < table->columns(); ++i) {
      columns += (i == 0 ? "" : ", ") + table->column(i);
      decoders.push_back(Ok(table->codec(i).NewDecoder()));
    }
    std::string order;
    for (const int place : table->key())
      order += (order.empty() ? "" : ", ") + table->column(static_cast<size_t>(place));
    const std::string sql =
        "SELECT " + columns + " FROM " + table->storage() + " WHERE s = $1 ORDER BY " + order;
    const std::string key = scope.Key();
    Ok(backend().RunTransaction({.read_only = true}, [&](Transaction& tx) {
      return tx.Query(sql, {key}, [&](const Row& row) -> Result<bool> {
        for (size_t i = 0; i < decoders.size(); ++i) JAMMI_TRY(decoders[i]->Append(row.At(i)));
        return true;
      });
    }));
    arrow::ArrayVector arrays;
    for (auto& decoder : decoders) arrays.push_back(Ok(decoder->Finish()));
    const int64_t rows = arrays.front()->length();
    return arrow::RecordBatch::Make(table->schema(), rows, std::move(arrays));
  }

  // How many storage tables and indexes there are.
  int64_t CountStorage() {
    return backend().kind() == BackendKind::kSqlite
               ? GetInt("SELECT count(*) AS v FROM sqlite_schema WHERE name LIKE 'mt_%'")
               : GetInt("SELECT count(*) AS v FROM pg_class WHERE relname ~ '^mt_[0-9]+(_[io].*)?$'");
  }

 private:
  std::unique_ptr<TableStore> store_;
};

}  // namespace jammi::test
