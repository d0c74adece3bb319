#include "events/nats_publisher.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "events/sink_error.h"

namespace jammi::events {
namespace {

using Kind = nats::PublishFailure::Kind;

// JetStream's codes for what passes: 10008 temporarily unavailable, 10009 no leader, 10023 insufficient
// resources, 10028 and 10047 no memory or disk for streams, 10076 not enabled, 10039 not for this account,
// 10077 the stream cannot store it now (it may be full), 10118 the stream is offline.
constexpr int kPassing[] = {10008, 10009, 10023, 10028, 10047, 10076, 10039, 10077, 10118};
// For what does not: 10054 and 10097 too large, 10060 another stream, 10070 and 10071 an expectation,
// 10109 a sealed stream.
constexpr int kLasting[] = {10054, 10097, 10060, 10070, 10071, 10109};

// The sink's own window bounds what is under way; a second bound would refuse what the first lets through.
constexpr size_t kWithoutEnd = std::numeric_limits<size_t>::max();

bool IsOneOf(int code, std::span<const int> codes) { return std::ranges::find(codes, code) != codes.end(); }

SinkFault FaultOfRefusal(int code, int api_code) {
  if (IsOneOf(api_code, kLasting)) return SinkFault::kRejected;
  if (IsOneOf(api_code, kPassing)) return SinkFault::kUnavailable;
  return code >= 400 && code < 500 ? SinkFault::kRejected : SinkFault::kUnavailable;
}

SinkFault FaultOfPublish(const nats::PublishFailure& failure) {
  switch (failure.kind) {
    case Kind::kNotSent:
    case Kind::kNoRoom:
      return SinkFault::kUnavailable;
    case Kind::kTooLarge:
      return SinkFault::kEventTooLarge;
    case Kind::kForbidden:
      return SinkFault::kRejected;
    case Kind::kNoStream:
      return SinkFault::kNoStream;
    case Kind::kRefused:
      return FaultOfRefusal(failure.code, failure.api_code);
    case Kind::kBadAnswer:
      return SinkFault::kBadAck;
    case Kind::kExpired:
      return SinkFault::kAckTimeout;
    case Kind::kLost:
      return SinkFault::kConnectionLost;
    case Kind::kClosed:
      return SinkFault::kClosed;
  }
  return SinkFault::kUnavailable;
}

Result<PubAck> ToAck(nats::PublishOutcome outcome, const std::string& expected_stream) {
  if (!outcome) return ToSinkError(outcome.error());
  if (!expected_stream.empty() && outcome->stream != expected_stream) {
    return SinkError(SinkFault::kRejected,
                     fmt::format("jetstream publish: stream '{}' has answered, not '{}'", outcome->stream,
                                 expected_stream));
  }
  return PubAck{std::move(outcome->stream), outcome->sequence, outcome->duplicate,
                std::move(outcome->domain)};
}

// How long a try may wait for the wire.
std::chrono::milliseconds WaitUntil(Deadline deadline, std::chrono::milliseconds most) {
  if (deadline.IsNever()) return most;
  if (deadline.Passed()) return std::chrono::milliseconds(0);
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline.at() - Deadline::SteadyClock::now());
  return std::clamp(left, std::chrono::milliseconds(0), most);
}

}  // namespace

Error ToSinkError(const nats::PublishFailure& failure) {
  return SinkError(FaultOfPublish(failure), "jetstream publish: " + failure.error.message());
}

NatsPublisher::NatsPublisher(std::shared_ptr<nats::Connection> connection, const Options& options)
    : options_(options),
      connection_(std::move(connection)),
      window_(connection_,
              {.messages = kWithoutEnd, .bytes = kWithoutEnd, .acknowledge_within = options.ack_timeout}) {}

NatsPublisher::~NatsPublisher() { Close(); }

Result<PubAck> NatsPublisher::Publish(const OutgoingEvent& event, Deadline deadline) {
  struct Answer {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<Result<PubAck>> result;
  };
  // Shared: it may come after the deadline.
  const auto answer = std::make_shared<Answer>();
  PublishAsync(event, deadline, [answer](Result<PubAck> result) {
    const std::lock_guard lock(answer->mutex);
    answer->result = std::move(result);
    answer->came.notify_all();
  });
  connection_->Flush(WaitUntil(deadline, options_.ack_timeout));
  std::unique_lock lock(answer->mutex);
  const auto came = [&] { return answer->result.has_value(); };
  if (deadline.IsNever()) {
    answer->came.wait(lock, came);
  } else if (!answer->came.wait_until(lock, deadline.at(), came)) {
    return SinkError(SinkFault::kAckTimeout, "jetstream publish: no acknowledgement before the deadline");
  }
  return *std::move(answer->result);
}

void NatsPublisher::PublishAsync(const OutgoingEvent& event, Deadline /*deadline*/, Done done) {
  window_.Publish({.subject = event.subject, .headers = event.headers, .body = event.payload},
                  [expected = options_.expected_stream, done = std::move(done)](
                      nats::PublishOutcome outcome) mutable { done(ToAck(std::move(outcome), expected)); });
}

void NatsPublisher::SendNow() { connection_->Flush(options_.ack_timeout); }

void NatsPublisher::OnConnected(std::function<void()> connected) {
  listener_ = connection_->Listen([told = std::move(connected)](bool up) {
    if (up) told();
  });
}

void NatsPublisher::Close() {
  connection_->StopListening(listener_);
  window_.Close();
  connection_->Close();
}

}  // namespace jammi::events
