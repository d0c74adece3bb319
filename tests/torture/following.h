// A thread of a torture process that follows a topic with a cursor, and attaches it again when it ends.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "support/random.h"
#include "torture/order.h"
#include "torture/stage.h"

namespace jammi::test {

class Follower {
 public:
  // `finite`: up to the end of the log, once.
  Follower(Stage& stage, CursorOrder order, bool finite, Random random)
      : stage_(stage), order_(std::move(order)), finite_(finite), random_(random) {}
  // Until the process is to stop.
  void Run();

  // From other threads.
  void SayPosition();
  void Close();

 private:
  void Follow(Subscription& subscription);
  std::string FollowWaiting(Subscription& subscription);
  std::string FollowWoken(Subscription& subscription);
  std::string AtEnd();
  std::string AtError(const Error& error);
  void SayGot(const Delivery& delivery);

  Stage& stage_;
  CursorOrder order_;
  const bool finite_;
  Random random_;
  std::atomic<bool> closed_ = false;
  std::mutex mutex_;  // of what follows
  Subscription* attached_ = nullptr;
  std::string id_;
  uint64_t said_ = 0;  // position
};

}  // namespace jammi::test
