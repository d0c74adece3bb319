#include "client/rpc_error.h"

#include <fmt/format.h>
#include <grpcpp/support/status.h>

#include <string>

namespace jammi {
namespace {

struct Meaning {
  const char* name;
  ErrorCode code;
};

Meaning MeaningOf(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
      return {"INVALID_ARGUMENT", ErrorCode::kInvalidArgument};
    case grpc::StatusCode::OUT_OF_RANGE:
      return {"OUT_OF_RANGE", ErrorCode::kInvalidArgument};
    case grpc::StatusCode::NOT_FOUND:
      return {"NOT_FOUND", ErrorCode::kNotFound};
    case grpc::StatusCode::ALREADY_EXISTS:
      return {"ALREADY_EXISTS", ErrorCode::kAlreadyExists};
    case grpc::StatusCode::FAILED_PRECONDITION:
      return {"FAILED_PRECONDITION", ErrorCode::kFailedPrecondition};
    case grpc::StatusCode::PERMISSION_DENIED:
      return {"PERMISSION_DENIED", ErrorCode::kPermissionDenied};
    case grpc::StatusCode::UNAUTHENTICATED:
      return {"UNAUTHENTICATED", ErrorCode::kPermissionDenied};
    case grpc::StatusCode::UNIMPLEMENTED:
      return {"UNIMPLEMENTED", ErrorCode::kUnimplemented};
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return {"RESOURCE_EXHAUSTED", ErrorCode::kResourceExhausted};
    case grpc::StatusCode::UNAVAILABLE:
      return {"UNAVAILABLE", ErrorCode::kUnavailable};
    case grpc::StatusCode::ABORTED:
      return {"ABORTED", ErrorCode::kAborted};
    case grpc::StatusCode::CANCELLED:
      return {"CANCELLED", ErrorCode::kCancelled};
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return {"DEADLINE_EXCEEDED", ErrorCode::kOutcomeUnknown};
    case grpc::StatusCode::UNKNOWN:
      return {"UNKNOWN", ErrorCode::kOutcomeUnknown};
    case grpc::StatusCode::DATA_LOSS:
      return {"DATA_LOSS", ErrorCode::kDataLoss};
    default:
      return {"INTERNAL", ErrorCode::kInternal};
  }
}

}  // namespace

Error FromStatus(const grpc::Status& status) {
  const auto [name, code] = MeaningOf(status.error_code());
  std::string text = status.error_message();
  if (text.empty()) text = fmt::format("the server answered {} without a text", name);
  if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) {
    text = fmt::format("not authenticated: {} (a token is given with --token or JAMMI_TOKEN)", text);
  }
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    text = fmt::format("no answer in time, so it may have been done or not: {}", text);
  }
  return {code, std::move(text)};
}

}  // namespace jammi
