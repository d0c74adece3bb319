// jammi models list|describe|delete
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/remote.h"
#include "cli/report.h"
#include "jammi/v1/catalog.pb.h"

namespace jammi {
namespace {

namespace catalog = v1::catalog;

struct ModelsArguments {
  std::string id;
  int32_t version = 0;
  bool version_given = false;
  bool if_exists = false;
};

// "MODEL_TASK_TEXT_EMBEDDING", or "TEXT_EMBEDDING", as "TextEmbedding".
std::string TaskText(v1::inference::ModelTask task) {
  std::string_view name = v1::inference::ModelTask_Name(task);
  constexpr std::string_view kPrefix = "MODEL_TASK_";
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  std::string text;
  bool first = true;
  for (const char c : name) {
    if (c != '_') text += first || c < 'A' || c > 'Z' ? c : static_cast<char>(c - 'A' + 'a');
    first = c == '_';
  }
  return text.empty() ? "?" : text;
}

nlohmann::ordered_json ModelJson(const catalog::Model& model) {
  return {{"model_id", model.model_id()},
          {"backend", model.backend()},
          {"task", TaskText(model.task())},
          {"status", model.status()}};
}

template <class Models>
void PrintTable(std::ostream& out, const Models& models) {
  const TextTable table(out, {{"Model ID", 40}, {"Backend", 12}, {"Task", 14}, {"Status", 12}}, 81);
  table.Header();
  for (const catalog::Model& model : models)
    table.Row({model.model_id(), model.backend(), TaskText(model.task()), model.status()});
}

Result<void> ListModels(const RemoteCall& call) {
  JAMMI_ASSIGN(const auto answer,
               call.channel.Call<catalog::ListModelsResponse>("/jammi.v1.catalog.CatalogService/ListModels",
                                                              catalog::ListModelsRequest()));
  if (call.json()) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& model : answer.models()) json.push_back(ModelJson(model));
    PrintJson(call.out, json);
  } else if (answer.models().empty()) {
    call.out << "No models registered.\n";
  } else {
    PrintTable(call.out, answer.models());
  }
  return {};
}

Result<void> DescribeModel(const RemoteCall& call, const ModelsArguments& arguments) {
  catalog::DescribeModelRequest request;
  request.set_model_id(arguments.id);
  const auto model =
      call.channel.Call<catalog::Model>("/jammi.v1.catalog.CatalogService/DescribeModel", request);
  if (!model && model.error().code() != ErrorCode::kNotFound) return model.error();
  if (call.json()) {
    PrintJson(call.out, model ? ModelJson(*model) : nlohmann::ordered_json(nullptr));
  } else if (!model) {
    call.out << fmt::format("No model '{}' registered.\n", Printable(arguments.id));
  } else {
    PrintTable(call.out, std::vector{*model});
  }
  return {};
}

Result<void> DeleteModel(const RemoteCall& call, const ModelsArguments& arguments) {
  catalog::DeleteModelRequest request;
  request.set_model_id(arguments.id);
  request.set_if_exists(arguments.if_exists);
  if (arguments.version_given) request.set_version(arguments.version);
  google::protobuf::Empty nothing;
  JAMMI_TRY(call.channel.CallInto("/jammi.v1.catalog.CatalogService/DeleteModel", request, nothing));
  if (call.json()) {
    PrintJson(call.out, {{"result", "deleted"}, {"model_id", arguments.id}});
  } else {
    call.out << fmt::format("Deleted model '{}'.\n", Printable(arguments.id));
  }
  return {};
}

}  // namespace

void AddModelsCommand(CLI::App& app, const RemotePtr& remote) {
  const auto arguments = std::make_shared<ModelsArguments>();
  auto* group = AddGroup(app, "models", "Models of the registry");
  const auto add_id = [&](CLI::App* command) {
    command->add_option("id", arguments->id, "The model")->type_name("ID")->required();
    return command;
  };
  AddRemoteCommand(*group, remote,
                   {.name = "list",
                    .description = "List them, each version",
                    .examples = "jammi models list",
                    .verb = ListModels});
  add_id(AddRemoteCommand(
      *group, remote,
      {.name = "describe",
       .description = "Say what one is; absent is an answer too",
       .examples = "jammi models describe org/name",
       .verb = [arguments](const RemoteCall& call) { return DescribeModel(call, *arguments); }}));
  auto* remove = add_id(AddRemoteCommand(
      *group, remote,
      {.name = "delete",
       .description = "Delete the newest version of one, or another",
       .examples = "jammi models delete org/name\n"
                   "jammi models delete org/name --model-version 2 --if-exists",
       .verb = [arguments](const RemoteCall& call) { return DeleteModel(call, *arguments); }}));
  remove->add_flag("--if-exists", arguments->if_exists, "No error if there is none");
  remove
      ->add_option_function<int32_t>(
          "--model-version",
          [arguments](int32_t version) {
            arguments->version = version;
            arguments->version_given = true;
          },
          "The version; else the newest")
      ->type_name("N");
}

}  // namespace jammi
