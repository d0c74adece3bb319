// The plans of repositories' statements, for tests, on every database.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "catalog/repo_statement.h"
#include "jammi/catalog_backend.h"

namespace jammi::test {

// On PostgreSQL: the plan that serves whatever the parameters are, with the methods that the catalog's
// connections are told to avoid, so that a missing index shows. A body may not PREPARE, a function may.
inline constexpr std::string_view kMakePlanOf =
    "CREATE OR REPLACE FUNCTION plan_of(statement TEXT, arguments TEXT) RETURNS SETOF TEXT LANGUAGE plpgsql "
    "AS $f$ BEGIN "
    "PERFORM set_config('plan_cache_mode', 'force_generic_plan', true); "
    "PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'on', true); "
    "EXECUTE 'PREPARE planned AS ' || statement; "
    "RETURN QUERY EXECUTE 'EXPLAIN EXECUTE planned' || arguments; "
    "DEALLOCATE planned; "
    "END $f$";

// The plan's steps, as the database words them.
inline Result<std::vector<std::string>> PlanOf(CatalogBackend& backend, const RepoStatement& statement) {
  return backend.Transact({}, [&](Transaction& tx) -> Result<std::vector<std::string>> {
    std::vector<std::string> plan;
    const auto read = [&](const Row& row) -> Result<bool> {
      JAMMI_ASSIGN(plan.emplace_back(), row.Get<std::string>("detail"));
      return true;
    };
    const auto count = static_cast<size_t>(statement.params);
    if (backend.kind() == BackendKind::kSqlite) {
      const std::vector<SqlValue> params(count, SqlValue("x"));
      JAMMI_TRY(tx.Query(fmt::format("EXPLAIN QUERY PLAN {}", statement.sql), SqlParams(params), read));
      return plan;
    }
    const std::vector<std::string_view> nulls(count, "NULL");
    const std::string arguments = nulls.empty() ? "" : fmt::format("({})", fmt::join(nulls, ", "));
    JAMMI_TRY(tx.Execute(kMakePlanOf));
    JAMMI_TRY(tx.Query("SELECT detail FROM plan_of($1, $2) AS detail", {statement.sql, arguments}, read));
    return plan;
  });
}

// SQLite's word for what reads a table or index from end to end; not for a row of constants or a subquery.
inline bool IsSqliteScan(const std::vector<std::string>& plan, const std::string& step) {
  if (!step.starts_with("SCAN ") || step == "SCAN CONSTANT ROW") return false;
  return std::ranges::find(plan, "CO-ROUTINE " + step.substr(5)) == plan.end();
}

// Every statement finds what it wants by an index, in the order in which it returns it; `allowed` steps
// excepted.
inline void ExpectNoScanOrSort(
    CatalogBackend& backend, std::span<const RepoStatement> statements,
    const std::function<bool(const std::string&)>& allowed = [](const std::string&) { return false; }) {
  for (const RepoStatement& statement : statements) {
    const auto plan = PlanOf(backend, statement);
    ASSERT_TRUE(plan) << statement.name << ": " << plan.error().ToString();
    for (const std::string& step : *plan) {
      const bool bad = IsSqliteScan(*plan, step) || step.find("TEMP B-TREE") != step.npos ||
                       step.find("Seq Scan on") != step.npos || step.find("Sort Key") != step.npos;
      EXPECT_FALSE(bad && !allowed(step)) << statement.name << ":\n"
                                          << fmt::format("{}", fmt::join(*plan, "\n"));
    }
  }
}

}  // namespace jammi::test
