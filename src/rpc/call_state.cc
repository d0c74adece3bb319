#include "rpc/call_state.h"

#include <fmt/format.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/log_line.h"
#include "base/sync_point.h"
#include "base/text.h"
#include "jammi/ids.h"
#include "rpc/trace_context.h"

namespace jammi {
namespace {

constexpr std::string_view kBusy = "too many calls are waiting; try again later";
constexpr size_t kMaxRequestId = 128;
constexpr auto kSessionHeader = "jammi-session-id";

constexpr int64_t kLongestDeadlineSeconds = int64_t{100} * 366 * 24 * 3600;

bool IsRepeated(const grpc::CallbackServerContext& context, const char* name) {
  return context.client_metadata().count(name) > 1;
}

// One that is there more than once is empty: nothing says which one is meant.
std::optional<std::string_view> Header(const grpc::CallbackServerContext& context, const char* name) {
  const auto& all = context.client_metadata();
  const auto found = all.find(name);
  if (found == all.end()) return std::nullopt;
  if (IsRepeated(context, name)) return "";
  return std::string_view(found->second.data(), found->second.size());
}

// The client's, if it is fit for a header and a log line.
std::string RequestId(const grpc::CallbackServerContext& context) {
  const auto given = Header(context, "x-request-id");
  const auto fit = [](char c) { return c > ' ' && c <= '~'; };
  if (given && !given->empty() && given->size() <= kMaxRequestId && std::ranges::all_of(*given, fit)) {
    return std::string(*given);
  }
  return Uuid::RandomV4().ToString();
}

Deadline DeadlineOf(const grpc::CallbackServerContext& context) {
  // Not as a time_point, which has no room for what a header can say.
  const gpr_timespec at = context.raw_deadline();
  if (gpr_time_cmp(at, gpr_inf_future(at.clock_type)) == 0) return Deadline::Never();
  const gpr_timespec left = gpr_time_sub(at, gpr_now(at.clock_type));
  if (left.tv_sec >= kLongestDeadlineSeconds) return Deadline::Never();
  return Deadline::After(std::chrono::seconds(left.tv_sec) + std::chrono::nanoseconds(left.tv_nsec));
}

}  // namespace

grpc::Status ToGrpc(const RpcFailure& failure) {
  return {static_cast<grpc::StatusCode>(failure.code), failure.message, failure.details};
}

Error Thrown(const RpcMethod& method, std::string_view what) {
  Log(LogLevel::kError, "{} has thrown: {}", method.path, what);
  return Error(ErrorCode::kInternal, fmt::format("{} failed without saying why", method.name));
}

CallState::CallState(Dispatcher& dispatcher, const RpcMethod& method, size_t metric,
                     grpc::CallbackServerContext& context)
    : dispatcher_(dispatcher), method_(method), metric_(metric), peer_(context.peer()) {
  dispatcher_.observer().Began(metric_);
  metadata_ = {.method = method_.path,
               .session_id = Header(context, kSessionHeader),
               .session_unclear = IsRepeated(context, kSessionHeader),
               .authorization = Header(context, "authorization"),
               .peer = peer_,
               .scoped = method_.options.scoped && method_.served()};
  if (metadata_.session_unclear) metadata_.session_id.reset();
  call_.request_id = RequestId(context);
  if (metadata_.session_id) call_.session_id = std::string(*metadata_.session_id);
  call_.deadline = DeadlineOf(context);
  call_.stop = stop_.get_token();
  if (const auto given = Header(context, "traceparent"); given && IsTraceParent(*given)) {
    trace_parent_ = std::string(*given);
  }
  context.AddInitialMetadata("x-request-id", call_.request_id);
}

CallState::~CallState() {
  const auto took = std::chrono::steady_clock::now() - began_;
  WriteLine(took);  // first: whoever sees the call counted finds its line
  dispatcher_.observer().Ended(metric_, code_, took);
}

// Neither the session's id nor a token is in it: whoever reads the log could act with them.
void CallState::WriteLine(std::chrono::nanoseconds took) const {
  const bool ours = code_ == RpcCode::kInternal || code_ == RpcCode::kDataLoss || code_ == RpcCode::kUnknown;
  const bool refused = code_ == RpcCode::kUnauthenticated || code_ == RpcCode::kPermissionDenied;
  auto level = ours ? LogLevel::kError : refused ? LogLevel::kWarning : LogLevel::kDebug;
  if (level != LogLevel::kDebug && !dispatcher_.loud_lines().Take(code_)) level = LogLevel::kDebug;
  if (!LogEnabled(level, LogTarget::kRpc)) return;
  const auto milliseconds = fmt::format("{:.3f}", std::chrono::duration<double, std::milli>(took).count());
  std::vector<LogField> fields = {{"rpc.code", ToString(code_)}, {"duration_ms", milliseconds}};
  if (refused) fields.push_back({"peer", peer_});
  if (refused && resolved_) fields.push_back({"principal", call_.identity.principal});
  std::string tenant;
  std::vector<LogField> span = {{"request_id", call_.request_id}};
  if (!trace_parent_.empty()) {
    span.push_back({"trace_id", TraceOf(trace_parent_)});
    span.push_back({"traceparent", trace_parent_});
  }
  if (resolved_ && !call_.identity.scope.is_global()) {
    tenant = call_.identity.scope.Key();
    span.push_back({"tenant_id", tenant});
  }
  LogWrite({.level = level,
            .target = LogTarget::kRpc,
            .message = failure_.empty() ? std::string_view("done") : failure_,
            .fields = fields,
            .span = method_.path,
            .span_fields = span});
}

std::optional<std::expected<void, RpcFailure>> CallState::Resolve() {
  if (method_.options.access == RpcAccess::kOpen) return Take(Identity{.role = RpcRole::kReader});
  auto answer = dispatcher_.resolver().ResolveNow(metadata_);
  if (!answer) return std::nullopt;
  return Take(std::move(*answer));
}

std::expected<void, RpcFailure> CallState::ResolveSlowly() {
  return Take(dispatcher_.resolver().Resolve(metadata_, call_.deadline));
}

void CallState::Schedule(Next next) {
  const auto late = [this] { return call_.deadline.Passed() ? std::optional(Late()) : std::nullopt; };
  const bool submitted = dispatcher_.executor().Submit(lane(), [this, next, late] {
    if (auto passed = late(); passed || resolved_) return next(std::move(passed));
    if (auto slowly = ResolveSlowly(); !slowly) return next(slowly.error());
    // It is known by now whose call it is: where others wait, it takes its turn among that one's.
    if (dispatcher_.executor().waiting() == 0) return next(late());
    Schedule(next);
  });
  if (!submitted) next(RpcFailure{RpcCode::kResourceExhausted, std::string(kBusy), {}});
}

std::optional<RpcFailure> CallState::Revoked(const std::optional<Scope>& scope) const {
  if (method_.options.access == RpcAccess::kOpen) return std::nullopt;
  Identity had = call_.identity;
  if (scope) had.scope = *scope;
  return Refused(dispatcher_.resolver().Again(metadata_, had));
}

std::optional<RpcFailure> CallState::Refused(const CallResolver::Answer& answer) const {
  if (!answer) return RpcFailure{answer.error().code, answer.error().message, {}};
  if (Allows(answer->role, method_.options.access)) return std::nullopt;
  return RpcFailure{RpcCode::kPermissionDenied,
                    fmt::format("{} is not for the role '{}'", method_.name, ToString(answer->role)),
                    {}};
}

std::expected<void, RpcFailure> CallState::Take(CallResolver::Answer answer) {
  auto refused = Refused(answer);
  if (answer) {
    call_.identity = std::move(*answer);
    resolved_ = true;
  }
  if (refused) return std::unexpected(*std::move(refused));
  return {};
}

std::expected<std::unique_ptr<google::protobuf::MessageLite>, RpcFailure> CallState::Decode(
    const grpc::ByteBuffer& buffer) const {
  auto request = method_.make_request();
  grpc::ByteBuffer bytes(buffer);  // the reader takes them out of it
  grpc::ProtoBufferReader reader(&bytes);
  if (!reader.status().ok() || !request->ParseFromZeroCopyStream(&reader)) {
    return std::unexpected(RpcFailure{RpcCode::kInvalidArgument,
                                      fmt::format("{}: the request is no {}: its bytes cannot be decoded",
                                                  method_.name, method_.request_type),
                                      {}});
  }
  return request;
}

grpc::Status CallState::End(const RpcFailure& failure) {
  code_ = failure.code;
  failure_ = failure.message;
  return ToGrpc(failure);
}

uint64_t CallState::lane() const {
  const std::hash<std::string_view> hash;
  if (resolved_) {
    const auto& identity = call_.identity;
    if (!identity.scope.is_global()) return std::hash<Uuid>()(identity.scope.tenant()->uuid());
    if (!identity.principal.empty()) return hash(identity.principal);
  } else if (metadata_.authorization) {
    return hash(*metadata_.authorization);
  }
  return hash(metadata_.session_id ? *metadata_.session_id : std::string_view(peer_));
}

void CallState::Stop() {
  stop_.request_stop();
  JAMMI_SYNC_POINT("rpc:stopped");
}

RpcFailure CallState::Stopped() const {
  if (dispatcher_.drained()) return {RpcCode::kUnavailable, std::string(kShuttingDown), {}};
  if (!call_.deadline.Passed()) return Cancelled();
  return {RpcCode::kDeadlineExceeded, fmt::format("{}: the deadline has passed", method_.name), {}};
}

RpcFailure CallState::Cancelled() { return {RpcCode::kCancelled, "the client went away", {}}; }

RpcFailure CallState::Late() const {
  return {
      RpcCode::kDeadlineExceeded, fmt::format("{}: the deadline passed before it began", method_.name), {}};
}

}  // namespace jammi
