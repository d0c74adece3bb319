#include "bench/postgres_rival.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <stdexcept>

#include "bench/job_rows.h"
#include "bench/model_rows.h"
#include "catalog/changes.h"
#include "catalog/job_repo.h"
#include "jammi/clock.h"
#include "jammi/ids.h"

namespace jammi::bench {
namespace {

// One event; of several, the catalog makes one statement too.
constexpr std::string_view kAppendOne =
    "WITH head AS (UPDATE topic_heads SET next_offset = next_offset + 1, events = events + 1,"
    " bytes = bytes + octet_length($2), last_committed_at = GREATEST(last_committed_at, jammi_now())"
    " WHERE topic_no = $1 RETURNING next_offset - 1 AS first_offset, last_committed_at)"
    " INSERT INTO events (event_key, committed_at, scope, row_count, checksum, payload)"
    " SELECT (CAST($1 AS BIGINT) << 40) + first_offset, last_committed_at, '', 1, first_offset,"
    " CAST($2 AS BYTEA) FROM head";

struct Cells {
  const PGresult* result;
  int row;
  [[nodiscard]] bool IsNull(int column) const { return PQgetisnull(result, row, column) != 0; }
  [[nodiscard]] std::optional<std::string> Text(int column) const {
    if (IsNull(column)) return std::nullopt;
    return std::string(PQgetvalue(result, row, column),
                       static_cast<size_t>(PQgetlength(result, row, column)));
  }
  [[nodiscard]] int64_t Int(int column) const {
    int64_t value = 0;
    std::memcpy(&value, PQgetvalue(result, row, column), sizeof(value));
    return std::byteswap(value);
  }
};

}  // namespace

PostgresRival::PostgresRival(const std::string& url, int64_t event_bytes)
    : connection_(PQconnectdb(url.c_str())), payload_(static_cast<size_t>(event_bytes), 'x') {
  if (PQstatus(connection_) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection_));
  Prepare("begin", "BEGIN");
  Prepare("commit", "COMMIT");
  Prepare("get", StatementText(ModelStatements(), "get"));
  Prepare("page", StatementText(ModelStatements(), "page"));
  Prepare("insert", StatementText(ModelStatements(), "insert"));
  Prepare("append", kAppendOne);
  Prepare("claim", StatementText(JobQueueStatements(BackendKind::kPostgres), "claim"));
  if (PQenterPipelineMode(connection_) != 1) throw std::runtime_error("no pipeline");
}

void PostgresRival::Prepare(const char* name, std::string_view sql) {
  PGresult* result = PQprepare(connection_, name, std::string(sql).c_str(), 0, nullptr);
  const bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
  PQclear(result);
  if (!done) throw std::runtime_error(fmt::format("{}: {}", name, PQerrorMessage(connection_)));
}

void PostgresRival::Send(const char* name, Params params) {
  const char* values[16] = {};
  int lengths[16] = {};
  int formats[16] = {};
  int count = 0;
  for (const Param& param : params) {
    values[count] = param.value ? param.value->c_str() : nullptr;
    lengths[count] = param.value ? static_cast<int>(param.value->size()) : 0;
    formats[count] = param.binary ? 1 : 0;
    ++count;
  }
  if (PQsendQueryPrepared(connection_, name, count, values, lengths, formats, 1) != 1) {
    throw std::runtime_error(PQerrorMessage(connection_));
  }
}

template <class Fn>
void PostgresRival::Answers(int statements, Fn read) {
  if (PQpipelineSync(connection_) != 1) throw std::runtime_error(PQerrorMessage(connection_));
  for (int i = 0; i < statements; ++i) {
    PGresult* result = PQgetResult(connection_);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      throw std::runtime_error(PQresultErrorMessage(result));
    }
    for (int row = 0; row < PQntuples(result); ++row) read(Cells{result, row});
    PQclear(result);
    PQgetResult(connection_);  // the end of this one
  }
  PQclear(PQgetResult(connection_));  // the end of all
}

template <class Fn>
void PostgresRival::Query(const char* name, Params params, Fn read) {
  Send(name, params);
  Answers(1, read);
}

std::optional<ModelRecord> PostgresRival::Get(std::string_view scope, std::string_view name) {
  std::optional<ModelRecord> found;
  Query("get", {{std::string(scope)}, {std::string(name)}},
        [&](const Cells& row) { found = ReadModel(row); });
  return found;
}

std::vector<ModelRecord> PostgresRival::Page(std::string_view scope, const ModelRecord& after) {
  std::vector<ModelRecord> rows;
  rows.reserve(kPageSize);
  Query("page",
        {{std::string(scope)},
         {fmt::format("{}", after.created_at)},
         {after.model_id},
         {fmt::format("{}", after.version)},
         {after.owner.Key()},
         {fmt::format("{}", kPageSize)}},
        [&](const Cells& row) { rows.push_back(ReadModel(row)); });
  return rows;
}

void PostgresRival::Register(const std::string& name, int32_t version) {
  Send("begin", {});
  Send("insert", {{""},
                  {name},
                  {fmt::format("{}", version)},
                  {Uuid::TimeOrderedV7(Clock::System()->Now() / 1000).ToString()},
                  {"embedding"},
                  {"text_embedding"},
                  {"candle"},
                  {std::nullopt},
                  {std::nullopt},
                  {std::string(kConfig)}});
  Answers(2, [](const Cells& row) { (void)ReadModel(row); });
  Send("append", {{fmt::format("{}", kChangesTopicNo)}, {payload_, true}});
  Send("commit", {});
  Answers(2, [](const Cells&) {});
}

bool PostgresRival::Claim() {
  bool found = false;
  Send("begin", {});
  Send("claim", {{"rival"}, {"60000000"}});
  Answers(2, [&](const Cells& row) { found = ReadJob(row).sequence >= 0; });
  Send("commit", {});
  Answers(1, [](const Cells&) {});
  return found;
}

}  // namespace jammi::bench
