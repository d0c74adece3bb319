// What can go wrong, as data: a code that says whose fault it is and whether a retry can help, a
// message for a person, and for the errors that callers act upon a typed detail.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace jammi {

// Stored nowhere; the numbers may change.
enum class ErrorCode : uint8_t {
  // The caller's fault; the same call fails again.
  kInvalidArgument,     // malformed or unacceptable input; nothing was changed
  kNotFound,            // the named thing does not exist or is not visible to this scope
  kAlreadyExists,       // a thing of that name exists already; it was not changed
  kFailedPrecondition,  // right call, wrong state: referenced, pinned, evicted, conflicting
  kPermissionDenied,    // the scope may not do this
  kInvalidState,        // the object was closed, or a call was made from where it is not allowed
  kUnimplemented,       // not in this build; the message says how to get it
  // The environment's fault; a retry may help.
  kResourceExhausted,  // a disk, queue, quota or size limit is full
  kUnavailable,        // the database, broker or engine cannot answer now; nothing was changed
  kAborted,            // lost against concurrent work; nothing was changed, run it again
  kDeadlineExceeded,   // the deadline passed before the work began; nothing was changed
  kCancelled,          // stopped on request
  kOutcomeUnknown,     // the change may or may not be durable; look before you repeat it
  // Somebody must look.
  kDataLoss,  // stored bytes are damaged
  kInternal,  // a bug of ours
};

[[nodiscard]] std::string_view ToString(ErrorCode code);

// True where the same call, repeated after a pause, can succeed without risk of doing it twice.
[[nodiscard]] bool IsRetryable(ErrorCode code);

// --- Details. One closed list: whoever maps errors to another form (the wire, an exit code) visits
// --- the variant below, so an added detail cannot be forgotten there. Tenants are UUID text, empty
// --- for the global scope.

struct ConfigDetail {
  std::string key;         // "catalog.pool_size"; empty when the file itself is at fault
  std::string file;        // empty when the value came from the environment or a default
  int line = 0;            // 1-based; 0 = unknown
  int column = 0;          // 1-based; 0 = unknown
  std::string suggestion;  // nearest known name; empty = none
};
struct TenantDetail {
  std::string text;  // what was given
};
struct ModelNotFoundDetail {
  std::string model_id;
};
struct ModelReferencedDetail {
  std::string model_id;
  std::vector<std::string> referenced_by;  // edge names, in the order of rule CAT-009
};
struct SourceDetail {
  std::string source_id;  // that is absent, there already, or a reserved name
};
// What was refused of an evidence channel.
enum class ChannelFault : uint8_t {
  kAlreadyExists,
  kNotRegistered,
  kColumnAlreadyDeclared,  // of that type
  kColumnConflict,         // declared, of another type
  kInvalidId,
  kInvalidColumnType,
  kAssembly,  // contributions that do not fit their channels or the rows
};
struct ChannelDetail {
  ChannelFault fault = ChannelFault::kNotRegistered;
  std::string channel;    // as it was given; empty for kInvalidColumnType and parts of kAssembly
  std::string column;     // of the two column faults
  std::string existing;   // type of the declared column, "Float32"
  std::string requested;  // type that was asked for; for kInvalidColumnType the text that is none
};
// What was refused of a mutable table.
enum class TableFault : uint8_t {
  kInvalidId,
  kSchema,             // of the definition, or of a batch
  kMissingPrimaryKey,  // no such column
  kReservedColumn,
  kNotFound,
  kAlreadyExists,
  kNoOrderColumn,
  kInvalidValue,  // of a column: it cannot be stored there
  kDuplicateKey,  // a row with the same primary key, or unique index, is there
};
struct TableDetail {
  TableFault fault = TableFault::kNotFound;
  std::string table;   // its id, as it was given
  std::string column;  // or index; empty where none is at fault
};
// Either names what was asked for; the other is empty.
struct ResultTableNotFoundDetail {
  std::string table_name;
  std::string source_id;  // it has no ready embedding table
};
struct ResultTableReferencedDetail {
  std::string table_name;  // tables are derived from it
};
struct DependencyCycleDetail {
  std::string table_name;  // one of those that were made from themselves
};
struct TopicNotFoundDetail {
  std::string topic;  // the id or name that was asked for
};
struct TopicExistsDetail {
  std::string name;
};
struct SchemaConflictDetail {
  std::string topic;
  std::string detail;
};
struct UnsupportedSchemaTypeDetail {
  std::string column;
  std::string data_type;
};
struct BatchSchemaMismatchDetail {
  std::string topic;
  std::string column;  // the first column that differs; empty when only the count does
  std::string expected;
  std::string actual;
};
// The producer key names an earlier publish of the same scope, which had another content: nothing was
// published.
struct ProducerKeyConflictDetail {
  std::string producer_key;
  uint64_t first_offset = 0;  // of that publish's first event
};
struct PublishTenantMismatchDetail {
  std::string topic;
  std::string topic_tenant;
  std::string publish_tenant;
};
struct PredicateParseDetail {
  std::string message;
  int64_t position = -1;  // byte offset in the trimmed text; -1 = unknown
};
struct PredicateUnsupportedDetail {
  std::string construct;
};
struct PredicateEvalDetail {
  std::string message;
};
struct OffsetEvictedDetail {
  uint64_t low_water = 0;  // the oldest offset that can still be read
};
// Not found, there already, or in a status that forbids the call.
struct TrainingJobDetail {
  std::string job_id;
  std::string status;  // "running", ...; empty unless it is what forbids the call
};
// What a database refused, whatever database it is.
enum class BackendFault : uint8_t {
  kExecution,       // a statement failed for a reason not listed below
  kUnique,          // unique or primary key
  kForeignKey,      //
  kCheck,           // CHECK or NOT NULL
  kBusy,            // lock or queue not free within the deadline
  kSerialization,   // 40001, 40P01 and the like
  kConnection,      // server gone, pool exhausted, engine closed after an I/O error
  kFull,            // disk or quota full
  kIo,              // the file system said no
  kReadOnly,        // file or server is read-only
  kCorrupt,         // not a database, or damaged
  kTypeConversion,  // a stored value does not fit what it is read as
  kTenantMismatch,  // a row of another scope
  kMigration,       // the ledger is newer or altered
  kUnfinishedCopy,  // a copy of a catalog that has not come to its end
  kMoved,           // the catalog was moved to another place
};
[[nodiscard]] std::string_view ToString(BackendFault fault);
struct BackendDetail {
  BackendFault fault = BackendFault::kExecution;
  std::string object;       // table, column or migration concerned; may be empty
  std::string native_code;  // "SQLITE_FULL", "40001"; may be empty
};
// A write under a lease that has expired, was given back, or was claimed anew: nothing was changed, and
// nothing will be under this lease.
struct LeaseLostDetail {
  std::string kind;           // "training job", "result table", ...
  std::string name;           // of the leased thing
  int64_t epoch = 0;          // of the lease that was shown
  int64_t current_epoch = 0;  // of the thing now; the same if the lease only ended; 0 = the thing is gone
};
// The thing is leased, and the lease has not expired.
struct LeaseHeldDetail {
  std::string kind;  // "consumer"
  std::string name;
  std::string holder;
  int64_t expires_at = 0;  // UnixMicros, on the database's clock
};
// A stored position in a log of another history of the catalog, before a backup was opened: the same number
// may be another event now.
struct PositionOutdatedDetail {
  std::string incarnation;  // that of the position
};
// Another engine holds the catalog file.
struct CatalogLockedDetail {
  std::string lock_path;
  int64_t pid = 0;
  std::string host;
  std::string started_at;  // RFC 3339 UTC
};
// A tenant has used up one of its quotas; nothing was changed.
struct QuotaExceededDetail {
  std::string quota;  // "max_topics", "max_bytes", "events_per_second", "bytes_per_second"
  int64_t limit = 0;
  int64_t used = 0;  // already; of a rate: of what it allows at this moment
  // Microseconds after which the same call can succeed; absent: not before something is deleted.
  std::optional<int64_t> retry_after = std::nullopt;
};
// What was refused of an ephemeral session.
enum class EphemeralFault : uint8_t {
  kNoTenantBinding,         // only a tenant can have one
  kNameTooLong,             //
  kDuplicateTable,          //
  kUnknownTable,            //
  kEnded,                   // closed, timed out, or never there: for who asks it is the same
  kPartialDeletionFailure,  // it has ended, and some of its tables could not be dropped yet
};
struct EphemeralDetail {
  EphemeralFault fault = EphemeralFault::kEnded;
  std::string session_id = {};  // empty for kNoTenantBinding
  std::string table = {};       // of the faults of a table: the name that the session knows it by
  int64_t limit = 0;            // bytes that a name may have: kNameTooLong
  // kPartialDeletionFailure: tables that are still there, of all that the session had.
  int64_t failed = 0;
  int64_t total = 0;
};
// What was refused of the audit log.
enum class AuditFault : uint8_t {
  kLengthMismatch,     // not one score for each result
  kLineageTooLarge,    //
  kNoTenantBinding,    // the global scope, or a record without a tenant
  kSignatureMismatch,  //
  kMasterKey,          // there is no usable key
  kDuplicateQueryId,   // the id is another query's
};
struct AuditDetail {
  AuditFault fault = AuditFault::kNoTenantBinding;
  std::string query_id;   // empty where no record is concerned
  uint64_t actual = 0;    // kLengthMismatch: ids; kLineageTooLarge: bytes
  uint64_t expected = 0;  // kLengthMismatch: scores; kLineageTooLarge: how many there may be
};
struct BrokerDetail {
  std::string driver;  // "in_memory", "jet_stream"
};
// What is wrong with a CloudEvent.
enum class EventFault : uint8_t {
  kNotJson,           // not one JSON object, or not UTF-8, or nested too deeply
  kDuplicateMember,   //
  kMissingAttribute,  //
  kEmptyAttribute,
  kWrongType,  // an attribute of the standard that is not a string
  kBadSpecversion,
  kBadUri,
  kBadMediaType,
  kBadTime,
  kBadExtensionName,
  kBadExtensionValue,
  kIntegerOutOfRange,
  kBadStringChar,
  kDataConflict,  // `data` and `data_base64`
  kBadBase64,
  kDataNotString,  // though the media type is not JSON
};
struct EventFinding {
  EventFault fault = EventFault::kNotJson;
  std::string attribute;  // "time"; empty for kNotJson
  std::string message;
};
// What went wrong in a sink of events.
enum class SinkFault : uint8_t {
  // Of this event; the next one may pass.
  kInvalidEvent,
  kEventTooLarge,
  kInvalidSubject,
  kRejected,  // the server answered, with a no
  // Of the moment.
  kAckTimeout,      // the event may be stored
  kBadAck,          // it may be stored
  kConnectionLost,  // it may be stored
  kNoStream,        // no stream takes the subject
  kUnavailable,     // the server cannot take it now
  kCircuitOpen,     // not tried: the last one failed
  // Of the start.
  kConnectFailed,
  kTlsError,
  kAuthFailed,
  kConfigError,
  // Of the sink itself.
  kSignError,
  kSpillFailed,  // a file of events could not be written or read
  kSpillFull,    // a file of events may not grow
  kSinkFull,     // the disk is full
  kClosed,
};
[[nodiscard]] std::string_view ToString(EventFault fault);  // "missing_attribute"
[[nodiscard]] std::string_view ToString(SinkFault fault);   // "CircuitOpen"
struct SinkDetail {
  SinkFault fault = SinkFault::kUnavailable;
  std::vector<EventFinding> findings = {};  // kInvalidEvent: all of them
  // kCircuitOpen: how often it was tried in vain since it opened, and when it will be again.
  uint32_t attempt = 0;
  int64_t remaining_ms = 0;
};

using ErrorDetail =
    std::variant<std::monostate, ConfigDetail, TenantDetail, ModelNotFoundDetail, ModelReferencedDetail,
                 ResultTableNotFoundDetail, ResultTableReferencedDetail, DependencyCycleDetail, SourceDetail,
                 ChannelDetail, TableDetail, TopicNotFoundDetail, TopicExistsDetail, SchemaConflictDetail,
                 UnsupportedSchemaTypeDetail, BatchSchemaMismatchDetail, PublishTenantMismatchDetail,
                 ProducerKeyConflictDetail, PredicateParseDetail, PredicateUnsupportedDetail,
                 PredicateEvalDetail, OffsetEvictedDetail, BackendDetail, LeaseLostDetail, LeaseHeldDetail,
                 TrainingJobDetail, PositionOutdatedDetail, CatalogLockedDetail, QuotaExceededDetail,
                 EphemeralDetail, AuditDetail, BrokerDetail, SinkDetail>;

// A value type; cheap to move. Reading it is thread-safe.
class Error {
 public:
  Error(ErrorCode code, std::string message, ErrorDetail detail = {})
      : code_(code), message_(std::move(message)), detail_(std::move(detail)) {}

  [[nodiscard]] ErrorCode code() const { return code_; }
  // One sentence that names the offending thing; never holds a secret.
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] const ErrorDetail& detail() const { return detail_; }
  // The detail if it is a T, else nullptr.
  template <class T>
  [[nodiscard]] const T* As() const {
    return std::get_if<T>(&detail_);
  }
  // The same error, saying what was being done: "<doing>: <message>". Code and detail stay.
  [[nodiscard]] Error While(std::string_view doing) &&;
  // "NotFound: topic not found: quakes"
  [[nodiscard]] std::string ToString() const;

 private:
  ErrorCode code_;
  std::string message_;
  ErrorDetail detail_;
};

}  // namespace jammi
