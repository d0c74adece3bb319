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

namespace {

using Batches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

Batches ToBatches(const std::vector<std::string>& keys) {
  Batches batches;
  for (const std::string& key : keys) batches.push_back(ToBatch(key));
  return batches;
}

Result<Offset> OffsetOf(const Result<PublishOutcome>& outcome) {
  if (!outcome) return outcome.error();
  return outcome->offset;
}

}  // namespace

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
  for (const PublishOrder& order : again_) PublishOnce(order);
  while (true) {
    pause_.Keep(stage_);
    if (stage_.stopping()) return;
    const uint64_t what = random_.Below(100);
    if (what < 3) {
      PublishToAnother();
    } else if (what < 4) {
      Grow();
    } else if (what < 6) {
      Pass();
    } else if (what < 20) {
      PublishBurst();
    } else if (what < 30) {
      PublishTogether();
    } else if (what < 45) {
      PublishOnce(Plan(stage_.NextId(), random_.Percent(30) ? 3 : 1));
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

PublishOrder PublisherThread::Plan(const std::string& name, size_t events) {
  const PlannedTopic* planned = &kTopics.at(random_.Below(kTopics.size()));
  const auto life = planned->passes ? stage_.LifeOf(*planned) : std::nullopt;
  if (planned->passes && !life) planned = &kTopics.front();
  const PlannedTopic& topic = *planned;
  const auto members = MembersOf(topic.owner);
  PublishOrder order{.topic = life.value_or(std::string(topic.name)),
                     .who = members[random_.Below(members.size())]};
  for (size_t i = 0; i < events; ++i) {
    std::string part = events == 1 ? name : name + "." + std::to_string(i);
    if (const size_t columns = topic.grows ? PickColumns(topic) : 0; columns > 0)
      part = NameWithColumns(part, columns);
    order.keys.push_back(MakeEventKey(part, 1 + random_.Below(3), random_.Percent(5) ? 4000 : 100));
  }
  return order;
}

size_t PublisherThread::PickColumns(const PlannedTopic& topic) {
  const auto found = stage_.As(topic.owner).topics().Find(stage_.IdOf(topic.name));
  if (!found) {
    stage_.Excuse("find", found.error());
    return 0;
  }
  return random_.Below(AppendedColumns(*found->schema) + 1);
}

void PublisherThread::Grow() {
  constexpr size_t kMostColumns = 8;
  for (const PlannedTopic& topic : kTopics) {
    if (!topic.grows) continue;
    auto topics = stage_.As(topic.owner).topics();
    const auto found = topics.Find(stage_.IdOf(topic.name));
    const size_t columns = found ? AppendedColumns(*found->schema) : kMostColumns;
    if (!found) stage_.Excuse("find", found.error());
    if (columns >= kMostColumns) continue;
    const auto grown = topics.AppendColumns(found->id, {EventSchema(columns + 1)->fields().back()});
    if (grown) stage_.Count("a column appended");
    if (!grown && grown.error().As<SchemaConflictDetail>() == nullptr)
      stage_.Excuse("append a column", grown.error());  // by another at the same time, else
  }
}

void PublisherThread::Pass() {
  for (const PlannedTopic& topic : kTopics) {
    const auto life = topic.passes ? stage_.LifeOf(topic) : std::nullopt;
    if (!life) continue;
    stage_.Say({.kind = Kind::kDropAsked, .topic = *life});
    const auto dropped = stage_.As(topic.owner).topics().Drop(stage_.IdOf(*life));
    if (dropped) {
      stage_.Say({.kind = Kind::kDropped, .topic = *life});
    } else {
      stage_.ExcuseAbout(*life, "drop", dropped.error());
    }
  }
}

Deadline PublisherThread::PickDeadline() {
  return random_.Percent(50) ? Deadline::Never() : Deadline::After(milliseconds(random_.Below(3000)));
}

std::string PublisherThread::Ask(const PublishOrder& order, bool keyed) {
  std::string id = stage_.NextId();
  stage_.Say({.kind = Kind::kAsk,
              .id = id,
              .topic = order.topic,
              .who = order.who,
              .flag = keyed,
              .keys = order.keys});
  return id;
}

void PublisherThread::Answer(const std::string& id, std::string_view topic, const Result<Offset>& offset) {
  if (offset) return stage_.Say({.kind = Kind::kAcknowledged, .id = id, .offset = offset->value});
  const Error& error = offset.error();
  const bool unknown = error.code() == ErrorCode::kOutcomeUnknown;
  stage_.Say({.kind = unknown ? Kind::kUnknown : Kind::kRefused, .id = id, .text = error.ToString()});
  stage_.ExcuseAbout(topic, "publish", error);
}

void PublisherThread::PublishOne() {
  const PublishOrder order = Plan(stage_.NextId());
  const std::string id = Ask(order);
  Answer(id, order.topic,
         stage_.As(order.who).Publish(stage_.IdOf(order.topic), ToBatch(order.keys[0]), PickDeadline()));
}

void PublisherThread::PublishBurst() {
  const uint64_t size = 2 + random_.Below(11);
  std::mutex mutex;
  std::condition_variable answered;
  uint64_t left = size;
  for (uint64_t i = 0; i < size; ++i) {
    const PublishOrder order = Plan(stage_.NextId());
    stage_.As(order.who).PublishAsync(
        stage_.IdOf(order.topic), ToBatch(order.keys[0]),
        [&, id = Ask(order), topic = order.topic](const Result<Offset>& offset) {
          Answer(id, topic, offset);
          const std::lock_guard lock(mutex);
          if (--left == 0) answered.notify_one();
        },
        PickDeadline());
  }
  std::unique_lock lock(mutex);
  answered.wait(lock, [&] { return left == 0; });
}

void PublisherThread::PublishTogether() {
  const PublishOrder order = Plan(stage_.NextId(), 2 + random_.Below(7));
  const std::string id = Ask(order);
  Answer(id, order.topic,
         OffsetOf(stage_.As(order.who).PublishMany(stage_.IdOf(order.topic), ToBatches(order.keys), {},
                                                   PickDeadline())));
}

void PublisherThread::PublishOnce(const PublishOrder& order) {
  while (!stage_.stopping()) {
    if (TryOnce(order, /*expect_duplicate=*/false)) break;
    std::this_thread::sleep_for(milliseconds(random_.Below(50)));
  }
  if (stage_.stopping()) return;
  if (random_.Percent(10)) TryOnce(order, /*expect_duplicate=*/true);
  if (random_.Percent(10)) ReuseKey(order);
}

// True: it need not be tried again.
bool PublisherThread::TryOnce(const PublishOrder& order, bool expect_duplicate) {
  const std::string id = Ask(order, /*keyed=*/true);
  const auto outcome = stage_.As(order.who).PublishMany(stage_.IdOf(order.topic), ToBatches(order.keys),
                                                        {.producer_key = order.keys[0]}, PickDeadline());
  Answer(id, order.topic, OffsetOf(outcome));
  if (outcome && expect_duplicate && !outcome->duplicate)
    stage_.Break(order.keys[0] + " was published twice");
  const bool gone = !outcome && outcome.error().As<TopicNotFoundDetail>() != nullptr;
  return outcome.has_value() || gone || stage_.stopping();
}

// The same key for something else.
void PublisherThread::ReuseKey(const PublishOrder& order) {
  PublishOrder other = order;
  other.keys = {MakeEventKey(stage_.NextId(), 1, 50)};
  const std::string id = Ask(other);
  const auto outcome = stage_.As(other.who).PublishMany(stage_.IdOf(other.topic), ToBatches(other.keys),
                                                        {.producer_key = order.keys[0]}, PickDeadline());
  if (outcome) return stage_.Break("a producer key was used for two publishes");
  stage_.Say({.kind = Kind::kRefused, .id = id, .text = outcome.error().ToString()});
  if (outcome.error().As<ProducerKeyConflictDetail>() == nullptr)
    stage_.ExcuseAbout(order.topic, "reuse key", outcome.error());
}

// A tenant's topic is nobody else's.
void PublisherThread::PublishToAnother() {
  PublishOrder order = Plan(stage_.NextId());
  order.topic = "first's";
  order.who = 2;
  const std::string id = Ask(order);
  const auto offset =
      stage_.As(order.who).Publish(stage_.IdOf(order.topic), ToBatch(order.keys[0]), PickDeadline());
  if (offset) return stage_.Break("a tenant published to another's topic");
  stage_.Say({.kind = Kind::kRefused, .id = id, .text = offset.error().ToString()});
  if (offset.error().code() != ErrorCode::kPermissionDenied) stage_.Excuse("foreign publish", offset.error());
}

}  // namespace jammi::test
