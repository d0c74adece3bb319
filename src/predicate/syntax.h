// The text of a predicate, as a tree. Parsing knows no schema and no SQL engine; what the grammar has no
// rule for cannot reach one. The language, with its precedences, is in docs/predicates.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/result.h"

namespace jammi::predicate {

// A text longer than this is refused; so is a tree that is nested deeper.
inline constexpr size_t kMaxTextBytes = size_t{64} * 1024;
inline constexpr int kMaxDepth = 100;

enum class Form : uint8_t {
  // Leaves: `text` holds what was written.
  kColumn,    // a name, unquoted
  kNull,      //
  kBoolean,   // "true" or "false"
  kInteger,   // digits, with '-' when negative
  kFraction,  // a number with a point or an exponent
  kText,      // a string, unquoted
  kBytes,     // X'...', decoded
  // Logic. AND and OR hold two operands or more.
  kAnd,
  kOr,
  kNot,
  // One operand and its test; `negated` is IS NOT.
  kIsNull,
  kIsTrue,
  kIsFalse,
  kIsUnknown,
  // Two operands.
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kDistinct,  // IS DISTINCT FROM; `negated` is IS NOT DISTINCT FROM
  kRegex,     // ~; `negated` is !~
  kRegexIgnoreCase,
  kLike,  // `text` holds the escape character, or nothing; `negated` is NOT LIKE
  kLikeIgnoreCase,
  kSimilar,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kConcat,
  kBitAnd,
  kBitOr,
  kBitXor,
  kShiftLeft,
  kShiftRight,
  // The rest.
  kNegate,   // one operand
  kBetween,  // three operands; `negated`
  kIn,       // the operand, then the list; `negated`
  kCast,     // one operand to `type`
  kTryCast,
  kCall,  // function `text`, in lower case
};

// What CAST may name.
enum class TypeName : uint8_t {
  kNone,
  kBoolean,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat32,
  kFloat64,
  kDecimal,  // of `precision` and `scale`
  kText,
  kBytes,
  kDate,
  kTime,
  kTimestamp,
  kTimestampTz,
  kInterval,
};

struct Node {
  Form form = Form::kNull;
  bool negated = false;
  TypeName type = TypeName::kNone;
  uint8_t precision = 0;
  uint8_t scale = 0;
  int depth = 1;         // of the tree below, itself included
  int64_t position = 0;  // byte in the text: of the operator where there is one, else of the first byte
  std::string text;
  std::vector<Node> children;
};

// Errors: kInvalidArgument with PredicateParseDetail or PredicateUnsupportedDetail.
[[nodiscard]] Result<Node> Parse(std::string_view text);

// The two errors of a text, worded alike wherever they are found.
[[nodiscard]] Error ParseError(std::string message, int64_t position);
[[nodiscard]] Error UnsupportedError(std::string construct, int64_t position);

}  // namespace jammi::predicate
