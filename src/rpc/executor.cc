#include "rpc/executor.h"

#include <utility>

namespace jammi {

RpcExecutor::RpcExecutor(size_t threads, size_t max_waiting) : max_waiting_(max_waiting) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

RpcExecutor::~RpcExecutor() { Shutdown(); }

bool RpcExecutor::Submit(uint64_t lane, Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (shut_) return false;
    const auto found = lanes_.find(lane);
    const size_t mine = found == lanes_.end() ? 0 : found->second.size();
    // A full queue takes a few more from who has few: one lane cannot shut out the others, and the whole
    // stays below twice the limit.
    const size_t lanes = lanes_.size() + (mine == 0 ? 1 : 0);
    if (waiting_ >= max_waiting_ && (waiting_ >= 2 * max_waiting_ || mine >= max_waiting_ / (2 * lanes))) {
      return false;
    }
    if (mine == 0) turns_.push_back(lane);
    lanes_[lane].push_back(std::move(task));
    ++waiting_;
  }
  changed_.notify_one();
  return true;
}

void RpcExecutor::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return shut_ || waiting_ > 0; });
    if (waiting_ == 0) return;
    const uint64_t lane = turns_.front();
    turns_.pop_front();
    const auto queue = lanes_.find(lane);
    auto task = std::move(queue->second.front());
    queue->second.pop_front();
    if (queue->second.empty()) {
      lanes_.erase(queue);
    } else {
      turns_.push_back(lane);
    }
    --waiting_;
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

void RpcExecutor::Shutdown() {
  const std::lock_guard once(shutdown_);
  {
    const std::lock_guard lock(mutex_);
    shut_ = true;
  }
  changed_.notify_all();
  for (auto& thread : std::exchange(threads_, {})) thread.join();
}

size_t RpcExecutor::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

}  // namespace jammi
