// jammi sources list|describe|add|remove
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/remote.h"
#include "cli/report.h"
#include "jammi/v1/catalog.pb.h"

namespace jammi {
namespace {

namespace catalog = v1::catalog;

struct SourcesArguments {
  std::string name;
  std::string url;
  std::string format;
};

std::string KindText(catalog::SourceKind kind) {
  switch (kind) {
    case catalog::SOURCE_KIND_FILE:
      return "File";
    case catalog::SOURCE_KIND_POSTGRES:
      return "Postgres";
    case catalog::SOURCE_KIND_MYSQL:
      return "Mysql";
    default:
      return "?";
  }
}

// "MODEL_TASK_TEXT_EMBEDDING" as "text_embedding", and so on for the other enumerations.
std::string EnumText(const std::string& name, std::string_view prefix) {
  std::string text = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

nlohmann::ordered_json TableJson(const v1::embedding::ResultTable& table) {
  return {{"table_name", table.table_name()},
          {"kind", EnumText(v1::embedding::ResultTableKind_Name(table.kind()), "RESULT_TABLE_KIND_")},
          {"status", table.status()},
          {"model_id", table.model_id()},
          {"dimensions", table.dimensions()},
          {"row_count", table.row_count()},
          {"key_column", table.key_column()}};
}

nlohmann::ordered_json SourceJson(const catalog::SourceDescriptor& source) {
  nlohmann::ordered_json json = {{"source_id", source.source_id()},
                                 {"type", KindText(source.kind())},
                                 {"status", source.status()},
                                 {"result_tables", nlohmann::ordered_json::array()}};
  for (const auto& table : source.result_tables()) json["result_tables"].push_back(TableJson(table));
  return json;
}

Result<void> ListSources(const RemoteCall& call) {
  JAMMI_ASSIGN(const auto answer,
               call.channel.Call<catalog::ListSourcesResponse>("/jammi.v1.catalog.CatalogService/ListSources",
                                                               catalog::ListSourcesRequest()));
  if (call.json()) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& source : answer.sources()) json.push_back(SourceJson(source));
    PrintJson(call.out, json);
    return {};
  }
  if (answer.sources().empty()) {
    call.out << "No sources registered.\n";
    return {};
  }
  const TextTable table(call.out, {{"Name", 20}, {"Type", 12}, {"Status", 10}, {"Embeddings"}}, 60);
  table.Header();
  for (const auto& source : answer.sources()) {
    table.Row({source.source_id(), KindText(source.kind()), source.status(),
               std::to_string(source.result_tables_size())});
  }
  return {};
}

Result<void> DescribeSource(const RemoteCall& call, const SourcesArguments& arguments) {
  catalog::DescribeSourceRequest request;
  request.set_source_id(arguments.name);
  JAMMI_ASSIGN(const auto source, call.channel.Call<catalog::SourceDescriptor>(
                                      "/jammi.v1.catalog.CatalogService/DescribeSource", request));
  if (call.json()) {
    PrintJson(call.out, SourceJson(source));
    return {};
  }
  call.out << fmt::format("name:   {}\ntype:   {}\nstatus: {}\n", Printable(source.source_id()),
                          KindText(source.kind()), Printable(source.status()));
  if (source.result_tables().empty()) {
    call.out << "No result tables.\n";
    return {};
  }
  const TextTable table(call.out, {{"Table", 40}, {"Kind", 14}, {"Status", 10}, {"Rows", 10}, {"Model"}}, 90);
  table.Header();
  for (const auto& one : source.result_tables()) {
    const auto json = TableJson(one);
    table.Row({one.table_name(), json["kind"], one.status(), std::to_string(one.row_count()),
               one.model_id().empty() ? std::string(kDash) : one.model_id()});
  }
  return {};
}

catalog::FileFormat FormatOf(const std::string& text) {
  if (text == "parquet") return catalog::FILE_FORMAT_PARQUET;
  if (text == "csv") return catalog::FILE_FORMAT_CSV;
  if (text == "json") return catalog::FILE_FORMAT_JSON;
  if (text == "jsonl") return catalog::FILE_FORMAT_JSONL;
  return catalog::FILE_FORMAT_AVRO;
}

// A path means the file that it names here, wherever the server was started.
std::string UrlOf(const std::string& text) {
  if (text.find("://") != std::string::npos) return text;
  return "file://" + std::filesystem::absolute(text).lexically_normal().string();
}

Result<void> Add(const RemoteCall& call, const SourcesArguments& arguments) {
  catalog::AddSourceRequest request;
  request.set_source_id(arguments.name);
  request.set_source_kind(catalog::SOURCE_KIND_FILE);
  request.mutable_connection()->set_url(UrlOf(arguments.url));
  request.mutable_connection()->set_format(FormatOf(arguments.format));
  google::protobuf::Empty nothing;
  JAMMI_TRY(call.channel.CallInto("/jammi.v1.catalog.CatalogService/AddSource", request, nothing));
  if (call.json()) {
    PrintJson(call.out, {{"result", "added"}, {"source_id", arguments.name}, {"url", UrlOf(arguments.url)}});
  } else {
    call.out << fmt::format("Source '{}' added.\n", arguments.name);
  }
  return {};
}

Result<void> Remove(const RemoteCall& call, const SourcesArguments& arguments) {
  catalog::RemoveSourceRequest request;
  request.set_source_id(arguments.name);
  google::protobuf::Empty nothing;
  JAMMI_TRY(call.channel.CallInto("/jammi.v1.catalog.CatalogService/RemoveSource", request, nothing));
  if (call.json()) {
    PrintJson(call.out, {{"result", "removed"}, {"source_id", arguments.name}});
  } else {
    call.out << fmt::format("Source '{}' removed.\n", arguments.name);
  }
  return {};
}

}  // namespace

void AddSourcesCommand(CLI::App& app, const RemotePtr& remote) {
  const auto arguments = std::make_shared<SourcesArguments>();
  auto* group = AddGroup(app, "sources", "Files and databases that are read");
  const auto add_name = [&](CLI::App* command) {
    command->add_option("name", arguments->name, "The source")->type_name("NAME")->required();
  };
  AddRemoteCommand(*group, remote,
                   {.name = "list",
                    .description = "List them",
                    .examples = "jammi sources list\njammi sources list --output json",
                    .verb = ListSources});
  add_name(AddRemoteCommand(
      *group, remote,
      {.name = "describe",
       .description = "Say what one is, with its result tables",
       .examples = "jammi sources describe patents",
       .verb = [arguments](const RemoteCall& call) { return DescribeSource(call, *arguments); }}));
  auto* add = AddRemoteCommand(
      *group, remote,
      {.name = "add",
       .description = "Register a file, or a folder of files (no server of this version can yet)",
       .examples = "jammi sources add patents --url patents.parquet --format parquet",
       .verb = [arguments](const RemoteCall& call) { return Add(call, *arguments); }});
  add_name(add);
  add->add_option("--url", arguments->url, "Where the server finds it: a path, or file://, s3:// ...")
      ->type_name("URL")
      ->required();
  add->add_option("--format", arguments->format, "What is in the files")
      ->check(CLI::IsMember({"parquet", "csv", "json", "jsonl", "avro"}))
      ->option_text("parquet|csv|json|jsonl|avro")
      ->required();
  add_name(
      AddRemoteCommand(*group, remote,
                       {.name = "remove",
                        .description = "Forget one and its result tables; absent is fine too",
                        .examples = "jammi sources remove patents",
                        .verb = [arguments](const RemoteCall& call) { return Remove(call, *arguments); }}));
}

}  // namespace jammi
