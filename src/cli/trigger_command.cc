// jammi trigger list|register|drop, beside its settings, publish and subscribe
#include <arrow/api.h>
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/remote.h"
#include "cli/report.h"
#include "cli/topics.h"
#include "rows/ipc_stream.h"
#include "rows/type_name.h"

namespace jammi {
namespace {

namespace catalog = v1::catalog;

struct TriggerArguments {
  std::string name;
  std::string schema;
  std::string broker_metadata;
  bool if_exists = false;
};

std::string ShortType(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::INT64:
      return "int";
    case arrow::Type::DOUBLE:
      return "float";
    case arrow::Type::STRING:
      return "string";
    case arrow::Type::BOOL:
      return "bool";
    default:
      return "?";
  }
}

Result<nlohmann::ordered_json> TopicJson(const catalog::Topic& topic) {
  JAMMI_ASSIGN(const auto schema, DecodeSchemaStream(topic.schema()));
  auto columns = nlohmann::ordered_json::array();
  for (const auto& field : schema->fields()) {
    columns.push_back(
        {{"name", field->name()}, {"type", TypeName(*field->type())}, {"nullable", field->nullable()}});
  }
  nlohmann::ordered_json json = {
      {"name", topic.name()}, {"topic_id", topic.topic_id()}, {"tenant_id", nullptr}};
  if (!topic.tenant_id().empty()) json["tenant_id"] = topic.tenant_id();
  json["columns"] = std::move(columns);
  return json;
}

Result<void> ShowTopics(const RemoteCall& call) {
  JAMMI_ASSIGN(const auto topics, ListTopics(call.channel));
  if (call.json()) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& topic : topics) {
      JAMMI_ASSIGN(auto one, TopicJson(topic));
      json.push_back(std::move(one));
    }
    PrintJson(call.out, json);
    return {};
  }
  if (topics.empty()) {
    call.out << "No topics registered.\n";
    return {};
  }
  const TextTable table(call.out, {{"Name", 40}, {"Tenant", 10}, {"Columns"}}, 80);
  table.Header();
  for (const auto& topic : topics) {
    JAMMI_ASSIGN(const auto schema, DecodeSchemaStream(topic.schema()));
    std::vector<std::string> columns;
    for (const auto& field : schema->fields())
      columns.push_back(fmt::format("{}:{}", field->name(), ShortType(*field->type())));
    table.Row({topic.name(), topic.tenant_id().empty() ? std::string(kDash) : topic.tenant_id(),
               fmt::format("{}", fmt::join(columns, ", "))});
  }
  return {};
}

Result<void> AddMetadata(const std::string& text, catalog::RegisterTopicRequest& request) {
  if (text.empty()) return {};
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object())
    return Error(ErrorCode::kInvalidArgument,
                 "--broker-metadata must be a JSON object with texts as its values");
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string())
      return Error(ErrorCode::kInvalidArgument, fmt::format("--broker-metadata: '{}' is not a text", key));
    (*request.mutable_broker_metadata())[key] = value.get<std::string>();
  }
  return {};
}

Result<void> RegisterTopic(const RemoteCall& call, const TriggerArguments& arguments) {
  catalog::RegisterTopicRequest request;
  request.set_name(arguments.name);
  JAMMI_ASSIGN(const auto schema, ParseTopicSchema(arguments.schema));
  JAMMI_ASSIGN(*request.mutable_schema(), EncodeSchemaStream(*schema));
  JAMMI_TRY(AddMetadata(arguments.broker_metadata, request));
  JAMMI_ASSIGN(const auto answer, call.channel.Call<catalog::RegisterTopicResponse>(
                                      "/jammi.v1.catalog.CatalogService/RegisterTopic", request));
  if (call.json()) {
    PrintJson(call.out,
              {{"result", "registered"}, {"name", arguments.name}, {"topic_id", answer.topic_id()}});
  } else {
    call.out << fmt::format("Topic '{}' registered (id={}).\n", Printable(arguments.name), answer.topic_id());
  }
  return {};
}

// false: there is none that is the caller's. A global topic is seen by every tenant, and dropped by none of
// them.
Result<bool> DropOwnTopic(const RpcChannel& channel, const std::string& name) {
  const auto topic = FindTopic(channel, name);
  Result<void> dropped;
  if (topic) {
    catalog::DropTopicRequest request;
    request.set_topic_id(topic->topic_id());
    google::protobuf::Empty nothing;
    dropped = channel.CallInto("/jammi.v1.catalog.CatalogService/DropTopic", request, nothing);
  } else {
    dropped = topic.error();
  }
  if (!dropped && dropped.error().code() == ErrorCode::kNotFound) return false;
  JAMMI_TRY(dropped);
  return true;
}

Result<void> DropTopic(const RemoteCall& call, const TriggerArguments& arguments) {
  JAMMI_ASSIGN(const bool dropped, DropOwnTopic(call.channel, arguments.name));
  if (!dropped && !arguments.if_exists) return NoTopic(arguments.name);
  if (call.json()) {
    PrintJson(call.out, {{"result", dropped ? "dropped" : "absent"}, {"name", arguments.name}});
  } else {
    call.out << fmt::format("Topic '{}' {}.\n", Printable(arguments.name),
                            dropped ? "dropped" : "not found (no-op)");
  }
  return {};
}

}  // namespace

void AddTriggerCommand(CLI::App& app, const RemotePtr& remote) {
  const auto arguments = std::make_shared<TriggerArguments>();
  auto* group = AddGroup(app, "trigger", "Topics and their events");
  group->alias("topics");
  const auto add_name = [&](CLI::App* command) {
    command->add_option("--name", arguments->name, "The topic")->type_name("NAME")->required();
    return command;
  };
  AddRemoteCommand(*group, remote,
                   {.name = "list",
                    .description = "List the topics",
                    .examples = "jammi trigger list\njammi trigger list --output json",
                    .verb = ShowTopics});
  auto* add = add_name(AddRemoteCommand(
      *group, remote,
      {.name = "register",
       .description = "Make a topic",
       .examples = "jammi trigger register --name quakes --schema id:int,place:string:nullable",
       .verb = [arguments](const RemoteCall& call) { return RegisterTopic(call, *arguments); }}));
  add->add_option("--schema", arguments->schema, "Its columns; types: int, float, string, bool")
      ->type_name("COL:TYPE[:nullable],...")
      ->required();
  add->add_option("--broker-metadata", arguments->broker_metadata, "What older clients keep beside a topic")
      ->type_name("JSON");
  add_name(
      AddRemoteCommand(*group, remote,
                       {.name = "drop",
                        .description = "Drop a topic and its events",
                        .examples = "jammi trigger drop --name quakes --if-exists",
                        .verb = [arguments](const RemoteCall& call) { return DropTopic(call, *arguments); }}))
      ->add_flag("--if-exists", arguments->if_exists, "No error if there is none");
  AddTopicSettings(*group, remote);
  AddPublishCommand(*group, remote);
  AddSubscribeCommand(*group, remote);
}

}  // namespace jammi
