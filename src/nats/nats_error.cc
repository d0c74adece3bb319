#include "nats/nats_error.h"

#include <fmt/format.h>
#include <nats/nats.h>

#include <utility>

namespace jammi::nats {
namespace {

Error Make(ErrorCode code, std::string message) {
  return Error(code, std::move(message), BrokerDetail{"jet_stream"});
}

ErrorCode CodeOf(natsStatus status) {
  switch (status) {
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
      return ErrorCode::kPermissionDenied;
    case NATS_NO_RESPONDERS:
    case NATS_NOT_FOUND:
      return ErrorCode::kNotFound;
    case NATS_MAX_PAYLOAD:
    case NATS_INSUFFICIENT_BUFFER:
    case NATS_NO_MEMORY:
      return ErrorCode::kResourceExhausted;
    case NATS_INVALID_SUBJECT:
    case NATS_ADDRESS_MISSING:
      return ErrorCode::kInvalidArgument;
    case NATS_INVALID_ARG:
    case NATS_INVALID_TIMEOUT:
    case NATS_INVALID_SUBSCRIPTION:
    case NATS_ILLEGAL_STATE:
    case NATS_FAILED_TO_INITIALIZE:
    case NATS_NOT_INITIALIZED:
      return ErrorCode::kInternal;
    default:
      return ErrorCode::kUnavailable;
  }
}

ErrorCode CodeOfApi(int code, int api_code) {
  switch (api_code) {
    case JSStreamNotFoundErr:
    case JSConsumerNotFoundErr:
    case JSNoMessageFoundErr:
    case JSSequenceNotFoundErr:
      return ErrorCode::kNotFound;
    case JSStreamNameExistErr:
    case JSConsumerNameExistErr:
      return ErrorCode::kAlreadyExists;
    case JSAccountResourcesExceededErr:
    case JSInsufficientResourcesErr:
    case JSMaximumConsumersLimitErr:
    case JSMaximumStreamsLimitErr:
    case JSMemoryResourcesExceededErr:
    case JSStorageResourcesExceededErr:
    case JSStreamLimitsErr:
    case JSStreamStoreFailedErr:
    case JSStreamMaxStreamBytesExceededErr:
      return ErrorCode::kResourceExhausted;
    case JSNotEnabledErr:
    case JSNotEnabledForAccountErr:
      return ErrorCode::kUnavailable;
    default:
      break;
  }
  if (code == 404) return ErrorCode::kNotFound;
  return code >= 500 ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument;
}

}  // namespace

Error FromStatus(int status, std::string_view doing) {
  // The library's fixed text for the code; what it says beside it may name an address.
  const auto code = static_cast<natsStatus>(status);
  return Make(CodeOf(code), fmt::format("NATS: {}: {}", doing, natsStatus_GetText(code)));
}

Error FromApi(int code, int api_code, std::string_view description, std::string_view doing) {
  return Make(CodeOfApi(code, api_code), fmt::format("JetStream: {}: {} ({})", doing, description, api_code));
}

Error Unavailable(std::string message) { return Make(ErrorCode::kUnavailable, std::move(message)); }
Error Unknown(std::string message) { return Make(ErrorCode::kOutcomeUnknown, std::move(message)); }
Error Refused(std::string message) { return Make(ErrorCode::kInvalidArgument, std::move(message)); }

}  // namespace jammi::nats
