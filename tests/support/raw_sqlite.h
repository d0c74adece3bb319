// A plain SQLite connection, for tests that look at a database from outside or need one that is not ours.
#pragma once

#include <cstdint>
#include <string>

struct sqlite3;

namespace jammi::test {

// Not thread-safe.
class RawSqlite {
 public:
  // Opens or creates `path`; an empty `vfs` is the system's. A failure shows as result().
  explicit RawSqlite(const std::string& path, const std::string& vfs = {});
  ~RawSqlite();
  RawSqlite(const RawSqlite&) = delete;
  RawSqlite& operator=(const RawSqlite&) = delete;

  // Runs statements and returns SQLite's extended result code; 0 = success.
  int Exec(const std::string& sql);
  // The first column of the first row as text; empty when there is none or the statement failed.
  std::string Text(const std::string& sql);
  // The same as a number. -1: no row, or it failed.
  int64_t Number(const std::string& sql);
  [[nodiscard]] int result() const { return result_; }  // of the last call

 private:
  sqlite3* db_ = nullptr;
  int result_ = 0;
};

}  // namespace jammi::test
