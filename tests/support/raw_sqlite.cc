#include "support/raw_sqlite.h"

#include <sqlite3.h>

#include <cstdlib>
#include <optional>

namespace jammi::test {

RawSqlite::RawSqlite(const std::string& path, const std::string& vfs) {
  result_ = sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                            vfs.empty() ? nullptr : vfs.c_str());
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_busy_timeout(db_, 60'000);
}

RawSqlite::~RawSqlite() { sqlite3_close(db_); }

int RawSqlite::Exec(const std::string& sql) {
  return result_ = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
}

std::string RawSqlite::Text(const std::string& sql) {
  std::optional<std::string> first;
  const auto keep_first = [](void* out, int columns, char** values, char**) {
    auto& kept = *static_cast<std::optional<std::string>*>(out);
    if (!kept) kept = columns > 0 && values[0] != nullptr ? values[0] : "";
    return 0;
  };
  result_ = sqlite3_exec(db_, sql.c_str(), keep_first, &first, nullptr);
  return result_ == SQLITE_OK ? first.value_or("") : "";
}

int64_t RawSqlite::Number(const std::string& sql) {
  const std::string text = Text(sql);
  return text.empty() ? -1 : std::atoll(text.c_str());
}

}  // namespace jammi::test
