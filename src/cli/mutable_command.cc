// jammi mutable list|create|drop, also called jammi tables
#include <arrow/api.h>
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/remote.h"
#include "cli/report.h"
#include "cli/table_options.h"
#include "jammi/v1/catalog.pb.h"
#include "rows/ipc_stream.h"
#include "rows/type_name.h"

namespace jammi {
namespace {

namespace catalog = v1::catalog;

struct MutableArguments {
  std::string name;
  std::string schema_file;
  std::string primary_key;
  std::vector<std::string> indexes;
  std::string order_column;
  bool if_exists = false;
};

using Texts = google::protobuf::RepeatedPtrField<std::string>;

nlohmann::ordered_json DefinitionJson(const catalog::MutableTableDefinition& definition,
                                      const arrow::Schema& schema) {
  auto columns = nlohmann::ordered_json::array();
  for (const auto& field : schema.fields()) {
    columns.push_back(
        {{"name", field->name()}, {"type", TypeName(*field->type())}, {"nullable", field->nullable()}});
  }
  const auto list = [](const Texts& texts) { return std::vector<std::string>(texts.begin(), texts.end()); };
  auto indexes = nlohmann::ordered_json::array();
  for (const auto& index : definition.indexes())
    indexes.push_back(
        {{"name", index.name()}, {"columns", list(index.columns())}, {"unique", index.unique()}});
  nlohmann::ordered_json json = {{"name", definition.id()},
                                 {"columns", columns},
                                 {"primary_key", list(definition.primary_key())},
                                 {"indexes", indexes},
                                 {"order_column", nullptr}};
  if (!definition.order_column().empty()) json["order_column"] = definition.order_column();
  return json;
}

Result<void> ListTables(const RemoteCall& call) {
  JAMMI_ASSIGN(const auto answer, call.channel.Call<catalog::ListMutableTablesResponse>(
                                      "/jammi.v1.catalog.CatalogService/ListMutableTables",
                                      catalog::ListMutableTablesRequest()));
  if (!call.json() && answer.definitions().empty()) {
    call.out << "No mutable tables registered.\n";
    return {};
  }
  auto json = nlohmann::ordered_json::array();
  const TextTable table(call.out, {{"Name", 30}, {"Primary Key", 25}, {"Columns"}}, 80);
  if (!call.json()) table.Header();
  for (const auto& definition : answer.definitions()) {
    JAMMI_ASSIGN(const auto schema, DecodeSchemaStream(definition.schema()));
    if (call.json()) {
      json.push_back(DefinitionJson(definition, *schema));
      continue;
    }
    std::vector<std::string> columns;
    for (const auto& field : schema->fields())
      columns.push_back(fmt::format("{}:{}", field->name(), TypeName(*field->type())));
    table.Row({definition.id(), fmt::format("{}", fmt::join(definition.primary_key(), ", ")),
               fmt::format("{}", fmt::join(columns, ", "))});
  }
  if (call.json()) PrintJson(call.out, json);
  return {};
}

Result<catalog::MutableTableDefinition> Definition(const MutableArguments& arguments) {
  catalog::MutableTableDefinition definition;
  definition.set_id(arguments.name);
  JAMMI_ASSIGN(const auto schema, ReadTableSchema(arguments.schema_file));
  JAMMI_ASSIGN(*definition.mutable_schema(), EncodeSchemaStream(*schema));
  JAMMI_ASSIGN(const auto key, ParsePrimaryKey(arguments.primary_key));
  for (const auto& column : key) definition.add_primary_key(column);
  for (const auto& text : arguments.indexes) {
    JAMMI_ASSIGN(const IndexOption index, ParseIndex(text));
    auto& added = *definition.add_indexes();
    added.set_name(index.name);
    for (const auto& column : index.columns) added.add_columns(column);
    added.set_unique(index.unique);
  }
  definition.set_order_column(arguments.order_column);
  return definition;
}

Result<void> CreateTable(const RemoteCall& call, const MutableArguments& arguments) {
  catalog::CreateMutableTableRequest request;
  JAMMI_ASSIGN(*request.mutable_definition(), Definition(arguments));
  JAMMI_ASSIGN(const auto answer, call.channel.Call<catalog::CreateMutableTableResponse>(
                                      "/jammi.v1.catalog.CatalogService/CreateMutableTable", request));
  std::vector<std::string> indexes;
  for (const auto& index : request.definition().indexes()) indexes.push_back(index.name());
  if (call.json()) {
    PrintJson(call.out,
              {{"result", "registered"}, {"name", answer.mutable_table_id()}, {"indexes", indexes}});
    return {};
  }
  // The doubled brackets of no index are what the published command prints (CLI-060).
  call.out << fmt::format("Mutable table '{}' registered (primary_key=[{}], indexes=[{}]).\n", arguments.name,
                          fmt::join(request.definition().primary_key(), ","),
                          indexes.empty() ? "[]" : fmt::format("{}", fmt::join(indexes, ",")));
  return {};
}

Result<void> DropTable(const RemoteCall& call, const MutableArguments& arguments) {
  catalog::DropMutableTableRequest request;
  request.set_mutable_table_id(arguments.name);
  google::protobuf::Empty nothing;
  const auto dropped =
      call.channel.CallInto("/jammi.v1.catalog.CatalogService/DropMutableTable", request, nothing);
  const bool absent = !dropped && dropped.error().code() == ErrorCode::kNotFound;
  if (!dropped && !(absent && arguments.if_exists)) return dropped.error();
  if (call.json()) {
    PrintJson(call.out, {{"result", absent ? "absent" : "dropped"}, {"name", arguments.name}});
  } else {
    call.out << fmt::format("Mutable table '{}' {}.\n", Printable(arguments.name),
                            absent ? "not found (no-op)" : "dropped");
  }
  return {};
}

}  // namespace

void AddMutableCommand(CLI::App& app, const RemotePtr& remote) {
  const auto arguments = std::make_shared<MutableArguments>();
  auto* group = AddGroup(app, "mutable", "Mutable tables");
  group->alias("tables");
  AddRemoteCommand(*group, remote,
                   {.name = "list",
                    .description = "List them",
                    .examples = "jammi mutable list\njammi tables list --output json",
                    .verb = ListTables});
  auto* create = AddRemoteCommand(
      *group, remote,
      {.name = "create",
       .description = "Make one",
       .examples = "jammi mutable create --name notes --schema notes.json --primary-key note_id\n"
                   "jammi mutable create --name orders --schema orders.json --primary-key id "
                   "--index name=by_day,columns=day+shop,unique=false",
       .verb = [arguments](const RemoteCall& call) { return CreateTable(call, *arguments); }});
  create->add_option("--name", arguments->name, "The table")->type_name("NAME")->required();
  create
      ->add_option(
          "--schema", arguments->schema_file,
          R"(Its columns: a JSON array of {"name", "type", "nullable"}; types: Int64, Utf8, Float64 ...)")
      ->type_name("FILE")
      ->required();
  create->add_option("--primary-key", arguments->primary_key, "Columns that tell its rows apart")
      ->type_name("A,B")
      ->required();
  create->add_option("--index", arguments->indexes, "name=N,columns=A+B[,unique=true]; may be repeated")
      ->type_name("INDEX")
      ->allow_extra_args(false);
  create->add_option("--order-column", arguments->order_column, "The column that orders its rows")
      ->type_name("COLUMN");
  auto* drop =
      AddRemoteCommand(*group, remote,
                       {.name = "drop",
                        .description = "Drop one and its rows",
                        .examples = "jammi mutable drop notes --if-exists",
                        .verb = [arguments](const RemoteCall& call) { return DropTable(call, *arguments); }});
  drop->add_option("name", arguments->name, "The table")->type_name("NAME")->required();
  drop->add_flag("--if-exists", arguments->if_exists, "No error if there is none");
}

}  // namespace jammi
