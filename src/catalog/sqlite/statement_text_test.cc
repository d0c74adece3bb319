#include "catalog/sqlite/statement_text.h"

#include <gtest/gtest.h>

namespace jammi::sqlite {
namespace {

TEST(NumberPlaceholders, NumbersAreKept) {
  EXPECT_EQ(NumberPlaceholders("SELECT $2, $1, $2 WHERE a=$10"), "SELECT ?2, ?1, ?2 WHERE a=?10");
  EXPECT_EQ(NumberPlaceholders("($1)"), "(?1)");
  EXPECT_EQ(NumberPlaceholders(""), "");
}

TEST(NumberPlaceholders, LiteralsNamesAndCommentsStay) {
  for (const auto* text :
       {"SELECT '$1'", "SELECT 'it''s $1'", "SELECT \"$1\"", "SELECT \"a\"\"$1\"", "SELECT `$1`",
        "SELECT [$1]", "SELECT 1 -- $1\n", "SELECT 1 /* $1 */", "SELECT 1 -- $1", "SELECT a$1 FROM t",
        "SELECT é$1", "SELECT $name", "SELECT $", "SELECT '$1",  // unterminated: SQLite says so
        "SELECT /* $1"}) {
    EXPECT_EQ(NumberPlaceholders(text), text);
  }
}

TEST(NumberPlaceholders, APlaceholderAfterWhatStaysIsFound) {
  EXPECT_EQ(NumberPlaceholders("SELECT '$1', $1"), "SELECT '$1', ?1");
  EXPECT_EQ(NumberPlaceholders("SELECT 'it''s', $1"), "SELECT 'it''s', ?1");
  EXPECT_EQ(NumberPlaceholders("SELECT 1 -- it's\n, $1"), "SELECT 1 -- it's\n, ?1");
  EXPECT_EQ(NumberPlaceholders("SELECT /* ' */ $1"), "SELECT /* ' */ ?1");
  EXPECT_EQ(NumberPlaceholders("SELECT 1-$1"), "SELECT 1-?1");
  EXPECT_EQ(NumberPlaceholders("SELECT a/$1"), "SELECT a/?1");
  EXPECT_EQ(NumberPlaceholders("x=$1+1"), "x=?1+1");
}

}  // namespace
}  // namespace jammi::sqlite
