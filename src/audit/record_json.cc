#include "audit/record_json.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "audit/canonical_writer.h"
#include "audit/json_text.h"
#include "base/time_text.h"
#include "catalog/arguments.h"

namespace jammi {
namespace audit {
namespace {

// Reads one object member by member: texts, whole numbers and the two lists into fields, the lineage as the
// text that is signed. Scores are read from their digits, because a detour by binary64 rounds twice.
class RecordReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override {
    if (InValue()) return value_.null();
    return member_ == Member::kTenant || Wrong();
  }
  bool boolean(bool value) override { return InValue() ? value_.boolean(value) : Wrong(); }
  bool number_integer(int64_t value) override {
    if (InValue()) return value_.number_integer(value);
    if (in_list_) return Score(value == 0 ? -0.0F : static_cast<float>(value));
    return Number(value);
  }
  bool number_unsigned(uint64_t value) override {
    if (InValue()) return value_.number_unsigned(value);
    if (in_list_) return Score(static_cast<float>(value));
    return value <= std::numeric_limits<int64_t>::max() ? Number(static_cast<int64_t>(value)) : Wrong();
  }
  bool number_float(double value, const std::string& token) override {
    if (InValue()) return value_.number_float(value, token);
    float score = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), score);
    return error == std::errc() && end == token.data() + token.size() && in_list_ ? Score(score) : Wrong();
  }
  bool string(std::string& value) override {
    if (InValue()) return value_.string(value);
    return Text(value);
  }
  bool binary(nlohmann::json::binary_t& /*value*/) override { return Wrong(); }
  bool start_object(size_t members) override {
    if (!began_) return began_ = true;
    return InValue() ? value_.start_object(members) : Wrong();
  }
  bool key(std::string& name) override {
    if (InValue() && value_.open()) return value_.key(name);
    TakeValue();
    name_ = name;
    member_ = MemberOf(name);
    if (member_ != Member::kOther && (seen_ & Bit(member_)) != 0) return Fail("is there twice");
    seen_ |= Bit(member_);
    return true;
  }
  bool end_object() override {
    if (value_.open()) return value_.end_object();
    TakeValue();
    return true;
  }
  bool start_array(size_t values) override {
    if (!began_) return Wrong();
    if (InValue()) return value_.start_array(values);
    const bool list = member_ == Member::kResults || member_ == Member::kScores;
    in_list_ = list && !in_list_;
    return in_list_ || Wrong();
  }
  bool end_array() override {
    if (InValue()) return value_.end_array();
    in_list_ = false;
    return true;
  }
  bool parse_error(size_t position, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    if (problem_.empty()) problem_ = fmt::format("is not JSON, at byte {}", position);
    return false;
  }

  // The members that there must be are checked here.
  Result<ParsedRecord> Finish(bool parsed) {
    if (problem_.empty() && !value_.problem().empty()) problem_ = value_.problem();
    if (!parsed || !problem_.empty()) return InvalidArgument(name_.empty() ? "record" : name_, problem_);
    for (const Member needed : {Member::kQuery, Member::kModel, Member::kVersion, Member::kLineage,
                                Member::kResults, Member::kScores, Member::kTime}) {
      if ((seen_ & Bit(needed)) == 0) return InvalidArgument(NameOf(needed), "is missing");
    }
    return std::move(parsed_);
  }

 private:
  enum class Member : uint8_t {
    kQuery,
    kTenant,
    kModel,
    kVersion,
    kLineage,
    kResults,
    kScores,
    kTime,
    kSignature,
    kSeq,
    kScheme,
    kKey,
    kChain,
    kOther,
  };
  static constexpr auto kNames = std::to_array<std::string_view>(
      {"query_id", "tenant_id", "model_id", "model_version", "query_lineage", "top_k_result_ids",
       "retrieval_scores", "executed_at", "signature", "seq", "scheme", "key_id", "chain"});
  static uint32_t Bit(Member member) { return 1U << static_cast<unsigned>(member); }
  static std::string_view NameOf(Member member) { return kNames[static_cast<size_t>(member)]; }
  static Member MemberOf(std::string_view name) {
    const auto at = std::ranges::find(kNames, name);
    return static_cast<Member>(at - kNames.begin());
  }

  // Values of any shape: the lineage, and what is left out.
  [[nodiscard]] bool InValue() const {
    return began_ && (member_ == Member::kLineage || member_ == Member::kOther) && !name_.empty();
  }
  void TakeValue() {
    std::string text = value_.Take();
    if (member_ == Member::kLineage && !name_.empty()) parsed_.record.query_lineage = std::move(text);
  }

  bool Fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }
  bool Wrong() { return Fail("is of another type"); }

  bool Score(float score) {
    if (member_ != Member::kScores) return Wrong();
    parsed_.record.retrieval_scores.push_back(score);
    return true;
  }
  bool Number(int64_t value) {
    if (member_ == Member::kSeq) {
      parsed_.seq = value;
      return value >= 1 || Fail("must be 1 or more");
    }
    if (member_ != Member::kScheme || in_list_) return Wrong();
    parsed_.record.scheme = static_cast<AuditScheme>(value);
    return value == 1 || value == 2 || Fail("is unknown");
  }
  bool Text(std::string& value) {
    AuditRecord& record = parsed_.record;
    if (in_list_) {
      if (member_ != Member::kResults) return Wrong();
      record.top_k_result_ids.push_back(std::move(value));
      return true;
    }
    switch (member_) {
      case Member::kQuery: {
        const auto id = Uuid::Parse(value);
        if (!id) return Fail("is no UUID");
        record.query_id = *id;
        return true;
      }
      case Member::kTime: {
        const auto time = ParseTime(value);
        if (!time) return Fail("is no time");
        record.executed_at = *time;
        return true;
      }
      case Member::kTenant:
        record.tenant_id = std::move(value);
        return true;
      case Member::kModel:
        record.model_id = std::move(value);
        return true;
      case Member::kVersion:
        record.model_version = std::move(value);
        return true;
      case Member::kSignature:
        record.signature = std::move(value);
        return true;
      case Member::kKey:
        record.key_id = std::move(value);
        return true;
      case Member::kChain:
        parsed_.chain = std::move(value);
        return true;
      default:
        return Wrong();
    }
  }

  ParsedRecord parsed_;
  CanonicalWriter value_;
  Member member_ = Member::kOther;
  std::string name_;  // of the member; empty before the first
  uint32_t seen_ = 0;
  bool began_ = false;
  bool in_list_ = false;
  std::string problem_;
};

void AppendText(std::string_view name, std::string_view text, std::string& out) {
  out.append(1, '"').append(name).append("\":");
  AppendString(text, out);
  out += ',';
}

}  // namespace

void AppendRecordJson(const StoredRecord& record, std::string& out) {
  out += '{';
  AppendText("query_id", record.query_id, out);
  if (!record.tenant.empty()) AppendText("tenant_id", record.tenant, out);
  AppendText("model_id", record.model_id, out);
  AppendText("model_version", record.model_version, out);
  out.append("\"query_lineage\":").append(record.lineage);
  out.append(",\"top_k_result_ids\":").append(record.result_ids);
  out.append(",\"retrieval_scores\":").append(record.scores);
  out.append(",\"executed_at\":\"");
  AppendTime(record.executed_at, TimeFraction::kShortest, out);
  out += '"';
  if (record.signature.empty()) return;
  out.append(",\"signature\":");
  AppendString(record.signature, out);
}

std::string ExportLine(const StoredRecord& record) {
  std::string line;
  AppendRecordJson(record, line);
  line += fmt::format(",\"seq\":{},\"scheme\":{},", record.seq, record.scheme);
  AppendText("key_id", record.key_id, line);
  line.append("\"chain\":\"").append(ToHex(record.chain)).append("\"}");
  return line;
}

Result<ParsedRecord> ParseRecord(std::string_view json) {
  RecordReader reader;
  const bool parsed = nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  return reader.Finish(parsed);
}

}  // namespace audit

Result<std::string> ToJson(const AuditRecord& record) {
  AuditRecord with_tenant = record;
  if (!record.tenant_id) with_tenant.tenant_id.emplace(1, '-');  // it is laid out alike, and taken off again
  JAMMI_ASSIGN(auto stored, audit::ToStored(with_tenant));
  if (!record.tenant_id) stored.tenant.clear();
  std::string json;
  audit::AppendRecordJson(stored, json);
  json += '}';
  return json;
}

Result<AuditRecord> ParseAuditRecord(std::string_view json) {
  JAMMI_ASSIGN(auto parsed, audit::ParseRecord(json));
  return std::move(parsed.record);
}

}  // namespace jammi
