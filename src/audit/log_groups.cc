#include "audit/log_groups.h"

#include <algorithm>
#include <utility>

#include "base/sync_point.h"

namespace jammi::audit {
namespace {

// The caller's fault, or the record's: another call of the group may be good.
bool IsOfOneCall(const Error& error) {
  return error.code() == ErrorCode::kInvalidArgument || error.code() == ErrorCode::kAlreadyExists;
}

// What a group's failure is for one of its calls. Nothing was written then, unless it is not known; so a call
// that another may have spoilt, or that has more time than the group had, is tried alone.
Result<bool> VerdictOn(const LogCall& call, const Error& error, Deadline of_group) {
  if (error.code() == ErrorCode::kOutcomeUnknown) return error;
  if (IsOfOneCall(error) || call.deadline.at() > of_group.at()) return false;
  return error;
}

}  // namespace

std::vector<LogGroups::Waiter*> LogGroups::TakeGroup(Waiters& waiters) {
  std::vector<Waiter*> group;
  size_t records = 0;
  while (!waiters.empty()) {
    records += waiters.front()->call->records.size();
    if (!group.empty() && records > kMostRecords) break;
    group.push_back(waiters.front());
    group.back()->state = State::kIsWritten;
    waiters.pop_front();
  }
  return group;
}

bool LogGroups::AwaitTurn(std::unique_lock<std::mutex>& lock, Waiter& self) {
  const auto is_over = [&] { return self.state == State::kWrites || self.state == State::kDone; };
  const Deadline deadline = self.call->deadline;
  if (!deadline.IsNever() && !self.changed.wait_until(lock, deadline.at(), is_over) &&
      self.state == State::kWaits) {
    return false;
  }
  self.changed.wait(lock, is_over);  // what has begun comes to its end
  return true;
}

Result<bool> LogGroups::WriteFor(const std::vector<Waiter*>& group, Deadline deadline) const {
  std::vector<LogCall*> calls(group.size());
  std::ranges::transform(group, calls.begin(), &Waiter::call);
  return write_(calls, deadline);
}

Result<bool> LogGroups::Submit(const std::string& tenant, LogCall& call) {
  Waiter self{.call = &call};
  std::unique_lock lock(mutex_);
  const auto [at, is_first] = waiters_.try_emplace(tenant);
  Waiters& waiters = at->second;  // stays where it is until nobody writes
  waiters.push_back(&self);
  if (!is_first) {
    JAMMI_SYNC_POINT("LogGroups waits");
    if (!AwaitTurn(lock, self)) {
      std::erase(waiters, &self);
      return Error(ErrorCode::kDeadlineExceeded, "the deadline passed while others of the tenant logged");
    }
    if (self.state == State::kDone) return std::move(self.outcome);
  }

  const std::vector<Waiter*> group = TakeGroup(waiters);
  const auto earlier = [](const Waiter* a, const Waiter* b) {
    return a->call->deadline.at() < b->call->deadline.at();
  };
  const Deadline deadline = (*std::ranges::min_element(group, earlier))->call->deadline;
  lock.unlock();
  const auto written = WriteFor(group, deadline);
  lock.lock();
  for (Waiter* const waiter : group) {
    const bool shared = group.size() > 1 && !written;
    waiter->outcome = shared ? VerdictOn(*waiter->call, written.error(), deadline) : written;
    waiter->state = State::kDone;
    waiter->changed.notify_one();
  }
  if (waiters.empty()) {
    waiters_.erase(tenant);
  } else {
    waiters.front()->state = State::kWrites;
    waiters.front()->changed.notify_one();
  }
  return std::move(self.outcome);
}

}  // namespace jammi::audit
