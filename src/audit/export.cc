// What is verified without a catalog: checkpoints as JSON, and exports.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "audit/audit_error.h"
#include "audit/chain.h"
#include "audit/json_text.h"
#include "audit/record_json.h"
#include "base/time_text.h"
#include "catalog/arguments.h"

namespace jammi {
namespace {

constexpr std::string_view kCheckpointStart = R"({"checkpoint":)";
constexpr int kCheckpointVersion = 1;

Result<std::string> TextOf(const nlohmann::json& object, std::string_view member) {
  const auto at = object.find(member);
  if (at == object.end() || !at->is_string()) return InvalidArgument(member, "of the checkpoint is no text");
  return at->get<std::string>();
}

Result<int64_t> NumberOf(const nlohmann::json& object, std::string_view member) {
  const auto at = object.find(member);
  if (at == object.end() || !at->is_number_integer() || at->get<int64_t>() < 0) {
    return InvalidArgument(member, "of the checkpoint is no whole number from 0 on");
  }
  return at->get<int64_t>();
}

}  // namespace

std::string ToJson(const AuditCheckpoint& checkpoint) {
  std::string json = fmt::format("{}{},\"tenant_id\":", kCheckpointStart, kCheckpointVersion);
  audit::AppendString(checkpoint.tenant_id, json);
  json += fmt::format(",\"seq\":{},\"chain\":", checkpoint.seq);
  audit::AppendString(checkpoint.chain, json);
  json += fmt::format(",\"made_at_micros\":{},\"key_id\":", checkpoint.made_at);
  audit::AppendString(checkpoint.key_id, json);
  json += ",\"signature\":";
  audit::AppendString(checkpoint.signature, json);
  json += '}';
  return json;
}

Result<AuditCheckpoint> ParseAuditCheckpoint(std::string_view json) {
  const auto object = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return InvalidArgument("checkpoint", "is no JSON object");
  JAMMI_ASSIGN(const int64_t version, NumberOf(object, "checkpoint"));
  if (version != kCheckpointVersion) {
    return InvalidArgument("checkpoint",
                           fmt::format("is of version {}, not {}", version, kCheckpointVersion));
  }
  AuditCheckpoint checkpoint;
  JAMMI_ASSIGN(checkpoint.tenant_id, TextOf(object, "tenant_id"));
  JAMMI_ASSIGN(checkpoint.seq, NumberOf(object, "seq"));
  JAMMI_ASSIGN(checkpoint.chain, TextOf(object, "chain"));
  JAMMI_ASSIGN(checkpoint.made_at, NumberOf(object, "made_at_micros"));
  JAMMI_ASSIGN(checkpoint.key_id, TextOf(object, "key_id"));
  JAMMI_ASSIGN(checkpoint.signature, TextOf(object, "signature"));
  return checkpoint;
}

// --- AuditExportVerifier

struct AuditExportVerifier::State {
  std::shared_ptr<const AuditKeyRing> keys;
  std::string tenant;
  audit::TenantKeyCache cache;
  int64_t lines = 0;
  std::optional<audit::ChainChecker> checker;  // from the first record on
  Sha256Digest last_chain{};
  std::optional<AuditCheckpoint> checkpoint;

  Result<void> CheckTenant(const std::string& of_line) {
    if (tenant.empty()) tenant = of_line;
    if (tenant == of_line && !tenant.empty()) return {};
    return InvalidArgument("tenant_id", fmt::format("is {}, not {}", of_line, tenant));
  }
  Result<void> AddRecord(std::string_view line) {
    JAMMI_ASSIGN(auto parsed, audit::ParseRecord(line));
    JAMMI_TRY(CheckTenant(parsed.record.tenant_id.value_or("")));
    JAMMI_ASSIGN(auto stored, audit::ToStored(parsed.record, std::move(parsed.record.query_lineage)));
    const auto chain = audit::DigestFromHex(parsed.chain);
    if (parsed.seq == 0 || !chain || !parsed.record.scheme) {
      return InvalidArgument("record", "has no number, scheme or chain");
    }
    stored.seq = parsed.seq;
    stored.chain = *chain;
    if (!checker) {
      std::optional<Sha256Digest> before;
      if (stored.seq == 1) before = Sha256Digest{};
      checker.emplace(keys, cache, tenant, stored.seq, before);
    }
    last_chain = stored.chain;
    return checker->Add(stored);
  }
  Result<void> AddCheckpoint(std::string_view line) {
    JAMMI_ASSIGN(auto parsed, ParseAuditCheckpoint(line));
    JAMMI_TRY(CheckTenant(parsed.tenant_id));
    JAMMI_TRY(audit::CheckCheckpoint(parsed, tenant, *keys));
    checkpoint = std::move(parsed);
    return {};
  }
};

AuditExportVerifier::AuditExportVerifier(std::shared_ptr<const AuditKeyRing> keys, std::string tenant)
    : state_(std::make_unique<State>()) {
  state_->keys = std::move(keys);
  state_->tenant = std::move(tenant);
}
AuditExportVerifier::~AuditExportVerifier() = default;

Result<void> AuditExportVerifier::Add(std::string_view line) {
  ++state_->lines;
  auto added = [&]() -> Result<void> {
    if (state_->checkpoint) return InvalidArgument("record", "follows the checkpoint");
    return line.starts_with(kCheckpointStart) ? state_->AddCheckpoint(line) : state_->AddRecord(line);
  }();
  if (added) return {};
  return std::move(added).error().While(fmt::format("line {}", state_->lines));
}

Result<ChainReport> AuditExportVerifier::Finish() {
  if (!state_->checkpoint) {
    return InvalidArgument("export", "has no checkpoint at its end, so it may have been cut off");
  }
  const AuditCheckpoint& checkpoint = *state_->checkpoint;
  if (!state_->checker) {
    ChainReport empty;
    empty.head = checkpoint.seq;
    if (checkpoint.seq == 0) return empty;
    empty.finding_count = 1;
    empty.findings.push_back({ChainFinding::Kind::kCutTail, checkpoint.seq, {}});
    return empty;
  }
  auto& checker = *state_->checker;
  checker.report().head = checkpoint.seq;
  if (checkpoint.seq >= checker.next()) {
    checker.Find(ChainFinding::Kind::kCutTail, checkpoint.seq);
  } else if (checkpoint.seq + 1 != checker.next() || ToHex(state_->last_chain) != checkpoint.chain) {
    checker.Find(ChainFinding::Kind::kHead, checkpoint.seq);
  }
  return checker.report();
}

}  // namespace jammi
