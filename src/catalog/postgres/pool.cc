#include "catalog/postgres/pool.h"

#include <fmt/format.h>

#include <algorithm>

namespace jammi::postgres {
namespace {

Error Closed() {
  return Error(ErrorCode::kUnavailable, "the catalog is closed",
               BackendDetail{BackendFault::kConnection, {}, {}});
}

}  // namespace

// A place is one of Places(); who holds one may use or open a connection. A waiter is handed the
// place of the one who leaves, so nobody overtakes him.
Result<void> Pool::WaitForTurn(std::unique_lock<std::mutex>& lock, Deadline deadline, Lane lane) {
  if (closed_) return Closed();
  if (leased_ < Places(lane)) {
    ++leased_;
    return {};
  }
  Waiter self{.lane = lane};
  const auto overtaken = [lane](const Waiter* other) {
    return lane == Lane::kUrgent && other->lane != Lane::kUrgent;
  };
  waiting_.insert(std::ranges::find_if(waiting_, overtaken), &self);
  const auto turn = [&] { return self.served || closed_; };
  if (deadline.IsNever()) {
    self.wake.wait(lock, turn);
  } else {
    self.wake.wait_until(lock, deadline.at(), turn);
  }
  if (self.served) return {};
  std::erase(waiting_, &self);
  if (closed_) return Closed();
  return Error(ErrorCode::kDeadlineExceeded,
               fmt::format("all {} connections of the pool are in use", Places(lane)),
               BackendDetail{BackendFault::kBusy, {}, {}});
}

void Pool::GiveBackPlace() {
  --leased_;
  if (closed_ && leased_ == 0) emptied_.notify_all();
  if (closed_ || waiting_.empty()) return;
  Waiter* next = waiting_.front();
  if (leased_ >= Places(next->lane)) return;
  ++leased_;
  waiting_.pop_front();
  next->served = true;
  next->wake.notify_one();
}

bool Pool::IsFit(Connection& connection) const {
  if (options_.max_lifetime &&
      std::chrono::steady_clock::now() - connection.opened_at() > *options_.max_lifetime) {
    return false;
  }
  return connection.LooksAlive();
}

Result<Pool::Lease> Pool::Acquire(Deadline deadline, Lane lane) {
  std::unique_lock lock(mutex_);
  JAMMI_TRY(WaitForTurn(lock, deadline, lane));
  while (!idle_.empty()) {
    std::unique_ptr<Connection> connection = std::move(idle_.back());
    idle_.pop_back();
    lock.unlock();
    if (IsFit(*connection)) return Lease(this, std::move(connection));
    connection.reset();
    lock.lock();
  }
  lock.unlock();
  auto opened = open_(deadline);
  if (opened) return Lease(this, std::move(*opened));
  lock.lock();
  GiveBackPlace();
  return std::move(opened).error();
}

void Pool::Return(std::unique_ptr<Connection> connection) {
  if (!connection->lost()) connection->TrimStatements();
  std::unique_ptr<Connection> unfit;  // closed without the lock
  const std::lock_guard lock(mutex_);
  (connection->lost() || closed_ ? unfit : idle_.emplace_back()) = std::move(connection);
  GiveBackPlace();
}

bool Pool::closed() {
  const std::lock_guard lock(mutex_);
  return closed_;
}

size_t Pool::waiting() {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

Pool::Count Pool::count() {
  const std::lock_guard lock(mutex_);
  return {static_cast<size_t>(leased_) + idle_.size(), idle_.size()};
}

void Pool::Close() {
  std::vector<std::unique_ptr<Connection>> idle;
  std::unique_lock lock(mutex_);
  closed_ = true;
  for (Waiter* waiter : waiting_) waiter->wake.notify_one();
  emptied_.wait(lock, [this] { return leased_ == 0; });
  idle.swap(idle_);
}

}  // namespace jammi::postgres
