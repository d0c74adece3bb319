#include "catalog/sqlite/reader_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/sync_point.h"

namespace jammi::sqlite {
namespace {

Error Closed() {
  return Error(ErrorCode::kUnavailable, "the catalog is closed",
               BackendDetail{BackendFault::kConnection, {}, {}});
}

}  // namespace

Result<void> ReaderPool::Start(size_t ceiling, OpenFn open) {
  JAMMI_ASSIGN(auto first, open());
  const std::lock_guard lock(mutex_);
  open_fn_ = std::move(open);
  ceiling_ = ceiling;
  free_.push_back(std::move(first));
  count_ = 1;
  open_ = true;
  return {};
}

void ReaderPool::Close() {
  std::unique_lock lock(mutex_);
  open_ = false;
  returned_.notify_all();
  all_back_.wait(lock, [this] { return free_.size() == count_; });
  free_.clear();
  count_ = 0;
}

size_t ReaderPool::count() {
  const std::lock_guard lock(mutex_);
  return count_;
}

Result<ReaderPool::Lease> ReaderPool::Acquire(Deadline deadline) {
  std::unique_lock lock(mutex_);
  bool may_open = true;
  while (true) {
    if (!open_) return Closed();
    if (!free_.empty()) {
      Lease lease(*this, std::move(free_.back()));
      free_.pop_back();
      never_used_ = std::min(never_used_, free_.size());
      return lease;
    }
    if (may_open && count_ < ceiling_) {
      auto opened = OpenOneMore(lock);
      if (opened) return Lease(*this, *std::move(opened));
      if (count_ == 0) return std::move(opened).error();
      may_open = false;
      continue;
    }
    if (!WaitLocked(lock, deadline)) {
      return Error(ErrorCode::kDeadlineExceeded, fmt::format("all {} reader connections are in use", count_));
    }
  }
}

// False: the deadline has passed.
bool ReaderPool::WaitLocked(std::unique_lock<std::mutex>& lock, Deadline deadline) {
  if (deadline.Passed()) return false;
  ++waiting_;
  JAMMI_SYNC_POINT("ReaderPool::WaitLocked");
  if (deadline.IsNever()) {
    returned_.wait(lock);
  } else {
    returned_.wait_until(lock, deadline.at());
  }
  --waiting_;
  return true;
}

Result<std::unique_ptr<Connection>> ReaderPool::OpenOneMore(std::unique_lock<std::mutex>& lock) {
  ++count_;
  lock.unlock();
  auto opened = open_fn_();
  lock.lock();
  if (!opened) LeaveLocked(1);
  return opened;
}

void ReaderPool::Return(std::unique_ptr<Connection> connection) {
  Connections unneeded;
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(connection));
    if (++loans_ >= kReviewEvery && open_) unneeded = TakeUnneededLocked();
    // Under the lock: Close() may end the pool as soon as it is released.
    if (waiting_ > 0) returned_.notify_one();
    if (!open_) all_back_.notify_one();
  }
  if (unneeded.empty()) return;
  const size_t closed = unneeded.size();
  unneeded.clear();
  const std::lock_guard lock(mutex_);
  LeaveLocked(closed);
}

// Those that nobody has needed since the last review lie in front, the longest unused first.
ReaderPool::Connections ReaderPool::TakeUnneededLocked() {
  const size_t surplus = std::min(never_used_, count_ - std::min(count_, kKept));
  const auto end = free_.begin() + static_cast<std::ptrdiff_t>(surplus);
  Connections unneeded(std::make_move_iterator(free_.begin()), std::make_move_iterator(end));
  free_.erase(free_.begin(), end);
  loans_ = 0;
  never_used_ = free_.size();
  return unneeded;
}

// There is room for others now, and Close() has fewer to wait for.
void ReaderPool::LeaveLocked(size_t connections) {
  count_ -= connections;
  returned_.notify_all();
  if (!open_) all_back_.notify_one();
}

}  // namespace jammi::sqlite
