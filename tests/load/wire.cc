#include "load/wire.h"

#include <arrow/api.h>

#include <stdexcept>

#include "jammi/v1/catalog.pb.h"
#include "rows/ipc_stream.h"

namespace jammi::test {
namespace {

namespace catalog = ::jammi::v1::catalog;
namespace trigger = ::jammi::v1::trigger;

const std::shared_ptr<arrow::Schema>& Schema() {
  static const auto schema = arrow::schema({arrow::field("event", arrow::utf8(), false)});
  return schema;
}

// One row, padded to what an event of a small company looks like.
Result<std::string> Encode(const EventId& event) {
  std::string text = ToText(event);
  text.resize(100, '.');
  arrow::StringBuilder builder;
  if (!builder.Append(text).ok()) throw std::runtime_error("out of memory");
  return EncodeBatchStream(*arrow::RecordBatch::Make(Schema(), 1, {builder.Finish().ValueOrDie()}));
}

}  // namespace

Result<RpcChannel> OpenFor(const std::string& target, std::optional<uint32_t> tenant) {
  JAMMI_ASSIGN(auto channel,
               RpcChannel::Open({.target = target, .connect_timeout = std::chrono::seconds(60)}));
  JAMMI_TRY(channel.Connect());
  if (tenant) {
    catalog::SetTenantRequest request;
    request.mutable_tenant()->set_id(kTenants[*tenant]);
    google::protobuf::Empty nothing;
    JAMMI_TRY(channel.CallInto("/jammi.v1.catalog.CatalogService/SetTenant", request, nothing));
  }
  return channel;
}

Result<void> RegisterTopic(const RpcChannel& channel, uint32_t topic) {
  catalog::RegisterTopicRequest request;
  request.set_name(kTopicNames[topic]);
  JAMMI_ASSIGN(*request.mutable_schema(), EncodeSchemaStream(*Schema()));
  catalog::RegisterTopicResponse response;
  return channel.CallInto("/jammi.v1.catalog.CatalogService/RegisterTopic", request, response);
}

Result<uint64_t> Publish(const RpcChannel& channel, const EventId& event) {
  trigger::PublishRequest request;
  request.mutable_topic()->set_name(kTopicNames[TopicOf(event.view)]);
  JAMMI_ASSIGN(*request.mutable_batch()->mutable_data_body(), Encode(event));
  trigger::PublishResponse response;
  JAMMI_TRY(channel.CallInto("/jammi.v1.trigger.TriggerService/Publish", request, response));
  return response.offset();
}

ServerStream<trigger::SubscribedBatch> Subscribe(const RpcChannel& channel, uint32_t view, uint64_t offset,
                                                 bool replay_only) {
  trigger::SubscribeRequest request;
  request.mutable_topic()->set_name(kTopicNames[TopicOf(view)]);
  if (offset != Record::kLive) request.set_from_offset(offset);
  request.set_replay_only(replay_only);
  return channel.Stream<trigger::SubscribedBatch>("/jammi.v1.trigger.TriggerService/Subscribe", request);
}

}  // namespace jammi::test
