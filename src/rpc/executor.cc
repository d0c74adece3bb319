#include "rpc/executor.h"

#include <algorithm>
#include <utility>

namespace jammi {

RpcExecutor::RpcExecutor(size_t threads, size_t max_waiting)
    : all_threads_(threads), max_waiting_(max_waiting) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

RpcExecutor::~RpcExecutor() { Shutdown(); }

bool RpcExecutor::Submit(uint64_t lane, Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (shut_) return false;
    const auto found = lanes_.find(lane);
    const size_t mine = found == lanes_.end() ? 0 : found->second.waiting.size();
    // A full queue takes a few more from who has few: one lane cannot shut out the others, and the whole
    // stays below twice the limit.
    const size_t lanes = turns_.size() + (mine == 0 ? 1 : 0);
    if (waiting_ >= max_waiting_ && (waiting_ >= 2 * max_waiting_ || mine >= max_waiting_ / (2 * lanes))) {
      return false;
    }
    if (mine == 0) turns_.push_back(lane);
    lanes_[lane].waiting.push_back(std::move(task));
    ++waiting_;
  }
  changed_.notify_one();
  return true;
}

// A lane of which none runs may begin whenever a thread is free. Once no more are taken, nobody can come for
// whom a thread would be kept free.
RpcExecutor::Turns::iterator RpcExecutor::Next() {
  const size_t free = all_threads_ - running_;
  return std::ranges::find_if(
      turns_, [&](uint64_t lane) { return shut_ || lanes_.find(lane)->second.running < free; });
}

RpcExecutor::Task RpcExecutor::Begin(Turns::iterator turn) {
  const uint64_t name = *turn;
  Lane& lane = lanes_.find(name)->second;
  auto task = std::move(lane.waiting.front());
  lane.waiting.pop_front();
  turns_.erase(turn);
  if (!lane.waiting.empty()) turns_.push_back(name);
  ++lane.running;
  ++running_;
  --waiting_;
  return task;
}

void RpcExecutor::End(uint64_t lane) {
  --running_;
  const auto found = lanes_.find(lane);
  if (--found->second.running == 0 && found->second.waiting.empty()) lanes_.erase(found);
}

void RpcExecutor::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    auto turn = turns_.end();
    changed_.wait(lock, [&] {
      turn = Next();
      return turn != turns_.end() || (shut_ && waiting_ == 0);
    });
    if (turn == turns_.end()) return;
    const uint64_t lane = *turn;
    auto task = Begin(turn);
    // One task that ends may let several begin, and this thread takes only the first.
    const bool more = Next() != turns_.end();
    lock.unlock();
    if (more) changed_.notify_one();
    task();
    task = nullptr;
    lock.lock();
    End(lane);
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

size_t RpcExecutor::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

}  // namespace jammi
