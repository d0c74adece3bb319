// An SQL boolean over the columns of an event: bound once to a schema, run on batches.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/result.h"

namespace jammi {

// Immutable, cheap to copy, thread-safe. Rules TRG-096...105; docs/predicates.md has the language.
class Predicate {
 public:
  // Matches every row; what the empty text means too.
  [[nodiscard]] static Predicate MatchAll();

  // Parses `sql` (UTF-8, trimmed) and binds it to the columns of `schema`, once.
  // Errors: kInvalidArgument with PredicateParseDetail (does not parse, unknown column, no type fits,
  // not a boolean, a column whose type cannot be filtered) or PredicateUnsupportedDetail (a form that
  // predicates may not use: functions other than lower, upper, length, starts_with, ends_with,
  // aggregates, window functions, subqueries, CASE, ...).
  [[nodiscard]] static Result<Predicate> Compile(std::string_view sql,
                                                 const std::shared_ptr<arrow::Schema>& schema);

  // Every row matches: the text is empty, or true whatever the columns hold.
  [[nodiscard]] bool matches_all() const;
  // The trimmed text; empty for MatchAll(). What a remote client sends again.
  [[nodiscard]] const std::string& source_sql() const;

  // The rows for which the predicate is true (null counts as false), in order, as a batch of the same
  // schema: `batch` itself when all match, nullptr when none does. `batch` must have the schema that
  // Compile() was given.
  // Without rows only a predicate that matches_all() matches.
  // Errors: kFailedPrecondition with PredicateEvalDetail when a row cannot be evaluated (a failing
  // CAST, an overflow, a division by zero); kInvalidArgument when `batch` lacks a column that the
  // predicate looks at, or has it in another type; kResourceExhausted without memory.
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> Filter(
      const std::shared_ptr<arrow::RecordBatch>& batch) const;
  // The numbers of these rows, ascending. For who must know which they are, or remember it in less memory
  // than the rows take. Errors: as Filter().
  [[nodiscard]] Result<std::vector<uint32_t>> Select(const arrow::RecordBatch& batch) const;

 private:
  class Impl;
  explicit Predicate(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;  // null = match all
};

}  // namespace jammi
