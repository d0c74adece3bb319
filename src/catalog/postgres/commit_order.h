// Lets callbacks run in the order of the commits they tell of.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>

namespace jammi::postgres {

// A transaction takes a ticket before it sends COMMIT. One that depends on another, because it saw its
// rows or waited for its locks, sends COMMIT after the other's has been executed, so it has the later
// ticket: the order of tickets is an order of commits. Thread-safe.
class CommitOrder {
 public:
  using Ticket = uint64_t;
  [[nodiscard]] Ticket Take() {
    const std::lock_guard lock(mutex_);
    return next_++;
  }

  // Waits until all earlier tickets are done with, runs `fn` outside the lock, alone, and is done.
  void Deliver(Ticket ticket, const std::function<void()>& fn) {
    std::unique_lock lock(mutex_);
    turn_.wait(lock, [&] { return turn_of_ == ticket; });
    lock.unlock();
    fn();
    lock.lock();
    Advance();
  }

  // Is done without anything to tell.
  void Drop(Ticket ticket) {
    const std::lock_guard lock(mutex_);
    if (ticket == turn_of_) {
      Advance();
    } else {
      dropped_.insert(ticket);
    }
  }

 private:
  void Advance() {
    ++turn_of_;
    while (dropped_.erase(turn_of_) > 0) ++turn_of_;
    turn_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable turn_;
  Ticket next_ = 0;
  Ticket turn_of_ = 0;
  std::set<Ticket> dropped_;
};

}  // namespace jammi::postgres
