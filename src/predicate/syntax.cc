#include "predicate/syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "base/text.h"
#include "predicate/lexer.h"

namespace jammi::predicate {

Error ParseError(std::string message, int64_t position) {
  std::string sentence =
      position < 0 ? fmt::format("the predicate cannot be compiled: {}", message)
                   : fmt::format("the predicate cannot be compiled: {} (at byte {})", message, position);
  return Error(ErrorCode::kInvalidArgument, std::move(sentence),
               PredicateParseDetail{.message = std::move(message), .position = position});
}

Error UnsupportedError(std::string construct, int64_t position) {
  std::string sentence = fmt::format("a predicate may not use {} (at byte {})", construct, position);
  return Error(ErrorCode::kInvalidArgument, std::move(sentence),
               PredicateUnsupportedDetail{.construct = std::move(construct)});
}

namespace {

using Words = std::span<const std::string_view>;

bool Contains(Words words, std::string_view word) { return std::ranges::find(words, word) != words.end(); }

// How tightly an infix operator binds; the order of docs/predicates.md.
enum Binding : int {
  kBindsNothing = 0,
  kBindsOr = 5,
  kBindsAnd = 10,
  kBindsNot = 15,
  kBindsIs = 17,
  kBindsLike = 19,
  kBindsCompare = 20,
  kBindsBitOr = 21,
  kBindsShift = 22,
  kBindsBitAnd = 23,
  kBindsAdd = 30,
  kBindsMultiply = 40,
  kBindsCast = 50,
};

struct BinaryOperator {
  std::string_view symbol;
  Binding binding;
  Form form;
  bool negated = false;
};
constexpr BinaryOperator kBinaryOperators[] = {
    {"=", kBindsCompare, Form::kEqual},
    {"==", kBindsCompare, Form::kEqual},
    {"<>", kBindsCompare, Form::kNotEqual},
    {"!=", kBindsCompare, Form::kNotEqual},
    {"<", kBindsCompare, Form::kLess},
    {"<=", kBindsCompare, Form::kLessEqual},
    {">", kBindsCompare, Form::kGreater},
    {">=", kBindsCompare, Form::kGreaterEqual},
    {"~", kBindsCompare, Form::kRegex},
    {"!~", kBindsCompare, Form::kRegex, true},
    {"~*", kBindsCompare, Form::kRegexIgnoreCase},
    {"!~*", kBindsCompare, Form::kRegexIgnoreCase, true},
    {"|", kBindsBitOr, Form::kBitOr},
    {"^", kBindsShift, Form::kBitXor},
    {"<<", kBindsShift, Form::kShiftLeft},
    {">>", kBindsShift, Form::kShiftRight},
    {"&", kBindsBitAnd, Form::kBitAnd},
    {"+", kBindsAdd, Form::kAdd},
    {"-", kBindsAdd, Form::kSubtract},
    {"*", kBindsMultiply, Form::kMultiply},
    {"/", kBindsMultiply, Form::kDivide},
    {"%", kBindsMultiply, Form::kModulo},
    {"||", kBindsMultiply, Form::kConcat},
};
const BinaryOperator* FindBinary(const Token& token) {
  if (token.kind != Token::Kind::kSymbol) return nullptr;
  const auto* found = std::ranges::find(kBinaryOperators, token.text, &BinaryOperator::symbol);
  return found == std::end(kBinaryOperators) ? nullptr : found;
}

struct Function {
  std::string_view name;
  size_t arguments;
};
constexpr Function kFunctions[] = {
    {"lower", 1}, {"upper", 1}, {"length", 1}, {"starts_with", 2}, {"ends_with", 2}};

struct NamedType {
  std::string_view name;
  TypeName type;
};
constexpr NamedType kTypes[] = {
    {"BOOLEAN", TypeName::kBoolean},
    {"BOOL", TypeName::kBoolean},
    {"TINYINT", TypeName::kInt8},
    {"SMALLINT", TypeName::kInt16},
    {"INT2", TypeName::kInt16},
    {"INT", TypeName::kInt32},
    {"INTEGER", TypeName::kInt32},
    {"INT4", TypeName::kInt32},
    {"BIGINT", TypeName::kInt64},
    {"INT8", TypeName::kInt64},
    {"FLOAT", TypeName::kFloat32},
    {"REAL", TypeName::kFloat32},
    {"FLOAT4", TypeName::kFloat32},
    {"DOUBLE", TypeName::kFloat64},
    {"FLOAT8", TypeName::kFloat64},
    {"DECIMAL", TypeName::kDecimal},
    {"NUMERIC", TypeName::kDecimal},
    {"DEC", TypeName::kDecimal},
    {"VARCHAR", TypeName::kText},
    {"CHAR", TypeName::kText},
    {"TEXT", TypeName::kText},
    {"STRING", TypeName::kText},
    {"BYTEA", TypeName::kBytes},
    {"DATE", TypeName::kDate},
    {"TIME", TypeName::kTime},
    {"TIMESTAMP", TypeName::kTimestamp},
    {"TIMESTAMPTZ", TypeName::kTimestampTz},
    {"INTERVAL", TypeName::kInterval},
};
std::optional<TypeName> FindType(std::string_view upper) {
  const auto* found = std::ranges::find(kTypes, upper, &NamedType::name);
  return found == std::end(kTypes) ? std::nullopt : std::optional(found->type);
}
// The unsigned type that is as wide.
std::optional<TypeName> Unsigned(TypeName type) {
  switch (type) {
    case TypeName::kInt8:
      return TypeName::kUInt8;
    case TypeName::kInt16:
      return TypeName::kUInt16;
    case TypeName::kInt32:
      return TypeName::kUInt32;
    case TypeName::kInt64:
      return TypeName::kUInt64;
    default:
      return std::nullopt;
  }
}

// Types that may stand before a string: DATE '2026-01-02'.
constexpr std::string_view kLiteralTypes[] = {"DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "INTERVAL"};
constexpr std::string_view kIntervalUnits[] = {"YEAR",   "MONTH",  "WEEK",    "DAY",    "HOUR",
                                               "MINUTE", "SECOND", "YEARS",   "MONTHS", "WEEKS",
                                               "DAYS",   "HOURS",  "MINUTES", "SECONDS"};
// Names of columns only when quoted.
constexpr std::string_view kReserved[] = {
    "AND",     "AS",     "ASC",    "BETWEEN", "BY",     "COLLATE", "DESC",  "DISTINCT", "ELSE",
    "END",     "ESCAPE", "EXCEPT", "FROM",    "GROUP",  "HAVING",  "ILIKE", "IN",       "INTERSECT",
    "INTO",    "IS",     "JOIN",   "LIKE",    "LIMIT",  "ON",      "OR",    "ORDER",    "SELECT",
    "SIMILAR", "THEN",   "UNION",  "USING",   "VALUES", "WHEN",    "WHERE", "WITH"};
// Words that read as names and are calls.
constexpr std::string_view kValueFunctions[] = {"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP",
                                                "CURRENT_USER", "LOCALTIME",    "LOCALTIMESTAMP",
                                                "SESSION_USER", "USER"};
constexpr std::string_view kAggregates[] = {"array_agg",  "avg",   "bool_and",    "bool_or", "corr",
                                            "count",      "first", "first_value", "last",    "last_value",
                                            "max",        "mean",  "median",      "min",     "stddev",
                                            "string_agg", "sum",   "var",         "variance"};
// Infix words that other SQL has.
constexpr std::string_view kUnsupportedInfix[] = {"COLLATE", "AT",  "RLIKE", "REGEXP",   "GLOB",
                                                  "DIV",     "XOR", "MATCH", "OVERLAPS", "OPERATOR"};
// Symbols that other SQL has before an expression.
constexpr std::string_view kUnsupportedPrefix[] = {"~", "!", "!!", "@", "#", "+", "*", "**"};
constexpr std::string_view kQueryStarts[] = {"SELECT", "WITH", "VALUES", "FROM", "TABLE"};

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Result<Node> All() {
    JAMMI_ASSIGN(Node node, Expression(kBindsNothing));
    if (Accept("AS")) {
      if (now().kind != Token::Kind::kWord && now().kind != Token::Kind::kQuotedName)
        return Unexpected("a name");
      ++at_;
    }
    if (now().kind == Token::Kind::kEnd) return node;
    if (now().IsSymbol(",") || now().IsSymbol(";")) {
      return ParseError(fmt::format("a predicate is one expression; '{}' begins another", now().text),
                        position());
    }
    if (now().IsSymbol(")")) return ParseError("')' closes nothing", position());
    return Unexpected("an operator or the end");
  }

 private:
  [[nodiscard]] const Token& now() const { return tokens_[at_]; }
  [[nodiscard]] const Token& next() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  [[nodiscard]] int64_t position() const { return now().position; }

  bool Accept(std::string_view word) {
    if (!now().IsWord(word)) return false;
    ++at_;
    return true;
  }
  bool AcceptSymbol(std::string_view symbol) {
    if (!now().IsSymbol(symbol)) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] Error Unexpected(std::string_view expected) const {
    if (now().kind == Token::Kind::kEnd)
      return ParseError(fmt::format("it ends where {} is expected", expected), position());
    return ParseError(fmt::format("{} is expected, not '{}'", expected, now().text), position());
  }
  Result<void> Expect(std::string_view symbol) {
    if (!AcceptSymbol(symbol)) return Unexpected(fmt::format("'{}'", symbol));
    return {};
  }

  Result<Node> Expression(int above);
  Result<Node> ExpressionInside(int above);
  Result<Node> Prefix();
  Result<Node> PrefixSymbol();
  Result<Node> PrefixWord();
  Result<Node> Minus();
  Result<Node> Parenthesised();
  Result<Node> Column();
  Result<Node> Call();
  Result<Node> CastCall(Form form);
  Result<Node> TypedText();
  Result<Node> Leaf(Form form, std::string text);

  int Ahead() const;
  Result<Node> Infix(Node left, int binding);
  Result<Node> InfixWord(Node left);
  Result<Node> Is(Node left);
  Result<Node> In(Node left, int64_t position, bool negated);
  Result<Node> Between(Node left, int64_t position, bool negated);
  Result<Node> Like(Node left, int64_t position, Form form, bool negated);
  Result<Node> Logic(Node left, Form form, int binding);
  Result<void> Type(Node& cast);
  Result<void> DecimalType(Node& cast);
  Result<Node> Make(Form form, int64_t position, std::vector<Node> children, bool negated = false);
  [[nodiscard]] bool EndsInOver() const;

  std::vector<Token> tokens_;  // the last is kEnd
  size_t at_ = 0;
  int depth_ = 0;
};

Error TooDeep(int64_t position) {
  return ParseError(fmt::format("it is nested deeper than {}", kMaxDepth), position);
}

template <class... Nodes>
std::vector<Node> List(Nodes&&... nodes) {
  std::vector<Node> list;
  list.reserve(sizeof...(nodes));
  (list.push_back(std::forward<Nodes>(nodes)), ...);
  return list;
}

// Every node but a leaf is made here, so the depth of the tree is bounded for all who walk it.
Result<Node> Parser::Make(Form form, int64_t position, std::vector<Node> children, bool negated) {
  Node node{.form = form, .negated = negated, .position = position, .children = std::move(children)};
  for (const Node& child : node.children) node.depth = std::max(node.depth, child.depth + 1);
  if (node.depth > kMaxDepth) return TooDeep(position);
  return node;
}

Result<Node> Parser::Leaf(Form form, std::string text) {
  Node node{.form = form, .position = now().position, .text = std::move(text)};
  ++at_;
  return node;
}

Result<Node> Parser::Expression(int above) {
  if (depth_ == kMaxDepth) return TooDeep(now().position);
  ++depth_;
  auto node = ExpressionInside(above);
  --depth_;
  return node;
}

Result<Node> Parser::ExpressionInside(int above) {
  JAMMI_ASSIGN(Node left, Prefix());
  for (int binding = Ahead(); binding > above; binding = Ahead()) {
    JAMMI_ASSIGN(left, Infix(std::move(left), binding));
  }
  return left;
}

Result<Node> Parser::Prefix() {
  switch (now().kind) {
    case Token::Kind::kEnd:
      return Unexpected("an expression");
    case Token::Kind::kInteger:
      return Leaf(Form::kInteger, now().text);
    case Token::Kind::kFraction:
      return Leaf(Form::kFraction, now().text);
    case Token::Kind::kText:
      return Leaf(Form::kText, now().text);
    case Token::Kind::kBytes:
      return Leaf(Form::kBytes, now().text);
    case Token::Kind::kQuotedName:
      return Column();
    case Token::Kind::kPlaceholder:
      return ParseError(fmt::format("the placeholder {} has no value", now().text), position());
    case Token::Kind::kSymbol:
      return PrefixSymbol();
    case Token::Kind::kWord:
      break;
  }
  return PrefixWord();
}

Result<Node> Parser::PrefixSymbol() {
  if (now().IsSymbol("(")) return Parenthesised();
  if (now().IsSymbol("-")) return Minus();
  if (now().IsSymbol("+") &&
      (next().kind == Token::Kind::kInteger || next().kind == Token::Kind::kFraction)) {
    ++at_;
    return Prefix();
  }
  if (now().IsSymbol("[")) return UnsupportedError("lists", position());
  if (now().IsSymbol("{")) return UnsupportedError("structs", position());
  if (!Contains(kUnsupportedPrefix, now().text)) return Unexpected("an expression");
  return UnsupportedError(fmt::format("the operator '{}' before an expression", now().text), position());
}

// A minus before a number belongs to it: the least integer has no positive twin.
Result<Node> Parser::Minus() {
  const int64_t position = now().position;
  ++at_;
  JAMMI_ASSIGN(Node operand, Expression(kBindsMultiply));
  const bool number = operand.form == Form::kInteger || operand.form == Form::kFraction;
  if (!number || operand.text.starts_with('-'))
    return Make(Form::kNegate, position, List(std::move(operand)));
  operand.text = fmt::format("-{}", operand.text);
  operand.position = position;
  return operand;
}

Result<Node> Parser::Parenthesised() {
  const int64_t open = position();
  ++at_;
  if (now().kind == Token::Kind::kWord && Contains(kQueryStarts, now().upper))
    return UnsupportedError("a subquery", open);
  JAMMI_ASSIGN(Node inside, Expression(kBindsNothing));
  if (now().IsSymbol(",")) return UnsupportedError("a row of several values", open);
  JAMMI_TRY(Expect(")"));
  return inside;
}

Result<Node> Parser::PrefixWord() {
  const Token& word = now();
  if (next().IsSymbol("(") && !word.IsWord("NOT") && !Contains(kReserved, word.upper)) {
    if (word.upper == "CAST") return CastCall(Form::kCast);
    if (word.upper == "TRY_CAST") return CastCall(Form::kTryCast);
    if (word.upper == "EXISTS") return UnsupportedError("a subquery (EXISTS)", position());
    return Call();
  }
  if (word.upper == "NOT") {
    const int64_t at = word.position;
    ++at_;
    JAMMI_ASSIGN(Node operand, Expression(kBindsNot));
    return Make(Form::kNot, at, List(std::move(operand)));
  }
  if (word.upper == "NULL") return Leaf(Form::kNull, "");
  if (word.upper == "TRUE") return Leaf(Form::kBoolean, "true");
  if (word.upper == "FALSE") return Leaf(Form::kBoolean, "false");
  if (word.upper == "CASE") return UnsupportedError("CASE", position());
  if (word.upper == "ARRAY" && next().IsSymbol("[")) return UnsupportedError("lists", position());
  if (word.upper == "INTERVAL" && next().kind == Token::Kind::kInteger) {
    return ParseError("the length of an INTERVAL is quoted: INTERVAL '1' DAY", position());
  }
  if (Contains(kLiteralTypes, word.upper) && next().kind == Token::Kind::kText) return TypedText();
  if (Contains(kValueFunctions, word.upper)) {
    return UnsupportedError(fmt::format("the function '{}'", word.text), position());
  }
  if (Contains(kReserved, word.upper)) return Unexpected("an expression");
  return Column();
}

Result<Node> Parser::Column() {
  JAMMI_ASSIGN(Node column, Leaf(Form::kColumn, now().text));
  if (!now().IsSymbol(".")) return column;
  return ParseError(fmt::format("there is no table '{}'; a column is named alone", column.text),
                    column.position);
}

// With now() at the name and next() at '(': does OVER follow the closing bracket?
bool Parser::EndsInOver() const {
  int open = 0;
  for (size_t i = at_ + 1; i < tokens_.size(); ++i) {
    if (tokens_[i].IsSymbol("(")) ++open;
    if (tokens_[i].IsSymbol(")") && --open == 0)
      return tokens_[std::min(i + 1, tokens_.size() - 1)].IsWord("OVER");
  }
  return false;
}

Result<Node> Parser::Call() {
  std::string name = now().text;
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const int64_t start = now().position;
  if (EndsInOver()) return UnsupportedError(fmt::format("the window function '{}'", name), position());
  const auto* function = std::ranges::find(kFunctions, name, &Function::name);
  if (function == std::end(kFunctions)) {
    const std::string_view kind = Contains(kAggregates, name) ? "aggregate function" : "function";
    return UnsupportedError(fmt::format("the {} '{}'", kind, name), position());
  }
  at_ += 2;
  std::vector<Node> arguments;
  if (!now().IsSymbol(")")) {
    do {
      JAMMI_ASSIGN(Node argument, Expression(kBindsNothing));
      arguments.push_back(std::move(argument));
    } while (AcceptSymbol(","));
  }
  JAMMI_TRY(Expect(")"));
  if (now().IsWord("FILTER")) return UnsupportedError("FILTER", position());
  if (arguments.size() != function->arguments) {
    return ParseError(fmt::format("{} takes {} argument{}, not {}", name, function->arguments,
                                  function->arguments == 1 ? "" : "s", arguments.size()),
                      start);
  }
  JAMMI_ASSIGN(Node call, Make(Form::kCall, start, std::move(arguments)));
  call.text = std::move(name);
  return call;
}

Result<Node> Parser::CastCall(Form form) {
  const int64_t start = now().position;
  at_ += 2;
  JAMMI_ASSIGN(Node operand, Expression(kBindsNothing));
  JAMMI_ASSIGN(Node cast, Make(form, start, List(std::move(operand))));
  if (!Accept("AS")) return Unexpected("AS");
  JAMMI_TRY(Type(cast));
  JAMMI_TRY(Expect(")"));
  return cast;
}

// DATE '2026-01-02', INTERVAL '3 hours', INTERVAL '3' HOUR.
Result<Node> Parser::TypedText() {
  const int64_t start = now().position;
  const TypeName type = *FindType(now().upper);
  ++at_;
  JAMMI_ASSIGN(Node text, Leaf(Form::kText, now().text));
  if (type == TypeName::kInterval && now().kind == Token::Kind::kWord &&
      Contains(kIntervalUnits, now().upper)) {
    text.text += " " + now().upper;
    ++at_;
  }
  JAMMI_ASSIGN(Node cast, Make(Form::kCast, start, List(std::move(text))));
  cast.type = type;
  return cast;
}

Result<void> Parser::Type(Node& cast) {
  const Token name = now();
  const auto type = name.kind == Token::Kind::kWord ? FindType(name.upper) : std::nullopt;
  if (!type) {
    if (name.kind != Token::Kind::kWord) return Unexpected("a type");
    return UnsupportedError(fmt::format("CAST to '{}'", name.text), position());
  }
  ++at_;
  cast.type = *type;
  if (*type == TypeName::kDecimal) return DecimalType(cast);
  if (*type == TypeName::kFloat64 && name.upper == "DOUBLE") Accept("PRECISION");
  if (Unsigned(*type) && Accept("UNSIGNED")) cast.type = *Unsigned(*type);
  if (*type == TypeName::kTimestamp && (now().IsWord("WITH") || now().IsWord("WITHOUT"))) {
    if (now().IsWord("WITH")) cast.type = TypeName::kTimestampTz;
    ++at_;
    if (!Accept("TIME") || !Accept("ZONE")) return Unexpected("TIME ZONE");
  }
  if (now().IsSymbol("("))
    return UnsupportedError(fmt::format("CAST to '{}' of a given size", name.text), position());
  if (now().IsSymbol("[")) return UnsupportedError("lists", position());
  return {};
}

// DECIMAL, DECIMAL(p), DECIMAL(p, s).
Result<void> Parser::DecimalType(Node& cast) {
  cast.precision = 38;
  cast.scale = 10;
  if (!AcceptSymbol("(")) return {};
  const auto number = [&](int most, uint8_t& into) -> Result<void> {
    if (now().kind != Token::Kind::kInteger) return Unexpected("a number of digits");
    if (now().text.size() > 2 || std::stoi(now().text) > most) {
      return ParseError(fmt::format("a DECIMAL has at most {} digits here", most), position());
    }
    into = static_cast<uint8_t>(std::stoi(now().text));
    ++at_;
    return {};
  };
  JAMMI_TRY(number(38, cast.precision));
  if (cast.precision == 0) return ParseError("a DECIMAL has one digit at least", position());
  cast.scale = 0;
  if (AcceptSymbol(",")) JAMMI_TRY(number(cast.precision, cast.scale));
  return Expect(")");
}

// How tightly what comes next binds; kBindsNothing where no operator comes.
int Parser::Ahead() const {
  const Token& token = now();
  if (const BinaryOperator* binary = FindBinary(token)) return binary->binding;
  if (token.kind == Token::Kind::kSymbol) {
    const bool closes = token.text == ")" || token.text == "," || token.text == ";" || token.text == "(" ||
                        token.text == "]" || token.text == "}";
    return closes ? kBindsNothing : kBindsCast;  // Infix() names what it does not know
  }
  if (token.kind != Token::Kind::kWord) return kBindsNothing;
  const Token& decides = token.upper == "NOT" ? next() : token;
  if (decides.IsWord("IN") || decides.IsWord("BETWEEN")) return kBindsCompare;
  if (decides.IsWord("LIKE") || decides.IsWord("ILIKE") || decides.IsWord("SIMILAR")) return kBindsLike;
  if (Contains(kUnsupportedInfix, decides.upper)) return kBindsCast;
  if (token.upper == "IS") return kBindsIs;
  if (token.upper == "AND") return kBindsAnd;
  if (token.upper == "OR") return kBindsOr;
  return kBindsNothing;
}

Result<Node> Parser::Infix(Node left, int binding) {
  const int64_t at = now().position;
  if (const BinaryOperator* binary = FindBinary(now())) {
    ++at_;
    JAMMI_ASSIGN(Node right, Expression(binding));
    return Make(binary->form, at, List(std::move(left), std::move(right)), binary->negated);
  }
  if (now().kind == Token::Kind::kWord) return InfixWord(std::move(left));
  if (AcceptSymbol("::")) {
    JAMMI_ASSIGN(Node cast, Make(Form::kCast, at, List(std::move(left))));
    JAMMI_TRY(Type(cast));
    return cast;
  }
  if (now().IsSymbol("[")) return UnsupportedError("access by '[...]'", position());
  return UnsupportedError(fmt::format("the operator '{}'", now().text), position());
}

Result<Node> Parser::InfixWord(Node left) {
  const int64_t at = now().position;
  if (Accept("AND")) return Logic(std::move(left), Form::kAnd, kBindsAnd);
  if (Accept("OR")) return Logic(std::move(left), Form::kOr, kBindsOr);
  if (Accept("IS")) return Is(std::move(left));
  const bool negated = Accept("NOT");
  if (Accept("IN")) return In(std::move(left), at, negated);
  if (Accept("BETWEEN")) return Between(std::move(left), at, negated);
  if (Accept("LIKE")) return Like(std::move(left), at, Form::kLike, negated);
  if (Accept("ILIKE")) return Like(std::move(left), at, Form::kLikeIgnoreCase, negated);
  if (Accept("SIMILAR")) {
    if (!Accept("TO")) return Unexpected("TO");
    return Like(std::move(left), at, Form::kSimilar, negated);
  }
  return UnsupportedError(fmt::format("the operator '{}'", now().text), position());
}

// a AND b AND c is one node with three operands, so that a long chain is not deep.
Result<Node> Parser::Logic(Node left, Form form, int binding) {
  const int64_t at = tokens_[at_ - 1].position;
  JAMMI_ASSIGN(Node right, Expression(binding));
  if (left.form != form) return Make(form, at, List(std::move(left), std::move(right)));
  left.depth = std::max(left.depth, right.depth + 1);
  if (left.depth > kMaxDepth) return TooDeep(at);
  left.children.push_back(std::move(right));
  return left;
}

Result<Node> Parser::Is(Node left) {
  const int64_t at = tokens_[at_ - 1].position;
  const bool negated = Accept("NOT");
  if (Accept("NULL")) return Make(Form::kIsNull, at, List(std::move(left)), negated);
  if (Accept("TRUE")) return Make(Form::kIsTrue, at, List(std::move(left)), negated);
  if (Accept("FALSE")) return Make(Form::kIsFalse, at, List(std::move(left)), negated);
  if (Accept("UNKNOWN")) return Make(Form::kIsUnknown, at, List(std::move(left)), negated);
  if (!Accept("DISTINCT") || !Accept("FROM"))
    return Unexpected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM");
  JAMMI_ASSIGN(Node right, Expression(kBindsIs));
  return Make(Form::kDistinct, at, List(std::move(left), std::move(right)), negated);
}

Result<Node> Parser::In(Node left, int64_t position, bool negated) {
  const int64_t open = this->position();
  JAMMI_TRY(Expect("("));
  if (now().kind == Token::Kind::kWord && Contains(kQueryStarts, now().upper)) {
    return UnsupportedError("a subquery (IN)", open);
  }
  std::vector<Node> list = List(std::move(left));
  do {
    JAMMI_ASSIGN(Node item, Expression(kBindsNothing));
    list.push_back(std::move(item));
  } while (AcceptSymbol(","));
  JAMMI_TRY(Expect(")"));
  return Make(Form::kIn, position, std::move(list), negated);
}

Result<Node> Parser::Between(Node left, int64_t position, bool negated) {
  JAMMI_ASSIGN(Node low, Expression(kBindsCompare));
  if (!Accept("AND")) return Unexpected("AND");
  JAMMI_ASSIGN(Node high, Expression(kBindsCompare));
  return Make(Form::kBetween, position, List(std::move(left), std::move(low), std::move(high)), negated);
}

Result<Node> Parser::Like(Node left, int64_t position, Form form, bool negated) {
  JAMMI_ASSIGN(Node pattern, Expression(kBindsLike));
  JAMMI_ASSIGN(Node like, Make(form, position, List(std::move(left), std::move(pattern)), negated));
  if (form != Form::kSimilar) like.text = std::string(1, '\\');
  if (!now().IsWord("ESCAPE")) return like;
  if (form == Form::kSimilar) return UnsupportedError("ESCAPE after SIMILAR TO", this->position());
  ++at_;
  if (now().kind != Token::Kind::kText || now().text.size() > 1)
    return Unexpected("one ASCII character in quotes");
  like.text = now().text;
  ++at_;
  return like;
}

}  // namespace

Result<Node> Parse(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return ParseError(fmt::format("it is {} bytes long; {} are allowed", text.size(), kMaxTextBytes), -1);
  }
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return ParseError("it holds a NUL byte", static_cast<int64_t>(zero));
  }
  if (!IsValidUtf8(text)) return ParseError("it is not UTF-8", -1);
  Lexer lexer(text);
  std::vector<Token> tokens;
  do {
    JAMMI_ASSIGN(Token token, lexer.Next());
    tokens.push_back(std::move(token));
  } while (tokens.back().kind != Token::Kind::kEnd);
  return Parser(std::move(tokens)).All();
}

}  // namespace jammi::predicate
