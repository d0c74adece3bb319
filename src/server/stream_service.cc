// jammi.ext.v1.StreamService
#include "jammi/ext/v1/streams.pb.h"

#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <arrow/type.h>

#include <algorithm>
#include <utility>

#include "base/invalid.h"
#include "server/arrow_wire.h"
#include "server/consume_dialog.h"
#include "server/named_publisher.h"
#include "server/services.h"
#include "server/topic_errors.h"
#include "server/wire_consumer.h"
#include "server/wire_time.h"

namespace jammi {
namespace {

namespace ext_wire = ::jammi::ext::v1;
using google::protobuf::Empty;

constexpr int64_t kMaxReadBytes = int64_t{32} << 20;

constexpr MethodOptions kStreamReads{.access = RpcAccess::kRead, .errors = ErrorFamily::kTrigger};
constexpr MethodOptions kStreamWrites{.access = RpcAccess::kWrite, .errors = ErrorFamily::kTrigger};

// --- Events

Result<ext_wire::ReadResponse> Read(const Session& session, const RpcCall& call,
                                    const ext_wire::ReadRequest& request) {
  JAMMI_ASSIGN(const auto from, ToFrom(request.from(), From::Offset(0)));
  ReadOptions options{.predicate = request.predicate(), .deadline = call.deadline, .stop = call.stop};
  if (request.max_events() != 0) options.max_events = request.max_events();
  if (request.max_bytes() != 0) options.max_bytes = std::min(request.max_bytes(), kMaxReadBytes);
  JAMMI_ASSIGN(const auto page, session.ReadTopic(request.topic(), from, options));
  ext_wire::ReadResponse response;
  for (const auto& delivery : page.deliveries) {
    auto& event = *response.add_events();
    event.set_offset(delivery.offset);
    *event.mutable_produced_at() = ToTimestamp(delivery.produced_at);
    JAMMI_ASSIGN(*event.mutable_batch()->mutable_data_body(), EncodeWireBatch(*delivery.batch));
  }
  response.set_next_position(page.next.ToString());
  response.set_at_head(page.at_head);
  response.set_head(page.head);
  response.set_low_water(page.low_water);
  return response;
}

// --- Consumers

Result<ext_wire::Consumer> CreateConsumer(const Session& session, const RpcCall&,
                                          const ext_wire::CreateConsumerRequest& request) {
  CreateConsumerOptions options{.predicate = request.predicate()};
  JAMMI_ASSIGN(options.from, ToFrom(request.from(), From::Newest()));
  JAMMI_ASSIGN(const auto consumer, session.consumers().Create(request.topic(), request.name(), options));
  return ToWire(consumer);
}

Result<ext_wire::Consumer> GetConsumer(const Session& session, const RpcCall&,
                                       const ext_wire::GetConsumerRequest& request) {
  JAMMI_ASSIGN(const auto consumer, session.consumers().Get(request.topic(), request.name()));
  return ToWire(consumer);
}

Result<ext_wire::ListConsumersResponse> ListConsumers(const Session& session, const RpcCall&,
                                                      const ext_wire::ListConsumersRequest& request) {
  const int size = request.page_size() == 0 ? kDefaultPageSize : request.page_size();
  JAMMI_ASSIGN(const auto page, session.consumers().List(request.topic(), size, request.page_token()));
  ext_wire::ListConsumersResponse response;
  for (const auto& consumer : page.items) *response.add_consumers() = ToWire(consumer);
  response.set_next_page_token(page.next_page_token);
  return response;
}

OnLeased Leased(bool take_over) { return take_over ? OnLeased::kTakeOver : OnLeased::kFail; }

Result<ext_wire::Consumer> ResetConsumer(const Session& session, const RpcCall&,
                                         const ext_wire::ResetConsumerRequest& request) {
  if (request.to().from_case() == ext_wire::Start::FROM_NOT_SET) return Invalid("to is required");
  JAMMI_ASSIGN(const auto to, ToFrom(request.to(), From::Newest()));
  JAMMI_ASSIGN(const auto consumer,
               session.consumers().Reset(request.topic(), request.name(), to, Leased(request.take_over())));
  return ToWire(consumer);
}

Result<Empty> DeleteConsumer(const Session& session, const RpcCall&,
                             const ext_wire::DeleteConsumerRequest& request) {
  JAMMI_TRY(session.consumers().Delete(request.topic(), request.name(), Leased(request.take_over())));
  return Empty();
}

// --- Settings

Result<Empty> SetRetention(const Session& session, const RpcCall&,
                           const ext_wire::SetRetentionRequest& request) {
  TopicRetention retention;
  const auto& given = request.retention();
  if (given.has_max_age()) {
    JAMMI_ASSIGN(retention.max_age, FromDuration(given.max_age()));
  }
  if (given.has_max_bytes()) retention.max_bytes = given.max_bytes();
  if (given.has_max_events()) retention.max_events = given.max_events();
  if (given.has_keep_for_consumers()) retention.keep_for_consumers = given.keep_for_consumers();
  auto topics = session.topics();
  JAMMI_ASSIGN(const auto topic, topics.Find(request.topic()));
  JAMMI_TRY(topics.SetRetention(topic.id, retention));
  return Empty();
}

Result<ext_wire::AppendColumnsResponse> AppendColumns(const Session& session, const RpcCall&,
                                                      const ext_wire::AppendColumnsRequest& request) {
  JAMMI_ASSIGN(const auto columns, DecodeWireSchema(request.schema()));
  auto topics = session.topics();
  JAMMI_ASSIGN(const auto topic, topics.Find(request.topic()));
  JAMMI_ASSIGN(const auto grown, topics.AppendColumns(topic.id, columns->fields()));
  ext_wire::AppendColumnsResponse response;
  JAMMI_ASSIGN(*response.mutable_schema(), EncodeWireSchema(*grown.schema));
  return response;
}

Result<ext_wire::TopicStatsResponse> StatsOfTopic(const Session& session, const RpcCall&,
                                                  const ext_wire::TopicStatsRequest& request) {
  const auto topics = session.topics();
  JAMMI_ASSIGN(const auto topic, topics.Find(request.topic()));
  JAMMI_ASSIGN(const auto stats, topics.Stats(topic.id));
  JAMMI_ASSIGN(const auto fan_out, topics.FanOut(topic.id));
  ext_wire::TopicStatsResponse response;
  response.set_topic_id(topic.id.ToString());
  response.set_head(stats.next_offset);
  response.set_low_water(stats.low_water);
  response.set_events(stats.events);
  if (stats.bytes) response.set_bytes(*stats.bytes);
  if (stats.oldest_at) *response.mutable_oldest_at() = ToTimestamp(*stats.oldest_at);
  if (stats.newest_at) *response.mutable_newest_at() = ToTimestamp(*stats.newest_at);
  auto& retention = *response.mutable_retention();
  const auto& holds = stats.retention;
  *retention.mutable_max_age() = ToDuration(holds.max_age.value_or(std::chrono::microseconds(0)));
  retention.set_max_bytes(holds.max_bytes.value_or(0));
  retention.set_max_events(holds.max_events.value_or(0));
  retention.set_keep_for_consumers(holds.keep_for_consumers.value_or(false));
  response.set_fan_out_failing(fan_out.failing);
  response.set_fan_out_last_error(fan_out.last_error);
  response.set_fan_out_waiting(fan_out.waiting);
  response.set_fan_out_lost(fan_out.lost);
  return response;
}

class StreamService final : public RpcService {
 public:
  StreamService(const ServerContext& context, NamedPublisher& publisher, RpcExecutor& executor,
                ServerMetrics& metrics)
      : RpcService(kStreamServiceName),
        context_(context),
        publisher_(publisher),
        executor_(executor),
        metrics_(metrics) {
    UnaryAsync<ext_wire::PublishManyRequest, ext_wire::PublishManyResponse>(
        "PublishMany", kStreamWrites,
        [this](const RpcCall& call, const ext_wire::PublishManyRequest& request,
               RpcReply<ext_wire::PublishManyResponse> reply) {
          PublishMany(call, request, std::move(reply));
        });
    OnTopic("Read", kStreamReads, Read);
    OnTopic("CreateConsumer", kStreamWrites, CreateConsumer);
    OnTopic("GetConsumer", kStreamReads, GetConsumer);
    OnTopic("ListConsumers", kStreamReads, ListConsumers);
    OnTopic("ResetConsumer", kStreamWrites, ResetConsumer);
    OnTopic("DeleteConsumer", kStreamWrites, DeleteConsumer);
    OnTopic("SetRetention", kStreamWrites, SetRetention);
    OnTopic("AppendColumns", kStreamWrites, AppendColumns);
    OnTopic("TopicStats", kStreamReads, StatsOfTopic);
    Converse<ext_wire::ConsumeRequest, ext_wire::ConsumeResponse>(
        "Consume", kStreamWrites,
        [this](const RpcCall& call, const ext_wire::ConsumeRequest& first) { return Consume(call, first); });
  }

 private:
  // A method of the topic that the request names.
  template <class Request, class Response>
  void OnTopic(std::string_view name, MethodOptions options,
               Result<Response> (*verb)(const Session&, const RpcCall&, const Request&)) {
    Unary<Request, Response>(name, options,
                             [this, verb](const RpcCall& call, const Request& request) -> Result<Response> {
                               if (request.topic().empty()) return Invalid("topic is required");
                               auto response = verb(context_.SessionOf(call), call, request);
                               if (!response)
                                 return NamingTopic(std::move(response).error(), request.topic());
                               return response;
                             });
  }

  [[nodiscard]] Result<NamedPublisher::Request> Check(const RpcCall& call,
                                                      const ext_wire::PublishManyRequest& request) {
    if (request.topic().empty()) return Invalid("topic is required");
    NamedPublisher::Request checked{.scope = call.identity.scope,
                                    .topic = request.topic(),
                                    .batches = {},
                                    .options = {.producer_key = request.producer_key()},
                                    .deadline = call.deadline};
    for (int i = 0; i < request.batches_size(); ++i) {
      const auto& given = request.batches(i);
      auto batch = DecodeWireBatch(given.data_header(), given.data_body(), nullptr, &schemas_);
      if (!batch) return std::move(batch).error().While(fmt::format("batch {}", i));
      checked.batches.push_back(*std::move(batch));
    }
    return checked;
  }

  void PublishMany(const RpcCall& call, const ext_wire::PublishManyRequest& request,
                   RpcReply<ext_wire::PublishManyResponse> reply) {
    auto checked = Check(call, request);
    if (!checked) return reply(std::move(checked).error());
    publisher_.Publish(*std::move(checked),
                       [reply = std::move(reply)](Result<PublishOutcome> outcome) mutable {
                         if (!outcome) return reply(std::move(outcome).error());
                         ext_wire::PublishManyResponse response;
                         response.set_first_offset(outcome->offset.value);
                         *response.mutable_committed_at() = ToTimestamp(outcome->offset.committed_at);
                         response.set_duplicate(outcome->duplicate);
                         reply(std::move(response));
                       });
  }

  [[nodiscard]] Result<std::unique_ptr<RpcDialog>> Consume(const RpcCall& call,
                                                           const ext_wire::ConsumeRequest& first) const {
    if (!first.has_attach()) return Invalid("the first message must be attach");
    const auto& attach = first.attach();
    if (attach.topic().empty()) return Invalid("topic is required");
    JAMMI_ASSIGN(const auto options, ToAttachOptions(attach));
    const auto consumers = context_.SessionOf(call).consumers();
    auto subscription = consumers.Attach(attach.topic(), attach.name(), options);
    if (!subscription) return NamingTopic(std::move(subscription).error(), attach.topic());
    JAMMI_ASSIGN(const auto consumer, consumers.Get(attach.topic(), attach.name()));
    return std::make_unique<ConsumeDialog>(*std::move(subscription), ToWire(consumer), executor_,
                                           LaneOf(call.identity.scope), metrics_);
  }

  const ServerContext& context_;
  NamedPublisher& publisher_;
  RpcExecutor& executor_;
  ServerMetrics& metrics_;
  WireSchemas schemas_;
};

}  // namespace

std::unique_ptr<RpcService> NewStreamService(const ServerContext& context, NamedPublisher& publisher,
                                             RpcExecutor& executor, ServerMetrics& metrics) {
  return std::make_unique<StreamService>(context, publisher, executor, metrics);
}

}  // namespace jammi
