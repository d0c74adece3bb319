// Random deliveries, acknowledgements, closes, crashes, takeovers, expiries, resets and restarts of named
// consumers, step by step beside a model: what a consumer has done with, and what it must be given next.
#include <random>

#include "trigger/consumer_fixture.h"

namespace jammi {
namespace {

class ConsumerModelTest : public ConsumersTest {
 protected:
  struct Event {
    Scope scope = Scope::Global();
    int64_t id = 0;
  };
  struct Model {
    Scope scope = Scope::Global();
    std::string name;
    std::string predicate;
    int64_t least_id = 0;
    // What the catalog holds.
    uint64_t position = 0;
    // Of the reader, if there is one.
    Reader reader;
    uint64_t next = 0;  // all below was delivered or is not to be
    std::vector<uint64_t> delivered;
    std::optional<uint64_t> acked;
    uint64_t at_head = 0;  // it has seen that there is nothing more below
    // Those before it, who have lost their lease and do not all know it.
    std::vector<Reader> past;

    [[nodiscard]] bool Outstanding() const { return !delivered.empty() && acked != delivered.back(); }
  };

  uint64_t Random(uint64_t below) { return random_() % below; }
  bool Sees(const Model& model, uint64_t offset) const {
    return model.scope.Sees(events_[offset].scope) && events_[offset].id >= model.least_id;
  }

  void PublishOne() {
    const auto who = Random(3);
    const Event event{who == 0 ? Scope::Global() : who == 1 ? a_ : b_, static_cast<int64_t>(Random(100))};
    Publish(topic_, event.id, event.id + 1, event.scope);
    events_.push_back(event);
  }

  // A new reader begins where the catalog says, whatever the one before has seen.
  void AttachNew(Model& model) {
    model.reader = Attach(node_, model.scope, topic_.id, model.name,
                          {.on_leased = OnLeased::kTakeOver, .lease = kLease});
    EXPECT_EQ(model.reader->position(), model.position);
    model.next = model.at_head = model.position;
    model.delivered.clear();
    model.acked.reset();
  }
  void Part(Model& model) {
    if (model.reader != nullptr) model.past.push_back(std::move(model.reader));
    if (model.past.size() > 3) model.past.erase(model.past.begin());
  }

  void Read(Model& model) {
    uint64_t offset = model.next;
    while (offset < events_.size() && !Sees(model, offset)) ++offset;
    if (offset < events_.size()) {
      EXPECT_EQ(NextOf(*model.reader).offset, offset);
      model.delivered.push_back(offset);
      model.next = offset + 1;
    } else {
      EXPECT_EQ(ReadAll(*model.reader), std::vector<uint64_t>());
      model.next = model.at_head = events_.size();
    }
  }

  void Ack(Model& model) {
    if (model.delivered.empty() || Random(10) == 0) {
      const uint64_t beyond = model.delivered.empty() ? model.next : model.delivered.back() + 1;
      EXPECT_EQ(CodeOf(model.reader->Ack(beyond + Random(3))), ErrorCode::kInvalidArgument);
      return;
    }
    const uint64_t offset = model.delivered[Random(model.delivered.size())];
    EXPECT_TRUE(model.reader->Ack(offset));
    model.acked = std::max(model.acked.value_or(0), offset);
  }

  // The catalog's position: nothing that its reader has not acknowledged lies below it.
  void CheckMoved(Model& model) {
    const uint64_t position = PositionOf(topic_.id, model.name, model.scope);
    EXPECT_GE(position, model.position);
    for (uint64_t offset = model.position; offset < position; ++offset) {
      if (!Sees(model, offset)) continue;
      EXPECT_TRUE(std::ranges::find(model.delivered, offset) != model.delivered.end()) << offset;
      EXPECT_LE(offset, model.acked.value_or(0)) << "event " << offset << " is not acknowledged";
    }
    model.position = position;
  }
  // And what it has acknowledged does.
  void CheckWritten(Model& model) {
    CheckMoved(model);
    EXPECT_TRUE(!model.acked || model.position > *model.acked);
    EXPECT_TRUE(model.Outstanding() || model.position >= model.at_head);
  }
  void CheckUnmoved(const Model& model) {
    EXPECT_EQ(PositionOf(topic_.id, model.name, model.scope), model.position);
  }

  void WriteAll() {
    node_.attachments().Write();
    for (auto& model : models_) model.reader == nullptr ? CheckUnmoved(model) : CheckWritten(model);
  }
  void Close(Model& model) {
    model.reader->Close();
    CheckWritten(model);
    model.reader.reset();
  }
  void Reset(Model& model) {
    const uint64_t to = Random(events_.size() + 1);
    const auto moved = node_.Reset(model.scope, topic_.id, model.name, From::Offset(to), OnLeased::kTakeOver);
    ASSERT_TRUE(moved) << moved.error().ToString();
    model.position = to;
    Part(model);
  }
  void Expire() {
    for (auto& model : models_) Part(model);
    MoveTime(kLease);
    for (auto& model : models_) CheckMoved(model);
  }
  void KeepAlive() {
    MoveTime(kLease / 2);
    node_.attachments().keeper().Renew();
  }
  void Restart() {
    node_.Close();
    Open(node_);
    for (auto& model : models_) {
      model.reader == nullptr ? CheckUnmoved(model) : CheckWritten(model);
      model.reader.reset();
      model.past.clear();
    }
  }
  // Those of the past still try.
  void Haunt(Model& model) {
    for (const auto& reader : model.past) {
      EXPECT_NE(LostTo(reader->Ack(reader->position() == 0 ? 0 : reader->position() - 1)), std::nullopt);
      EXPECT_NE(LostTo(reader->TryNext()), std::nullopt);
    }
    node_.attachments().Write();
    for (auto& each : models_) each.reader == nullptr ? CheckUnmoved(each) : CheckWritten(each);
  }

  void Step() {
    const uint64_t choice = Random(100);
    Model& model = models_[Random(models_.size())];
    if (choice < 25) return PublishOne();
    if (choice < 27) return Expire();
    if (choice < 29) return KeepAlive();
    if (choice < 30) return Restart();
    if (choice < 32) return Reset(model);
    if (choice < 34) return Haunt(model);
    if (choice < 38) return WriteAll();
    if (model.reader == nullptr || choice < 42) {
      Part(model);  // with a reader: a crash, as far as the catalog can tell
      CheckMoved(model);
      return AttachNew(model);
    }
    if (choice < 45) return Close(model);
    return choice < 60 ? Ack(model) : Read(model);
  }

  std::mt19937_64 random_;
  Topic topic_{.id = TopicId(Uuid{})};
  std::vector<Event> events_;
  std::vector<Model> models_;
};

JAMMI_ON_EVERY_DATABASE(ConsumerModelTest);

TEST_P(ConsumerModelTest, PositionsEqualTheModel) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  random_.seed(seed);
  topic_ = Register("quakes");
  models_.push_back({.scope = Scope::Global(), .name = "one"});
  models_.push_back({.scope = a_, .name = "one"});
  models_.push_back({.scope = b_, .name = "rare", .predicate = "id >= 80", .least_id = 80});
  for (const auto& model : models_) {
    const auto made = node_.Create(model.scope, topic_.id, model.name,
                                   {.predicate = model.predicate, .from = From::Offset(0)});
    ASSERT_TRUE(made) << made.error().ToString();
  }
  for (int step = 0; step < 1000 && !HasFailure(); ++step) Step();
}

}  // namespace
}  // namespace jammi
