#include "catalog/page_token.h"

#include <gtest/gtest.h>

#include <limits>

namespace jammi {
namespace {

TEST(PageToken, WhatWentInComesOut) {
  const std::vector<PageField> position = {std::numeric_limits<int64_t>::min(), std::string("a:b 7 \xc3\xa9"),
                                           std::string(), std::numeric_limits<int64_t>::max()};
  const auto decoded = DecodePageToken("list", "issi", EncodePageToken("list", position));
  ASSERT_TRUE(decoded) << decoded.error().ToString();
  EXPECT_EQ(*decoded, position);
}

TEST(PageToken, AnotherListsOrAnAlteredOneIsRefused) {
  const std::string token = EncodePageToken("list", {int64_t{7}, std::string("x")});
  EXPECT_TRUE(DecodePageToken("list", "is", token));
  EXPECT_FALSE(DecodePageToken("other", "is", token));
  EXPECT_FALSE(DecodePageToken("list", "ii", token));
  EXPECT_FALSE(DecodePageToken("list", "i", token));
  EXPECT_FALSE(DecodePageToken("list", "iss", token));
  for (size_t i = 0; i < token.size(); ++i) {
    std::string altered = token;
    altered[i] = token[i] == '0' ? '1' : '0';
    EXPECT_FALSE(DecodePageToken("list", "is", altered)) << altered;
    EXPECT_FALSE(DecodePageToken("list", "is", token.substr(0, i)));
  }
  EXPECT_EQ(DecodePageToken("list", "is", "zz").error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace jammi
