// jammi channels list|register|add-column
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <CLI/CLI.hpp>
#include <array>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/invalid.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "jammi/v1/catalog.pb.h"

namespace jammi {
namespace {

namespace catalog = v1::catalog;

struct ChannelsArguments {
  std::string name;
  int32_t priority = 0;
  std::vector<std::string> columns;
};

// By their numbers on the wire, from 1.
constexpr std::array<std::string_view, 6> kTypes = {"Float32", "Float64", "Int32",
                                                    "Int64",   "Utf8",    "Boolean"};

std::string_view TypeText(catalog::ChannelColumnType type) {
  const auto index = static_cast<size_t>(type);
  return index >= 1 && index <= kTypes.size() ? kTypes[index - 1] : "?";
}

Result<void> AddColumns(const ChannelsArguments& arguments,
                        google::protobuf::RepeatedPtrField<catalog::ChannelColumn>* columns) {
  if (arguments.columns.empty()) return Invalid("at least one --column is required");
  for (const std::string& text : arguments.columns) {
    const size_t colon = text.find(':');
    if (colon == std::string::npos) return Invalid(fmt::format("--column '{}': expected name:Type", text));
    if (colon == 0) return Invalid(fmt::format("--column '{}': empty column name", text));
    const auto type = std::string_view(text).substr(colon + 1);
    const auto* const known = std::ranges::find(kTypes, type);
    if (known == kTypes.end()) {
      return Invalid(fmt::format("--column '{}': unknown column type '{}', expected name:Type with one of {}",
                                 text, type, fmt::join(kTypes, ", ")));
    }
    auto& column = *columns->Add();
    column.set_name(text.substr(0, colon));
    column.set_data_type(static_cast<catalog::ChannelColumnType>(known - kTypes.begin() + 1));
  }
  return {};
}

Result<void> ListChannels(const RemoteCall& call) {
  JAMMI_ASSIGN(const auto answer,
               call.channel.Call<catalog::ListChannelsResponse>(
                   "/jammi.v1.catalog.CatalogService/ListChannels", catalog::ListChannelsRequest()));
  if (call.json()) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& channel : answer.channels()) {
      auto columns = nlohmann::ordered_json::array();
      for (const auto& column : channel.columns())
        columns.push_back({{"name", column.name()}, {"type", TypeText(column.data_type())}});
      json.push_back(
          {{"name", channel.channel_id()}, {"priority", channel.priority()}, {"columns", columns}});
    }
    PrintJson(call.out, json);
    return {};
  }
  if (answer.channels().empty()) {
    call.out << "No channels registered.\n";
    return {};
  }
  const TextTable table(call.out, {{"Name", 30}, {"Priority", 10}, {"Columns"}}, 70);
  table.Header();
  for (const auto& channel : answer.channels()) {
    std::vector<std::string> columns;
    for (const auto& column : channel.columns())
      columns.push_back(fmt::format("{}:{}", column.name(), TypeText(column.data_type())));
    table.Row({channel.channel_id(), std::to_string(channel.priority()),
               fmt::format("{}", fmt::join(columns, ", "))});
  }
  return {};
}

Result<void> RegisterChannel(const RemoteCall& call, const ChannelsArguments& arguments) {
  catalog::RegisterChannelRequest request;
  request.set_channel_id(arguments.name);
  request.set_priority(arguments.priority);
  JAMMI_TRY(AddColumns(arguments, request.mutable_columns()));
  google::protobuf::Empty nothing;
  JAMMI_TRY(call.channel.CallInto("/jammi.v1.catalog.CatalogService/RegisterChannel", request, nothing));
  if (call.json()) {
    PrintJson(call.out,
              {{"result", "registered"}, {"name", arguments.name}, {"priority", arguments.priority}});
  } else {
    call.out << fmt::format("Channel '{}' registered (priority={}).\n", arguments.name, arguments.priority);
  }
  return {};
}

Result<void> Extend(const RemoteCall& call, const ChannelsArguments& arguments) {
  catalog::AddChannelColumnsRequest request;
  request.set_channel_id(arguments.name);
  JAMMI_TRY(AddColumns(arguments, request.mutable_columns()));
  google::protobuf::Empty nothing;
  JAMMI_TRY(call.channel.CallInto("/jammi.v1.catalog.CatalogService/AddChannelColumns", request, nothing));
  if (call.json()) {
    PrintJson(call.out,
              {{"result", "extended"}, {"name", arguments.name}, {"columns", arguments.columns.size()}});
  } else {
    call.out << fmt::format("Channel '{}' extended with {} column(s).\n", arguments.name,
                            arguments.columns.size());
  }
  return {};
}

}  // namespace

void AddChannelsCommand(CLI::App& app, const RemotePtr& remote) {
  const auto arguments = std::make_shared<ChannelsArguments>();
  auto* group = AddGroup(app, "channels", "Evidence channels of search");
  const auto add_columns = [&](CLI::App* command) {
    command
        ->add_option("--column", arguments->columns,
                     fmt::format("A column; types: {}; may be repeated", fmt::join(kTypes, ", ")))
        ->type_name("NAME:TYPE")
        ->allow_extra_args(false);
  };
  AddRemoteCommand(
      *group, remote,
      {.name = "list", .description = "List them", .examples = "jammi channels list", .verb = ListChannels});
  auto* add = AddRemoteCommand(
      *group, remote,
      {.name = "register",
       .description = "Make one",
       .examples = "jammi channels register --name rerank --priority 4 --column rerank_score:Float32",
       .verb = [arguments](const RemoteCall& call) { return RegisterChannel(call, *arguments); }});
  add->add_option("--name", arguments->name, "The channel")->type_name("NAME")->required();
  add->add_option("--priority", arguments->priority, "Its place among the others; the least comes first")
      ->type_name("N")
      ->required();
  add_columns(add);
  auto* extend =
      AddRemoteCommand(*group, remote,
                       {.name = "add-column",
                        .description = "Give one more columns",
                        .examples = "jammi channels add-column rerank --column rerank_model:Utf8",
                        .verb = [arguments](const RemoteCall& call) { return Extend(call, *arguments); }});
  extend->add_option("name", arguments->name, "The channel")->type_name("NAME")->required();
  add_columns(extend);
}

}  // namespace jammi
