#include "config/interpolate.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "config/value.h"

namespace jammi {
namespace {

// What TOML takes the text at some place for.
enum class Place : uint8_t { kBare, kComment, kBasic, kBasicLines, kLiteral, kLiteralLines };

bool IsQuoted(Place place) { return place != Place::kBare && place != Place::kComment; }

int CodePoints(std::string_view text) {
  return static_cast<int>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

// Steps through TOML text and knows what each place is. It only has to be right for valid TOML: other
// text is refused by the parser afterwards.
class TomlScanner {
 public:
  [[nodiscard]] Place place() const { return place_; }
  // The quotes just passed are text: with more of them they could end the string.
  [[nodiscard]] bool after_quotes() const { return after_quotes_; }

  // Text that was put in here separates what stands before it from what follows.
  void PassText() { after_quotes_ = false; }

  // How many of `rest`'s bytes, at least one, belong together; moves past them.  REQUIRES: !rest.empty()
  size_t Step(std::string_view rest) {
    after_quotes_ = false;
    switch (place_) {
      case Place::kBare:
        return StepBare(rest);
      case Place::kComment:
        return StepLine(rest, '\0');
      case Place::kBasic:
        return rest[0] == '\\' && rest.size() > 1 && rest[1] != '\n' ? 2 : StepLine(rest, '"');
      case Place::kLiteral:
        return StepLine(rest, '\'');
      case Place::kBasicLines:
        return rest[0] == '\\' && rest.size() > 1 ? 2 : StepLines(rest, '"');
      case Place::kLiteralLines:
        return StepLines(rest, '\'');
    }
    return 1;
  }

 private:
  size_t StepBare(std::string_view rest) {
    if (rest[0] == '#') place_ = Place::kComment;
    if (rest[0] != '"' && rest[0] != '\'') return 1;
    const bool basic = rest[0] == '"';
    if (rest.starts_with(basic ? "\"\"\"" : "'''")) {
      place_ = basic ? Place::kBasicLines : Place::kLiteralLines;
      return 3;
    }
    place_ = basic ? Place::kBasic : Place::kLiteral;
    return 1;
  }

  // Within one line: it ends the comment, and a string that was never closed.
  size_t StepLine(std::string_view rest, char quote) {
    if (rest[0] == '\n' || (quote != '\0' && rest[0] == quote)) place_ = Place::kBare;
    return 1;
  }

  // Three quotes end it; up to two more before them are text.
  size_t StepLines(std::string_view rest, char quote) {
    const size_t quotes = std::min(rest.find_first_not_of(quote), rest.size());
    if (quotes < 3) {
      after_quotes_ = quotes > 0;
      return std::max<size_t>(quotes, 1);
    }
    place_ = Place::kBare;
    return std::min<size_t>(quotes, 5);
  }

  Place place_ = Place::kBare;
  bool after_quotes_ = false;
};

bool HasControlCharacter(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f; });
}

// Whether text that stands for TOML itself opens nothing that it does not close.
bool ClosesWhatItOpens(std::string_view text) {
  TomlScanner scanner;
  while (!text.empty()) {
    if (scanner.place() == Place::kBare && (text[0] & 0x80) != 0) return false;  // TOML itself is ASCII
    text.remove_prefix(scanner.Step(text));
    if (scanner.place() == Place::kComment) return false;
  }
  return scanner.place() == Place::kBare;
}

// For a string of several lines. After a backslash at a line's end TOML drops blanks, and the parser more
// kinds of them than it should; it never drops an escape.
std::string EscapeFirst(std::string_view value) {
  if (value.empty()) return {};
  size_t length = 1;
  while (length < value.size() && (value[length] & 0xc0) == 0x80) ++length;
  const auto lead = static_cast<unsigned char>(value[0]);
  uint32_t code = length == 1 ? lead : lead & (0xffu >> (length + 1));
  for (const char c : value.substr(1, length - 1)) code = code << 6 | (static_cast<unsigned char>(c) & 0x3fu);
  return fmt::format("\\U{:08X}{}", code, EscapeToml(value.substr(length)));
}

// The form in which a value can stand at a place; in `problem`, why it cannot.
std::string Fit(const std::string& value, Place place, std::string& problem) {
  switch (place) {
    case Place::kBasic:
      return EscapeToml(value);
    case Place::kBasicLines:
      return EscapeFirst(value);
    case Place::kLiteral:
    case Place::kLiteralLines:
      if (value.find('\'') != std::string::npos || HasControlCharacter(value)) {
        problem = "has a value that cannot stand between single quotes; use double quotes";
      }
      return value;
    case Place::kBare:
      if (HasControlCharacter(value) || !ClosesWhatItOpens(value)) {
        problem = "has a value that cannot stand outside of quotes; put ${...} in double quotes";
      }
      return value;
    case Place::kComment:
      break;
  }
  return value;
}

bool IsName(std::string_view text) {
  const auto letter = [](char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && letter(text[0]) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || digit(c); });
}

// A forgotten brace makes a "name" of all that follows, secrets included: show its beginning only.
std::string Shorten(std::string_view name) {
  constexpr size_t kShown = 20;
  const size_t end = std::min({name.find_first_of("\n\r\"'"), kShown, name.size()});
  auto shown = std::string(name.substr(0, end));
  while (!IsValidUtf8(shown)) shown.pop_back();  // cut within a character
  return end < name.size() ? shown + "..." : shown;
}

class Interpolator {
 public:
  Interpolator(std::string_view text, const Environment& environment)
      : rest_(text), environment_(environment) {}

  Interpolated Run() {
    while (!rest_.empty()) {
      const bool comment = scanner_.place() == Place::kComment;
      if (!comment && rest_.starts_with("$$")) {
        Replace(2, "$", "");
      } else if (!comment && rest_.starts_with("${")) {
        Variable();
      } else {
        Copy(scanner_.Step(rest_));
      }
    }
    return std::move(result_);
  }

 private:
  static void Advance(TextPosition& at, std::string_view text) {
    if (const size_t newline = text.rfind('\n'); newline != std::string_view::npos) {
      at.line += static_cast<int>(std::ranges::count(text, '\n'));
      at.column = 1 + CodePoints(text.substr(newline + 1));
    } else {
      at.column += CodePoints(text);
    }
  }

  void Copy(size_t length) {
    const auto text = rest_.substr(0, length);
    Advance(before_, text);
    Advance(after_, text);
    result_.text += text;
    rest_.remove_prefix(length);
    offset_ += length;
  }

  void Replace(size_t length, std::string_view by, std::string_view name) {
    result_.map.Add({.before = before_,
                     .after = after_,
                     .length_before = CodePoints(rest_.substr(0, length)),
                     .length_after = CodePoints(by),
                     .name = std::string(name),
                     .in_string = IsQuoted(scanner_.place())});
    if (!by.empty()) scanner_.PassText();
    result_.text += by;
    Advance(before_, rest_.substr(0, length));
    Advance(after_, by);
    rest_.remove_prefix(length);
    offset_ += length;
  }

  void Complain(std::string message) { result_.problems.push_back({std::move(message), before_}); }

  [[nodiscard]] bool QuoteFollows(size_t at) const {
    return at < rest_.size() && (rest_[at] == '"' || rest_[at] == '\'');
  }

  void Variable() {
    const size_t end = rest_.find('}');
    if (end == std::string_view::npos) {
      Complain(fmt::format("unterminated ${{ at byte {}; write $${{ for the text itself", offset_));
      Copy(2);
      return;
    }
    const auto name = rest_.substr(2, end - 2);
    if (!IsName(name)) {
      Complain(fmt::format("Invalid env-var name '{}' in ${{...}}; write $${{ for the text itself",
                           Shorten(name)));
      Copy(2);
      return;
    }
    const auto found = environment_.find(std::string(name));
    std::string problem;
    std::string value;
    if (found == environment_.end()) {
      problem = "is not set";
    } else if (!IsValidUtf8(found->second)) {
      problem = "has a value that is no UTF-8";
    } else if (found->second.empty() && scanner_.after_quotes() && QuoteFollows(end + 1)) {
      problem = "is empty, and between two quotes";
    } else {
      value = Fit(found->second, scanner_.place(), problem);
    }
    if (!problem.empty()) Complain(fmt::format("the environment variable {} {}", name, problem));
    Replace(end + 1, problem.empty() ? value : "", name);
  }

  std::string_view rest_;
  const Environment& environment_;
  TomlScanner scanner_;
  size_t offset_ = 0;
  TextPosition before_{1, 1};
  TextPosition after_{1, 1};
  Interpolated result_;
};

}  // namespace

TextPosition SourceMap::ToFile(TextPosition in_result) const {
  TextPosition in_file = in_result;
  for (const auto& replacement : replacements_) {
    if (replacement.after.line != in_result.line) continue;
    if (replacement.after.column > in_result.column) break;
    const int past = in_result.column - replacement.after.column;
    in_file.column = past < replacement.length_after ? replacement.before.column
                                                     : replacement.before.column + replacement.length_before +
                                                           past - replacement.length_after;
  }
  return in_file;
}

std::string SourceMap::BareVariable(int line) const {
  for (const auto& replacement : replacements_) {
    if (replacement.after.line == line && !replacement.in_string && !replacement.name.empty()) {
      return replacement.name;
    }
  }
  return {};
}

Interpolated Interpolate(std::string_view text, const Environment& environment) {
  return Interpolator(text, environment).Run();
}

}  // namespace jammi
