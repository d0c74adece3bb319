// jammi.v1.catalog.CatalogService
#include "server/services.h"

#include <google/protobuf/empty.pb.h>

#include "jammi/v1/catalog.pb.h"
#include "server/server_info.h"

namespace jammi {
namespace {

namespace wire = ::jammi::v1::catalog;
using google::protobuf::Empty;

class CatalogService final : public RpcService {
 public:
  explicit CatalogService(const ServerContext& context)
      : RpcService("jammi.v1.catalog.CatalogService"), context_(context) {
    Unary<Empty, wire::ServerInfo>("GetServerInfo", {.quick = true, .scoped = false},
                                   [this](const RpcCall&, const Empty&) { return Info(); });
  }

 private:
  // SRV-070
  [[nodiscard]] Result<wire::ServerInfo> Info() const {
    const ServerInfo info = DescribeServer(context_.config);
    wire::ServerInfo reply;
    reply.set_version(info.version);
    reply.mutable_features()->Assign(info.features.begin(), info.features.end());
    reply.mutable_storage_backends()->Assign(info.storage_backends.begin(), info.storage_backends.end());
    reply.mutable_services()->Assign(info.services.begin(), info.services.end());
    reply.set_broker(info.broker);
    return reply;
  }

  const ServerContext& context_;
};

}  // namespace

std::unique_ptr<RpcService> NewCatalogService(const ServerContext& context) {
  return std::make_unique<CatalogService>(context);
}

}  // namespace jammi
