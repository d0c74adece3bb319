#include "rpc/service.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <cstdio>
#include <cstdlib>

namespace jammi {
namespace {

[[noreturn]] void Bug(const std::string& what) {
  std::fputs((what + "\n").c_str(), stderr);
  std::abort();
}

}  // namespace

grpc::ByteBuffer Encode(const google::protobuf::MessageLite& message) {
  grpc::ByteBuffer buffer;
  const size_t size = message.ByteSizeLong();
  if (size == 0) {
    const grpc::Slice empty;
    return grpc::ByteBuffer(&empty, 1);
  }
  grpc::Slice slice(size);
  message.SerializeWithCachedSizesToArray(const_cast<uint8_t*>(slice.begin()));
  return grpc::ByteBuffer(&slice, 1);
}

RpcService::RpcService(std::string_view full_name, std::string_view unserved) : full_name_(full_name) {
  const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(full_name_);
  if (service == nullptr) Bug(fmt::format("the service {} is not linked in", full_name_));
  for (int i = 0; i < service->method_count(); ++i) {
    const auto* method = service->method(i);
    methods_.push_back({.name = method->name(),
                        .path = fmt::format("/{}/{}", full_name_, method->name()),
                        .client_streams = method->client_streaming(),
                        .server_streams = method->server_streaming(),
                        .options = {},
                        .request_type = method->input_type()->full_name(),
                        .unserved = std::string(unserved),
                        .make_request = {},
                        .unary = {},
                        .stream = {},
                        .dialog = {}});
  }
}

RpcMethod& RpcService::Find(std::string_view name, const std::string& request, const std::string& response,
                            bool client_streams, bool server_streams) {
  const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(full_name_);
  const auto* described = service->FindMethodByName(std::string(name));
  if (described == nullptr || described->input_type()->full_name() != request ||
      described->output_type()->full_name() != response || described->client_streaming() != client_streams ||
      described->server_streaming() != server_streams) {
    Bug(fmt::format("{} has no method {}({}) returns ({})", full_name_, name, request, response));
  }
  return methods_[static_cast<size_t>(described->index())];
}

}  // namespace jammi
