// Topics (SRV-140...144)
#include <arrow/type.h>
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <algorithm>

#include "base/invalid.h"
#include "jammi/v1/catalog.pb.h"
#include "server/all_pages.h"
#include "server/arrow_wire.h"
#include "server/catalog_service.h"

namespace jammi {
namespace {

namespace wire = ::jammi::v1::catalog;
using google::protobuf::Empty;

Result<wire::Topic> TopicToWire(const Topic& topic) {
  wire::Topic message;
  message.set_topic_id(topic.id.ToString());
  message.set_name(topic.name);
  JAMMI_ASSIGN(*message.mutable_schema(), EncodeWireSchema(*topic.schema));
  message.set_tenant_id(topic.owner.Key());
  for (const auto& [name, value] : topic.broker_metadata) (*message.mutable_broker_metadata())[name] = value;
  return message;
}

// The server makes the id; one in the request is of no account (SRV-140).
Result<wire::RegisterTopicResponse> RegisterTopic(const CatalogCall& call,
                                                  const wire::RegisterTopicRequest& request) {
  if (request.name().empty()) return Invalid("name is required");
  JAMMI_ASSIGN(const auto schema, DecodeWireSchema(request.schema()));
  const auto& metadata = request.broker_metadata();
  JAMMI_ASSIGN(const auto topic,
               call.session.topics().Register(request.name(), schema, {metadata.begin(), metadata.end()}));
  wire::RegisterTopicResponse reply;
  reply.set_topic_id(topic.id.ToString());
  return reply;
}

Result<Empty> DropTopic(const CatalogCall& call, const wire::DropTopicRequest& request) {
  const auto uuid = Uuid::Parse(request.topic_id());
  if (!uuid) return Invalid(fmt::format("invalid topic_id: '{}' is no UUID", request.topic_id()));
  const auto dropped = call.session.topics().Drop(TopicId(*uuid));
  const bool missing = !dropped && dropped.error().code() == ErrorCode::kNotFound;
  if (!dropped && !(missing && request.if_exists())) return dropped.error();
  return Empty();
}

// Without a page size: all there is.
Result<wire::ListTopicsResponse> ListTopics(const CatalogCall& call, const wire::ListTopicsRequest& request) {
  if (request.page_size() < 0) return Invalid("page_size must not be negative");
  const auto topics = call.session.topics();
  wire::ListTopicsResponse reply;
  const auto page = [&](int size, std::string_view token) -> Result<Page<Topic>> {
    const int asked = request.page_size() == 0 ? size : std::min(size, request.page_size());
    JAMMI_ASSIGN(auto listed, topics.List(asked, token));
    if (request.page_size() != 0) reply.set_next_page_token(std::exchange(listed.next_page_token, {}));
    return Page<Topic>{.items = std::move(listed.topics), .next_page_token = listed.next_page_token};
  };
  JAMMI_TRY(AddAllPages(*reply.mutable_topics(), call, page, TopicToWire, request.page_token()));
  return reply;
}

}  // namespace

void AddTopicMethods(RpcService& service, const ServerContext& context) {
  constexpr auto kTrigger = ErrorFamily::kTrigger;
  AddCatalogMethod(service, context, "RegisterTopic", {.access = RpcAccess::kWrite, .errors = kTrigger},
                   RegisterTopic);
  AddCatalogMethod(service, context, "DropTopic", {.access = RpcAccess::kWrite, .errors = kTrigger},
                   DropTopic);
  AddCatalogMethod(service, context, "ListTopics", {.access = RpcAccess::kRead, .errors = kTrigger},
                   ListTopics);
}

}  // namespace jammi
