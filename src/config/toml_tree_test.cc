// What the TOML library makes of files that nobody meant.
#include "config/toml_tree.h"

#include <gtest/gtest.h>

namespace jammi {
namespace {

using namespace std::string_view_literals;

// The library's question whether such a letter is a blank had no defined answer (found by UBSan).
TEST(Toml, LettersBeyondAsciiAreNoBlanks) {
  const auto parsed = ParseToml("s = \"\"\"\\\n  é\"\"\"");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(std::get<std::string>(parsed->front().node.value), "é");
  for (const auto text : {"é = 1"sv, "a = é"sv, "a = 1é"sv, "a = 1 é"sv, "日 = 1"sv, "[é]"sv}) {
    EXPECT_FALSE(ParseToml(text)) << text;
  }
}

// `[=]` ended the process in an assertion (found by config_fuzz).
TEST(Toml, AFileThatIsNoTomlIsAnErrorWithItsPlace) {
  for (const auto text : {"[=]"sv,
                          "[\0]"sv,
                          "[\x01"sv,
                          "[[#"sv,
                          "["sv,
                          "[]"sv,
                          "[.]"sv,
                          "= 1"sv,
                          "a.=1"sv,
                          "a. = 1"sv,
                          "a = _"sv,
                          "a = \x01"sv,
                          "a = ,"sv,
                          "a = [,]"sv,
                          "a = {,}"sv,
                          "a = +"sv,
                          "a = 0x"sv,
                          "a = inf1"sv,
                          "a = 1979-13-01"sv,
                          "a = \"\\q\""sv,
                          "a = \"\\uD800\""sv,
                          "a = 9223372036854775808"sv}) {
    const auto parsed = ParseToml(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().at.line, 1) << text;
    EXPECT_FALSE(parsed.error().message.empty()) << text;
  }
}

TEST(Toml, NestingHasALimit) {
  const std::string deep(100'000, '[');
  EXPECT_FALSE(ParseToml("a = " + deep));
}

}  // namespace
}  // namespace jammi
