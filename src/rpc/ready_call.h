// Who waits for a stream: what RpcStream::OnReady() is given, for streams that are woken by other threads.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

namespace jammi {

// Thread-safe.
class ReadyCall {
 public:
  // Of OnReady(). Whoever sets it asks afterwards whether there is something to say, and then says Run().
  void Set(std::move_only_function<void()> ready) {
    const std::lock_guard lock(mutex_);
    if (!closed_) ready_ = std::move(ready);
  }
  // Calls it, if somebody waits: once.
  void Run() {
    const std::lock_guard running(running_);
    std::move_only_function<void()> ready;
    {
      const std::lock_guard lock(mutex_);
      ready = std::exchange(ready_, nullptr);
    }
    if (ready) ready();
  }
  // When it returns, nothing is called any more; from inside of the call, it returns at once.
  void Close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      ready_ = nullptr;
    }
    const std::lock_guard running(running_);
  }

 private:
  std::recursive_mutex running_;
  std::mutex mutex_;
  bool closed_ = false;
  std::move_only_function<void()> ready_;
};

}  // namespace jammi
