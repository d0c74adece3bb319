// jammi.v1.catalog.CatalogService
#include "server/catalog_service.h"

#include <google/protobuf/empty.pb.h>

#include "jammi/v1/catalog.pb.h"
#include "server/server_info.h"
#include "server/services.h"

namespace jammi {
namespace {

namespace wire = ::jammi::v1::catalog;
using google::protobuf::Empty;

// SRV-070
wire::ServerInfo Info(const Config& config) {
  const ServerInfo info = DescribeServer(config);
  wire::ServerInfo reply;
  reply.set_version(info.version);
  reply.mutable_features()->Assign(info.features.begin(), info.features.end());
  reply.mutable_storage_backends()->Assign(info.storage_backends.begin(), info.storage_backends.end());
  reply.mutable_services()->Assign(info.services.begin(), info.services.end());
  reply.set_broker(info.broker);
  return reply;
}

}  // namespace

std::unique_ptr<RpcService> NewCatalogService(const ServerContext& context) {
  auto service = std::make_unique<RpcService>("jammi.v1.catalog.CatalogService");
  service->Unary<Empty, wire::ServerInfo>(
      "GetServerInfo", {.quick = true, .scoped = false},
      [&context](const RpcCall&, const Empty&) { return Result<wire::ServerInfo>(Info(context.config)); });
  AddChannelMethods(*service, context);
  AddLineageMethods(*service, context);
  AddModelMethods(*service, context);
  AddSourceMethods(*service, context);
  AddTableMethods(*service, context);
  AddTopicMethods(*service, context);
  return service;
}

}  // namespace jammi
