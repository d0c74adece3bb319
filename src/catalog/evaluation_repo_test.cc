// Evaluation runs: rules CAT-030 to CAT-036 and cases 35 to 38 of the catalog.
#include "catalog/evaluation_repo.h"

#include <fmt/format.h>

#include <barrier>
#include <thread>

#include "catalog/query_plan.h"
#include "catalog/repo_fixture.h"
#include "jammi/evaluations.h"

namespace jammi::test {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class EvaluationsTest : public RepoTest {
 protected:
  Evaluations As(const Scope& scope) const { return Evaluations(Access(scope)); }

  static RecordEvalRunParams Run(std::string run_id, const std::optional<ModelUid>& model = std::nullopt) {
    return {.run_id = std::move(run_id),
            .model = model,
            .source_id = "articles",
            .golden_source = "golden",
            .k = 10,
            .metrics = R"({"recall_at_k": 0.875})"};
  }
  static EvalQueryResult Query(std::string query_id) {
    return {std::move(query_id), R"({"lang":"de"})", R"({"mrr":0.5})"};
  }
  static std::vector<EvalQueryResult> Queries(int from, int to) {
    std::vector<EvalQueryResult> rows;
    for (int i = from; i < to; ++i) rows.push_back(Query(fmt::format("q{:06}", i)));
    return rows;
  }
  // A run that is newer than those before.
  EvalRun Record(const Scope& scope, const RecordEvalRunParams& params,
                 std::span<const EvalQueryResult> rows = {}) {
    MoveClock(seconds(1));
    return Ok(As(scope).Record(params, rows));
  }

  std::vector<std::string> RunIds(const Scope& scope, const EvalRunFilter& filter = {}, int page_size = 2) {
    std::vector<std::string> ids;
    for (const auto& run :
         AllPages([&](const std::string& token) { return As(scope).List(filter, page_size, token); })) {
      ids.push_back(run.run_id);
    }
    return ids;
  }
  std::vector<EvalQueryResult> RowsOf(const Scope& scope, const std::string& run_id, int page_size = 1000) {
    return AllPages([&](const std::string& token) { return As(scope).PerQuery(run_id, page_size, token); });
  }
  int64_t StoredRows() { return GetInt("SELECT COUNT(*) AS v FROM eval_per_query"); }
};

JAMMI_ON_EVERY_DATABASE(EvaluationsTest);

// --- Runs.

TEST_P(EvaluationsTest, Cat030ARunIsReadBackAsItWasRecorded) {
  const ModelRecord model = RegisterModel(kA, "ranker");
  const UnixMicros before = Now();
  auto params = Run("run-1", model.uid);
  params.type = EvalType::kNer;
  params.metrics = "{ \"f1\" : 0.50,\t\"f1\":1e-3 }";  // kept as it is, down to the spaces
  const EvalRun stored = Ok(As(kA).Record(params));
  EXPECT_EQ(stored, (EvalRun{"run-1", kA, model.uid, EvalType::kNer, "articles", "golden", 10, params.metrics,
                             stored.created_at}));
  EXPECT_GE(stored.created_at, before);
  EXPECT_LE(stored.created_at, Now());
  EXPECT_EQ(Ok(As(kA).Get("run-1")), stored);
  Reopen();
  EXPECT_EQ(Ok(As(kA).Get("run-1")), stored);
}

TEST_P(EvaluationsTest, Cat030ADuplicateRunIsRefusedAndTheFirstStays) {
  const EvalRun first = Ok(As(kA).Record(Run("run"), Queries(0, 3)));
  auto second = Run("run");
  second.source_id = "others";
  EXPECT_EQ(CodeOf(As(kA).Record(second, Queries(3, 9))), ErrorCode::kAlreadyExists);
  EXPECT_EQ(Ok(As(kA).Get("run")), first);
  EXPECT_THAT(RowsOf(kA, "run"), SizeIs(3));
}

TEST_P(EvaluationsTest, Cat030TheModelMustBeVisible) {
  const ModelRecord own = RegisterModel(kA, "own");
  const ModelRecord global = RegisterModel(kGlobal, "global");
  Ok(As(kA).Record(Run("r1", own.uid)));
  Ok(As(kA).Record(Run("r2", global.uid)));
  for (const ModelUid& uid : {own.uid, ModelUid{"no-such-model"}}) {
    const auto refused = As(kB).Record(Run("r3", uid), Queries(0, 2));
    ASSERT_EQ(CodeOf(refused), ErrorCode::kNotFound);
    EXPECT_EQ(refused.error().As<ModelNotFoundDetail>()->model_id, uid.value);
  }
  EXPECT_EQ(CodeOf(As(kGlobal).Record(Run("r3", own.uid))), ErrorCode::kNotFound);
  EXPECT_EQ(StoredRows(), 0);
}

TEST_P(EvaluationsTest, Case21AModelWithARunCannotBeDeleted) {
  const ModelRecord model = RegisterModel(kGlobal, "m");
  Ok(As(kB).Record(Run("r", model.uid)));
  const auto refused = ModelsOf(kGlobal).Delete("m");
  ASSERT_EQ(CodeOf(refused), ErrorCode::kFailedPrecondition);
  EXPECT_THAT(refused.error().As<ModelReferencedDetail>()->referenced_by, ElementsAre("eval_runs"));
  Ok(As(kB).Delete("r"));
  Ok(ModelsOf(kGlobal).Delete("m"));
}

TEST_P(EvaluationsTest, Case38LatestIsTheNewestOfItsModelAndType) {
  const ModelUid model = RegisterModel(kA, "ranker").uid;
  const ModelUid other = RegisterModel(kA, "other").uid;
  EXPECT_EQ(Ok(As(kA).Latest(ModelUid{"unknown"}, EvalType::kEmbedding)), std::nullopt);
  EXPECT_EQ(Ok(As(kA).Latest("unknown", 1, EvalType::kEmbedding)), std::nullopt);
  EXPECT_EQ(Ok(As(kA).Latest(model, EvalType::kEmbedding)), std::nullopt);

  Record(kA, Run("z", model));
  Record(kA, Run("a", model));
  Record(kA, Run("other model", other));
  auto classification = Run("other type", model);
  classification.type = EvalType::kClassification;
  Record(kA, classification);
  EXPECT_EQ(Ok(As(kA).Latest(model, EvalType::kEmbedding))->run_id, "a");
  EXPECT_EQ(Ok(As(kA).Latest("ranker", 1, EvalType::kEmbedding))->run_id, "a");
  EXPECT_EQ(Ok(As(kA).Latest("ranker", 2, EvalType::kEmbedding)), std::nullopt);
  EXPECT_EQ(Ok(As(kA).Latest(model, EvalType::kClassification))->run_id, "other type");
  EXPECT_EQ(Ok(As(kA).Latest(model, EvalType::kNer)), std::nullopt);
}

TEST_P(EvaluationsTest, LatestLooksAtOwnAndGlobalRunsAndAtTheModelThatTheNameMeans) {
  const ModelUid global = RegisterModel(kGlobal, "m").uid;
  Record(kA, Run("own", global));
  Record(kB, Run("another's", global));
  EXPECT_EQ(Ok(As(kA).Latest("m", 1, EvalType::kEmbedding))->run_id, "own");
  Record(kGlobal, Run("global", global));
  EXPECT_EQ(Ok(As(kA).Latest("m", 1, EvalType::kEmbedding))->run_id, "global");
  EXPECT_EQ(Ok(As(kOutsider).Latest(global, EvalType::kEmbedding))->run_id, "global");
  RegisterModel(kA, "m");  // hides the global one
  EXPECT_EQ(Ok(As(kA).Latest("m", 1, EvalType::kEmbedding)), std::nullopt);
}

TEST_P(EvaluationsTest, Case38ACalibrationRunNamesNoModel) {
  auto params = Run("c");
  params.type = EvalType::kCalibrationGaussian;
  params.k = std::nullopt;
  params.golden_source = "";
  const EvalRun run = Ok(As(kA).Record(params));
  EXPECT_EQ(run.model, std::nullopt);
  EXPECT_EQ(run.k, std::nullopt);
  EXPECT_EQ(Ok(As(kA).Get("c")), run);
}

TEST_P(EvaluationsTest, RunsAreListedNewestFirstByModelAndType) {
  const ModelUid m = RegisterModel(kGlobal, "m").uid;
  const ModelUid n = RegisterModel(kGlobal, "n").uid;
  const auto record = [&](const Scope& scope, const std::string& id, const ModelUid& model, EvalType type) {
    auto params = Run(id, model);
    params.type = type;
    Record(scope, params);
  };
  record(kA, "1", m, EvalType::kEmbedding);
  record(kGlobal, "2", m, EvalType::kEmbedding);
  record(kA, "3", n, EvalType::kNer);
  record(kB, "4", n, EvalType::kNer);
  record(kA, "5", m, EvalType::kNer);
  record(kA, "6", n, EvalType::kEmbedding);
  for (const int page_size : {1, 2, 3, 1000}) {
    EXPECT_THAT(RunIds(kA, {}, page_size), ElementsAre("6", "5", "3", "2", "1"));
    EXPECT_THAT(RunIds(kA, {.model = m}, page_size), ElementsAre("5", "2", "1"));
    EXPECT_THAT(RunIds(kA, {.type = EvalType::kNer}, page_size), ElementsAre("5", "3"));
    EXPECT_THAT(RunIds(kA, {.model = n, .type = EvalType::kEmbedding}, page_size), ElementsAre("6"));
    EXPECT_THAT(RunIds(kB, {.type = EvalType::kNer}, page_size), ElementsAre("4"));
    EXPECT_THAT(RunIds(kOutsider, {}, page_size), ElementsAre("2"));
    EXPECT_THAT(RunIds(kGlobal, {}, page_size), ElementsAre("2"));
  }
}

// A page may end anywhere among runs of one moment and of one id.
TEST_P(EvaluationsTest, RunsOfOneMomentAreEachListedOnce) {
  for (const auto* id : {"b", "a", "c"}) {
    Ok(As(kA).Record(Run(id)));
    Ok(As(kGlobal).Record(Run(id)));
  }
  Sql("UPDATE eval_runs SET created_at = 7");
  for (const int page_size : {1, 2, 3, 4, 5, 6, 7}) {
    std::vector<std::string> listed;
    for (const auto& run :
         AllPages([&](const std::string& token) { return As(kA).List({}, page_size, token); })) {
      listed.push_back(run.run_id + (run.owner == kA ? " own" : " global"));
    }
    EXPECT_THAT(listed, ElementsAre("c own", "c global", "b own", "b global", "a own", "a global"));
  }
}

TEST_P(EvaluationsTest, SeveralRunsAreReadTogetherInTheOrderAskedFor) {
  Record(kA, Run("1"));
  Record(kGlobal, Run("2"));
  const EvalRun own = Record(kA, Run("2"));
  Record(kB, Run("3"));
  const std::vector<std::string> ids = {"2", "1", "2"};
  const auto runs = Ok(As(kA).GetAll(ids));
  ASSERT_THAT(runs, SizeIs(3));
  EXPECT_EQ(runs[0], own);
  EXPECT_EQ(runs[1].run_id, "1");
  EXPECT_EQ(runs[2], own);

  const auto refused = As(kA).GetAll(std::vector<std::string>{"1", "3"});
  ASSERT_EQ(CodeOf(refused), ErrorCode::kNotFound);
  EXPECT_THAT(refused.error().message(), HasSubstr(": 3"));
  EXPECT_EQ(CodeOf(As(kA).GetAll({})), ErrorCode::kInvalidArgument);
  const std::vector<std::string> many(Evaluations::kMaxCompared, "1");
  EXPECT_THAT(Ok(As(kA).GetAll(many)), SizeIs(many.size()));
  EXPECT_EQ(CodeOf(As(kA).GetAll(std::vector<std::string>(many.size() + 1, "1"))),
            ErrorCode::kInvalidArgument);
}

// --- Rows.

TEST_P(EvaluationsTest, Case35RowsComeByQueryWithTheirJsonVerbatim) {
  const std::vector<EvalQueryResult> rows = {{"q2", R"({ "lang" : "\u00e4" })", "{\"mrr\":1.000}"},
                                             {"Q3", "{}", "{}"},
                                             {"q1", "{\"a\":1,\"a\":2}", "{\"mrr\":1E+2}\n"}};
  Ok(As(kA).Record(Run("run"), rows));
  EXPECT_THAT(RowsOf(kA, "run"), ElementsAre(rows[1], rows[2], rows[0]));  // by bytes
  EXPECT_THAT(RowsOf(kA, "run", 1), ElementsAre(rows[1], rows[2], rows[0]));
  EXPECT_THAT(RowsOf(kA, "unknown"), IsEmpty());
  Ok(As(kA).Append("unknown", {}));  // no rows, no work
}

TEST_P(EvaluationsTest, Case37AddedRowsLeaveTheRunAsItIs) {
  const EvalRun run = Ok(As(kA).Record(Run("run"), Queries(0, 2)));
  MoveClock(seconds(1));
  Ok(As(kA).Append("run", Queries(2, 5)));
  EXPECT_EQ(Ok(As(kA).Get("run")), run);
  EXPECT_EQ(RowsOf(kA, "run"), Queries(0, 5));
}

TEST_P(EvaluationsTest, Wk29ARunIsNotThereWithoutItsRows) {
  auto rows = Queries(0, 600);
  rows.push_back(rows[77]);
  const auto twice = As(kA).Record(Run("run"), rows);
  ASSERT_EQ(CodeOf(twice), ErrorCode::kInvalidArgument);
  EXPECT_THAT(twice.error().message(), HasSubstr("q000077"));
  // What a database refuses in the middle takes all of it back.
  Sql("CREATE UNIQUE INDEX for_the_test ON eval_per_query (query_id)");
  Ok(As(kB).Record(Run("other"), Queries(550, 551)));
  EXPECT_EQ(CodeOf(As(kA).Record(Run("run"), Queries(0, 600))), ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(As(kA).Get("run")), ErrorCode::kNotFound);
  EXPECT_EQ(StoredRows(), 1);
}

TEST_P(EvaluationsTest, RowsOfAQueryThatIsThereAreRefusedTogether) {
  Ok(As(kA).Record(Run("run"), Queries(0, 3)));
  EXPECT_EQ(CodeOf(As(kA).Append("run", Queries(2, 9))), ErrorCode::kAlreadyExists);
  EXPECT_EQ(RowsOf(kA, "run"), Queries(0, 3));
}

TEST_P(EvaluationsTest, Case96jAHundredThousandRowsInOneRun) {
  const auto rows = Queries(0, static_cast<int>(Evaluations::kMaxRows));
  const auto start = std::chrono::steady_clock::now();
  Ok(As(kA).Record(Run("run"), rows));
  const auto written = std::chrono::steady_clock::now();
  EXPECT_EQ(StoredRows(), 100'000);
  EXPECT_EQ(RowsOf(kA, "run"), rows);
  const auto read = std::chrono::steady_clock::now();
  Ok(As(kA).Delete("run"));
  const auto deleted = std::chrono::steady_clock::now();
  EXPECT_EQ(StoredRows(), 0);
  const auto ms = [](auto from, auto to) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count());
  };
  RecordProperty("write_ms", ms(start, written));
  RecordProperty("read_ms", ms(written, read));
  RecordProperty("delete_ms", ms(read, deleted));

  auto more = Queries(0, static_cast<int>(Evaluations::kMaxRows) + 1);
  EXPECT_EQ(CodeOf(As(kA).Record(Run("run"), more)), ErrorCode::kInvalidArgument);
}

// Every number of rows is made of statements of 512, 256, ... rows.
TEST_P(EvaluationsTest, AnyNumberOfRowsIsStoredWhole) {
  for (const int count : {1, 2, 3, 511, 512, 513, 1023, 1537}) {
    const std::string id = fmt::format("run-{}", count);
    Ok(As(kA).Record(Run(id), Queries(0, count)));
    EXPECT_EQ(RowsOf(kA, id), Queries(0, count)) << count;
  }
}

// --- Who sees and changes what.

TEST_P(EvaluationsTest, Case36RunsOfOneIdBelongToTheirTenants) {
  Ok(As(kA).Record(Run("run"), Queries(0, 1)));
  Ok(As(kB).Record(Run("run"), Queries(0, 2)));  // of one query even, unlike CAT-034
  EXPECT_EQ(RowsOf(kA, "run"), Queries(0, 1));
  EXPECT_EQ(RowsOf(kB, "run"), Queries(0, 2));
  EXPECT_THAT(RowsOf(kOutsider, "run"), IsEmpty());
  Ok(As(kA).Delete("run"));
  EXPECT_THAT(RowsOf(kA, "run"), IsEmpty());
  EXPECT_EQ(RowsOf(kB, "run"), Queries(0, 2));
}

TEST_P(EvaluationsTest, Case57ATenantReachesNeitherAPeersRunsNorChangesGlobalOnes) {
  Ok(As(kA).Record(Run("peer's"), Queries(0, 1)));
  Ok(As(kGlobal).Record(Run("global"), Queries(0, 1)));
  EXPECT_EQ(CodeOf(As(kB).Get("peer's")), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(As(kGlobal).Get("peer's")), ErrorCode::kNotFound);
  EXPECT_EQ(Ok(As(kB).Get("global")).owner, kGlobal);
  EXPECT_EQ(RowsOf(kB, "global"), Queries(0, 1));
  for (const auto* id : {"peer's", "global"}) {
    EXPECT_EQ(CodeOf(As(kB).Append(id, Queries(1, 2))), ErrorCode::kNotFound);
    EXPECT_EQ(CodeOf(As(kB).Delete(id)), ErrorCode::kNotFound);
  }
  EXPECT_EQ(RowsOf(kA, "peer's"), Queries(0, 1));
  EXPECT_EQ(RowsOf(kGlobal, "global"), Queries(0, 1));
}

TEST_P(EvaluationsTest, AnOwnRunHidesTheGlobalOneOfItsId) {
  Ok(As(kGlobal).Record(Run("run"), Queries(0, 4)));
  const auto first = Ok(As(kA).PerQuery("run", 2));
  const EvalRun own = Ok(As(kA).Record(Run("run"), Queries(7, 8)));
  EXPECT_EQ(Ok(As(kA).Get("run")), own);
  EXPECT_EQ(RowsOf(kA, "run"), Queries(7, 8));
  // A list that has begun goes on where it began.
  EXPECT_EQ(Ok(As(kA).PerQuery("run", 2, first.next_page_token)).items, Queries(2, 4));
  Ok(As(kA).Append("run", Queries(8, 9)));
  EXPECT_EQ(RowsOf(kGlobal, "run"), Queries(0, 4));
}

// --- Bad arguments.

TEST_P(EvaluationsTest, BadArgumentsAreNamedAndChangeNothing) {
  const auto expect = [&](const std::string& message, auto change) {
    auto params = Run("run");
    change(params);
    const auto refused = As(kA).Record(params);
    ASSERT_EQ(CodeOf(refused), ErrorCode::kInvalidArgument) << message;
    EXPECT_THAT(refused.error().message(), HasSubstr(message));
  };
  expect("run_id must be 1 to 128 bytes long, not 0", [](auto& p) { p.run_id = ""; });
  expect("run_id must be 1 to 128 bytes long, not 129", [](auto& p) { p.run_id = std::string(129, 'x'); });
  expect("run_id must not hold U+0000", [](auto& p) { p.run_id = std::string("a\0b", 3); });
  expect("run_id is not valid UTF-8", [](auto& p) { p.run_id = "\xff"; });
  expect("model must be 1 to 36 bytes long", [](auto& p) { p.model = ModelUid{""}; });
  expect("type is none", [](auto& p) { p.type = static_cast<EvalType>(5); });
  expect("source_id must be 1 to 512", [](auto& p) { p.source_id = ""; });
  expect("golden_source must be 0 to 512", [](auto& p) { p.golden_source = std::string(513, 'x'); });
  expect("k must be 1 or more, not 0", [](auto& p) { p.k = 0; });
  expect("metrics must be 1 to 65536 bytes", [](auto& p) { p.metrics = ""; });
  expect("metrics is not JSON", [](auto& p) { p.metrics = "{'a': 1}"; });
  expect("metrics is not a JSON object", [](auto& p) { p.metrics = "[1]"; });
  EXPECT_THAT(RunIds(kA), IsEmpty());
}

TEST_P(EvaluationsTest, BadRowsAreNamedAndChangeNothing) {
  Ok(As(kA).Record(Run("run")));
  const auto expect = [&](const std::string& message, auto change) {
    auto rows = Queries(0, 3);
    change(rows[1]);
    const auto appended = As(kA).Append("run", rows);
    ASSERT_EQ(CodeOf(appended), ErrorCode::kInvalidArgument) << message;
    EXPECT_THAT(appended.error().message(), HasSubstr(message));
    EXPECT_EQ(CodeOf(As(kA).Record(Run("new"), rows)), ErrorCode::kInvalidArgument) << message;
  };
  expect("query_id must be 1 to 512", [](auto& row) { row.query_id = ""; });
  expect("query_id must be 1 to 512", [](auto& row) { row.query_id = std::string(513, 'q'); });
  expect("query_id 'q000000' is given twice", [](auto& row) { row.query_id = "q000000"; });
  expect("cohorts is not a JSON object", [](auto& row) { row.cohorts = "null"; });
  expect("cohorts must be 1 to 4096", [](auto& row) { row.cohorts = "{}" + std::string(4095, ' '); });
  expect("metrics of a row is not JSON", [](auto& row) { row.metrics = "{"; });
  expect("metrics of a row must be 1 to 16384", [](auto& row) { row.metrics = std::string(16385, ' '); });
  EXPECT_EQ(StoredRows(), 0);
  EXPECT_EQ(CodeOf(As(kA).Get("new")), ErrorCode::kNotFound);
}

TEST_P(EvaluationsTest, BadKeysFiltersAndTokensAreRefused) {
  Record(kA, Run("1"), Queries(0, 2));
  Record(kA, Run("2"));
  const std::string runs = Ok(As(kA).List({}, 1)).next_page_token;
  const std::string rows = Ok(As(kA).PerQuery("1", 1)).next_page_token;
  for (const std::string& token : {std::string("x"), runs + "00", runs.substr(1), rows}) {
    EXPECT_EQ(CodeOf(As(kA).List({}, 1, token)), ErrorCode::kInvalidArgument) << token;
  }
  EXPECT_EQ(CodeOf(As(kA).PerQuery("1", 1, runs)), ErrorCode::kInvalidArgument);
  for (const int page_size : {-1, 0, 1001}) {
    EXPECT_EQ(CodeOf(As(kA).List({}, page_size)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).PerQuery("1", page_size)), ErrorCode::kInvalidArgument);
  }
  for (const std::string& id : {std::string(), std::string(129, 'x'), std::string("\xff")}) {
    EXPECT_EQ(CodeOf(As(kA).Get(id)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).GetAll(std::vector{id})), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).Append(id, {})), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).PerQuery(id)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).Delete(id)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).Latest(ModelUid{id}, EvalType::kNer)), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(CodeOf(As(kA).List({.type = static_cast<EvalType>(9)})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).Latest("m", 0, EvalType::kNer)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).Latest("", 1, EvalType::kNer)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).Latest("m", 1, static_cast<EvalType>(9))), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).WithDeadline(Deadline::Now()).Record(Run("3"))), ErrorCode::kDeadlineExceeded);
}

TEST_P(EvaluationsTest, IdsAreDataInSql) {
  const std::string id = "'; DROP TABLE eval_runs; -- %_\"\\$1";
  Ok(As(kA).Record(Run(id), std::vector{Query(id)}));
  EXPECT_EQ(Ok(As(kA).Get(id)).run_id, id);
  EXPECT_THAT(RowsOf(kA, id), ElementsAre(Query(id)));
}

TEST_P(EvaluationsTest, Wk35TheDatabaseKnowsTheSameTypesAsWe) {
  Ok(As(kA).Record(Run("run")));
  for (int type = 0; type < 5; ++type) {
    const auto text = ToString(static_cast<EvalType>(type));
    EXPECT_EQ(Ok(ParseEvalType(text)), static_cast<EvalType>(type));
    Sql("UPDATE eval_runs SET eval_type = $1", {text});
  }
  EXPECT_THAT(ParseEvalType("juggling").error().message(), HasSubstr("calibration_sample"));
  for (const std::string change : {"eval_type = 'juggling'", "k = 0", "run_id = ''"}) {
    const auto refused =
        backend().Transact({}, [&](Transaction& tx) { return tx.Execute("UPDATE eval_runs SET " + change); });
    ASSERT_FALSE(refused) << change;
    EXPECT_EQ(refused.error().As<BackendDetail>()->fault, BackendFault::kCheck) << change;
  }
}

// --- Work grows with what is asked, not with what is stored.

TEST_P(EvaluationsTest, Wk25NoStatementScansOrSortsAmong100000RunsAndRows) {
  Sql("INSERT INTO models (scope, name, version, model_uid, model_type, task, backend, status, revision, "
      "created_at, updated_at) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) "
      "SELECT '', 'm' || i, 1, 'uid' || i, 'embedding', 'ner', 'candle', 'registered', 1, i, i FROM n");
  Sql("INSERT INTO eval_runs (scope, run_id, model_uid, eval_type, source_id, metrics, created_at) "
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
      "SELECT CASE WHEN i % 3 = 0 THEN '' ELSE $1 END, 'r' || i, 'uid' || (i % 1000), "
      "CASE WHEN i % 2 = 0 THEN 'embedding' ELSE 'ner' END, 's', '{}', i FROM n",
      {kA.Key()});
  Sql("INSERT INTO eval_per_query (scope, run_id, query_id, metrics) "
      "SELECT scope, run_id, 'q', '{}' FROM eval_runs");
  if (backend().kind() == BackendKind::kPostgres) Sql("ANALYZE");
  ExpectNoScanOrSort(backend(), EvaluationStatements());
}

// --- At the same time.

TEST_P(EvaluationsTest, OneOfTwoThatRecordARunAtOnceWins) {
  for (int round = 0; round < 20; ++round) {
    const std::string id = fmt::format("run-{}", round);
    std::barrier start(2);
    std::array<std::optional<ErrorCode>, 2> codes;
    {
      std::vector<std::jthread> threads;
      for (size_t i = 0; i < 2; ++i) {
        threads.emplace_back([&, i] {
          const auto rows = Queries(0, 1 + static_cast<int>(i));
          start.arrive_and_wait();
          codes[i] = CodeOf(As(kA).Record(Run(id), rows));
        });
      }
    }
    const size_t winner = codes[0] ? 1 : 0;
    EXPECT_EQ(codes[winner], std::nullopt);
    EXPECT_EQ(codes[1 - winner], ErrorCode::kAlreadyExists);
    EXPECT_THAT(RowsOf(kA, id), SizeIs(winner + 1));
  }
}

// A run that goes while rows are added to it takes them along; there are no rows without a run.
TEST_P(EvaluationsTest, RowsAreNeverLeftBehindByADeletion) {
  for (int round = 0; round < 20; ++round) {
    Ok(As(kA).Record(Run("run"), Queries(0, 5)));
    std::barrier start(2);
    std::optional<ErrorCode> appended;
    {
      std::jthread appender([&] {
        start.arrive_and_wait();
        appended = CodeOf(As(kA).Append("run", Queries(5, 50)));
      });
      start.arrive_and_wait();
      Ok(As(kA).Delete("run"));
    }
    EXPECT_TRUE(!appended || appended == ErrorCode::kNotFound);
    ASSERT_EQ(StoredRows(), 0);
  }
}

}  // namespace
}  // namespace jammi::test
