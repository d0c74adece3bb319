#include "tables/repeated_keys.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <span>
#include <variant>

#include "base/hash.h"

namespace jammi {
namespace {

struct HashedRow {
  uint64_t hash = 0;
  int64_t row = 0;
  auto operator<=>(const HashedRow&) const = default;
};

void AppendNumber(int64_t value, std::string& bytes) {
  char raw[sizeof(value)];
  std::memcpy(raw, &value, sizeof(value));
  bytes.append(raw, sizeof(value));
}

struct Append {
  std::string& bytes;
  void operator()(std::monostate) const { bytes += 'n'; }
  void operator()(int64_t value) const { AppendNumber(value, bytes += 'i'); }
  void operator()(double value) const { AppendNumber(std::bit_cast<int64_t>(value), bytes += 'r'); }
  void operator()(std::string_view value) const {
    AppendNumber(std::ssize(value), bytes += 't');
    bytes += value;
  }
  void operator()(SqlBytes value) const {
    (*this)(std::string_view(reinterpret_cast<const char*>(value.data()), value.size()));
  }
};

}  // namespace

void AppendKeyBytes(const SqlValue& value, std::string& bytes) { std::visit(Append{bytes}, value.get()); }

Result<std::vector<bool>> FindRepeated(
    int64_t rows, Keep keep, const std::function<Result<void>(int64_t row, std::string& bytes)>& key) {
  std::vector<bool> repeated;
  if (rows < 2) return repeated;
  std::vector<HashedRow> hashed(static_cast<size_t>(rows));
  std::string bytes;
  for (int64_t row = 0; row < rows; ++row) {
    bytes.clear();
    JAMMI_TRY(key(row, bytes));
    hashed[static_cast<size_t>(row)] = {
        Checksum({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}), row};
  }
  std::ranges::sort(hashed);
  for (auto first = hashed.begin(); first != hashed.end();) {
    const auto end =
        std::find_if(first, hashed.end(), [&](const auto& one) { return one.hash != first->hash; });
    if (end - first > 1) {
      // Keys may differ although their hashes do not.
      if (repeated.empty()) repeated.resize(hashed.size());
      std::map<std::string, int64_t> kept;
      for (const HashedRow& one : std::span(first, end)) {
        std::string own;
        JAMMI_TRY(key(one.row, own));
        const auto [at, is_first] = kept.try_emplace(std::move(own), one.row);
        if (is_first) continue;
        repeated[static_cast<size_t>(keep == Keep::kLast ? at->second : one.row)] = true;
        if (keep == Keep::kLast) at->second = one.row;
      }
    }
    first = end;
  }
  return repeated;
}

}  // namespace jammi
