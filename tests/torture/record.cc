#include "torture/record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace jammi::test {
namespace {

constexpr std::string_view kNothing = "-";

std::string_view OrNothing(const std::string& word) { return word.empty() ? kNothing : word; }

// Takes words off a line.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  std::string_view Take() {
    const size_t end = std::min(rest_.find(' '), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (word.empty()) failed_ = true;
    return word;
  }
  std::string TakeText() {
    const std::string_view word = Take();
    return std::string(word == kNothing ? "" : word);
  }
  template <class T>
  T TakeNumber() {
    const std::string_view word = Take();
    T number{};
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != word.data() + word.size()) failed_ = true;
    return number;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace

std::string ToLine(const Record& record) {
  std::string text = record.text;
  std::ranges::replace(text, '\n', ' ');
  return fmt::format("{} {} {} {} {} {} {} {} {} {}{}{} {}", static_cast<int>(record.kind), record.at,
                     OrNothing(record.id), OrNothing(record.topic), record.who, record.predicate,
                     record.flag ? 1 : 0, record.offset, record.digest, record.keys.size(),
                     record.keys.empty() ? "" : " ", fmt::join(record.keys, " "), text);
}

std::optional<Record> RecordOf(std::string_view line) {
  Words words(line);
  Record record;
  const int kind = words.TakeNumber<int>();
  if (kind < 0 || kind > static_cast<int>(Record::Kind::kLeft)) return std::nullopt;
  record.kind = static_cast<Record::Kind>(kind);
  record.at = words.TakeNumber<int64_t>();
  record.id = words.TakeText();
  record.topic = words.TakeText();
  record.who = words.TakeNumber<int>();
  record.predicate = words.TakeNumber<size_t>();
  record.flag = words.TakeNumber<int>() != 0;
  record.offset = words.TakeNumber<uint64_t>();
  record.digest = words.TakeNumber<uint64_t>();
  const size_t keys = words.TakeNumber<size_t>();
  for (size_t i = 0; i < keys && !words.failed(); ++i) record.keys.emplace_back(words.Take());
  if (words.failed()) return std::nullopt;
  record.text = words.rest();
  return record;
}

}  // namespace jammi::test
