// A plain PostgreSQL connection, for tests that look at a database from outside.
#pragma once

#include <cstdint>
#include <string>

struct pg_conn;

namespace jammi::test {

// Not thread-safe.
class RawPostgres {
 public:
  // Ends the program when it cannot connect.
  explicit RawPostgres(const std::string& url);
  ~RawPostgres();
  RawPostgres(const RawPostgres&) = delete;
  RawPostgres& operator=(const RawPostgres&) = delete;

  // Runs statements. Empty, or the SQLSTATE and message of the error.
  std::string Exec(const std::string& sql);
  // The first column of the first row; empty when there is none or the statement failed.
  std::string Text(const std::string& sql);
  // The same as a number. -1: no row, or it failed.
  int64_t Number(const std::string& sql);

 private:
  pg_conn* connection_;
};

}  // namespace jammi::test
