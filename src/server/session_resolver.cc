#include "server/session_resolver.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "rpc/failure.h"

namespace jammi {
namespace {

using Answer = CallResolver::Answer;

Answer Refused(RpcCode code, std::string message) {
  return std::unexpected(Refusal{code, std::move(message)});
}

Identity As(const Principal& principal, Scope scope) {
  return {.scope = std::move(scope),
          .role = principal.role,
          .principal = principal.name,
          .grant = principal.grant};
}

bool MayUse(const Principal& principal, const Scope& scope) {
  return principal.grant == nullptr || principal.grant->Allows(scope);
}

// The identity, if the session's choice is of no matter; else nullopt.
std::optional<Answer> WithoutSession(const Principal& principal, const CallMetadata& metadata) {
  if (principal.grant != nullptr) {
    if (auto only = principal.grant->Only()) return As(principal, *std::move(only));
  }
  if (!metadata.scoped) return As(principal, Scope::Global());
  return std::nullopt;
}

// Where the call goes that has no session, or one that has chosen nothing.
Answer Unbound(const Principal& principal) {
  if (MayUse(principal, Scope::Global())) return As(principal, Scope::Global());
  return Refused(RpcCode::kFailedPrecondition,
                 fmt::format("'{}' has several tenants, and the session has chosen none: choose one with "
                             "SetTenant",
                             principal.name));
}

Answer Bound(const Principal& principal, const SessionStore::Found& found, const SessionLimits& limits) {
  if (!found) return Unbound(principal);
  if (found->expired) return Refused(RpcCode::kFailedPrecondition, ExpiredText(limits));
  Scope scope = Scope::ForTenant(found->tenant);
  if (MayUse(principal, scope)) return As(principal, std::move(scope));
  return Refused(RpcCode::kPermissionDenied,
                 fmt::format("'{}' no longer has the tenant {} that the session has chosen", principal.name,
                             scope.Key()));
}

std::string NameOf(const Scope& scope) {
  return scope.is_global() ? "the global scope" : "the tenant " + scope.Key();
}

// nullopt: the call has no session. What cannot be an id is refused: were it none, what a client writes for
// its tenant would become everybody's.
std::expected<std::optional<SessionKey>, Refusal> KeyOf(const Principal& principal,
                                                        const CallMetadata& metadata) {
  if (metadata.session_unclear) {
    return std::unexpected(
        Refusal{RpcCode::kInvalidArgument, "the metadata jammi-session-id is there more than once"});
  }
  if (!metadata.session_id || metadata.session_id->empty()) return std::nullopt;
  auto key = SessionKey::Of(*metadata.session_id, principal.name);
  if (key) return *key;
  return std::unexpected(
      Refusal{RpcCode::kInvalidArgument, "the metadata jammi-session-id: " + key.error().message()});
}

}  // namespace

std::string ExpiredText(const SessionLimits& limits) {
  return fmt::format(
      "the session was idle for {} or more, and has lost its tenant: choose it again with SetTenant, or go "
      "on "
      "without one after ClearTenant",
      std::chrono::duration_cast<std::chrono::seconds>(limits.keep));
}

std::optional<Answer> SessionResolver::ResolveNow(const CallMetadata& metadata) {
  auto principal = authenticator_.Authenticate(metadata);
  if (!principal) return std::unexpected(std::move(principal).error());
  if (auto answer = WithoutSession(*principal, metadata)) return answer;
  const auto key = KeyOf(*principal, metadata);
  if (!key) return std::unexpected(key.error());
  if (!*key) return Unbound(*principal);
  const auto found = sessions_.FindNow(**key);
  if (!found) return std::nullopt;
  return Bound(*principal, *found, sessions_.limits());
}

Answer SessionResolver::Resolve(const CallMetadata& metadata, Deadline deadline) {
  auto principal = authenticator_.Authenticate(metadata);
  if (!principal) return std::unexpected(std::move(principal).error());
  if (auto answer = WithoutSession(*principal, metadata)) return *std::move(answer);
  const auto key = KeyOf(*principal, metadata);
  if (!key) return std::unexpected(key.error());
  if (!*key) return Unbound(*principal);
  const auto found = sessions_.Find(**key, deadline);
  if (!found) {
    auto failure = ToFailure(found.error(), ErrorFamily::kEngine);
    return Refused(failure.code, std::move(failure.message));
  }
  return Bound(*principal, *found, sessions_.limits());
}

// The scope was chosen when the call began, and stays, whatever the session chooses meanwhile.
Answer SessionResolver::Again(const CallMetadata& metadata, const Identity& had) {
  auto principal = authenticator_.Authenticate(metadata);
  if (!principal) return std::unexpected(std::move(principal).error());
  if (principal->name != had.principal) {
    return Refused(RpcCode::kUnauthenticated, "the token is by now another principal's");
  }
  if (!metadata.scoped || MayUse(*principal, had.scope)) return As(*principal, had.scope);
  return Refused(RpcCode::kPermissionDenied,
                 fmt::format("'{}' no longer has {}", principal->name, NameOf(had.scope)));
}

}  // namespace jammi
