#include "events/async_window.h"

#include <algorithm>
#include <exception>

#include "base/callback.h"
#include "base/sync_point.h"
#include "events/sink_error.h"
#include "jammi/events/fault.h"

namespace jammi::events {
namespace {

// The window whose `done` this thread is in: it must not wait for room there, for its return makes the room.
thread_local const AsyncWindow* telling = nullptr;

// Larger ones are given back when their event is over.
constexpr size_t kMostKept = 4096;

}  // namespace

AsyncWindow::AsyncWindow(SinkCore& core)
    : core_(core), worker_([this](const std::stop_token& stop) { Work(stop); }) {}

AsyncWindow::~AsyncWindow() {
  worker_.request_stop();
  worker_.join();
}

// --- Coming in ----------------------------------------------------------------------------------------

Result<void> AsyncWindow::Admit(Lock& lock, PreparedEvent* event, Done& done) {
  const auto room = [this] { return refusing_ || items_.size() < core_.options.max_in_flight; };
  if (telling != this && !room()) {
    ++waiting_for_room_;
    lock.unlock();
    core_.publisher->SendNow();
    lock.lock();
    room_.wait(lock, room);
    --waiting_for_room_;
  }
  if (refusing_) return ClosedError();
  // A `done` emits in its own place; one that emits more and more has to hear of it.
  if (items_.size() >= 2 * core_.options.max_in_flight)
    return SinkError(SinkFault::kUnavailable, "event sink: too many events without an outcome");
  const auto now = core_.clock->Now();
  JAMMI_ASSIGN(const auto permit, core_.circuit.Enter(now));
  auto item = TakeSpareLocked();
  std::swap(item->event, *event);
  item->done = std::move(done);
  item->permit = permit;
  item->deadline = core_.EmitDeadline(now);
  item->stage = Stage::kWaiting;
  item->error.reset();
  items_.push_back(std::move(item));
  core_.counters.in_flight.Add(1);
  return {};
}

std::unique_ptr<AsyncWindow::Item> AsyncWindow::TakeSpareLocked() {
  if (spare_.empty()) return std::make_unique<Item>();
  auto item = std::move(spare_.back());
  spare_.pop_back();
  return item;
}

void AsyncWindow::Emit(PreparedEvent* event, Done done) {
  Lock lock(mutex_);
  auto admitted = Admit(lock, event, done);
  if (admitted) return Pump(lock);
  lock.unlock();
  core_.counters.Failed(FaultOf(admitted.error())).Add();
  CallBack("event sink", done, std::move(admitted));
}

// --- Going out ----------------------------------------------------------------------------------------

// Whoever finds nobody here sends for all, also what comes meanwhile.
void AsyncWindow::Pump(Lock& lock) {
  if (pumping_) return;
  pumping_ = true;
  while (!aborted_ && next_ < End()) {
    const bool may = mode_ == Mode::kFlowing || (mode_ == Mode::kHead && under_way_ == 0);
    if (!may) break;
    const uint64_t number = next_++;
    if (At(number).stage == Stage::kWaiting) HandOver(lock, number);
  }
  pumping_ = false;
}

void AsyncWindow::HandOver(Lock& lock, uint64_t number) {
  Item& item = At(number);  // stays where it is: it is not popped while it is handed over
  item.stage = Stage::kSent;
  item.sent = core_.clock->Now();
  ++under_way_;
  handing_over_ = number;
  const Deadline deadline = core_.TryDeadline(item.sent, item.deadline);
  lock.unlock();
  core_.CountSent(item.event);
  JAMMI_SYNC_POINT("AsyncWindow::HandOver");
  try {
    core_.publisher->PublishAsync(item.event.outgoing(), deadline, [this, number](Result<PubAck> outcome) {
      OnOutcome(number, std::move(outcome));
    });
  } catch (const std::exception& thrown) {
    OnOutcome(number, SinkError(SinkFault::kConnectionLost,
                                std::string("jetstream publish: the publisher threw: ") + thrown.what()));
  }
  lock.lock();
  handing_over_.reset();
  PopLocked();
}

void AsyncWindow::OnOutcome(uint64_t number, Result<PubAck> outcome) {
  std::vector<Told> told;
  {
    Lock lock(mutex_);
    TakeOutcomeLocked(number, std::move(outcome), &told);
    Pump(lock);
  }
  Tell(std::move(told));
}

void AsyncWindow::TakeOutcomeLocked(uint64_t number, Result<PubAck> outcome, std::vector<Told>* told) {
  if (number < first_ || At(number).stage != Stage::kSent) return;  // told twice
  Item& item = At(number);
  --under_way_;
  const bool again = !outcome && !aborted_ && ClassOf(FaultOf(outcome.error())) == FaultClass::kTransient;
  if (again) {
    item.stage = Stage::kWaiting;
    item.error = Redacted(outcome.error());
    mode_ = Mode::kStopped;
  } else {
    const auto now = core_.clock->Now();
    if (outcome) core_.CountAck(*outcome, item.sent, now);
    core_.Settle(item.permit, outcome, now);
    if (mode_ == Mode::kHead) mode_ = Mode::kFlowing;
    if (mode_ == Mode::kFlowing) failed_in_row_ = 0;
    EndLocked(number, outcome ? Result<void>() : Redacted(outcome.error()), told);
  }
  if (mode_ == Mode::kStopped && under_way_ == 0) DecideLocked(told);
}

// All that was under way has its outcome, and some of it is not what was hoped for.
void AsyncWindow::DecideLocked(std::vector<Told>* told) {
  uint64_t head = first_;
  while (At(head).stage != Stage::kWaiting) ++head;
  ++failed_in_row_;
  const auto pause = core_.PauseAfter(failed_in_row_, At(head).permit, At(head).deadline);
  if (!pause) return GiveUpLocked(head, told);
  mode_ = Mode::kPausing;
  pause_ = *pause;
  worker_wakes_.notify_all();
}

void AsyncWindow::GiveUpLocked(uint64_t head, std::vector<Told>* told) {
  const auto now = core_.clock->Now();
  core_.circuit.Failed(At(head).permit, now, *At(head).error);
  for (uint64_t number = head; number < End(); ++number) {
    Item& item = At(number);
    if (item.stage != Stage::kWaiting) continue;
    EndLocked(number, item.error ? *item.error : core_.circuit.Refusal(now), told);
  }
  next_ = End();
  failed_in_row_ = 0;
  mode_ = Mode::kFlowing;
}

void AsyncWindow::Work(const std::stop_token& stop) {
  Lock lock(mutex_);
  while (worker_wakes_.wait(lock, stop, [this] { return mode_ == Mode::kPausing; })) {
    const auto pause = pause_;
    lock.unlock();
    core_.clock->Sleep(pause, core_.stop.get_token());
    lock.lock();
    if (mode_ != Mode::kPausing) continue;  // aborted meanwhile
    core_.counters.retried.Add();
    mode_ = Mode::kHead;
    next_ = first_;
    Pump(lock);
  }
}

// --- Going away ---------------------------------------------------------------------------------------

void AsyncWindow::EndLocked(uint64_t number, Result<void> result, std::vector<Told>* told) {
  Item& item = At(number);
  item.stage = Stage::kEnded;
  core_.counters.in_flight.Add(-1);
  if (!result) core_.counters.Failed(FaultOf(result.error())).Add();
  told->push_back({number, std::move(item.done), std::move(result)});
}

void AsyncWindow::Tell(std::vector<Told> told) {
  if (told.empty()) return;
  const auto* const outer = std::exchange(telling, this);
  for (auto& each : told) CallBack("event sink", each.done, std::move(each.result));
  telling = outer;
  const std::lock_guard lock(mutex_);
  for (const auto& each : told) At(each.number).stage = Stage::kTold;
  PopLocked();
}

void AsyncWindow::PopLocked() {
  const uint64_t before = first_;
  while (!items_.empty() && items_.front()->stage == Stage::kTold && handing_over_ != first_) {
    if (items_.front()->event.payload.capacity() > kMostKept) items_.front()->event = {};
    spare_.push_back(std::move(items_.front()));
    items_.pop_front();
    ++first_;
  }
  next_ = std::max(next_, first_);
  if (first_ == before) return;
  popped_.notify_all();
  if (waiting_for_room_ == 0) return;
  popped_since_wake_ += first_ - before;
  const size_t half = std::max<size_t>(1, core_.options.max_in_flight / 2);
  if (popped_since_wake_ < half && items_.size() > core_.options.max_in_flight / 2) return;
  popped_since_wake_ = 0;
  room_.notify_all();
}

bool AsyncWindow::AwaitAll(Deadline deadline) {
  Lock lock(mutex_);
  const auto done = [this, end = End()] { return first_ >= end; };
  if (deadline.IsNever()) {
    popped_.wait(lock, done);
    return true;
  }
  return deadline.Passed() ? done() : popped_.wait_until(lock, deadline.at(), done);
}

size_t AsyncWindow::size() const {
  const std::lock_guard lock(mutex_);
  return items_.size();
}

void AsyncWindow::Refuse() {
  const std::lock_guard lock(mutex_);
  refusing_ = true;
  room_.notify_all();
}

void AsyncWindow::Abort() {
  std::vector<Told> told;
  {
    const std::lock_guard lock(mutex_);
    refusing_ = true;
    aborted_ = true;
    mode_ = Mode::kFlowing;
    for (uint64_t number = first_; number < End(); ++number) {
      if (At(number).stage != Stage::kWaiting) continue;
      core_.circuit.Withdraw(At(number).permit);
      EndLocked(number, ClosedError(), &told);
    }
    room_.notify_all();
  }
  Tell(std::move(told));
}

}  // namespace jammi::events
