// jammi.v1.audit.AuditService and jammi.ext.v1.AuditChainService
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "jammi/ext/v1/operations.pb.h"
#include "jammi/v1/audit.pb.h"
#include "server/services.h"

namespace jammi {
namespace {

namespace audit_wire = ::jammi::v1::audit;
namespace ext_wire = ::jammi::ext::v1;
using google::protobuf::Empty;

constexpr MethodOptions kAuditReads = {.access = RpcAccess::kRead, .errors = ErrorFamily::kAudit};
constexpr MethodOptions kAuditWrites = {.access = RpcAccess::kWrite, .errors = ErrorFamily::kAudit};

Result<Uuid> ParseQueryId(const std::string& text) {
  if (const auto id = Uuid::Parse(text)) return *id;
  return Error(ErrorCode::kInvalidArgument, fmt::format("query_id '{}' is no UUID", text));
}

Result<AuditedQuery> FromWire(const audit_wire::PerQueryAudit& given) {
  AuditedQuery query;
  JAMMI_ASSIGN(query.query_id, ParseQueryId(given.query_id()));
  query.model_id = given.model_id();
  query.model_version = given.model_version();
  if (!given.query_lineage().empty()) query.query_lineage = given.query_lineage();
  query.top_k_result_ids.assign(given.top_k_result_ids().begin(), given.top_k_result_ids().end());
  query.retrieval_scores.assign(given.retrieval_scores().begin(), given.retrieval_scores().end());
  return query;
}

void ToWire(const AuditRecord& record, audit_wire::PerQueryAudit& reply) {
  reply.set_query_id(record.query_id.ToString());
  reply.set_tenant_id(record.tenant_id.value_or(""));
  reply.set_model_id(record.model_id);
  reply.set_model_version(record.model_version);
  reply.set_query_lineage(record.query_lineage);
  reply.mutable_top_k_result_ids()->Assign(record.top_k_result_ids.begin(), record.top_k_result_ids.end());
  reply.mutable_retrieval_scores()->Assign(record.retrieval_scores.begin(), record.retrieval_scores.end());
  reply.set_executed_at_micros(record.executed_at);
  reply.set_signature(record.signature);
}

class AuditRpc final : public RpcService {
 public:
  explicit AuditRpc(const ServerContext& context)
      : RpcService("jammi.v1.audit.AuditService"), context_(context) {
    Unary<audit_wire::AuditLogRequest, Empty>(
        "AuditLog", kAuditWrites,
        [this](const auto& call, const auto& request) { return Log(call, request); });
    Unary<audit_wire::AuditFetchByQueryIdRequest, audit_wire::AuditFetchByQueryIdResponse>(
        "AuditFetchByQueryId", kAuditReads,
        [this](const auto& call, const auto& request) { return Fetch(call, request); });
    Unary<audit_wire::AuditFetchRecentRequest, audit_wire::AuditFetchRecentResponse>(
        "AuditFetchRecent", kAuditReads,
        [this](const auto& call, const auto& request) { return FetchRecent(call, request); });
    Unary<audit_wire::VerifyRequest, audit_wire::VerifyResponse>(
        "Verify", kAuditReads,
        [this](const auto& call, const auto& request) { return Verify(call, request); });
  }

 private:
  [[nodiscard]] AuditLog LogOf(const RpcCall& call) const {
    return context_.SessionOf(call).audit().WithDeadline(call.deadline, call.stop);
  }

  // SRV-180. Tenant, time and signature are the server's, whatever the caller says of them.
  [[nodiscard]] Result<Empty> Log(const RpcCall& call, const audit_wire::AuditLogRequest& request) const {
    std::vector<AuditedQuery> queries;
    queries.reserve(static_cast<size_t>(request.records_size()));
    for (const auto& record : request.records()) {
      auto query = FromWire(record);
      if (!query) return std::move(query).error().While(fmt::format("query {}", queries.size()));
      queries.push_back(std::move(*query));
    }
    JAMMI_TRY(LogOf(call).Log(queries, call.deadline));
    return Empty();
  }

  // SRV-182
  [[nodiscard]] Result<audit_wire::AuditFetchByQueryIdResponse> Fetch(
      const RpcCall& call, const audit_wire::AuditFetchByQueryIdRequest& request) const {
    JAMMI_ASSIGN(const Uuid id, ParseQueryId(request.query_id()));
    JAMMI_ASSIGN(const auto record, LogOf(call).Find(id));
    audit_wire::AuditFetchByQueryIdResponse reply;
    if (record) ToWire(*record, *reply.mutable_record());
    return reply;
  }

  // SRV-182
  [[nodiscard]] Result<audit_wire::AuditFetchRecentResponse> FetchRecent(
      const RpcCall& call, const audit_wire::AuditFetchRecentRequest& request) const {
    const auto limit = std::min<uint32_t>(request.limit(), AuditLog::kMaxRecent);
    JAMMI_ASSIGN(const auto records, LogOf(call).Recent(static_cast<int>(limit)));
    audit_wire::AuditFetchRecentResponse reply;
    reply.mutable_records()->Reserve(static_cast<int>(records.size()));
    for (const auto& record : records) ToWire(record, *reply.add_records());
    return reply;
  }

  // SRV-183: with the key of the caller's tenant, whatever tenant the record names.
  [[nodiscard]] Result<audit_wire::VerifyResponse> Verify(const RpcCall& call,
                                                          const audit_wire::VerifyRequest& request) const {
    if (!request.has_record()) return Error(ErrorCode::kInvalidArgument, "record is required");
    const auto& given = request.record();
    AuditRecord record;
    JAMMI_ASSIGN(static_cast<AuditedQuery&>(record), FromWire(given));
    record.tenant_id = given.tenant_id();
    record.executed_at = given.executed_at_micros();
    record.signature = given.signature();
    audit_wire::VerifyResponse reply;
    const auto verified = LogOf(call).Verify(record);
    if (verified) {
      reply.set_verified(*verified);
    } else if (verified.error().code() != ErrorCode::kInvalidArgument) {
      return verified.error();
    }
    // Else it has a form in which nothing is ever signed: somebody has changed it.
    return reply;
  }

  const ServerContext& context_;
};

// "cut tail" -> "cut_tail"
std::string Token(ChainFinding::Kind kind) {
  std::string text(ToString(kind));
  std::ranges::replace(text, ' ', '_');
  return text;
}

class AuditChainRpc final : public RpcService {
 public:
  explicit AuditChainRpc(const ServerContext& context)
      : RpcService("jammi.ext.v1.AuditChainService"), context_(context) {
    Unary<ext_wire::VerifyChainRequest, ext_wire::VerifyChainResponse>(
        "VerifyChain", kAuditReads,
        [this](const auto& call, const auto& request) { return VerifyChain(call, request); });
  }

 private:
  [[nodiscard]] Result<ext_wire::VerifyChainResponse> VerifyChain(
      const RpcCall& call, const ext_wire::VerifyChainRequest& request) const {
    AuditRange range;
    if (request.first() != 0) range.from = request.first();
    if (request.last() != 0) range.to = request.last();
    JAMMI_ASSIGN(const auto report,
                 context_.SessionOf(call).audit().WithDeadline(call.deadline, call.stop).VerifyChain(range));
    ext_wire::VerifyChainResponse reply;
    reply.set_intact(report.intact());
    reply.set_checked(report.checked);
    reply.set_first(report.first);
    reply.set_head(report.head);
    reply.set_finding_count(report.finding_count);
    for (const auto& finding : report.findings) {
      auto& said = *reply.add_findings();
      said.set_kind(Token(finding.kind));
      said.set_seq(finding.seq);
      said.set_query_id(finding.query_id);
    }
    return reply;
  }

  const ServerContext& context_;
};

}  // namespace

std::unique_ptr<RpcService> NewAuditService(const ServerContext& context) {
  return std::make_unique<AuditRpc>(context);
}

std::unique_ptr<RpcService> NewAuditChainService(const ServerContext& context) {
  return std::make_unique<AuditChainRpc>(context);
}

}  // namespace jammi
