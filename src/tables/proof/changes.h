// Random writes: the same for a table in memory and for a database.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/table_transaction.h"
#include "tables/proof/draw_table.h"
#include "tables/proof/map_tables.h"
#include "tables/read_fixture.h"

namespace jammi::proof {

// The verbs that Tables and Tx have in common.
enum class WriteVerb : uint8_t {
  kAppend,
  kUpsert,
  kUpsertAbsent,
  kUpdate,
  kUpdateWhere,
  kDelete,
  kDeleteWhere,
  kTruncate,
};
inline constexpr WriteVerb kWriteVerbs[] = {
    WriteVerb::kAppend,      WriteVerb::kUpsert, WriteVerb::kUpsertAbsent, WriteVerb::kUpdate,
    WriteVerb::kUpdateWhere, WriteVerb::kDelete, WriteVerb::kDeleteWhere,  WriteVerb::kTruncate,
};
[[nodiscard]] std::string_view NameOf(WriteVerb verb);

// One call.
struct Change {
  WriteVerb verb = WriteVerb::kAppend;
  std::string id;
  std::vector<std::string> columns;  // of the rows
  MapTable::Cells rows;
  std::vector<test::BatchPtr> batches;  // the same rows
  TableFilter filter;
};

[[nodiscard]] Change DrawChange(DrawTable& draw, WriteVerb verb, const std::string& id,
                                const MapTable& table);

// How many rows it changes; nullopt: it is refused, because rows would collide.
[[nodiscard]] std::optional<int64_t> Apply(MapTable& table, const Scope& scope, const Change& change);

// `on`: Tables or Tx.
template <class On>
[[nodiscard]] Result<int64_t> Apply(On& on, const Change& change) {
  switch (change.verb) {
    case WriteVerb::kAppend:
      return on.Append(change.id, Tables::Batches(change.batches));
    case WriteVerb::kUpsert:
      return on.Upsert(change.id, change.batches);
    case WriteVerb::kUpsertAbsent:
      return on.Upsert(change.id, change.batches, UpsertMode::kIgnore);
    case WriteVerb::kUpdate:
      return on.Update(change.id, change.batches);
    case WriteVerb::kUpdateWhere:
      return on.UpdateWhere(change.id, change.filter, change.batches.front());
    case WriteVerb::kDelete:
      return on.Delete(change.id, change.batches);
    case WriteVerb::kDeleteWhere:
      return on.DeleteWhere(change.id, change.filter);
    case WriteVerb::kTruncate:
      break;
  }
  return on.Truncate(change.id);
}

}  // namespace jammi::proof
