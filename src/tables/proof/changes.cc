#include "tables/proof/changes.h"

#include <algorithm>

namespace jammi::proof {
namespace {

std::vector<std::string> AllColumns(const TableDefinition& definition) {
  return definition.schema->field_names();
}

// Some that are none of the key's, one at least, in any order.
std::vector<std::string> DrawOthers(DrawTable& draw, const TableDefinition& definition) {
  std::vector<std::string> others = AllColumns(definition);
  std::erase_if(others, [&](const std::string& column) {
    return std::ranges::find(definition.primary_key, column) != definition.primary_key.end();
  });
  std::ranges::rotate(others, others.begin() + static_cast<std::ptrdiff_t>(draw.Below(others.size())));
  others.resize(1 + draw.Below(others.size()));
  return others;
}

std::vector<std::string> DrawColumns(DrawTable& draw, WriteVerb verb, const TableDefinition& definition) {
  if (verb == WriteVerb::kDelete) return definition.primary_key;
  if (verb == WriteVerb::kUpdateWhere) return DrawOthers(draw, definition);
  if (verb != WriteVerb::kUpdate) return AllColumns(definition);
  std::vector<std::string> columns = DrawOthers(draw, definition);
  const auto at = columns.begin() + static_cast<std::ptrdiff_t>(draw.Below(columns.size() + 1));
  columns.insert(at, definition.primary_key.begin(), definition.primary_key.end());
  return columns;
}

}  // namespace

std::string_view NameOf(WriteVerb verb) {
  constexpr std::string_view kNames[] = {"append",       "upsert", "upsert absent", "update",
                                         "update where", "delete", "delete where",  "truncate"};
  return kNames[static_cast<size_t>(verb)];
}

Change DrawChange(DrawTable& draw, WriteVerb verb, const std::string& id, const MapTable& table) {
  const TableDefinition& definition = table.definition();
  Change change{.verb = verb, .id = id};
  if (verb == WriteVerb::kUpdateWhere || verb == WriteVerb::kDeleteWhere)
    change.filter = draw.Filter(*definition.schema);
  if (verb == WriteVerb::kDeleteWhere || verb == WriteVerb::kTruncate) return change;
  change.columns = DrawColumns(draw, verb, definition);
  arrow::FieldVector fields;
  for (const auto& column : change.columns) fields.push_back(definition.schema->GetFieldByName(column));
  const auto schema = arrow::schema(fields);
  const auto add_row = [&] {
    const arrow::ScalarVector cells = draw.Cells(definition);
    for (arrow::ScalarVector& row = change.rows.emplace_back(); const auto& column : change.columns)
      row.push_back(cells[table.PlaceOf(column)]);
  };
  if (verb == WriteVerb::kUpdateWhere) {
    add_row();
  } else {
    while (draw.Percent(75)) add_row();
  }
  // In one batch or in several.
  const size_t split = draw.Percent(30) ? draw.Below(change.rows.size() + 1) : change.rows.size();
  const auto cut = change.rows.begin() + static_cast<std::ptrdiff_t>(split);
  change.batches.push_back(test::MakeBatch(schema, {change.rows.begin(), cut}));
  if (verb == WriteVerb::kUpdateWhere) {
    change.batches = {test::MakeBatch(schema, change.rows)};
  } else if (cut != change.rows.end()) {
    change.batches.push_back(test::MakeBatch(schema, {cut, change.rows.end()}));
  }
  return change;
}

std::optional<int64_t> Apply(MapTable& table, const Scope& scope, const Change& change) {
  switch (change.verb) {
    case WriteVerb::kAppend:
      if (!table.Append(scope, change.rows)) return std::nullopt;
      return std::ssize(change.rows);
    case WriteVerb::kUpsert:
      return table.Upsert(scope, change.rows, UpsertMode::kUpdate);
    case WriteVerb::kUpsertAbsent:
      return table.Upsert(scope, change.rows, UpsertMode::kIgnore);
    case WriteVerb::kUpdate:
      return table.Update(scope, change.columns, change.rows);
    case WriteVerb::kUpdateWhere:
      return table.UpdateWhere(scope, change.filter, change.columns, change.rows.front());
    case WriteVerb::kDelete:
      return table.Delete(scope, change.rows);
    case WriteVerb::kDeleteWhere:
      return table.DeleteWhere(scope, change.filter);
    case WriteVerb::kTruncate:
      break;
  }
  return table.DeleteWhere(scope, {});
}

}  // namespace jammi::proof
