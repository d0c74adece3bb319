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

using PlanSteps = std::vector<std::string>;

// The steps of a statement's plan for these parameters, on a connection as the catalog has set it up; as the
// database words them.
inline Result<PlanSteps> PlanFor(CatalogBackend& backend, std::string_view sql, SqlParams params) {
  const bool sqlite = backend.kind() == BackendKind::kSqlite;
  return backend.Transact({}, [&](Transaction& tx) -> Result<PlanSteps> {
    PlanSteps plan;
    JAMMI_TRY(tx.Query(fmt::format("{} {}", sqlite ? "EXPLAIN QUERY PLAN" : "EXPLAIN", sql), params,
                       [&](const Row& row) -> Result<bool> {
                         JAMMI_ASSIGN(plan.emplace_back(),
                                      row.Get<std::string>(sqlite ? "detail" : "QUERY PLAN"));
                         return true;
                       }));
    return plan;
  });
}

// The same for whatever the parameters are.
inline Result<PlanSteps> PlanOf(CatalogBackend& backend, const RepoStatement& statement) {
  const auto count = static_cast<size_t>(statement.params);
  if (backend.kind() == BackendKind::kSqlite) {
    return PlanFor(backend, statement.sql, std::vector<SqlValue>(count, SqlValue("x")));
  }
  return backend.Transact({}, [&](Transaction& tx) -> Result<PlanSteps> {
    PlanSteps plan;
    const std::vector<std::string_view> nulls(count, "NULL");
    const std::string arguments = nulls.empty() ? "" : fmt::format("({})", fmt::join(nulls, ", "));
    JAMMI_TRY(tx.Execute(kMakePlanOf));
    JAMMI_TRY(tx.Query("SELECT detail FROM plan_of($1, $2) AS detail", {statement.sql, arguments},
                       [&](const Row& row) -> Result<bool> {
                         JAMMI_ASSIGN(plan.emplace_back(), row.Get<std::string>("detail"));
                         return true;
                       }));
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
