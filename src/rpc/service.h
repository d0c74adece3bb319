// The methods of one gRPC service, as functions of typed messages.
//
//   RpcService catalog("jammi.v1.catalog.CatalogService");
//   catalog.Unary<GetTenantRequest, GetTenantResponse>("GetTenant", {.access = RpcAccess::kRead},
//                                                      [](const RpcCall& call, const auto& request) {...});
//
// A method of the service that is not registered answers UNIMPLEMENTED with a text that says so. Identity,
// access, decoding, threads, errors, metrics and logs are the dispatcher's, for all methods alike. Methods
// are registered by one thread before the service is served; those of one service may come from several
// files.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jammi/result.h"
#include "rpc/call.h"
#include "rpc/dialog.h"
#include "rpc/failure.h"
#include "rpc/stream.h"

namespace jammi {

struct MethodOptions {
  RpcAccess access = RpcAccess::kRead;
  ErrorFamily errors = ErrorFamily::kEngine;
  // The handler, or what opens the stream, never waits: it runs where the call comes in. Else on a thread of
  // the pool.
  bool quick = false;
  // It is about a tenant's things: a session whose tenant has expired may not call it (SRV-034).
  bool scoped = true;
  // Its streams end by themselves when the server drains.
  bool ends_itself = false;
};

[[nodiscard]] grpc::ByteBuffer Encode(const google::protobuf::MessageLite& message);

// The answer of an asynchronous method: called once, from any thread, which does not wait for the sending.
using EncodedReply = std::move_only_function<void(Result<grpc::ByteBuffer>)>;
template <class Response>
class RpcReply {
 public:
  explicit RpcReply(EncodedReply reply) : reply_(std::move(reply)) {}
  void operator()(Result<Response> response) {
    if (response) {
      reply_(Encode(*response));
    } else {
      reply_(std::move(response).error());
    }
  }

 private:
  EncodedReply reply_;
};

// A method, with its types erased.
struct RpcMethod {
  std::string name;
  std::string path;  // "/package.Service/Name"
  bool client_streams = false;
  bool server_streams = false;
  bool asynchronous = false;  // the answer may come later, from any thread
  MethodOptions options;
  std::string request_type;  // for messages
  std::string unserved;      // why it is not served, if it is not
  std::function<std::unique_ptr<google::protobuf::MessageLite>()> make_request;
  // At most one of these; none: the method is not served.
  std::function<void(const RpcCall&, const google::protobuf::MessageLite&, EncodedReply)> unary;
  std::function<Result<std::unique_ptr<RpcStream>>(const RpcCall&, const google::protobuf::MessageLite&)>
      stream;
  // With the client's first message.
  std::function<Result<std::unique_ptr<RpcDialog>>(const RpcCall&, const google::protobuf::MessageLite&)>
      dialog;

  [[nodiscard]] bool served() const { return unary || stream || dialog; }
};

class RpcService {
 public:
  // `full_name` is a service whose messages are linked in. `unserved` ends the sentence about a method that
  // is not registered: "... is not available on this server: <unserved>".
  explicit RpcService(std::string_view full_name,
                      std::string_view unserved = "this version does not have it");
  virtual ~RpcService() = default;
  RpcService(const RpcService&) = delete;
  RpcService& operator=(const RpcService&) = delete;

  [[nodiscard]] const std::string& full_name() const { return full_name_; }
  [[nodiscard]] const std::vector<RpcMethod>& methods() const { return methods_; }

  // `name` is a method of the service with these types: anything else is a bug, and ends the program.
  template <class Request, class Response>
  void Unary(std::string_view name, MethodOptions options,
             std::function<Result<Response>(const RpcCall&, const Request&)> handler) {
    auto& method = OneReply<Request, Response>(name, options);
    method.unary = [handler = std::move(handler)](const RpcCall& call,
                                                  const google::protobuf::MessageLite& request,
                                                  EncodedReply reply) {
      RpcReply<Response>(std::move(reply))(handler(call, static_cast<const Request&>(request)));
    };
  }
  template <class Request, class Response>
  void UnaryAsync(std::string_view name, MethodOptions options,
                  std::function<void(const RpcCall&, const Request&, RpcReply<Response>)> handler) {
    auto& method = OneReply<Request, Response>(name, options);
    method.asynchronous = true;
    method.unary = [handler = std::move(handler)](const RpcCall& call,
                                                  const google::protobuf::MessageLite& request,
                                                  EncodedReply reply) {
      handler(call, static_cast<const Request&>(request), RpcReply<Response>(std::move(reply)));
    };
  }
  template <class Request, class Response>
  void ServerStream(
      std::string_view name, MethodOptions options,
      std::function<Result<std::unique_ptr<RpcStream>>(const RpcCall&, const Request&)> handler) {
    auto& method = Find(name, Request().GetTypeName(), Response().GetTypeName(), false, true);
    Describe<Request>(method, options);
    method.stream = [handler = std::move(handler)](const RpcCall& call,
                                                   const google::protobuf::MessageLite& request) {
      return handler(call, static_cast<const Request&>(request));
    };
  }

  template <class Request, class Response>
  void Converse(std::string_view name, MethodOptions options,
                std::function<Result<std::unique_ptr<RpcDialog>>(const RpcCall&, const Request&)> handler) {
    auto& method = Find(name, Request().GetTypeName(), Response().GetTypeName(), true, true);
    Describe<Request>(method, options);
    method.dialog = [handler = std::move(handler)](const RpcCall& call,
                                                   const google::protobuf::MessageLite& first) {
      return handler(call, static_cast<const Request&>(first));
    };
  }

 private:
  template <class Request, class Response>
  [[nodiscard]] RpcMethod& OneReply(std::string_view name, const MethodOptions& options) {
    auto& method = Find(name, Request().GetTypeName(), Response().GetTypeName(), false, false);
    Describe<Request>(method, options);
    return method;
  }
  [[nodiscard]] RpcMethod& Find(std::string_view name, const std::string& request,
                                const std::string& response, bool client_streams, bool server_streams);
  template <class Request>
  static void Describe(RpcMethod& method, const MethodOptions& options) {
    method.options = options;
    method.make_request = [] { return std::make_unique<Request>(); };
  }

  std::string full_name_;
  std::vector<RpcMethod> methods_;
};

}  // namespace jammi
