#include "predicate/program.h"

#include <arrow/array/data.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "duckdb.hpp"
#include "duckdb/execution/expression_executor.hpp"
#include "predicate/columns.h"
#include "predicate/instance.h"
#include "predicate/pick.h"

namespace jammi::predicate {
namespace {

constexpr int64_t kVectorRows = STANDARD_VECTOR_SIZE;

}  // namespace

// One thread's means to run a program. Holds buffers as large as the largest vector it has seen.
class Program::Evaluator {
 public:
  explicit Evaluator(const Bound& bound)
      : bound_(bound), executor_(ExecutionContext(), *bound.expression), scratch_(bound.fields.size()) {}

  // The rows of `batch` that match; valid until the next call.
  Result<Rows> Select(const arrow::RecordBatch& batch) {
    if (chunk_.ColumnCount() == 0) Prepare(batch);
    const int64_t rows = batch.num_rows();
    if (rows <= kVectorRows) {
      JAMMI_ASSIGN(const size_t matched, SelectVector(batch, 0, rows));
      return Rows(selected_.data(), matched);
    }
    rows_.clear();
    for (int64_t begin = 0; begin < rows; begin += kVectorRows) {
      JAMMI_ASSIGN(const size_t matched, SelectVector(batch, begin, std::min(kVectorRows, rows - begin)));
      for (size_t i = 0; i < matched; ++i)
        rows_.push_back(static_cast<uint32_t>(begin) + selected_.data()[i]);
    }
    return Rows(rows_);
  }

 private:
  void Prepare(const arrow::RecordBatch& batch) {
    duckdb::vector<duckdb::LogicalType> types;
    for (const int field : bound_.fields) types.push_back(*FilterableType(*batch.column_data(field)->type));
    chunk_.InitializeEmpty(types);
  }

  Result<size_t> SelectVector(const arrow::RecordBatch& batch, int64_t begin, int64_t count) {
    for (size_t i = 0; i < bound_.fields.size(); ++i) {
      JAMMI_TRY(ShowColumn(*batch.column_data(bound_.fields[i]), begin, count, bound_.needs_utf8, scratch_[i],
                           chunk_.data[i]));
    }
    chunk_.SetCardinality(static_cast<duckdb::idx_t>(count));
    if (capacity_ < count) Grow(count);
    return executor_.SelectExpression(chunk_, selected_);
  }

  void Grow(int64_t count) {
    capacity_ = count;
    selected_.Initialize(static_cast<duckdb::idx_t>(count));
  }

  const Bound& bound_;
  duckdb::ExpressionExecutor executor_;
  duckdb::DataChunk chunk_;
  std::vector<ColumnScratch> scratch_;
  duckdb::SelectionVector selected_;
  int64_t capacity_ = 0;  // of selected_
  std::vector<uint32_t> rows_;
};

Program::Program(Bound bound) : bound_(std::move(bound)) {}
Program::~Program() = default;

Result<std::shared_ptr<const Program>> Program::Compile(const Node& node, const arrow::Schema& schema) {
  try {
    std::shared_ptr<Program> program;
    std::optional<Error> error;
    WithBindContext([&](duckdb::ClientContext& context) {
      auto bound = Bind(context, node, schema);
      if (bound)
        program = std::make_shared<Program>(*std::move(bound));
      else
        error = std::move(bound).error();
    });
    if (error) return *std::move(error);
    for (const int field : program->bound_.fields) program->columns_.push_back(schema.field(field));
    return program;
  } catch (const std::exception& thrown) {
    if (auto fault = FaultOfOurs(thrown)) return *std::move(fault);
    return Error(ErrorCode::kInternal, "predicates cannot be compiled: " + Reason(thrown));
  }
}

std::unique_ptr<Program::Evaluator> Program::Take() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto evaluator = std::move(idle_.back());
      idle_.pop_back();
      return evaluator;
    }
  }
  return std::make_unique<Evaluator>(bound_);
}

void Program::GiveBack(std::unique_ptr<Evaluator> evaluator) const {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(evaluator));
}

Result<void> Program::CheckColumns(const arrow::RecordBatch& batch) const {
  for (size_t i = 0; i < columns_.size(); ++i) {
    const int field = bound_.fields[i];
    if (field < batch.num_columns() && batch.column_data(field)->type->Equals(*columns_[i]->type())) continue;
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("the batch has another schema than the predicate: column {} is not '{}' of type {}",
                    field, columns_[i]->name(), columns_[i]->type()->ToString()));
  }
  return {};
}

template <class Use>
auto Program::Evaluate(const arrow::RecordBatch& batch, Use use) const
    -> decltype(use(std::span<const uint32_t>())) {
  JAMMI_TRY(CheckColumns(batch));
  if (batch.num_rows() == 0) return use(Rows());
  try {
    auto evaluator = Take();
    auto rows = evaluator->Select(batch);
    // What failed half-way is not used again.
    if (!rows) return std::move(rows).error();
    auto used = use(*rows);
    GiveBack(std::move(evaluator));
    return used;
  } catch (const std::exception& thrown) {
    if (auto fault = FaultOfOurs(thrown)) return *std::move(fault);
    return EvalError(Reason(thrown));
  }
}

Result<std::shared_ptr<arrow::RecordBatch>> Program::Filter(
    const std::shared_ptr<arrow::RecordBatch>& batch) const {
  if (bound_.constant) return *bound_.constant ? batch : nullptr;
  return Evaluate(*batch, [&](Rows rows) { return Pick(batch, rows); });
}

Result<std::vector<uint32_t>> Program::Select(const arrow::RecordBatch& batch) const {
  if (bound_.constant) {
    std::vector<uint32_t> rows(*bound_.constant ? static_cast<size_t>(batch.num_rows()) : 0);
    std::iota(rows.begin(), rows.end(), 0U);
    return rows;
  }
  return Evaluate(batch, [](Rows rows) -> Result<std::vector<uint32_t>> {
    return std::vector<uint32_t>(rows.begin(), rows.end());
  });
}

}  // namespace jammi::predicate
