#include "jammi/events/queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "base/callback.h"
#include "base/log.h"
#include "events/findings.h"
#include "events/sink_error.h"
#include "jammi/events/event.h"

namespace jammi::events {
namespace {

Error Closed() { return SinkError(SinkFault::kClosed, "the queue is closed"); }

}  // namespace

// Shared with what the sink below still has to answer.
struct QueueSink::State : std::enable_shared_from_this<QueueSink::State> {
  struct Item {
    uint64_t number = 0;
    Event event;
    size_t bytes = 0;
    Done done;  // empty: Emit() was told already that it is taken
  };
  using ItemPtr = std::shared_ptr<Item>;

  State(std::shared_ptr<EventSink> below, QueueOptions given)
      : inner(std::move(below)), options(std::move(given)) {}

  [[nodiscard]] bool HasRoom(size_t more) const {
    return unfinished.size() < options.max_events && bytes + more <= options.max_bytes;
  }

  // nullopt: it is taken. Else it is not, and why; `full`: for want of room.
  std::optional<Error> Take(ItemPtr item, bool wait, bool* full) {
    std::vector<ItemPtr> dropped;
    std::unique_lock lock(mutex);
    const auto ready = [&] { return closed || HasRoom(item->bytes); };
    if (options.policy == FullPolicy::kBlock && wait) {
      room.wait_for(lock, options.block_for, ready);
    } else if (options.policy == FullPolicy::kDropOldest) {
      while (!ready() && !waiting.empty()) {
        dropped.push_back(std::move(waiting.front()));
        waiting.pop_front();
        Forget(*dropped.back());
      }
    }
    std::optional<Error> refused;
    if (closed) {
      refused = Closed();
    } else if (!HasRoom(item->bytes)) {
      *full = true;
      refused = Error(ErrorCode::kResourceExhausted,
                      fmt::format("the queue is full: {} events, {} bytes", unfinished.size(), bytes),
                      SinkDetail{.fault = SinkFault::kUnavailable});
    } else {
      item->number = next_number++;
      unfinished.insert(item->number);
      bytes += item->bytes;
      waiting.push_back(std::move(item));
      work.notify_one();
    }
    Measure(lock);
    if (options.metrics) {
      options.metrics->dropped.Add(dropped.size());
      if (*full && options.policy != FullPolicy::kSpill) options.metrics->refused.Add();
    }
    for (const auto& each : dropped) {
      Tell(*each, Error(ErrorCode::kResourceExhausted, "the event was dropped to make room for newer ones",
                        SinkDetail{.fault = SinkFault::kUnavailable}));
    }
    return refused;
  }

  // With the lock held.
  void Forget(const Item& item) {
    unfinished.erase(item.number);
    bytes -= item.bytes;
    room.notify_all();
  }

  void Tell(Item& item, Result<void> result) {
    if (item.done) return CallBack("the outcome of an event", item.done, std::move(result));
    if (result) return;
    if (options.on_failed) return CallBack("on_failed", options.on_failed, item.event, result.error());
    Log(LogLevel::kError, "events: {} was taken and is lost: {}", item.event.id, result.error().message());
  }

  // Lets go of the lock.
  void Measure(std::unique_lock<std::mutex>& lock) {
    const double share =
        std::max(static_cast<double>(unfinished.size()) / static_cast<double>(options.max_events),
                 static_cast<double>(bytes) / static_cast<double>(options.max_bytes));
    const bool rises = !high && share >= options.high_mark;
    const bool falls = high && share <= options.low_mark;
    if (rises || falls) high = rises;
    if (options.metrics) {
      options.metrics->queue_events.Set(static_cast<int64_t>(unfinished.size()));
      options.metrics->queue_bytes.Set(static_cast<int64_t>(bytes));
    }
    lock.unlock();
    if (rises && options.on_high) CallBack("on_high", options.on_high);
    if (falls && options.on_low) CallBack("on_low", options.on_low);
  }

  void Run(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (work.wait(lock, stop, [&] { return !waiting.empty() && in_flight < options.window; })) {
      ItemPtr item = std::move(waiting.front());
      waiting.pop_front();
      ++in_flight;
      lock.unlock();
      Item& sent = *item;
      inner->EmitAsync(sent.event, [self = shared_from_this(), item = std::move(item)](Result<void> result) {
        self->Tell(*item, std::move(result));
        std::unique_lock told(self->mutex);
        --self->in_flight;
        self->Forget(*item);
        self->work.notify_all();
        self->Measure(told);
      });
      lock.lock();
    }
  }

  // Whether all up to `number` have their outcome at the deadline.
  bool AwaitTold(uint64_t number, Deadline deadline) {
    std::unique_lock lock(mutex);
    const auto told = [&] { return unfinished.empty() || *unfinished.begin() >= number; };
    if (deadline.IsNever()) {
      room.wait(lock, told);
      return true;
    }
    return told() || (!deadline.Passed() && room.wait_until(lock, deadline.at(), told));
  }

  Error LeftBehind(size_t count) const {
    return Error(ErrorCode::kDeadlineExceeded,
                 fmt::format("{} events of the queue have no outcome yet", count),
                 SinkDetail{.fault = SinkFault::kUnavailable});
  }

  const std::shared_ptr<EventSink> inner;
  const QueueOptions options;

  std::mutex mutex;
  std::condition_variable_any work;  // for the thread
  std::condition_variable room;      // for those who wait for an end
  std::deque<ItemPtr> waiting;
  std::set<uint64_t> unfinished;  // numbers of those that wait or are on their way
  uint64_t next_number = 0;
  size_t bytes = 0;
  size_t in_flight = 0;
  bool high = false;
  bool closed = false;
  std::mutex close_mutex;
  bool finished = false;
  std::jthread thread;
};

Result<std::unique_ptr<QueueSink>> QueueSink::Make(std::shared_ptr<EventSink> inner, QueueOptions options) {
  const auto refuse = [](std::string_view what) {
    return SinkError(SinkFault::kConfigError, fmt::format("the options of a queue: {}", what));
  };
  if (options.max_events == 0 || options.max_bytes == 0 || options.window == 0) return refuse("a limit is 0");
  if (!(options.low_mark >= 0 && options.low_mark < options.high_mark && options.high_mark <= 1)) {
    return refuse("the marks are not 0 <= low_mark < high_mark <= 1");
  }
  if (options.policy == FullPolicy::kSpill && !options.spill) return refuse("there is no sink to spill to");
  auto state = std::make_shared<State>(std::move(inner), std::move(options));
  state->thread = std::jthread([state = state.get()](const std::stop_token& stop) { state->Run(stop); });
  return std::unique_ptr<QueueSink>(new QueueSink(std::move(state)));
}

QueueSink::QueueSink(std::shared_ptr<State> state) : state_(std::move(state)) {}

QueueSink::~QueueSink() { IgnoreError(Close(Deadline::Now()), "who wants to know calls Close()"); }

Result<void> QueueSink::Emit(const Event& event) {
  if (auto findings = Validate(event); !findings.empty()) return InvalidEvent(std::move(findings));
  auto item = std::make_shared<State::Item>(State::Item{.event = event, .bytes = Serialise(event).size()});
  bool full = false;
  const auto refused = state_->Take(std::move(item), true, &full);
  if (full && state_->options.spill) return state_->options.spill->Emit(event);
  if (refused) return *refused;
  return {};
}

void QueueSink::EmitAsync(const Event& event, Done done) {
  if (auto findings = Validate(event); !findings.empty()) return done(InvalidEvent(std::move(findings)));
  auto item = std::make_shared<State::Item>(
      State::Item{.event = event, .bytes = Serialise(event).size(), .done = std::move(done)});
  bool full = false;
  const auto refused = state_->Take(item, false, &full);
  if (!refused) return;
  if (full && state_->options.spill) return state_->options.spill->EmitAsync(event, std::move(item->done));
  item->done(*refused);
}

Result<void> QueueSink::Flush(Deadline deadline) {
  uint64_t end = 0;
  {
    const std::lock_guard lock(state_->mutex);
    end = state_->next_number;
  }
  if (state_->AwaitTold(end, deadline)) return state_->inner->Flush(deadline);
  const std::lock_guard lock(state_->mutex);
  return state_->LeftBehind(state_->unfinished.size());
}

Result<void> QueueSink::Close(Deadline deadline) {
  State& state = *state_;
  const std::lock_guard closing(state.close_mutex);
  if (std::exchange(state.finished, true)) return {};
  std::deque<State::ItemPtr> left;
  size_t left_behind = 0;
  {
    std::unique_lock lock(state.mutex);
    state.closed = true;
    state.room.notify_all();
    const uint64_t end = state.next_number;
    lock.unlock();
    state.AwaitTold(end, deadline);
    lock.lock();
    left_behind = state.unfinished.size();
    left.swap(state.waiting);
    for (const auto& item : left) state.Forget(*item);
  }
  for (const auto& item : left) state.Tell(*item, Closed());
  auto result = state.inner->Close(deadline);  // ends what is on its way
  state.thread.request_stop();
  state.thread.join();
  if (left_behind == 0) return result;
  return state.LeftBehind(left_behind);
}

}  // namespace jammi::events
