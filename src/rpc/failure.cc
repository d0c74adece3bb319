#include "rpc/failure.h"

#include <fmt/format.h>

#include <type_traits>
#include <variant>

#include "jammi/v1/error.pb.h"

namespace jammi {
namespace {

namespace error_wire = ::jammi::v1::error;

// --- jammi.v1.error.JammiErrorDetail. An overload for each detail that the published protocol knows; of the
// --- others only the text travels. Where its generations differ, both forms are written: each client finds
// --- the one that it knows and takes the other for an unknown field.

template <class T>
constexpr bool kIsOther =
    std::is_same_v<T, TopicNotFoundDetail> || std::is_same_v<T, TopicExistsDetail> ||
    std::is_same_v<T, SchemaConflictDetail> || std::is_same_v<T, BatchSchemaMismatchDetail> ||
    std::is_same_v<T, PublishTenantMismatchDetail> || std::is_same_v<T, ProducerKeyConflictDetail> ||
    std::is_same_v<T, PredicateParseDetail> || std::is_same_v<T, PredicateUnsupportedDetail> ||
    std::is_same_v<T, PredicateEvalDetail> || std::is_same_v<T, OffsetEvictedDetail> ||
    std::is_same_v<T, LeaseHeldDetail> || std::is_same_v<T, PositionOutdatedDetail> ||
    std::is_same_v<T, CatalogLockedDetail> || std::is_same_v<T, QuotaExceededDetail> ||
    std::is_same_v<T, EphemeralDetail> || std::is_same_v<T, AuditDetail> || std::is_same_v<T, BrokerDetail> ||
    std::is_same_v<T, SinkDetail> || std::is_same_v<T, std::monostate>;

std::string Other(const Error& error) {
  error_wire::JammiErrorDetail detail;
  detail.mutable_other()->set_message(error.message());
  return detail.SerializeAsString();
}

error_wire::BackendErrorDetail Backend(const Error& error, const BackendDetail& given) {
  error_wire::BackendErrorDetail detail;
  switch (given.fault) {
    case BackendFault::kUnique:
    case BackendFault::kForeignKey:
    case BackendFault::kCheck:
      detail.mutable_constraint()->set_table(given.object);
      detail.mutable_constraint()->set_detail(error.message());
      break;
    case BackendFault::kBusy:
    case BackendFault::kConnection:
    case BackendFault::kFull:
    case BackendFault::kIo:
    case BackendFault::kReadOnly:
    case BackendFault::kUnfinishedCopy:
    case BackendFault::kMoved:
      detail.set_unavailable(error.message());
      break;
    case BackendFault::kSerialization:
      detail.set_retry(error.message());
      break;
    case BackendFault::kMigration:
      detail.set_migration(error.message());
      break;
    case BackendFault::kTypeConversion:
      detail.mutable_type_conversion()->set_column(given.object);
      detail.mutable_type_conversion()->set_detail(error.message());
      break;
    case BackendFault::kTenantMismatch:
      detail.mutable_tenant_mismatch()->set_table(given.object);
      break;
    case BackendFault::kExecution:
    case BackendFault::kCorrupt:
      detail.set_execution(error.message());
      break;
  }
  return detail;
}

std::string Engine(const Error& error, const ConfigDetail&) {
  error_wire::JammiErrorDetail detail;
  detail.mutable_config()->set_message(error.message());
  return detail.SerializeAsString();
}
std::string Engine(const Error& error, const TenantDetail&) {
  error_wire::JammiErrorDetail detail;
  detail.mutable_tenant()->set_message(error.message());
  return detail.SerializeAsString();
}
std::string Engine(const Error&, const ModelNotFoundDetail& given) {
  error_wire::JammiErrorDetail older;
  older.mutable_model_not_found()->set_model_id(given.model_id);
  error_wire::JammiErrorDetail detail;
  detail.mutable_not_found()->set_model_id(given.model_id);
  return older.SerializeAsString() + detail.SerializeAsString();
}
std::string Engine(const Error&, const ModelReferencedDetail& given) {
  error_wire::JammiErrorDetail detail;
  detail.mutable_model_referenced()->set_model_id(given.model_id);
  for (const auto& each : given.referenced_by) detail.mutable_model_referenced()->add_referenced_by(each);
  return detail.SerializeAsString();
}
std::string Engine(const Error& error, const ResultTableNotFoundDetail& given) {
  error_wire::JammiErrorDetail older;
  older.mutable_catalog()->set_message(error.message());
  error_wire::JammiErrorDetail detail;
  if (given.table_name.empty()) {
    detail.mutable_not_found()->mutable_ready_index()->set_source_id(given.source_id);
  } else {
    detail.mutable_not_found()->set_result_table(given.table_name);
  }
  return older.SerializeAsString() + detail.SerializeAsString();
}
std::string Engine(const Error& error, const ResultTableReferencedDetail&) {
  error_wire::JammiErrorDetail detail;
  detail.mutable_catalog()->set_message(error.message());
  return detail.SerializeAsString();
}
std::string Engine(const Error&, const DependencyCycleDetail& given) {
  error_wire::JammiErrorDetail detail;
  detail.mutable_dependency_cycle()->set_table(given.table_name);
  return detail.SerializeAsString();
}
std::string Engine(const Error& error, const SourceDetail& given) {
  error_wire::JammiErrorDetail detail;
  detail.mutable_source()->set_source_id(given.source_id);
  detail.mutable_source()->set_message(error.message());
  return detail.SerializeAsString();
}
std::string Engine(const Error& error, const ChannelDetail& given) {
  error_wire::JammiErrorDetail detail;
  auto& channel = *detail.mutable_channel_catalog();
  switch (given.fault) {
    case ChannelFault::kAlreadyExists:
      channel.set_already_exists(given.channel);
      break;
    case ChannelFault::kNotRegistered:
      channel.set_not_registered(given.channel);
      break;
    case ChannelFault::kColumnAlreadyDeclared:
      channel.mutable_column_already_declared()->set_channel(given.channel);
      channel.mutable_column_already_declared()->set_column(given.column);
      channel.mutable_column_already_declared()->set_ty(given.existing);
      break;
    case ChannelFault::kColumnConflict:
      channel.mutable_column_conflict()->set_channel(given.channel);
      channel.mutable_column_conflict()->set_column(given.column);
      channel.mutable_column_conflict()->set_existing(given.existing);
      channel.mutable_column_conflict()->set_requested(given.requested);
      break;
    case ChannelFault::kInvalidId:
      channel.set_invalid_id(given.channel);
      break;
    case ChannelFault::kInvalidColumnType:
      channel.set_invalid_column_type(given.requested);
      break;
    case ChannelFault::kAssembly:
      detail.mutable_channel_assembly()->set_message(error.message());
      break;
  }
  return detail.SerializeAsString();
}
std::string Engine(const Error& error, const TableDetail& given) {
  error_wire::JammiErrorDetail detail;
  auto& table = *detail.mutable_mutable_table();
  switch (given.fault) {
    case TableFault::kInvalidId:
      table.set_invalid_id(given.table);
      break;
    case TableFault::kSchema:
    case TableFault::kInvalidValue:
      table.set_schema(error.message());
      break;
    case TableFault::kMissingPrimaryKey:
      table.set_missing_primary_key(given.column);
      break;
    case TableFault::kReservedColumn:
      table.set_reserved_column(given.column);
      break;
    case TableFault::kNotFound:
      table.set_not_found(given.table);
      break;
    case TableFault::kAlreadyExists:
      table.set_already_exists(given.table);
      break;
    case TableFault::kNoOrderColumn:
      table.set_no_order_column(true);
      break;
    case TableFault::kDuplicateKey:
      table.mutable_backend()->mutable_constraint()->set_table(given.table);
      table.mutable_backend()->mutable_constraint()->set_detail(error.message());
      break;
  }
  return detail.SerializeAsString();
}
std::string Engine(const Error& error, const UnsupportedSchemaTypeDetail&) {
  error_wire::JammiErrorDetail detail;
  detail.mutable_mutable_table()->set_schema(error.message());
  return detail.SerializeAsString();
}
std::string Engine(const Error& error, const BackendDetail&) {
  error_wire::JammiErrorDetail detail;
  detail.mutable_catalog()->set_message(error.message());
  return detail.SerializeAsString();
}
std::string Engine(const Error&, const LeaseLostDetail& given) {
  error_wire::JammiErrorDetail detail;
  detail.mutable_lease_lost()->set_table(given.name);
  return detail.SerializeAsString();
}
std::string Engine(const Error& error, const TrainingJobDetail& given) {
  if (error.code() != ErrorCode::kNotFound) return Other(error);
  error_wire::JammiErrorDetail detail;
  detail.mutable_not_found()->set_job_id(given.job_id);
  return detail.SerializeAsString();
}
template <class T>
  requires kIsOther<T>
std::string Engine(const Error& error, const T&) {
  return Other(error);
}

// --- jammi.v1.error.TriggerErrorDetail

error_wire::TriggerErrorDetail Trigger(const Error& error) {
  error_wire::TriggerErrorDetail detail;
  if (const auto* topic = error.As<TopicNotFoundDetail>()) {
    detail.set_topic_not_found(topic->topic);
  } else if (const auto* conflict = error.As<SchemaConflictDetail>()) {
    detail.mutable_schema_conflict()->set_topic(conflict->topic);
    detail.mutable_schema_conflict()->set_detail(conflict->detail);
  } else if (const auto* type = error.As<UnsupportedSchemaTypeDetail>()) {
    detail.mutable_unsupported_schema_type()->set_column(type->column);
    detail.mutable_unsupported_schema_type()->set_data_type(type->data_type);
  } else if (error.As<BatchSchemaMismatchDetail>() != nullptr) {
    detail.set_batch_schema_mismatch(error.message());
  } else if (const auto* tenant = error.As<PublishTenantMismatchDetail>()) {
    auto& mismatch = *detail.mutable_publish_tenant_mismatch();
    mismatch.set_topic(tenant->topic);
    mismatch.set_topic_tenant(tenant->topic_tenant);
    mismatch.set_publish_tenant(tenant->publish_tenant);
  } else if (const auto* parse = error.As<PredicateParseDetail>()) {
    detail.set_predicate_parse(parse->message);
  } else if (const auto* unsupported = error.As<PredicateUnsupportedDetail>()) {
    detail.set_predicate_unsupported(unsupported->construct);
  } else if (const auto* eval = error.As<PredicateEvalDetail>()) {
    detail.set_predicate_eval(eval->message);
  } else if (const auto* evicted = error.As<OffsetEvictedDetail>()) {
    detail.set_offset_evicted(evicted->low_water);
  } else if (const auto* backend = error.As<BackendDetail>()) {
    *detail.mutable_backend() = Backend(error, *backend);
  } else if (error.As<BrokerDetail>() != nullptr) {
    detail.set_driver(error.message());
  } else {
    detail.set_catalog(error.message());
  }
  return detail;
}

// --- jammi.v1.error.AuditErrorDetail

error_wire::AuditErrorDetail Audit(const Error& error) {
  error_wire::AuditErrorDetail detail;
  const auto* audit = error.As<AuditDetail>();
  if (audit == nullptr) {
    if (error.As<BrokerDetail>() != nullptr) {
      detail.set_broker(error.message());
    } else {
      detail.set_storage(error.message());
    }
    return detail;
  }
  switch (audit->fault) {
    case AuditFault::kLengthMismatch:
      detail.mutable_length_mismatch()->set_ids(audit->actual);
      detail.mutable_length_mismatch()->set_scores(audit->expected);
      break;
    case AuditFault::kLineageTooLarge:
      detail.mutable_lineage_too_large()->set_actual(audit->actual);
      detail.mutable_lineage_too_large()->set_max(audit->expected);
      break;
    case AuditFault::kNoTenantBinding:
      detail.set_no_tenant_binding(true);
      break;
    case AuditFault::kSignatureMismatch:
      detail.set_signature_mismatch(audit->query_id);
      break;
    case AuditFault::kMasterKey:
      detail.set_master_key(error.message());
      break;
    case AuditFault::kDuplicateQueryId:
      detail.set_storage(error.message());
      break;
  }
  return detail;
}

std::string EngineDetail(const Error& error) {
  return std::visit([&](const auto& given) { return Engine(error, given); }, error.detail());
}

// The texts of the published protocol begin with what is at fault (wire.md 3.3).
std::string TriggerMessage(const Error& error) {
  if (const auto* topic = error.As<TopicNotFoundDetail>()) return topic->topic;
  if (const auto* type = error.As<UnsupportedSchemaTypeDetail>())
    return fmt::format("unsupported topic schema type for '{}': {}", type->column, type->data_type);
  if (const auto* conflict = error.As<SchemaConflictDetail>();
      conflict && error.code() == ErrorCode::kFailedPrecondition)
    return fmt::format("schema conflict on {}: {}", conflict->topic, conflict->detail);
  if (error.As<PredicateParseDetail>() != nullptr || error.As<PredicateUnsupportedDetail>() != nullptr ||
      error.As<PredicateEvalDetail>() != nullptr)
    return fmt::format("predicate: {}", error.message());
  if (error.As<BrokerDetail>() != nullptr) return fmt::format("broker: {}", error.message());
  if (error.As<BackendDetail>() != nullptr) return fmt::format("backend: {}", error.message());
  if (error.code() == ErrorCode::kDataLoss) return fmt::format("catalog: {}", error.message());
  return {};
}

// Where the published protocol has a text of its own, clients look for parts of it; else ours.
std::string MessageOf(const Error& error, ErrorFamily family) {
  const bool not_found = error.code() == ErrorCode::kNotFound;
  if (family == ErrorFamily::kTrigger) {
    if (auto message = TriggerMessage(error); !message.empty()) return message;
  }
  if (const auto* model = error.As<ModelNotFoundDetail>())
    return fmt::format("model {} not found", model->model_id);
  if (const auto* table = error.As<ResultTableNotFoundDetail>(); table && !table->table_name.empty())
    return fmt::format("Result table '{}' not found", table->table_name);
  if (const auto* table = error.As<TableDetail>(); table && table->fault == TableFault::kNotFound)
    return fmt::format("mutable table not found: {}", table->table);
  if (const auto* table = error.As<TableDetail>(); table && table->fault == TableFault::kAlreadyExists)
    return fmt::format("mutable table already exists: {}", table->table);
  if (const auto* source = error.As<SourceDetail>(); source && !not_found)
    return fmt::format("source {}: {}", source->source_id, error.message());
  if (error.As<TenantDetail>() != nullptr && family == ErrorFamily::kEngine)
    return fmt::format("tenant: {}", error.message());
  if (error.As<ConfigDetail>() != nullptr) return fmt::format("config: {}", error.message());
  if (!error.message().empty()) return error.message();
  return std::string(ToString(error.code()));
}

// A request that was refused before the engine saw it has no detail: its text says all there is.
bool HasDetail(const Error& error) {
  const bool typed = !std::holds_alternative<std::monostate>(error.detail());
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnimplemented:
    case ErrorCode::kCancelled:
    case ErrorCode::kDeadlineExceeded:
      return typed;
    default:
      return true;
  }
}

}  // namespace

RpcCode ToRpcCode(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return RpcCode::kInvalidArgument;
    case ErrorCode::kNotFound:
      return RpcCode::kNotFound;
    case ErrorCode::kAlreadyExists:
      return RpcCode::kAlreadyExists;
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kInvalidState:
      return RpcCode::kFailedPrecondition;
    case ErrorCode::kPermissionDenied:
      return RpcCode::kPermissionDenied;
    case ErrorCode::kUnimplemented:
      return RpcCode::kUnimplemented;
    case ErrorCode::kResourceExhausted:
      return RpcCode::kResourceExhausted;
    case ErrorCode::kUnavailable:
      return RpcCode::kUnavailable;
    case ErrorCode::kAborted:
      return RpcCode::kAborted;
    case ErrorCode::kDeadlineExceeded:
      return RpcCode::kDeadlineExceeded;
    case ErrorCode::kCancelled:
      return RpcCode::kCancelled;
    case ErrorCode::kOutcomeUnknown:
      return RpcCode::kUnknown;  // and not UNAVAILABLE, after which clients repeat by themselves
    case ErrorCode::kDataLoss:
      return RpcCode::kDataLoss;
    case ErrorCode::kInternal:
      return RpcCode::kInternal;
  }
  return RpcCode::kInternal;
}

RpcFailure ToFailure(const Error& error, ErrorFamily family) {
  RpcFailure failure{.code = ToRpcCode(error.code()), .message = MessageOf(error, family), .details = {}};
  if (!HasDetail(error)) return failure;
  error_wire::RpcStatus status;
  status.set_code(static_cast<int32_t>(failure.code));
  status.set_message(failure.message);
  auto& any = *status.add_details();
  switch (family) {
    case ErrorFamily::kEngine:
      any.set_type_url("type.googleapis.com/jammi.v1.error.JammiErrorDetail");
      any.set_value(EngineDetail(error));
      break;
    case ErrorFamily::kTrigger:
      any.set_type_url("type.googleapis.com/jammi.v1.error.TriggerErrorDetail");
      any.set_value(Trigger(error).SerializeAsString());
      break;
    case ErrorFamily::kAudit:
      any.set_type_url("type.googleapis.com/jammi.v1.error.AuditErrorDetail");
      any.set_value(Audit(error).SerializeAsString());
      break;
  }
  failure.details = status.SerializeAsString();
  return failure;
}

}  // namespace jammi
