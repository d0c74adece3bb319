// jammi consumers list|describe|create|reset|delete
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/text.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/start_option.h"
#include "cli/timestamp.h"
#include "jammi/ext/v1/streams.pb.h"

namespace jammi {
namespace {

namespace streams = ext::v1;

struct ConsumersArguments {
  std::string topic;
  std::string name;
  std::string where;
  std::string from = "end";
  std::string to;
  bool take_over = false;
};

nlohmann::ordered_json ConsumerJson(const streams::Consumer& consumer) {
  nlohmann::ordered_json json = {{"name", consumer.name()},
                                 {"topic_id", consumer.topic_id()},
                                 {"tenant_id", nullptr},
                                 {"predicate", consumer.predicate()},
                                 {"offset", consumer.offset()},
                                 {"head", consumer.head()},
                                 {"low_water", consumer.low_water()},
                                 {"lag", consumer.lag()},
                                 {"position", consumer.position()},
                                 {"needs_reset", consumer.needs_reset()},
                                 {"created_at", FormatUtc(Micros(consumer.created_at()))},
                                 {"lease", nullptr}};
  if (!consumer.tenant_id().empty()) json["tenant_id"] = consumer.tenant_id();
  if (consumer.has_lease()) {
    json["lease"] = {{"holder", consumer.lease().holder()},
                     {"epoch", consumer.lease().epoch()},
                     {"live", consumer.lease().live()},
                     {"expires_at", FormatUtc(Micros(consumer.lease().expires_at()))}};
  }
  return json;
}

std::string Reader(const streams::Consumer& consumer) {
  return consumer.has_lease() && consumer.lease().live() ? consumer.lease().holder() : std::string(kDash);
}

Result<void> SetStart(std::string_view option, const std::string& text, streams::Start& start) {
  auto parsed = ParseStart(text);
  if (!parsed) return std::move(parsed).error().While(option);
  start = *std::move(parsed);
  return {};
}

Result<void> List(const RemoteCall& call, const ConsumersArguments& arguments) {
  auto json = nlohmann::ordered_json::array();
  const TextTable table(call.out, {{"Name", 30}, {"Offset", 12}, {"Lag", 12}, {"Reader"}}, 80);
  streams::ListConsumersRequest request;
  request.set_topic(arguments.topic);
  bool any = false;
  do {
    JAMMI_ASSIGN(const auto page, call.channel.Call<streams::ListConsumersResponse>(
                                      "/jammi.ext.v1.StreamService/ListConsumers", request));
    for (const auto& consumer : page.consumers()) {
      if (call.json()) {
        json.push_back(ConsumerJson(consumer));
        continue;
      }
      if (!std::exchange(any, true)) table.Header();
      table.Row({consumer.name(), std::to_string(consumer.offset()), std::to_string(consumer.lag()),
                 Reader(consumer)});
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  if (call.json()) {
    PrintJson(call.out, json);
  } else if (!any) {
    call.out << "No consumers registered.\n";
  }
  return {};
}

void Print(const RemoteCall& call, const streams::Consumer& consumer) {
  if (call.json()) {
    PrintJson(call.out, ConsumerJson(consumer));
    return;
  }
  call.out << fmt::format(
      "name:      {}\noffset:    {}\nhead:      {}\nlag:       {}\npredicate: {}\nreader:    {}\n{}",
      Printable(consumer.name()), consumer.offset(), consumer.head(), consumer.lag(),
      consumer.predicate().empty() ? std::string(kDash) : Printable(consumer.predicate()),
      Printable(Reader(consumer)),
      consumer.needs_reset() ? "It must be reset: its position is of an earlier life of the catalog.\n" : "");
}

Result<void> DescribeConsumer(const RemoteCall& call, const ConsumersArguments& arguments) {
  streams::GetConsumerRequest request;
  request.set_topic(arguments.topic);
  request.set_name(arguments.name);
  JAMMI_ASSIGN(const auto consumer,
               call.channel.Call<streams::Consumer>("/jammi.ext.v1.StreamService/GetConsumer", request));
  Print(call, consumer);
  return {};
}

Result<void> CreateConsumer(const RemoteCall& call, const ConsumersArguments& arguments) {
  streams::CreateConsumerRequest request;
  request.set_topic(arguments.topic);
  request.set_name(arguments.name);
  request.set_predicate(arguments.where);
  JAMMI_TRY(SetStart("--from", arguments.from, *request.mutable_from()));
  JAMMI_ASSIGN(const auto consumer,
               call.channel.Call<streams::Consumer>("/jammi.ext.v1.StreamService/CreateConsumer", request));
  if (call.json()) {
    PrintJson(call.out, ConsumerJson(consumer));
  } else {
    call.out << fmt::format("Consumer '{}' created at offset {}.\n", Printable(consumer.name()),
                            consumer.offset());
  }
  return {};
}

Result<void> Reset(const RemoteCall& call, const ConsumersArguments& arguments) {
  streams::ResetConsumerRequest request;
  request.set_topic(arguments.topic);
  request.set_name(arguments.name);
  request.set_take_over(arguments.take_over);
  JAMMI_TRY(SetStart("--to", arguments.to, *request.mutable_to()));
  JAMMI_ASSIGN(const auto consumer,
               call.channel.Call<streams::Consumer>("/jammi.ext.v1.StreamService/ResetConsumer", request));
  if (call.json()) {
    PrintJson(call.out, ConsumerJson(consumer));
  } else {
    call.out << fmt::format("Consumer '{}' reset to offset {}.\n", Printable(consumer.name()),
                            consumer.offset());
  }
  return {};
}

Result<void> DeleteConsumer(const RemoteCall& call, const ConsumersArguments& arguments) {
  streams::DeleteConsumerRequest request;
  request.set_topic(arguments.topic);
  request.set_name(arguments.name);
  request.set_take_over(arguments.take_over);
  google::protobuf::Empty nothing;
  JAMMI_TRY(call.channel.CallInto("/jammi.ext.v1.StreamService/DeleteConsumer", request, nothing));
  if (call.json()) {
    PrintJson(call.out, {{"result", "deleted"}, {"name", arguments.name}});
  } else {
    call.out << fmt::format("Consumer '{}' deleted.\n", Printable(arguments.name));
  }
  return {};
}

}  // namespace

void AddConsumersCommand(CLI::App& app, const RemotePtr& remote) {
  const auto arguments = std::make_shared<ConsumersArguments>();
  auto* group = AddGroup(app, "consumers", "Named consumers of a topic, whose place the server keeps");
  using Verb = Result<void> (*)(const RemoteCall&, const ConsumersArguments&);
  const auto add = [&](const char* name, const char* description, const char* examples, Verb verb) {
    auto* command = AddRemoteCommand(
        *group, remote,
        {.name = name,
         .description = description,
         .examples = examples,
         .verb = [arguments, verb](const RemoteCall& call) { return verb(call, *arguments); }});
    command->add_option("--topic", arguments->topic, "The topic")->type_name("NAME")->required();
    return command;
  };
  const auto add_one = [&](const char* name, const char* description, const char* examples, Verb verb) {
    auto* command = add(name, description, examples, verb);
    command->add_option("name", arguments->name, "The consumer")->type_name("NAME")->required();
    return command;
  };
  const auto add_take_over = [&](CLI::App* command) {
    command->add_flag("--take-over", arguments->take_over, "Also while somebody reads");
  };
  add("list", "List those of a topic", "jammi consumers list --topic quakes", List);
  add_one("describe", "Say where one is", "jammi consumers describe billing --topic quakes",
          DescribeConsumer);
  auto* create = add_one("create", "Make one",
                         "jammi consumers create billing --topic quakes --from begin --where 'magnitude > 5'",
                         CreateConsumer);
  create->add_option("--from", arguments->from, "Where it begins")
      ->option_text(fmt::format("{}  (default: end)", kStartValues));
  create->add_option("--where", arguments->where, "Which rows it gets")->type_name("PREDICATE");
  auto* reset =
      add_one("reset", "Put one elsewhere", "jammi consumers reset billing --topic quakes --to begin", Reset);
  reset->add_option("--to", arguments->to, "Where it goes on")
      ->required()
      ->option_text(fmt::format("{} REQUIRED", kStartValues));
  add_take_over(reset);
  add_take_over(
      add_one("delete", "Delete one", "jammi consumers delete billing --topic quakes", DeleteConsumer));
}

}  // namespace jammi
