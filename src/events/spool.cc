#include "jammi/events/spool.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

#include "events/disk.h"
#include "events/findings.h"
#include "events/json_write.h"
#include "events/sink_error.h"
#include "events/spool_log.h"
#include "events/spool_open.h"
#include "events/spool_sender.h"
#include "jammi/events/event.h"
#include "jammi/events/fault.h"

namespace jammi::events {
namespace {

constexpr size_t kMostKeptText = size_t{64} << 10;  // of a thread's buffer

Result<void> Check(const SpoolOptions& options) {
  const auto refuse = [](std::string_view what) {
    return SinkError(SinkFault::kConfigError, fmt::format("the options of a spool: {}", what));
  };
  if (options.directory.empty()) return refuse("there is no directory");
  if (options.window == 0 || options.max_bytes == 0 || options.segment_bytes == 0 ||
      options.max_event_bytes == 0 || options.sync_interval.count() <= 0) {
    return refuse("a limit is 0");
  }
  if (options.max_event_bytes > kMaxRecordBody) return refuse("max_event_bytes is above 1 GiB");
  if (options.policy == FullPolicy::kSpill && !options.spill) return refuse("there is no sink to spill to");
  return {};
}

}  // namespace

struct SpoolSink::State {
  State(std::shared_ptr<EventSink> below, SpoolOptions given)
      : inner(std::move(below)), options(std::move(given)), bell(std::make_shared<SpoolBell>()) {}

  Result<void> Open(const std::shared_ptr<Clock>& clock, Disk& disk) {
    JAMMI_TRY(Check(options));
    JAMMI_ASSIGN(log, SpoolLog::Open(options, clock, disk, [bell = bell] { bell->RingIfIdle(); }));
    const auto quarantine = options.directory / "quarantine";
    if (mkdir(quarantine.c_str(), 0700) != 0 && errno != EEXIST) {
      return DiskError(errno, fmt::format("making {}", quarantine.string()));
    }
    sender.emplace(inner, *log, options, clock, bell);
    thread = std::jthread([this](const std::stop_token& stop) { sender->Run(stop); });
    return {};
  }

  // The written form of an event that may be taken, until this thread calls it again.
  Result<std::string_view> Write(const Event& event) const {
    if (closed) return SinkError(SinkFault::kClosed, "the spool is closed");
    if (auto findings = Validate(event); !findings.empty()) return InvalidEvent(std::move(findings));
    thread_local std::string body;
    if (body.capacity() > kMostKeptText) body = {};
    body.clear();
    AppendSerialised(body, event);
    if (body.size() <= options.max_event_bytes) return std::string_view(body);
    return SinkError(SinkFault::kEventTooLarge,
                     fmt::format("event {} has {} bytes; {} are the most for the spool", event.id,
                                 body.size(), options.max_event_bytes));
  }

  // True: all before `end` is delivered. False: the deadline has passed, or nothing can be read any more.
  bool AwaitDelivered(uint64_t end, Deadline deadline) {
    std::unique_lock lock(bell->mutex);
    const auto over = [&] { return sender->useless() || log->DeliveredBefore(end); };
    if (deadline.IsNever()) {
      bell->changed.wait(lock, over);
    } else if (!over() && !deadline.Passed()) {
      bell->changed.wait_until(lock, deadline.at(), over);
    }
    return log->DeliveredBefore(end);
  }

  Result<void> Close(Deadline deadline) {
    const std::lock_guard lock(close_mutex);
    if (std::exchange(finished, true)) return {};
    closed = true;
    log->Close();
    AwaitDelivered(log->end(), deadline);
    thread.request_stop();
    thread.join();
    // What it still had ends now; what it did take counts.
    auto result = inner->Close(deadline);
    sender->Settle();
    IgnoreError(log->SaveCursor(), "what was delivered is delivered again");
    log->Release();
    SpoolStatus left;
    log->DescribeTo(&left);
    if (left.events == 0) return result;
    return Error(ErrorCode::kDeadlineExceeded,
                 fmt::format("{} events stay in the spool {}", left.events, options.directory.string()),
                 SinkDetail{.fault = SinkFault::kUnavailable});
  }

  const std::shared_ptr<EventSink> inner;
  const SpoolOptions options;
  const std::shared_ptr<SpoolBell> bell;
  std::unique_ptr<SpoolLog> log;
  std::optional<SpoolSender> sender;
  std::atomic<bool> closed = false;
  std::mutex close_mutex;
  bool finished = false;
  std::jthread thread;
};

Result<std::unique_ptr<SpoolSink>> OpenSpool(std::shared_ptr<EventSink> inner, SpoolOptions options,
                                             const std::shared_ptr<Clock>& clock, Disk& disk) {
  auto state = std::make_unique<SpoolSink::State>(std::move(inner), std::move(options));
  JAMMI_TRY(state->Open(clock, disk));
  return std::unique_ptr<SpoolSink>(new SpoolSink(std::move(state)));
}

Result<std::unique_ptr<SpoolSink>> SpoolSink::Open(std::shared_ptr<EventSink> inner, SpoolOptions options,
                                                   std::shared_ptr<Clock> clock) {
  return OpenSpool(std::move(inner), std::move(options), clock, Disk::System());
}

SpoolSink::SpoolSink(std::unique_ptr<State> state) : state_(std::move(state)) {}

SpoolSink::~SpoolSink() { IgnoreError(Close(Deadline::Now()), "what is left is on disk"); }

Result<void> SpoolSink::Emit(const Event& event) {
  JAMMI_ASSIGN(const auto body, state_->Write(event));
  const SpoolOptions& options = state_->options;
  const bool blocks = options.policy == FullPolicy::kBlock;
  auto taken = state_->log->Append(body, blocks ? Deadline::After(options.block_for) : Deadline::Now());
  const bool full = !taken && FaultOf(taken.error()) == SinkFault::kSpillFull;
  if (full && options.policy == FullPolicy::kSpill) return options.spill->Emit(event);
  return taken;
}

void SpoolSink::EmitAsync(const Event& event, Done done) {
  const auto body = state_->Write(event);
  if (!body) return done(body.error());
  const SpoolOptions& options = state_->options;
  if (options.policy != FullPolicy::kSpill) return state_->log->AppendAsync(*body, std::move(done));
  state_->log->AppendAsync(
      *body, [spill = options.spill, event, done = std::move(done)](Result<void> taken) mutable {
        if (taken || FaultOf(taken.error()) != SinkFault::kSpillFull) return done(std::move(taken));
        spill->EmitAsync(event, std::move(done));
      });
}

Result<void> SpoolSink::Flush(Deadline deadline) {
  const uint64_t end = state_->log->end();
  if (state_->AwaitDelivered(end, deadline)) return state_->inner->Flush(deadline);
  SpoolStatus left;
  state_->log->DescribeTo(&left);
  const bool useless = state_->sender->useless();
  return Error(useless ? ErrorCode::kDataLoss : ErrorCode::kDeadlineExceeded,
               fmt::format("{} events are not delivered yet", left.events),
               SinkDetail{.fault = useless ? SinkFault::kSpillFailed : SinkFault::kUnavailable});
}

Result<void> SpoolSink::Close(Deadline deadline) { return state_->Close(deadline); }

SpoolStatus SpoolSink::status() const {
  SpoolStatus status;
  state_->log->DescribeTo(&status);
  if (status.health == SinkHealth::kOk && state_->sender->waiting()) status.health = SinkHealth::kDegraded;
  if (state_->options.metrics) state_->options.metrics->spool_health.Set(static_cast<int64_t>(status.health));
  return status;
}

}  // namespace jammi::events
