#include "catalog/postgres/appender.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/callback.h"
#include "base/sync_point.h"
#include "catalog/call_guard.h"
#include "catalog/postgres/pg_error.h"
#include "catalog/postgres/retry.h"

namespace jammi::postgres {
namespace {

Error NotStartedInTime() {
  return Error(ErrorCode::kDeadlineExceeded, "the deadline passed before the event could be written");
}

}  // namespace

Appender::Appender(const PostgresOptions& options, const void* backend, Statistics& statistics,
                   Committer& committer, HeadPlaces& places, OpenFn open)
    : options_(options),
      backend_(backend),
      statistics_(statistics),
      committer_(committer),
      places_(places),
      open_(std::move(open)) {}

void Appender::Start() {
  closed_ = false;
  thread_ = std::thread([this] { Loop(); });
}

void Appender::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    work_.notify_all();
    room_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

uint64_t Appender::queue_depth() {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

// --- The queue

Result<void> Appender::WaitForRoomLocked(std::unique_lock<std::mutex>& lock, Deadline deadline) {
  const auto is_over = [this] {
    return closed_ || static_cast<int64_t>(queue_.size()) < options_.queue_limit;
  };
  if (deadline.IsNever()) {
    room_.wait(lock, is_over);
  } else if (deadline.Passed() ? !is_over() : !room_.wait_until(lock, deadline.at(), is_over)) {
    return Error(ErrorCode::kResourceExhausted, fmt::format("{} events wait already", queue_.size()),
                 BackendDetail{BackendFault::kBusy, {}, {}});
  }
  if (!closed_) return {};
  return Error(ErrorCode::kUnavailable, "the catalog is closed",
               BackendDetail{BackendFault::kConnection, {}, {}});
}

Appender::Work* Appender::PushLocked(AppendRequest request, Deadline deadline, EventLog::Done done) {
  auto work = std::make_unique<Work>(Work{std::move(request), deadline, std::move(done)});
  for (const EventAppend& event : work->request.events) work->bytes += event.payload->size();
  queue_.push_back(std::move(work));
  work_.notify_one();
  return queue_.back().get();
}

bool Appender::RemoveLocked(const Work* work) {
  const auto found = std::ranges::find(queue_, work, &std::unique_ptr<Work>::get);
  if (found == queue_.end()) return false;
  queue_.erase(found);
  room_.notify_one();
  return true;
}

Appender::Group Appender::TakeGroupLocked(Group& expired) {
  Group group;
  int64_t bytes = 0;
  int64_t events = 0;
  const auto now = std::chrono::steady_clock::now();
  while (!queue_.empty()) {
    std::unique_ptr<Work>& next = queue_.front();
    const bool late = !next->deadline.IsNever() && next->deadline.at() <= now;
    const bool fits = events + std::ssize(next->request.events) <= options_.group_max_work &&
                      bytes + next->bytes <= options_.group_max_bytes;
    if (!late && !fits && !group.empty()) break;
    const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(now - next->submitted);
    Add(statistics_.queue_wait_us, static_cast<uint64_t>(waited.count()));
    if (!late) {
      bytes += next->bytes;
      events += std::ssize(next->request.events);
    }
    (late ? expired : group).push_back(std::move(next));
    queue_.pop_front();
  }
  room_.notify_all();
  return group;
}

// --- Submitting

void Appender::Submit(AppendRequest request, Deadline deadline, EventLog::Done done) {
  Result<void> accepted;
  {
    std::unique_lock lock(mutex_);
    accepted = WaitForRoomLocked(lock, Deadline::Now());
    if (accepted && deadline.Passed()) accepted = NotStartedInTime();
    if (accepted) {
      PushLocked(std::move(request), deadline, std::move(done));
      return;
    }
  }
  Add(statistics_.failed);
  CallBack("catalog", done, Result<AppendOutcome>(std::move(accepted).error()));
}

Result<AppendOutcome> Appender::SubmitAndWait(AppendRequest request, Deadline deadline) {
  std::condition_variable finished;
  std::optional<Result<AppendOutcome>> outcome;
  std::mutex outcome_mutex;
  const auto done = [&](Result<AppendOutcome> result) {
    const std::lock_guard lock(outcome_mutex);
    outcome = std::move(result);
    finished.notify_one();
  };
  const Work* work = nullptr;
  {
    std::unique_lock lock(mutex_);
    JAMMI_TRY(WaitForRoomLocked(lock, deadline));
    if (deadline.Passed()) return NotStartedInTime();
    work = PushLocked(std::move(request), deadline, done);
  }
  std::unique_lock lock(outcome_mutex);
  const auto is_done = [&] { return outcome.has_value(); };
  if (!deadline.IsNever() && !finished.wait_until(lock, deadline.at(), is_done)) {
    lock.unlock();
    {
      const std::lock_guard queue_lock(mutex_);
      if (RemoveLocked(work)) {
        Add(statistics_.failed);
        return NotStartedInTime();
      }
    }
    lock.lock();  // it has started, and what has started completes
  }
  finished.wait(lock, is_done);
  return std::move(*outcome);
}

// --- Committing

void Appender::Loop() {
  std::optional<Retry> retry;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      if (queue_.empty()) break;
    }
    // Nothing is started before there is a connection, so that who has a deadline can still go.
    if (auto connected = EnsureConnection(); !connected) {
      GiveUpWaiting(connected.error());
      if (!retry) retry.emplace(Deadline::Never());
      (void)retry->Pause();
      continue;
    }
    retry.reset();
    Group group;
    Group expired;
    {
      const std::lock_guard lock(mutex_);
      group = TakeGroupLocked(expired);
    }
    JAMMI_SYNC_POINT("catalog:group_taken");
    for (const auto& work : expired) Finish(*work, NotStartedInTime());
    if (!group.empty()) RunGroup(group);
  }
  connection_.reset();
}

// There is no connection: ends what has waited for one for long enough, or all when waiting does not help.
void Appender::GiveUpWaiting(const Error& error) {
  Group late;
  {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    const auto is_late = [&](const std::unique_ptr<Work>& work) {
      return !MayRerun(error) || work->deadline.Passed() || now - work->submitted >= options_.retry_for;
    };
    const auto stays = std::ranges::stable_partition(queue_, is_late);
    std::move(queue_.begin(), stays.begin(), std::back_inserter(late));
    queue_.erase(queue_.begin(), stays.begin());
    room_.notify_all();
  }
  for (const auto& work : late) Finish(*work, work->deadline.Passed() ? NotStartedInTime() : error);
}

// Every work gets its outcome. If the server refuses the whole, each is run in a transaction of its own,
// so that one that cannot succeed takes no other with it.
void Appender::RunGroup(Group& group) {
  const auto run = [&](std::span<std::unique_ptr<Work>> some) {
    auto ran = RunWithRetries(some);
    if (ran) return true;
    const bool together =
        some.size() > 1 && ran.error().code() != ErrorCode::kOutcomeUnknown && !MayRerun(ran.error());
    if (together) return false;
    for (const auto& work : some) Finish(*work, ran.error());
    return true;
  };
  if (run(group)) return;
  for (size_t i = 0; i < group.size(); ++i) {
    Add(statistics_.reruns);
    run(std::span(group).subspan(i, 1));
  }
}

Result<void> Appender::RunWithRetries(std::span<std::unique_ptr<Work>> group) {
  Retry retry(Deadline::After(options_.retry_for));
  while (true) {
    auto ran = Attempt(group);
    if (ran || !MayRerun(ran.error()) || !retry.Pause()) return ran;
    Add(statistics_.reruns, group.size());
  }
}

Result<void> Appender::EnsureConnection() {
  if (connection_ != nullptr && connection_->LooksAlive()) return {};
  connection_.reset();
  auto opened = open_(Deadline::After(options_.retry_for));
  if (!opened && opened.error().code() == ErrorCode::kDeadlineExceeded) {  // not the caller's deadline
    return ConnectionLost(opened.error().message());
  }
  JAMMI_ASSIGN(connection_, std::move(opened));
  return {};
}

Result<void> Appender::Attempt(std::span<std::unique_ptr<Work>> group) {
  JAMMI_TRY(EnsureConnection());
  const TxOptions options;
  BodyEffects no_body;
  PgTransaction tx(*connection_, options, no_body, options_.time_shift());
  std::vector<PendingAppend> appends;
  appends.reserve(group.size());
  for (const auto& work : group) appends.push_back({&work->request, &work->appended});
  JAMMI_TRY(tx.Write(appends, places_));
  return committer_.Commit(tx, *connection_, appends, [&] {
    Add(statistics_.group_work, group.size());
    std::ranges::sort(appends, {}, &PendingAppend::request);
    for (const auto& work : group) {
      const auto pending = std::ranges::lower_bound(appends, &work->request, {}, &PendingAppend::request);
      Finish(*work, pending->refused ? Result<AppendOutcome>(*pending->refused)
                                     : Result<AppendOutcome>(work->appended));
    }
  });
}

void Appender::Finish(Work& work, Result<AppendOutcome> outcome) {
  if (!outcome) Add(statistics_.failed);
  const CallScope inside(backend_, CallScope::Kind::kCallback);
  CallBack("catalog", work.done, std::move(outcome));
}

}  // namespace jammi::postgres
