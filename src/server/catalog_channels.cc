// Evidence channels (SRV-110...113)
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include "base/invalid.h"
#include "jammi/v1/catalog.pb.h"
#include "server/all_pages.h"
#include "server/catalog_service.h"

namespace jammi {
namespace {

namespace wire = ::jammi::v1::catalog;
using google::protobuf::Empty;
using google::protobuf::RepeatedPtrField;

wire::ChannelColumnType ToWire(ChannelColumnType type) {
  switch (type) {
    case ChannelColumnType::kFloat32:
      return wire::CHANNEL_COLUMN_TYPE_FLOAT32;
    case ChannelColumnType::kFloat64:
      return wire::CHANNEL_COLUMN_TYPE_FLOAT64;
    case ChannelColumnType::kInt32:
      return wire::CHANNEL_COLUMN_TYPE_INT32;
    case ChannelColumnType::kInt64:
      return wire::CHANNEL_COLUMN_TYPE_INT64;
    case ChannelColumnType::kUtf8:
      return wire::CHANNEL_COLUMN_TYPE_UTF8;
    case ChannelColumnType::kBoolean:
      return wire::CHANNEL_COLUMN_TYPE_BOOLEAN;
  }
  return wire::CHANNEL_COLUMN_TYPE_UNSPECIFIED;
}

std::optional<ChannelColumnType> FromWire(wire::ChannelColumnType type) {
  switch (type) {
    case wire::CHANNEL_COLUMN_TYPE_FLOAT32:
      return ChannelColumnType::kFloat32;
    case wire::CHANNEL_COLUMN_TYPE_FLOAT64:
      return ChannelColumnType::kFloat64;
    case wire::CHANNEL_COLUMN_TYPE_INT32:
      return ChannelColumnType::kInt32;
    case wire::CHANNEL_COLUMN_TYPE_INT64:
      return ChannelColumnType::kInt64;
    case wire::CHANNEL_COLUMN_TYPE_UTF8:
      return ChannelColumnType::kUtf8;
    case wire::CHANNEL_COLUMN_TYPE_BOOLEAN:
      return ChannelColumnType::kBoolean;
    default:
      return std::nullopt;
  }
}

// A request that cannot be read has no detail: its text says all there is.
Result<ChannelId> ParseId(const std::string& text) {
  if (text.empty()) return Invalid("channel_id is required");
  auto id = ChannelId::Parse(text);
  if (!id) return Invalid(id.error().message());
  return *std::move(id);
}

Result<std::vector<ChannelColumn>> ParseColumns(const RepeatedPtrField<wire::ChannelColumn>& from) {
  std::vector<ChannelColumn> columns;
  for (const auto& column : from) {
    if (column.name().empty()) return Invalid("a column's name is required");
    const auto type = FromWire(column.data_type());
    if (!type) {
      return Invalid(fmt::format("column '{}': data_type must be specified, {} is none of the known types",
                                 column.name(), static_cast<int>(column.data_type())));
    }
    columns.push_back({.name = column.name(), .type = *type});
  }
  return columns;
}

wire::Channel ToWire(const ChannelRecord& channel) {
  wire::Channel message;
  message.set_channel_id(channel.id.text());
  message.set_priority(channel.priority);
  for (const auto& column : channel.columns) {
    auto& added = *message.add_columns();
    added.set_name(column.name);
    added.set_data_type(ToWire(column.type));
  }
  return message;
}

Result<Empty> RegisterChannel(const CatalogCall& call, const wire::RegisterChannelRequest& request) {
  JAMMI_ASSIGN(auto id, ParseId(request.channel_id()));
  JAMMI_ASSIGN(auto columns, ParseColumns(request.columns()));
  JAMMI_TRY(
      call.session.channels()
          .WithDeadline(call.deadline)
          .Register({.id = std::move(id), .priority = request.priority(), .columns = std::move(columns)}));
  return Empty();
}

Result<Empty> AddChannelColumns(const CatalogCall& call, const wire::AddChannelColumnsRequest& request) {
  JAMMI_ASSIGN(const auto id, ParseId(request.channel_id()));
  JAMMI_ASSIGN(const auto columns, ParseColumns(request.columns()));
  JAMMI_TRY(call.session.channels().WithDeadline(call.deadline).AddColumns(id, columns));
  return Empty();
}

Result<wire::ListChannelsResponse> ListChannels(const CatalogCall& call, const wire::ListChannelsRequest&) {
  const auto channels = call.session.channels().WithDeadline(call.deadline);
  wire::ListChannelsResponse reply;
  JAMMI_TRY(AddAllPages(
      *reply.mutable_channels(), call,
      [&](int size, std::string_view token) { return channels.List(size, token); },
      [](const ChannelRecord& channel) { return ToWire(channel); }));
  return reply;
}

}  // namespace

void AddChannelMethods(RpcService& service, const ServerContext& context) {
  AddCatalogMethod(service, context, "RegisterChannel", {.access = RpcAccess::kWrite}, RegisterChannel);
  AddCatalogMethod(service, context, "AddChannelColumns", {.access = RpcAccess::kWrite}, AddChannelColumns);
  AddCatalogMethod(service, context, "ListChannels", {.access = RpcAccess::kRead}, ListChannels);
}

}  // namespace jammi
