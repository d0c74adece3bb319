// Gives a parsed predicate its meaning over a schema: names become columns, literals and operands get
// types, and the whole becomes an expression that DuckDB's executor runs.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <optional>
#include <vector>

#include "jammi/result.h"
#include "predicate/syntax.h"

namespace duckdb {
class ClientContext;
class Expression;
}  // namespace duckdb

namespace jammi::predicate {

// Immutable.
struct Bound {
  // A boolean expression; its references count the entries of `fields`.
  std::shared_ptr<const duckdb::Expression> expression;
  // The columns of the schema that it looks at.
  std::vector<int> fields;
  // Set when no column matters: whether all rows match, or none.
  std::optional<bool> constant;
  // It reads text character by character, so bytes that are no text must not reach it.
  bool needs_utf8 = false;
};

// REQUIRES: called inside WithBindContext().
// Errors: kInvalidArgument with PredicateParseDetail or PredicateUnsupportedDetail.
[[nodiscard]] Result<Bound> Bind(duckdb::ClientContext& context, const Node& node,
                                 const arrow::Schema& schema);

}  // namespace jammi::predicate
