// Any bytes as the request of any unary method of the catalog, the audit log and operations: what can be
// decoded is run on an engine, and gets an answer. The first byte says who asks, the second which method.
#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jammi/engine.h"
#include "server/services.h"

namespace jammi {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

// Lives as long as the program; what runs made stays for those that follow.
struct Stage {
  Stage() {
    std::string folder = (std::filesystem::temp_directory_path() / "request_fuzz_XXXXXX").string();
    Require(mkdtemp(folder.data()) != nullptr);
    config.artifact_dir = folder;
    auto opened = Engine::Open(config);
    Require(opened.has_value());
    engine = std::move(*opened);
    context = std::make_unique<ServerContext>(ServerContext{.engine = *engine, .config = config});
    services.push_back(NewCatalogService(*context));
    services.push_back(NewAuditService(*context));
    services.push_back(NewAuditChainService(*context));
    services.push_back(NewOperationsService(*context));
    for (const auto& service : services) {
      for (const auto& method : service->methods()) {
        if (method.unary) methods.push_back(&method);
      }
    }
  }

  Config config;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<ServerContext> context;
  std::vector<std::unique_ptr<RpcService>> services;
  std::vector<const RpcMethod*> methods;
};

void Ask(uint8_t who, uint8_t which, const uint8_t* bytes, size_t size) {
  static const Stage stage;
  const auto& method = *stage.methods[which % stage.methods.size()];
  const auto request = method.make_request();
  if (!request->ParseFromArray(bytes, static_cast<int>(size))) return;
  RpcCall call;
  if (who % 2 == 1) {
    call.identity.scope = Scope::ForTenant(*TenantId::Parse("aaaaaaaa-0000-4000-8000-000000000001"));
  }
  auto answered = std::make_shared<std::promise<bool>>();
  auto internal = answered->get_future();
  method.unary(call, *request, [answered](Result<grpc::ByteBuffer> reply) {
    answered->set_value(!reply && reply.error().code() == ErrorCode::kInternal);
  });
  answered.reset();
  Require(!internal.get());  // whatever they ask, it is no bug of ours
}

}  // namespace
}  // namespace jammi

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 2) jammi::Ask(data[0], data[1], data + 2, size - 2);
  return 0;
}
