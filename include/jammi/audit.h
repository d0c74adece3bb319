// The signed audit log: for each search of a tenant, what was asked, which model answered, what came back
// and when. docs/audit.md says against whom it protects, and against whom it does not.
//
//   session.audit().Log({&query, 1});                  // signed, stored, chained and announced, or nothing
//   auto record = session.audit().Find(query.query_id);
//   session.audit().Verify(**record);                  // true
//   auto report = session.audit().VerifyChain();       // names what was deleted, changed or put in
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/audit_keys.h"
#include "jammi/catalog_access.h"
#include "jammi/clock.h"
#include "jammi/ids.h"
#include "jammi/result.h"
#include "jammi/scope.h"

namespace jammi {

// Every log is announced there, in the tenant's own topic: one text column `record`, a row for each record
// (ToJson). Users read it like any topic, and cannot publish to it, change it or drop it.
inline constexpr std::string_view kAuditTopic = "jammi.audit.search.v1";
inline constexpr std::string_view kMaxLineageVariable = "JAMMI_AUDIT_MAX_LINEAGE_BYTES";
constexpr int64_t kDefaultMaxLineageBytes = 8192;

// What the caller says of one search. Texts are UTF-8 without U+0000.
struct AuditedQuery {
  Uuid query_id;                              // the caller's; once for each tenant
  std::string model_id;                       // at most 64 KiB, and so the version
  std::string model_version;                  //
  std::string query_lineage = "{}";           // any JSON value; for hashes and ids, no payloads
  std::vector<std::string> top_k_result_ids;  // best first, at most 100,000
  std::vector<float> retrieval_scores;        // finite; one for each result
};

// Which bytes are signed; docs/formats.md has them.
enum class AuditScheme : uint8_t {
  kReference = 1,  // as the published implementation signs: whole seconds, no key id
  kJammi = 2,      // names itself and the key, and signs microseconds
};

struct AuditRecord : AuditedQuery {
  std::optional<std::string> tenant_id;  // absent before it is signed
  UnixMicros executed_at = 0;
  // Absent in what comes from clients, which know neither; then each scheme and key is tried.
  std::optional<AuditScheme> scheme;
  std::string key_id;
  std::string signature;  // 64 lower-case hexadecimal digits; empty before it is signed

  bool operator==(const AuditRecord&) const;
};

// A record that is not signed yet (AUD-001, AUD-002). Errors, kInvalidArgument all: with
// AuditDetail(kLengthMismatch); a score that is not finite; a text that is none or too long; lineage that is
// not JSON.
[[nodiscard]] Result<AuditRecord> MakeAuditRecord(AuditedQuery query, UnixMicros executed_at);

// The bytes that are signed (AUD-003...005). Errors: kFailedPrecondition with AuditDetail(kNoTenantBinding);
// those of MakeAuditRecord(); kInvalidArgument: a time outside of the years 0 to 9999.
[[nodiscard]] Result<std::string> CanonicalBytes(const AuditRecord& record, AuditScheme scheme,
                                                 std::string_view key_id = {});

// Sets signature, scheme and key (AUD-006). Errors: those of CanonicalBytes().
[[nodiscard]] Result<void> SignAuditRecord(AuditRecord& record, const AuditMasterKey& key,
                                           AuditScheme scheme = AuditScheme::kJammi);
// Was the record signed for its own tenant with one of the keys (AUD-031)? It takes any tenant's record, so
// it guards no tenant's boundary. Errors: kDataLoss with AuditDetail(kSignatureMismatch); kFailedPrecondition
// with AuditDetail(kNoTenantBinding), or (kMasterKey): it names a key that is not in the ring.
[[nodiscard]] Result<void> VerifyAuditRecord(const AuditRecord& record, const AuditKeyRing& keys);
// Was it signed for this tenant (AUD-032)? Errors: as VerifyAuditRecord() but for the mismatch.
[[nodiscard]] Result<bool> VerifyAuditRecordFor(const AuditRecord& record, std::string_view tenant,
                                                const AuditKeyRing& keys);

// The same two for who verifies many records: what is derived from the keys for a tenant is kept, for up to
// 1,024 tenants. Thread-safe.
class AuditVerifier {
 public:
  explicit AuditVerifier(std::shared_ptr<const AuditKeyRing> keys);
  ~AuditVerifier();
  AuditVerifier(const AuditVerifier&) = delete;
  AuditVerifier& operator=(const AuditVerifier&) = delete;

  // VerifyAuditRecord().
  [[nodiscard]] Result<void> Verify(const AuditRecord& record) const;
  // VerifyAuditRecordFor().
  [[nodiscard]] Result<bool> VerifyFor(const AuditRecord& record, std::string_view tenant) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One JSON object without line breaks: the members of the published implementation in their order, and
// nothing else. The tenant and the signature are left out while they are absent.
[[nodiscard]] Result<std::string> ToJson(const AuditRecord& record);
// Errors: kInvalidArgument, which names the member.
[[nodiscard]] Result<AuditRecord> ParseAuditRecord(std::string_view json);

// --- The chain: each record of a tenant is bound by a key to all that came before it.

struct ChainFinding {
  enum class Kind : uint8_t {
    kMissing,     // there is no record of this number: it was deleted
    kChanged,     // its content is not what was signed: it was changed, or made without the key
    kMisplaced,   // signed as it is, but not for this place: moved, exchanged, put in, or its chain changed
    kUnknownKey,  // it names a key that is not there, so nothing can be said of it
    kCutTail,     // records up to this number had been there: the head or a checkpoint says so
    kHead,        // the row that says how far the chain goes does not fit its last record
  };
  Kind kind = Kind::kMissing;
  int64_t seq = 0;
  std::string query_id;  // as it is stored; empty if there is none
};
[[nodiscard]] std::string_view ToString(ChainFinding::Kind kind);

struct ChainReport {
  static constexpr size_t kMaxFindings = 1000;
  int64_t checked = 0;                 // records that were looked at
  int64_t first = 0;                   // the number of the first of them; 0: there was none
  int64_t head = 0;                    // the number of the last record; 0: none yet
  int64_t finding_count = 0;           //
  std::vector<ChainFinding> findings;  // the first kMaxFindings
  [[nodiscard]] bool intact() const { return finding_count == 0; }
};

// How far a chain went, signed. Kept where who may write the database cannot, it shows later that records at
// the end were taken away, or that an old copy of the database was put in place of it.
struct AuditCheckpoint {
  std::string tenant_id;
  int64_t seq = 0;    // 0: there was no record yet
  std::string chain;  // 64 hexadecimal digits
  UnixMicros made_at = 0;
  std::string key_id;
  std::string signature;
  bool operator==(const AuditCheckpoint&) const = default;
};
[[nodiscard]] std::string ToJson(const AuditCheckpoint& checkpoint);
// Errors: kInvalidArgument.
[[nodiscard]] Result<AuditCheckpoint> ParseAuditCheckpoint(std::string_view json);

// Verifies what AuditLog::Export() has written, with nothing but the keys: every signature, the chain from
// the first line on, and the checkpoint at the end. One thread at a time.
class AuditExportVerifier {
 public:
  // `tenant`: whose export it has to be; empty: whose the first line is.
  explicit AuditExportVerifier(std::shared_ptr<const AuditKeyRing> keys, std::string tenant = {});
  ~AuditExportVerifier();
  AuditExportVerifier(const AuditExportVerifier&) = delete;
  AuditExportVerifier& operator=(const AuditExportVerifier&) = delete;

  // A line of the export, in order, without its end. Errors: kInvalidArgument naming the line: it is none, is
  // of another tenant than the first, or follows a checkpoint.
  [[nodiscard]] Result<void> Add(std::string_view line);
  // Errors: kInvalidArgument: there was no checkpoint, so the end may have been cut off.
  [[nodiscard]] Result<ChainReport> Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// --- The log.

struct AuditFilter {
  UnixMicros from = std::numeric_limits<UnixMicros>::min();
  UnixMicros until = std::numeric_limits<UnixMicros>::max();  // not included
  std::optional<std::string> model_id;
};

struct AuditRange {
  int64_t from = 1;                                  // numbers of records; the first one is 1
  int64_t to = std::numeric_limits<int64_t>::max();  // included
};

class AuditService;

// The audit log of one tenant. A light handle: cheap to copy, thread-safe. Every call of the global scope
// fails with kFailedPrecondition and AuditDetail(kNoTenantBinding), but for Log() of nothing. Errors of all:
// those of CatalogBackend::RunTransaction; kDataLoss with BackendDetail(kTypeConversion): a damaged row.
class AuditLog {
 public:
  static constexpr size_t kMaxRecords = 10'000;  // of one call
  static constexpr int kMaxRecent = 10'000;

  AuditLog(std::shared_ptr<AuditService> service, Scope scope)
      : service_(std::move(service)), scope_(std::move(scope)) {}

  // The same handle, whose reads fail with kDeadlineExceeded if they cannot begin in time. Those that take
  // many steps (VerifyChain, Export) also end between two of them: with kDeadlineExceeded, or with kCancelled
  // once `stop` is requested. One that was stopped proves nothing: neither that what it had read until then
  // is intact, nor that it is not; and what it has exported has no checkpoint. Log() is not stopped.
  [[nodiscard]] AuditLog WithDeadline(Deadline deadline, std::stop_token stop = {}) const {
    AuditLog limited(*this);
    limited.deadline_ = deadline;
    limited.stop_ = std::move(stop);
    return limited;
  }

  // Stamps each query with this tenant and the time, signs it with the newest key, and stores, chains and
  // publishes all of them in one transaction: success is durable, an error has left nothing behind,
  // kOutcomeUnknown excepted. What is checked first, and fails first: tenant, shape of the queries, lineage,
  // keys, topic, quota. The records, in the order of `queries`.
  //
  // May be repeated: a query that was logged before with the same content (all but the time) is left as it is
  // and returned as it is stored.
  // Errors: those of MakeAuditRecord(), naming the query; kInvalidArgument with
  // AuditDetail(kLineageTooLarge); kInvalidArgument: more than kMaxRecords, more than 64 MiB of them, or one
  // larger than an event may be; kInvalidArgument with AuditDetail(kDuplicateQueryId): an id twice in
  // `queries`; kAlreadyExists with AuditDetail(kDuplicateQueryId): this tenant has logged another content
  // under the id; kFailedPrecondition with AuditDetail(kMasterKey); kResourceExhausted with
  // QuotaExceededDetail: events count for the quota.
  [[nodiscard]] Result<std::vector<AuditRecord>> Log(std::span<const AuditedQuery> queries,
                                                     Deadline deadline = {});

  // nullopt: this tenant has no such record.
  [[nodiscard]] Result<std::optional<AuditRecord>> Find(const Uuid& query_id) const;
  // The newest, by time; `limit` of them at most, and kMaxRecent. 0 or less: none.
  [[nodiscard]] Result<std::vector<AuditRecord>> Recent(int limit = 20) const;
  // The newest first, a page at a time; records that are logged meanwhile are not in later pages. `page_size`
  // is 1..kMaxPageSize. Errors: kInvalidArgument.
  [[nodiscard]] Result<Page<AuditRecord>> List(const AuditFilter& filter, int page_size = kDefaultPageSize,
                                               std::string_view page_token = {}) const;

  // Was the record signed for this tenant, as it is (AUD-033)? Errors: as VerifyAuditRecordFor().
  [[nodiscard]] Result<bool> Verify(const AuditRecord& record) const;

  // Reads the records of the range, a bounded number at a time, and checks each one's signature and its
  // place. What is logged meanwhile is not looked at. A range that does not begin at 1 rests on the record
  // before it. Errors: kInvalidArgument for a range that is none; kFailedPrecondition with
  // AuditDetail(kMasterKey).
  [[nodiscard]] Result<ChainReport> VerifyChain(const AuditRange& range = {}) const;

  // How far the chain goes now. Errors: kFailedPrecondition with AuditDetail(kMasterKey).
  [[nodiscard]] Result<AuditCheckpoint> Checkpoint() const;
  // Does the chain still have what it had then? kCutTail: not as far; kMisplaced: another record or chain is
  // there. What came before is VerifyChain's business.
  // Errors: kDataLoss with AuditDetail(kSignatureMismatch): the checkpoint itself is not genuine, or another
  // tenant's; kFailedPrecondition with AuditDetail(kMasterKey).
  [[nodiscard]] Result<ChainReport> VerifyCheckpoint(const AuditCheckpoint& checkpoint) const;

  // Writes the records of the range as JSON lines, each with its signature, number and chain, and a
  // checkpoint of the last of them: for AuditExportVerifier. `write` gets a line without its end; its error
  // ends the export. Nothing is verified on the way. Errors: as VerifyChain(); `write`'s.
  using WriteLine = std::function<Result<void>(std::string_view line)>;
  [[nodiscard]] Result<void> Export(const WriteLine& write, const AuditRange& range = {}) const;

 private:
  std::shared_ptr<AuditService> service_;
  Scope scope_;
  Deadline deadline_;
  std::stop_token stop_;
};

}  // namespace jammi
