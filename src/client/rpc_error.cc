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

// What the library says of the two sides of a handshake is about bytes.
std::string_view Advice(bool tls, std::string_view reason) {
  const auto says = [reason](std::string_view words) { return reason.find(words) != std::string_view::npos; };
  if (tls && says("certificate verify failed")) {
    return " (the server's certificate is out of date, or of no authority that is trusted here: --ca names "
           "one)";
  }
  if (tls && says("wrong version number")) return " (the server speaks no TLS there: write grpc://)";
  if (says("Connection refused")) return " (is jammi-server running there?)";
  if (says("http1.x server")) return " (is that its health port? Calls have another one, 8081 by default)";
  if (!tls && says("Socket closed")) return " (if the server speaks TLS, write grpcs://)";
  return {};
}

// Without what only the library's own people need.
std::string_view Gist(std::string_view reason) {
  for (const std::string_view before : {"last error: ", "UNKNOWN: ", "Failed to connect to remote host: "}) {
    if (const size_t at = reason.rfind(before); at != std::string_view::npos)
      reason.remove_prefix(at + before.size());
  }
  return reason.starts_with("DNS resolution failed") ? "its name cannot be resolved" : reason;
}

}  // namespace

Error FromStatus(const grpc::Status& status) {
  const auto [name, code] = MeaningOf(status.error_code());
  std::string text = status.error_message();
  if (text.empty()) text = fmt::format("the server answered {} without a text", name);
  if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED &&
      text.starts_with("Received message larger")) {
    text = fmt::format("a message has more bytes than its receiver takes ({})", text);
  }
  if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) {
    text = fmt::format("not authenticated: {} (a token is given with --token or JAMMI_TOKEN)", text);
  }
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    text = fmt::format("no answer in time, so it may have been done or not: {}", text);
  }
  return {code, std::move(text)};
}

Error CannotConnect(const std::string& target, bool tls, std::string_view reason) {
  return {ErrorCode::kUnavailable,
          fmt::format("cannot connect to {}: {}{}", target, Gist(reason), Advice(tls, reason))};
}

}  // namespace jammi
