// A thread of a torture process that publishes: to topics and in forms picked at random.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "support/random.h"
#include "torture/order.h"
#include "torture/stage.h"

namespace jammi::test {

// Says once a round that none of a process's publishers is in a call.
class PublishingPause {
 public:
  explicit PublishingPause(int publishers) : publishers_(publishers) {}
  // Returns when there is to be publishing, or the process is to stop.
  void Keep(const Stage& stage);

 private:
  const int publishers_;
  std::mutex mutex_;
  uint64_t round_ = 0;
  int here_ = 0;
};

class PublisherThread {
 public:
  // `again`: publishes with a producer key that another process began and may not have ended.
  PublisherThread(Stage& stage, PublishingPause& pause, std::vector<PublishOrder> again, Random random)
      : stage_(stage), pause_(pause), again_(std::move(again)), random_(random) {}
  // Until the process is to stop.
  void Run();

 private:
  // Of one event, or of `events` that belong together; the name is part of their keys.
  PublishOrder Plan(const std::string& name, size_t events = 1);
  Deadline PickDeadline();
  // The name of the attempt.
  std::string Ask(const PublishOrder& order, bool keyed = false);
  void Answer(const std::string& id, std::string_view topic, const Result<Offset>& offset);

  void PublishOne();
  void PublishBurst();
  void PublishTogether();
  // Again and again until it is acknowledged.
  void PublishOnce(const PublishOrder& order);
  bool TryOnce(const PublishOrder& order, bool expect_duplicate);
  void ReuseKey(const PublishOrder& order);
  void PublishToAnother();
  // Appends a column to a topic's schema.
  void Grow();
  // Drops a topic that is registered again when somebody wants it.
  void Pass();
  // Columns that an event of the topic may have: of any version.
  size_t PickColumns(const PlannedTopic& topic);

  Stage& stage_;
  PublishingPause& pause_;
  const std::vector<PublishOrder> again_;
  Random random_;
  int rush_ = 0;  // steps without a pause between them
};

}  // namespace jammi::test
