#include "predicate/syntax.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>

namespace jammi::predicate {
namespace {

// The tree with a bracket for each operator: "(a AND (b = 1))".
std::string Print(const Node& node) {
  static const std::map<Form, std::string> kSymbols = {
      {Form::kAnd, "AND"},          {Form::kOr, "OR"},           {Form::kEqual, "="},
      {Form::kNotEqual, "<>"},      {Form::kLess, "<"},          {Form::kGreater, ">"},
      {Form::kRegex, "~"},          {Form::kLike, "LIKE"},       {Form::kAdd, "+"},
      {Form::kSubtract, "-"},       {Form::kMultiply, "*"},      {Form::kDivide, "/"},
      {Form::kModulo, "%"},         {Form::kConcat, "||"},       {Form::kBitAnd, "&"},
      {Form::kBitOr, "|"},          {Form::kBitXor, "^"},        {Form::kShiftLeft, "<<"},
      {Form::kShiftRight, ">>"},    {Form::kBetween, "BETWEEN"}, {Form::kIn, "IN"},
      {Form::kDistinct, "DISTINCT"}};
  const auto& children = node.children;
  if (children.empty()) return node.text;
  if (node.form == Form::kNot) return fmt::format("(NOT {})", Print(children[0]));
  if (node.form == Form::kNegate) return fmt::format("(- {})", Print(children[0]));
  if (node.form == Form::kIsNull) return fmt::format("({} IS NULL)", Print(children[0]));
  if (node.form == Form::kCast) return fmt::format("(CAST {})", Print(children[0]));
  std::string out = fmt::format("({}", Print(children[0]));
  for (size_t i = 1; i < children.size(); ++i)
    out += fmt::format(" {} {}", kSymbols.at(node.form), Print(children[i]));
  return fmt::format("{})", out);
}

std::string Tree(const std::string& sql) {
  const auto node = Parse(sql);
  return node ? Print(*node) : node.error().message();
}

struct Grouping {
  const char* sql;
  const char* tree;
};
void PrintTo(const Grouping& grouping, std::ostream* out) { *out << grouping.sql; }
class Precedence : public testing::TestWithParam<Grouping> {};
TEST_P(Precedence, AsTheClientsHaveIt) { EXPECT_EQ(Tree(GetParam().sql), GetParam().tree); }
INSTANTIATE_TEST_SUITE_P(
    Operators, Precedence,
    testing::Values(
        Grouping{"a OR b AND c", "(a OR (b AND c))"}, Grouping{"a AND b AND c", "(a AND b AND c)"},
        Grouping{"(a AND b) AND c", "(a AND b AND c)"}, Grouping{"a AND (b AND c)", "(a AND (b AND c))"},
        Grouping{"NOT a = b", "(NOT (a = b))"}, Grouping{"NOT a AND b", "((NOT a) AND b)"},
        Grouping{"NOT a IS NULL", "(NOT (a IS NULL))"}, Grouping{"a = b IS NULL", "((a = b) IS NULL)"},
        Grouping{"a + b * c", "(a + (b * c))"}, Grouping{"a - b - c", "((a - b) - c)"},
        Grouping{"a / b % c", "((a / b) % c)"}, Grouping{"a || b || c", "((a || b) || c)"},
        Grouping{"a || b + c", "((a || b) + c)"}, Grouping{"a | b & c", "(a | (b & c))"},
        Grouping{"a | b ^ c", "(a | (b ^ c))"}, Grouping{"a ^ b & c", "(a ^ (b & c))"},
        Grouping{"a << b | c", "((a << b) | c)"}, Grouping{"a & b + c", "(a & (b + c))"},
        Grouping{"a ^ b = c", "((a ^ b) = c)"}, Grouping{"a ~ b = c", "((a ~ b) = c)"},
        Grouping{"a ~ b || c", "(a ~ (b || c))"}, Grouping{"a LIKE b || c", "(a LIKE (b || c))"},
        Grouping{"a = b LIKE c", "((a = b) LIKE c)"}, Grouping{"-a * b", "((- a) * b)"},
        Grouping{"-a::int", "(- (CAST a))"}, Grouping{"- 5", "-5"}, Grouping{"- - 5", "(- -5)"},
        Grouping{"a - -5", "(a - -5)"},
        Grouping{"a BETWEEN b AND c AND d", "((a BETWEEN b BETWEEN c) AND d)"},
        Grouping{"a BETWEEN b + 1 AND c", "(a BETWEEN (b + 1) BETWEEN c)"},
        Grouping{"a IN (b OR c, d)", "(a IN (b OR c) IN d)"},
        Grouping{"a IS DISTINCT FROM b AND c", "((a DISTINCT b) AND c)"}, Grouping{"a=-1", "(a = -1)"},
        Grouping{"a<-1", "(a < -1)"}));

TEST(Syntax, PositionsAreOfOperatorsAndFirstBytes) {
  const auto node = Parse("  kind = 'X' AND mag >= 5");
  ASSERT_TRUE(node);
  EXPECT_EQ(node->position, 13U);
  EXPECT_EQ(node->children[0].position, 7U);
  EXPECT_EQ(node->children[0].children[1].position, 9U);
  EXPECT_EQ(node->children[1].children[0].position, 17U);
}

TEST(Syntax, QuotesAreWrittenTwice) {
  EXPECT_EQ(Parse("'it''s'")->text, "it's");
  EXPECT_EQ(Parse("''''")->text, "'");
  EXPECT_EQ(Parse("\"a \"\"b\"\"\"")->text, "a \"b\"");
  EXPECT_EQ(Parse("X'00ff'")->text, std::string("\0\xff", 2));
}

TEST(Syntax, MalformedTokens) {
  for (const std::string sql : {"'a", "\"a", "\"\"", "X'0'", "X'0g'", "1e", "1e+", "1.2.3", "12ab", "0x10",
                                "a \\ b", "/*", "`a`", "E'a'", "$$a$$", "1 2", "'a' 'b'"}) {
    const auto node = Parse(sql);
    ASSERT_FALSE(node) << sql;
    EXPECT_NE(node.error().As<PredicateParseDetail>(), nullptr) << sql << ": " << node.error().message();
  }
}

TEST(Syntax, TypesThatCastKnows) {
  const auto type = [](const std::string& name) {
    const auto node = Parse("CAST(a AS " + name + ")");
    return node ? node->type : TypeName::kNone;
  };
  EXPECT_EQ(type("int8"), TypeName::kInt64);
  EXPECT_EQ(type("TINYINT"), TypeName::kInt8);
  EXPECT_EQ(type("int unsigned"), TypeName::kUInt32);
  EXPECT_EQ(type("BIGINT UNSIGNED"), TypeName::kUInt64);
  EXPECT_EQ(type("float"), TypeName::kFloat32);
  EXPECT_EQ(type("double precision"), TypeName::kFloat64);
  EXPECT_EQ(type("TIMESTAMP WITH TIME ZONE"), TypeName::kTimestampTz);
  EXPECT_EQ(type("TIMESTAMP WITHOUT TIME ZONE"), TypeName::kTimestamp);
  EXPECT_EQ(type("text"), TypeName::kText);
  const auto decimal = Parse("CAST(a AS DECIMAL(10, 2))");
  ASSERT_TRUE(decimal);
  EXPECT_EQ(decimal->precision, 10);
  EXPECT_EQ(decimal->scale, 2);
  for (const std::string bad : {"DECIMAL(39)", "DECIMAL(2, 3)", "DECIMAL(0)", "DECIMAL(a)",
                                "DECIMAL(100000000000)", "TIMESTAMP WITH", "float unsigned"}) {
    EXPECT_FALSE(Parse("CAST(a AS " + bad + ")")) << bad;
  }
}

}  // namespace
}  // namespace jammi::predicate
