// The part of a connection that runs outside of the pipeline: scripts, streams of rows, COPY.
#include <libpq-fe.h>

#include <optional>
#include <utility>

#include "catalog/postgres/connection.h"
#include "catalog/postgres/pg_error.h"

namespace jammi::postgres {

Result<void> Connection::LeavePipeline() {
  if (lost_) return ConnectionLost("it is not used any more");
  JAMMI_TRY(SkipToSync({}));
  if (PQexitPipelineMode(connection_) != 1) return Lose();
  return {};
}

Result<void> Connection::FinishPlain() {
  std::optional<Error> failed;
  while (true) {
    JAMMI_ASSIGN(pg_result * next, Next({}));
    if (next == nullptr) break;
    const ResultSet result(next);
    if (PQresultStatus(next) == PGRES_FATAL_ERROR && !failed) {
      failed = FromResult(next);
      lost_ = EndsConnection(next);
    }
  }
  if (PQenterPipelineMode(connection_) != 1) lost_ = true;
  if (failed) return *std::move(failed);
  return {};
}

// libpq forgets that rows come singly when a query is begun outside of a pipeline, and only then.
Result<void> Connection::FinishStream() {
  JAMMI_ASSIGN(const pg_result* end, Next({}));
  if (end != nullptr || PQsendQuery(connection_, "") != 1) return Lose();
  JAMMI_TRY(Flush({}));
  return FinishPlain();
}

Result<void> Connection::Stream(const std::string& sql, const Transaction::RowFn& row) {
  JAMMI_TRY(LeavePipeline());
  if (PQsendQueryParams(connection_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr,
                        /*resultFormat=*/1) != 1 ||
      PQsetSingleRowMode(connection_) != 1) {
    return Lose();
  }
  JAMMI_TRY(Flush({}));
  while (true) {
    JAMMI_ASSIGN(pg_result * next, Next({}));
    if (next == nullptr) return Lose();
    const ResultSet result(next);
    const ExecStatusType status = PQresultStatus(next);
    if (status == PGRES_FATAL_ERROR) {
      Error failed = FromResult(next);
      lost_ = EndsConnection(next);
      if (!lost_) IgnoreError(FinishStream(), "the first error is the reason");
      return failed;
    }
    if (status != PGRES_SINGLE_TUPLE) return FinishStream();
    auto more = row(ResultRow(result, 0));
    if (more && *more) continue;
    lost_ = true;  // rows that nobody wants are on their way
    if (!more) return std::move(more).error();
    return {};
  }
}

Result<void> Connection::BeginCopyIn(const std::string& sql) {
  JAMMI_TRY(LeavePipeline());
  if (PQsendQuery(connection_, sql.c_str()) != 1) return Lose();
  JAMMI_TRY(Flush({}));
  JAMMI_ASSIGN(pg_result * next, Next({}));
  if (next == nullptr) return Lose();
  const ResultSet result(next);
  if (PQresultStatus(next) == PGRES_COPY_IN) return {};
  Error failed = FromResult(next);
  IgnoreError(FinishPlain(), "the first error is the reason");
  return failed;
}

Result<void> Connection::PutCopyIn(std::string_view bytes) {
  if (lost_) return ConnectionLost("it is not used any more");
  while (true) {
    const int put = PQputCopyData(connection_, bytes.data(), static_cast<int>(bytes.size()));
    if (put < 0) return Lose();
    if (put > 0) return Flush({});
    JAMMI_TRY(Wait(/*to_write=*/true, {}));
  }
}

Result<void> Connection::EndCopyIn() {
  if (lost_) return ConnectionLost("it is not used any more");
  int put = 0;
  while ((put = PQputCopyEnd(connection_, nullptr)) == 0) JAMMI_TRY(Wait(/*to_write=*/true, {}));
  if (put < 0) return Lose();
  JAMMI_TRY(Flush({}));
  return FinishPlain();
}

void Connection::AbandonCopyIn() {
  if (lost_) return;
  int put = 0;
  while ((put = PQputCopyEnd(connection_, "given up")) == 0) {
    if (!Wait(/*to_write=*/true, {})) return;
  }
  if (put < 0 || !Flush({})) {
    lost_ = true;
    return;
  }
  IgnoreError(FinishPlain(), "it says that the copy was given up");
}

}  // namespace jammi::postgres
