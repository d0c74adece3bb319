#include "tables/table.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "catalog/column_types.h"
#include "tables/definition.h"

namespace jammi {
namespace {

Error Damaged(const TableRecord& record, std::string_view column) {
  return Error(ErrorCode::kDataLoss,
               fmt::format("the definition of table '{}' names column '{}', which its schema does not have",
                           record.definition.id, column),
               BackendDetail{BackendFault::kTypeConversion, "mutable_tables", {}});
}

Result<std::vector<int>> PlacesOfNames(const TableRecord& record, const std::vector<std::string>& names) {
  std::vector<int> places;
  for (const auto& name : names) {
    places.push_back(FindColumn(*record.definition.schema, name));
    if (places.back() < 0) return Damaged(record, name);
  }
  return places;
}

}  // namespace

Result<std::shared_ptr<const Table>> Table::Make(TableRecord record) {
  std::shared_ptr<Table> table(new Table(std::move(record)));
  const TableDefinition& definition = table->record_.definition;
  table->storage_ = fmt::format("mt_{}", table->record_.number);
  for (const auto& field : definition.schema->fields()) {
    table->columns_.push_back(fmt::format("c{}", table->columns_.size()));
    JAMMI_ASSIGN(auto codec, ColumnCodec::Make(field));
    table->codecs_.push_back(std::move(codec));
  }
  JAMMI_ASSIGN(table->key_, PlacesOfNames(table->record_, definition.primary_key));
  for (const auto& index : definition.indexes) {
    JAMMI_ASSIGN(auto places, PlacesOfNames(table->record_, index.columns));
    table->indexes_.push_back(std::move(places));
  }
  if (definition.order_column) {
    table->order_ = FindColumn(*definition.schema, *definition.order_column);
    if (table->order_ < 0) return Damaged(table->record_, *definition.order_column);
  }
  return std::shared_ptr<const Table>(std::move(table));
}

bool Table::IsKey(size_t place) const {
  return std::ranges::find(key_, static_cast<int>(place)) != key_.end();
}

bool Table::nullable(size_t place) const {
  if (static_cast<int>(place) == order_ || IsKey(place)) return false;
  return codecs_[place].field().nullable();
}

std::string Table::WithScope(const std::vector<int>& places) const {
  std::string list = fmt::format("({}", kScopeColumn);
  for (const int place : places) list += ", " + columns_[static_cast<size_t>(place)];
  return list + ")";
}

std::vector<std::string> Table::CreateTexts(BackendKind kind) const {
  std::string columns = fmt::format("{} {} NOT NULL", kScopeColumn, TypeText(kind, SqlKind::kText));
  for (size_t i = 0; i < columns_.size(); ++i) {
    columns += fmt::format(", {} {}{}", columns_[i], TypeText(kind, codecs_[i].kind()),
                           nullable(i) ? "" : " NOT NULL");
  }
  std::vector<std::string> texts;
  texts.push_back(fmt::format("CREATE TABLE {} ({}, PRIMARY KEY {}){}", storage_, columns, WithScope(key_),
                              kind == BackendKind::kSqlite ? " WITHOUT ROWID" : ""));
  for (size_t i = 0; i < indexes_.size(); ++i) {
    texts.push_back(fmt::format("CREATE {}INDEX {}_i{} ON {} {}",
                                record_.definition.indexes[i].unique ? "UNIQUE " : "", storage_, i, storage_,
                                WithScope(indexes_[i])));
  }
  if (order_ >= 0 && key_.front() != order_) {
    std::vector<int> places = {order_};
    std::ranges::copy_if(key_, std::back_inserter(places), [&](int place) { return place != order_; });
    texts.push_back(fmt::format("CREATE INDEX {}_o ON {} {}", storage_, storage_, WithScope(places)));
  }
  return texts;
}

std::string Table::DropText() const { return fmt::format("DROP TABLE {}", storage_); }

}  // namespace jammi
