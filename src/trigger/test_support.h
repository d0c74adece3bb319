// What the tests of this folder share: schema S of the reference cases, its batches, a stage of feeds
// over a log in memory, and streams over a real catalog.
#pragma once

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/sync_point.h"
#include "support/temp_dir.h"
#include "trigger/fake_log.h"
#include "trigger/streams.h"

namespace jammi {

#define JAMMI_OK(expr)                                    \
  do {                                                    \
    const auto& jammi_ok = (expr);                        \
    ASSERT_TRUE(jammi_ok) << jammi_ok.error().ToString(); \
  } while (false)

// Nothing in these tests takes so long; a wait that does has lost its wake-up.
inline Deadline Soon() { return Deadline::After(std::chrono::seconds(30)); }

inline TenantId Tenant(int n) { return *TenantId::Parse(fmt::format("00000000-0000-4000-8000-{:012}", n)); }

inline std::shared_ptr<arrow::Schema> SchemaS() {
  static const auto schema =
      arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("kind", arrow::utf8(), false),
                     arrow::field("value", arrow::float64())});
  return schema;
}

// Rows id, id+1, ...; all of one kind; every third value is null.
inline std::shared_ptr<arrow::RecordBatch> BatchS(int64_t id, const std::string& kind = "X",
                                                  int64_t rows = 1) {
  arrow::Int64Builder ids;
  arrow::StringBuilder kinds;
  arrow::DoubleBuilder values;
  for (int64_t row = 0; row < rows; ++row) {
    EXPECT_TRUE(ids.Append(id + row).ok());
    EXPECT_TRUE(kinds.Append(kind).ok());
    EXPECT_TRUE((row % 3 == 2 ? values.AppendNull() : values.Append(static_cast<double>(row) / 2)).ok());
  }
  return arrow::RecordBatch::Make(SchemaS(), rows, {*ids.Finish(), *kinds.Finish(), *values.Finish()});
}

inline std::vector<int64_t> Ids(const arrow::RecordBatch& batch) {
  const auto& ids = static_cast<const arrow::Int64Array&>(*batch.column(0));
  return {ids.raw_values(), ids.raw_values() + ids.length()};
}

inline std::vector<uint64_t> Range(uint64_t begin, uint64_t end, uint64_t step = 1) {
  std::vector<uint64_t> range;
  for (; begin < end; begin += step) range.push_back(begin);
  return range;
}

// The next delivery; fails the test at the end, on an error, and when there is none.
inline Delivery NextOf(Subscription& subscription) {
  auto next = subscription.Next(Soon());
  EXPECT_TRUE(next) << next.error().ToString();
  if (!next || !*next) {
    ADD_FAILURE() << "no delivery";
    return Delivery{.batch = BatchS(-1)};
  }
  return std::move(**next);
}

inline std::vector<uint64_t> NextOffsets(Subscription& subscription, size_t count) {
  std::vector<uint64_t> offsets;
  for (size_t i = 0; i < count && !testing::Test::HasFailure(); ++i)
    offsets.push_back(NextOf(subscription).offset);
  return offsets;
}

// All deliveries up to the end of the stream.
inline std::vector<Delivery> Drain(Subscription& subscription) {
  std::vector<Delivery> deliveries;
  for (;;) {
    auto next = subscription.Next(Soon());
    EXPECT_TRUE(next) << next.error().ToString();
    if (!next || !*next) return deliveries;
    deliveries.push_back(std::move(**next));
  }
}

inline std::vector<int64_t> FirstIds(const std::vector<Delivery>& deliveries) {
  std::vector<int64_t> ids;
  for (const auto& delivery : deliveries) ids.push_back(Ids(*delivery.batch).at(0));
  return ids;
}

inline std::vector<uint64_t> Offsets(const std::vector<Delivery>& deliveries) {
  std::vector<uint64_t> offsets;
  for (const auto& delivery : deliveries) offsets.push_back(delivery.offset);
  return offsets;
}

// Nothing for this subscriber: it has looked at everything there is, and found nothing to deliver.
inline void ExpectNothing(Subscription& subscription) {
  while (subscription.lag() > 0 && !testing::Test::HasFailure()) {
    const auto next = subscription.Next(Deadline::After(std::chrono::milliseconds(10)));
    ASSERT_FALSE(next) << (*next ? fmt::format("offset {}", (*next)->offset) : "end");
    ASSERT_EQ(next.error().code(), ErrorCode::kDeadlineExceeded) << next.error().ToString();
  }
  const auto next = subscription.Next(Deadline::Now());
  ASSERT_FALSE(next);
  ASSERT_EQ(next.error().code(), ErrorCode::kDeadlineExceeded) << next.error().ToString();
}

// Something that happens once, and that another thread waits for.
class Event {
 public:
  void Set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool Wait(std::chrono::milliseconds at_most = std::chrono::seconds(30)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, at_most, [this] { return set_; });
  }
  [[nodiscard]] bool IsSet() {
    const std::lock_guard lock(mutex_);
    return set_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

// One global topic on a log in memory.
class FeedsTest : public testing::Test {
 protected:
  FeedsTest() { Start({}); }
  ~FeedsTest() override { ClearSyncPoints(); }

  void Start(const FeedLimits& limits, std::chrono::milliseconds head_poll = std::chrono::hours(1)) {
    log_.SetListener(nullptr);
    feeds_ = std::make_unique<Feeds>(log_, limits, 2, 2, head_poll);
    log_.SetListener([this](std::span<const CommittedEvent> events) { feeds_->OnCommitted(events); });
    log_.Create(topic_.topic_no);
  }

  std::unique_ptr<Subscription> Attach(From from, const std::string& predicate = "", bool follow = true,
                                       const Scope& reader = Scope::Global()) {
    auto subscription = feeds_->Attach(topic_, reader, from, {.predicate = predicate, .follow = follow});
    EXPECT_TRUE(subscription) << subscription.error().ToString();
    return subscription ? std::move(*subscription) : nullptr;
  }

  uint64_t Publish(const std::shared_ptr<arrow::RecordBatch>& batch, const Scope& scope = Scope::Global()) {
    const auto offset = publisher_.Publish(topic_, scope, {&batch, 1}, {}, Soon());
    EXPECT_TRUE(offset) << offset.error().ToString();
    return offset ? offset->offset.value : UINT64_MAX;
  }
  void PublishMany(int64_t count) {
    for (int64_t i = 0; i < count; ++i) Publish(BatchS(i));
  }

  static TopicEntry MakeTopic(int64_t topic_no) {
    return {.topic = {.id = TopicId(Uuid::RandomV4()), .name = "topic", .schema = SchemaS()},
            .topic_no = topic_no,
            .codec = *EventCodec::Make(SchemaS())};
  }

  FakeLog log_;
  const TopicEntry topic_ = MakeTopic(7);
  Publisher publisher_{log_, 16 << 20};
  std::unique_ptr<Feeds> feeds_;
};

// Streams over a catalog: `open`'s, else an SQLite file in a temporary folder.
class StreamsTest : public testing::Test {
 protected:
  using OpenCatalog = std::function<Result<std::unique_ptr<Catalog>>()>;
  explicit StreamsTest(OpenCatalog open = {}) : open_(std::move(open)) {
    SetLog(LogLevel::kError, LogFormat::kText);  // brokers fail here on purpose
    Open();
  }
  ~StreamsTest() override {
    Close();
    ClearSyncPoints();
    SetLog(LogLevel::kWarning, LogFormat::kText);
  }

  Result<std::unique_ptr<Catalog>> OpenFile() const {
    SqliteOptions sqlite;
    sqlite.path = folder_ / "catalog.db";
    sqlite.clock = clock_;
    return OpenSqliteCatalog(sqlite);
  }
  void Open() {
    auto catalog = open_ ? open_() : OpenFile();
    ASSERT_TRUE(catalog) << catalog.error().ToString();
    catalog_ = std::move(*catalog);
    auto streams = Streams::Open(*catalog_, options_, broker_);
    ASSERT_TRUE(streams) << streams.error().ToString();
    streams_ = std::move(*streams);
  }
  void Close() {
    if (streams_ != nullptr) streams_->Shutdown();
    streams_.reset();
    catalog_.reset();
  }
  void Reopen() {
    Close();
    Open();
  }

  Topic Register(const std::string& name, const Scope& scope = Scope::Global()) {
    auto topic = streams_->RegisterTopic(scope, name, SchemaS());
    EXPECT_TRUE(topic) << topic.error().ToString();
    return *topic;
  }
  Offset Publish(const Topic& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                 const Scope& scope = Scope::Global()) {
    const auto offset = streams_->Publish(scope, topic.id, batch, Soon());
    EXPECT_TRUE(offset) << offset.error().ToString();
    return offset ? *offset : Offset{UINT64_MAX};
  }
  std::unique_ptr<Subscription> Subscribe(const Topic& topic, From from, const std::string& predicate = "",
                                          const Scope& scope = Scope::Global(), bool follow = true) {
    auto made = streams_->Subscribe(scope, topic.id, from, {.predicate = predicate, .follow = follow});
    EXPECT_TRUE(made) << made.error().ToString();
    return made ? std::move(*made) : nullptr;
  }
  std::vector<Delivery> Replay(const Topic& topic, const Scope& scope = Scope::Global(),
                               const std::string& predicate = "") {
    return Drain(*Subscribe(topic, From::Offset(0), predicate, scope, /*follow=*/false));
  }

  const Scope a_ = Scope::ForTenant(Tenant(1));
  const Scope b_ = Scope::ForTenant(Tenant(2));
  const test::TempDir folder_{test::TempDir::On::kMemory};
  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(1'700'000'000'000'000);
  const OpenCatalog open_;
  StreamsOptions options_;
  std::shared_ptr<TriggerBroker> broker_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Streams> streams_;
};

}  // namespace jammi
