#include "jammi/error.h"

#include <fmt/format.h>

namespace jammi {

std::string_view ToString(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "InvalidArgument";
    case ErrorCode::kNotFound:
      return "NotFound";
    case ErrorCode::kAlreadyExists:
      return "AlreadyExists";
    case ErrorCode::kFailedPrecondition:
      return "FailedPrecondition";
    case ErrorCode::kPermissionDenied:
      return "PermissionDenied";
    case ErrorCode::kInvalidState:
      return "InvalidState";
    case ErrorCode::kUnimplemented:
      return "Unimplemented";
    case ErrorCode::kResourceExhausted:
      return "ResourceExhausted";
    case ErrorCode::kUnavailable:
      return "Unavailable";
    case ErrorCode::kAborted:
      return "Aborted";
    case ErrorCode::kDeadlineExceeded:
      return "DeadlineExceeded";
    case ErrorCode::kCancelled:
      return "Cancelled";
    case ErrorCode::kOutcomeUnknown:
      return "OutcomeUnknown";
    case ErrorCode::kDataLoss:
      return "DataLoss";
    case ErrorCode::kInternal:
      return "Internal";
  }
  return "Unknown";
}

bool IsRetryable(ErrorCode code) {
  switch (code) {
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kUnavailable:
    case ErrorCode::kAborted:
    case ErrorCode::kDeadlineExceeded:
      return true;
    default:
      return false;
  }
}

std::string_view ToString(BackendFault fault) {
  switch (fault) {
    case BackendFault::kExecution:
      return "execution";
    case BackendFault::kUnique:
      return "unique";
    case BackendFault::kForeignKey:
      return "foreign key";
    case BackendFault::kCheck:
      return "check";
    case BackendFault::kBusy:
      return "busy";
    case BackendFault::kSerialization:
      return "serialization";
    case BackendFault::kConnection:
      return "connection";
    case BackendFault::kFull:
      return "full";
    case BackendFault::kIo:
      return "input/output";
    case BackendFault::kReadOnly:
      return "read-only";
    case BackendFault::kCorrupt:
      return "corrupt";
    case BackendFault::kTypeConversion:
      return "type conversion";
    case BackendFault::kTenantMismatch:
      return "tenant mismatch";
    case BackendFault::kMigration:
      return "migration";
    case BackendFault::kUnfinishedCopy:
      return "unfinished_copy";
    case BackendFault::kMoved:
      return "moved";
  }
  return "unknown";
}

std::string_view ToString(EventFault fault) {
  switch (fault) {
    case EventFault::kNotJson:
      return "not_json";
    case EventFault::kDuplicateMember:
      return "duplicate_member";
    case EventFault::kMissingAttribute:
      return "missing_attribute";
    case EventFault::kEmptyAttribute:
      return "empty_attribute";
    case EventFault::kWrongType:
      return "wrong_type";
    case EventFault::kBadSpecversion:
      return "bad_specversion";
    case EventFault::kBadUri:
      return "bad_uri";
    case EventFault::kBadMediaType:
      return "bad_media_type";
    case EventFault::kBadTime:
      return "bad_time";
    case EventFault::kBadExtensionName:
      return "bad_extension_name";
    case EventFault::kBadExtensionValue:
      return "bad_extension_value";
    case EventFault::kIntegerOutOfRange:
      return "integer_out_of_range";
    case EventFault::kBadStringChar:
      return "bad_string_char";
    case EventFault::kDataConflict:
      return "data_conflict";
    case EventFault::kBadBase64:
      return "bad_base64";
    case EventFault::kDataNotString:
      return "data_not_string";
  }
  return "unknown";
}

std::string_view ToString(SinkFault fault) {
  switch (fault) {
    case SinkFault::kInvalidEvent:
      return "InvalidEvent";
    case SinkFault::kEventTooLarge:
      return "EventTooLarge";
    case SinkFault::kInvalidSubject:
      return "InvalidSubject";
    case SinkFault::kRejected:
      return "Rejected";
    case SinkFault::kAckTimeout:
      return "AckTimeout";
    case SinkFault::kBadAck:
      return "BadAck";
    case SinkFault::kConnectionLost:
      return "ConnectionLost";
    case SinkFault::kNoStream:
      return "NoStream";
    case SinkFault::kUnavailable:
      return "Unavailable";
    case SinkFault::kCircuitOpen:
      return "CircuitOpen";
    case SinkFault::kConnectFailed:
      return "ConnectFailed";
    case SinkFault::kTlsError:
      return "TlsError";
    case SinkFault::kAuthFailed:
      return "AuthFailed";
    case SinkFault::kConfigError:
      return "ConfigError";
    case SinkFault::kSignError:
      return "SignError";
    case SinkFault::kSpillFailed:
      return "SpillFailed";
    case SinkFault::kSpillFull:
      return "SpillFull";
    case SinkFault::kSinkFull:
      return "SinkFull";
    case SinkFault::kClosed:
      return "Closed";
  }
  return "Unknown";
}

Error Error::While(std::string_view doing) && {
  return Error(code_, fmt::format("{}: {}", doing, message_), std::move(detail_));
}

std::string Error::ToString() const { return fmt::format("{}: {}", jammi::ToString(code_), message_); }

}  // namespace jammi
