// wire.md section 3, row by row, over the services: the code, the text, and which variant of which detail.
#include <arrow/api.h>
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>

#include "jammi/v1/audit.pb.h"
#include "jammi/v1/trigger.pb.h"
#include "metrics/server_metrics.h"
#include "server/catalog_results_fixture.h"
#include "server/named_publisher.h"
#include "server/request_tenant.h"

namespace jammi::test {
namespace {

using testing::MatchesRegex;

constexpr const char* kCatalog = "/jammi.v1.catalog.CatalogService/";
constexpr const char* kTrigger = "/jammi.v1.trigger.TriggerService/";
constexpr const char* kAudit = "/jammi.v1.audit.AuditService/";
const std::string kUnknownId = "0190a000-0000-7000-8000-000000000001";

// "JammiErrorDetail.source"; "none" without a detail.
std::string VariantOf(const Answer& answer) {
  if (answer.details.empty()) return "none";
  std::string variant = "no detail, or one that does not repeat code and text";
  const auto look = [&]<class Detail>(Detail /*empty*/) {
    const auto detail = DetailOf<Detail>(answer);
    if (!detail) return;
    const auto* descriptor = Detail::descriptor();
    const auto* set = detail->GetReflection()->GetOneofFieldDescriptor(*detail, descriptor->oneof_decl(0));
    variant = descriptor->name() + "." + (set == nullptr ? "" : set->name());
  };
  look(v1::error::JammiErrorDetail());
  look(v1::error::TriggerErrorDetail());
  look(v1::error::AuditErrorDetail());
  return variant;
}

class WireErrorsTest : public testing::Test {
 protected:
  ~WireErrorsTest() override { executor_.Shutdown(); }

  [[nodiscard]] Session session() const { return server_.SessionOf(1); }
  // As tenant 1.
  void Expect(const std::string& path, const google::protobuf::MessageLite& request, RpcCode code,
              const std::string& message, const std::string& variant) {
    ExpectAs({{"jammi-session-id", TenantNumber(1).ToString()}}, path, request, code, message, variant);
  }
  // `message` is a regular expression for all of it.
  void ExpectAs(const Headers& headers, const std::string& path, const google::protobuf::MessageLite& request,
                RpcCode code, const std::string& message, const std::string& variant) {
    SCOPED_TRACE(path);
    const auto& channel = server_.server().channel();
    const auto answer = path.ends_with("/Subscribe")
                            ? channel.Stream(path, request.SerializeAsString(), {.headers = headers}).Finish()
                            : channel.Call(path, request, {.headers = headers});
    EXPECT_EQ(ToString(answer.code), ToString(code));
    EXPECT_THAT(answer.message, MatchesRegex(message));
    EXPECT_EQ(VariantOf(answer), variant);
  }

  ServerMetrics metrics_{"0"};
  RpcExecutor executor_{2, 64};
  std::unique_ptr<NamedPublisher> publisher_;
  EngineServer server_{{
      [](const ServerContext& context) { return NewCatalogService(context); },
      [this](const ServerContext& context) {
        publisher_ = std::make_unique<NamedPublisher>(context, executor_, metrics_);
        return NewTriggerService(context, *publisher_, metrics_);
      },
      [](const ServerContext& context) { return NewAuditService(context); },
  }};
};

// --- 3.1: what has no detail.

TEST_F(WireErrorsTest, Wire31WhatCannotBeReadAndWhatIsNotThereHaveNone) {
  const auto catalog = [&](const char* method, const auto& request, RpcCode code, const std::string& text) {
    Expect(std::string(kCatalog) + method, request, code, text, "none");
  };
  using enum RpcCode;
  catalog("AddSource", wire::AddSourceRequest(), kInvalidArgument, "source_id is required");
  catalog("DeleteModel", wire::DeleteModelRequest(), kInvalidArgument, "model_id is required");
  catalog("RegisterTopic", wire::RegisterTopicRequest(), kInvalidArgument, "name is required");
  catalog("CreateMutableTable", wire::CreateMutableTableRequest(), kInvalidArgument,
          "definition is required");
  wire::RegisterChannelRequest channel;
  channel.set_channel_id("Not An Id");
  catalog("RegisterChannel", channel, kInvalidArgument, ".*Not An Id.*");
  channel.set_channel_id("fine");
  channel.add_columns()->set_name("c");
  catalog("RegisterChannel", channel, kInvalidArgument, "column 'c': data_type must be specified.*");
  wire::DropTopicRequest drop;
  drop.set_topic_id("no-uuid");
  catalog("DropTopic", drop, kInvalidArgument, "invalid topic_id: .*");
  wire::DescribeSourceRequest source;
  source.set_source_id("x");
  catalog("DescribeSource", source, kNotFound, "source 'x' not found");
  wire::DescribeModelRequest model;
  model.set_model_id("x");
  catalog("DescribeModel", model, kNotFound, "model 'x' not found");
  ExpectAs({{"authorization", "Bearer nobody"}}, std::string(kCatalog) + "ListTopics",
           wire::ListTopicsRequest(), kUnauthenticated, ".+", "none");
}

TEST_F(WireErrorsTest, Wire31OfTheTriggerService) {
  using enum RpcCode;
  v1::trigger::PublishRequest publish;
  const auto refused = [&](RpcCode code, const std::string& text) {
    Expect(std::string(kTrigger) + "Publish", publish, code, text, "none");
  };
  refused(kInvalidArgument, "topic is required");
  publish.mutable_topic()->set_name("nope");
  refused(kInvalidArgument, "batch is required");
  publish.mutable_batch()->set_data_body("garbage");
  refused(kInvalidArgument, "batch decode: .*");
  publish.mutable_batch()->set_data_body(
      *EncodeWireBatch(**arrow::RecordBatch::MakeEmpty(arrow::schema(Note()))));
  refused(kNotFound, "topic 'nope' not found");
  publish.set_tenant_id("not-a-uuid");
  refused(kInvalidArgument, "tenant_id: .*not-a-uuid.*");
  publish.set_tenant_id("00000000-0000-0000-0000-000000000000");
  refused(kInvalidArgument, "tenant_id: .*nil.*");
  v1::trigger::SubscribeRequest subscribe;
  Expect(std::string(kTrigger) + "Subscribe", subscribe, kInvalidArgument, "topic is required", "none");
  subscribe.mutable_topic()->set_name("nope");
  Expect(std::string(kTrigger) + "Subscribe", subscribe, kNotFound, "topic 'nope' not found", "none");
  subscribe.set_tenant_id("not-a-uuid");
  Expect(std::string(kTrigger) + "Subscribe", subscribe, kInvalidArgument, "tenant_id: .*", "none");
}

// --- 3.2

TEST_F(WireErrorsTest, Wire32SourcesAndConfiguration) {
  ASSERT_TRUE(session().sources().Register("docs", SourceType::kFile,
                                           {.url = Secret("file:///docs.csv"), .format = FileFormat::kCsv}));
  wire::AddSourceRequest add;
  add.set_source_id("docs");
  add.set_source_kind(wire::SOURCE_KIND_FILE);
  add.mutable_connection()->set_url("file:///docs.csv");
  add.mutable_connection()->set_format(wire::FILE_FORMAT_CSV);
  const std::string method = std::string(kCatalog) + "AddSource";
  Expect(method, add, RpcCode::kInvalidArgument, "source docs: Source already registered",
         "JammiErrorDetail.source");
  add.mutable_connection()->clear_format();
  Expect(method, add, RpcCode::kInvalidArgument, "config: .*format.*", "JammiErrorDetail.config");
  add.set_source_kind(wire::SOURCE_KIND_POSTGRES);
  Expect(method, add, RpcCode::kInvalidArgument, "config: .*POSTGRES.*", "JammiErrorDetail.config");
}

// Clients of 0.47 find the variant `model_not_found` beside it: failure_test.cc.
TEST_F(WireErrorsTest, Wire32ModelsAndResultTables) {
  wire::DeleteModelRequest model;
  model.set_model_id("m");
  const std::string method = std::string(kCatalog) + "DeleteModel";
  Expect(method, model, RpcCode::kNotFound, "model m not found", "JammiErrorDetail.not_found");
  const auto record = session().models().RegisterNext(
      {.model_id = "m", .model_type = "embedding", .backend = "http", .task = ModelTask::kTextEmbedding});
  ASSERT_TRUE(session().result_tables().Create(
      {.table_name = "t", .source_id = "docs", .model_uid = record->uid, .parquet_path = "file:///t.parquet"},
      "builder", std::chrono::seconds(30)));
  Expect(method, model, RpcCode::kFailedPrecondition, "model m is still referenced by .+",
         "JammiErrorDetail.model_referenced");

  wire::StalenessRequest staleness;
  staleness.set_table("nowhere");
  Expect(std::string(kCatalog) + "Staleness", staleness, RpcCode::kNotFound,
         "Result table 'nowhere' not found", "JammiErrorDetail.not_found");
}

TEST_F(WireErrorsTest, Wire32Channels) {
  const auto request = [](const std::string& id, wire::ChannelColumnType type) {
    wire::AddChannelColumnsRequest made;
    made.set_channel_id(id);
    auto& column = *made.add_columns();
    column.set_name("score");
    column.set_data_type(type);
    return made;
  };
  wire::RegisterChannelRequest channel;
  channel.set_channel_id("mine");
  *channel.mutable_columns() = request("mine", wire::CHANNEL_COLUMN_TYPE_UTF8).columns();
  server_.As(1).Ask<Empty>("RegisterChannel", channel);
  const std::string variant = "JammiErrorDetail.channel_catalog";
  Expect(std::string(kCatalog) + "RegisterChannel", channel, RpcCode::kAlreadyExists, ".*already exists.*",
         variant);
  const std::string method = std::string(kCatalog) + "AddChannelColumns";
  Expect(method, request("mine", wire::CHANNEL_COLUMN_TYPE_UTF8), RpcCode::kAlreadyExists,
         ".*already declared.*", variant);
  Expect(method, request("mine", wire::CHANNEL_COLUMN_TYPE_INT32), RpcCode::kFailedPrecondition,
         ".*mine.*score.*Utf8.*cannot redeclare as Int32.*", variant);
  Expect(method, request("absent", wire::CHANNEL_COLUMN_TYPE_UTF8), RpcCode::kNotFound, ".*not registered.*",
         variant);
}

TEST_F(WireErrorsTest, Wire32MutableTables) {
  wire::CreateMutableTableRequest create;
  auto& definition = *create.mutable_definition();
  definition.set_id("notes");
  definition.set_schema(SchemaBytes(Note()));
  definition.add_primary_key("note_id");
  server_.As(1).Ask<wire::CreateMutableTableResponse>("CreateMutableTable", create);
  const std::string method = std::string(kCatalog) + "CreateMutableTable";
  const std::string variant = "JammiErrorDetail.mutable_table";
  Expect(method, create, RpcCode::kAlreadyExists, "mutable table already exists: notes", variant);
  definition.set_id("Bad Id");
  Expect(method, create, RpcCode::kInvalidArgument, ".*id of a table.*", variant);
  definition.set_id("more");
  definition.set_primary_key(0, "absent");
  Expect(method, create, RpcCode::kInvalidArgument, ".*absent.*", variant);
  definition.set_primary_key(0, "note_id");
  definition.set_order_column("body");
  Expect(method, create, RpcCode::kInvalidArgument, ".*body.*", variant);
  definition.clear_order_column();
  definition.set_schema(SchemaBytes({Note()[0], arrow::field("tenant_id", arrow::utf8())}));
  Expect(method, create, RpcCode::kInvalidArgument, ".*tenant_id.*reserved.*|.*reserved.*tenant_id.*",
         variant);
  wire::DropMutableTableRequest drop;
  drop.set_mutable_table_id("absent");
  Expect(std::string(kCatalog) + "DropMutableTable", drop, RpcCode::kNotFound,
         "mutable table not found: absent", variant);
}

// --- 3.3

class TriggerErrorsTest : public WireErrorsTest {
 protected:
  TriggerErrorsTest() {
    EXPECT_TRUE(session().topics().Register("t", arrow::schema(Note())));
    subscribe_.mutable_topic()->set_name("t");
    publish_.mutable_topic()->set_name("t");
    publish_.mutable_batch()->set_data_body(
        *EncodeWireBatch(**arrow::RecordBatch::MakeEmpty(arrow::schema(Note()))));
  }
  void ExpectOfPublish(RpcCode code, const std::string& message, const std::string& variant) {
    Expect(std::string(kTrigger) + "Publish", publish_, code, message, "TriggerErrorDetail." + variant);
  }
  void ExpectOfSubscribe(const std::string& predicate, RpcCode code, const std::string& message,
                         const std::string& variant) {
    subscribe_.set_predicate(predicate);
    Expect(std::string(kTrigger) + "Subscribe", subscribe_, code, message, "TriggerErrorDetail." + variant);
  }

  v1::trigger::PublishRequest publish_;
  v1::trigger::SubscribeRequest subscribe_;
};

TEST_F(TriggerErrorsTest, Wire33Topics) {
  wire::DropTopicRequest drop;
  drop.set_topic_id(kUnknownId);
  Expect(std::string(kCatalog) + "DropTopic", drop, RpcCode::kNotFound, kUnknownId,
         "TriggerErrorDetail.topic_not_found");
  wire::RegisterTopicRequest add;
  add.set_name("t");
  add.set_schema(SchemaBytes(Note()));
  const std::string method = std::string(kCatalog) + "RegisterTopic";
  Expect(method, add, RpcCode::kAlreadyExists, ".*'t'.*", "TriggerErrorDetail.catalog");
  auto deep = arrow::int64();
  for (int i = 0; i < 64; ++i) deep = arrow::list(deep);
  add.set_name("deep");
  add.set_schema(SchemaBytes({arrow::field("c", deep)}));
  Expect(method, add, RpcCode::kInvalidArgument, "unsupported topic schema type for 'c': .+",
         "TriggerErrorDetail.unsupported_schema_type");
}

TEST_F(TriggerErrorsTest, Wire33Batches) {
  publish_.mutable_batch()->set_data_body(*EncodeWireBatch(
      **arrow::RecordBatch::MakeEmpty(arrow::schema({arrow::field("other", arrow::int64())}))));
  ExpectOfPublish(RpcCode::kInvalidArgument, ".*'t'.*", "batch_schema_mismatch");
}

// The body names another tenant than the session's (SRV-156): topic and both tenants are named.
TEST_F(TriggerErrorsTest, Wire33Srv156Tenants) {
  const std::string own = TenantNumber(1).ToString();
  const std::string other = TenantNumber(2).ToString();
  const std::string text = ".*'t'.*" + other + ".*" + own + ".*";
  publish_.set_tenant_id(other);
  ExpectOfPublish(RpcCode::kPermissionDenied, text, "publish_tenant_mismatch");
  subscribe_.set_tenant_id(other);
  ExpectOfSubscribe("", RpcCode::kPermissionDenied, text, "publish_tenant_mismatch");
  const auto answer = server_.server().Call(std::string(kTrigger) + "Publish", publish_,
                                            {.headers = {{"jammi-session-id", own}}});
  const auto mismatch = DetailOf<TriggerErrorDetail>(answer)->publish_tenant_mismatch();
  EXPECT_EQ(mismatch.topic(), "t");
  EXPECT_EQ(mismatch.topic_tenant(), own);
  EXPECT_EQ(mismatch.publish_tenant(), other);
}

// SRV-033, SRV-151: the body may name what SetTenant may choose, and nothing else.
TEST(RequestTenantTest, Srv151WithACredentialTheBodyNamesWhatItGrants) {
  const std::string mine = TenantNumber(1).ToString();
  const std::string others = TenantNumber(2).ToString();
  const auto scope = [&](const std::string& granted, const Scope& session, const std::string& named) {
    RpcCall call;
    call.identity.scope = session;
    call.identity.principal = "ann";
    call.identity.grant = std::make_shared<const TenantGrant>(TenantGrant::Parse(granted).value());
    return ScopeOfRequest(call, named, "t");
  };
  EXPECT_EQ(*scope("global," + mine, Scope::Global(), mine), Scope::ForTenant(TenantNumber(1)));
  EXPECT_EQ(*scope("*", Scope::Global(), others), Scope::ForTenant(TenantNumber(2)));
  EXPECT_EQ(*scope("global," + mine, Scope::Global(), ""), Scope::Global());
  const auto stranger = scope("global," + mine, Scope::Global(), others);
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code(), ErrorCode::kPermissionDenied);
  EXPECT_THAT(stranger.error().message(), HasSubstr("not among the tenants of 'ann'"));
  // Nor does a grant reach beyond the session.
  const auto bound = scope("*", Scope::ForTenant(TenantNumber(1)), others);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().code(), ErrorCode::kPermissionDenied);
}

TEST_F(TriggerErrorsTest, Wire33Predicates) {
  using enum RpcCode;
  ExpectOfSubscribe("note_id >", kInvalidArgument, "predicate: .+", "predicate_parse");
  ExpectOfSubscribe("no_such_column = 1", kInvalidArgument, "predicate: .*no_such_column.*",
                    "predicate_parse");
  ExpectOfSubscribe("sum(note_id) > 0", kInvalidArgument, "predicate: .+", "predicate_unsupported");
  ExpectOfSubscribe("CASE WHEN true THEN true END", kInvalidArgument, "predicate: .*CASE.*",
                    "predicate_unsupported");
  // The fault is in what was asked for, so it is no INTERNAL (W-21).
  arrow::Int64Builder ids;
  arrow::StringBuilder texts;
  ASSERT_TRUE(ids.Append(1).ok() && texts.Append("not a number").ok());
  const auto batch = arrow::RecordBatch::Make(arrow::schema(Note()), 1, {*ids.Finish(), *texts.Finish()});
  ASSERT_TRUE(session().Publish(session().topics().Find("t")->id, batch));
  subscribe_.set_from_offset(0);
  ExpectOfSubscribe("CAST(body AS BIGINT) > 0", kFailedPrecondition, "predicate: .+", "predicate_eval");
}

// --- 3.4

TEST_F(WireErrorsTest, Wire34AuditLog) {
  using enum RpcCode;
  v1::audit::AuditLogRequest log;
  auto& record = *log.add_records();
  record.set_query_id("5f0c6b7a-0000-4000-8000-000000000001");
  const std::string method = std::string(kAudit) + "AuditLog";
  // There is no key in the environment of this test.
  Expect(method, log, kFailedPrecondition, ".+", "AuditErrorDetail.master_key");
  ExpectAs({}, method, log, kFailedPrecondition, ".+", "AuditErrorDetail.no_tenant_binding");
  record.add_top_k_result_ids("doc-1");
  Expect(method, log, kInvalidArgument, ".+", "AuditErrorDetail.length_mismatch");
  record.add_retrieval_scores(0.5F);
  record.set_query_lineage("\"" + std::string(9000, 'x') + "\"");
  Expect(method, log, kInvalidArgument, ".+", "AuditErrorDetail.lineage_too_large");
  record.set_query_lineage("{");
  Expect(method, log, kInvalidArgument, ".*query_lineage.*", "none");
  record.set_query_id("x");
  Expect(method, log, kInvalidArgument, ".*query_id.*", "none");
  Expect(std::string(kAudit) + "Verify", v1::audit::VerifyRequest(), kInvalidArgument, "record is required",
         "none");
}

}  // namespace
}  // namespace jammi::test
