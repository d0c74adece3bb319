// What is behind a stream; for the folder's own .cc files.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/impl/codegen/proto_utils.h>  // messages are protobuf
#include <grpcpp/support/sync_stream.h>

#include <memory>
#include <optional>
#include <utility>

#include "client/client_stream.h"

namespace jammi {

struct ClientStream::State {
  using Stream = grpc::ClientReaderWriter<RpcMessage, RpcMessage>;

  std::shared_ptr<grpc::Channel> channel;
  grpc::ClientContext context;
  std::unique_ptr<Stream> stream;
  std::optional<grpc::Status> ended;
};

}  // namespace jammi
