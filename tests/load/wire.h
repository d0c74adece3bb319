// The calls of the load test, over the wire.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "client/rpc_channel.h"
#include "jammi/v1/trigger.pb.h"
#include "load/record.h"

namespace jammi::test {

// A connection of its own. With a tenant, in a new session that is bound to it.
Result<RpcChannel> OpenFor(const std::string& target, std::optional<uint32_t> tenant);

Result<void> RegisterTopic(const RpcChannel& channel, uint32_t topic);
// Returns the event's offset.
Result<uint64_t> Publish(const RpcChannel& channel, const EventId& event);
// From `offset` on, or only what comes (Record::kLive).
ServerStream<v1::trigger::SubscribedBatch> Subscribe(const RpcChannel& channel, uint32_t view,
                                                     uint64_t offset, bool replay_only);

}  // namespace jammi::test
