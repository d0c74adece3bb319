#include "server/wire_consumer.h"

#include <chrono>

#include "server/wire_time.h"

namespace jammi {

namespace ext_wire = ::jammi::ext::v1;

ext_wire::Consumer ToWire(const Consumer& consumer) {
  ext_wire::Consumer message;
  message.set_topic_id(consumer.topic.ToString());
  message.set_name(consumer.name);
  message.set_tenant_id(consumer.owner.Key());
  message.set_predicate(consumer.predicate);
  message.set_start(consumer.start);
  message.set_offset(consumer.position.offset);
  message.set_position(consumer.position.ToString());
  message.set_needs_reset(consumer.needs_reset);
  message.set_head(consumer.head);
  message.set_low_water(consumer.low_water);
  message.set_lag(consumer.Lag());
  if (consumer.lease) {
    auto& lease = *message.mutable_lease();
    lease.set_holder(consumer.lease->token.holder);
    lease.set_epoch(consumer.lease->token.epoch);
    *lease.mutable_expires_at() = ToTimestamp(consumer.lease->expires_at);
    lease.set_live(consumer.lease->live);
  }
  *message.mutable_created_at() = ToTimestamp(consumer.created_at);
  return message;
}

Result<From> ToFrom(const ext_wire::Start& start, From absent) {
  switch (start.from_case()) {
    case ext_wire::Start::kOffset:
      return From::Offset(start.offset());
    case ext_wire::Start::kTime: {
      JAMMI_ASSIGN(const auto time, FromTimestamp(start.time()));
      return From::Time(time);
    }
    case ext_wire::Start::kNewest:
      return From::Newest();
    case ext_wire::Start::kPosition: {
      JAMMI_ASSIGN(const auto position, Position::Parse(start.position()));
      return From::Position(position);
    }
    case ext_wire::Start::FROM_NOT_SET:
      break;
  }
  return absent;
}

Result<AttachOptions> ToAttachOptions(const ext_wire::ConsumeRequest::Attach& attach) {
  AttachOptions options;
  if (attach.has_create_if_absent()) {
    auto& create = options.create_if_absent.emplace();
    create.predicate = attach.create_if_absent().predicate();
    JAMMI_ASSIGN(create.from, ToFrom(attach.create_if_absent().from(), From::Newest()));
  }
  if (attach.take_over()) options.on_leased = OnLeased::kTakeOver;
  options.holder = attach.holder();
  if (attach.has_lease()) {
    JAMMI_ASSIGN(const auto lease, FromDuration(attach.lease()));
    options.lease = std::chrono::duration_cast<std::chrono::milliseconds>(lease);
  }
  options.follow = !attach.replay_only();
  options.decode = false;
  // Who closes it is a thread that serves others: what is left goes on by itself.
  options.close_wait = std::chrono::milliseconds(0);
  return options;
}

}  // namespace jammi
