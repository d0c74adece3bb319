#include "torture/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "support/random.h"

namespace jammi::test {
namespace {

// Of a key, for the random numbers that its rows are made of.
uint64_t SeedOf(std::string_view key) { return Digest(key).value(); }

size_t NumberIn(std::string_view text) {
  size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

const PlannedTopic& PlanOf(std::string_view topic) {
  return *std::ranges::find(kTopics, topic.substr(0, topic.find('@')), &PlannedTopic::name);
}

std::string NameOfLife(std::string_view topic, std::string_view id) {
  return fmt::format("{}@{}", topic, id);
}

std::vector<Who> MembersOf(Who owner) {
  if (owner != 0) return {owner};
  return {0, 1, 2, 3};
}

std::string MakeEventKey(std::string_view name, size_t rows, size_t size) {
  return fmt::format("{}/{}x{}", name, rows, size);
}

std::string NameWithColumns(std::string_view name, size_t columns) {
  return fmt::format("{}~{}", name, columns);
}

size_t AppendedColumnsOf(std::string_view key) {
  const size_t tilde = key.rfind('~');
  return tilde == std::string_view::npos ? 0 : NumberIn(key.substr(tilde + 1));
}

std::vector<Row> RowsOf(std::string_view key) {
  const size_t slash = key.rfind('/'), times = key.rfind('x');
  if (slash == std::string_view::npos || times == std::string_view::npos || times < slash) return {};
  const size_t size = NumberIn(key.substr(times + 1));
  std::vector<Row> rows(std::min<size_t>(NumberIn(key.substr(slash + 1)), 64));
  Random random(SeedOf(key));
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].row = static_cast<int32_t>(i);
    rows[i].n = static_cast<int64_t>(random.Below(1000));
    rows[i].bytes.resize(random.Below(size + 1));
    for (char& byte : rows[i].bytes) byte = static_cast<char>(random.Next());
  }
  return rows;
}

bool Selects(size_t predicate, const Row& row) {
  switch (predicate) {
    case 0:
      return true;
    case 1:
      return row.n < 500;
    case 2:
      return row.n >= 900 || row.row == 1;
    case 3:
      return row.n % 10 == 3 || row.n % 10 == 7;
    default:
      return false;
  }
}

void Digest::Add(int32_t row, int64_t n, std::string_view bytes) {
  Mix({reinterpret_cast<const char*>(&row), sizeof(row)});
  Mix({reinterpret_cast<const char*>(&n), sizeof(n)});
  Mix(bytes);
}

// FNV-1a.
void Digest::Mix(std::string_view bytes) {
  for (const char byte : bytes) {
    value_ = (value_ ^ static_cast<uint8_t>(byte)) * 1099511628211U;
  }
}

uint64_t DigestOf(std::string_view key, size_t predicate) {
  Digest digest(key);
  bool any = false;
  for (const Row& row : RowsOf(key)) {
    if (!Selects(predicate, row)) continue;
    digest.Add(row.row, row.n, row.bytes);
    any = true;
  }
  return any ? digest.value() : 0;
}

}  // namespace jammi::test
