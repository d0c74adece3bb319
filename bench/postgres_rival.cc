#include "bench/postgres_rival.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "bench/job_rows.h"
#include "bench/model_rows.h"
#include "catalog/changes.h"
#include "catalog/event_key.h"
#include "catalog/job_repo.h"
#include "catalog/postgres/binary.h"
#include "catalog/postgres/log_statements.h"
#include "jammi/clock.h"
#include "jammi/ids.h"

namespace jammi::bench {
namespace {

// An array of one element in PostgreSQL's binary form.
template <class T>
std::string ArrayOfOne(uint32_t type, const T& value) {
  std::string bytes;
  for (const uint32_t word : {uint32_t{1}, uint32_t{0}, type, uint32_t{1}, uint32_t{1}})
    postgres::PutNumber(bytes, word);
  postgres::PutSized(bytes, value);
  return bytes;
}

std::string TextOf(const SqlValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value.get())) return fmt::format("{}", *number);
  return std::string(std::get<std::string_view>(value.get()));
}

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

PostgresRival::PostgresRival(const std::string& url, int64_t event_bytes, postgres::HeadPlaces& places)
    : connection_(PQconnectdb(url.c_str())),
      places_(places),
      event_{ArrayOfOne(25, std::string_view()), ArrayOfOne(20, int64_t{1}), ArrayOfOne(20, int64_t{0}),
             ArrayOfOne(17, std::string_view(std::string(static_cast<size_t>(event_bytes), 'x')))},
      event_bytes_(event_bytes) {
  if (PQstatus(connection_) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection_));
  Prepare("begin", "BEGIN");
  Prepare("commit", "COMMIT");
  Prepare("get", StatementText(ModelStatements(), "get"));
  Prepare("page", StatementText(ModelStatements(), "page"));
  Prepare("insert", StatementText(ModelStatements(), "insert"));
  Prepare("append", postgres::kAppendToTopic);
  Prepare("mark", marker_.Next().front().sql);
  Prepare("claim", StatementText(JobQueueStatements(BackendKind::kPostgres), "claim"));
  if (PQenterPipelineMode(connection_) != 1) throw std::runtime_error("no pipeline");
}

void PostgresRival::Prepare(const char* name, std::string_view sql) {
  PGresult* result = PQprepare(connection_, name, std::string(sql).c_str(), 0, nullptr);
  const bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
  PQclear(result);
  if (!done) throw std::runtime_error(fmt::format("{}: {}", name, PQerrorMessage(connection_)));
}

void PostgresRival::Send(const char* name, const char* sql, std::span<const Param> params) {
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
  const int sent = sql == nullptr
                       ? PQsendQueryPrepared(connection_, name, count, values, lengths, formats, 1)
                       : PQsendQueryParams(connection_, sql, count, nullptr, values, lengths, formats, 1);
  if (sent != 1) {
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

void PostgresRival::Commit(bool marked) {
  int statements = 1;
  if (marked) {
    for (const postgres::Statement& mark : marker_.Next()) {
      std::vector<Param> params;
      for (const SqlValue& value : mark.params) params.push_back({TextOf(value)});
      // The first is the mark, and each 64th time there is a second, which is not prepared.
      if (statements++ == 1) {
        Send("mark", nullptr, params);
      } else {
        Send(nullptr, std::string(mark.sql).c_str(), params);
      }
    }
  }
  Send("commit", {});
  Answers(statements, [](const Cells&) {});
  if (marked) marker_.Committed();
}

void PostgresRival::Register(const std::string& name, int32_t version, bool event) {
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
  if (event) {
    Query("append",
          {{fmt::format("{}", kChangesTopicNo)},
           {"1"},
           {fmt::format("{}", event_bytes_)},
           {fmt::format("{}", kOffsetLimit)},
           {event_[0], true},
           {event_[1], true},
           {event_[2], true},
           {event_[3], true},
           {places_.Get(kChangesTopicNo)}},
          [&](const Cells& row) { places_.Set(kChangesTopicNo, *row.Text(2)); });
  }
  Commit(event);
}

bool PostgresRival::Claim() {
  bool found = false;
  Send("begin", {});
  Send("claim", {{"rival"}, {"60000000"}});
  Answers(2, [&](const Cells& row) { found = ReadJob(row).sequence >= 0; });
  Commit(true);
  return found;
}

}  // namespace jammi::bench
