// The connections that only read.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "catalog/sqlite/connection.h"
#include "jammi/clock.h"

namespace jammi::sqlite {

// Grows while more is asked for at once than it holds, up to a ceiling, and shrinks when that is over.
// Whoever waits for a connection costs two changes of thread, many times what a read by key takes.
// Thread-safe.
class ReaderPool {
 public:
  // A connection on loan; goes back when it dies.
  class Lease {
   public:
    Lease(ReaderPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_) pool_->Return(std::move(connection_));
    }
    Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_.get(); }

   private:
    ReaderPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  // So many stay open, once they were needed.
  static constexpr size_t kKept = 4;
  // In so many loans a connection must be needed once, or it is closed.
  static constexpr size_t kReviewEvery = 4096;

  // Opens the first connection, to see that it can be done; `ceiling` (1 or more) of them at most.
  using OpenFn = std::function<Result<std::unique_ptr<Connection>>()>;
  [[nodiscard]] Result<void> Start(size_t ceiling, OpenFn open);
  // Refuses new loans, waits for those that are out, closes the connections.
  void Close();

  // One that cannot be opened now (no descriptor left) is waited for instead, if there are others.
  // Errors: kDeadlineExceeded: all were in use; kUnavailable: closed; why none could be opened.
  [[nodiscard]] Result<Lease> Acquire(Deadline deadline);

  // That are open, on loan or not.
  [[nodiscard]] size_t count();

 private:
  using Connections = std::vector<std::unique_ptr<Connection>>;

  void Return(std::unique_ptr<Connection> connection);
  // The mutex is held.
  [[nodiscard]] bool WaitLocked(std::unique_lock<std::mutex>& lock, Deadline deadline);
  [[nodiscard]] Result<std::unique_ptr<Connection>> OpenOneMore(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] Connections TakeUnneededLocked();
  void LeaveLocked(size_t connections);

  OpenFn open_fn_;
  std::mutex mutex_;
  std::condition_variable returned_;  // one came back, or could not be opened, or none will come
  std::condition_variable all_back_;  // for Close()
  bool open_ = false;
  size_t ceiling_ = 0;
  size_t count_ = 0;  // open, or being opened or closed
  size_t waiting_ = 0;
  Connections free_;       // the last used is lent first: its cache is warm
  size_t loans_ = 0;       // since the last review
  size_t never_used_ = 0;  // so many stayed in free_ all the time since then
};

}  // namespace jammi::sqlite
