#include "trigger/memory_broker.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "trigger/cursor.h"
#include "trigger/topic_entry.h"
#include "trigger/topic_feed.h"
#include "trigger/topic_schema.h"

namespace jammi {
namespace {

constexpr std::string_view kDriver = "in_memory";
constexpr size_t kMaxRingEvents = size_t{1} << 32;

class MemoryBroker final : public TriggerBroker {
 public:
  explicit MemoryBroker(const MemoryBrokerOptions& options)
      : runtime_(std::make_shared<FeedRuntime>(
            nullptr,
            FeedLimits{
                .ring_bytes = std::max<int64_t>(options.ring_bytes, 1),
                .ring_events = std::bit_ceil(std::clamp<size_t>(options.ring_events, 1, kMaxRingEvents))},
            std::max(options.dispatch_threads, 1), /*loader_threads=*/0)) {}

  ~MemoryBroker() override {
    for (const auto& [id, topic] : topics_) topic.feed->End(/*drain=*/false);
    runtime_->dispatch.Stop();
  }

  Result<void> RegisterTopic(const Topic& topic) override {
    const std::lock_guard lock(mutex_);
    const auto known = topics_.find(topic.id);
    if (known == topics_.end()) return Add(topic);
    return CheckSameSchema(topic, *known->second.codec.schema());
  }

  Result<void> GrowTopic(const Topic& topic) override {
    const std::lock_guard lock(mutex_);
    const auto known = topics_.find(topic.id);
    if (known == topics_.end()) return Add(topic);
    auto& state = known->second;
    const auto& schema = state.codec.schema();
    const bool grows = IsGrowthOf(*schema, *topic.schema);
    if (!grows && !IsGrowthOf(*topic.schema, *schema)) return CheckSameSchema(topic, *schema);
    auto columns = state.earlier_columns;
    columns.insert((grows ? schema : topic.schema)->num_fields());
    const std::vector<int64_t> earlier(columns.begin(), columns.end());
    JAMMI_ASSIGN(state.codec, EventCodec::Make(grows ? topic.schema : schema, earlier));
    state.earlier_columns = std::move(columns);
    return {};
  }

  Result<void> DropTopic(const TopicId& id) override {
    std::shared_ptr<TopicFeed> dropped;
    {
      const std::lock_guard lock(mutex_);
      const auto topic = topics_.find(id);
      if (topic == topics_.end()) return {};
      dropped = topic->second.feed;
      topics_.erase(topic);
    }
    dropped->End(/*drain=*/true);
    return {};
  }

  Result<Offset> Publish(const TopicId& id, const std::shared_ptr<arrow::RecordBatch>& batch,
                         UnixMicros produced_at, uint64_t offset,
                         const std::optional<TenantId>& publish_tenant) override {
    // Held to the end: a topic's events reach its ring in the order of the calls.
    const std::lock_guard lock(mutex_);
    if (!failure_.empty()) {
      return Error(ErrorCode::kUnavailable, std::exchange(failure_, {}), BrokerDetail{std::string(kDriver)});
    }
    const auto topic = topics_.find(id);
    if (topic == topics_.end()) return TopicNotFound(id.ToString());
    auto& [feed, codec, earlier_columns, cursors] = topic->second;
    if (batch == nullptr) return Error(ErrorCode::kInvalidArgument, "there is no batch to publish");
    JAMMI_TRY(CheckBatchSchema(id.ToString(), codec, *batch->schema()));
    if (offset < feed->head()) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("topic {}: offset {} was published already, the next is {}", id.ToString(),
                               offset, feed->head()));
    }
    if (Attached(cursors)) {
      const auto scope = publish_tenant ? Scope::ForTenant(*publish_tenant) : Scope::Global();
      const std::shared_ptr<const Frame> frame =
          std::make_shared<const Frame>(offset, produced_at, scope, batch);
      feed->Push({&frame, 1});
    } else {  // TRG-056
      feed->RaiseHead(offset + 1);
      feed->ClearRing();
    }
    return Offset{offset, produced_at};
  }

  Result<std::unique_ptr<Subscription>> Subscribe(const TopicId& id, Predicate predicate,
                                                  std::optional<uint64_t> from_offset) override {
    const std::lock_guard lock(mutex_);
    const auto topic = topics_.find(id);
    if (topic == topics_.end()) return TopicNotFound(id.ToString());
    auto& [feed, codec, earlier_columns, cursors] = topic->second;
    // What was published while nobody was attached is gone.
    if (!Attached(cursors)) feed->ClearRing();
    const uint64_t low_water = feed->ring_start();
    if (from_offset && *from_offset < low_water) {
      return Error(ErrorCode::kFailedPrecondition,
                   fmt::format("topic {}: offset {} is gone; the oldest that the driver has is {}",
                               id.ToString(), *from_offset, low_water),
                   OffsetEvictedDetail{low_water});
    }
    auto cursor =
        std::make_shared<Cursor>(feed, CursorStart{.codec = codec,
                                                   .next = from_offset.value_or(feed->head()),
                                                   .predicate = feed->Share(std::move(predicate), codec)});
    cursors.push_back(cursor);
    return MakeSubscription(std::move(cursor));
  }

  Result<std::vector<ConsumerOffsetSnapshot>> ListConsumers(const TopicId& id) override {
    const std::lock_guard lock(mutex_);
    const auto topic = topics_.find(id);
    if (topic == topics_.end()) return TopicNotFound(id.ToString());
    std::vector<ConsumerOffsetSnapshot> consumers;
    for (const auto& weak : topic->second.cursors) {
      const auto cursor = weak.lock();
      if (cursor == nullptr || cursor->closed()) continue;
      const uint64_t pulled = cursor->last_pulled();
      consumers.push_back({cursor->id().ToString(), id, pulled, pulled});
    }
    return consumers;
  }

  bool WantsPublish(const TopicId& id) override {
    const std::lock_guard lock(mutex_);
    const auto topic = topics_.find(id);
    return !failure_.empty() || (topic != topics_.end() && Attached(topic->second.cursors));
  }

  [[nodiscard]] BrokerKind driver_kind() const override { return BrokerKind::kInMemory; }

  void FailNext(std::string message) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(message);
  }

 private:
  struct TopicState {
    std::shared_ptr<TopicFeed> feed;
    EventCodec codec;
    std::set<int64_t> earlier_columns;  // of the codec's earlier versions
    std::vector<std::weak_ptr<Cursor>> cursors;
  };

  Result<void> Add(const Topic& topic) {
    JAMMI_ASSIGN(auto codec, EventCodec::Make(topic.schema));
    auto feed = std::make_shared<TopicFeed>(runtime_, /*topic_no=*/0);
    topics_.emplace(topic.id, TopicState{std::move(feed), std::move(codec), {}, {}});
    return {};
  }

  static Result<void> CheckSameSchema(const Topic& topic, const arrow::Schema& known) {
    const auto same = CheckBatchSchema(topic.name, known, *topic.schema);
    if (same) return {};
    const auto& detail = same.error().message();
    return Error(ErrorCode::kFailedPrecondition,
                 fmt::format("topic schema conflict on {}: {}", topic.name, detail),
                 SchemaConflictDetail{topic.name, detail});
  }

  // Is anybody there? Forgets those who left.
  static bool Attached(std::vector<std::weak_ptr<Cursor>>& cursors) {
    std::erase_if(cursors, [](const auto& weak) {
      const auto cursor = weak.lock();
      return cursor == nullptr || cursor->closed();
    });
    return !cursors.empty();
  }

  const std::shared_ptr<FeedRuntime> runtime_;
  std::mutex mutex_;
  std::string failure_;
  std::unordered_map<TopicId, TopicState> topics_;
};

}  // namespace

std::string_view ToString(BrokerKind kind) {
  switch (kind) {
    case BrokerKind::kInMemory:
      return "in_memory";
    case BrokerKind::kJetStream:
      return "jet_stream";
  }
  return "unknown";
}

std::unique_ptr<TriggerBroker> NewMemoryBroker(const MemoryBrokerOptions& options) {
  return std::make_unique<MemoryBroker>(options);
}

void FailNextPublish(TriggerBroker& broker, std::string message) {
  dynamic_cast<MemoryBroker&>(broker).FailNext(std::move(message));
}

}  // namespace jammi
