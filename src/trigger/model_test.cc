// Random operations on feeds and cursors, step by step beside a model: the log itself, filtered.
#include <random>

#include "trigger/test_support.h"

namespace jammi {
namespace {

class ModelTest : public FeedsTest {
 protected:
  struct Reader {
    std::unique_ptr<Subscription> subscription;
    Scope scope = Scope::Global();
    int64_t least_id = 0;  // its predicate: id >= least_id
    uint64_t position = 0;
  };

  uint64_t Random(uint64_t below) { return random_() % below; }
  Scope RandomScope() {
    const auto n = static_cast<int>(Random(3));
    return n == 0 ? Scope::Global() : Scope::ForTenant(Tenant(n));
  }

  void AttachReader() {
    const auto events = log_.Events(topic_.topic_no);
    Reader reader{.scope = RandomScope(), .least_id = static_cast<int64_t>(Random(3) * 40)};
    const uint64_t from = low_water_ + Random(events.size() - low_water_ + 3);
    const bool newest = Random(4) == 0;
    reader.position = newest ? events.size() : from;
    reader.subscription =
        Attach(newest ? From::Newest() : From::Offset(from),
               reader.least_id == 0 ? "" : fmt::format("id >= {}", reader.least_id), true, reader.scope);
    readers_.push_back(std::move(reader));
  }

  void PublishOne() {
    log_.set_silent(Random(5) == 0);
    Publish(BatchS(static_cast<int64_t>(Random(120)), "X", static_cast<int64_t>(Random(4))), RandomScope());
  }

  void Trim() {
    low_water_ += Random(log_.Events(topic_.topic_no).size() - low_water_ + 1) / 4;
    log_.Trim(topic_.topic_no, low_water_);
  }

  // What the model says comes next; its ids, or nothing at the head.
  struct Expected {
    uint64_t offset = 0;
    std::vector<int64_t> ids;
  };
  std::optional<Expected> Expect(const Reader& reader) {
    const auto events = log_.Events(topic_.topic_no);
    for (uint64_t offset = reader.position; offset < events.size(); ++offset) {
      if (!reader.scope.Sees(events[offset].scope)) continue;
      auto ids = Ids(**topic_.codec.Decode(events[offset].payload, events[offset].row_count));
      const bool empty = ids.empty();
      std::erase_if(ids, [&](int64_t id) { return id < reader.least_id; });
      if (!ids.empty() || (empty && reader.least_id == 0)) return Expected{offset, ids};
    }
    return std::nullopt;
  }

  // False: the reader is gone, as it has to be.
  bool ReadOne(Reader& reader) {
    // Nobody has told this process of the events at and above its head.
    const uint64_t head = reader.subscription->position() + reader.subscription->lag();
    const auto expected = Expect(reader);
    const bool known = expected && expected->offset < head;
    const auto next = reader.subscription->Next(known ? Soon() : Deadline::Now());
    if (next) {
      EXPECT_TRUE(*next && expected);
      if (!*next || !expected) return false;
      EXPECT_EQ((*next)->offset, expected->offset);
      EXPECT_EQ(Ids(*(*next)->batch), expected->ids);
      reader.position = expected->offset + 1;
      return true;
    }
    if (next.error().code() == ErrorCode::kDeadlineExceeded) {
      EXPECT_FALSE(known) << "event " << expected->offset << " did not come";
      reader.position = reader.subscription->position();
      return true;
    }
    const auto* evicted = next.error().As<OffsetEvictedDetail>();
    EXPECT_NE(evicted, nullptr) << next.error().ToString();
    EXPECT_LT(reader.subscription->position(), low_water_);
    EXPECT_TRUE(evicted == nullptr || evicted->low_water == low_water_);
    return false;
  }

  std::mt19937_64 random_;
  uint64_t low_water_ = 0;
  std::vector<Reader> readers_;
};

TEST_F(ModelTest, Trg085DeliveriesEqualTheModel) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  random_.seed(seed);
  Start({.ring_bytes = 16 << 10, .page = {.events = 5, .bytes = 2048}});
  for (int step = 0; step < 6000 && !HasFailure(); ++step) {
    const uint64_t choice = Random(100);
    if (choice < 40) {
      PublishOne();
    } else if (choice < 45 && readers_.size() < 12) {
      AttachReader();
    } else if (choice < 46) {
      Trim();
    } else if (!readers_.empty()) {
      const size_t i = Random(readers_.size());
      for (uint64_t reads = Random(8); reads > 0 && !HasFailure(); --reads) {
        if (choice > 97 || !ReadOne(readers_[i])) {
          readers_.erase(readers_.begin() + static_cast<int64_t>(i));
          break;
        }
      }
    }
  }
}

}  // namespace
}  // namespace jammi
