// What a predicate costs: to compile, on a batch of one row, on one of 2,048; beside it what DuckDB's
// executor takes for the same expression on a chunk that is ready, and what Arrow takes to copy the rows
// that match, in the same run.
//
// usage: predicate_bench [MILLISECONDS for each number; default 200]
#include <arrow/api.h>
#include <arrow/compute/api_vector.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "duckdb.hpp"
#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression/bound_constant_expression.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/expression_binder/where_binder.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "jammi/predicate.h"

namespace {

using Clock = std::chrono::steady_clock;

// Nanoseconds a call: the best of many short windows, because the machine is shared.
template <class Call>
double Measure(std::chrono::milliseconds budget, Call call) {
  double best = 1e300;
  for (const auto end = Clock::now() + budget; Clock::now() < end;) {
    const auto start = Clock::now();
    int64_t calls = 0;
    auto now = start;
    for (; now < start + std::chrono::microseconds(500); now = Clock::now(), calls += 16) {
      for (int i = 0; i < 16; ++i) call();
    }
    best = std::min(
        best, std::chrono::duration<double, std::nano>(now - start).count() / static_cast<double>(calls));
  }
  return best;
}

void Require(bool ok, const std::string& what) {
  if (ok) return;
  fmt::print(stderr, "{}\n", what);
  std::exit(1);
}

struct Data {
  std::shared_ptr<arrow::RecordBatch> batch;
  duckdb::DataChunk chunk;
};

// The same rows for both: id, kind ("quake" or "blast"), place (up to 40 bytes), mag with a null in 8.
void Fill(int64_t rows, Data& data) {
  arrow::Int64Builder id;
  arrow::StringBuilder kind;
  arrow::StringBuilder place;
  arrow::DoubleBuilder mag;
  data.chunk.Initialize(duckdb::Allocator::DefaultAllocator(),
                        {duckdb::LogicalType::BIGINT, duckdb::LogicalType::VARCHAR,
                         duckdb::LogicalType::VARCHAR, duckdb::LogicalType::DOUBLE});
  data.chunk.SetCardinality(static_cast<duckdb::idx_t>(rows));
  for (int64_t i = 0; i < rows; ++i) {
    const std::string a_kind = i % 2 == 0 ? "quake" : "blast";
    const std::string a_place =
        fmt::format("{} km {} of a village in the hills", i % 100, i % 3 == 0 ? "NE" : "S");
    const bool null = i % 8 == 7;
    const double a_mag = static_cast<double>(i % 80) / 10 + 4;
    Require(id.Append(i).ok() && kind.Append(a_kind).ok() && place.Append(a_place).ok() &&
                (null ? mag.AppendNull() : mag.Append(a_mag)).ok(),
            "no memory");
    const auto row = static_cast<duckdb::idx_t>(i);
    data.chunk.SetValue(0, row, duckdb::Value::BIGINT(i));
    data.chunk.SetValue(1, row, duckdb::Value(a_kind));
    data.chunk.SetValue(2, row, duckdb::Value(a_place));
    data.chunk.SetValue(3, row,
                        null ? duckdb::Value(duckdb::LogicalType::DOUBLE) : duckdb::Value::DOUBLE(a_mag));
  }
  const auto schema =
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("kind", arrow::utf8()),
                     arrow::field("place", arrow::utf8()), arrow::field("mag", arrow::float64())});
  data.batch =
      arrow::RecordBatch::Make(schema, rows, {*id.Finish(), *kind.Finish(), *place.Finish(), *mag.Finish()});
}

// As DuckDB's own plan would have it: columns resolved, constants computed.
void Resolve(duckdb::ClientContext& context, duckdb::unique_ptr<duckdb::Expression>& expression) {
  if (expression->GetExpressionClass() == duckdb::ExpressionClass::BOUND_COLUMN_REF) {
    const auto& column = expression->Cast<duckdb::BoundColumnRefExpression>();
    expression =
        duckdb::make_uniq<duckdb::BoundReferenceExpression>(column.return_type, column.binding.column_index);
  } else if (expression->IsFoldable()) {
    expression = duckdb::make_uniq<duckdb::BoundConstantExpression>(
        duckdb::ExpressionExecutor::EvaluateScalar(context, *expression));
  } else {
    duckdb::ExpressionIterator::EnumerateChildren(
        *expression, [&](duckdb::unique_ptr<duckdb::Expression>& child) { Resolve(context, child); });
  }
}

duckdb::unique_ptr<duckdb::Expression> BindInDuckdb(duckdb::ClientContext& context, const std::string& sql,
                                                    const Data& data) {
  duckdb::unique_ptr<duckdb::Expression> bound;
  context.RunFunctionInTransaction([&] {
    auto parsed = duckdb::Parser::ParseExpressionList(sql, context.GetParserOptions());
    auto binder = duckdb::Binder::CreateBinder(context);
    binder->bind_context.AddGenericBinding(binder->GenerateTableIndex(), "event",
                                           {"id", "kind", "place", "mag"}, data.chunk.GetTypes());
    bound = duckdb::WhereBinder(*binder, context).Bind(parsed[0]);
    Resolve(context, bound);
  });
  return bound;
}

// Copying the matching rows, which both would have to do: Arrow's own function.
void Take(const std::shared_ptr<arrow::RecordBatch>& batch, const duckdb::SelectionVector& rows,
          duckdb::idx_t count) {
  const auto indices = std::make_shared<arrow::UInt32Array>(
      static_cast<int64_t>(count), arrow::Buffer::Wrap(rows.data(), static_cast<size_t>(count)));
  Require(arrow::compute::Take(arrow::Datum(batch), arrow::Datum(std::shared_ptr<arrow::Array>(indices)),
                               arrow::compute::TakeOptions::NoBoundsCheck())
              .ok(),
          "rows cannot be taken");
}

}  // namespace

int main(int argc, char** argv) {
  const std::chrono::milliseconds budget(argc > 1 ? std::atoi(argv[1]) : 200);
  duckdb::DuckDB database(nullptr);
  duckdb::Connection connection(database);
  Data one;
  Data many;
  Fill(1, one);
  Fill(STANDARD_VECTOR_SIZE, many);

  fmt::print("{:42} {:>10} {:>8} {:>9} {:>11} {:>9} {:>7} {:>7}\n", "predicate", "compile us", "1 row ns",
             "DuckDB ns", "2048 row us", "DuckDB us", "Take us", "matched");
  for (const std::string sql :
       {"kind = 'quake' AND mag >= 5.0", "mag >= 5.0", "kind = 'quake'",
        "mag BETWEEN 5 AND 7 OR kind LIKE 'bl%'", "length(place) > 33", "id IN (1, 2, 3, 5, 8, 13, 21, 34)",
        "starts_with(place, '7')", "lower(place) LIKE '%ne of%'", "regexp_matches(place, 'N.*hills')"}) {
    // The same predicate in our words.
    const std::string ours = sql.starts_with("regexp") ? "place ~ 'N.*hills'" : sql;
    auto predicate = jammi::Predicate::Compile(ours, one.batch->schema());
    Require(predicate.has_value(), predicate ? "" : predicate.error().ToString());
    const auto run = [&](const Data& data) {
      return Measure(budget, [&] { Require(predicate->Filter(data.batch).has_value(), "a row failed"); });
    };
    const double compile = Measure(budget, [&] {
      Require(jammi::Predicate::Compile(ours, one.batch->schema()).has_value(), "it compiled before");
    });
    const auto bound = BindInDuckdb(*connection.context, sql, many);
    duckdb::ExpressionExecutor executor(*connection.context, *bound);
    duckdb::SelectionVector selection(STANDARD_VECTOR_SIZE);
    duckdb::idx_t matched = 0;
    const auto alone = [&](Data& data) {
      return Measure(budget, [&] { matched = executor.SelectExpression(data.chunk, selection); });
    };
    const double one_ns = run(one);
    const double one_alone_ns = alone(one);
    const double many_ns = run(many);
    const double many_alone_ns = alone(many);
    const double take_ns = Measure(budget, [&] { Take(many.batch, selection, matched); });
    fmt::print("{:42} {:>10.1f} {:>8.0f} {:>9.0f} {:>11.1f} {:>9.1f} {:>7.1f} {:>7}\n", ours, compile / 1e3,
               one_ns, one_alone_ns, many_ns / 1e3, many_alone_ns / 1e3, take_ns / 1e3, matched);
  }
  return 0;
}
