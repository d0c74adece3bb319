// What a build without PostgreSQL answers; the other definition in the library is not linked.
#include <gtest/gtest.h>

#include "catalog/catalog.h"

namespace jammi {
namespace {

TEST(NoPostgres, OpeningNamesTheOption) {
  const auto refused = OpenPostgresCatalog({.url = Secret("postgres://me:hunter2@host/db")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnimplemented);
  ASSERT_NE(refused.error().As<ConfigDetail>(), nullptr);
  EXPECT_EQ(refused.error().As<ConfigDetail>()->key, "catalog.kind");
  EXPECT_NE(refused.error().message().find("JAMMI_POSTGRES=ON"), std::string::npos);
  EXPECT_EQ(refused.error().message().find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace jammi
