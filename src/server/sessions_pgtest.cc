// Two servers on one PostgreSQL database: what a session chooses at one counts at the other at once (WK-14).
#include <gtest/gtest.h>

#include "server/access_fixture.h"
#include "support/pg_server.h"

namespace jammi::test {
namespace {

class SessionReplicasTest : public testing::Test {
 protected:
  static Config ConfigOf(const std::string& url) {
    Config config;
    config.artifact_dir = "/nowhere";  // nothing of this is stored there
    config.catalog = PostgresCatalogConfig{.url = Secret(url)};
    return config;
  }
  const Config config_ = ConfigOf(PgServer::Shared().Url(PgServer::Shared().CreateDatabase()));
  const AccessServer one_{config_};
  const AccessServer two_{config_};
  const Caller session_{.session = "one"};
};

TEST_F(SessionReplicasTest, Srv022AChoiceAtOneServerCountsForTheNextCallAtTheOther) {
  EXPECT_EQ(two_.client().Who(session_), "global/");
  for (const std::string tenant : {kTenantA, kTenantB, kTenantC, kTenantA}) {
    ASSERT_EQ(one_.client().SetTenant(session_, tenant).code, RpcCode::kOk);
    EXPECT_EQ(two_.client().Who(session_), tenant + "/");
    EXPECT_EQ(two_.client().GetTenant(session_), tenant);
    EXPECT_EQ(one_.client().Who(session_), tenant + "/");
  }
  ASSERT_EQ(two_.client().ClearTenant(session_).code, RpcCode::kOk);
  EXPECT_EQ(one_.client().Who(session_), "global/");
}

}  // namespace
}  // namespace jammi::test
