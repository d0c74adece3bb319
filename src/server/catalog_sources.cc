// Sources (SRV-080...087)
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <map>

#include "base/invalid.h"
#include "jammi/v1/catalog.pb.h"
#include "jammi/v1/embedding.pb.h"
#include "server/all_pages.h"
#include "server/catalog_service.h"
#include "server/wire_enums.h"

namespace jammi {
namespace {

namespace wire = ::jammi::v1::catalog;
using google::protobuf::Empty;

Error BadConnection(std::string message) {
  return Error(ErrorCode::kInvalidArgument, std::move(message), ConfigDetail{});
}

wire::SourceKind ToWire(SourceType type) {
  switch (type) {
    case SourceType::kFile:
      return wire::SOURCE_KIND_FILE;
    case SourceType::kPostgres:
      return wire::SOURCE_KIND_POSTGRES;
    case SourceType::kMysql:
      return wire::SOURCE_KIND_MYSQL;
  }
  return wire::SOURCE_KIND_UNSPECIFIED;
}

v1::embedding::ResultTableKind ToWire(ResultTableKind kind) {
  switch (kind) {
    case ResultTableKind::kModel:
      return v1::embedding::MODEL;
    case ResultTableKind::kNeighborGraph:
      return v1::embedding::NEIGHBOR_GRAPH;
    case ResultTableKind::kAsofJoin:
      return v1::embedding::ASOF_JOIN;
  }
  return v1::embedding::RESULT_TABLE_KIND_UNSPECIFIED;
}

// Model and task are there for what a model made, and for nothing else.
v1::embedding::ResultTable ToWire(const ResultTableRecord& table) {
  v1::embedding::ResultTable message;
  message.set_table_name(table.table_name);
  message.set_source_id(table.source_id);
  message.set_dimensions(table.dimensions.value_or(0));
  message.set_row_count(static_cast<uint64_t>(table.row_count));
  message.set_status(std::string(ToString(table.status)));
  if (table.model_id) {
    message.set_model_id(*table.model_id);
    message.set_task(jammi::ToWire(table.task));
  }
  message.set_key_column(table.key_column.value_or(""));
  message.set_kind(ToWire(table.kind));
  if (table.derived_from) message.set_derived_from(table.derived_from->table_name);
  return message;
}

wire::SourceDescriptor Describe(const SourceRecord& source) {
  wire::SourceDescriptor message;
  message.set_source_id(source.source_id);
  message.set_kind(ToWire(source.type));
  message.set_status("active");
  return message;
}

// A tenant's own source may have the name of a global one, which it hides: tables of that one are not its.
bool IsOf(const SourceRecord& source, const ResultTableRecord& table) {
  return table.source_id == source.source_id && (source.owner.is_global() || table.owner == source.owner);
}

// SRV-080. The text of an error is what clients know from the protocol.
Result<void> CheckAddition(const wire::AddSourceRequest& request) {
  if (request.source_id().empty()) return Invalid("source_id is required");
  const auto kind = request.source_kind();
  if (!wire::SourceKind_IsValid(kind) || kind == wire::SOURCE_KIND_UNSPECIFIED)
    return Invalid("source_kind must be specified");
  if (!request.has_connection()) return Invalid("connection is required");
  if (kind != wire::SOURCE_KIND_FILE)
    return BadConnection(fmt::format("sources of kind {} are not built in", wire::SourceKind_Name(kind)));
  const auto format = request.connection().format();
  if (!wire::FileFormat_IsValid(format))
    return Invalid(fmt::format("format {} is none of the known formats", static_cast<int>(format)));
  if (format == wire::FILE_FORMAT_UNSPECIFIED) return BadConnection("a file source needs a format");
  if (format == wire::FILE_FORMAT_AVRO) return BadConnection("files of format avro cannot be read");
  return {};
}

Result<Empty> AddSource(const CatalogCall& call, const wire::AddSourceRequest& request) {
  JAMMI_TRY(CheckAddition(request));
  const auto there = call.session.sources().WithDeadline(call.deadline).Get(request.source_id());
  if (there) {
    return Error(ErrorCode::kInvalidArgument, "Source already registered", SourceDetail{request.source_id()});
  }
  if (there.error().code() != ErrorCode::kNotFound) return there.error();
  return Error(
      ErrorCode::kUnimplemented,
      "AddSource is not available on this server: this version cannot read the schema of a file yet");
}

// Result tables go with the source; evaluation runs stay. A source that is another's is as if it were absent.
Result<Empty> RemoveSource(const CatalogCall& call, const wire::RemoveSourceRequest& request) {
  if (request.source_id().empty()) return Invalid("source_id is required");
  const auto removed =
      call.session.sources().WithDeadline(call.deadline).RemoveWithTables(request.source_id());
  if (!removed && removed.error().code() != ErrorCode::kNotFound) return removed.error();
  return Empty();
}

// One pass over the tables, whatever the number of sources.
Result<wire::ListSourcesResponse> ListSources(const CatalogCall& call, const wire::ListSourcesRequest&) {
  const auto sources = call.session.sources().WithDeadline(call.deadline);
  const auto tables = call.session.result_tables().WithDeadline(call.deadline);
  wire::ListSourcesResponse reply;
  std::vector<SourceRecord> listed;
  JAMMI_TRY(AddAllPages(
      *reply.mutable_sources(), call,
      [&](int size, std::string_view token) { return sources.List(size, token); },
      [&](const SourceRecord& source) { return Describe(listed.emplace_back(source)); }));
  std::map<std::string_view, size_t> places;
  for (size_t i = 0; i < listed.size(); ++i) places.emplace(listed[i].source_id, i);

  std::string token;
  auto left = static_cast<int64_t>(call.max_reply_bytes);
  do {
    JAMMI_ASSIGN(const auto page, tables.List({}, kMaxPageSize, token));
    for (const auto& table : page.items) {
      const auto place = places.find(table.source_id);
      if (place == places.end() || !IsOf(listed[place->second], table)) continue;
      auto& added = *reply.mutable_sources(static_cast<int>(place->second))->add_result_tables();
      added = ToWire(table);
      left -= static_cast<int64_t>(added.ByteSizeLong());
    }
    if (left < 0) return ReplyTooLarge(call.max_reply_bytes);
    token = page.next_page_token;
  } while (!token.empty());
  return reply;
}

Result<wire::SourceDescriptor> DescribeSource(const CatalogCall& call,
                                              const wire::DescribeSourceRequest& request) {
  if (request.source_id().empty()) return Invalid("source_id is required");
  const auto source = call.session.sources().WithDeadline(call.deadline).Get(request.source_id());
  if (!source && source.error().code() == ErrorCode::kNotFound)
    return Error(ErrorCode::kNotFound, fmt::format("source '{}' not found", request.source_id()));
  if (!source) return source.error();
  const auto tables = call.session.result_tables().WithDeadline(call.deadline);
  wire::SourceDescriptor reply = Describe(*source);
  const ResultTableFilter of_source{
      .status = std::nullopt, .source_id = source->source_id, .task = std::nullopt, .model_id = std::nullopt};
  JAMMI_TRY(AddAllPages(
      *reply.mutable_result_tables(), call,
      [&](int size, std::string_view token) -> Result<ResultTables::Page> {
        JAMMI_ASSIGN(auto page, tables.List(of_source, size, token));
        std::erase_if(page.items, [&](const auto& table) { return !IsOf(*source, table); });
        return page;
      },
      [](const ResultTableRecord& table) { return ToWire(table); }));
  return reply;
}

}  // namespace

void AddSourceMethods(RpcService& service, const ServerContext& context) {
  AddCatalogMethod(service, context, "AddSource", {.access = RpcAccess::kWrite}, AddSource);
  AddCatalogMethod(service, context, "RemoveSource", {.access = RpcAccess::kWrite}, RemoveSource);
  AddCatalogMethod(service, context, "ListSources", {.access = RpcAccess::kRead}, ListSources);
  AddCatalogMethod(service, context, "DescribeSource", {.access = RpcAccess::kRead}, DescribeSource);
}

}  // namespace jammi
