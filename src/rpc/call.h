// A call as its handler sees it: who calls and for whom. A value made once for each call; nothing is ambient.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "access/role.h"
#include "access/tenant_grant.h"
#include "jammi/clock.h"
#include "jammi/scope.h"

namespace jammi {

// The status codes of gRPC, by their numbers.
enum class RpcCode : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};
[[nodiscard]] std::string_view ToString(RpcCode code);  // "NOT_FOUND"

// What a method needs. kOpen: not even an identity (SRV-032); who calls it is nobody, in the global scope.
enum class RpcAccess : uint8_t { kOpen, kRead, kWrite, kAdmin };
[[nodiscard]] bool Allows(RpcRole role, RpcAccess access);

// As the client sent it. Views; they live as long as the call.
struct CallMetadata {
  std::string_view method;                     // "/jammi.v1.trigger.TriggerService/Publish"
  std::optional<std::string_view> session_id;  // jammi-session-id
  bool session_unclear = false;                // it is there with several values; then there is no id above
  std::optional<std::string_view> authorization;  // "Bearer ..."
  std::string_view peer;                          // "ipv4:127.0.0.1:40112"
  // The method is about a tenant's things. Else which tenant the session has chosen does not matter.
  bool scoped = true;
};

struct Identity {
  Scope scope = Scope::Global();  // of a method that is not scoped: the only one there can be, or global
  RpcRole role = RpcRole::kAdmin;
  std::string principal;  // empty: nobody was asked for a name
  // The scopes that the session may choose among; null: any.
  std::shared_ptr<const TenantGrant> grant = nullptr;
};

// An answer that is sent as it is; the handler never runs.
struct Refusal {
  RpcCode code = RpcCode::kUnauthenticated;
  std::string message;
};

// Decides for every call, of every service, whose it is (SRV-030). Thread-safe.
class CallResolver {
 public:
  using Answer = std::expected<Identity, Refusal>;
  virtual ~CallResolver() = default;

  // What can be said at once, on a thread that must not wait. nullopt: ask Resolve().
  [[nodiscard]] virtual std::optional<Answer> ResolveNow(const CallMetadata& metadata) = 0;
  [[nodiscard]] virtual Answer Resolve(const CallMetadata& metadata, Deadline deadline) = 0;
  // Whose a call is by now that began as `had` and goes on in the same scope. Never waits.
  [[nodiscard]] virtual Answer Again(const CallMetadata& metadata, const Identity& had) = 0;
};

struct RpcCall {
  std::string request_id;
  std::optional<std::string> session_id;
  Identity identity;
  Deadline deadline;
  // Requested when nobody waits for the answer any more: the client went away, the deadline passed, or the
  // drain has taken as long as it may. What runs long asks between its steps, and ends with kCancelled; what
  // the client is told then is the dispatcher's business.
  std::stop_token stop;
};

}  // namespace jammi
