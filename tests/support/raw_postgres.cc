#include "support/raw_postgres.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace jammi::test {
namespace {

using ResultPtr = std::unique_ptr<PGresult, decltype(&PQclear)>;

}  // namespace

RawPostgres::RawPostgres(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
  if (PQstatus(connection_) != CONNECTION_OK) {
    fmt::print(stderr, "RawPostgres: {}\n", PQerrorMessage(connection_));
    std::exit(70);
  }
  PQsetNoticeProcessor(
      connection_, [](void*, const char*) {}, nullptr);
}

RawPostgres::~RawPostgres() { PQfinish(connection_); }

std::string RawPostgres::Exec(const std::string& sql) {
  const ResultPtr result(PQexec(connection_, sql.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return {};
  return PQerrorMessage(connection_);
}

std::string RawPostgres::Text(const std::string& sql) {
  const ResultPtr result(PQexec(connection_, sql.c_str()), &PQclear);
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

int64_t RawPostgres::Number(const std::string& sql) {
  const std::string text = Text(sql);
  return text.empty() ? -1 : std::strtoll(text.c_str(), nullptr, 10);
}

}  // namespace jammi::test
