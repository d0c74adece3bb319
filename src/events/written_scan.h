// Finding one's way in JSON text that is in the written form of JsonData. Text that is not gives nonsense,
// but nothing outside of it is ever read.
#pragma once

#include <algorithm>
#include <string_view>

namespace jammi::events {

// `at` is behind the opening quote of a string; the place of the closing one, or the end of the text.
[[nodiscard]] inline size_t StringEnd(std::string_view text, size_t at) {
  for (size_t from = at;;) {
    const size_t quote = text.find('"', from);
    if (quote == std::string_view::npos) return text.size();
    size_t slashes = 0;
    while (quote - slashes > at && text[quote - slashes - 1] == '\\') ++slashes;
    if (slashes % 2 == 0) return quote;
    from = quote + 1;
  }
}

// `at` is at the first character of a value; behind its last one.
[[nodiscard]] inline size_t ValueEnd(std::string_view text, size_t at) {
  const auto behind_string = [text](size_t quote) {
    return std::min(StringEnd(text, quote + 1) + 1, text.size());
  };
  if (at >= text.size()) return text.size();
  if (text[at] == '"') return behind_string(at);
  if (text[at] != '{' && text[at] != '[') return std::min(text.find_first_of(",]}", at), text.size());
  size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = behind_string(at);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  return at;
}

// The members of an object, one after another; of text that is no object there are none.
class WrittenMembers {
 public:
  explicit WrittenMembers(std::string_view object) : text_(object.starts_with('{') ? object : "") {}

  // `name` is without its quotes, escaped as it is written.
  [[nodiscard]] bool Next(std::string_view& name, std::string_view& value) {
    if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') return false;
    const size_t name_begin = at_ + 2;
    const size_t name_end = StringEnd(text_, name_begin);
    const size_t begin = std::min(name_end + 2, text_.size());
    at_ = ValueEnd(text_, begin);
    name = text_.substr(name_begin, name_end - name_begin);
    value = text_.substr(begin, at_ - begin);
    return true;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;  // of the brace or comma in front of the next member
};

}  // namespace jammi::events
