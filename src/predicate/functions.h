// Functions that DuckDB has not, or has with another meaning.
#pragma once

#include <memory>
#include <vector>

namespace duckdb {
class Expression;
class ScalarFunction;
class Value;
struct LogicalType;
}  // namespace duckdb

namespace jammi::predicate {

// Division of integers, or of decimals of one scale, towards zero, and its remainder. A zero divisor is an
// error of the row; DuckDB's own give null.
[[nodiscard]] duckdb::ScalarFunction DivideFunction(const duckdb::LogicalType& type, bool remainder);

// "`operand` is one of `values`": a look-up, where DuckDB's executor would compare with one after the
// other. None of `values` is null; they and the operand are of one type, which IsMemberType() accepts.
[[nodiscard]] std::unique_ptr<duckdb::Expression> IsMember(std::unique_ptr<duckdb::Expression> operand,
                                                           const std::vector<duckdb::Value>& values);
[[nodiscard]] bool IsMemberType(const duckdb::LogicalType& type);

}  // namespace jammi::predicate
