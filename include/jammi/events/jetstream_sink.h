// The sink that publishes events to a NATS JetStream and waits for the server's word that it has them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "jammi/events/backoff.h"
#include "jammi/events/metrics.h"
#include "jammi/events/publisher.h"
#include "jammi/events/retry.h"
#include "jammi/events/sink.h"
#include "jammi/events/stream_check.h"
#include "jammi/events/subject.h"
#include "jammi/result.h"
#include "jammi/secret.h"

namespace jammi::events {

enum class ContentMode : uint8_t {
  kStructured,  // the payload is the whole event as JSON
  kBinary,      // the payload is the data, the attributes are headers. Structured to a server without headers
};

// What to do when the server cannot be reached at the start.
enum class SinkStart : uint8_t {
  kFail,          // the sink is not made
  kInBackground,  // it begins with the circuit open, and connects when it can
};

struct JetStreamSinkOptions {
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds ack_timeout{5000};  // of each try
  // For all tries and pauses of one event; a pause that would pass it is not taken. Absent: none.
  std::optional<std::chrono::milliseconds> emit_deadline = {};
  uint32_t publish_attempts = 3;             // of one event while the circuit is closed; 0 is taken for 1
  size_t max_event_bytes = size_t{1} << 20;  // headers and payload; the server may take less
  std::string expected_stream = {};          // another stream's answer is kRejected; empty: any stream
  std::chrono::milliseconds backoff_base = kBackoffBase;
  std::chrono::milliseconds backoff_cap = kBackoffCap;
  size_t max_in_flight = 256;  // events of EmitAsync() without an outcome
  TenantPolicy tenant_policy = TenantPolicy::kEncode;
  ContentMode content_mode = ContentMode::kStructured;
  SinkStart start = SinkStart::kFail;
  // Who we are, where the address does not say it.
  std::filesystem::path credentials_path = {};  // a .creds file; read again for every connection
  std::filesystem::path certificate_path = {};  // with `key_path`; asks for TLS
  std::filesystem::path key_path = {};
};

// Connected: the last publish worked, or none was made yet. Else the last one failed, and the next is tried
// at `next_after`.
struct ReconnectState {
  bool connected = true;
  uint32_t attempt = 0;  // tries in vain since the circuit opened, without those that opened it
  PauseClock::TimePoint next_after = {};
  bool operator==(const ReconnectState&) const = default;
};

// What a sink counts from its making on. Each number is right by itself.
struct JetStreamCounters {
  Counter emitted;                                                          // given to the sink
  Counter acked;                                                            // a stream has it
  Counter duplicate;                                                        // of those: it had it already
  Counter retried;                                                          // sent again
  std::array<Counter, static_cast<size_t>(SinkFault::kClosed) + 1> failed;  // by SinkFault
  Counter opened;                                                           // how often the circuit opened
  Gauge circuit_open;                                                       // 0 or 1
  Gauge circuit_attempt;
  Gauge in_flight;           // without an outcome now
  Histogram ack_latency_us;  // from sending an event to its acknowledgement
  Histogram payload_bytes;   // of what was sent

  [[nodiscard]] Counter& Failed(SinkFault fault) { return failed[static_cast<size_t>(fault)]; }
  [[nodiscard]] const Counter& Failed(SinkFault fault) const { return failed[static_cast<size_t>(fault)]; }
  [[nodiscard]] uint64_t refused_while_open() const { return Failed(SinkFault::kCircuitOpen).value(); }
};

// As RenderMetrics() of the other sinks: "jammi_events_jetstream_...", failures by their SinkFault.
[[nodiscard]] std::string RenderMetrics(const JetStreamCounters& counters);

// Thread-safe. Success of an Emit() means that a stream has stored the event. An error other than
// kAckTimeout, kBadAck, kConnectionLost and kClosed means that none has: at most once. An event that is sent
// again carries the same message id, so within the stream's window for duplicates it is stored once.
//
// An event is validated, its subject resolved, its bytes written and their size checked (kInvalidEvent,
// kInvalidSubject, kEventTooLarge); then the circuit is asked, and it is published. A failure of the moment
// is tried again after 100 ms and 400 ms; after that the circuit opens, and events fail at once with
// kCircuitOpen but for one probe each time that BackoffDelay() is over, or a connection has been made.
// kRejected is not tried again and leaves the circuit closed: the server has answered.
//
// Events of EmitAsync() share a window: where one fails for the moment's sake, nothing more is sent until
// those under way have their outcome, and then the first without one is sent again before those behind it. So
// events of one thread are stored in their order, unless the server refuses one of them and takes later ones
// that were under way with it.
class JetStreamSink final : public EventSink {
 public:
  // Connects to `url` (one address or several with commas, with credentials or without).
  // Errors: kConfigError: the address, the template, an option, or a file that cannot be used, by its name;
  // kConnectFailed, kTlsError, kAuthFailed with SinkStart::kFail only.
  [[nodiscard]] static Result<std::unique_ptr<JetStreamSink>> Connect(
      const Secret& url, std::string_view subject_template, const JetStreamSinkOptions& options = {});

  // The same over TLS, whatever the scheme of `url`; trusts the authorities of a PEM file, and no others.
  // Errors: kConfigError: the file is missing, empty, or has no certificate; before any connection.
  // kTlsError: the server offers no TLS, or its certificate does not hold for its name, now, or for these
  // authorities.
  [[nodiscard]] static Result<std::unique_ptr<JetStreamSink>> ConnectWithRootCa(
      const Secret& url, std::string_view subject_template, const std::filesystem::path& ca_path,
      const JetStreamSinkOptions& options = {});

  // Over any publisher. Errors: kConfigError.
  [[nodiscard]] static Result<std::unique_ptr<JetStreamSink>> FromPublisher(
      std::shared_ptr<Publisher> publisher, std::string_view subject_template,
      const JetStreamSinkOptions& options = {}, std::shared_ptr<PauseClock> clock = PauseClock::System());

  // Close() without waiting.
  ~JetStreamSink() override;

  [[nodiscard]] Result<void> Emit(const Event& event) override;
  void EmitAsync(const Event& event, Done done) override;
  [[nodiscard]] Result<void> Flush(Deadline deadline) override;
  [[nodiscard]] Result<void> Close(Deadline deadline) override;

  // A copy; it never waits for a publish.
  [[nodiscard]] ReconnectState DebugState() const;
  // Lives as long as the sink.
  [[nodiscard]] const JetStreamCounters& counters() const;

  // Looks at the stream of this sink's subjects, and changes nothing. Errors: kUnavailable, kRejected (we may
  // not ask); kConfigError: the sink was made from a publisher.
  [[nodiscard]] Result<StreamReport> CheckStream(const StreamNeeds& needs = {}) const;

 private:
  class Impl;
  explicit JetStreamSink(std::unique_ptr<Impl> impl);
  // `ca_path`: empty: the system's authorities.
  [[nodiscard]] static Result<std::unique_ptr<JetStreamSink>> Connect(const Secret& url,
                                                                      std::string_view subject_template,
                                                                      const std::filesystem::path& ca_path,
                                                                      const JetStreamSinkOptions& options);
  std::unique_ptr<Impl> impl_;
};

}  // namespace jammi::events
