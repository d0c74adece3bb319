#include "catalog/sqlite/reader_pool.h"

#include <fmt/format.h>

#include <utility>

namespace jammi::sqlite {

Result<void> ReaderPool::Start(int count, const OpenFn& open) {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < count; ++i) {
    JAMMI_ASSIGN(auto connection, open());
    free_.push_back(std::move(connection));
    count_ = free_.size();  // also when the next one cannot be opened: Close() waits for all of them
  }
  open_ = true;
  return {};
}

void ReaderPool::Close() {
  std::unique_lock lock(mutex_);
  open_ = false;
  returned_.notify_all();
  returned_.wait(lock, [this] { return free_.size() == count_; });
  free_.clear();
  count_ = 0;
}

Result<ReaderPool::Lease> ReaderPool::Acquire(Deadline deadline) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (!open_) {
      return Error(ErrorCode::kUnavailable, "the catalog is closed", BackendDetail{BackendFault::kConnection, {}, {}});
    }
    if (!free_.empty()) {
      Lease lease(*this, std::move(free_.back()));
      free_.pop_back();
      return lease;
    }
    if (deadline.Passed()) {
      return Error(ErrorCode::kDeadlineExceeded, fmt::format("all {} reader connections are in use", count_));
    }
    if (deadline.IsNever()) {
      returned_.wait(lock);
    } else {
      returned_.wait_until(lock, deadline.at());
    }
  }
}

void ReaderPool::Return(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(connection));
  returned_.notify_all();  // under the lock: Close() may end the pool as soon as it is released
}

}  // namespace jammi::sqlite
