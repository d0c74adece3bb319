// wire.md 3.2, 3.3, 3.4, 12 and 14: what each error is on the wire.
#include "rpc/failure.h"

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "jammi/v1/error.pb.h"

namespace jammi {
namespace {

namespace error_wire = ::jammi::v1::error;

constexpr std::string_view kUrl = "type.googleapis.com/jammi.v1.error.";

// The detail's bytes. The envelope repeats code and text, and names the message.
std::string DetailBytes(const RpcFailure& failure, std::string_view message) {
  error_wire::RpcStatus status;
  EXPECT_TRUE(status.ParseFromString(failure.details));
  EXPECT_EQ(status.code(), static_cast<int>(failure.code));
  EXPECT_EQ(status.message(), failure.message);
  EXPECT_EQ(status.details_size(), 1);
  if (status.details_size() != 1) return {};
  EXPECT_EQ(status.details(0).type_url(), std::string(kUrl) + std::string(message));
  return status.details(0).value();
}

template <class Detail>
Detail Parse(const std::string& bytes) {
  Detail detail;
  EXPECT_TRUE(detail.ParseFromString(bytes));
  return detail;
}
error_wire::JammiErrorDetail Engine(const Error& error) {
  return Parse<error_wire::JammiErrorDetail>(
      DetailBytes(ToFailure(error, ErrorFamily::kEngine), "JammiErrorDetail"));
}
error_wire::TriggerErrorDetail Trigger(const Error& error) {
  return Parse<error_wire::TriggerErrorDetail>(
      DetailBytes(ToFailure(error, ErrorFamily::kTrigger), "TriggerErrorDetail"));
}
error_wire::AuditErrorDetail Audit(const Error& error) {
  return Parse<error_wire::AuditErrorDetail>(
      DetailBytes(ToFailure(error, ErrorFamily::kAudit), "AuditErrorDetail"));
}

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<uint8_t>(c) >> 4];
    text += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return text;
}

// wire.md section 12.
TEST(Failure, GoldenBytesOfAMutableTableThatIsNotThere) {
  const Error error(ErrorCode::kNotFound, "mutable table not found: t1",
                    TableDetail{.fault = TableFault::kNotFound, .table = "t1", .column = {}});
  const auto failure = ToFailure(error, ErrorFamily::kEngine);
  EXPECT_EQ(failure.code, RpcCode::kNotFound);
  EXPECT_EQ(failure.message, "mutable table not found: t1");
  EXPECT_EQ(Hex(DetailBytes(failure, "JammiErrorDetail")), "72042a027431");
  EXPECT_EQ(failure.details.size(), 94U);
  EXPECT_EQ(
      ToBase64(failure.details),
      "CAUSG211dGFibGUgdGFibGUgbm90IGZvdW5kOiB0MRo9CjN0eXBlLmdvb2dsZWFwaXMuY29tL2phbW1pLnYxLmVycm9yLkphbW1p"
      "RXJyb3JEZXRhaWwSBnIEKgJ0MQ==");
}

TEST(Failure, EachCodeHasItsStatus) {
  const std::vector<std::pair<ErrorCode, RpcCode>> all = {
      {ErrorCode::kInvalidArgument, RpcCode::kInvalidArgument},
      {ErrorCode::kNotFound, RpcCode::kNotFound},
      {ErrorCode::kAlreadyExists, RpcCode::kAlreadyExists},
      {ErrorCode::kFailedPrecondition, RpcCode::kFailedPrecondition},
      {ErrorCode::kPermissionDenied, RpcCode::kPermissionDenied},
      {ErrorCode::kInvalidState, RpcCode::kFailedPrecondition},
      {ErrorCode::kUnimplemented, RpcCode::kUnimplemented},
      {ErrorCode::kResourceExhausted, RpcCode::kResourceExhausted},
      {ErrorCode::kUnavailable, RpcCode::kUnavailable},
      {ErrorCode::kAborted, RpcCode::kAborted},
      {ErrorCode::kDeadlineExceeded, RpcCode::kDeadlineExceeded},
      {ErrorCode::kCancelled, RpcCode::kCancelled},
      {ErrorCode::kOutcomeUnknown, RpcCode::kUnknown},  // which no client repeats by itself
      {ErrorCode::kDataLoss, RpcCode::kDataLoss},
      {ErrorCode::kInternal, RpcCode::kInternal},
  };
  for (const auto& [code, expected] : all) {
    const auto failure = ToFailure(Error(code, ""), ErrorFamily::kEngine);
    EXPECT_EQ(failure.code, expected) << ToString(code);
    EXPECT_EQ(failure.message, ToString(code)) << "a status without a text is no help (wire.md 3.5)";
  }
}

// wire.md 3.1: what was refused before the engine saw it.
TEST(Failure, ARequestThatCannotBeReadHasNoDetail) {
  for (const auto code : {ErrorCode::kInvalidArgument, ErrorCode::kNotFound, ErrorCode::kPermissionDenied,
                          ErrorCode::kUnimplemented, ErrorCode::kCancelled, ErrorCode::kDeadlineExceeded}) {
    for (const auto family : {ErrorFamily::kEngine, ErrorFamily::kTrigger, ErrorFamily::kAudit}) {
      EXPECT_EQ(ToFailure(Error(code, "batch is required"), family).details, "") << ToString(code);
    }
  }
}

// --- 3.2

TEST(Failure, EngineSourceConfigTenant) {
  const auto source = Engine(Error(ErrorCode::kInvalidArgument, "source p: Source already registered",
                                   SourceDetail{.source_id = "p"}));
  EXPECT_EQ(source.source().source_id(), "p");
  EXPECT_EQ(source.source().message(), "source p: Source already registered");
  EXPECT_EQ(Engine(Error(ErrorCode::kInvalidArgument, "config: x", ConfigDetail{})).config().message(),
            "config: x");
  EXPECT_EQ(Engine(Error(ErrorCode::kInvalidArgument, "tenant: x", TenantDetail{})).tenant().message(),
            "tenant: x");
}

// Section 14: clients up to 0.47 read field 18, those of 0.54 field 49, which has taken its place.
TEST(Failure, EngineModelNotFoundForBothGenerations) {
  const auto bytes = DetailBytes(
      ToFailure(Error(ErrorCode::kNotFound, "model m not found", ModelNotFoundDetail{.model_id = "m"}),
                ErrorFamily::kEngine),
      "JammiErrorDetail");
  // 18 {1 "m"}, then 49 {2 "m"}: the last of a oneof's members counts for who knows both.
  EXPECT_EQ(Hex(bytes),
            "9201030a016d"
            "8a0303"
            "12016d");
  EXPECT_EQ(Parse<error_wire::JammiErrorDetail>(bytes).not_found().model_id(), "m");
  // What a client of 0.47 has: everything but 49.
  EXPECT_EQ(Parse<error_wire::JammiErrorDetail>(bytes.substr(0, 6)).model_not_found().model_id(), "m");
}

TEST(Failure, EngineModelReferenced) {
  const auto detail = Engine(Error(ErrorCode::kFailedPrecondition, "model m is still referenced by a, b",
                                   ModelReferencedDetail{.model_id = "m", .referenced_by = {"a", "b"}}));
  EXPECT_EQ(detail.model_referenced().model_id(), "m");
  EXPECT_THAT(detail.model_referenced().referenced_by(), testing::ElementsAre("a", "b"));
}

// Section 14: `catalog` up to 0.47, `not_found` for 0.54.
TEST(Failure, EngineResultTableNotFoundForBothGenerations) {
  const auto both = [](const ResultTableNotFoundDetail& given) {
    return DetailBytes(ToFailure(Error(ErrorCode::kNotFound, "x", given), ErrorFamily::kEngine),
                       "JammiErrorDetail");
  };
  auto bytes = both({.table_name = "t", .source_id = ""});
  EXPECT_EQ(Parse<error_wire::JammiErrorDetail>(bytes).not_found().result_table(), "t");
  EXPECT_EQ(Hex(bytes.substr(0, 5)), "22030a0178") << "catalog {\"x\"} comes first";
  bytes = both({.table_name = "", .source_id = "s"});
  EXPECT_EQ(Parse<error_wire::JammiErrorDetail>(bytes).not_found().ready_index().source_id(), "s");
  EXPECT_EQ(Hex(bytes.substr(0, 5)), "22030a0178");
}

TEST(Failure, EngineTablesJobsLeases) {
  EXPECT_EQ(Engine(Error(ErrorCode::kFailedPrecondition, "x", ResultTableReferencedDetail{.table_name = "t"}))
                .catalog()
                .message(),
            "x");
  EXPECT_EQ(Engine(Error(ErrorCode::kFailedPrecondition, "x", DependencyCycleDetail{.table_name = "t"}))
                .dependency_cycle()
                .table(),
            "t");
  EXPECT_EQ(
      Engine(Error(ErrorCode::kFailedPrecondition, "x",
                   LeaseLostDetail{.kind = "result table", .name = "t", .epoch = 1, .current_epoch = 2}))
          .lease_lost()
          .table(),
      "t");
  const TrainingJobDetail job{.job_id = "j", .status = "running"};
  EXPECT_EQ(Engine(Error(ErrorCode::kNotFound, "x", job)).not_found().job_id(), "j");
  EXPECT_EQ(Engine(Error(ErrorCode::kFailedPrecondition, "x", job)).other().message(), "x");
}

TEST(Failure, EngineChannels) {
  const auto detail = [](ChannelFault fault) {
    return Engine(
        Error(ErrorCode::kFailedPrecondition, "text",
              ChannelDetail{
                  .fault = fault, .channel = "ch", .column = "c", .existing = "Utf8", .requested = "Int32"}));
  };
  EXPECT_EQ(detail(ChannelFault::kAlreadyExists).channel_catalog().already_exists(), "ch");
  EXPECT_EQ(detail(ChannelFault::kNotRegistered).channel_catalog().not_registered(), "ch");
  const auto declared = detail(ChannelFault::kColumnAlreadyDeclared).channel_catalog();
  EXPECT_EQ(declared.column_already_declared().channel(), "ch");
  EXPECT_EQ(declared.column_already_declared().column(), "c");
  EXPECT_EQ(declared.column_already_declared().ty(), "Utf8");
  const auto conflict = detail(ChannelFault::kColumnConflict).channel_catalog();
  EXPECT_EQ(conflict.column_conflict().channel(), "ch");
  EXPECT_EQ(conflict.column_conflict().column(), "c");
  EXPECT_EQ(conflict.column_conflict().existing(), "Utf8");
  EXPECT_EQ(conflict.column_conflict().requested(), "Int32");
  EXPECT_EQ(detail(ChannelFault::kInvalidId).channel_catalog().invalid_id(), "ch");
  EXPECT_EQ(detail(ChannelFault::kInvalidColumnType).channel_catalog().invalid_column_type(), "Int32");
  EXPECT_EQ(detail(ChannelFault::kAssembly).channel_assembly().message(), "text");
}

TEST(Failure, EngineMutableTables) {
  const auto detail = [](TableFault fault) {
    return Engine(Error(ErrorCode::kInvalidArgument, "text",
                        TableDetail{.fault = fault, .table = "t", .column = "c"}))
        .mutable_table();
  };
  EXPECT_EQ(detail(TableFault::kInvalidId).invalid_id(), "t");
  EXPECT_EQ(detail(TableFault::kSchema).schema(), "text");
  EXPECT_EQ(detail(TableFault::kInvalidValue).schema(), "text");
  EXPECT_EQ(detail(TableFault::kMissingPrimaryKey).missing_primary_key(), "c");
  EXPECT_EQ(detail(TableFault::kReservedColumn).reserved_column(), "c");
  EXPECT_EQ(detail(TableFault::kNotFound).not_found(), "t");
  EXPECT_EQ(detail(TableFault::kAlreadyExists).already_exists(), "t");
  EXPECT_TRUE(detail(TableFault::kNoOrderColumn).no_order_column());
  const auto duplicate = detail(TableFault::kDuplicateKey).backend().constraint();
  EXPECT_EQ(duplicate.table(), "t");
  EXPECT_EQ(duplicate.detail(), "text");
}

TEST(Failure, EngineBackendIsTheCatalogAndTheRestIsOther) {
  EXPECT_EQ(Engine(Error(ErrorCode::kInternal, "x", BackendDetail{.fault = BackendFault::kExecution}))
                .catalog()
                .message(),
            "x");
  EXPECT_EQ(Engine(Error(ErrorCode::kInternal, "x")).other().message(), "x");
  EXPECT_EQ(Engine(Error(ErrorCode::kNotFound, "x", TopicNotFoundDetail{.topic = "t"})).other().message(),
            "x");
  EXPECT_EQ(Engine(Error(ErrorCode::kResourceExhausted, "x", QuotaExceededDetail{.quota = "max_topics"}))
                .other()
                .message(),
            "x");
}

// --- 3.3

TEST(Failure, TriggerVariants) {
  EXPECT_EQ(Trigger(Error(ErrorCode::kNotFound, "t", TopicNotFoundDetail{.topic = "t"})).topic_not_found(),
            "t");
  const auto conflict =
      Trigger(Error(ErrorCode::kFailedPrecondition, "x", SchemaConflictDetail{.topic = "t", .detail = "d"}))
          .schema_conflict();
  EXPECT_EQ(conflict.topic(), "t");
  EXPECT_EQ(conflict.detail(), "d");
  const auto type = Trigger(Error(ErrorCode::kInvalidArgument, "x",
                                  UnsupportedSchemaTypeDetail{.column = "c", .data_type = "T"}))
                        .unsupported_schema_type();
  EXPECT_EQ(type.column(), "c");
  EXPECT_EQ(type.data_type(), "T");
  EXPECT_EQ(Trigger(Error(ErrorCode::kInvalidArgument, "x", BatchSchemaMismatchDetail{.topic = "t"}))
                .batch_schema_mismatch(),
            "x");
  const auto tenant =
      Trigger(Error(ErrorCode::kPermissionDenied, "x",
                    PublishTenantMismatchDetail{.topic = "t", .topic_tenant = "", .publish_tenant = "b"}))
          .publish_tenant_mismatch();
  EXPECT_EQ(tenant.topic(), "t");
  EXPECT_EQ(tenant.topic_tenant(), "");
  EXPECT_EQ(tenant.publish_tenant(), "b");
  EXPECT_EQ(Trigger(Error(ErrorCode::kInvalidArgument, "x", PredicateParseDetail{.message = "m"}))
                .predicate_parse(),
            "m");
  EXPECT_EQ(Trigger(Error(ErrorCode::kInvalidArgument, "x", PredicateUnsupportedDetail{.construct = "CASE"}))
                .predicate_unsupported(),
            "CASE");
  EXPECT_EQ(Trigger(Error(ErrorCode::kInternal, "x", PredicateEvalDetail{.message = "m"})).predicate_eval(),
            "m");
  EXPECT_EQ(Trigger(Error(ErrorCode::kFailedPrecondition, "x", OffsetEvictedDetail{.low_water = 7}))
                .offset_evicted(),
            7U);
  EXPECT_EQ(Trigger(Error(ErrorCode::kUnavailable, "x", BrokerDetail{.driver = "jet_stream"})).driver(), "x");
  EXPECT_EQ(Trigger(Error(ErrorCode::kInternal, "x")).catalog(), "x");
  EXPECT_EQ(Trigger(Error(ErrorCode::kAlreadyExists, "x", TopicExistsDetail{.name = "t"})).catalog(), "x");
}

// wire.md 3.3: the texts, of which clients look at the beginning.
TEST(Failure, TriggerMessages) {
  const auto said = [](ErrorCode code, ErrorDetail detail) {
    return ToFailure(Error(code, "x", std::move(detail)), ErrorFamily::kTrigger).message;
  };
  EXPECT_EQ(said(ErrorCode::kNotFound, TopicNotFoundDetail{.topic = "t"}), "t");
  EXPECT_EQ(said(ErrorCode::kInvalidArgument, UnsupportedSchemaTypeDetail{.column = "c", .data_type = "T"}),
            "unsupported topic schema type for 'c': T");
  const SchemaConflictDetail conflict{.topic = "t", .detail = "d"};
  EXPECT_EQ(said(ErrorCode::kFailedPrecondition, conflict), "schema conflict on t: d");
  EXPECT_EQ(said(ErrorCode::kAlreadyExists, conflict), "x") << "there is none: it is as it was asked for";
  EXPECT_EQ(said(ErrorCode::kInvalidArgument, PredicateParseDetail{.message = "m"}), "predicate: x");
  EXPECT_EQ(said(ErrorCode::kInvalidArgument, PredicateUnsupportedDetail{}), "predicate: x");
  EXPECT_EQ(said(ErrorCode::kFailedPrecondition, PredicateEvalDetail{}), "predicate: x");
  EXPECT_EQ(said(ErrorCode::kUnavailable, BrokerDetail{}), "broker: x");
  EXPECT_EQ(said(ErrorCode::kInternal, BackendDetail{}), "backend: x");
  EXPECT_EQ(said(ErrorCode::kDataLoss, {}), "catalog: x");
  EXPECT_EQ(said(ErrorCode::kResourceExhausted, {}), "x");
}

TEST(Failure, EngineMessages) {
  const auto said = [](ErrorCode code, ErrorDetail detail) {
    return ToFailure(Error(code, "x", std::move(detail)), ErrorFamily::kEngine).message;
  };
  EXPECT_EQ(said(ErrorCode::kInvalidArgument, SourceDetail{.source_id = "s"}), "source s: x");
  EXPECT_EQ(said(ErrorCode::kInvalidArgument, ConfigDetail{}), "config: x");
  EXPECT_EQ(said(ErrorCode::kInvalidArgument, TenantDetail{}), "tenant: x");
  EXPECT_EQ(said(ErrorCode::kNotFound, ModelNotFoundDetail{.model_id = "m"}), "model m not found");
  EXPECT_EQ(said(ErrorCode::kNotFound, TableDetail{.fault = TableFault::kNotFound, .table = "t"}),
            "mutable table not found: t");
  EXPECT_EQ(said(ErrorCode::kAlreadyExists, TableDetail{.fault = TableFault::kAlreadyExists, .table = "t"}),
            "mutable table already exists: t");
  EXPECT_EQ(said(ErrorCode::kInvalidArgument, PredicateParseDetail{}), "x");
}

TEST(Failure, TriggerBackendFaults) {
  const auto backend = [](BackendFault fault) {
    return Trigger(Error(ErrorCode::kInternal, "x", BackendDetail{.fault = fault, .object = "o"})).backend();
  };
  for (const auto fault : {BackendFault::kUnique, BackendFault::kForeignKey, BackendFault::kCheck}) {
    EXPECT_EQ(backend(fault).constraint().table(), "o");
    EXPECT_EQ(backend(fault).constraint().detail(), "x");
  }
  for (const auto fault :
       {BackendFault::kBusy, BackendFault::kConnection, BackendFault::kFull, BackendFault::kIo,
        BackendFault::kReadOnly, BackendFault::kUnfinishedCopy, BackendFault::kMoved}) {
    EXPECT_EQ(backend(fault).unavailable(), "x");
  }
  EXPECT_EQ(backend(BackendFault::kSerialization).retry(), "x");
  EXPECT_EQ(backend(BackendFault::kMigration).migration(), "x");
  EXPECT_EQ(backend(BackendFault::kTypeConversion).type_conversion().column(), "o");
  EXPECT_EQ(backend(BackendFault::kTenantMismatch).tenant_mismatch().table(), "o");
  EXPECT_EQ(backend(BackendFault::kExecution).execution(), "x");
  EXPECT_EQ(backend(BackendFault::kCorrupt).execution(), "x");
}

// --- 3.4

TEST(Failure, AuditVariants) {
  const auto detail = [](AuditFault fault) {
    return Audit(Error(ErrorCode::kFailedPrecondition, "x",
                       AuditDetail{.fault = fault, .query_id = "q", .actual = 2, .expected = 3}));
  };
  EXPECT_EQ(detail(AuditFault::kLengthMismatch).length_mismatch().ids(), 2U);
  EXPECT_EQ(detail(AuditFault::kLengthMismatch).length_mismatch().scores(), 3U);
  EXPECT_EQ(detail(AuditFault::kLineageTooLarge).lineage_too_large().actual(), 2U);
  EXPECT_EQ(detail(AuditFault::kLineageTooLarge).lineage_too_large().max(), 3U);
  EXPECT_TRUE(detail(AuditFault::kNoTenantBinding).no_tenant_binding());
  EXPECT_EQ(detail(AuditFault::kSignatureMismatch).signature_mismatch(), "q");
  EXPECT_EQ(detail(AuditFault::kMasterKey).master_key(), "x");
  EXPECT_EQ(detail(AuditFault::kDuplicateQueryId).storage(), "x");
  EXPECT_EQ(Audit(Error(ErrorCode::kInternal, "x", BackendDetail{})).storage(), "x");
  EXPECT_EQ(Audit(Error(ErrorCode::kUnavailable, "x", BrokerDetail{})).broker(), "x");
}

TEST(Failure, AuditSignatureMismatchIsDataLoss) {
  const Error error(ErrorCode::kDataLoss, "x", AuditDetail{.fault = AuditFault::kSignatureMismatch});
  EXPECT_EQ(ToFailure(error, ErrorFamily::kAudit).code, RpcCode::kDataLoss);
}

}  // namespace
}  // namespace jammi
