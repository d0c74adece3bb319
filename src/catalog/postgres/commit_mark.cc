#include "catalog/postgres/commit_mark.h"

#include <fmt/format.h>

#include <utility>

#include "catalog/postgres/connection.h"
#include "jammi/ids.h"

namespace jammi::postgres {
namespace {

constexpr int kMarksPerRow = 64;

// No index is touched but by the first of a row, and no plan is chosen: ON CONFLICT always goes by the
// primary key, so serializable transactions do not meet here.
constexpr std::string_view kWrite =
    "INSERT INTO commit_marks (slot, number, marked_at)"
    " SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), now() WHERE pg_current_xact_id_if_assigned() IS NOT NULL"
    " ON CONFLICT (slot) DO UPDATE SET number = excluded.number, marked_at = excluded.marked_at";

constexpr std::string_view kDrop =
    "DELETE FROM commit_marks WHERE slot = $1 AND pg_current_xact_id_if_assigned() IS NOT NULL";

constexpr std::string_view kCommitMarkIsThere =
    "SELECT count(*) FROM commit_marks WHERE slot = $1 AND number = $2";

constexpr std::string_view kSweep = "DELETE FROM commit_marks WHERE marked_at < now() - INTERVAL '1 day'";

}  // namespace

CommitMarker::CommitMarker()
    : mark_{Uuid::RandomV4().ToString()},
      write_params_{std::nullopt, std::nullopt},
      drop_params_{std::nullopt} {}

std::vector<Statement> CommitMarker::Next() {
  if (marks_in_row_ >= kMarksPerRow) {
    old_slot_ = std::exchange(mark_.slot, Uuid::RandomV4().ToString());
    marks_in_row_ = 0;
  }
  ++mark_.number;
  write_params_ = {SqlValue(mark_.slot), SqlValue(mark_.number)};
  std::vector<Statement> statements{{kWrite, write_params_}};
  if (!old_slot_.empty()) {
    drop_params_ = {SqlValue(old_slot_)};
    statements.push_back({kDrop, drop_params_});
  }
  return statements;
}

void CommitMarker::Committed() {
  ++marks_in_row_;
  old_slot_.clear();
}

std::string CommitMarker::Farewell() const {
  if (marks_in_row_ == 0) return {};
  return fmt::format("DELETE FROM commit_marks WHERE slot = '{}'", mark_.slot);
}

Result<bool> IsMarked(Connection& connection, const CommitMark& mark, Deadline deadline) {
  JAMMI_ASSIGN(const ResultSet there,
               connection.RunOne(kCommitMarkIsThere, {mark.slot, mark.number}, deadline));
  return there.Int(0, 0) > 0;
}

Result<void> SweepCommitMarks(Connection& connection) {
  JAMMI_TRY(connection.RunOne(kSweep));
  return {};
}

}  // namespace jammi::postgres
