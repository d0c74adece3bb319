#include "catalog/sqlite/statement_text.h"

#include <algorithm>

namespace jammi::sqlite {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameByte(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// The length of what begins at `sql` and is no place for a placeholder; 0 if it is one.
// (A doubled quote ends one literal and begins the next, which comes to the same.)
size_t OpaqueLength(std::string_view sql) {
  const auto until = [&](std::string_view end, size_t from) {
    const size_t found = sql.find(end, from);
    return found == std::string_view::npos ? sql.size() : found + end.size();
  };
  switch (sql.front()) {
    case '\'':
      return until("'", 1);
    case '"':
      return until("\"", 1);
    case '`':
      return until("`", 1);
    case '[':
      return until("]", 1);
    default:
      break;
  }
  if (sql.starts_with("--")) return until("\n", 2);
  if (sql.starts_with("/*")) return until("*/", 2);
  if (sql.front() != '$' && IsNameByte(sql.front())) {
    return static_cast<size_t>(std::find_if_not(sql.begin(), sql.end(), IsNameByte) - sql.begin());
  }
  return 0;
}

}  // namespace

std::string NumberPlaceholders(std::string_view sql) {
  std::string out;
  out.reserve(sql.size());
  while (!sql.empty()) {
    size_t length = OpaqueLength(sql);
    if (length > 0) {
      out += sql.substr(0, length);
    } else {
      length = 1;
      const bool placeholder = sql.front() == '$' && sql.size() > 1 && IsDigit(sql[1]);
      out += placeholder ? '?' : sql.front();
    }
    sql.remove_prefix(length);
  }
  return out;
}

}  // namespace jammi::sqlite
