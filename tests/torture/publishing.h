// A thread of a torture process that publishes: to topics and in forms picked at random.
#pragma once

#include <mutex>
#include <string>

#include "support/random.h"
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
  PublisherThread(Stage& stage, PublishingPause& pause, Random random)
      : stage_(stage), pause_(pause), random_(random) {}
  // Until the process is to stop.
  void Run();

 private:
  struct Planned {
    std::string topic;
    Who who = 0;
    std::string key;
  };
  Planned Plan(const std::string& id);
  Deadline PickDeadline();
  void Ask(const std::string& id, const Planned& planned);
  void Answer(const std::string& id, const Result<Offset>& offset);

  void PublishOne();
  void PublishBurst();
  void PublishToAnother();

  Stage& stage_;
  PublishingPause& pause_;
  Random random_;
  int rush_ = 0;  // steps without a pause between them
};

}  // namespace jammi::test
