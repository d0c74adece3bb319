#include "audit/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "audit/audit_error.h"
#include "audit/json_text.h"
#include "base/time_text.h"

namespace jammi {
namespace audit {
namespace {

constexpr std::string_view kCheckpointInfo = "jammi-audit-checkpoint-v1";

std::array<uint8_t, 8> BigEndian(int64_t value) {
  std::array<uint8_t, 8> bytes{};
  for (size_t i = 0; i < 8; ++i)
    bytes[i] = static_cast<uint8_t>(static_cast<uint64_t>(value) >> (56 - 8 * i));
  return bytes;
}

Result<Sha256Digest> ChainDigestOf(const AuditCheckpoint& checkpoint, const AuditMasterKey& key) {
  JAMMI_ASSIGN(const auto derived, DeriveTenantKey(key.bytes(), checkpoint.tenant_id, kCheckpointInfo));
  JAMMI_ASSIGN(const auto hmac, Hmac::Make(derived.bytes()));
  const std::string bytes = fmt::format("{}\n{}\n{}\n{}\n{}", checkpoint.tenant_id, checkpoint.seq,
                                        checkpoint.chain, checkpoint.made_at, checkpoint.key_id);
  return hmac.Of({BytesOf(bytes)});
}

}  // namespace

Result<Sha256Digest> Link(const Hmac& chain, const Sha256Digest& before, int64_t seq,
                          const Sha256Digest& digest) {
  return chain.Of({before, BigEndian(seq), digest});
}

// --- ChainChecker

void ChainChecker::Find(ChainFinding::Kind kind, int64_t seq, std::string query_id) {
  ++report_.finding_count;
  if (report_.findings.size() < ChainReport::kMaxFindings) {
    report_.findings.push_back({kind, seq, std::move(query_id)});
  }
}

Result<TenantKeysPtr> ChainChecker::KeysOf(const std::string& key_id) {
  const AuditMasterKey* const master = keys_->Find(key_id);
  if (master == nullptr) return TenantKeysPtr();
  return cache_.Get(*master, tenant_);
}

Result<bool> ChainChecker::IsSigned(const StoredRecord& record, const TenantKeys& keys) {
  scores_.clear();
  const bool known = record.scheme == 1 || record.scheme == 2;
  if (!known || !HasTimeText(record.executed_at) || !ParseScores(record.scores, scores_)) return false;
  return signer_.IsSigned(keys, PartsOf(record, scores_), record.signature);
}

// A record whose chain was changed must not make the next one look changed as well: that one may also follow
// what should have been there.
Result<bool> ChainChecker::IsLinked(const StoredRecord& record, const TenantKeys& keys) {
  const Sha256Digest digest = DigestOf(record);
  const auto wrong_before = std::exchange(should_be_, std::nullopt);
  if (!before_) return true;
  JAMMI_ASSIGN(const auto expected, Link(keys.chain, *before_, record.seq, digest));
  if (expected == record.chain) return true;
  should_be_ = expected;
  if (!wrong_before) return false;
  JAMMI_ASSIGN(const auto after_right, Link(keys.chain, *wrong_before, record.seq, digest));
  should_be_ = after_right;
  return after_right == record.chain;
}

Result<void> ChainChecker::Add(const StoredRecord& record) {
  if (++report_.checked == 1) report_.first = record.seq;
  if (record.seq < next_) {
    Find(ChainFinding::Kind::kMisplaced, record.seq, record.query_id);
    return {};
  }
  if (record.seq > next_) {
    ExpectEnd(record.seq - 1, std::nullopt);
    before_.reset();
    should_be_.reset();
  }
  next_ = record.seq + 1;
  JAMMI_ASSIGN(const auto keys, KeysOf(record.key_id));
  if (keys == nullptr) {
    Find(ChainFinding::Kind::kUnknownKey, record.seq, record.query_id);
    before_ = record.chain;
    should_be_.reset();
    return {};
  }
  JAMMI_ASSIGN(const bool is_signed, IsSigned(record, *keys));
  JAMMI_ASSIGN(const bool is_linked, IsLinked(record, *keys));
  if (!is_signed || !is_linked) {
    Find(is_signed ? ChainFinding::Kind::kMisplaced : ChainFinding::Kind::kChanged, record.seq,
         record.query_id);
  }
  before_ = record.chain;
  return {};
}

void ChainChecker::ExpectEnd(int64_t seq, const std::optional<Sha256Digest>& chain) {
  const int64_t missing = seq - next_ + 1;
  const auto named = std::min<int64_t>(missing, ChainReport::kMaxFindings);
  for (int64_t i = 0; i < named; ++i) Find(ChainFinding::Kind::kMissing, next_ + i);
  if (missing > named) report_.finding_count += missing - named;
  if (missing > 0) {
    next_ = seq + 1;
  } else if (chain && before_ && *chain != *before_) {
    Find(ChainFinding::Kind::kHead, seq);
  }
}

// --- Checkpoints

Result<AuditCheckpoint> MakeCheckpoint(const AuditMasterKey& key, std::string_view tenant, int64_t seq,
                                       const Sha256Digest& chain, UnixMicros made_at) {
  AuditCheckpoint checkpoint{.tenant_id = std::string(tenant),
                             .seq = seq,
                             .chain = ToHex(chain),
                             .made_at = made_at,
                             .key_id = key.id(),
                             .signature = {}};
  JAMMI_ASSIGN(const auto digest, ChainDigestOf(checkpoint, key));
  checkpoint.signature = ToHex(digest);
  return checkpoint;
}

Result<void> CheckCheckpoint(const AuditCheckpoint& checkpoint, std::string_view tenant,
                             const AuditKeyRing& keys) {
  const AuditMasterKey* const key = keys.Find(checkpoint.key_id);
  if (key == nullptr) return UnknownKey(checkpoint.key_id);
  JAMMI_ASSIGN(const auto digest, ChainDigestOf(checkpoint, *key));
  if (IsHexOf(digest, checkpoint.signature) && checkpoint.tenant_id == tenant) return {};
  return SignatureMismatch(fmt::format("the checkpoint at record {}", checkpoint.seq), {});
}

std::optional<Sha256Digest> DigestFromHex(std::string_view hex) {
  Sha256Digest digest{};
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (size_t i = 0; i < digest.size(); ++i) {
    const std::string_view byte = hex.substr(2 * i, 2);
    const auto [end, error] = std::from_chars(byte.data(), byte.data() + 2, digest[i], 16);
    if (error != std::errc() || end != byte.data() + 2) return std::nullopt;
  }
  if (ToHex(digest) != hex) return std::nullopt;
  return digest;
}

}  // namespace audit

std::string_view ToString(ChainFinding::Kind kind) {
  switch (kind) {
    case ChainFinding::Kind::kMissing:
      return "missing";
    case ChainFinding::Kind::kChanged:
      return "changed";
    case ChainFinding::Kind::kMisplaced:
      return "misplaced";
    case ChainFinding::Kind::kUnknownKey:
      return "unknown key";
    case ChainFinding::Kind::kCutTail:
      return "cut tail";
    case ChainFinding::Kind::kHead:
      return "head";
  }
  return "unknown";
}

}  // namespace jammi
