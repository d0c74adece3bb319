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

Error Error::While(std::string_view doing) && {
  return Error(code_, fmt::format("{}: {}", doing, message_), std::move(detail_));
}

std::string Error::ToString() const { return fmt::format("{}: {}", jammi::ToString(code_), message_); }

}  // namespace jammi
