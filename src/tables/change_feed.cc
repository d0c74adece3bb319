#include "tables/change_feed.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tables/batch_decoder.h"
#include "tables/filter_sql.h"
#include "tables/read_sql.h"
#include "tables/table_writes.h"

namespace jammi {
namespace {

constexpr int64_t kRowsOfAnEvent = 8192;

std::string_view NameOf(RowChange change) {
  switch (change) {
    case RowChange::kAppend:
    case RowChange::kInsertAbsent:
      return "insert";
    case RowChange::kUpsert:
      return "upsert";
    case RowChange::kUpdate:
    case RowChange::kAssign:
      return "update";
    case RowChange::kDelete:
      break;
  }
  return "delete";
}

Error NoMemoryForChanges(const arrow::Status& status) {
  return Error(ErrorCode::kResourceExhausted, status.ToString());
}

std::vector<size_t> AllPlaces(const Table& table) {
  std::vector<size_t> places(table.columns());
  std::iota(places.begin(), places.end(), size_t{0});
  return places;
}

// Of a deleted row the key is all that is left.
std::vector<size_t> PlacesAfter(const Table& table, RowChange change) {
  if (change != RowChange::kDelete) return AllPlaces(table);
  std::vector<size_t> places;
  for (const int place : table.key()) places.push_back(static_cast<size_t>(place));
  return places;
}

// `batch` has the table's columns at `places`.
Result<std::shared_ptr<arrow::RecordBatch>> MakeEvent(const Table& table, RowChange change,
                                                      const arrow::RecordBatch& batch,
                                                      std::span<const size_t> places) {
  const auto schema = ChangeFeedSchema(table.record().definition);
  auto names = arrow::MakeArrayFromScalar(arrow::StringScalar(std::string(NameOf(change))), batch.num_rows());
  if (!names.ok()) return NoMemoryForChanges(names.status());
  arrow::ArrayVector columns = {*std::move(names)};
  for (size_t place = 0; place < table.columns(); ++place) {
    const auto found = std::ranges::find(places, place);
    if (found != places.end()) {
      columns.push_back(batch.column(static_cast<int>(found - places.begin())));
      continue;
    }
    auto nulls = arrow::MakeArrayOfNull(table.codec(place).field().type(), batch.num_rows());
    if (!nulls.ok()) return NoMemoryForChanges(nulls.status());
    columns.push_back(*std::move(nulls));
  }
  return arrow::RecordBatch::Make(schema, batch.num_rows(), std::move(columns));
}

Result<void> AddEvents(const Table& table, RowChange change, const arrow::RecordBatch& batch,
                       std::span<const size_t> places, RowChanges& changes) {
  for (int64_t first = 0; first < batch.num_rows(); first += kRowsOfAnEvent) {
    JAMMI_ASSIGN(auto event, MakeEvent(table, change, *batch.Slice(first, kRowsOfAnEvent), places));
    changes.events.push_back(std::move(event));
  }
  return {};
}

// What a statement with RETURNING gives.
class Returned {
 public:
  [[nodiscard]] static Result<Returned> Make(const Table& table, RowChange change) {
    Returned returned(table, change);
    JAMMI_ASSIGN(auto decoder, BatchDecoder::Make(table, returned.places_));
    returned.decoder_.push_back(std::move(decoder));
    return returned;
  }

  // " RETURNING c0, c1"
  [[nodiscard]] std::string Clause() const { return " RETURNING " + NamesOf(*table_, places_); }

  [[nodiscard]] Result<void> Run(Transaction& tx, std::string_view sql, SqlParams params) {
    auto ran = tx.Query(sql, params, [&](const Row& row) -> Result<bool> {
      JAMMI_TRY(decoder_.front().Append(row));
      ++rows_;
      return true;
    });
    if (!ran) return ExplainWrite(*table_, std::move(ran).error());
    return {};
  }

  [[nodiscard]] Result<RowChanges> Finish() {
    RowChanges changes{.rows = rows_, .events = {}};
    JAMMI_ASSIGN(const auto batch, decoder_.front().Finish());
    JAMMI_TRY(AddEvents(*table_, change_, *batch, places_, changes));
    return changes;
  }

 private:
  Returned(const Table& table, RowChange change)
      : table_(&table), change_(change), places_(PlacesAfter(table, change)) {}

  const Table* table_;
  RowChange change_;
  std::vector<size_t> places_;
  std::vector<BatchDecoder> decoder_;  // one
  int64_t rows_ = 0;
};

}  // namespace

std::shared_ptr<arrow::Schema> ChangeFeedSchema(const TableDefinition& definition) {
  arrow::FieldVector fields = {arrow::field("_change", arrow::utf8(), /*nullable=*/false)};
  for (const auto& field : definition.schema->fields()) {
    const bool is_key =
        std::ranges::find(definition.primary_key, field->name()) != definition.primary_key.end();
    fields.push_back(is_key ? field : field->WithNullable(true));
  }
  return arrow::schema(std::move(fields));
}

Result<RowChanges> ApplyWithChanges(Transaction& tx, BackendKind kind, const Scope& scope, RowBatch& rows,
                                    Tables::Batches batches) {
  const Table& table = rows.table();
  if (rows.change() != RowChange::kAppend && rows.change() != RowChange::kUpsert) {
    JAMMI_ASSIGN(auto returned, Returned::Make(table, rows.change()));
    JAMMI_TRY(rows.ForEachStatement(
        kind, scope, returned.Clause(),
        [&](const std::string& sql, SqlParams params) { return returned.Run(tx, sql, params); }));
    return returned.Finish();
  }
  RowChanges changes;
  JAMMI_ASSIGN(changes.rows, rows.Apply(tx, kind, scope));
  JAMMI_ASSIGN(const auto counted, rows.Counted(batches));
  for (const auto& batch : counted)
    JAMMI_TRY(AddEvents(table, rows.change(), *batch, AllPlaces(table), changes));
  return changes;
}

Result<RowChanges> DeleteWithChanges(Transaction& tx, BackendKind kind, const Table& table,
                                     const Scope& scope, const TableFilter& filter) {
  JAMMI_ASSIGN(auto returned, Returned::Make(table, RowChange::kDelete));
  JAMMI_ASSIGN(SqlText sql, DeleteText(table, kind, scope, filter));
  sql += returned.Clause();
  JAMMI_TRY(returned.Run(tx, sql.text(), sql.params()));
  return returned.Finish();
}

Result<RowChanges> UpdateWithChanges(Transaction& tx, BackendKind kind, const Scope& scope,
                                     const TableFilter& filter, RowBatch& values) {
  JAMMI_ASSIGN(auto returned, Returned::Make(values.table(), RowChange::kAssign));
  JAMMI_ASSIGN(SqlText sql, UpdateText(kind, scope, filter, values));
  sql += returned.Clause();
  JAMMI_TRY(returned.Run(tx, sql.text(), sql.params()));
  return returned.Finish();
}

}  // namespace jammi
