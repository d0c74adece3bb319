// jammi.v1.trigger.TriggerService
#include "jammi/v1/trigger.pb.h"

#include <utility>

#include "server/arrow_wire.h"
#include "server/event_stream.h"
#include "server/named_publisher.h"
#include "server/request_tenant.h"
#include "server/services.h"
#include "server/topic_errors.h"
#include "server/wire_time.h"

namespace jammi {
namespace {

namespace trigger_wire = ::jammi::v1::trigger;

Result<std::string> TopicOf(const trigger_wire::TopicName& topic) {
  if (topic.name().empty()) return Error(ErrorCode::kInvalidArgument, "topic is required");
  return topic.name();
}

class TriggerService final : public RpcService {
 public:
  TriggerService(const ServerContext& context, NamedPublisher& publisher, ServerMetrics& metrics)
      : RpcService(kTriggerServiceName), context_(context), publisher_(publisher), metrics_(metrics) {
    UnaryAsync<trigger_wire::PublishRequest, trigger_wire::PublishResponse>(
        "Publish", {.access = RpcAccess::kWrite, .errors = ErrorFamily::kTrigger, .quick = true},
        [this](const RpcCall& call, const trigger_wire::PublishRequest& request,
               RpcReply<trigger_wire::PublishResponse> reply) { Publish(call, request, std::move(reply)); });
    ServerStream<trigger_wire::SubscribeRequest, trigger_wire::SubscribedBatch>(
        "Subscribe", {.access = RpcAccess::kRead, .errors = ErrorFamily::kTrigger},
        [this](const RpcCall& call, const trigger_wire::SubscribeRequest& request) {
          return Subscribe(call, request);
        });
  }

 private:
  // SRV-150...152. The batch reads from the request, which is there until the reply.
  [[nodiscard]] Result<NamedPublisher::Request> Check(const RpcCall& call,
                                                      const trigger_wire::PublishRequest& request) {
    JAMMI_ASSIGN(auto topic, TopicOf(request.topic()));
    if (!request.has_batch()) return Error(ErrorCode::kInvalidArgument, "batch is required");
    JAMMI_ASSIGN(auto scope, ScopeOfRequest(call, request.tenant_id(), topic));
    const auto& given = request.batch();
    JAMMI_ASSIGN(auto batch, DecodeWireBatch(given.data_header(), given.data_body(), nullptr, &schemas_));
    return NamedPublisher::Request{.scope = std::move(scope),
                                   .topic = std::move(topic),
                                   .batches = {std::move(batch)},
                                   .options = {},
                                   .deadline = call.deadline};
  }

  void Publish(const RpcCall& call, const trigger_wire::PublishRequest& request,
               RpcReply<trigger_wire::PublishResponse> reply) {
    auto checked = Check(call, request);
    if (!checked) return reply(std::move(checked).error());
    publisher_.Publish(std::move(*checked),
                       [reply = std::move(reply)](Result<PublishOutcome> outcome) mutable {
                         if (!outcome) return reply(std::move(outcome).error());
                         trigger_wire::PublishResponse response;
                         response.set_offset(outcome->offset.value);
                         *response.mutable_committed_at() = ToTimestamp(outcome->offset.committed_at);
                         reply(std::move(response));
                       });
  }

  // SRV-160...168
  [[nodiscard]] Result<std::unique_ptr<RpcStream>> Subscribe(
      const RpcCall& call, const trigger_wire::SubscribeRequest& request) const {
    JAMMI_ASSIGN(const auto topic, TopicOf(request.topic()));
    JAMMI_ASSIGN(const auto scope, ScopeOfRequest(call, request.tenant_id(), topic));
    const auto session = context_.SessionOf(scope);
    const SubscribeOptions options{
        .predicate = request.predicate(), .follow = !request.replay_only(), .decode = false};
    auto from = request.has_from_offset() ? From::Offset(request.from_offset()) : From::Newest();
    auto subscription = session.Subscribe(topic, from, options);
    // 0 is all that is retained, wherever that begins by now; any other offset is one that somebody waits
    // for.
    while (!subscription && from.kind() == From::Kind::kOffset && request.from_offset() == 0) {
      const auto* evicted = subscription.error().As<OffsetEvictedDetail>();
      if (evicted == nullptr) break;
      from = From::Offset(evicted->low_water);
      subscription = session.Subscribe(topic, from, options);
    }
    if (!subscription) return NamingTopic(std::move(subscription).error(), topic);
    return std::make_unique<EventStream>(scope, *std::move(subscription), metrics_);
  }

  const ServerContext& context_;
  NamedPublisher& publisher_;
  ServerMetrics& metrics_;
  WireSchemas schemas_;
};

}  // namespace

std::unique_ptr<RpcService> NewTriggerService(const ServerContext& context, NamedPublisher& publisher,
                                              ServerMetrics& metrics) {
  return std::make_unique<TriggerService>(context, publisher, metrics);
}

}  // namespace jammi
