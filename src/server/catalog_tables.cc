// Mutable tables (SRV-120...126)
#include <arrow/type.h>
#include <google/protobuf/empty.pb.h>

#include "base/invalid.h"
#include "jammi/v1/catalog.pb.h"
#include "server/all_pages.h"
#include "server/arrow_wire.h"
#include "server/catalog_service.h"
#include "tables/definition.h"

namespace jammi {
namespace {

namespace wire = ::jammi::v1::catalog;
using google::protobuf::Empty;

Result<TableDefinition> FromWire(const wire::MutableTableDefinition& from) {
  JAMMI_ASSIGN(auto schema, DecodeWireSchema(from.schema()));
  TableDefinition definition{.id = from.id(),
                             .schema = std::move(schema),
                             .primary_key = {from.primary_key().begin(), from.primary_key().end()},
                             .indexes = {},
                             .order_column = std::nullopt};
  for (const auto& index : from.indexes()) {
    definition.indexes.push_back({.name = index.name(),
                                  .columns = {index.columns().begin(), index.columns().end()},
                                  .unique = index.unique()});
  }
  if (!from.order_column().empty()) definition.order_column = from.order_column();
  if (from.chunk_size() != 0) definition.chunk_size = from.chunk_size();
  if (!from.user_metadata().empty()) definition.user_metadata = from.user_metadata();
  return definition;
}

Result<wire::MutableTableDefinition> TableToWire(const TableRecord& table) {
  const TableDefinition& definition = table.definition;
  wire::MutableTableDefinition message;
  message.set_id(definition.id);
  JAMMI_ASSIGN(*message.mutable_schema(), EncodeWireSchema(*definition.schema));
  for (const auto& column : definition.primary_key) message.add_primary_key(column);
  for (const auto& index : definition.indexes) {
    auto& added = *message.add_indexes();
    added.set_name(index.name);
    for (const auto& column : index.columns) added.add_columns(column);
    added.set_unique(index.unique);
  }
  message.set_order_column(definition.order_column.value_or(""));
  message.set_chunk_size(definition.chunk_size);
  message.set_user_metadata(definition.user_metadata);
  return message;
}

Result<wire::CreateMutableTableResponse> CreateMutableTable(const CatalogCall& call,
                                                            const wire::CreateMutableTableRequest& request) {
  if (!request.has_definition()) return Invalid("definition is required");
  JAMMI_ASSIGN(const auto definition, FromWire(request.definition()));
  JAMMI_ASSIGN(const auto table, call.session.tables().WithDeadline(call.deadline).Create(definition));
  wire::CreateMutableTableResponse reply;
  reply.set_mutable_table_id(table.definition.id);
  return reply;
}

Result<Empty> DropMutableTable(const CatalogCall& call, const wire::DropMutableTableRequest& request) {
  if (request.mutable_table_id().empty()) return Invalid("mutable_table_id is required");
  JAMMI_TRY(CheckTableId(request.mutable_table_id(), TableCreator::kUser));
  JAMMI_TRY(call.session.tables().WithDeadline(call.deadline).Drop(request.mutable_table_id()));
  return Empty();
}

Result<wire::ListMutableTablesResponse> ListMutableTables(const CatalogCall& call,
                                                          const wire::ListMutableTablesRequest&) {
  const auto tables = call.session.tables().WithDeadline(call.deadline);
  wire::ListMutableTablesResponse reply;
  JAMMI_TRY(AddAllPages(
      *reply.mutable_definitions(), call,
      [&](int size, std::string_view token) { return tables.List(size, token); }, TableToWire));
  return reply;
}

}  // namespace

void AddTableMethods(RpcService& service, const ServerContext& context) {
  AddCatalogMethod(service, context, "CreateMutableTable", {.access = RpcAccess::kWrite}, CreateMutableTable);
  AddCatalogMethod(service, context, "DropMutableTable", {.access = RpcAccess::kWrite}, DropMutableTable);
  AddCatalogMethod(service, context, "ListMutableTables", {.access = RpcAccess::kRead}, ListMutableTables);
}

}  // namespace jammi
