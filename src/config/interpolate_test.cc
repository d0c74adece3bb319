// ${NAME} in the file: the documented contract, and that no value can be more than a value.
#include "config/interpolate.h"

#include <gmock/gmock.h>

#include <random>

#include "config/config_test_support.h"
#include "config/toml_tree.h"

namespace jammi {
namespace {

using testing::HasSubstr;

std::string Text(std::string_view text, const Environment& environment = {}) {
  auto result = Interpolate(text, environment);
  EXPECT_TRUE(result.problems.empty()) << result.problems.front().message;
  return result.text;
}

std::string Problem(std::string_view text, const Environment& environment = {}) {
  const auto result = Interpolate(text, environment);
  EXPECT_EQ(result.problems.size(), 1u) << text;
  return result.problems.empty() ? "" : result.problems.front().message;
}

// What the string `s` of the document is once its variables are replaced; nullopt: refused.
std::optional<std::string> Value(const std::string& document, const Environment& environment) {
  const auto result = Interpolate(document, environment);
  if (!result.problems.empty()) return std::nullopt;
  const auto parsed = ParseToml(result.text);
  EXPECT_TRUE(parsed) << parsed.error().message << " in " << result.text;
  if (!parsed) return std::nullopt;
  EXPECT_EQ(parsed->size(), 1u) << result.text;
  return std::get<std::string>(parsed->front().node.value);
}

TEST(Interpolation, ReplacesASetVariable) {
  EXPECT_EQ(Text("url = \"${SET}\"", {{"SET", "v"}}), "url = \"v\"");
}

TEST(Interpolation, AMissingVariableIsAnErrorThatNamesIt) {
  EXPECT_THAT(Problem("url = \"${UNSET}\""), HasSubstr("UNSET is not set"));
}

TEST(Interpolation, SetButEmptyIsEmpty) { EXPECT_EQ(Text("\"${E}\"", {{"E", ""}}), "\"\""); }

TEST(Interpolation, TwoDollarsAreOne) {
  EXPECT_EQ(Text("\"$$secret$$\""), "\"$secret$\"");
  EXPECT_EQ(Text("$${X}"), "${X}");
}

TEST(Interpolation, ABareDollarStays) {
  EXPECT_EQ(Text("price is $5"), "price is $5");
  EXPECT_EQ(Text("at the end $"), "at the end $");
}

TEST(Interpolation, UnterminatedIsAnErrorWithItsPlace) {
  const auto result = Interpolate("a = 1\nurl = \"${UNCLOSED\"", {});
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_THAT(result.problems[0].message, HasSubstr("unterminated ${ at byte 13"));
  EXPECT_EQ(result.problems[0].at.line, 2);
  EXPECT_EQ(result.problems[0].at.column, 8);
}

TEST(Interpolation, ANameThatIsNoneIsAnError) {
  for (const auto* name : {"1bad", "", "a-b", "a b", "é"}) {
    EXPECT_THAT(Problem(std::string("\"${") + name + "}\""), HasSubstr("Invalid env-var name")) << name;
  }
}

TEST(Interpolation, AForgottenBraceShowsOnlyTheBeginningOfWhatFollows) {
  const auto message = Problem("\"${FORGOTTEN\"\npassword = \"hunter2}\"");
  EXPECT_THAT(message, HasSubstr("'FORGOTTEN...'"));
}

TEST(Interpolation, IsOnePass) { EXPECT_EQ(Text("\"${A}\"", {{"A", "${B}$$"}, {"B", "no"}}), "\"${B}$$\""); }

TEST(Interpolation, OtherTextPassesThrough) {
  EXPECT_EQ(Text("ключ = \"値 ${A}\"", {{"A", "é"}}), "ключ = \"値 é\"");
}

TEST(Interpolation, AValueThatIsNoUtf8IsAnError) {
  EXPECT_THAT(Problem("\"${A}\"", {{"A", "\xff"}}), HasSubstr("A has a value that is no UTF-8"));
}

TEST(Interpolation, AllProblemsAreReported) {
  EXPECT_EQ(Interpolate("\"${A}${B}\"\n\"${1}\"", {}).problems.size(), 3u);
}

// A line that is commented out needs no variables.
TEST(Interpolation, CommentsAreLeftAlone) {
  EXPECT_EQ(Text("a = \"#${A}\" # ${UNSET} $$ ${\nb = 1", {{"A", "x"}}),
            "a = \"#x\" # ${UNSET} $$ ${\nb = 1");
}

TEST(Interpolation, NumbersAndListsMayComeFromVariables) {
  EXPECT_EQ(Text("n = ${N}\nl = ${L}", {{"N", "8"}, {"L", "[\"a\", 'b']"}}), "n = 8\nl = [\"a\", 'b']");
}

TEST(Interpolation, ABareValueMayNotReachBeyondItsPlace) {
  for (const auto* value : {"1\nother = 2", "\"\"\"", "'''", "\"open", "1 # gone", "1\r2", "1\u2028"}) {
    EXPECT_THAT(Problem("n = ${N}\n", {{"N", value}}),
                HasSubstr("N has a value that cannot stand outside of quotes"))
        << value;
  }
}

TEST(Interpolation, AValueThatALiteralStringCannotHoldIsRefused) {
  EXPECT_EQ(Value("s = '${A}'", {{"A", "C:\\dir\t\"x\""}}), "C:\\dir\t\"x\"");
  EXPECT_THAT(Problem("s = '${A}'", {{"A", "it's"}}), HasSubstr("use double quotes"));
  EXPECT_THAT(Problem("s = '${A}'", {{"A", "two\nlines"}}), HasSubstr("use double quotes"));
  EXPECT_THAT(Problem("s = '''${A}'''", {{"A", "'"}}), HasSubstr("use double quotes"));
}

// Weakness 3 of raw replacement: a password with a quote broke the file, or wrote settings of its own.
TEST(Interpolation, AValueInQuotesCannotBreakOut) {
  const std::string evil = "x\"\n[engine]\nbatch_size = 1 # \\";
  EXPECT_EQ(Value("s = \"${A}\"", {{"A", evil}}), evil);
  EXPECT_EQ(Value("s = \"\"\"${A}\"\"\"", {{"A", evil}}), evil);
}

TEST(Interpolation, AnyValueArrivesUnchangedInAnyDoubleQuotedString) {
  std::mt19937 random(20240117);
  static constexpr std::string_view kPieces[] = {
      "\"", "\u00a0", "\u0085", "\u2028", "\u3000", "\ufeff", "\U0001f600", "\"\"\"", "'",
      "\\", "\n",     "\r\n",   "\t",     " ",      "#",      "$",          "${A}",   "=",
      "]",  "é",      "\x01",   "\x7f",   "a",      "\\u",    "{",          "}"};
  for (int round = 0; round < 2000; ++round) {
    std::string value;
    for (auto left = random() % 12; left > 0; --left) value += kPieces[random() % std::size(kPieces)];
    EXPECT_EQ(Value("s = \"<${A}>\"", {{"A", value}}), "<" + value + ">");
    EXPECT_EQ(Value("s = \"\"\"\\\n  ${A}\\\n  >\"\"\"", {{"A", value}}), value + ">");
    if (const auto quotes = Value("s = \"\"\"\"${A}\"\"\"\"\"", {{"A", value}})) {
      EXPECT_EQ(*quotes, "\"" + value + "\"\"");
    } else {
      EXPECT_EQ(value, "");
    }
    if (const auto literal = Value("s = '<${A}>' # '", {{"A", value}})) {
      EXPECT_EQ(*literal, "<" + value + ">");
    }
    if (const auto literal = Value("s = ''''${A}'''", {{"A", value}})) {
      EXPECT_EQ(*literal, "'" + value);
    }
  }
}

// Between two quotes that are text an empty value would make three of them, which end the string.
TEST(Interpolation, AnEmptyValueMayNotJoinQuotes) {
  const Environment empty = {{"A", ""}, {"B", ""}};
  EXPECT_THAT(Problem("s = \"\"\"a\"\"${A}\" b\"\"\"", empty), HasSubstr("A is empty"));
  EXPECT_THAT(Problem("s = \"\"\"a\"${A}${B}\"\" b\"\"\"", empty), HasSubstr("B is empty"));
  EXPECT_THAT(Problem("s = '''a''${A}' b'''", empty), HasSubstr("A is empty"));
  EXPECT_EQ(Value("s = \"\"\"${A}\"\"\"", empty), "");
  EXPECT_EQ(Value("s = \"\"\"${A}\" b\"\"\"", empty), "\" b");
  EXPECT_EQ(Value("s = \"\"\"a\"${A} b\"\"\"", empty), "a\" b");
  EXPECT_EQ(Value("s = \"\"\"a\\\"${A}\" b\"\"\"", empty), "a\"\" b");
}

// After a backslash at a line's end the parser dropped more than TOML's blanks.
TEST(Interpolation, AValueThatBeginsWithAnotherAlphabetsBlankKeepsIt) {
  EXPECT_EQ(Value("s = \"\"\"\\\n  ${A}\"\"\"", {{"A", "\u3000x"}}), "\u3000x");
}

TEST(Interpolation, PlacesAreThoseOfTheFile) {
  const auto result =
      Interpolate("a=\"${LONG}\" é$$ x\n\"${E}\"y", {{"LONG", "12345678901234567890"}, {"E", ""}});
  const auto find = [&](char c) {
    const auto line_start = result.text.rfind('\n', result.text.find(c));
    return result.map.ToFile(
        {c == 'y' ? 2 : 1,
         static_cast<int>(result.text.find(c) - (line_start == std::string::npos ? -1 : line_start))});
  };
  EXPECT_EQ(find('5').column, 4);  // inside a value: where its ${ stands
  EXPECT_EQ(find('y').column, 7);
  EXPECT_EQ(find('y').line, 2);
  // `é` is two bytes and one column.
  EXPECT_EQ(result.map.ToFile({1, 29}).column, 17);
}

}  // namespace
}  // namespace jammi
