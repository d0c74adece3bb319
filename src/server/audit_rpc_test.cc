// jammi.v1.audit.AuditService and jammi.ext.v1.AuditChainService over a socket.
#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/audit_service.h"
#include "base/sync_point.h"
#include "jammi/engine.h"
#include "jammi/ext/v1/operations.pb.h"
#include "jammi/v1/audit.pb.h"
#include "jammi/v1/error.pb.h"
#include "rpc/rpc_fixture.h"
#include "server/services.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

namespace audit_wire = ::jammi::v1::audit;
namespace fault = ::jammi::v1::error;
namespace ext_wire = ::jammi::ext::v1;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Pair;

constexpr auto kLog = "/jammi.v1.audit.AuditService/AuditLog";
constexpr auto kFetch = "/jammi.v1.audit.AuditService/AuditFetchByQueryId";
constexpr auto kRecent = "/jammi.v1.audit.AuditService/AuditFetchRecent";
constexpr auto kVerify = "/jammi.v1.audit.AuditService/Verify";
constexpr auto kChain = "/jammi.ext.v1.AuditChainService/VerifyChain";
constexpr auto kId = "5f0c6b7a-0000-4000-8000-000000000001";
constexpr UnixMicros kStart = 1'700'000'000'123'456;

const CallOptions kA = {.headers = {{"jammi-session-id", "aaaaaaaa-0000-4000-8000-000000000001"}}};
const CallOptions kB = {.headers = {{"jammi-session-id", "bbbbbbbb-0000-4000-8000-000000000002"}}};
const CallOptions kNobody = {};

audit_wire::PerQueryAudit Record(const std::string& id = kId) {
  audit_wire::PerQueryAudit record;
  record.set_query_id(id);
  record.set_model_id("m");
  record.set_model_version("v1");
  record.set_query_lineage(R"({"hash":"x"})");
  record.add_top_k_result_ids("doc-1");
  record.add_top_k_result_ids("doc-2");
  record.add_retrieval_scores(0.92F);
  record.add_retrieval_scores(0.5F);
  return record;
}
audit_wire::AuditLogRequest LogOf(const std::vector<audit_wire::PerQueryAudit>& records) {
  audit_wire::AuditLogRequest request;
  for (const auto& record : records) *request.add_records() = record;
  return request;
}
std::string IdOf(int n) {
  const std::string digits = std::to_string(n);
  return "00000000-0000-4000-8000-" + std::string(12 - digits.size(), '0') + digits;
}

class AuditRpcTest : public testing::Test {
 protected:
  explicit AuditRpcTest(
      std::shared_ptr<AuditKeyStore> keys = NewFixedAuditKeyStore({Secret(std::string(64, '1'))})) {
    config_.artifact_dir = folder_.path();
    auto engine = Engine::Open(config_, {.clock = clock_, .audit_keys = std::move(keys)});
    if (!engine) std::abort();
    engine_ = std::move(*engine);
    context_ = std::make_unique<ServerContext>(ServerContext{.engine = *engine_, .config = config_});
    std::vector<std::unique_ptr<RpcService>> services;
    services.push_back(NewAuditService(*context_));
    services.push_back(NewAuditChainService(*context_));
    server_ = std::make_unique<TestRpcServer>(std::move(services));
  }
  ~AuditRpcTest() override { server_.reset(); }

  template <class Response, class Request>
  Response Ask(const char* path, const Request& request, const CallOptions& options) {
    const auto answer = server_->Call(path, request, options);
    EXPECT_EQ(answer.code, RpcCode::kOk) << answer.message;
    Response response;
    EXPECT_TRUE(response.ParseFromString(answer.bytes));
    return response;
  }
  audit_wire::AuditFetchByQueryIdResponse Fetch(const CallOptions& options, const std::string& id = kId) {
    audit_wire::AuditFetchByQueryIdRequest request;
    request.set_query_id(id);
    return Ask<audit_wire::AuditFetchByQueryIdResponse>(kFetch, request, options);
  }
  bool Verify(const audit_wire::PerQueryAudit& record, const CallOptions& options) {
    audit_wire::VerifyRequest request;
    *request.mutable_record() = record;
    return Ask<audit_wire::VerifyResponse>(kVerify, request, options).verified();
  }
  std::vector<std::string> Recent(uint32_t limit, const CallOptions& options) {
    audit_wire::AuditFetchRecentRequest request;
    request.set_limit(limit);
    std::vector<std::string> ids;
    const auto reply = Ask<audit_wire::AuditFetchRecentResponse>(kRecent, request, options);
    for (const auto& record : reply.records()) ids.push_back(record.query_id());
    return ids;
  }
  void Log(const std::vector<audit_wire::PerQueryAudit>& records, const CallOptions& options = kA) {
    const auto answer = server_->Call(kLog, LogOf(records), options);
    EXPECT_EQ(answer.code, RpcCode::kOk) << answer.message;
  }
  // The typed detail, which repeats code and message of the status.
  static fault::AuditErrorDetail Detail(const Answer& answer) {
    fault::RpcStatus status;
    EXPECT_TRUE(status.ParseFromString(answer.details));
    EXPECT_EQ(status.code(), static_cast<int>(answer.code));
    EXPECT_EQ(status.message(), answer.message);
    fault::AuditErrorDetail detail;
    EXPECT_EQ(status.details_size(), 1);
    if (status.details_size() == 1) {
      EXPECT_EQ(status.details(0).type_url(), "type.googleapis.com/jammi.v1.error.AuditErrorDetail");
      EXPECT_TRUE(detail.ParseFromString(status.details(0).value()));
    }
    return detail;
  }

  TempDir folder_{TempDir::On::kMemory};
  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(kStart);
  Config config_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<ServerContext> context_;
  std::unique_ptr<TestRpcServer> server_;
};

// Case 55, SRV-180, SRV-182, SRV-183
TEST_F(AuditRpcTest, Srv180WhatIsLoggedIsFetchedAndVerifies) {
  Log({Record()});
  const auto fetched = Fetch(kA);
  ASSERT_TRUE(fetched.has_record());
  const auto& record = fetched.record();
  EXPECT_EQ(record.query_id(), kId);
  EXPECT_EQ(record.tenant_id(), "aaaaaaaa-0000-4000-8000-000000000001");
  EXPECT_EQ(record.model_id(), "m");
  EXPECT_EQ(record.model_version(), "v1");
  EXPECT_EQ(record.query_lineage(), R"({"hash":"x"})");
  EXPECT_THAT(record.top_k_result_ids(), ElementsAre("doc-1", "doc-2"));
  EXPECT_THAT(record.retrieval_scores(), ElementsAre(0.92F, 0.5F));
  EXPECT_EQ(record.executed_at_micros(), kStart);
  EXPECT_THAT(record.signature(), MatchesRegex("[0-9a-f]{64}"));
  EXPECT_TRUE(Verify(record, kA));
}

TEST_F(AuditRpcTest, Srv180TenantTimeAndSignatureOfTheCallerAreIgnored) {
  auto record = Record();
  record.set_tenant_id("bbbbbbbb-0000-4000-8000-000000000002");
  record.set_executed_at_micros(1);
  record.set_signature("forged");
  record.clear_query_lineage();
  Log({record});
  EXPECT_FALSE(Fetch(kB).has_record());
  const auto stored = Fetch(kA).record();
  EXPECT_EQ(stored.tenant_id(), "aaaaaaaa-0000-4000-8000-000000000001");
  EXPECT_EQ(stored.executed_at_micros(), kStart);
  EXPECT_EQ(stored.query_lineage(), "{}") << "an empty text is an empty object";
  EXPECT_TRUE(Verify(stored, kA));
}

// Case 57
TEST_F(AuditRpcTest, Srv180NothingIsLoggedWithoutATenant) {
  const auto answer = server_->Call(kLog, LogOf({Record()}), kNobody);
  EXPECT_EQ(answer.code, RpcCode::kFailedPrecondition);
  EXPECT_TRUE(Detail(answer).no_tenant_binding());
  EXPECT_EQ(server_->Call(kLog, LogOf({}), kNobody).code, RpcCode::kOk) << "no record, no tenant needed";
  EXPECT_EQ(server_->Call(kLog, LogOf({}), kA).code, RpcCode::kOk);
}

// Case 58
TEST_F(AuditRpcTest, Srv180BadRecordsAreRefusedAndNoneOfTheCallIsStored) {
  auto bad = Record(IdOf(2));
  bad.add_retrieval_scores(0.1F);
  auto answer = server_->Call(kLog, LogOf({Record(), bad}), kA);
  EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
  EXPECT_EQ(Detail(answer).length_mismatch().ids(), 2U);
  EXPECT_EQ(Detail(answer).length_mismatch().scores(), 3U);

  bad = Record(IdOf(2));
  bad.set_query_lineage("\"" + std::string(8192, 'x') + "\"");
  answer = server_->Call(kLog, LogOf({Record(), bad}), kA);
  EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
  EXPECT_EQ(Detail(answer).lineage_too_large().actual(), 8194U);
  EXPECT_EQ(Detail(answer).lineage_too_large().max(), 8192U);

  bad.set_query_lineage("{");
  answer = server_->Call(kLog, LogOf({Record(), bad}), kA);
  EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
  EXPECT_EQ(answer.details, "") << "the text says all there is";

  for (const auto* id : {"", "not-a-uuid", "5f0c6b7a-0000-4000-8000-00000000000"}) {
    answer = server_->Call(kLog, LogOf({Record(), Record(id)}), kA);
    EXPECT_EQ(answer.code, RpcCode::kInvalidArgument) << id;
    EXPECT_THAT(answer.message, HasSubstr("query 1: query_id '"));
    EXPECT_EQ(answer.details, "");
  }
  EXPECT_FALSE(Fetch(kA).has_record());
}

TEST_F(AuditRpcTest, Srv181AnIdIsUsedOnce) {
  Log({Record()});
  Log({Record()});  // the same again, as after a lost answer
  auto other = Record();
  other.set_model_id("another");
  const auto answer = server_->Call(kLog, LogOf({other}), kA);
  EXPECT_EQ(answer.code, RpcCode::kAlreadyExists);
  EXPECT_THAT(Detail(answer).storage(), HasSubstr(kId));
  EXPECT_EQ(Fetch(kA).record().model_id(), "m");
  Log({other}, kB);  // ids are a tenant's own
}

// Case 59
TEST_F(AuditRpcTest, Srv182RecentAreTheNewestFirst) {
  EXPECT_THAT(Recent(10, kA), ElementsAre()) << "before the first log too";
  for (int i = 1; i <= 12; ++i) {
    Log({Record(IdOf(i))});
    clock_->Advance(std::chrono::seconds(1));
  }
  Log({Record(IdOf(50))}, kB);
  EXPECT_THAT(Recent(10, kA), ElementsAre(IdOf(12), IdOf(11), IdOf(10), IdOf(9), IdOf(8), IdOf(7), IdOf(6),
                                          IdOf(5), IdOf(4), IdOf(3)));
  EXPECT_THAT(Recent(0, kA), ElementsAre());
  EXPECT_EQ(Recent(4'294'967'295U, kA).size(), 12U) << "a limit of 2^32-1 is no negative one";
  EXPECT_THAT(Recent(10, kB), ElementsAre(IdOf(50)));
}

TEST_F(AuditRpcTest, Srv182FetchesNeedATenantAndAnId) {
  EXPECT_FALSE(Fetch(kA).has_record()) << "an empty reply, also before the first log";
  audit_wire::AuditFetchByQueryIdRequest request;
  request.set_query_id(kId);
  EXPECT_TRUE(Detail(server_->Call(kFetch, request, kNobody)).no_tenant_binding());
  EXPECT_TRUE(
      Detail(server_->Call(kRecent, audit_wire::AuditFetchRecentRequest(), kNobody)).no_tenant_binding());
  request.set_query_id("x");
  EXPECT_EQ(server_->Call(kFetch, request, kA).code, RpcCode::kInvalidArgument);
}

// Case 56
TEST_F(AuditRpcTest, Srv183WhatWasChangedOrIsAnothersDoesNotVerify) {
  Log({Record()});
  const auto record = Fetch(kA).record();
  EXPECT_FALSE(Verify(record, kB));
  const std::vector<void (*)(audit_wire::PerQueryAudit&)> changes = {
      [](auto& r) { r.set_query_id(IdOf(9)); },
      [](auto& r) { r.set_tenant_id("bbbbbbbb-0000-4000-8000-000000000002"); },
      [](auto& r) { r.set_tenant_id(""); },
      [](auto& r) { r.set_tenant_id("no uuid"); },
      [](auto& r) { r.set_model_id("n"); },
      [](auto& r) { r.set_model_version("v2"); },
      [](auto& r) { r.set_query_lineage(R"({"hash":"y"})"); },
      [](auto& r) { r.set_query_lineage("{"); },
      [](auto& r) { r.clear_query_lineage(); },
      [](auto& r) { r.set_top_k_result_ids(0, "doc-2"); },
      [](auto& r) { r.set_retrieval_scores(0, 0.93F); },
      [](auto& r) { r.set_retrieval_scores(0, std::numeric_limits<float>::quiet_NaN()); },
      [](auto& r) { r.mutable_retrieval_scores()->RemoveLast(); },
      [](auto& r) { r.set_executed_at_micros(kStart + 1); },
      [](auto& r) { r.set_executed_at_micros(std::numeric_limits<int64_t>::max()); },
      [](auto& r) { r.set_signature(std::string(64, '0')); },
      [](auto& r) { r.set_signature("x"); },
      [](auto& r) { r.clear_signature(); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    auto changed = record;
    changes[i](changed);
    EXPECT_FALSE(Verify(changed, kA)) << "change " << i;
  }
  EXPECT_TRUE(Verify(record, kA));
}

TEST_F(AuditRpcTest, Srv183VerifyNeedsATenantAndARecord) {
  audit_wire::VerifyRequest request;
  auto answer = server_->Call(kVerify, request, kA);
  EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
  EXPECT_EQ(answer.message, "record is required");
  EXPECT_EQ(answer.details, "");
  *request.mutable_record() = Record();
  answer = server_->Call(kVerify, request, kNobody);
  EXPECT_EQ(answer.code, RpcCode::kFailedPrecondition);
  EXPECT_TRUE(Detail(answer).no_tenant_binding());
}

TEST_F(AuditRpcTest, OnlyWritersLog) {
  auto reader = kA;
  reader.headers.emplace("authorization", "Bearer reader");
  EXPECT_EQ(server_->Call(kLog, LogOf({Record()}), reader).code, RpcCode::kPermissionDenied);
  EXPECT_FALSE(Fetch(reader).has_record());
}

TEST_F(AuditRpcTest, TheChainIsVerifiedByItsNumbers) {
  for (int i = 1; i <= 5; ++i) Log({Record(IdOf(i))});
  ext_wire::VerifyChainRequest request;
  auto report = Ask<ext_wire::VerifyChainResponse>(kChain, request, kA);
  EXPECT_TRUE(report.intact());
  EXPECT_EQ(report.checked(), 5);
  EXPECT_EQ(report.first(), 1);
  EXPECT_EQ(report.head(), 5);
  request.set_first(2);
  request.set_last(3);
  EXPECT_EQ(Ask<ext_wire::VerifyChainResponse>(kChain, request, kA).checked(), 2);
  report = Ask<ext_wire::VerifyChainResponse>(kChain, ext_wire::VerifyChainRequest(), kB);
  EXPECT_TRUE(report.intact());
  EXPECT_EQ(report.checked(), 0) << "another tenant's chain is another chain";
  request.set_first(-1);
  EXPECT_EQ(server_->Call(kChain, request, kA).code, RpcCode::kInvalidArgument);
  EXPECT_TRUE(Detail(server_->Call(kChain, ext_wire::VerifyChainRequest(), kNobody)).no_tenant_binding());
}

// Holds a VerifyChain when it has begun, until the server has stopped its call.
class StoppedVerifyTest : public AuditRpcTest {
 protected:
  StoppedVerifyTest() {
    Log({Record()});
    SetSyncPoint("Audit::VerifyChain read the head", [this] {
      entered_.set_value();
      stopped_.get_future().wait_for(std::chrono::seconds(20));
    });
    SetSyncPoint("rpc:stopped", [this] { stopped_.set_value(); });
    call_.emplace(server_->channel().Stream(kChain, "", kA));
    entered_.get_future().wait();
  }
  ~StoppedVerifyTest() override {
    server_.reset();
    ClearSyncPoints();
  }
  std::promise<void> entered_;
  std::promise<void> stopped_;
  std::optional<StreamReader> call_;
};

TEST_F(StoppedVerifyTest, WhoGoesAwayHasItStopped) {
  call_->Cancel();
  EXPECT_EQ(call_->Finish().code, RpcCode::kCancelled);
  EXPECT_TRUE(Eventually([&] { return server_->observer().in_flight() == 0; }));
  EXPECT_THAT(server_->observer().codes(), ElementsAre(Pair(RpcCode::kOk, 1), Pair(RpcCode::kCancelled, 1)));
}

// It delayed the exit for as long as it took.
TEST_F(StoppedVerifyTest, Srv010TheDrainsLimitStopsIt) {
  server_->Shutdown(Deadline::Now());
  EXPECT_EQ(call_->Finish().code, RpcCode::kUnavailable);
  EXPECT_THAT(server_->observer().codes(),
              ElementsAre(Pair(RpcCode::kOk, 1), Pair(RpcCode::kUnavailable, 1)));
}

class NoKeysTest : public AuditRpcTest {
 protected:
  NoKeysTest() : AuditRpcTest(NewFixedAuditKeyStore({Secret("too short")})) {}
};

TEST_F(NoKeysTest, Srv184WithoutAKeyTheServerStartsAndNothingIsSigned) {
  auto answer = server_->Call(kLog, LogOf({Record()}), kA);
  EXPECT_EQ(answer.code, RpcCode::kFailedPrecondition);
  EXPECT_EQ(Detail(answer).master_key(), answer.message);
  audit_wire::VerifyRequest request;
  *request.mutable_record() = Record();
  answer = server_->Call(kVerify, request, kA);
  EXPECT_EQ(answer.code, RpcCode::kFailedPrecondition);
  EXPECT_NE(Detail(answer).master_key(), "");
  EXPECT_FALSE(Fetch(kA).has_record());
}

}  // namespace
}  // namespace jammi::test
