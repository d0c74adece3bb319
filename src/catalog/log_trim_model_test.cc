// Random appends, trims, changes of limits, consumers, drops and restarts beside a model in memory.
#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "catalog/trim_fixture.h"
#include "support/random.h"

namespace jammi::test {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

constexpr const char* kSeed = "JAMMI_TRIM_SEED";
constexpr const char* kSteps = "JAMMI_TRIM_STEPS";

struct ModelTopic {
  StoredTopic topic;
  uint64_t low_water = 0;
  std::vector<std::pair<UnixMicros, size_t>> events;  // all, ever: when in the model's time, and bytes
  std::optional<uint64_t> consumer;

  [[nodiscard]] size_t bytes() const {
    return std::accumulate(events.begin() + static_cast<int64_t>(low_water), events.end(), size_t{0},
                           [](size_t sum, const auto& event) { return sum + event.second; });
  }
  // What a trim at `now` leaves.
  void Trim(UnixMicros now) {
    const TopicRetention& limits = topic.retention;
    const auto beyond = [&] {
      const auto count = events.size() - low_water;
      if (count == 0) return false;
      if (limits.keep_for_consumers.value_or(false) && consumer && low_water >= *consumer) return false;
      const auto max_age = limits.max_age.value_or(microseconds(0)).count();
      if (max_age > 0 && events[low_water].first < now - max_age) return true;
      if (const auto most = limits.max_events.value_or(0); most > 0 && std::cmp_greater(count, most))
        return true;
      const auto most = limits.max_bytes.value_or(0);
      return most > 0 && count > 1 && std::cmp_greater(bytes(), most);
    };
    while (beyond()) ++low_water;
  }
};

class LogTrimModelTest : public TrimFixture {
 protected:
  ModelTopic& Pick() { return std::next(topics_.begin(), Below(topics_.size()))->second; }
  std::ptrdiff_t Below(size_t bound) { return static_cast<std::ptrdiff_t>(random_.Below(bound)); }

  TopicRetention DrawRetention() {
    TopicRetention retention;
    // Ages in odd halves of the unit in which the clock is moved: no comparison is a close one.
    if (random_.Percent(40)) retention.max_age = seconds(30 + 60 * random_.Below(4));
    if (random_.Percent(40)) retention.max_bytes = static_cast<int64_t>(random_.Below(3000));
    if (random_.Percent(40)) retention.max_events = static_cast<int64_t>(random_.Below(12));
    if (random_.Percent(30)) retention.keep_for_consumers = random_.Percent(70);
    return retention;
  }

  void Register() {
    const std::string name = fmt::format("t{}", random_.Below(4));
    auto stored = Topics().Register(kA, name, "schema", {}, DrawRetention());
    if (!stored) {
      EXPECT_EQ(stored.error().code(), ErrorCode::kAlreadyExists);
      return;
    }
    EXPECT_TRUE(numbers_.insert(stored->topic_no).second) << "a topic number was given twice";
    topics_.emplace(stored->topic_no, ModelTopic{.topic = *stored});
  }

  void AppendTo(ModelTopic& topic) {
    for (uint64_t n = 1 + random_.Below(6); n > 0; --n) {
      const size_t bytes = random_.Below(600);
      EXPECT_EQ(Append(topic.topic.topic_no, bytes), topic.events.size());
      topic.events.emplace_back(now_, bytes);
    }
  }

  void MoveConsumer(ModelTopic& topic) {
    const ConsumerKey key{topic.topic.topic_no, "c"};
    const uint64_t position = topic.low_water + random_.Below(topic.events.size() - topic.low_water + 1);
    if (!topic.consumer) {
      Create(kA, key.topic_no, "c", position);
      topic.consumer = position;
    } else if (random_.Percent(20)) {
      Ok(As(kA).Delete(key, ConsumerRepo::OnLeased::kTakeOver));
      topic.consumer.reset();
    } else {
      Ok(As(kA).Ack(key, Attach(kA, key, "reader"), position));
      topic.consumer = std::max(*topic.consumer, position);
    }
  }

  void TrimNow() {
    auto trim = MakeTrim();
    TrimAll(trim);
    for (auto& [number, topic] : topics_) topic.Trim(now_);
    if (random_.Percent(50)) PurgeAll(trim);
    Ok(trim.Release({}));
  }

  void Step() {
    const uint64_t draw = random_.Below(100);
    if (topics_.empty() || draw < 8) return Register();
    if (draw < 50) return AppendTo(Pick());
    if (draw < 60) {
      const seconds by(60 * random_.Below(3));
      MoveClock(by);
      now_ += microseconds(by).count();
    } else if (draw < 70) {
      ModelTopic& topic = Pick();
      topic.topic.retention = DrawRetention();
      Ok(Topics().SetRetention(kA, topic.topic.id, topic.topic.retention));
    } else if (draw < 78) {
      MoveConsumer(Pick());
    } else if (draw < 93) {
      TrimNow();
    } else if (draw < 97) {
      const auto gone = std::next(topics_.begin(), Below(topics_.size()));
      Drop(kA, gone->second.topic.name);
      topics_.erase(gone);
    } else {
      Reopen();
    }
  }

  void Compare(ModelTopic& topic) {
    SCOPED_TRACE(fmt::format("topic {}", topic.topic.topic_no));
    const auto stats = StatsOf(topic.topic);
    EXPECT_EQ(stats.next_offset, topic.events.size());
    EXPECT_EQ(stats.low_water, topic.low_water);
    EXPECT_EQ(stats.events, topic.events.size() - topic.low_water);
    EXPECT_EQ(stats.bytes, topic.bytes());
    EXPECT_EQ(stats.oldest_at.has_value(), stats.events > 0);
    EXPECT_EQ(static_cast<uint64_t>(Rows(topic.topic.topic_no)), stats.events);
    EXPECT_EQ(Ok(Topics().FindById(kA, topic.topic.id)).retention, topic.topic.retention);
    const uint64_t from = random_.Below(topic.events.size() + 1);
    const auto page = Ok(catalog_->log().Read(topic.topic.topic_no, from, kA, {.events = 100'000}));
    EXPECT_EQ(page.head.low_water, topic.low_water);
    EXPECT_EQ(page.events.size(), from < topic.low_water ? 0 : topic.events.size() - from);
    for (size_t i = 0; i < page.events.size(); ++i) {
      EXPECT_EQ(page.events[i].offset, from + i);
      EXPECT_EQ(static_cast<size_t>(page.events[i].payload->size()), topic.events[from + i].second);
    }
  }

  const uint64_t seed_ = FromEnvironment(kSeed, 1);
  Random random_{seed_};
  UnixMicros now_ = 0;
  std::map<int64_t, ModelTopic> topics_;
  std::set<int64_t> numbers_;
};

TEST_P(LogTrimModelTest, TheLogIsWhatTheModelSays) {
  SCOPED_TRACE(Replay(kSeed, seed_));
  const uint64_t steps = FromEnvironment(kSteps, 400);
  for (uint64_t i = 0; i < steps && !HasFailure(); ++i) {
    SCOPED_TRACE(fmt::format("step {}", i));
    Step();
    if (!topics_.empty()) Compare(Pick());
  }
  for (auto& [number, topic] : topics_) Compare(topic);
  EXPECT_THAT(Findings(), testing::IsEmpty());
}

JAMMI_ON_EVERY_DATABASE(LogTrimModelTest);

}  // namespace
}  // namespace jammi::test
