// SRV-033: which role each method asks for. A method that is new needs a line here.
#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <string>

#include "metrics/server_metrics.h"
#include "server/named_publisher.h"
#include "server/server_fixture.h"
#include "server/services.h"

namespace jammi::test {
namespace {

using Roles = std::map<std::string, RpcAccess>;

class MethodRolesTest : public testing::Test {
 protected:
  ~MethodRolesTest() override { executor_.Shutdown(); }

  // Of the methods that are served.
  [[nodiscard]] Roles RolesOf(std::string_view service) {
    Roles roles;
    for (const auto& each : server_.server().services()) {
      if (each->full_name() != service) continue;
      for (const auto& method : each->methods()) {
        if (method.served()) roles[method.name] = method.options.access;
      }
    }
    return roles;
  }

  ServerMetrics metrics_{"0"};
  RpcExecutor executor_{2, 64};
  std::unique_ptr<NamedPublisher> publisher_;
  EngineServer server_{{
      [](const ServerContext& context) { return NewCatalogService(context); },
      [](const ServerContext& context) { return NewAuditService(context); },
      [](const ServerContext& context) { return NewAuditChainService(context); },
      [](const ServerContext& context) { return NewOperationsService(context); },
      [this](const ServerContext& context) {
        publisher_ = std::make_unique<NamedPublisher>(context, executor_, metrics_);
        return NewTriggerService(context, *publisher_, metrics_);
      },
      [this](const ServerContext& context) {
        return NewStreamService(context, *publisher_, executor_, metrics_);
      },
  }};
};

TEST_F(MethodRolesTest, Srv033ReadersChangeNothing) {
  using enum RpcAccess;
  EXPECT_EQ(
      RolesOf("jammi.v1.catalog.CatalogService"),
      (Roles{{"AddChannelColumns", kWrite}, {"AddSource", kWrite},        {"CreateMutableTable", kWrite},
             {"DeleteModel", kWrite},       {"DerivesFrom", kRead},       {"DescribeModel", kRead},
             {"DescribeSource", kRead},     {"DropMutableTable", kWrite}, {"DropTopic", kWrite},
             {"GetServerInfo", kRead},      {"ListChannels", kRead},      {"ListIndexSegments", kRead},
             {"ListModels", kRead},         {"ListMutableTables", kRead}, {"ListSources", kRead},
             {"ListTopics", kRead},         {"RegisterChannel", kWrite},  {"RegisterTopic", kWrite},
             {"RemoveSource", kWrite},      {"Staleness", kRead},         {"VerifyMaterialization", kRead}}));
  EXPECT_EQ(RolesOf("jammi.v1.audit.AuditService"), (Roles{{"AuditFetchByQueryId", kRead},
                                                           {"AuditFetchRecent", kRead},
                                                           {"AuditLog", kWrite},
                                                           {"Verify", kRead}}));
  EXPECT_EQ(RolesOf("jammi.v1.trigger.TriggerService"), (Roles{{"Publish", kWrite}, {"Subscribe", kRead}}));
  // To consume moves what the consumer has acknowledged.
  EXPECT_EQ(RolesOf("jammi.ext.v1.StreamService"), (Roles{{"AppendColumns", kWrite},
                                                          {"Consume", kWrite},
                                                          {"CreateConsumer", kWrite},
                                                          {"DeleteConsumer", kWrite},
                                                          {"GetConsumer", kRead},
                                                          {"ListConsumers", kRead},
                                                          {"PublishMany", kWrite},
                                                          {"Read", kRead},
                                                          {"ResetConsumer", kWrite},
                                                          {"SetRetention", kWrite},
                                                          {"TopicStats", kRead}}));
}

TEST_F(MethodRolesTest, Srv033ABackupIsForAdmins) {
  EXPECT_EQ(RolesOf("jammi.ext.v1.OperationsService"), (Roles{{"Backup", RpcAccess::kAdmin}}));
  EXPECT_EQ(RolesOf("jammi.ext.v1.AuditChainService"), (Roles{{"VerifyChain", RpcAccess::kRead}}));
}

}  // namespace
}  // namespace jammi::test
