// The calls that publish and subscribe, ready to be sent.
#pragma once

#include <arrow/type_fwd.h>

#include <string>

#include "bench/measure.h"
#include "bench/raw_grpc.h"
#include "jammi/v1/trigger.pb.h"
#include "server/arrow_wire.h"

namespace jammi::bench {

inline constexpr const char* kPublish = "/jammi.v1.trigger.TriggerService/Publish";
inline constexpr const char* kSubscribe = "/jammi.v1.trigger.TriggerService/Subscribe";

inline grpc::ByteBuffer PublishCall(const std::string& topic, const arrow::RecordBatch& batch) {
  ::jammi::v1::trigger::PublishRequest request;
  request.mutable_topic()->set_name(topic);
  request.mutable_batch()->set_data_body(Must(EncodeWireBatch(batch)));
  return ToBuffer(request.SerializeAsString());
}

// All that there is, and then the end.
inline grpc::ByteBuffer ReplayCall(const std::string& topic) {
  ::jammi::v1::trigger::SubscribeRequest request;
  request.mutable_topic()->set_name(topic);
  request.set_from_offset(0);
  request.set_replay_only(true);
  return ToBuffer(request.SerializeAsString());
}

// What comes from now on.
inline grpc::ByteBuffer FollowCall(const std::string& topic) {
  ::jammi::v1::trigger::SubscribeRequest request;
  request.mutable_topic()->set_name(topic);
  return ToBuffer(request.SerializeAsString());
}

}  // namespace jammi::bench
