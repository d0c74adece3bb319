// The queue with very many jobs: plans, and what a claim takes.
#include <fmt/format.h>

#include <algorithm>

#include "catalog/job_fixture.h"
#include "catalog/job_repo.h"
#include "catalog/query_plan.h"

namespace jammi::test {
namespace {

using std::chrono::microseconds;

class JobScaleTest : public JobsTest {
 protected:
  // `count` jobs in one statement: submitted after all that are there.
  void Fill(const Scope& scope, Status status, int64_t count, bool claimable = true) {
    const auto base = Ok(ModelsOf(scope).Get("base")).uid;
    const bool running = status == Status::kRunning;
    const int64_t next = GetInt("SELECT next_value AS v FROM catalog_counters WHERE name = 'training_job'");
    Sql("INSERT INTO training_jobs (sequence, scope, job_id, kind, base_model_uid, output_model_id, "
        "output_model_uid, training_source, loss_type, hyperparams, status, priority, claimable, "
        "lease_holder, lease_expires_at, created_at, updated_at) "
        "WITH RECURSIVE n(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2) "
        "SELECT i, $3, 'j' || i, 'fine_tune', $4, 'out', $4, 'source', 'mse', '{}', $5, i % 3, "
        "CAST($6 AS BIGINT), $7, CAST($8 AS BIGINT), i, i FROM n",
        {next, next + count - 1, scope.Key(), base.value, ToString(status), claimable,
         running ? SqlValue("w") : SqlValue(std::nullopt), running ? SqlValue(1) : SqlValue(std::nullopt)});
    Sql("UPDATE catalog_counters SET next_value = $1 WHERE name = 'training_job'", {next + count});
  }

  // The median of `count` claims of the jobs that are there.
  microseconds TimeOfClaims(int count) {
    std::vector<microseconds> times;
    for (int i = 0; i < count; ++i) {
      const auto start = std::chrono::steady_clock::now();
      const auto claimed = Claim("w");
      times.push_back(std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - start));
    }
    std::ranges::nth_element(times, times.begin() + count / 2);
    return times[static_cast<size_t>(count) / 2];
  }

  // The first entry of an index that holds nothing else: what SQLite calls a scan ends after one row. And
  // the table of counters, which has a handful of rows for ever.
  static bool IsHarmless(const std::string& step) {
    return step.ends_with("INDEX training_jobs_queue") || step.ends_with("INDEX training_jobs_leases") ||
           step.find("Seq Scan on catalog_counters") != step.npos;
  }

  // What a claim may take when many jobs are there, seen what it took with ten: the same, but for a busy
  // machine. A claim that looks at a million rows takes a thousand times as long.
  static microseconds Limit(microseconds with_ten) { return 4 * with_ten + microseconds(1000); }
};

JAMMI_ON_EVERY_DATABASE(JobScaleTest);

// WK-25.
TEST_P(JobScaleTest, Wk25NoStatementScansOrSortsAmong100000Jobs) {
  Sql("INSERT INTO models (scope, name, version, model_uid, model_type, task, backend, status, revision, "
      "created_at, updated_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
      "9999) "
      "SELECT '', 'm' || i, 1, 'uid' || i, 'embedding', 'ner', '', 'registered', 1, i, i FROM n");
  Fill(kA, Status::kCompleted, 30'000);
  Fill(kA, Status::kQueued, 10'000, false);
  Fill(kGlobal, Status::kQueued, 30'000);
  Fill(kB, Status::kRunning, 10'000);
  Fill(kB, Status::kQueued, 20'000);
  if (backend().kind() == BackendKind::kPostgres) Sql("ANALYZE");
  auto statements = TrainingJobStatements(backend().kind());
  // A count looks at all that it counts.
  std::erase_if(statements, [](const RepoStatement& statement) { return statement.name == "count"; });
  std::ranges::move(JobQueueStatements(backend().kind()), std::back_inserter(statements));
  ExpectNoScanOrSort(backend(), statements, IsHarmless);
}

// 9.6 (h).
TEST_P(JobScaleTest, AClaimTakesAsLongWithAMillionJobsAsWithTen) {
  // PostgreSQL keeps the plan that it makes now, for a table that it knows to be tiny, until it has looked
  // at the table again. Here it never does.
  Fill(kA, Status::kQueued, 3);
  if (backend().kind() == BackendKind::kPostgres) {
    Sql("ALTER TABLE training_jobs SET (autovacuum_enabled = off)");
    Sql("ANALYZE");
  }
  for (int i = 0; i < 20; ++i) Ok(Queue().GiveBack(Claim("w").claim));
  Fill(kA, Status::kQueued, 10);
  const microseconds with_ten = TimeOfClaims(10);

  // Finished and held ones lie in front of those that can be claimed.
  Fill(kB, Status::kCompleted, 100'000);
  Fill(kB, Status::kQueued, 50'000, false);
  Fill(kA, Status::kQueued, 1'000'000);
  const microseconds with_a_million = TimeOfClaims(100);

  // Where many jobs were claimed, PostgreSQL has dead entries at the head of the index until a vacuum.
  Sql("UPDATE training_jobs SET status = 'cancelled' WHERE status = 'queued' AND claimable = 1 AND "
      "priority = 2 AND sequence < 600000");
  const microseconds first = TimeOfClaims(1);
  const microseconds after_many_claims = TimeOfClaims(100);

  RecordProperty("with_ten_us", static_cast<int>(with_ten.count()));
  RecordProperty("with_a_million_us", static_cast<int>(with_a_million.count()));
  RecordProperty("after_many_claims_us", static_cast<int>(after_many_claims.count()));
  fmt::print("a claim: {} us of 10 jobs, {} us of 1,000,000, {} us after 150,000 claims (the first {} us)\n",
             with_ten.count(), with_a_million.count(), after_many_claims.count(), first.count());
  EXPECT_LE(with_a_million, Limit(with_ten));
  EXPECT_LE(after_many_claims, Limit(with_ten));
}

}  // namespace
}  // namespace jammi::test
