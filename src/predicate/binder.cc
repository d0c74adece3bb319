#include "predicate/binder.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "duckdb.hpp"
#include "duckdb/common/types/decimal.hpp"
#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/function/function_binder.hpp"
#include "duckdb/planner/expression/list.hpp"
#include "predicate/columns.h"
#include "predicate/functions.h"
#include "predicate/instance.h"
#include "predicate/number.h"

namespace jammi::predicate {
namespace {

using duckdb::ExpressionType;
using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::Value;
using Expr = duckdb::unique_ptr<duckdb::Expression>;
using Exprs = duckdb::vector<Expr>;

// --- Types

bool IsInteger(const LogicalType& type) { return type.IsIntegral(); }
bool IsFloat(const LogicalType& type) {
  return type.id() == LogicalTypeId::FLOAT || type.id() == LogicalTypeId::DOUBLE;
}
bool IsDecimal(const LogicalType& type) { return type.id() == LogicalTypeId::DECIMAL; }
bool IsNumber(const LogicalType& type) { return IsInteger(type) || IsFloat(type) || IsDecimal(type); }
bool IsText(const LogicalType& type) { return type.id() == LogicalTypeId::VARCHAR; }
bool IsBytes(const LogicalType& type) { return type.id() == LogicalTypeId::BLOB; }
bool IsBoolean(const LogicalType& type) { return type.id() == LogicalTypeId::BOOLEAN; }
bool IsInterval(const LogicalType& type) { return type.id() == LogicalTypeId::INTERVAL; }
bool IsTime(const LogicalType& type) {
  return type.id() == LogicalTypeId::TIME || type.id() == LogicalTypeId::TIME_NS;
}
bool IsInstant(const LogicalType& type) {
  return type.id() == LogicalTypeId::DATE || type.id() == LogicalTypeId::TIMESTAMP ||
         type.id() == LogicalTypeId::TIMESTAMP_NS || type.id() == LogicalTypeId::TIMESTAMP_TZ;
}
bool IsTemporal(const LogicalType& type) { return IsTime(type) || IsInstant(type); }

LogicalType CommonNumber(const LogicalType& a, const LogicalType& b) {
  if (IsFloat(a) || IsFloat(b)) return a == b ? a : LogicalType(LogicalType::DOUBLE);
  return LogicalType::ForceMaxLogicalType(a, b);
}

LogicalType CommonInstant(const LogicalType& a, const LogicalType& b) {
  for (const LogicalTypeId id : {LogicalTypeId::TIMESTAMP_NS, LogicalTypeId::TIMESTAMP_TZ}) {
    if (a.id() == id || b.id() == id) return LogicalType(id);
  }
  return LogicalType::TIMESTAMP;
}

// The type in which values of both are compared; nullopt: they are not.
std::optional<LogicalType> Common(const LogicalType& a, const LogicalType& b) {
  if (a == b) return a;
  if (IsNumber(a) && IsNumber(b)) return CommonNumber(a, b);
  if (IsInstant(a) && IsInstant(b)) return CommonInstant(a, b);
  if (IsTime(a) && IsTime(b)) return LogicalType::TIME_NS;
  const bool text = IsText(a) || IsText(b);
  const LogicalType& other = IsText(a) ? b : a;
  if (text && IsNumber(other)) return LogicalType::VARCHAR;
  if (text && IsTemporal(other)) return other;
  return std::nullopt;
}

LogicalType ToLogicalType(const Node& cast) {
  switch (cast.type) {
    case TypeName::kNone:
      break;
    case TypeName::kBoolean:
      return LogicalType::BOOLEAN;
    case TypeName::kInt8:
      return LogicalType::TINYINT;
    case TypeName::kInt16:
      return LogicalType::SMALLINT;
    case TypeName::kInt32:
      return LogicalType::INTEGER;
    case TypeName::kInt64:
      return LogicalType::BIGINT;
    case TypeName::kUInt8:
      return LogicalType::UTINYINT;
    case TypeName::kUInt16:
      return LogicalType::USMALLINT;
    case TypeName::kUInt32:
      return LogicalType::UINTEGER;
    case TypeName::kUInt64:
      return LogicalType::UBIGINT;
    case TypeName::kFloat32:
      return LogicalType::FLOAT;
    case TypeName::kFloat64:
      return LogicalType::DOUBLE;
    case TypeName::kDecimal:
      return LogicalType::DECIMAL(cast.precision, cast.scale);
    case TypeName::kText:
      return LogicalType::VARCHAR;
    case TypeName::kBytes:
      return LogicalType::BLOB;
    case TypeName::kDate:
      return LogicalType::DATE;
    case TypeName::kTime:
      return LogicalType::TIME;
    case TypeName::kTimestamp:
      return LogicalType::TIMESTAMP;
    case TypeName::kTimestampTz:
      return LogicalType::TIMESTAMP_TZ;
    case TypeName::kInterval:
      return LogicalType::INTERVAL;
  }
  return LogicalType::INVALID;
}

// --- Literals

bool TryCast(const std::string& text, const LogicalType& type, Value& out) {
  std::string why;
  return Value(text).DefaultTryCastAs(type, out, &why, true);
}

// The type of an integer by itself: BIGINT, or the next that holds it.
LogicalType NaturalInteger(const Number& number) {
  Value ignored;
  for (const auto& type : {LogicalType::BIGINT, LogicalType::UBIGINT, LogicalType::HUGEINT}) {
    if (TryCast(number.digits, type, ignored)) return type;
  }
  return LogicalType::DOUBLE;
}

// DECIMAL wide enough for both; DOUBLE if none is.
LogicalType WidenDecimal(const LogicalType& type, const Number& number) {
  const int scale = duckdb::DecimalType::GetScale(type);
  const int whole = duckdb::DecimalType::GetWidth(type) - scale;
  const int wide_scale = std::max(scale, number.scale);
  const int width = std::max(whole, number.whole) + wide_scale;
  if (!number.exact || width > duckdb::Decimal::MAX_WIDTH_DECIMAL) return LogicalType::DOUBLE;
  return LogicalType::DECIMAL(static_cast<uint8_t>(width), static_cast<uint8_t>(wide_scale));
}

// The type in which a column of `type` is compared with `number`: the column's own where the number has
// an exact value in it, so that the column need not be converted.
LogicalType WidenForComparison(const LogicalType& type, const Number& number) {
  Value ignored;
  if (type.id() == LogicalTypeId::DOUBLE) return type;
  if (type.id() == LogicalTypeId::FLOAT) {
    return static_cast<double>(static_cast<float>(number.value)) == number.value
               ? type
               : LogicalType(LogicalType::DOUBLE);
  }
  if (IsDecimal(type)) return WidenDecimal(type, number);
  if (!number.integer) return LogicalType::DOUBLE;
  if (TryCast(number.digits, type, ignored)) return type;
  return CommonNumber(type, NaturalInteger(number));
}

// The same for arithmetic, whose result must have room: an integer counts as a BIGINT.
LogicalType WidenForArithmetic(const LogicalType& type, const Number& number) {
  if (IsDecimal(type)) return WidenDecimal(type, number);
  if (IsFloat(type) || !number.integer) return LogicalType::DOUBLE;
  return CommonNumber(type, NaturalInteger(number));
}

// --- The binder

// A literal has no type until it meets another operand: then `expr` is empty and `literal` set.
struct Operand {
  const Node* node = nullptr;
  Expr expr;

  [[nodiscard]] bool literal() const { return expr == nullptr; }
  [[nodiscard]] const LogicalType& type() const { return expr->return_type; }
  [[nodiscard]] int64_t position() const { return node->position; }
};

class Binder {
 public:
  Binder(duckdb::ClientContext& context, const arrow::Schema& schema) : context_(context), schema_(schema) {}

  Result<Bound> Root(const Node& node);

 private:
  Result<Operand> Bind(const Node& node);
  Result<Expr> BindForm(const Node& node);
  Result<Expr> Column(const Node& node);
  Result<Expr> Logic(const Node& node, ExpressionType type);
  Result<Expr> Comparison(const Node& node, ExpressionType type);
  Result<Expr> Between(const Node& node);
  Result<Expr> In(const Node& node);
  Result<Expr> IsTest(const Node& node);
  Result<Expr> Arithmetic(const Node& node, const char* name);
  Result<Expr> Divide(const Node& node);
  Result<Expr> Bits(const Node& node, const char* name);
  Result<Expr> Negate(const Node& node);
  Result<Expr> Concat(const Node& node);
  Result<Expr> Regex(const Node& node, bool ignore_case);
  Result<Expr> Like(const Node& node);
  Result<Expr> FunctionCall(const Node& node);
  Result<Expr> Cast(const Node& node);

  Result<std::vector<Operand>> BindChildren(const Node& node);
  Result<Exprs> Unified(const Node& node);
  Result<LogicalType> WidenFor(const LogicalType& type, const Operand& literal);
  Result<LogicalType> NumberType(const std::vector<Operand>& operands);
  Result<Exprs> TypedAll(std::vector<Operand> operands, const LogicalType& type);
  Result<Expr> Typed(Operand operand);
  Result<Expr> Typed(Operand operand, const LogicalType& type);
  Result<Expr> Literal(const Node& node, const LogicalType& type);
  Result<Expr> NumberLiteral(const Node& node, const LogicalType& type);
  Result<Expr> TextLiteral(const Node& node, const LogicalType& type);
  Result<Expr> Boolean(const Node& node, std::string_view what);
  Result<Expr> TextOperand(const Node& node, std::string_view what);
  Result<Number> NumberOf(const Node& literal, const LogicalType& type);

  Expr Constant(Value value) { return duckdb::make_uniq<duckdb::BoundConstantExpression>(std::move(value)); }
  Expr Fold(Expr expr);
  Expr CastTo(Expr expr, const LogicalType& type, bool try_cast = false);
  Expr ParseTimestamps(Expr text, const LogicalType& type, bool try_cast);
  Expr Call(const char* name, Exprs arguments);
  Expr Operator(ExpressionType type, Exprs children);
  Expr Not(Expr expr);

  duckdb::ClientContext& context_;
  const arrow::Schema& schema_;
  std::vector<int> fields_;
  bool needs_utf8_ = false;

 public:
  int64_t position = 0;  // of what is being bound, for the errors that DuckDB throws
};

template <class... Children>
Exprs List(Children&&... children) {
  Exprs list;
  (list.push_back(std::forward<Children>(children)), ...);
  return list;
}

bool IsConstant(const duckdb::Expression& expr) {
  return expr.GetExpressionClass() == duckdb::ExpressionClass::BOUND_CONSTANT;
}
const Value& ConstantOf(const duckdb::Expression& expr) {
  return expr.Cast<duckdb::BoundConstantExpression>().value;
}

Error CannotCompare(const LogicalType& a, const LogicalType& b, int64_t position) {
  return ParseError(fmt::format("{} and {} cannot be compared", a.ToString(), b.ToString()), position);
}

// Computes now what no row can change.
Expr Binder::Fold(Expr expr) {
  if (IsConstant(*expr) || !expr->IsFoldable()) return expr;
  return Constant(duckdb::ExpressionExecutor::EvaluateScalar(context_, *expr));
}

Expr Binder::CastTo(Expr expr, const LogicalType& type, bool try_cast) {
  if (expr->return_type == type) return expr;
  if (IsText(expr->return_type)) {
    needs_utf8_ = true;
    if (IsInstant(type) && type.id() != LogicalTypeId::DATE)
      return ParseTimestamps(std::move(expr), type, try_cast);
  }
  // DuckDB has no cast from TIME to TIME_NS but through text.
  if (expr->return_type.id() == LogicalTypeId::TIME && type.id() == LogicalTypeId::TIME_NS) {
    expr = CastTo(std::move(expr), LogicalType::VARCHAR);
  }
  return Fold(duckdb::BoundCastExpression::AddCastToType(context_, std::move(expr), type, try_cast));
}

// An offset in the text counts, whatever the type: DuckDB drops it when it reads a TIMESTAMP.
Expr Binder::ParseTimestamps(Expr text, const LogicalType& type, bool try_cast) {
  const LogicalType read_as = type.id() == LogicalTypeId::TIMESTAMP ? LogicalType::TIMESTAMP_TZ : type;
  Expr read = duckdb::BoundCastExpression::AddCastToType(context_, std::move(text), read_as, try_cast);
  return Fold(duckdb::BoundCastExpression::AddCastToType(context_, std::move(read), type, try_cast));
}

Expr Binder::Call(const char* name, Exprs arguments) {
  duckdb::ErrorData error;
  Expr call =
      duckdb::FunctionBinder(context_).BindScalarFunction(DEFAULT_SCHEMA, name, std::move(arguments), error);
  if (error.HasError()) error.Throw();
  return Fold(std::move(call));
}

Expr Binder::Operator(ExpressionType type, Exprs children) {
  auto expr = duckdb::make_uniq<duckdb::BoundOperatorExpression>(type, LogicalType::BOOLEAN);
  expr->children = std::move(children);
  return Fold(std::move(expr));
}

Expr Binder::Not(Expr expr) { return Operator(ExpressionType::OPERATOR_NOT, List(std::move(expr))); }

// --- Operands and literals

Result<Operand> Binder::Bind(const Node& node) {
  Operand operand{.node = &node};
  switch (node.form) {
    case Form::kNull:
    case Form::kInteger:
    case Form::kFraction:
    case Form::kText:
      return operand;
    default:
      break;
  }
  JAMMI_ASSIGN(operand.expr, BindForm(node));
  return operand;
}

// With the type that a literal has by itself.
Result<Expr> Binder::Typed(Operand operand) {
  if (!operand.literal()) return std::move(operand.expr);
  switch (operand.node->form) {
    case Form::kInteger: {
      JAMMI_ASSIGN(const Number number, NumberOf(*operand.node, LogicalType::BIGINT));
      return Literal(*operand.node, NaturalInteger(number));
    }
    case Form::kFraction:
      return Literal(*operand.node, LogicalType::DOUBLE);
    default:
      return Literal(*operand.node, LogicalType::VARCHAR);
  }
}

Result<Expr> Binder::Typed(Operand operand, const LogicalType& type) {
  if (operand.literal()) return Literal(*operand.node, type);
  position = operand.position();
  return CastTo(std::move(operand.expr), type);
}

Result<Expr> Binder::Literal(const Node& node, const LogicalType& type) {
  position = node.position;
  if (node.form == Form::kNull) return Constant(Value(type));
  if (node.form == Form::kText && !IsNumber(type)) return TextLiteral(node, type);
  return NumberLiteral(node, type);
}

Result<Expr> Binder::TextLiteral(const Node& node, const LogicalType& type) {
  if (IsText(type)) return Constant(Value(node.text));
  if (IsBytes(type)) return Constant(Value::BLOB_RAW(node.text));
  try {
    return CastTo(Constant(Value(node.text)), type);
  } catch (const std::exception&) {
    return ParseError(fmt::format("'{}' is not a {}", node.text, type.ToString()), position);
  }
}

Result<Number> Binder::NumberOf(const Node& literal, const LogicalType& type) {
  auto number = ReadNumber(literal.text);
  if (number) return *std::move(number);
  Value special;  // 'NaN', 'Infinity'
  if (literal.form == Form::kText && IsFloat(type) && TryCast(literal.text, LogicalType::DOUBLE, special)) {
    return Number{.exact = false, .value = special.GetValue<double>()};
  }
  const auto at = literal.position;
  if (literal.form != Form::kText)
    return ParseError(fmt::format("the number {} is out of range", literal.text), at);
  return ParseError(fmt::format("'{}' is not a {}", literal.text, type.ToString()), at);
}

Result<Expr> Binder::NumberLiteral(const Node& node, const LogicalType& type) {
  JAMMI_ASSIGN(const Number number, NumberOf(node, type));
  Value value;
  if (type.id() == LogicalTypeId::DOUBLE) return Constant(Value::DOUBLE(number.value));
  if (type.id() == LogicalTypeId::FLOAT) return Constant(Value::FLOAT(static_cast<float>(number.value)));
  if (IsText(type) && !number.integer) return CastTo(Constant(Value::DOUBLE(number.value)), type);
  if (IsText(type)) return Constant(Value(number.digits));
  if (TryCast(number.digits, type, value)) return Constant(std::move(value));
  return ParseError(fmt::format("{} is not a {}", node.text, type.ToString()), node.position);
}

// The type in which values of `type` are compared with a literal.
Result<LogicalType> Binder::WidenFor(const LogicalType& type, const Operand& literal) {
  if (literal.node->form == Form::kNull || IsText(type)) return type;
  if (IsNumber(type)) {
    JAMMI_ASSIGN(const Number number, NumberOf(*literal.node, type));
    return WidenForComparison(type, number);
  }
  if (literal.node->form == Form::kText) return type;
  return ParseError(
      fmt::format("{} cannot be compared with the number {}", type.ToString(), literal.node->text),
      literal.position());
}

Result<std::vector<Operand>> Binder::BindChildren(const Node& node) {
  std::vector<Operand> operands;
  for (const Node& child : node.children) {
    JAMMI_ASSIGN(Operand operand, Bind(child));
    operands.push_back(std::move(operand));
  }
  return operands;
}

Result<Exprs> Binder::TypedAll(std::vector<Operand> operands, const LogicalType& type) {
  Exprs typed;
  for (Operand& operand : operands) {
    JAMMI_ASSIGN(Expr expr, Typed(std::move(operand), type));
    typed.push_back(std::move(expr));
  }
  return typed;
}

// The children of a comparison, in the one type that fits them all.
Result<Exprs> Binder::Unified(const Node& node) {
  JAMMI_ASSIGN(std::vector<Operand> operands, BindChildren(node));
  // Literals among themselves: the first that has a type gives it.
  if (std::ranges::all_of(operands, &Operand::literal)) {
    auto first =
        std::ranges::find_if(operands, [](const Operand& one) { return one.node->form != Form::kNull; });
    if (first == operands.end()) first = operands.begin();
    JAMMI_ASSIGN(first->expr, Typed(Operand{.node = first->node}));
  }
  std::optional<LogicalType> type;
  for (const Operand& operand : operands) {
    if (operand.literal()) continue;
    const auto common = type ? Common(*type, operand.type()) : operand.type();
    if (!common) return CannotCompare(*type, operand.type(), operand.position());
    type = common;
  }
  for (const Operand& operand : operands) {
    if (!operand.literal()) continue;
    JAMMI_ASSIGN(type, WidenFor(*type, operand));
  }
  return TypedAll(std::move(operands), *type);
}

Result<Expr> Binder::Boolean(const Node& node, std::string_view what) {
  JAMMI_ASSIGN(Operand operand, Bind(node));
  if (operand.literal() && node.form == Form::kNull) return Constant(Value(LogicalType::BOOLEAN));
  JAMMI_ASSIGN(Expr expr, Typed(std::move(operand)));
  if (IsBoolean(expr->return_type)) return expr;
  return ParseError(fmt::format("{} is true or false, not a {}", what, expr->return_type.ToString()),
                    node.position);
}

Result<Expr> Binder::TextOperand(const Node& node, std::string_view what) {
  needs_utf8_ = true;
  JAMMI_ASSIGN(Operand operand, Bind(node));
  if (operand.literal() && node.form != Form::kText && node.form != Form::kNull) {
    return ParseError(fmt::format("{} takes text, not a number", what), operand.position());
  }
  JAMMI_ASSIGN(Expr expr, Typed(std::move(operand)));
  if (IsText(expr->return_type)) return expr;
  return ParseError(fmt::format("{} takes text, not a {}", what, expr->return_type.ToString()),
                    node.position);
}

// --- Forms

Result<Expr> Binder::BindForm(const Node& node) {
  switch (node.form) {
    case Form::kNull:
    case Form::kInteger:
    case Form::kFraction:
    case Form::kText:
      return Typed(Operand{.node = &node});
    case Form::kColumn:
      return Column(node);
    case Form::kBoolean:
      return Constant(Value::BOOLEAN(node.text == "true"));
    case Form::kBytes:
      return Constant(Value::BLOB_RAW(node.text));
    case Form::kAnd:
      return Logic(node, ExpressionType::CONJUNCTION_AND);
    case Form::kOr:
      return Logic(node, ExpressionType::CONJUNCTION_OR);
    case Form::kNot: {
      JAMMI_ASSIGN(Expr operand, Boolean(node.children[0], "what NOT turns round"));
      return Not(std::move(operand));
    }
    case Form::kIsNull:
    case Form::kIsTrue:
    case Form::kIsFalse:
    case Form::kIsUnknown:
      return IsTest(node);
    case Form::kEqual:
      return Comparison(node, ExpressionType::COMPARE_EQUAL);
    case Form::kNotEqual:
      return Comparison(node, ExpressionType::COMPARE_NOTEQUAL);
    case Form::kLess:
      return Comparison(node, ExpressionType::COMPARE_LESSTHAN);
    case Form::kLessEqual:
      return Comparison(node, ExpressionType::COMPARE_LESSTHANOREQUALTO);
    case Form::kGreater:
      return Comparison(node, ExpressionType::COMPARE_GREATERTHAN);
    case Form::kGreaterEqual:
      return Comparison(node, ExpressionType::COMPARE_GREATERTHANOREQUALTO);
    case Form::kDistinct:
      return Comparison(node, node.negated ? ExpressionType::COMPARE_NOT_DISTINCT_FROM
                                           : ExpressionType::COMPARE_DISTINCT_FROM);
    case Form::kRegex:
    case Form::kSimilar:
      return Regex(node, false);
    case Form::kRegexIgnoreCase:
      return Regex(node, true);
    case Form::kLike:
    case Form::kLikeIgnoreCase:
      return Like(node);
    case Form::kAdd:
      return Arithmetic(node, "+");
    case Form::kSubtract:
      return Arithmetic(node, "-");
    case Form::kMultiply:
      return Arithmetic(node, "*");
    case Form::kDivide:
    case Form::kModulo:
      return Divide(node);
    case Form::kConcat:
      return Concat(node);
    case Form::kBitAnd:
      return Bits(node, "&");
    case Form::kBitOr:
      return Bits(node, "|");
    case Form::kBitXor:
      return Bits(node, "xor");
    case Form::kShiftLeft:
      return Bits(node, "<<");
    case Form::kShiftRight:
      return Bits(node, ">>");
    case Form::kNegate:
      return Negate(node);
    case Form::kBetween:
      return Between(node);
    case Form::kIn:
      return In(node);
    case Form::kCast:
    case Form::kTryCast:
      return Cast(node);
    case Form::kCall:
      return FunctionCall(node);
  }
  return UnsupportedError("this form", node.position);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// The name as it is written, else the one name that differs by the case of ASCII letters only.
Result<int> FindField(const arrow::Schema& schema, const Node& node) {
  const auto position = node.position;
  std::vector<int> exact;
  std::vector<int> alike;
  std::vector<std::string_view> names;
  for (int i = 0; i < schema.num_fields(); ++i) {
    const std::string& name = schema.field(i)->name();
    names.push_back(name);
    if (name == node.text)
      exact.push_back(i);
    else if (Lower(name) == Lower(node.text))
      alike.push_back(i);
  }
  const std::vector<int>& found = exact.empty() ? alike : exact;
  if (found.size() == 1) return found[0];
  if (found.size() > 1)
    return ParseError(fmt::format("more than one column is named '{}'", node.text), position);
  const std::string near = Nearest(node.text, names);
  return ParseError(near.empty()
                        ? fmt::format("there is no column '{}'", node.text)
                        : fmt::format("there is no column '{}'; did you mean '{}'?", node.text, near),
                    position);
}

Result<Expr> Binder::Column(const Node& node) {
  JAMMI_ASSIGN(const int field, FindField(schema_, node));
  const auto type = FilterableType(*schema_.field(field)->type());
  if (!type) {
    return ParseError(fmt::format("the column '{}' of type {} cannot be filtered",
                                  schema_.field(field)->name(), schema_.field(field)->type()->ToString()),
                      node.position);
  }
  auto at = std::ranges::find(fields_, field);
  if (at == fields_.end()) at = fields_.insert(at, field);
  return duckdb::make_uniq<duckdb::BoundReferenceExpression>(
      *type, static_cast<duckdb::idx_t>(at - fields_.begin()));
}

Result<Expr> Binder::Logic(const Node& node, ExpressionType type) {
  const std::string_view what =
      type == ExpressionType::CONJUNCTION_AND ? "each side of AND" : "each side of OR";
  auto logic = duckdb::make_uniq<duckdb::BoundConjunctionExpression>(type);
  for (const Node& child : node.children) {
    JAMMI_ASSIGN(Expr expr, Boolean(child, what));
    logic->children.push_back(std::move(expr));
  }
  position = node.position;
  return Fold(std::move(logic));
}

Result<Expr> Binder::Comparison(const Node& node, ExpressionType type) {
  JAMMI_ASSIGN(Exprs sides, Unified(node));
  position = node.position;
  return Fold(
      duckdb::make_uniq<duckdb::BoundComparisonExpression>(type, std::move(sides[0]), std::move(sides[1])));
}

Result<Expr> Binder::Between(const Node& node) {
  JAMMI_ASSIGN(Exprs parts, Unified(node));
  position = node.position;
  Expr between = Fold(duckdb::make_uniq<duckdb::BoundBetweenExpression>(
      std::move(parts[0]), std::move(parts[1]), std::move(parts[2]), true, true));
  return node.negated ? Not(std::move(between)) : std::move(between);
}

Result<Expr> Binder::In(const Node& node) {
  JAMMI_ASSIGN(Exprs parts, Unified(node));
  position = node.position;
  std::vector<Value> values;
  bool nulls = false;
  bool constants = true;
  for (size_t i = 1; i < parts.size(); ++i) {
    constants &= IsConstant(*parts[i]);
    if (!constants) break;
    const Value& value = ConstantOf(*parts[i]);
    nulls |= value.IsNull();
    if (!value.IsNull()) values.push_back(value);
  }
  if (!constants || !IsMemberType(parts[0]->return_type)) {
    return Operator(node.negated ? ExpressionType::COMPARE_NOT_IN : ExpressionType::COMPARE_IN,
                    std::move(parts));
  }
  Expr in = Fold(Expr(IsMember(std::unique_ptr<duckdb::Expression>(parts[0].release()), values).release()));
  if (nulls) {  // what is not found may be the null
    in = Fold(duckdb::make_uniq<duckdb::BoundConjunctionExpression>(
        ExpressionType::CONJUNCTION_OR, std::move(in), Constant(Value(LogicalType::BOOLEAN))));
  }
  return node.negated ? Not(std::move(in)) : std::move(in);
}

Result<Expr> Binder::IsTest(const Node& node) {
  const ExpressionType is_null =
      node.negated ? ExpressionType::OPERATOR_IS_NOT_NULL : ExpressionType::OPERATOR_IS_NULL;
  if (node.form == Form::kIsNull) {
    JAMMI_ASSIGN(Operand operand, Bind(node.children[0]));
    JAMMI_ASSIGN(Expr expr, Typed(std::move(operand)));
    return Operator(is_null, List(std::move(expr)));
  }
  JAMMI_ASSIGN(Expr expr, Boolean(node.children[0], "what IS tests"));
  if (node.form == Form::kIsUnknown) return Operator(is_null, List(std::move(expr)));
  const ExpressionType compare =
      node.negated ? ExpressionType::COMPARE_DISTINCT_FROM : ExpressionType::COMPARE_NOT_DISTINCT_FROM;
  Expr wanted = Constant(Value::BOOLEAN(node.form == Form::kIsTrue));
  return Fold(
      duckdb::make_uniq<duckdb::BoundComparisonExpression>(compare, std::move(expr), std::move(wanted)));
}

// The one type in which numbers are computed with.
Result<LogicalType> Binder::NumberType(const std::vector<Operand>& operands) {
  std::optional<LogicalType> common;
  for (const Operand& operand : operands) {
    if (operand.literal()) continue;
    if (!IsNumber(operand.type())) {
      return ParseError(fmt::format("arithmetic takes numbers, not a {}", operand.type().ToString()),
                        operand.position());
    }
    common = common ? CommonNumber(*common, operand.type()) : operand.type();
  }
  for (const Operand& operand : operands) {
    if (!operand.literal() || operand.node->form == Form::kNull) continue;
    const LogicalType type = common.value_or(LogicalType::BIGINT);
    JAMMI_ASSIGN(const Number number, NumberOf(*operand.node, type));
    common = WidenForArithmetic(type, number);
  }
  return common.value_or(LogicalType::BIGINT);
}

Result<Expr> Binder::Arithmetic(const Node& node, const char* name) {
  JAMMI_ASSIGN(std::vector<Operand> operands, BindChildren(node));
  // Instants and intervals have sums and differences too; DuckDB knows which.
  const bool temporal = std::ranges::any_of(operands, [](const Operand& operand) {
    return !operand.literal() && (IsTemporal(operand.type()) || IsInterval(operand.type()));
  });
  Exprs typed;
  if (temporal) {
    for (Operand& operand : operands) {
      JAMMI_ASSIGN(Expr expr, Typed(std::move(operand)));
      typed.push_back(std::move(expr));
    }
  } else {
    JAMMI_ASSIGN(const LogicalType type, NumberType(operands));
    JAMMI_ASSIGN(typed, TypedAll(std::move(operands), type));
  }
  position = node.position;
  return Call(name, std::move(typed));
}

Result<Expr> Binder::Divide(const Node& node) {
  const bool modulo = node.form == Form::kModulo;
  JAMMI_ASSIGN(std::vector<Operand> operands, BindChildren(node));
  JAMMI_ASSIGN(LogicalType type, NumberType(operands));
  if (IsDecimal(type) && !modulo) type = LogicalType::DOUBLE;
  JAMMI_ASSIGN(Exprs typed, TypedAll(std::move(operands), type));
  position = node.position;
  if (IsFloat(type)) return Call(modulo ? "%" : "/", std::move(typed));
  return Fold(
      duckdb::FunctionBinder(context_).BindScalarFunction(DivideFunction(type, modulo), std::move(typed)));
}

Result<Expr> Binder::Bits(const Node& node, const char* name) {
  JAMMI_ASSIGN(std::vector<Operand> operands, BindChildren(node));
  JAMMI_ASSIGN(const LogicalType type, NumberType(operands));
  position = node.position;
  if (!IsInteger(type))
    return ParseError(fmt::format("bits are of integers, not of a {}", type.ToString()), position);
  JAMMI_ASSIGN(Exprs typed, TypedAll(std::move(operands), type));
  return Call(name, std::move(typed));
}

Result<Expr> Binder::Negate(const Node& node) {
  JAMMI_ASSIGN(Expr operand, BindForm(node.children[0]));
  position = node.position;
  const LogicalType type = operand->return_type;
  if (!IsNumber(type) && !IsInterval(type)) {
    return ParseError(fmt::format("a minus stands before a number, not a {}", type.ToString()), position);
  }
  if (type.IsUnsigned()) {
    operand = CastTo(std::move(operand),
                     type.id() == LogicalTypeId::UBIGINT ? LogicalType::HUGEINT : LogicalType::BIGINT);
  }
  return Call("-", List(std::move(operand)));
}

Result<Expr> Binder::Concat(const Node& node) {
  Exprs operands;
  bool bytes = true;
  for (const Node& child : node.children) {
    JAMMI_ASSIGN(Expr expr, BindForm(child));
    bytes &= IsBytes(expr->return_type);
    operands.push_back(std::move(expr));
  }
  for (Expr& operand : operands) {
    if (bytes) continue;
    if (IsBytes(operand->return_type)) return ParseError("'||' joins bytes with bytes only", node.position);
    operand = CastTo(std::move(operand), LogicalType::VARCHAR);
  }
  position = node.position;
  return Call("||", std::move(operands));
}

// The pattern may match anywhere in the text.
Result<Expr> Binder::Regex(const Node& node, bool ignore_case) {
  const std::string_view what = node.form == Form::kSimilar ? "SIMILAR TO" : "a match";
  JAMMI_ASSIGN(Expr text, TextOperand(node.children[0], what));
  JAMMI_ASSIGN(Expr pattern, TextOperand(node.children[1], what));
  position = node.children[1].position;
  Expr match = Call("regexp_matches",
                    List(std::move(text), std::move(pattern), Constant(Value(ignore_case ? "i" : "c"))));
  return node.negated ? Not(std::move(match)) : std::move(match);
}

Result<Expr> Binder::Like(const Node& node) {
  const bool ignore_case = node.form == Form::kLikeIgnoreCase;
  const std::string_view what = ignore_case ? "ILIKE" : "LIKE";
  JAMMI_ASSIGN(Expr text, TextOperand(node.children[0], what));
  JAMMI_ASSIGN(Expr pattern, TextOperand(node.children[1], what));
  position = node.position;
  // A pattern that holds no escape is matched faster without one.
  const bool plain = IsConstant(*pattern) &&
                     (ConstantOf(*pattern).IsNull() || node.text.empty() ||
                      ConstantOf(*pattern).GetValue<std::string>().find(node.text) == std::string::npos);
  Expr like = plain ? Call(ignore_case ? "~~*" : "~~", List(std::move(text), std::move(pattern)))
                    : Call(ignore_case ? "ilike_escape" : "like_escape",
                           List(std::move(text), std::move(pattern), Constant(Value(node.text))));
  return node.negated ? Not(std::move(like)) : std::move(like);
}

Result<Expr> Binder::FunctionCall(const Node& node) {
  Exprs arguments;
  for (const Node& child : node.children) {
    JAMMI_ASSIGN(Expr argument, TextOperand(child, node.text));
    arguments.push_back(std::move(argument));
  }
  position = node.position;
  return Call(node.text.c_str(), std::move(arguments));
}

// Which types can be turned into which.
bool CanCast(const LogicalType& from, const LogicalType& to) {
  if (from == to || IsText(from)) return true;
  if (IsText(to)) return true;
  if (IsNumber(from) || IsBoolean(from)) return IsNumber(to) || IsBoolean(to);
  if (IsInstant(from))
    return IsInstant(to) || (to.id() == LogicalTypeId::TIME && from.id() != LogicalTypeId::DATE);
  return IsTime(from) && IsTime(to);
}

Result<Expr> Binder::Cast(const Node& node) {
  const LogicalType to = ToLogicalType(node);
  const Node& child = node.children[0];
  const bool try_cast = node.form == Form::kTryCast;
  JAMMI_ASSIGN(Operand operand, Bind(child));
  // A written number goes into a DECIMAL as it is written.
  if (operand.literal() && child.form == Form::kFraction && IsDecimal(to) && ReadNumber(child.text) &&
      ReadNumber(child.text)->exact) {
    JAMMI_ASSIGN(operand.expr,
                 Literal(child, WidenDecimal(LogicalType::DECIMAL(1, 0), *ReadNumber(child.text))));
  }
  JAMMI_ASSIGN(Expr expr, Typed(std::move(operand)));
  position = node.position;
  const LogicalType from = expr->return_type;
  if (!CanCast(from, to)) {
    return UnsupportedError(fmt::format("CAST from {} to {}", from.ToString(), to.ToString()), position);
  }
  // Towards zero, and not to the nearest as DuckDB has it.
  if (IsInteger(to) && (IsFloat(from) || IsDecimal(from))) expr = Call("trunc", List(std::move(expr)));
  if (IsText(from) && IsBytes(to)) return Call("encode", List(std::move(expr)));
  if (IsBytes(from) && IsText(to)) return Call("decode", List(std::move(expr)));
  return CastTo(std::move(expr), to, try_cast);
}

Result<Bound> Binder::Root(const Node& node) {
  JAMMI_ASSIGN(Expr expr, Boolean(node, "a predicate"));
  Bound bound{.fields = std::move(fields_), .needs_utf8 = needs_utf8_};
  if (IsConstant(*expr)) {
    const Value& value = ConstantOf(*expr);
    bound.constant = !value.IsNull() && value.GetValue<bool>();
  }
  bound.expression = std::shared_ptr<const duckdb::Expression>(std::move(expr).release());
  return bound;
}

}  // namespace

Result<Bound> Bind(duckdb::ClientContext& context, const Node& node, const arrow::Schema& schema) {
  Binder binder(context, schema);
  try {
    return binder.Root(node);
  } catch (const std::exception& error) {
    if (auto fault = FaultOfOurs(error)) return *std::move(fault);
    return ParseError(Reason(error), binder.position);
  }
}

}  // namespace jammi::predicate
