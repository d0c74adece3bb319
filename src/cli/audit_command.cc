// jammi audit recent|get|verify|chain
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/text.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "jammi/ext/v1/operations.pb.h"
#include "jammi/v1/audit.pb.h"

namespace jammi {
namespace {

namespace audit = v1::audit;

struct AuditArguments {
  std::string id;
  uint32_t limit = 10;
  int64_t first = 0;
  int64_t last = 0;
};

nlohmann::ordered_json RecordJson(const audit::PerQueryAudit& record) {
  auto lineage = nlohmann::ordered_json::parse(record.query_lineage(), nullptr, false);
  return {
      {"query_id", record.query_id()},
      {"tenant_id", record.tenant_id()},
      {"executed_at", FormatUtc(record.executed_at_micros())},
      {"model_id", record.model_id()},
      {"model_version", record.model_version()},
      {"query_lineage", lineage.is_discarded() ? nlohmann::ordered_json(record.query_lineage()) : lineage},
      {"top_k_result_ids",
       std::vector<std::string>(record.top_k_result_ids().begin(), record.top_k_result_ids().end())},
      {"retrieval_scores",
       std::vector<float>(record.retrieval_scores().begin(), record.retrieval_scores().end())},
      {"signature", record.signature()}};
}

Result<void> Recent(const RemoteCall& call, const AuditArguments& arguments) {
  audit::AuditFetchRecentRequest request;
  request.set_limit(arguments.limit);
  JAMMI_ASSIGN(const auto answer, call.channel.Call<audit::AuditFetchRecentResponse>(
                                      "/jammi.v1.audit.AuditService/AuditFetchRecent", request));
  if (call.json()) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& record : answer.records()) json.push_back(RecordJson(record));
    PrintJson(call.out, json);
    return {};
  }
  if (answer.records().empty()) {
    call.out << "No audit records.\n";
    return {};
  }
  const TextTable table(call.out, {{"Query ID", 36}, {"Executed", 27}, {"Results", 7}, {"Model"}}, 90);
  table.Header();
  for (const auto& record : answer.records()) {
    table.Row({record.query_id(), FormatUtc(record.executed_at_micros()),
               std::to_string(record.top_k_result_ids_size()), record.model_id()});
  }
  return {};
}

Result<audit::PerQueryAudit> Fetch(const RemoteCall& call, const AuditArguments& arguments) {
  audit::AuditFetchByQueryIdRequest request;
  request.set_query_id(arguments.id);
  JAMMI_ASSIGN(auto answer, call.channel.Call<audit::AuditFetchByQueryIdResponse>(
                                "/jammi.v1.audit.AuditService/AuditFetchByQueryId", request));
  if (!answer.has_record())
    return Error(ErrorCode::kNotFound, fmt::format("audit record '{}' not found", arguments.id));
  return std::move(*answer.mutable_record());
}

Result<void> Get(const RemoteCall& call, const AuditArguments& arguments) {
  JAMMI_ASSIGN(const auto record, Fetch(call, arguments));
  if (call.json()) {
    PrintJson(call.out, RecordJson(record));
    return {};
  }
  call.out << fmt::format("query:     {}\ntenant:    {}\nexecuted:  {}\nmodel:     {} {}\nlineage:   {}\n",
                          record.query_id(), record.tenant_id(), FormatUtc(record.executed_at_micros()),
                          Printable(record.model_id()), Printable(record.model_version()),
                          Printable(record.query_lineage()));
  for (int i = 0; i < record.top_k_result_ids_size() && i < record.retrieval_scores_size(); ++i)
    call.out << fmt::format("result:    {} {}\n", Printable(record.top_k_result_ids(i)),
                            record.retrieval_scores(i));
  call.out << fmt::format("signature: {}\n", record.signature());
  return {};
}

Result<void> Verify(const RemoteCall& call, const AuditArguments& arguments) {
  audit::VerifyRequest request;
  JAMMI_ASSIGN(*request.mutable_record(), Fetch(call, arguments));
  JAMMI_ASSIGN(const auto answer,
               call.channel.Call<audit::VerifyResponse>("/jammi.v1.audit.AuditService/Verify", request));
  if (call.json()) PrintJson(call.out, {{"query_id", arguments.id}, {"verified", answer.verified()}});
  if (!answer.verified()) {
    return Error(ErrorCode::kDataLoss,
                 fmt::format("audit record '{}' is not as it was signed", arguments.id));
  }
  if (!call.json()) call.out << fmt::format("Audit record '{}' is as it was signed.\n", arguments.id);
  return {};
}

Result<void> Chain(const RemoteCall& call, const AuditArguments& arguments) {
  ext::v1::VerifyChainRequest request;
  request.set_first(arguments.first);
  request.set_last(arguments.last);
  JAMMI_ASSIGN(const auto answer, call.channel.Call<ext::v1::VerifyChainResponse>(
                                      "/jammi.ext.v1.AuditChainService/VerifyChain", request));
  if (call.json()) {
    auto findings = nlohmann::ordered_json::array();
    for (const auto& finding : answer.findings())
      findings.push_back(
          {{"kind", finding.kind()}, {"seq", finding.seq()}, {"query_id", finding.query_id()}});
    PrintJson(call.out, {{"intact", answer.intact()},
                         {"checked", answer.checked()},
                         {"first", answer.first()},
                         {"head", answer.head()},
                         {"finding_count", answer.finding_count()},
                         {"findings", findings}});
  } else {
    for (const auto& finding : answer.findings())
      call.out << fmt::format("{}: record {} {}\n", Printable(finding.kind()), finding.seq(),
                              Printable(finding.query_id()));
    if (answer.intact())
      call.out << fmt::format("Audit chain is intact: {} record(s) checked, head {}.\n", answer.checked(),
                              answer.head());
  }
  if (!answer.intact()) {
    return Error(ErrorCode::kDataLoss,
                 fmt::format("the audit chain is not intact: {} finding(s) in {} record(s)",
                             answer.finding_count(), answer.checked()));
  }
  return {};
}

using Verb = Result<void> (*)(const RemoteCall&, const AuditArguments&);

// The server does not know of options.
RemoteVerb WithHint(const std::shared_ptr<AuditArguments>& arguments, Verb verb) {
  return [arguments, verb](const RemoteCall& call) -> Result<void> {
    auto done = verb(call, *arguments);
    if (done || done.error().code() != ErrorCode::kFailedPrecondition ||
        !done.error().message().contains("no tenant")) {
      return done;
    }
    return Error(ErrorCode::kFailedPrecondition, done.error().message() + ": give --tenant");
  };
}

}  // namespace

void AddAuditCommand(CLI::App& app, const RemotePtr& remote) {
  const auto arguments = std::make_shared<AuditArguments>();
  auto* group = AddGroup(app, "audit", "The signed log of a tenant's searches");
  const auto add_id = [&](CLI::App* command) {
    command->add_option("id", arguments->id, "The query")->type_name("UUID")->required();
  };
  AddRemoteCommand(*group, remote,
                   {.name = "recent",
                    .description = "List the newest records, the newest first",
                    .examples = "jammi audit recent --limit 20 --tenant $TENANT",
                    .verb = WithHint(arguments, Recent)})
      ->add_option("--limit", arguments->limit, "How many at most")
      ->type_name("N")
      ->option_text("N  (default: 10)");
  add_id(
      AddRemoteCommand(*group, remote,
                       {.name = "get",
                        .description = "Print one record",
                        .examples = "jammi audit get 018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a --tenant $TENANT",
                        .verb = WithHint(arguments, Get)}));
  add_id(AddRemoteCommand(
      *group, remote,
      {.name = "verify",
       .description = "Say whether a record is as it was signed: exit status 0, or 1",
       .examples = "jammi audit verify 018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a --tenant $TENANT",
       .verb = WithHint(arguments, Verify)}));
  auto* chain = AddRemoteCommand(
      *group, remote,
      {.name = "chain",
       .description = "Say whether all records are there and none was changed: exit status 0, or 1",
       .examples = "jammi audit chain --tenant $TENANT",
       .verb = WithHint(arguments, Chain)});
  chain->add_option("--first", arguments->first, "The first record's number; else the oldest")
      ->type_name("N");
  chain->add_option("--last", arguments->last, "The last one's; else the newest")->type_name("N");
}

}  // namespace jammi
