// SRV-033: the tenants of a principal.
#include "access/tenant_grant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/role.h"

namespace jammi {
namespace {

constexpr std::string_view kA = "aaaaaaaa-0000-4000-8000-000000000001";
constexpr std::string_view kB = "bbbbbbbb-0000-4000-8000-000000000002";

Scope Tenant(std::string_view text) { return Scope::ForTenant(TenantId::Parse(text).value()); }

TEST(TenantGrantTest, Srv033EverythingIsEveryTenantAndNone) {
  const auto grant = TenantGrant::Parse("*").value();
  EXPECT_TRUE(grant.Allows(Tenant(kA)));
  EXPECT_TRUE(grant.Allows(Scope::Global()));
  EXPECT_EQ(grant.Only(), std::nullopt);
  EXPECT_EQ(grant.ToString(), "*");
}

TEST(TenantGrantTest, Srv033OneScopeIsTheOnlyOne) {
  const auto grant = TenantGrant::Parse(kA).value();
  EXPECT_EQ(grant.Only(), Tenant(kA));
  EXPECT_TRUE(grant.Allows(Tenant(kA)));
  EXPECT_FALSE(grant.Allows(Tenant(kB)));
  EXPECT_FALSE(grant.Allows(Scope::Global()));
  EXPECT_EQ(TenantGrant::Parse("global")->Only(), Scope::Global());
}

TEST(TenantGrantTest, Srv033OfSeveralAnyMayBeChosen) {
  const auto grant = TenantGrant::Parse(std::string(kB) + ",global," + std::string(kA)).value();
  EXPECT_EQ(grant.Only(), std::nullopt);
  EXPECT_TRUE(grant.Allows(Tenant(kA)));
  EXPECT_TRUE(grant.Allows(Tenant(kB)));
  EXPECT_TRUE(grant.Allows(Scope::Global()));
  EXPECT_FALSE(grant.Allows(Tenant("cccccccc-0000-4000-8000-000000000003")));
  EXPECT_EQ(TenantGrant::Parse(grant.ToString())->ToString(), grant.ToString());
}

TEST(TenantGrantTest, WhatIsNoGrantIsRefused) {
  const std::string a(kA);
  std::string many = a;
  for (size_t i = 0; i < TenantGrant::kMaxScopes; ++i)
    many += "," + TenantId::From(Uuid::RandomV4())->ToString();
  for (const std::string& text :
       {std::string(), std::string(","), a + ",", "," + a, a + "," + a, "*," + a, std::string("Global"),
        std::string("not-a-uuid"), std::string("00000000-0000-0000-0000-000000000000"), a + " ", many}) {
    const auto grant = TenantGrant::Parse(text);
    ASSERT_FALSE(grant) << text;
    EXPECT_EQ(grant.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(grant.error().message(), testing::StartsWith("tenants: "));
  }
}

TEST(RoleTest, NamesAreReadAsTheyAreWritten) {
  for (const RpcRole role : {RpcRole::kReader, RpcRole::kWriter, RpcRole::kAdmin}) {
    EXPECT_EQ(ParseRole(ToString(role)).value(), role);
  }
  for (const auto* text : {"", "Admin", "root", "reader "}) EXPECT_FALSE(ParseRole(text)) << text;
}

}  // namespace
}  // namespace jammi
