#include "catalog/backend_error.h"

#include <fmt/format.h>

namespace jammi {

ErrorCode CodeOf(BackendFault fault) {
  switch (fault) {
    case BackendFault::kExecution:
      return ErrorCode::kInternal;
    case BackendFault::kUnique:
      return ErrorCode::kAlreadyExists;
    case BackendFault::kForeignKey:
      return ErrorCode::kFailedPrecondition;
    case BackendFault::kCheck:
      return ErrorCode::kInvalidArgument;
    case BackendFault::kBusy:
      return ErrorCode::kUnavailable;
    case BackendFault::kSerialization:
      return ErrorCode::kAborted;
    case BackendFault::kConnection:
      return ErrorCode::kUnavailable;
    case BackendFault::kFull:
      return ErrorCode::kResourceExhausted;
    case BackendFault::kIo:
      return ErrorCode::kUnavailable;
    case BackendFault::kReadOnly:
      return ErrorCode::kFailedPrecondition;
    case BackendFault::kCorrupt:
      return ErrorCode::kDataLoss;
    case BackendFault::kTypeConversion:
      return ErrorCode::kDataLoss;
    case BackendFault::kTenantMismatch:
      return ErrorCode::kPermissionDenied;
    case BackendFault::kMigration:
    case BackendFault::kUnfinishedCopy:
    case BackendFault::kMoved:
      return ErrorCode::kFailedPrecondition;
  }
  return ErrorCode::kInternal;
}

bool HasFault(const Error& error, BackendFault fault) {
  const auto* detail = error.As<BackendDetail>();
  return detail != nullptr && detail->fault == fault;
}

bool HasNativeCode(const Error& error, std::string_view code) {
  const auto* detail = error.As<BackendDetail>();
  return detail != nullptr && detail->native_code == code;
}

Error NoSuchTopic(int64_t topic_no) {
  return Error(ErrorCode::kNotFound, fmt::format("topic {} does not exist or was dropped", topic_no),
               TopicNotFoundDetail{fmt::format("{}", topic_no)});
}

Error OutcomeUnknown(const Error& error) {
  return Error(ErrorCode::kOutcomeUnknown,
               fmt::format("COMMIT failed, the change may be durable or not: {}", error.message()),
               error.detail());
}

}  // namespace jammi
