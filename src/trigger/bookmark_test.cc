// Positions that users store: where a subscription was, in which topic, in which history of the catalog.
#include "jammi/catalog_admin.h"
#include "trigger/test_support.h"

namespace jammi {
namespace {

class BookmarkTest : public StreamsTest {
 protected:
  // The catalog as it was at the last backup.
  void Restore(const std::filesystem::path& backup) {
    Close();
    for (const auto* suffix : {"", "-wal", "-shm"})
      std::filesystem::remove(folder_ / (std::string("catalog.db") + suffix));
    std::filesystem::rename(backup, folder_ / "catalog.db");
    Open();
  }
  template <class T>
  static std::string OutdatedIncarnation(const Result<T>& result) {
    if (result || result.error().code() != ErrorCode::kFailedPrecondition) return "(not outdated)";
    const auto* detail = result.error().template As<PositionOutdatedDetail>();
    return detail != nullptr ? detail->incarnation : "(not outdated)";
  }
};

TEST_F(BookmarkTest, ASubscriptionGoesOnWhereItWas) {
  const Topic topic = Register("quakes");
  for (int i = 0; i < 6; ++i) Publish(topic, BatchS(i, i % 2 == 0 ? "even" : "odd"));
  std::string text;
  {
    const auto subscription = Subscribe(topic, From::Offset(0), "kind = 'odd'");
    EXPECT_EQ(subscription->bookmark(), (Position{*Uuid::Parse(catalog_->incarnation()), topic.id, 0}));
    const Delivery first = NextOf(*subscription);
    const Delivery second = NextOf(*subscription);
    EXPECT_EQ(subscription->bookmark(), subscription->bookmark().After(second.offset));
    text = subscription->bookmark().After(first.offset).ToString();
  }
  Reopen();
  const auto position = Position::Parse(text);
  ASSERT_TRUE(position) << position.error().ToString();
  EXPECT_EQ(NextOffsets(*Subscribe(topic, From::Position(*position), "kind = 'odd'"), 2),
            (std::vector<uint64_t>{3, 5}));
}

// The same offset is another event by then.
TEST_F(BookmarkTest, APositionFromBeforeARestoreIsRefused) {
  const Topic topic = Register("quakes");
  for (int i = 0; i < 3; ++i) Publish(topic, BatchS(i));
  const auto backup =
      BackupCatalog({BackendKind::kSqlite, folder_ / "catalog.db", {}}, folder_ / "backup.db");
  ASSERT_TRUE(backup) << backup.error().ToString();
  for (int i = 3; i < 6; ++i) Publish(topic, BatchS(i));
  const Position before = Subscribe(topic, From::Offset(5))->bookmark();
  const std::string incarnation = catalog_->incarnation();

  Restore(folder_ / "backup.db");
  for (int i = 13; i < 16; ++i) Publish(topic, BatchS(i));
  for (const uint64_t offset : {uint64_t{0}, uint64_t{5}, uint64_t{6}}) {
    Position old = before;
    old.offset = offset;
    EXPECT_EQ(OutdatedIncarnation(streams_->Subscribe(a_, topic.id, From::Position(old))), incarnation);
    EXPECT_EQ(OutdatedIncarnation(streams_->Subscribe(a_, "quakes", From::Position(old))), incarnation);
  }
  const auto subscription = Subscribe(topic, From::Offset(5));
  EXPECT_EQ(NextOffsets(*Subscribe(topic, From::Position(subscription->bookmark())), 1), Range(5, 6));
}

TEST_F(BookmarkTest, APositionOfAnotherTopicIsRefused) {
  const Topic topic = Register("quakes");
  const Topic other = Register("floods");
  Publish(topic, BatchS(1));
  Publish(other, BatchS(1));
  const Position position = Subscribe(topic, From::Offset(1))->bookmark();
  const auto refused = streams_->Subscribe(Scope::Global(), other.id, From::Position(position));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("floods"));
  // What a driver gives counts in no catalog.
  const auto nowhere = streams_->Subscribe(Scope::Global(), topic.id, From::Position({.topic = topic.id}));
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(BookmarkTest, APositionBelowTheLowWaterIsEvicted) {
  const Topic topic = Register("quakes");
  for (int i = 0; i < 4; ++i) Publish(topic, BatchS(i));
  const Position position = Subscribe(topic, From::Offset(1))->bookmark();
  const auto trimmed = catalog_->backend().Transact({}, [](Transaction& tx) {
    return tx.Execute("UPDATE topic_heads SET low_water = 3 WHERE next_offset = 4");
  });
  ASSERT_TRUE(trimmed) << trimmed.error().ToString();
  const auto refused = streams_->Subscribe(Scope::Global(), topic.id, From::Position(position));
  ASSERT_FALSE(refused);
  ASSERT_NE(refused.error().As<OffsetEvictedDetail>(), nullptr) << refused.error().ToString();
  EXPECT_EQ(refused.error().As<OffsetEvictedDetail>()->low_water, 3U);
}

TEST_F(BookmarkTest, OfADriverUsedAloneThereIsTheOffsetOnly) {
  const auto broker = NewMemoryBroker();
  const Topic topic = Register("quakes");
  ASSERT_TRUE(broker->RegisterTopic(topic));
  const auto subscription = broker->Subscribe(topic.id, Predicate::MatchAll(), 7);
  ASSERT_TRUE(subscription) << subscription.error().ToString();
  EXPECT_EQ((*subscription)->bookmark(), (Position{.offset = 7}));
}

}  // namespace
}  // namespace jammi
