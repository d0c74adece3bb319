#include "catalog/sqlite/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <utility>

#include "base/callback.h"
#include "base/log.h"
#include "base/sync_point.h"
#include "catalog/body.h"
#include "catalog/call_guard.h"

namespace jammi::sqlite {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Between attempts to reopen the file: what passes quickly costs little, what lasts is not hammered.
constexpr auto kFirstReopenPause = std::chrono::milliseconds(1);
constexpr auto kLongestReopenPause = std::chrono::milliseconds(100);

uint64_t MicrosSince(SteadyClock::time_point from, SteadyClock::time_point to) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(to - from).count());
}

Error Unavailable(std::string_view why) {
  return Error(ErrorCode::kUnavailable, std::string(why), BackendDetail{BackendFault::kConnection, {}, {}});
}

constexpr std::string_view kClosedMessage = "the catalog is closed";
constexpr std::string_view kReopeningMessage = "the catalog file is being reopened after an I/O error";

Error NotStartedInTime() {
  return Error(ErrorCode::kDeadlineExceeded, "the deadline passed before the transaction could start");
}

constexpr std::string_view kWhat = "catalog";

}  // namespace

Writer::Writer(const SqliteOptions& options, const void* backend, Statistics& statistics, OpenFn open)
    : options_(options),
      backend_(backend),
      statistics_(statistics),
      open_(std::move(open)),
      policy_(options.group_max_wait),
      runner_(backend, options.clock) {}

Writer::~Writer() { Close(); }

Result<void> Writer::Start() {
  JAMMI_ASSIGN(connection_, open_());
  {
    const std::lock_guard lock(mutex_);
    state_ = State::kOpen;
  }
  thread_ = std::thread([this] { WriterThread(); });
  return {};
}

void Writer::Close() {
  {
    std::unique_lock lock(mutex_);
    if (state_ == State::kClosed && !thread_.joinable()) return;
    state_ = State::kClosed;
    wake_writer_.notify_all();
    room_.notify_all();
    released_.notify_all();
  }
  thread_.join();
  std::unique_lock lock(mutex_);
  released_.wait(lock, [this] { return !held_ && exclusive_waiting_ == 0; });
  connection_.reset();
}

void Writer::SetListener(EventLog::Listener listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

Result<void> Writer::CheckOpen() {
  const std::lock_guard lock(mutex_);
  return CheckOpenLocked();
}

uint64_t Writer::queue_depth() {
  const std::lock_guard lock(mutex_);
  return static_cast<uint64_t>(waiting_);
}

Result<void> Writer::CheckOpenLocked() const {
  if (state_ == State::kOpen) return {};
  return Unavailable(state_ == State::kClosed ? kClosedMessage : kReopeningMessage);
}

// --- The queue

void Writer::PushLocked(Work& work) {
  work.submitted = SteadyClock::now();
  work.bell = bell_;
  lane(work.lane).PushBack(work);
  ++waiting_;
  waiting_bytes_ += work.payload_bytes();
  if (!work.is_waited_for()) ++waiting_async_;
  if (work.is_waited_for() && work.lane != Lane::kBulk) ++waiting_callers_;
}

void Writer::RemoveLocked(Work& work) {
  lane(work.lane).Remove(work);
  --waiting_;
  if (waiting_for_room_ > 0) room_.notify_one();
  waiting_bytes_ -= work.payload_bytes();
  if (!work.is_waited_for()) --waiting_async_;
  if (work.is_waited_for() && work.lane != Lane::kBulk) --waiting_callers_;
}

Result<void> Writer::WaitForRoomLocked(std::unique_lock<std::mutex>& lock, Deadline deadline) {
  while (true) {
    JAMMI_TRY(CheckOpenLocked());
    if (waiting_ < options_.queue_limit) return {};
    if (deadline.Passed()) {
      return Error(ErrorCode::kResourceExhausted,
                   fmt::format("{} transactions and events wait already", waiting_),
                   BackendDetail{BackendFault::kBusy, {}, {}});
    }
    ++waiting_for_room_;
    if (deadline.IsNever()) {
      room_.wait(lock);
    } else {
      room_.wait_until(lock, deadline.at());
    }
    --waiting_for_room_;
  }
}

// Is it time to start a group?
bool Writer::IsGroupCompleteLocked() const {
  if (!lanes_[static_cast<size_t>(Lane::kUrgent)].empty()) return true;
  if (waiting_ >= options_.group_max_work || waiting_bytes_ >= options_.group_max_bytes) return true;
  return policy_.IsComplete(waiting_callers_);
}

// Moves the next group out of the queue and takes hold of the writer.
void Writer::TakeGroupLocked() {
  held_ = true;
  bell_ = (bell_ + 1) % kBells;
  const auto now = SteadyClock::now();
  int64_t bytes = 0;
  int64_t weight = 0;
  const auto take = [&](Work& work) {
    RemoveLocked(work);
    Add(statistics_.queue_wait_us, MicrosSince(work.submitted, now));
    const bool late = !work.deadline.IsNever() && work.deadline.at() <= now;
    if (late) work.outcome = NotStartedInTime();
    (late ? not_run_ : group_).push_back(&work);
    bytes += work.payload_bytes();
    weight += work.weight();
  };
  const bool bulk_waits = !lane(Lane::kBulk).empty();
  const bool others_wait = !lane(Lane::kUrgent).empty() || !lane(Lane::kNormal).empty();
  if (bulk_waits && (bulk_passed_over_ || !others_wait)) {
    bulk_passed_over_ = false;
    take(*lane(Lane::kBulk).front());
    return;
  }
  bulk_passed_over_ = bulk_waits;
  for (const Lane which : {Lane::kUrgent, Lane::kNormal}) {
    while (Work* work = lane(which).front()) {
      const bool fits = weight + work->weight() <= options_.group_max_work &&
                        bytes + work->payload_bytes() <= options_.group_max_bytes;
      if (!fits && !group_.empty()) return;
      take(*work);
    }
  }
}

void Writer::ReleaseLocked() {
  held_ = false;
  if (exclusive_waiting_ > 0 || state_ == State::kClosed) released_.notify_all();
  if (HasWorkLocked() || state_ != State::kOpen) wake_writer_.notify_one();
}

// --- Submitting

Result<void> Writer::RunAndWait(Work& work) {
  JAMMI_TRY(RefuseReentry(backend_));
  {
    std::unique_lock lock(mutex_);
    JAMMI_TRY(WaitForRoomLocked(lock, work.deadline));
    if (work.deadline.Passed()) {
      if (waiting_for_room_ > 0) room_.notify_one();  // the room that we were woken for is still there
      return NotStartedInTime();
    }
    PushLocked(work);
    const bool free = !held_ && exclusive_waiting_ == 0;
    if (free && waiting_async_ == 0 && IsGroupCompleteLocked()) {
      TakeGroupLocked();
      lock.unlock();
      RunGroup(&work);
    } else if (free && (!thread_is_alert_ || IsGroupCompleteLocked())) {
      wake_writer_.notify_one();
    }
  }
  Await(work);
  return std::move(work.outcome);
}

// The work may have been in another group than the one this thread has just run.
void Writer::Await(Work& work) {
  Deadline deadline = work.deadline;
  while (!work.finished.load(std::memory_order_acquire)) {
    const uint32_t seen = bells_[work.bell].Look();
    if (work.finished.load(std::memory_order_acquire)) return;
    bells_[work.bell].Wait(seen, deadline);
    if (!deadline.Passed() || work.finished.load(std::memory_order_acquire)) continue;
    const std::lock_guard lock(mutex_);
    if (work.queued) {
      RemoveLocked(work);
      Add(statistics_.failed);
      work.outcome = NotStartedInTime();
      return;
    }
    deadline = Deadline::Never();  // it has started, and what has started completes
  }
}

void Writer::Submit(std::unique_ptr<Work> work) {
  Result<void> accepted;
  {
    std::unique_lock lock(mutex_);
    accepted = WaitForRoomLocked(lock, Deadline::Now());
    if (accepted && work->deadline.Passed()) accepted = NotStartedInTime();
    if (accepted) {
      PushLocked(*work.release());
      if (!held_ && !thread_is_alert_) wake_writer_.notify_one();
      return;
    }
  }
  Add(statistics_.failed);
  CallBack(kWhat, work->done, std::move(accepted).error());
}

Result<void> Writer::RunExclusive(const std::function<Result<void>(Connection&)>& fn) {
  std::unique_lock lock(mutex_);
  ++exclusive_waiting_;
  JAMMI_SYNC_POINT("catalog:exclusive_waits");
  released_.wait(lock, [this] { return !held_; });
  --exclusive_waiting_;
  if (auto open = CheckOpenLocked(); !open) {
    // Whoever looked while we waited has stood back for us: Close(), and the thread that empties the queue.
    released_.notify_all();
    wake_writer_.notify_one();
    return open;
  }
  held_ = true;
  lock.unlock();
  auto result = fn(*connection_);
  lock.lock();
  ReleaseLocked();
  return result;
}

// --- Running

void Writer::WriterThread() {
  std::unique_lock lock(mutex_);
  auto reopen_pause = kFirstReopenPause;
  while (true) {
    thread_is_alert_ = false;
    const auto may_run = [this] { return !held_ && exclusive_waiting_ == 0 && HasWorkLocked(); };
    const auto is_over = [this] { return state_ == State::kClosed && !HasWorkLocked(); };
    const auto must_reopen = [this] { return !held_ && state_ == State::kReopening; };
    wake_writer_.wait(lock, [&] { return may_run() || is_over() || must_reopen(); });
    if (is_over()) return;
    if (must_reopen()) {
      held_ = true;
      lock.unlock();
      Reopen();
      FailQueueUnlessOpen();
      Deliver();
      Finish(nullptr);
      lock.lock();
      wake_writer_.wait_for(lock, reopen_pause, [this] { return state_ != State::kReopening; });
      reopen_pause = std::min(reopen_pause * 2, kLongestReopenPause);
      continue;
    }
    reopen_pause = kFirstReopenPause;
    thread_is_alert_ = true;
    AwaitStragglers(lock);
    if (!may_run()) continue;
    TakeGroupLocked();
    lock.unlock();
    RunGroup(nullptr);
    lock.lock();
  }
}

// Gives the callers of the last group time to come back; one of them may run the group itself meanwhile.
void Writer::AwaitStragglers(std::unique_lock<std::mutex>& lock) {
  const auto limit = SteadyClock::now() + policy_.MaxWait();
  const auto enough = [this] { return held_ || state_ != State::kOpen || IsGroupCompleteLocked(); };
  while (!enough()) {
    const int64_t before = waiting_;
    wake_writer_.wait_until(lock, std::min(limit, SteadyClock::now() + policy_.Patience()), enough);
    if (waiting_ == before || SteadyClock::now() >= limit) return;
  }
}

// The writer is held and mutex_ is not. `own` is the work of the caller that runs the group in place.
void Writer::RunGroup(const Work* own) {
  JAMMI_SYNC_POINT("catalog:group_taken");
  if (connection_ == nullptr) {  // closed while the file could not be reopened
    for (Work* work : group_) work->outcome = Unavailable(kClosedMessage);
  } else if (!group_.empty()) {
    const auto begun = SteadyClock::now();
    const GroupRunner::Report report = runner_.Run(*connection_, group_, committed_);
    const auto ended = SteadyClock::now();
    took_ = ended - begun;
    Add(statistics_.groups, static_cast<uint64_t>(report.commits));
    Add(statistics_.reruns, static_cast<uint64_t>(report.reruns));
    Add(statistics_.commit_us, MicrosSince(begun, ended));
    Add(statistics_.busy_us, MicrosSince(begun, ended));
    if (report.outcome_unknown) {
      connection_.reset();
      Reopen();
    } else if (on_wal_growth_) {
      on_wal_growth_(connection_->wal_frames());
    }
  }
  Deliver();
  Finish(own);
}

// No connection is open, and nobody can get hold of one.
void Writer::Reopen() {
  auto opened = open_();
  const std::lock_guard lock(mutex_);
  if (opened) {
    connection_ = std::move(*opened);
    Add(statistics_.writer_reopened);
    if (state_ == State::kReopening) state_ = State::kOpen;
    return;
  }
  Log(LogLevel::kError, "catalog: cannot reopen the file: {}", opened.error().message());
  if (state_ == State::kOpen) state_ = State::kReopening;
}

// On the writer's thread alone: what others appended asynchronously is told there.
void Writer::FailQueueUnlessOpen() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kOpen) return;
  for (WorkList& waiting : lanes_) {
    while (Work* work = waiting.front()) {
      RemoveLocked(*work);
      work->outcome = Unavailable(kReopeningMessage);
      not_run_.push_back(work);
    }
  }
  room_.notify_all();
}

// Tells what became of it, in commit order: the listener, then what each work asked for.
void Writer::Deliver() {
  JAMMI_SYNC_POINT("catalog:before_delivery");
  const CallScope inside(backend_, CallScope::Kind::kCallback);
  if (!committed_.empty()) {
    Add(statistics_.events_appended, committed_.size());
    if (listener_) CallBack(kWhat, listener_, std::span<const CommittedEvent>(committed_));
    committed_.clear();
  }
  for (Work* work : group_) Tell(*work);
  for (Work* work : not_run_) Tell(*work);
}

void Writer::Tell(Work& work) {
  if (work.outcome) {
    Add(statistics_.group_work);
    if (work.is_body()) Add(statistics_.transactions);
    for (auto& append : work.effects.appends) {
      if (append.done) CallBack(kWhat, append.done, append.outcome);
    }
    for (auto& fn : work.effects.after_commit) CallBack(kWhat, fn);
  } else {
    Add(statistics_.failed);
  }
  if (work.is_waited_for()) return;
  CallBack(kWhat, work.done,
           work.outcome ? Result<AppendOutcome>(work.appended)
                        : Result<AppendOutcome>(std::move(work.outcome).error()));
}

// Gives the writer back first, so that those who wake find it free, then the works to their owners.
void Writer::Finish(const Work* own) {
  Work* finished = nullptr;  // a list through `next`: the vectors are the next holder's
  int64_t callers = 0;
  bool bulk = false;
  for (auto* works : {&group_, &not_run_}) {
    for (Work* work : *works) {
      if (!work->is_waited_for()) {
        delete work;
        continue;
      }
      bulk |= work->lane == Lane::kBulk;
      ++callers;
      work->next = finished;
      finished = work;
    }
    works->clear();
  }
  {
    const std::lock_guard lock(mutex_);
    if (!bulk) policy_.GroupEnded(callers, waiting_callers_);
    if (took_ > took_.zero()) policy_.GroupTook(std::exchange(took_, {}));
    ReleaseLocked();
  }
  std::bitset<kBells> to_ring;
  while (finished != nullptr) {
    Work* const work = finished;
    finished = work->next;
    if (work != own) to_ring.set(work->bell);
    work->finished.store(true, std::memory_order_release);  // its owner may be gone from here on
  }
  for (size_t i = 0; i < kBells; ++i) {
    if (to_ring[i]) bells_[i].Ring();
  }
}

}  // namespace jammi::sqlite
