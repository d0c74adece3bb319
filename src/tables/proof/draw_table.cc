#include "tables/proof/draw_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace jammi::proof {
namespace {

bool IsOrdered(const TypePtr& type) {
  return std::ranges::any_of(OrderedTypes(), [&](const TypePtr& one) { return one->Equals(type); });
}

// Of any length: prefixes can be asked for.
bool IsTextOrBytes(const arrow::DataType& type) {
  using arrow::Type;
  constexpr Type::type kTypes[] = {Type::STRING, Type::LARGE_STRING, Type::STRING_VIEW,
                                   Type::BINARY, Type::LARGE_BINARY, Type::BINARY_VIEW};
  return std::ranges::find(kTypes, type.id()) != std::end(kTypes);
}

}  // namespace

ScalarPtr DrawTable::Value(const TypePtr& type) { return One(EdgeValues(type)); }

TableDefinition DrawTable::Definition() {
  TableDefinition table{.id = Id()};
  arrow::FieldVector fields;
  for (size_t i = 0; i <= Below(2); ++i) {
    table.primary_key.push_back(fmt::format("key{}", i));
    fields.push_back(arrow::field(table.primary_key.back(), One(OrderedTypes()), /*nullable=*/false));
  }
  if (Percent(60)) {
    table.order_column = "position";
    fields.push_back(arrow::field("position", Percent(50) ? arrow::int64() : arrow::uint64(), false));
  }
  const size_t others = 1 + Below(4);
  for (size_t i = 0; i < others; ++i) {
    const TypePtr& type = Percent(85) ? One(OrderedTypes()) : One(OtherTypes());
    fields.push_back(arrow::field(fmt::format("value{}", i), type, Percent(80)));
    if (IsOrdered(type) && Percent(40))
      table.indexes.push_back(
          {.name = fmt::format("by_{}", i), .columns = {fields.back()->name()}, .unique = Percent(20)});
  }
  // Columns are found by name, wherever they stand.
  std::rotate(fields.begin(), fields.begin() + static_cast<std::ptrdiff_t>(Below(fields.size())),
              fields.end());
  table.schema = arrow::schema(fields);
  table.chunk_size = 1 + Below(10);
  return table;
}

arrow::ScalarVector DrawTable::Cells(const TableDefinition& definition) {
  arrow::ScalarVector cells;
  for (const auto& field : definition.schema->fields()) {
    const bool null = field->nullable() && Percent(20);
    cells.push_back(null ? arrow::MakeNullScalar(field->type()) : Value(field->type()));
  }
  return cells;
}

arrow::ScalarVector DrawTable::Key(const TableDefinition& definition) {
  arrow::ScalarVector key;
  for (const auto& column : definition.primary_key)
    key.push_back(Value(definition.schema->GetFieldByName(column)->type()));
  return key;
}

TableFilter DrawTable::Comparison(const arrow::Field& field) {
  const std::string& name = field.name();
  if (!IsOrdered(field.type()) || Percent(10))
    return Percent(50) ? TableFilter::IsNull(name) : TableFilter::IsNotNull(name);
  if (IsTextOrBytes(*field.type()) && Percent(30)) {
    const auto value = Value(field.type());
    const auto view = static_cast<const arrow::BaseBinaryScalar&>(*value).view();
    return TableFilter::StartsWith(name, std::string(view));
  }
  if (Percent(15)) {
    std::vector<FilterValue> values;
    while (Percent(70)) values.emplace_back(Value(field.type()));
    return TableFilter::In(name, values);
  }
  const FilterValue value(Value(field.type()));
  switch (Below(6)) {
    case 0:
      return TableFilter::Equal(name, value);
    case 1:
      return TableFilter::NotEqual(name, value);
    case 2:
      return TableFilter::Less(name, value);
    case 3:
      return TableFilter::AtMost(name, value);
    case 4:
      return TableFilter::Greater(name, value);
    default:
      return TableFilter::AtLeast(name, value);
  }
}

TableFilter DrawTable::Filter(const arrow::Schema& schema, int depth) {
  if (depth > 0 && Percent(40)) {
    if (Percent(30)) return !Filter(schema, depth - 1);
    std::vector<TableFilter> parts;
    while (Percent(65)) parts.push_back(Filter(schema, depth - 1));
    return Percent(50) ? TableFilter::And(parts) : TableFilter::Or(parts);
  }
  if (Percent(5)) return {};
  return Comparison(*schema.field(static_cast<int>(Below(static_cast<size_t>(schema.num_fields())))));
}

TableScan DrawTable::Scan(const TableDefinition& definition) {
  TableScan scan;
  if (Percent(60)) scan.filter = Filter(*definition.schema);
  scan.order = static_cast<TableOrder>(Below(5));
  if (Percent(50)) scan.limit = 1 + Below(6);
  if (Percent(50)) scan.batch_rows = static_cast<int64_t>(1 + Below(4));
  for (const auto& field : definition.schema->fields()) {
    if (Percent(30)) scan.columns.push_back(field->name());
  }
  return scan;
}

}  // namespace jammi::proof
