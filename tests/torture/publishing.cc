#include "torture/publishing.h"

#include <arrow/api.h>

#include <chrono>
#include <condition_variable>
#include <thread>
#include <utility>

#include "torture/batches.h"

namespace jammi::test {

using Kind = Record::Kind;
using std::chrono::milliseconds;

void PublishingPause::Keep(const Stage& stage) {
  constexpr milliseconds kTick{2};
  const uint64_t round = stage.round();
  if (round % 2 == 0) return;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(round_, round) != round) here_ = 0;
    if (++here_ == publishers_) stage.Say({.kind = Kind::kPaused, .offset = round});
  }
  while (stage.round() == round && !stage.stopping()) std::this_thread::sleep_for(kTick);
}

void PublisherThread::Run() {
  while (true) {
    pause_.Keep(stage_);
    if (stage_.stopping()) return;
    const uint64_t what = random_.Below(100);
    if (what < 3) {
      PublishToAnother();
    } else if (what < 30) {
      PublishBurst();
    } else {
      PublishOne();
    }
    // Mostly at a pace that two cores keep up with; now and then in a rush, and now and then all falls still.
    if (rush_ == 0 && random_.Percent(1)) rush_ = 50;
    if (rush_ > 0) {
      --rush_;
      continue;
    }
    std::this_thread::sleep_for(milliseconds(random_.Percent(2) ? random_.Below(300) : random_.Below(20)));
  }
}

PublisherThread::Planned PublisherThread::Plan(const std::string& id) {
  const PlannedTopic& topic = kTopics.at(random_.Below(kTopics.size()));
  const auto members = MembersOf(topic.owner);
  return {.topic = std::string(topic.name),
          .who = members[random_.Below(members.size())],
          .key = MakeEventKey(id, 1 + random_.Below(3), random_.Percent(5) ? 4000 : 100)};
}

Deadline PublisherThread::PickDeadline() {
  return random_.Percent(50) ? Deadline::Never() : Deadline::After(milliseconds(random_.Below(3000)));
}

void PublisherThread::Ask(const std::string& id, const Planned& planned) {
  stage_.Say(
      {.kind = Kind::kAsk, .id = id, .topic = planned.topic, .who = planned.who, .keys = {planned.key}});
}

void PublisherThread::Answer(const std::string& id, const Result<Offset>& offset) {
  if (offset) return stage_.Say({.kind = Kind::kAcknowledged, .id = id, .offset = offset->value});
  const Error& error = offset.error();
  const bool unknown = error.code() == ErrorCode::kOutcomeUnknown;
  stage_.Say({.kind = unknown ? Kind::kUnknown : Kind::kRefused, .id = id, .text = error.ToString()});
  stage_.Excuse("publish", error);
}

void PublisherThread::PublishOne() {
  const std::string id = stage_.NextId();
  const Planned planned = Plan(id);
  Ask(id, planned);
  const TopicId topic = stage_.IdOf(planned.topic);
  Answer(id, stage_.As(planned.who).Publish(topic, ToBatch(planned.key), PickDeadline()));
}

void PublisherThread::PublishBurst() {
  const uint64_t size = 2 + random_.Below(11);
  std::mutex mutex;
  std::condition_variable answered;
  uint64_t left = size;
  for (uint64_t i = 0; i < size; ++i) {
    const std::string id = stage_.NextId();
    const Planned planned = Plan(id);
    Ask(id, planned);
    stage_.As(planned.who)
        .PublishAsync(
            stage_.IdOf(planned.topic), ToBatch(planned.key),
            [&, id](const Result<Offset>& offset) {
              Answer(id, offset);
              const std::lock_guard lock(mutex);
              if (--left == 0) answered.notify_one();
            },
            PickDeadline());
  }
  std::unique_lock lock(mutex);
  answered.wait(lock, [&] { return left == 0; });
}

// A tenant's topic is nobody else's.
void PublisherThread::PublishToAnother() {
  const std::string id = stage_.NextId();
  Planned planned = Plan(id);
  planned.topic = "first's";
  planned.who = 2;
  Ask(id, planned);
  const auto offset =
      stage_.As(planned.who).Publish(stage_.IdOf(planned.topic), ToBatch(planned.key), PickDeadline());
  if (offset) return stage_.Break("a tenant published to another's topic");
  stage_.Say({.kind = Kind::kRefused, .id = id, .text = offset.error().ToString()});
  if (offset.error().code() != ErrorCode::kPermissionDenied) stage_.Excuse("foreign publish", offset.error());
}

}  // namespace jammi::test
