// The topics of the server, as the commands on streams need them.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/rpc_channel.h"
#include "jammi/result.h"
#include "jammi/v1/catalog.pb.h"

namespace jammi {

// All that are visible, in the server's order.
[[nodiscard]] Result<std::vector<v1::catalog::Topic>> ListTopics(const RpcChannel& channel);
// "topic '<name>' not found"
[[nodiscard]] Error NoTopic(std::string_view name);
// The one of this name: a tenant's own before a global one. Errors: kNotFound: NoTopic().
[[nodiscard]] Result<v1::catalog::Topic> FindTopic(const RpcChannel& channel, std::string_view name);

// "col:type[:nullable],..." as CLI-041 has it. Errors: kInvalidArgument.
[[nodiscard]] Result<std::shared_ptr<arrow::Schema>> ParseTopicSchema(std::string_view spec);

}  // namespace jammi
