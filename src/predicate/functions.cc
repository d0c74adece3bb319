#include "predicate/functions.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

#include "duckdb.hpp"
#include "duckdb/common/operator/comparison_operators.hpp"
#include "duckdb/common/vector_operations/binary_executor.hpp"
#include "duckdb/common/vector_operations/unary_executor.hpp"
#include "duckdb/planner/expression/bound_function_expression.hpp"

namespace jammi::predicate {

using duckdb::LogicalType;
using duckdb::PhysicalType;

namespace {

// Calls `function` with a value of the type in which values of `type` lie in memory.
template <class Function>
bool WithInteger(PhysicalType type, Function function) {
  switch (type) {
    case PhysicalType::INT8:
      function(int8_t{});
      return true;
    case PhysicalType::INT16:
      function(int16_t{});
      return true;
    case PhysicalType::INT32:
      function(int32_t{});
      return true;
    case PhysicalType::INT64:
      function(int64_t{});
      return true;
    case PhysicalType::UINT8:
      function(uint8_t{});
      return true;
    case PhysicalType::UINT16:
      function(uint16_t{});
      return true;
    case PhysicalType::UINT32:
      function(uint32_t{});
      return true;
    case PhysicalType::UINT64:
      function(uint64_t{});
      return true;
    case PhysicalType::INT128:
      function(duckdb::hugeint_t{});
      return true;
    default:
      return false;
  }
}

template <class Function>
bool WithMember(PhysicalType type, Function function) {
  switch (type) {
    case PhysicalType::FLOAT:
      function(float{});
      return true;
    case PhysicalType::DOUBLE:
      function(double{});
      return true;
    case PhysicalType::VARCHAR:
      function(duckdb::string_t{});
      return true;
    default:
      return WithInteger(type, function);
  }
}

template <class T>
constexpr bool kSigned = std::is_signed_v<T> || std::is_same_v<T, duckdb::hugeint_t>;

template <class T>
T Divide(T dividend, T divisor, bool remainder) {
  if (divisor == T(0)) throw duckdb::OutOfRangeException("division by zero");
  if constexpr (kSigned<T>) {
    if (divisor == T(-1)) {  // the least integer has no positive twin
      if (remainder) return T(0);
      if (dividend == duckdb::NumericLimits<T>::Minimum())
        throw duckdb::OutOfRangeException("overflow in a division");
    }
  }
  return static_cast<T>(remainder ? dividend % divisor : dividend / divisor);
}

template <class T>
struct Members : duckdb::FunctionData {
  std::vector<T> sorted;
  std::vector<std::string> texts;  // what string_t points into

  explicit Members(const std::vector<duckdb::Value>& values) {
    if constexpr (std::is_same_v<T, duckdb::string_t>) {
      for (const duckdb::Value& value : values) texts.push_back(duckdb::StringValue::Get(value));
      for (const std::string& text : texts)
        sorted.emplace_back(text.data(), static_cast<uint32_t>(text.size()));
    } else {
      for (const duckdb::Value& value : values) sorted.push_back(value.GetValueUnsafe<T>());
    }
    std::ranges::sort(sorted, Less);
  }

  // DuckDB's order, in which NaN equals itself and -0.0 equals 0.0.
  static bool Less(const T& a, const T& b) { return duckdb::LessThan::Operation<T>(a, b); }

  static void Execute(duckdb::DataChunk& arguments, duckdb::ExpressionState& state, duckdb::Vector& result) {
    const auto& members = state.expr.Cast<duckdb::BoundFunctionExpression>().bind_info->Cast<Members>();
    duckdb::UnaryExecutor::Execute<T, bool>(arguments.data[0], result, arguments.size(), [&](T value) {
      return std::ranges::binary_search(members.sorted, value, Less);
    });
  }

  // A bound predicate is neither copied nor compared with another.
  duckdb::unique_ptr<FunctionData> Copy() const override {
    throw duckdb::NotImplementedException("a list of members is not copied");
  }
  bool Equals(const FunctionData& other) const override { return this == &other; }
};

}  // namespace

duckdb::ScalarFunction DivideFunction(const LogicalType& type, bool remainder) {
  duckdb::scalar_function_t run;
  const bool known = WithInteger(type.InternalType(), [&]<class T>(T) {
    run = [remainder](duckdb::DataChunk& arguments, duckdb::ExpressionState&, duckdb::Vector& result) {
      duckdb::BinaryExecutor::Execute<T, T, T>(
          arguments.data[0], arguments.data[1], result, arguments.size(),
          [remainder](T dividend, T divisor) { return Divide(dividend, divisor, remainder); });
    };
  });
  if (!known) throw duckdb::InternalException("no division for " + type.ToString());
  duckdb::ScalarFunction function(remainder ? "%" : "/", {type, type}, type, std::move(run));
  function.SetFallible();  // or AND may evaluate it before what guards it
  return function;
}

bool IsMemberType(const LogicalType& type) {
  return WithMember(type.InternalType(), [](auto) {});
}

std::unique_ptr<duckdb::Expression> IsMember(std::unique_ptr<duckdb::Expression> operand,
                                             const std::vector<duckdb::Value>& values) {
  duckdb::scalar_function_t run;
  duckdb::unique_ptr<duckdb::FunctionData> members;
  const LogicalType type = operand->return_type;
  const bool known = WithMember(type.InternalType(), [&]<class T>(T) {
    run = Members<T>::Execute;
    members = duckdb::make_uniq<Members<T>>(values);
  });
  if (!known) throw duckdb::InternalException("no list of " + type.ToString());
  duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> children;
  children.emplace_back(operand.release());
  return std::unique_ptr<duckdb::Expression>(new duckdb::BoundFunctionExpression(
      LogicalType::BOOLEAN, duckdb::ScalarFunction("in", {type}, LogicalType::BOOLEAN, std::move(run)),
      std::move(children), std::move(members)));
}

}  // namespace jammi::predicate
