// Copies and moves, from every kind of database to every kind.
#include <thread>

#include "catalog/admin/admin_fixture.h"
#include "catalog/admin/database.h"
#include "support/raw_sqlite.h"

namespace jammi::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A catalog of the kind of the parameter is copied into one of each kind.
class CopyTest : public AdminTest {
 protected:
  static std::vector<std::unique_ptr<Harness>> Targets() {
    std::vector<std::unique_ptr<Harness>> targets;
    for (const MakeHarness make : AllHarnesses()) targets.push_back(make());
    return targets;
  }

  void ExpectSame(const CatalogLocation& target) {
    EXPECT_THAT(Findings(target), IsEmpty());
    auto rows = Ok(ReadCatalogStatus(target)).rows;
    EXPECT_EQ(rows, Ok(ReadCatalogStatus(location())).rows);
    const auto copy = Ok(Open(target));
    EXPECT_EQ(Texts(*copy, numbers_[0]).size(), 40U);
    EXPECT_EQ(Texts(*copy, numbers_[0])[39], "quakes 39");
    const Models models(CatalogAccess{{std::shared_ptr<void>(), &copy->backend()}, kA});
    EXPECT_TRUE(models.Get("it's"));
    EXPECT_TRUE(models.Get("snow \xE2\x9D\x84"));
    // It goes on where the source was: the next event, the next topic.
    EventAppend event{.topic_no = numbers_[0], .row_count = 1, .payload = arrow::Buffer::FromString("x")};
    event.checksum = Checksum(SqlBytes(event.payload->data(), 1));
    EXPECT_EQ(Ok(copy->log().Append(event, {})).offset, 40U);
    // What was published under a key is not published again.
    EventAppend first{.topic_no = numbers_[0], .scope = kA, .row_count = 1};
    first.payload = arrow::Buffer::FromString("quakes 0");
    first.checksum = Checksum(SqlBytes(first.payload->data(), 8));
    const AppendOutcome again = Ok(copy->log().Append(AppendRequest({first}, "key"), {}));
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.offset, 0U);
    TopicRepo topics(copy->backend());
    EXPECT_EQ(Ok(topics.Register(kGlobal, "another", "schema", {})).topic_no, numbers_.back() + 1);
  }
};

TEST_P(CopyTest, HoldsAllThatTheSourceHolds) {
  Fill();
  Close();
  for (const auto& target : Targets()) {
    const CopyReport report = Ok(CopyCatalog(location(), target->location()));
    EXPECT_FALSE(report.resumed);
    EXPECT_THAT(report.tables, testing::SizeIs(Ok(admin::CatalogTables()).size()));
    EXPECT_NE(report.incarnation, incarnation_);
    EXPECT_EQ(Ok(ReadCatalogStatus(target->location())).incarnation, report.incarnation);
    ExpectSame(target->location());
  }
  Reopen();
  EXPECT_EQ(catalog_->incarnation(), incarnation_);
}

TEST_P(CopyTest, ATopicKeepsTheVersionsOfItsSchema) {
  Fill();
  TopicRepo topics(backend());
  Ok(topics.AppendColumns(kGlobal, Ok(topics.FindAnyByNumber(numbers_[0])).id, [](const StoredTopic&) {
    return Result<TopicRepo::GrownSchema>(TopicRepo::GrownSchema{"schema with more", 3});
  }));
  Close();
  for (const auto& target : Targets()) {
    Ok(CopyCatalog(location(), target->location()));
    const auto copy = Ok(Open(target->location()));
    const auto topic = Ok(TopicRepo(copy->backend()).FindAnyByNumber(numbers_[0]));
    EXPECT_EQ(topic.schema, "schema with more");
    EXPECT_THAT(topic.earlier_columns, testing::ElementsAre(3));
  }
}

TEST_P(CopyTest, AMoveRetiresTheSourceAndKeepsPositions) {
  for (const auto& target : Targets()) {
    const auto source = GetParam()();
    {
      const auto catalog = Ok(source->Open());
      incarnation_ = catalog->incarnation();
    }
    EXPECT_EQ(Ok(CopyCatalog(source->location(), target->location(), {.move = true})).incarnation,
              incarnation_);
    const auto refused = source->Open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(FaultOf(refused.error()), BackendFault::kMoved);
    EXPECT_THAT(refused.error().message(), HasSubstr(ToString(target->location())));
    EXPECT_EQ(Ok(target->Open())->incarnation(), incarnation_);
    // Not a second time, to somewhere else.
    const TempDir folder;
    EXPECT_EQ(FaultOf(CopyCatalog(source->location(), {.path = folder / "c.db"}, {.move = true}).error()),
              BackendFault::kMoved);
    // The old one can be had again, as another catalog.
    EXPECT_NE(Ok(NewIncarnation(source->location())), incarnation_);
    EXPECT_TRUE(source->Open());
  }
}

TEST_P(CopyTest, ATargetThatHoldsSomethingIsRefused) {
  Fill();
  Close();
  for (const auto& target : Targets()) {
    Ok(MigrateCatalog(target->location()));
    EXPECT_EQ(CodeOf(CopyCatalog(location(), target->location())), ErrorCode::kAlreadyExists);
    EXPECT_TRUE(target->Open());  // and is as it was
  }
  EXPECT_EQ(CodeOf(CopyCatalog(location(), location())), ErrorCode::kInvalidArgument);
}

// Killed at every step in turn, and then run to its end.
TEST_P(CopyTest, GoesOnAfterItWasKilled) {
  Fill();
  Close();
  for (const auto& target : Targets()) {
    const CatalogLocation to = target->location();
    const auto copy = [&] { return CopyCatalog(location(), to).has_value(); };
    EXPECT_TRUE(KilledAt("catalog:copy_marked", 1, copy));
    const auto refused = target->Open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(FaultOf(refused.error()), BackendFault::kUnfinishedCopy);
    EXPECT_EQ(FaultOf(MigrateCatalog(to).error()), BackendFault::kUnfinishedCopy);
    EXPECT_EQ(FaultOf(NewIncarnation(to).error()), BackendFault::kUnfinishedCopy);
    EXPECT_EQ(Ok(ReadCatalogStatus(to)).mark, CatalogMark::kUnfinishedCopy);
    int kills = 0;
    while (
        KilledAt(kills % 2 == 0 ? "catalog:copy_batch" : "catalog:copy_before_commit", 1 + kills / 4, copy)) {
      ASSERT_LT(++kills, 100);
      EXPECT_FALSE(target->Open());
    }
    EXPECT_GT(kills, 4);
    ExpectSame(to);
  }
}

TEST_P(CopyTest, AMoveThatWasKilledHasOneCatalogOrTheOther) {
  for (const auto& target : Targets()) {
    const auto source = GetParam()();
    Ok(source->Open());
    const auto move = [&] {
      return CopyCatalog(source->location(), target->location(), {.move = true}).has_value();
    };
    EXPECT_TRUE(KilledAt("catalog:copy_source_retired", 1, move));
    EXPECT_FALSE(source->Open());
    EXPECT_FALSE(target->Open());
    EXPECT_TRUE(Ok(CopyCatalog(source->location(), target->location(), {.move = true})).resumed);
    EXPECT_FALSE(source->Open());
    EXPECT_TRUE(target->Open());
  }
}

// What was copied before the source went on is found by comparing, and copied again.
TEST_P(CopyTest, ASourceThatWasChangedMeanwhileIsCopiedAgain) {
  Fill();
  Close();
  for (const auto& target : Targets()) {
    const auto copy = [&] { return CopyCatalog(location(), target->location()).has_value(); };
    EXPECT_TRUE(KilledAt("catalog:copy_batch", 4, copy));  // the first tables are there
    Reopen();
    Sql("UPDATE catalog_counters SET next_value = next_value + 1 WHERE name = 'topic_no'");
    numbers_.back() += 1;
    Close();
    const auto changed = CopyCatalog(location(), target->location());
    EXPECT_EQ(CodeOf(changed), ErrorCode::kAborted);
    EXPECT_THAT(changed.error().message(), HasSubstr("catalog_counters"));
    EXPECT_FALSE(target->Open());
    EXPECT_TRUE(CopyCatalog(location(), target->location()));
    ExpectSame(target->location());
  }
}

// All of them at once: otherwise each would take a run of its own.
TEST_P(CopyTest, AllTablesThatDifferAreNamedAndCopiedAgain) {
  Fill();
  Close();
  const auto target = GetParam()();
  const auto copy = [&] { return CopyCatalog(location(), target->location()).has_value(); };
  EXPECT_TRUE(KilledAt("catalog:copy_source_retired", 1, copy));  // every table is there
  Reopen();
  Sql("UPDATE models SET created_at = created_at + 1 WHERE scope = ''");
  Sql("UPDATE session_bindings SET expires_at = expires_at + 1");
  Close();
  const auto changed = CopyCatalog(location(), target->location());
  ASSERT_EQ(CodeOf(changed), ErrorCode::kAborted);
  EXPECT_THAT(changed.error().message(), HasSubstr("table models: "));
  EXPECT_THAT(changed.error().message(), HasSubstr("table session_bindings: "));
  EXPECT_TRUE(Ok(CopyCatalog(location(), target->location())).resumed);
  ExpectSame(target->location());
}

TEST_P(CopyTest, AnUnfinishedCopyOfAnotherCatalogIsRefused) {
  Fill();
  Close();
  const auto other = GetParam()();
  Ok(other->Open());
  for (const auto& target : Targets()) {
    EXPECT_TRUE(KilledAt("catalog:copy_batch", 1,
                         [&] { return CopyCatalog(other->location(), target->location()).has_value(); }));
    const auto refused = CopyCatalog(location(), target->location());
    EXPECT_EQ(CodeOf(refused), ErrorCode::kAlreadyExists);
    EXPECT_THAT(refused.error().message(), HasSubstr("another catalog"));
  }
}

TEST_P(CopyTest, EnginesAreInTheWay) {
  Fill();
  const TempDir folder;
  const CatalogLocation to{.path = folder / "c.db"};
  const auto moved = CopyCatalog(location(), to, {.move = true});
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code(), ErrorCode::kFailedPrecondition);
  const auto copied = CopyCatalog(location(), to);
  if (harness_->kind() == BackendKind::kSqlite) {
    EXPECT_NE(copied.error().As<CatalogLockedDetail>(), nullptr);
  } else {
    EXPECT_TRUE(copied) << copied.error().ToString();  // of one moment, beside them
  }
}

TEST_P(CopyTest, DamageInTheSourceIsFound) {
  if (harness_->kind() != BackendKind::kSqlite) return;  // PostgreSQL's columns have their types
  Fill();
  Close();
  RawSqlite(location().path.string()).Exec("UPDATE models SET created_at = 'soon' WHERE scope = ''");
  for (const auto& target : Targets()) {
    const auto refused = CopyCatalog(location(), target->location());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kDataLoss);
    EXPECT_THAT(refused.error().message(), HasSubstr("models"));
    EXPECT_FALSE(target->Open());
  }
}

JAMMI_ON_EVERY_DATABASE(CopyTest);

}  // namespace
}  // namespace jammi::test
