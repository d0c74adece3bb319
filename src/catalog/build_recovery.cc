#include "catalog/build_recovery.h"

#include <array>
#include <utility>

#include "base/log.h"
#include "base/sync_point.h"
#include "catalog/arguments.h"
#include "catalog/lease.h"
#include "catalog/read_rows.h"
#include "catalog/result_table_build.h"
#include "catalog/result_table_row.h"

namespace jammi {
namespace {

#define JAMMI_ABANDONED "status = 'building' AND " JAMMI_LEASE_EXPIRED
#define JAMMI_TAKE_OVER(lock) \
  "UPDATE result_tables SET " JAMMI_LEASE_TAKE(                                                         \
      "$1",                                                                                             \
      "$2") " WHERE (scope, table_name) = (SELECT scope, table_name FROM result_tables "                \
            "WHERE " JAMMI_ABANDONED " ORDER BY lease_expires_at LIMIT 1" lock ") AND " JAMMI_ABANDONED \
            " RETURNING lease_epoch, " JAMMI_RESULT_TABLE_COLUMNS

// Asked by a reader, so that a catalog without abandoned builds is not written to.
constexpr std::string_view kProbe = "SELECT 1 AS found FROM result_tables WHERE " JAMMI_ABANDONED " LIMIT 1";
constexpr std::string_view kTakeOver = JAMMI_TAKE_OVER("");
// Where writers run side by side each takes another build instead of waiting for the same.
constexpr std::string_view kTakeOverSkipping = JAMMI_TAKE_OVER(" FOR UPDATE SKIP LOCKED");
constexpr std::string_view kFailLost =
    "UPDATE result_tables SET status = 'failed', row_count = 0, definition_hash = NULL, inputs = '[]', "
    "completed_at = (SELECT jammi_now()) "
    "WHERE scope = $1 AND table_name = $2 AND status = 'ready' AND created_at = $3 "
    "AND completed_at = $4";
constexpr std::string_view kDeleteInputs =
    "DELETE FROM result_table_inputs WHERE made_scope = $1 AND made_table = $2";

constexpr std::array<RepoStatement, 4> kBuildRecoveryStatements = {{
    {"probe", kProbe, 0},
    {"take over", kTakeOver, 2},
    {"fail a lost table", kFailLost, 4},
    {"delete the inputs", kDeleteInputs, 2},
}};

Result<std::optional<ResultTableManifest>> Inspect(const InspectBuild& inspect, const AbandonedBuild& build) {
  auto manifest = inspect(build);
  JAMMI_SYNC_POINT("build_recovery.inspected");
  if (manifest && *manifest) JAMMI_TRY(CheckManifest(**manifest));
  return manifest;
}

}  // namespace

std::span<const RepoStatement> RecoveryStatements() { return kBuildRecoveryStatements; }

Result<std::optional<AbandonedBuild>> BuildRecovery::TakeOver() {
  JAMMI_ASSIGN(const int64_t micros, LeaseMicros(lease_));
  JAMMI_ASSIGN(const auto any, backend_->Transact({.read_only = true}, [](Transaction& tx) {
    return tx.QueryFirst(kProbe, {}, ReadColumn<int64_t>("found"));
  }));
  if (!any) return std::optional<AbandonedBuild>();
  const bool skip = backend_->kind() == BackendKind::kPostgres;
  return backend_->Transact({}, [&](Transaction& tx) {
    return tx.QueryFirst(skip ? kTakeOverSkipping : kTakeOver, {holder_, micros},
                         [&](const Row& row) -> Result<AbandonedBuild> {
                           AbandonedBuild build;
                           JAMMI_TRY(ReadResultTable(row, build.table));
                           build.lease.holder = holder_;
                           JAMMI_ASSIGN(build.lease.epoch, row.Get<int64_t>("lease_epoch"));
                           return build;
                         });
  });
}

Result<void> BuildRecovery::End(const AbandonedBuild& build,
                                const std::optional<ResultTableManifest>& manifest, RecoveryReport& report) {
  const auto& [table, lease] = build;
  const auto ended = backend_->Transact({}, [&](Transaction& tx) {
    return manifest
               ? PromoteBuild(tx, table.owner, table.table_name, lease, *manifest, ChangeVerb::kRecovered)
               : FailBuild(tx, table.owner, table.table_name, lease, ChangeVerb::kRecovered);
  });
  if (ended) {
    ++(manifest ? report.promoted : report.failed);
    return {};
  }
  const bool lost = ended.error().As<LeaseLostDetail>() != nullptr ||
                    ended.error().As<ResultTableNotFoundDetail>() != nullptr;
  if (!lost) return ended.error();
  ++report.lost;
  return {};
}

Result<RecoveryReport> BuildRecovery::Run(const InspectBuild& inspect, int64_t max_builds,
                                          const std::stop_token& stop) {
  JAMMI_TRY(CheckLeaseHolder(holder_));
  RecoveryReport report;
  for (int64_t taken = 0; taken < max_builds && !stop.stop_requested(); ++taken) {
    JAMMI_ASSIGN(const auto build, TakeOver());
    if (!build) break;
    const auto manifest = Inspect(inspect, *build);
    if (!manifest) {
      Log(LogLevel::kWarning, "abandoned build of result table '{}' is left as it is: {}",
          build->table.table_name, manifest.error().ToString());
      ++report.undecided;
      continue;
    }
    JAMMI_TRY(End(*build, *manifest, report));
  }
  return report;
}

Result<bool> BuildRecovery::FailLost(const ResultTableRecord& table) {
  if (!table.completed_at) return InvalidArgument("table", "is not ready");
  return backend_->Transact({}, [&](Transaction& tx) -> Result<bool> {
    const std::string key = table.owner.Key();
    JAMMI_ASSIGN(const int64_t failed,
                 tx.Execute(kFailLost, {key, table.table_name, table.created_at, *table.completed_at}));
    if (failed == 0) return false;
    JAMMI_TRY(tx.Execute(kDeleteInputs, {key, table.table_name}));
    JAMMI_TRY(RecordTableChange(tx, ChangeVerb::kRecovered, table.owner, table.table_name));
    return true;
  });
}

}  // namespace jammi
