#include "catalog/postgres/sql_text.h"

#include <algorithm>

#include "base/text.h"

namespace jammi::postgres {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

bool IsWordByte(char c) { return IsLetter(c) || (c >= '0' && c <= '9') || c == '_'; }

size_t TokenLength(std::string_view sql) {
  const auto until = [&](std::string_view end, size_t from) {
    const size_t found = sql.find(end, from);
    return found == std::string_view::npos ? sql.size() : found + end.size();
  };
  if (sql.front() == '\'') return until("'", 1);
  if (sql.front() == '"') return until("\"", 1);
  if (sql.starts_with("--")) return until("\n", 2);
  if (sql.starts_with("/*")) return until("*/", 2);
  if (!IsWordByte(sql.front())) return 1;
  return static_cast<size_t>(std::ranges::find_if_not(sql, IsWordByte) - sql.begin());
}

std::string_view SkipComments(std::string_view sql) {
  sql = Trim(sql);
  while (sql.starts_with("--") || sql.starts_with("/*")) sql = Trim(sql.substr(TokenLength(sql)));
  return sql;
}

std::string FirstWord(std::string_view sql) {
  sql = SkipComments(sql);
  std::string word(sql.begin(), std::ranges::find_if_not(sql, IsLetter));
  for (char& c : word) c = static_cast<char>(c & ~0x20);
  return word;
}

bool HasSeveralStatements(std::string_view sql) {
  while (!sql.empty()) {
    const bool ends_here = sql.front() == ';';
    sql.remove_prefix(TokenLength(sql));
    if (ends_here) return !SkipComments(sql).empty();
  }
  return false;
}

}  // namespace jammi::postgres
