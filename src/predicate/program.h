// A bound predicate that can be run, by any number of threads.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "jammi/result.h"
#include "predicate/binder.h"
#include "predicate/syntax.h"

namespace jammi::predicate {

// Immutable but for a store of evaluators: an evaluator is what one thread runs at a time, and is made
// when all others are in use. They die with the program, so there is nothing to find or to forget when a
// thread or a predicate goes.
class Program {
 public:
  // Errors: as Bind().
  [[nodiscard]] static Result<std::shared_ptr<const Program>> Compile(const Node& node,
                                                                      const arrow::Schema& schema);

  explicit Program(Bound bound);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // True when no row can fail.
  [[nodiscard]] bool matches_all() const { return bound_.constant.value_or(false); }

  // As Predicate::Filter() and Predicate::Select().
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> Filter(
      const std::shared_ptr<arrow::RecordBatch>& batch) const;
  [[nodiscard]] Result<std::vector<uint32_t>> Select(const arrow::RecordBatch& batch) const;

 private:
  class Evaluator;

  // Errors: kInvalidArgument: the batch is not of the schema that the program was bound to.
  [[nodiscard]] Result<void> CheckColumns(const arrow::RecordBatch& batch) const;
  // Calls use(rows) with the rows of `batch` that match, and gives what it gives.
  template <class Use>
  [[nodiscard]] auto Evaluate(const arrow::RecordBatch& batch, Use use) const
      -> decltype(use(std::span<const uint32_t>()));
  [[nodiscard]] std::unique_ptr<Evaluator> Take() const;
  void GiveBack(std::unique_ptr<Evaluator> evaluator) const;

  const Bound bound_;
  std::vector<std::shared_ptr<arrow::Field>> columns_;  // of bound_.fields
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Evaluator>> idle_;  // guarded by mutex_
};

}  // namespace jammi::predicate
