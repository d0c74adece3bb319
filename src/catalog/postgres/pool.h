// The connections that bodies and reads run on.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "catalog/postgres/connection.h"

namespace jammi::postgres {

struct PoolOptions {
  int size = 8;
  std::optional<std::chrono::nanoseconds> max_lifetime;  // a connection older than this is replaced
};

// Thread-safe. Who waits is served in order of arrival, Lane::kUrgent before all others. One connection
// beyond `size` is for Lane::kUrgent alone, so that long bodies do not let leases run out.
class Pool {
 public:
  using OpenFn = std::function<Result<std::unique_ptr<Connection>>(Deadline)>;
  Pool(PoolOptions options, OpenFn open) : options_(options), open_(std::move(open)) {}
  ~Pool() { Close(); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // The use of a connection; gives it back when it goes.
  class Lease {
   public:
    Lease(Pool* pool, std::unique_ptr<Connection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_ != nullptr) pool_->Return(std::move(connection_));
    }
    [[nodiscard]] Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  // A connection that was alive when it was last looked at; a new one when none is idle and the pool is
  // not full. Errors: kDeadlineExceeded: `deadline` passed while all were in use; kUnavailable: closed;
  // those of opening one.
  [[nodiscard]] Result<Lease> Acquire(Deadline deadline, Lane lane = Lane::kNormal);

  [[nodiscard]] bool closed();
  [[nodiscard]] size_t waiting();
  // Connections; one that is being made counts as open.
  struct Count {
    size_t open = 0;
    size_t idle = 0;
  };
  [[nodiscard]] Count count();

  // Refuses who comes, waits for the leases, closes all connections. Idempotent.
  void Close();

 private:
  struct Waiter {
    const Lane lane;
    std::condition_variable wake{};
    bool served = false;
  };

  // How many leases there may be when one of the lane is given.
  [[nodiscard]] int Places(Lane lane) const { return options_.size + (lane == Lane::kUrgent ? 1 : 0); }
  [[nodiscard]] Result<void> WaitForTurn(std::unique_lock<std::mutex>& lock, Deadline deadline, Lane lane);
  [[nodiscard]] bool IsFit(Connection& connection) const;
  void Return(std::unique_ptr<Connection> connection);
  void GiveBackPlace();  // mutex_ is held

  const PoolOptions options_;
  const OpenFn open_;
  std::mutex mutex_;
  std::condition_variable emptied_;
  std::deque<Waiter*> waiting_;                    // the urgent ones first
  std::vector<std::unique_ptr<Connection>> idle_;  // the last one was used last
  int leased_ = 0;
  bool closed_ = false;
};

}  // namespace jammi::postgres
