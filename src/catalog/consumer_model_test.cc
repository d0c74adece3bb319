// Random verbs of several scopes on consumers, beside a model in memory: the same answers, the same
// positions.
#include <fmt/format.h>

#include <map>

#include "catalog/consumer_fixture.h"
#include "support/random.h"

namespace jammi::test {
namespace {

using std::chrono::minutes;
using OnLeased = ConsumerRepo::OnLeased;

// Time passes in steps of ten minutes and leases last five more than a number of them, so that the seconds
// that a server's clock adds by itself decide nothing.
constexpr int kStep = 10;
constexpr int kLeaseMinutes = 25;

struct ModelConsumer {
  uint64_t start = 0;
  uint64_t position = 0;
  int incarnation = 0;
  std::string holder;  // empty = not leased
  int64_t epoch = 0;
  int64_t expires = 0;  // in minutes

  [[nodiscard]] bool LiveAt(int64_t now) const { return !holder.empty() && expires > now; }
};

struct ModelTopic {
  std::string name;
  Scope owner = Scope::Global();
  uint64_t head = 0;
};

class ConsumerModelTest : public ConsumersTest {
 protected:
  using Code = std::optional<ErrorCode>;
  using Key = std::tuple<std::string, int64_t, std::string>;  // scope, topic, name
  static constexpr Code kFine = std::nullopt;

  ConsumerModelTest() {
    AddTopic("global", kGlobal);
    AddTopic("of a", kA);
    AddTopic("of b", kB);
  }

  void AddTopic(const std::string& name, const Scope& owner) {
    topics_[MakeTopic(owner, name)] = {.name = name, .owner = owner};
  }

  template <class List>
  const auto& OneOf(const List& list) {
    return *std::next(std::begin(list), static_cast<std::ptrdiff_t>(random_.Below(std::size(list))));
  }
  uint64_t AnyPosition(uint64_t head) { return random_.Percent(15) ? head + 1 : random_.Below(head + 1); }
  OnLeased AnyOnLeased() { return random_.Percent(20) ? OnLeased::kTakeOver : OnLeased::kFail; }

  ModelConsumer* Find(const Scope& scope, const ConsumerKey& key) {
    const auto found = consumers_.find({scope.Key(), key.topic_no, std::string(key.name)});
    return found == consumers_.end() ? nullptr : &found->second;
  }
  // What stands in the way of whoever wants the consumer for himself.
  Code Obstacle(const ModelConsumer* consumer, OnLeased on_leased) const {
    if (consumer == nullptr) return ErrorCode::kNotFound;
    const bool held = consumer->LiveAt(now_) && on_leased == OnLeased::kFail;
    return held ? Code(ErrorCode::kFailedPrecondition) : kFine;
  }
  [[nodiscard]] bool Holds(const ModelConsumer* consumer, const LeaseToken& token) const {
    return consumer != nullptr && consumer->LiveAt(now_) && consumer->holder == token.holder &&
           consumer->epoch == token.epoch;
  }

  void Expect(const StoredConsumer& stored, const ModelConsumer& model) const {
    EXPECT_EQ(stored.start, model.start);
    EXPECT_EQ(stored.position, model.position);
    EXPECT_EQ(stored.needs_reset, model.incarnation != incarnation_);
    EXPECT_EQ(stored.head, topics_.at(stored.topic_no).head);
    ASSERT_EQ(stored.lease.has_value(), !model.holder.empty());
    if (!stored.lease) return;
    EXPECT_EQ(stored.lease->token, (LeaseToken{model.holder, model.epoch}));
    EXPECT_EQ(stored.lease->live, model.LiveAt(now_));
  }

  // --- Verbs: each does it in both and compares the answers.

  void DoCreate(const Scope& scope, const ConsumerKey& key) {
    const ModelTopic& topic = topics_.at(key.topic_no);
    const uint64_t start = AnyPosition(topic.head);
    Code expected = kFine;
    if (!scope.Sees(topic.owner)) {
      expected = ErrorCode::kNotFound;
    } else if (start > topic.head) {
      expected = ErrorCode::kFailedPrecondition;
    } else if (Find(scope, key) != nullptr) {
      expected = ErrorCode::kAlreadyExists;
    }
    const auto made =
        As(scope).Create({.topic_no = key.topic_no, .name = std::string(key.name), .start = start});
    ASSERT_EQ(CodeOf(made), expected);
    if (!made) return;
    const ModelConsumer model = {
        .start = start, .position = start, .incarnation = incarnation_, .epoch = made->created_at};
    Expect(*made, model);
    consumers_[{scope.Key(), key.topic_no, std::string(key.name)}] = model;
  }

  void DoAttach(const Scope& scope, const ConsumerKey& key) {
    const std::string holder = OneOf(holders_);
    const OnLeased on_leased = AnyOnLeased();
    ModelConsumer* consumer = Find(scope, key);
    Code expected = Obstacle(consumer, on_leased);
    if (consumer != nullptr && consumer->holder == holder) expected = kFine;
    if (consumer != nullptr && consumer->incarnation != incarnation_)
      expected = ErrorCode::kFailedPrecondition;
    const auto attached = As(scope).Attach(key, holder, minutes(kLeaseMinutes), on_leased);
    ASSERT_EQ(CodeOf(attached), expected);
    if (!attached) return;
    consumer->holder = holder;
    consumer->epoch += 1;
    consumer->expires = now_ + kLeaseMinutes;
    Expect(*attached, *consumer);
    tokens_.push_back(attached->lease->token);
  }

  void DoAck(const Scope& scope, const ConsumerKey& key, const LeaseToken& token) {
    ModelConsumer* consumer = Find(scope, key);
    const uint64_t head = topics_.at(key.topic_no).head;
    const uint64_t position = AnyPosition(head);
    Code expected = kFine;
    if (!Holds(consumer, token) || consumer->incarnation != incarnation_ || position > head) {
      expected = ErrorCode::kFailedPrecondition;
    }
    ASSERT_EQ(CodeOf(As(scope).Ack(key, token, position)), expected);
    if (!expected) consumer->position = std::max(consumer->position, position);
  }

  void DoRenew(const Scope& scope, const ConsumerKey& key, const LeaseToken& token) {
    ModelConsumer* consumer = Find(scope, key);
    const Code expected = Holds(consumer, token) ? kFine : ErrorCode::kFailedPrecondition;
    ASSERT_EQ(CodeOf(As(scope).Renew(key, token, minutes(kLeaseMinutes))), expected);
    if (!expected) consumer->expires = now_ + kLeaseMinutes;
  }

  void DoDetach(const Scope& scope, const ConsumerKey& key, const LeaseToken& token) {
    ModelConsumer* consumer = Find(scope, key);
    const Code expected = Holds(consumer, token) ? kFine : ErrorCode::kFailedPrecondition;
    ASSERT_EQ(CodeOf(As(scope).Detach(key, token)), expected);
    if (!expected) consumer->holder.clear();
  }

  void DoReset(const Scope& scope, const ConsumerKey& key) {
    const OnLeased on_leased = AnyOnLeased();
    ModelConsumer* consumer = Find(scope, key);
    const uint64_t head = topics_.at(key.topic_no).head;
    const uint64_t position = AnyPosition(head);
    Code expected = Obstacle(consumer, on_leased);
    if (position > head && scope.Sees(topics_.at(key.topic_no).owner))
      expected = ErrorCode::kFailedPrecondition;
    const auto reset = As(scope).Reset(key, position, on_leased);
    ASSERT_EQ(CodeOf(reset), expected);
    if (!reset) return;
    consumer->position = position;
    consumer->incarnation = incarnation_;
    consumer->holder.clear();
    Expect(*reset, *consumer);
  }

  void DoDelete(const Scope& scope, const ConsumerKey& key) {
    const OnLeased on_leased = AnyOnLeased();
    const Code expected = Obstacle(Find(scope, key), on_leased);
    ASSERT_EQ(CodeOf(As(scope).Delete(key, on_leased)), expected);
    if (!expected) consumers_.erase({scope.Key(), key.topic_no, std::string(key.name)});
  }

  // A topic goes, and another of its name comes.
  void DoDropTopic(int64_t topic_no) {
    const ModelTopic topic = topics_.at(topic_no);
    Drop(topic.owner, topic.name);
    topics_.erase(topic_no);
    std::erase_if(consumers_, [&](const auto& entry) { return std::get<1>(entry.first) == topic_no; });
    AddTopic(topic.name, topic.owner);
  }

  void DoNewIncarnation() {
    Sql("UPDATE catalog_identity SET incarnation = $1", {Uuid::RandomV4().ToString()});
    Reopen();  // connections of an engine are of one incarnation
    ++incarnation_;
  }

  void DoAny() {
    const Scope scope = OneOf(scopes_);
    const int64_t topic_no = OneOf(topics_).first;
    const std::string name = OneOf(names_);
    const ConsumerKey key{topic_no, name};
    const LeaseToken token = OneOf(tokens_);
    const uint64_t dice = random_.Below(100);
    if (dice < 15) return DoCreate(scope, key);
    if (dice < 35) return DoAttach(scope, key);
    if (dice < 60) return DoAck(scope, key, token);
    if (dice < 68) return DoRenew(scope, key, token);
    if (dice < 73) return DoDetach(scope, key, token);
    if (dice < 80) return DoReset(scope, key);
    if (dice < 84) return DoDelete(scope, key);
    if (dice < 92) {
      Publish(topic_no, 2);
      topics_.at(topic_no).head += 2;
    } else if (dice < 97) {
      MoveClock(minutes(kStep));
      now_ += kStep;
    } else if (dice < 99) {
      DoDropTopic(topic_no);
    } else {
      DoNewIncarnation();
    }
  }

  void CompareAll() {
    for (const Scope& scope : scopes_) {
      for (const auto& [topic_no, topic] : topics_) {
        std::vector<std::string> expected;
        for (const auto& [key, consumer] : consumers_) {
          if (std::get<0>(key) == scope.Key() && std::get<1>(key) == topic_no)
            expected.push_back(std::get<2>(key));
        }
        EXPECT_EQ(Names(scope, topic_no), expected);
      }
    }
    for (const auto& [key, consumer] : consumers_) {
      const auto& [scope, topic_no, name] = key;
      Expect(Ok(As(Ok(Scope::FromKey(scope))).Get({topic_no, name})), consumer);
    }
  }

  const std::vector<Scope> scopes_ = {kA, kB, kOutsider, kGlobal};
  const std::vector<std::string> names_ = {"x", "y"};
  const std::vector<std::string> holders_ = {"one", "two"};
  const uint64_t seed_ = FromEnvironment("JAMMI_CONSUMERS_SEED", 1);
  Random random_{seed_};
  int64_t now_ = 0;
  int incarnation_ = 0;
  std::map<int64_t, ModelTopic> topics_;
  std::map<Key, ModelConsumer> consumers_;
  std::vector<LeaseToken> tokens_ = {{"nobody", 1}};
};

JAMMI_ON_EVERY_DATABASE(ConsumerModelTest);

TEST_P(ConsumerModelTest, RandomVerbsAnswerAsTheModelDoes) {
  SCOPED_TRACE(Replay("JAMMI_CONSUMERS_SEED", seed_));
  for (int i = 1; i <= 3000 && !HasFailure(); ++i) {
    DoAny();
    if (i % 50 == 0) CompareAll();
    if (i % 700 == 0) Reopen();
    // Tokens of long ago are refused like those of yesterday.
    if (tokens_.size() > 12) tokens_.erase(tokens_.begin());
  }
}

}  // namespace
}  // namespace jammi::test
