// How each database finds what the registries of sources and channels ask for, among 100,000 rows (WK-25).
#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "catalog/channel_repo.h"
#include "catalog/query_plan.h"
#include "catalog/repo_fixture.h"
#include "catalog/source_repo.h"
#include "jammi/channels.h"

namespace jammi::test {
namespace {

using testing::HasSubstr;
using testing::Not;

// Half of them global, a quarter each of two tenants; every tenth one of the first tenant hides a global one.
constexpr std::string_view kRows =
    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999), "
    "owned (i, scope, id) AS (SELECT i, CASE WHEN i % 2 = 0 THEN '' WHEN i % 4 = 1 THEN $1 ELSE $2 END, "
    "'x' || CAST(CASE WHEN i % 40 = 1 THEN i - 1 ELSE i END AS TEXT) FROM n) ";

class SourceChannelPlanTest : public RepoTest {
 protected:
  void SetUp() override {
    const std::string a = kA.Key();
    const std::string b = kB.Key();
    Sql(fmt::format(
            "{} INSERT INTO sources (scope, source_id, source_type, url, format, revision, created_at, "
            "updated_at) SELECT scope, id, 'file', 'file:///x', 'csv', 1, i, i FROM owned",
            kRows),
        {a, b});
    Sql(fmt::format("{} INSERT INTO evidence_channels (scope, channel, priority, revision, created_at, "
                    "updated_at) SELECT scope, id, i % 7, 1, i, i FROM owned",
                    kRows),
        {a, b});
    Sql("INSERT INTO evidence_channel_columns (scope, channel, column_name, column_type, ordinal, "
        "declared_at) "
        "SELECT scope, channel, 'column', 'Utf8', 0, 0 FROM evidence_channels WHERE channel >= 'x'");
    Sql(fmt::format("{} INSERT INTO result_tables (scope, table_name, kind, source_id, task, parquet_path, "
                    "status, lease_epoch, created_at, completed_at) SELECT scope, 't' || id, 'asof_join', "
                    "'x' || CAST(i / 10 * 10 + 2 AS TEXT), 'ner', 'file:///x', 'failed', 1, i, i FROM owned",
                    kRows),
        {a, b});
    Sql("ANALYZE");
  }

  // Whatever is sorted is a page: what leads to it comes out of an index in its order, and ends with it.
  void ExpectByIndex(std::span<const RepoStatement> statements,
                     const std::map<std::string_view, std::vector<SqlValue>>& params,
                     const std::string& listing) {
    for (const auto& statement : statements) {
      const auto given = params.find(statement.name);
      if (given == params.end()) continue;
      const auto steps = Ok(PlanFor(backend(), statement.sql, given->second));
      const auto plan = fmt::format("{}:\n{}", statement.name, fmt::join(steps, "\n"));
      const bool lists = statement.sql.find("LIMIT") != statement.sql.npos;
      if (lists && statement.name != "tables") {
        EXPECT_THAT(plan, HasSubstr(listing));
      }
      if (statement.name.ends_with("tables")) {
        EXPECT_THAT(plan, HasSubstr("result_tables_by_source"));
      }
      for (const std::string table :
           {"sources", "evidence_channels", "evidence_channel_columns", "result_tables"}) {
        EXPECT_THAT(plan, Not(HasSubstr("Seq Scan on " + table)));
        EXPECT_THAT(plan, Not(HasSubstr("SCAN " + table)));
      }
    }
  }
};

TEST_P(SourceChannelPlanTest, Wk25Wk26EveryStatementReadsWhatItReturns) {
  const std::string a = kA.Key();
  const std::vector<SqlValue> one = {a, "x1"};
  const std::vector<SqlValue> page = {a, 50'000, "", 101};
  ExpectByIndex(SourceStatements(),
                {{"update", {"url", "csv", "", "", "{}", "", a, "x1", 1}},
                 {"delete", one},
                 {"get", one},
                 {"own page", page},
                 {"global page", page},
                 {"page of all", page},
                 {"tables", {a, "x2", 0, "", "", 101}},
                 {"own with tables", {a, 50'000, "", 101, 101}},
                 {"global with tables", {a, 50'000, "", 101, 101}}},
                "sources_listing");
  const std::vector<SqlValue> channels = {a, 3, "", 101};
  ExpectByIndex(ChannelStatements(),
                {{"touch", one}, {"get", one}, {"own page", channels}, {"global page", channels}},
                "evidence_channels_listing");

  // 0 is hidden by the tenant's own.
  const auto sources = Ok(Sources(Access(kA)).List(1000)).items;
  ASSERT_EQ(sources.size(), 1000U);
  EXPECT_EQ(sources[0].source_id, "x0");
  EXPECT_EQ(sources[0].owner, kA);
  EXPECT_EQ(sources[1].source_id, "x2");
}

JAMMI_ON_EVERY_DATABASE(SourceChannelPlanTest);

}  // namespace
}  // namespace jammi::test
