// What another transaction does between two statements of a verb, where writers run side by side.
#include <fmt/format.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "base/sync_point.h"
#include "catalog/consumer_repo.h"
#include "catalog/result_table_fixture.h"
#include "catalog/topic_repo.h"
#include "jammi/evaluations.h"
#include "jammi/jobs.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;

class RaceTest : public ResultTablesTest {
 protected:
  ~RaceTest() override { ClearSyncPoints(); }

  // Runs `statements`, which delete something, in one transaction, beside `verb` on another thread, and
  // commits when the verb waits for it: it has looked things up before, and goes on after.
  template <class Verb>
  auto WhileDeleting(std::initializer_list<std::string_view> statements, const SqlValue& key, Verb verb)
      -> decltype(verb()) {
    std::optional<decltype(verb())> result;
    std::atomic<bool> returned = false;
    std::jthread thread;
    Ok(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
      for (const std::string_view sql : statements) JAMMI_TRY(tx.Execute(sql, {key}));
      thread = std::jthread([&] {
        result.emplace(verb());
        returned = true;
      });
      while (!returned) {
        JAMMI_ASSIGN(const bool waits, SomebodyWaits(tx));
        if (waits) return {};
      }
      return Error(ErrorCode::kInternal, "the verb did not wait for the deletion");
    }));
    thread.join();
    return std::move(*result);
  }

  // For a lock of this transaction.
  static Result<bool> SomebodyWaits(Transaction& tx) {
    JAMMI_ASSIGN(const auto waiting, tx.QueryFirst("SELECT count(*) AS v FROM pg_locks WHERE NOT granted "
                                                   "AND pg_backend_pid() = ANY (pg_blocking_pids(pid))",
                                                   {}, [](const Row& row) { return row.Get<int64_t>("v"); }));
    return waiting.value_or(0) > 0;
  }

  template <class T>
  static std::string MissingModel(const Result<T>& result) {
    const auto* detail = result ? nullptr : result.error().template As<ModelNotFoundDetail>();
    return detail != nullptr ? detail->model_id : result ? "(none)" : result.error().ToString();
  }
};

INSTANTIATE_TEST_SUITE_P(On, RaceTest, testing::Values(&MakePostgresHarness), HarnessName);

constexpr std::string_view kDeleteModel = "DELETE FROM models WHERE model_uid = $1";

TEST_P(RaceTest, AJobsModelIsDeletedBesideItsSubmission) {
  const auto model = RegisterModel(kA, "base");
  const auto job = WhileDeleting({kDeleteModel}, model.uid.value, [&] {
    return TrainingJobs(Access(kA))
        .Create({.job_id = "j", .base_model_id = "base", .training_source = "s", .loss_type = "mse"});
  });
  EXPECT_EQ(MissingModel(job), "base");
}

// The look-up runs again whole: what is visible now is taken.
TEST_P(RaceTest, AJobTakesTheVersionThatIsLeft) {
  const auto first = RegisterModel(kA, "base");
  const auto second = Ok(ModelsOf(kA).RegisterNext({.model_id = "base", .model_type = "embedding"}));
  const auto job = Ok(WhileDeleting({kDeleteModel}, second.uid.value, [&] {
    return TrainingJobs(Access(kA))
        .Create({.job_id = "j", .base_model_id = "base", .training_source = "s", .loss_type = "mse"});
  }));
  EXPECT_EQ(job.base_model_uid, first.uid);
}

TEST_P(RaceTest, ATablesModelIsDeletedBesideItsCreation) {
  auto params = Params("t");
  params.model_uid = RegisterModel(kA, "encoder").uid;
  const auto build = WhileDeleting({kDeleteModel}, params.model_uid->value,
                                   [&] { return Tables(kA).Create(params, "builder", kLease); });
  EXPECT_EQ(MissingModel(build), params.model_uid->value);
}

TEST_P(RaceTest, ATableIsDeletedWhileAnotherIsDerivedFromIt) {
  Ready(kA, "parent");
  auto params = Params("child");
  params.derived_from = "parent";
  const auto build = WhileDeleting({"DELETE FROM result_tables WHERE table_name = $1"}, "parent",
                                   [&] { return Tables(kA).Create(params, "builder", kLease); });
  ASSERT_TRUE(IsTableNotFound(build)) << build.error().ToString();
  EXPECT_EQ(build.error().As<ResultTableNotFoundDetail>()->table_name, "parent");
}

TEST_P(RaceTest, AnEvaluatedModelIsDeletedBesideTheRecord) {
  const auto model = RegisterModel(kA, "m");
  const auto run = WhileDeleting({kDeleteModel}, model.uid.value, [&] {
    return Evaluations(Access(kA))
        .Record({.run_id = "r", .model = model.uid, .source_id = "s", .metrics = "{}"}, {});
  });
  EXPECT_EQ(MissingModel(run), model.uid.value);
}

TEST_P(RaceTest, ATopicIsDroppedBesideTheCreationOfAConsumer) {
  const auto topic = Ok(TopicRepo(backend()).Register(kA, "quakes", "schema", {}));
  const auto consumer = WhileDeleting(
      {"UPDATE topics SET dropped_at = 1 WHERE topic_no = $1", "DELETE FROM topic_heads WHERE topic_no = $1"},
      topic.topic_no,
      [&] { return ConsumerRepo(Access(kA)).Create({.topic_no = topic.topic_no, .name = "c"}); });
  ASSERT_EQ(CodeOf(consumer), ErrorCode::kNotFound);
  EXPECT_NE(consumer.error().As<TopicNotFoundDetail>(), nullptr) << consumer.error().ToString();
}

// Every change ends with an event of the same topic: a deletion with a snapshot lost against each of them.
TEST_P(RaceTest, ADeletionOfTablesDoesNotLoseAgainstOtherChanges) {
  Ready(kA, Params("one"));
  Ready(kA, Params("two"));
  const uint64_t reruns = backend().stats().reruns;
  int changes = 0;
  SetSyncPoint("catalog:result_tables_locked",
               [&] { std::jthread([&] { RegisterModel(kB, fmt::format("m{}", ++changes)); }).join(); });
  Ok(Tables(kA).Delete("one"));
  Ok(Tables(kA).DeleteForSource("docs"));
  EXPECT_EQ(changes, 2);
  EXPECT_EQ(backend().stats().reruns, reruns);
}

// A table that comes after the others were locked would go without its segments: all is tried again.
TEST_P(RaceTest, Cat077ATableThatComesBesideTheDeletionOfItsSourceGoesToo) {
  Ready(kA, Params("before"));
  const auto late = Params("late");
  bool came = false;
  SetSyncPoint("catalog:result_tables_locked", [&] {
    if (std::exchange(came, true)) return;
    std::jthread([&] {
      Ready(kA, late);
      Ok(Segments(kA).Append("late", {.bundle_path = "file:///segment", .row_count = 1}));
    }).join();
  });
  const auto deleted = Ok(Tables(kA).DeleteForSource("docs"));
  ASSERT_EQ(deleted.size(), 2U);
  EXPECT_EQ(deleted[1].table.table_name, "late");
  ASSERT_EQ(deleted[1].segments.size(), 1U);
  EXPECT_EQ(deleted[1].segments[0].bundle_path, "file:///segment");
}

// A foreign key is in the way of the late one; the next try finds whose.
TEST_P(RaceTest, Cat077ALateTableFromWhichAnotherSourcesIsDerivedIsNamed) {
  Ready(kA, Params("before"));
  const auto late = Params("late");
  auto child = Params("child", "other");
  child.derived_from = "late";
  bool came = false;
  SetSyncPoint("catalog:result_tables_locked", [&] {
    if (std::exchange(came, true)) return;
    std::jthread([&] {
      Ready(kA, late);
      Ready(kA, child);
    }).join();
  });
  const auto refused = Tables(kA).DeleteForSource("docs");
  ASSERT_EQ(CodeOf(refused), ErrorCode::kFailedPrecondition);
  const auto* detail = refused.error().As<ResultTableReferencedDetail>();
  ASSERT_NE(detail, nullptr) << refused.error().ToString();
  EXPECT_EQ(detail->table_name, "late");
  EXPECT_THAT(List(kA), ElementsAre("before", "late", "child"));
}

TEST_P(RaceTest, Cat077WhoAddsTablesAllTheTimeKeepsThem) {
  Ready(kA, Params("before"));
  int added = 0;
  SetSyncPoint("catalog:result_tables_locked",
               [&] { std::jthread([&] { Ready(kA, Params(fmt::format("t{}", ++added))); }).join(); });
  const auto refused = Tables(kA).DeleteForSource("docs");
  ClearSyncPoints();
  EXPECT_EQ(CodeOf(refused), ErrorCode::kAborted);
  EXPECT_EQ(List(kA).size(), static_cast<size_t>(added) + 1);
  EXPECT_EQ(Ok(Tables(kA).DeleteForSource("docs")).size(), static_cast<size_t>(added) + 1);
}

}  // namespace
}  // namespace jammi::test
