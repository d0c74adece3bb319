#include "jammi/events/jetstream_sink.h"

#include <fmt/format.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "base/sync_point.h"
#include "events/async_window.h"
#include "events/authority_file.h"
#include "events/nats_publisher.h"
#include "events/prepared_event.h"
#include "events/sink_core.h"
#include "events/sink_error.h"
#include "events/stream_check.h"
#include "jammi/events/event.h"
#include "jammi/events/fault.h"

namespace jammi::events {
namespace {

Error BadOption(std::string_view why) {
  return SinkError(SinkFault::kConfigError, fmt::format("event sink: {}", why));
}

// Streams have no such characters in their names; and none of them may get into a header.
bool IsStreamName(std::string_view name) {
  return CheckSubject(name).has_value() && name.find('.') == std::string_view::npos;
}

Result<void> CheckOptions(std::string_view subject_template, const JetStreamSinkOptions& options) {
  JAMMI_TRY(CheckSubjectTemplate(subject_template));
  const auto zero = std::chrono::milliseconds(0);
  if (options.connect_timeout <= zero) return BadOption("connect_timeout must be positive");
  if (options.ack_timeout <= zero) return BadOption("ack_timeout must be positive");
  if (options.emit_deadline && *options.emit_deadline <= zero)
    return BadOption("emit_deadline must be positive");
  if (options.max_event_bytes == 0) return BadOption("max_event_bytes must be positive");
  if (options.max_in_flight == 0) return BadOption("max_in_flight must be positive");
  if (options.backoff_base <= zero || options.backoff_cap < options.backoff_base)
    return BadOption("backoff_base must be positive, and backoff_cap at least as much");
  if (!options.expected_stream.empty() && !IsStreamName(options.expected_stream))
    return BadOption("expected_stream is no name of a stream");
  return {};
}

Error AtStart(const nats::Connection& connection, const Error& why) {
  const auto fault = [&] {
    switch (connection.trouble()) {
      case nats::Connection::Trouble::kTls:
        return SinkFault::kTlsError;
      case nats::Connection::Trouble::kRefused:
        return SinkFault::kAuthFailed;
      default:
        return SinkFault::kConnectFailed;
    }
  }();
  return SinkError(fault, fmt::format("nats connect: {}", why.message()));
}

}  // namespace

class JetStreamSink::Impl {
 public:
  Impl(std::shared_ptr<Publisher> publisher, std::string_view subject_template,
       const JetStreamSinkOptions& options, std::shared_ptr<PauseClock> clock,
       std::shared_ptr<nats::Connection> connection)
      : core_(std::move(publisher), std::string(subject_template), options, std::move(clock)),
        connection_(std::move(connection)) {
    core_.publisher->OnConnected([this] { core_.circuit.ProbeNow(core_.clock->Now()); });
  }
  ~Impl() { IgnoreError(Close(Deadline::Now()), "what is left is told kClosed"); }

  // There is no connection yet. One that was made meanwhile is noticed.
  void BeginOpen(const Error& why) {
    core_.circuit.OpenAtStart(core_.clock->Now(), why);
    if (connection_->connected()) core_.circuit.ProbeNow(core_.clock->Now());
  }

  Result<void> Emit(const Event& event);
  void EmitAsync(const Event& event, Done done);
  Result<void> Flush(Deadline deadline);
  Result<void> Close(Deadline deadline);
  [[nodiscard]] const SinkCore& core() const { return core_; }
  [[nodiscard]] nats::Connection* connection() const { return connection_.get(); }

 private:
  // A place among the emits that are under way, while it lives.
  class Place;
  Result<void> EmitOne(const Event& event);
  Result<void> Publish(const PreparedEvent& event, const Circuit::Permit& permit);
  Result<PubAck> Try(const PreparedEvent& event, std::optional<SinkCore::TimePoint> deadline);
  // Emits that began before now.
  bool AwaitEmits(Deadline deadline);

  SinkCore core_;
  const std::shared_ptr<nats::Connection> connection_;  // null: made from a publisher
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<uint64_t> places_;
  uint64_t next_place_ = 0;
  bool closed_ = false;
  std::mutex close_mutex_;
  bool ended_ = false;  // guarded by close_mutex_
  AsyncWindow window_{core_};
};

// --- Emit ---------------------------------------------------------------------------------------------

class JetStreamSink::Impl::Place {
 public:
  explicit Place(Impl& sink) : sink_(sink) {
    const std::lock_guard lock(sink_.mutex_);
    if (sink_.closed_) return;
    number_ = sink_.next_place_++;
    sink_.places_.insert(*number_);
    sink_.core_.counters.in_flight.Add(1);
  }
  ~Place() {
    if (!number_) return;
    const std::lock_guard lock(sink_.mutex_);
    sink_.places_.erase(*number_);
    sink_.core_.counters.in_flight.Add(-1);
    sink_.changed_.notify_all();
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  [[nodiscard]] bool taken() const { return number_.has_value(); }

 private:
  Impl& sink_;
  std::optional<uint64_t> number_;
};

Result<void> JetStreamSink::Impl::Emit(const Event& event) {
  core_.counters.emitted.Add();
  auto result = EmitOne(event);
  if (!result) core_.counters.Failed(FaultOf(result.error())).Add();
  return result;
}

Result<void> JetStreamSink::Impl::EmitOne(const Event& event) {
  JAMMI_ASSIGN(const auto prepared, Prepare(event, core_.subject_template, core_.options, *core_.publisher));
  const Place place(*this);
  if (!place.taken()) return ClosedError();
  JAMMI_ASSIGN(const auto permit, core_.circuit.Enter(core_.clock->Now()));
  // What this thread has emitted without waiting goes first.
  window_.AwaitAll(Deadline::Never());
  return Publish(prepared, permit);
}

Result<void> JetStreamSink::Impl::Publish(const PreparedEvent& event, const Circuit::Permit& permit) {
  const auto deadline = core_.EmitDeadline(core_.clock->Now());
  core_.CountSent(event);
  for (uint32_t failed = 1;; ++failed) {
    const auto outcome = Try(event, deadline);
    if (outcome) {
      core_.Settle(permit, outcome, core_.clock->Now());
      return {};
    }
    const bool transient = ClassOf(FaultOf(outcome.error())) == FaultClass::kTransient;
    const auto pause = transient ? core_.PauseAfter(failed, permit, deadline) : std::nullopt;
    if (!pause) {
      core_.Settle(permit, outcome, core_.clock->Now());
      return outcome.error();
    }
    core_.clock->Sleep(*pause, core_.stop.get_token());
    core_.counters.retried.Add();
  }
}

Result<PubAck> JetStreamSink::Impl::Try(const PreparedEvent& event,
                                        std::optional<SinkCore::TimePoint> deadline) {
  JAMMI_SYNC_POINT("JetStreamSink::Try");
  const auto sent = core_.clock->Now();
  try {
    auto outcome = core_.publisher->Publish(event.outgoing(), core_.TryDeadline(sent, deadline));
    if (!outcome) return Redacted(outcome.error());
    core_.CountAck(*outcome, sent, core_.clock->Now());
    return outcome;
  } catch (const std::exception& thrown) {
    const auto error = SinkError(SinkFault::kConnectionLost,
                                 fmt::format("jetstream publish: the publisher threw: {}", thrown.what()));
    return Redacted(error);
  }
}

void JetStreamSink::Impl::EmitAsync(const Event& event, Done done) {
  // The window takes it and gives back one whose event is over: buffers go round, and nothing is allocated.
  thread_local PreparedEvent prepared;
  core_.counters.emitted.Add();
  auto good = PrepareInto(&prepared, event, core_.subject_template, core_.options, *core_.publisher);
  if (good) return window_.Emit(&prepared, std::move(done));
  core_.counters.Failed(FaultOf(good.error())).Add();
  done(std::move(good).error());
}

// --- Flush and Close ----------------------------------------------------------------------------------

bool JetStreamSink::Impl::AwaitEmits(Deadline deadline) {
  std::unique_lock lock(mutex_);
  const auto done = [this, end = next_place_] { return places_.empty() || *places_.begin() >= end; };
  if (deadline.IsNever()) {
    changed_.wait(lock, done);
    return true;
  }
  return deadline.Passed() ? done() : changed_.wait_until(lock, deadline.at(), done);
}

Result<void> JetStreamSink::Impl::Flush(Deadline deadline) {
  if (window_.AwaitAll(deadline) && AwaitEmits(deadline)) return {};
  return Error(ErrorCode::kDeadlineExceeded, "event sink: flush: some events have no outcome yet",
               SinkDetail{.fault = SinkFault::kAckTimeout});
}

Result<void> JetStreamSink::Impl::Close(Deadline deadline) {
  const std::lock_guard once(close_mutex_);
  if (ended_) return {};
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  window_.Refuse();
  const bool flushed = Flush(deadline).has_value();
  size_t left = window_.size();
  {
    const std::lock_guard lock(mutex_);
    left += places_.size();
  }
  core_.stop.request_stop();
  window_.Abort();
  core_.publisher->Close();
  window_.AwaitAll(Deadline::Never());
  AwaitEmits(Deadline::Never());
  ended_ = true;
  if (flushed || left == 0) return {};
  return Error(ErrorCode::kDeadlineExceeded,
               fmt::format("event sink: closed with {} events that had no outcome", left),
               SinkDetail{.fault = SinkFault::kClosed});
}

// --- Making it ----------------------------------------------------------------------------------------

JetStreamSink::JetStreamSink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JetStreamSink::~JetStreamSink() = default;

Result<std::unique_ptr<JetStreamSink>> JetStreamSink::FromPublisher(std::shared_ptr<Publisher> publisher,
                                                                    std::string_view subject_template,
                                                                    const JetStreamSinkOptions& options,
                                                                    std::shared_ptr<PauseClock> clock) {
  if (publisher == nullptr || clock == nullptr) return BadOption("a sink needs a publisher and a clock");
  JAMMI_TRY(CheckOptions(subject_template, options));
  return std::unique_ptr<JetStreamSink>(new JetStreamSink(
      std::make_unique<Impl>(std::move(publisher), subject_template, options, std::move(clock), nullptr)));
}

Result<std::unique_ptr<JetStreamSink>> JetStreamSink::Connect(const Secret& url,
                                                              std::string_view subject_template,
                                                              const JetStreamSinkOptions& options) {
  return Connect(url, subject_template, {}, options);
}

Result<std::unique_ptr<JetStreamSink>> JetStreamSink::ConnectWithRootCa(const Secret& url,
                                                                        std::string_view subject_template,
                                                                        const std::filesystem::path& ca_path,
                                                                        const JetStreamSinkOptions& options) {
  JAMMI_TRY(CheckAuthorityFile(ca_path));
  return Connect(url, subject_template, ca_path, options);
}

Result<std::unique_ptr<JetStreamSink>> JetStreamSink::Connect(const Secret& url,
                                                              std::string_view subject_template,
                                                              const std::filesystem::path& ca_path,
                                                              const JetStreamSinkOptions& options) {
  JAMMI_TRY(CheckOptions(subject_template, options));
  nats::ConnectionOptions to;
  to.url = url;
  to.authority_path = ca_path;
  to.credentials_path = options.credentials_path;
  to.certificate_path = options.certificate_path;
  to.key_path = options.key_path;
  to.name = "jammi-events";
  to.connect_timeout = options.connect_timeout;
  auto connection = nats::Connection::Open(std::move(to));
  if (!connection) {
    return SinkError(SinkFault::kConfigError, fmt::format("nats connect: {}", connection.error().message()));
  }
  if (options.start == SinkStart::kFail) {
    const auto connected = (*connection)->AwaitFirstAttempt(Deadline::After(options.connect_timeout));
    if (!connected) return AtStart(**connection, connected.error());
  }
  auto publisher = std::make_shared<NatsPublisher>(
      *connection,
      NatsPublisher::Options{.ack_timeout = options.ack_timeout, .expected_stream = options.expected_stream});
  auto impl = std::make_unique<Impl>(std::move(publisher), subject_template, options, PauseClock::System(),
                                     *connection);
  if (options.start == SinkStart::kInBackground)
    impl->BeginOpen(SinkError(SinkFault::kConnectFailed, "nats connect: in the background"));
  return std::unique_ptr<JetStreamSink>(new JetStreamSink(std::move(impl)));
}

Result<void> JetStreamSink::Emit(const Event& event) { return impl_->Emit(event); }
void JetStreamSink::EmitAsync(const Event& event, Done done) { impl_->EmitAsync(event, std::move(done)); }
Result<void> JetStreamSink::Flush(Deadline deadline) { return impl_->Flush(deadline); }
Result<void> JetStreamSink::Close(Deadline deadline) { return impl_->Close(deadline); }
ReconnectState JetStreamSink::DebugState() const { return impl_->core().circuit.state(); }
const JetStreamCounters& JetStreamSink::counters() const { return impl_->core().counters; }

Result<StreamReport> JetStreamSink::CheckStream(const StreamNeeds& needs) const {
  if (impl_->connection() == nullptr)
    return BadOption("only a sink that was made with an address knows its stream");
  const auto& core = impl_->core();
  return CheckStreamOf(*impl_->connection(), core.subject_template, core.options.expected_stream, needs);
}

}  // namespace jammi::events
