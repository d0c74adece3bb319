// Positions as text.
#include "jammi/position.h"

#include <gtest/gtest.h>

namespace jammi {
namespace {

Position Sample(uint64_t offset) {
  return {.incarnation = *Uuid::Parse("0190aabb-ccdd-7eef-8011-223344556677"),
          .topic = *TopicId::Parse("0190aabb-ccdd-7eef-8011-000000000001"),
          .offset = offset};
}

TEST(Position, IsReadBackFromItsText) {
  for (const uint64_t offset :
       {uint64_t{0}, uint64_t{1}, uint64_t{4711}, (uint64_t{1} << 40) - 1, UINT64_MAX}) {
    const auto read = Position::Parse(Sample(offset).ToString());
    ASSERT_TRUE(read) << read.error().ToString();
    EXPECT_EQ(*read, Sample(offset));
  }
  EXPECT_EQ(Position::Parse(Sample(7).ToString())->After(9), Sample(10));
}

// Tokens that users have stored must be readable for ever.
TEST(Position, TheTextIsFrozen) {
  EXPECT_EQ(Sample(4711).ToString(),
            "0190aabbccdd7eef8011223344556677-0190aabbccdd7eef8011000000000001-4711-c22bad3a");
}

TEST(Position, EveryAlterationIsRefused) {
  const std::string text = Sample(4711).ToString();
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'0', 'f', 'F', '-', '\0', ' '}) {
      std::string altered = text;
      if (altered[i] == c) continue;
      altered[i] = c;
      EXPECT_FALSE(Position::Parse(altered)) << altered;
    }
    EXPECT_FALSE(Position::Parse(text.substr(0, i))) << i;
    EXPECT_FALSE(Position::Parse(text.substr(i + 1))) << i;
  }
  for (const std::string& other :
       {text + "0", " " + text, std::string(), std::string("7"), std::string(400, '-')}) {
    const auto refused = Position::Parse(other);
    ASSERT_FALSE(refused) << other;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace jammi
