// The connections that only read.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "catalog/sqlite/connection.h"
#include "jammi/clock.h"

namespace jammi::sqlite {

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

  // Opens `count` connections.
  using OpenFn = std::function<Result<std::unique_ptr<Connection>>()>;
  [[nodiscard]] Result<void> Start(int count, const OpenFn& open);
  // Refuses new loans, waits for those that are out, closes the connections.
  void Close();

  // Errors: kDeadlineExceeded: all were in use; kUnavailable: closed.
  [[nodiscard]] Result<Lease> Acquire(Deadline deadline);

 private:
  void Return(std::unique_ptr<Connection> connection);

  std::mutex mutex_;
  std::condition_variable returned_;
  bool open_ = false;
  size_t count_ = 0;
  std::vector<std::unique_ptr<Connection>> free_;  // the last used is lent first: its cache is warm
};

}  // namespace jammi::sqlite
