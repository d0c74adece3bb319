// The parts of jammi.v1.catalog.CatalogService: each adds the methods of its subject. The context outlives
// the service.
#pragma once

#include <string_view>

#include "base/call_limit.h"
#include "rpc/service.h"
#include "server/server_context.h"

namespace jammi {

void AddChannelMethods(RpcService& service, const ServerContext& context);
void AddLineageMethods(RpcService& service, const ServerContext& context);
void AddModelMethods(RpcService& service, const ServerContext& context);
void AddSourceMethods(RpcService& service, const ServerContext& context);
void AddTableMethods(RpcService& service, const ServerContext& context);
void AddTopicMethods(RpcService& service, const ServerContext& context);

// What a method of the catalog is given beside its request.
struct CatalogCall {
  Session session;
  Deadline deadline;
  size_t max_reply_bytes;
  CallLimit limit;  // of what takes several steps
};

template <class Request, class Response>
void AddCatalogMethod(RpcService& service, const ServerContext& context, std::string_view name,
                      const MethodOptions& options,
                      Result<Response> (*handler)(const CatalogCall&, const Request&)) {
  service.Unary<Request, Response>(
      name, options, [&context, handler](const RpcCall& call, const Request& request) {
        return handler({.session = context.SessionOf(call),
                        .deadline = call.deadline,
                        .max_reply_bytes = context.config.server.max_message_bytes,
                        .limit = {.deadline = call.deadline, .stop = call.stop}},
                       request);
      });
}

}  // namespace jammi
