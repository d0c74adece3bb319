// Threads of a torture process that follow topics, and attach again when a stream ends.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "support/random.h"
#include "torture/order.h"
#include "torture/stage.h"

namespace jammi::test {

// Says what it is given by one subscription after the other.
class Follower {
 public:
  Follower(Stage& stage, bool finite, Random random) : stage_(stage), random_(random), finite_(finite) {}
  virtual ~Follower() = default;
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Until the process is to stop; with `finite`, up to the end of the log, once.
  void Run();

  // From other threads.
  void SayPosition();
  void Close();

 protected:
  [[nodiscard]] virtual Result<std::unique_ptr<Subscription>> Attach() = 0;
  // Of kind kAttached or kConsuming, with who follows what; id and offset are added.
  [[nodiscard]] virtual Record Introduction() const = 0;
  virtual void OnDelivered(Subscription& /*subscription*/, const std::string& /*id*/, uint64_t /*offset*/) {}
  virtual void OnEnded(uint64_t /*position*/, std::string_view /*why*/) {}
  // For an error of Attach() or of the stream: false if nothing explains it.
  virtual bool Excuse(std::string_view doing, const Error& error) { return stage_.Excuse(doing, error); }

  [[nodiscard]] bool finite() const { return finite_; }
  // position() of what it is attached to.
  [[nodiscard]] std::optional<uint64_t> Place();
  Stage& stage_;
  Random random_;
  bool goes_on_ = false;  // though it has ended, and is finite

 private:
  void Follow(Subscription& subscription);
  std::string FollowWaiting(Subscription& subscription);
  std::string FollowWoken(Subscription& subscription);
  std::string AtEnd();
  std::string AtError(const Error& error);
  void SayGot(Subscription& subscription, const Delivery& delivery);

  const bool finite_;
  std::atomic<bool> closed_ = false;
  std::mutex mutex_;  // of what follows
  Subscription* attached_ = nullptr;
  std::string id_;
  uint64_t said_ = 0;  // position
  int columns_ = 0;    // of its schema; 0: not known yet
};

// With a cursor, which goes on where it was, or with what was not trimmed.
class CursorFollower final : public Follower {
 public:
  CursorFollower(Stage& stage, CursorOrder order, bool finite, Random random)
      : Follower(stage, finite, random), order_(std::move(order)) {}

 private:
  [[nodiscard]] Result<std::unique_ptr<Subscription>> Attach() override;
  [[nodiscard]] Record Introduction() const override;
  void OnEnded(uint64_t position, std::string_view why) override;
  bool Excuse(std::string_view doing, const Error& error) override;

  CursorOrder order_;
  uint64_t low_water_ = 0;  // as it was told
};

}  // namespace jammi::test
