#include "events/json_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <utility>

#include "events/json_write.h"
#include "events/utf8.h"

namespace jammi::events {
namespace {

constexpr size_t kRepeatedKept = 16;
constexpr int64_t kFarExponent = int64_t{1} << 60;  // no text is that long

bool IsDecimal(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// A number of the grammar of JSON, taken apart.
struct NumberText {
  std::string_view text;
  bool negative = false;
  bool integer = true;
  bool point = false;
};

// Whether an integer's digits are those of an int64 or uint64, which need no look at their size as a double.
bool IsInt64(const NumberText& number) {
  if (number.text.size() < 19) return true;
  const char* const end = number.text.data() + number.text.size();
  if (number.negative) {
    int64_t value = 0;
    return std::from_chars(number.text.data(), end, value).ec == std::errc();
  }
  uint64_t value = 0;
  return std::from_chars(number.text.data(), end, value).ec == std::errc();
}

// A number with a point and no exponent whose text is the written form already. Two numbers of at most 15
// digits are never the same double (DBL_DIG), so no shorter text can stand for this one.
bool IsShortest(std::string_view number) {
  if (number.starts_with('-')) number.remove_prefix(1);
  const size_t point = number.find('.');
  const std::string_view fraction = number.substr(point + 1);
  if (number.size() > 16 || fraction.find_first_of("eE") != std::string_view::npos) return false;
  if (fraction == "0") return true;
  if (fraction.ends_with('0')) return false;
  return number.front() != '0' || !fraction.starts_with("00000");  // below 1e-5 it has an exponent
}

// Of a number that from_chars() has found beyond the range of a double: is it too small, so that it reads
// as zero? The power of ten of its first digit that is not zero tells.
bool IsTiny(std::string_view text) {
  const size_t e = std::min(text.find_first_of("eE"), text.size());
  const std::string_view mantissa = text.substr(0, e);
  const size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return true;
  int64_t exponent = 0;
  if (e < text.size()) {
    std::string_view digits = text.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (read.ec != std::errc()) return digits.starts_with('-');
    exponent = std::clamp<int64_t>(exponent, -kFarExponent, kFarExponent);
  }
  const auto point = static_cast<int64_t>(std::min(mantissa.find('.'), mantissa.size()));
  return exponent + point - static_cast<int64_t>(first) < 0;
}

// nullopt: beyond the largest double.
std::optional<double> ReadDouble(std::string_view text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec == std::errc::result_out_of_range) {
    if (!IsTiny(text)) return std::nullopt;
    return text.starts_with('-') ? -0.0 : 0.0;
  }
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

bool JsonReader::Fail(std::string_view what) {
  if (fault_) return false;
  // What stands there cannot be what was expected.
  if (at_ < text_.size() && static_cast<uint8_t>(text_[at_]) >= 0x80 && !FirstCodePoint(text_.substr(at_)))
    what = "no UTF-8";
  fault_ = std::string(what) + " at byte " + std::to_string(at_);
  return false;
}

void JsonReader::SkipSpace() {
  while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
}

char JsonReader::Peek() {
  SkipSpace();
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonReader::Take(char expected) {
  if (Peek() != expected || at_ == text_.size()) return false;
  ++at_;
  return true;
}

bool JsonReader::Enter() {
  if (levels_left_ == 0) return Fail("nested too deeply");
  --levels_left_;
  return true;
}

bool JsonReader::EnterObject() {
  if (fault_) return false;
  if (!Take('{')) return Fail("no JSON object");
  first_member_ = true;
  return Enter();
}

bool JsonReader::NextMember(std::string& name) {
  if (fault_) return false;
  const bool first = std::exchange(first_member_, false);
  if (Take('}')) {
    ++levels_left_;
    return false;
  }
  if (!first && !Take(',')) return Fail("neither a comma nor the end of an object");
  if (!ReadString(name)) return false;
  return Take(':') || Fail("no colon after a member's name");
}

bool JsonReader::ReadString(std::string& text) {
  if (fault_) return false;
  if (!Take('"')) return Fail("no string");
  text.clear();
  return CopyString(text, false);
}

bool JsonReader::ReadRaw(std::string_view& raw) {
  SkipSpace();
  const size_t begin = at_;
  std::string written;
  if (!Rewrite(written)) return false;
  raw = text_.substr(begin, at_ - begin);
  return true;
}

bool JsonReader::AtEnd() {
  if (fault_) return false;
  return (Peek() == '\0' && at_ == text_.size()) || Fail("text after the value");
}

// --- Strings

// Behind the opening quote, to behind the closing one.
bool JsonReader::CopyString(std::string& out, bool written) {
  size_t run = at_;  // what was seen and not yet copied
  while (at_ < text_.size()) {
    const auto byte = static_cast<uint8_t>(text_[at_]);
    if (kPlainInString[byte]) {
      ++at_;
    } else if (byte >= 0x80) {
      const auto point = FirstCodePoint(text_.substr(at_));
      if (!point) return Fail("no UTF-8");
      at_ += static_cast<size_t>(point->size);
    } else if (byte == '"') {
      out.append(text_, run, at_ - run);
      ++at_;
      return true;
    } else if (byte == '\\') {
      out.append(text_, run, at_ - run);
      if (!CopyEscape(out, written)) return false;
      run = at_;
    } else {
      return Fail("a control character in a string");
    }
  }
  return Fail("a string without an end");
}

bool JsonReader::ReadHex(char32_t& unit) {
  unit = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    const int digit = IsDecimal(c)           ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return Fail("no hexadecimal digit");
    unit = unit << 4 | static_cast<char32_t>(digit);
  }
  return true;
}

bool JsonReader::CopyEscape(std::string& out, bool written) {
  static constexpr std::string_view kEscapes = "\"\\/bfnrtu";
  static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const char escape = ++at_ < text_.size() ? text_[at_] : '\0';
  const size_t known = kEscapes.find(escape);
  if (known == std::string_view::npos) return Fail("an unknown escape");
  ++at_;
  char32_t value = 0;
  if (escape != 'u') {
    value = static_cast<char32_t>(kMeanings[known]);
  } else {
    if (!ReadHex(value)) return false;
    if (value >= 0xdc00 && value <= 0xdfff) return Fail("half of a surrogate pair");
    if (value >= 0xd800 && value <= 0xdbff) {
      char32_t low = 0;
      if (!text_.substr(at_).starts_with("\\u")) return Fail("half of a surrogate pair");
      at_ += 2;
      if (!ReadHex(low)) return false;
      if (low < 0xdc00 || low > 0xdfff) return Fail("half of a surrogate pair");
      value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
    }
  }
  if (written && (value < 0x20 || value == '"' || value == '\\')) {
    AppendEscaped(out, static_cast<char>(value));
  } else {
    AppendUtf8(out, value);
  }
  return true;
}

// --- Values

bool JsonReader::Rewrite(std::string& out) {
  if (fault_) return false;
  switch (Peek()) {
    case '{':
      return RewriteObject(out);
    case '[':
      return RewriteArray(out);
    case '"':
      ++at_;
      out += '"';
      if (!CopyString(out, true)) return false;
      out += '"';
      return true;
    case 't':
      return RewriteWord("true", out);
    case 'f':
      return RewriteWord("false", out);
    case 'n':
      return RewriteWord("null", out);
    default:
      return RewriteNumber(out);
  }
}

bool JsonReader::RewriteWord(std::string_view word, std::string& out) {
  if (!text_.substr(at_).starts_with(word)) return Fail("no JSON value");
  at_ += word.size();
  out += word;
  return true;
}

bool JsonReader::RewriteNumber(std::string& out) {
  const size_t begin = at_;
  const auto at = [this] { return at_ < text_.size() ? text_[at_] : '\0'; };
  const auto digits = [this, &at] {
    const size_t from = at_;
    while (IsDecimal(at())) ++at_;
    return at_ > from;
  };
  NumberText number;
  if (at() == '-') {
    number.negative = true;
    ++at_;
  }
  if (at() == '0') {
    ++at_;
    if (IsDecimal(at())) return Fail("a number that begins with 0");
  } else if (!digits()) {
    return Fail("no JSON value");
  }
  if (at() == '.') {
    number.integer = false;
    number.point = true;
    ++at_;
    if (!digits()) return Fail("no digit");
  }
  if (at() == 'e' || at() == 'E') {
    number.integer = false;
    ++at_;
    if (at() == '+' || at() == '-') ++at_;
    if (!digits()) return Fail("no digit");
  }
  number.text = text_.substr(begin, at_ - begin);
  if (number.integer && number.text != "-0" && IsInt64(number)) {
    out += number.text;
    return true;
  }
  if (number.point && IsShortest(number.text)) {
    out += number.text;
    return true;
  }
  const auto value = ReadDouble(number.text);
  if (!value) return Fail("a number beyond the range of a double");
  if (number.integer && *value != 0) {
    out += number.text;  // beyond 64 bits: its digits stay all the same
  } else {
    AppendDouble(out, *value);
  }
  return true;
}

bool JsonReader::RewriteArray(std::string& out) {
  ++at_;
  if (!Enter()) return false;
  out += '[';
  for (bool first = true; !Take(']'); first = false) {
    if (!first && !Take(',')) return Fail("neither a comma nor the end of an array");
    if (!first) out += ',';
    if (!Rewrite(out)) return false;
  }
  out += ']';
  ++levels_left_;
  return true;
}

// --- Objects

namespace {

int CompareNames(std::string_view a, std::string_view b) {
  // Written names compare as the names themselves do where neither has an escape.
  const bool escaped = a.find('\\') != std::string_view::npos || b.find('\\') != std::string_view::npos;
  return escaped ? Unescaped(a).compare(Unescaped(b)) : a.compare(b);
}

}  // namespace

bool JsonReader::RewriteObject(std::string& out) {
  ++at_;
  if (!Enter()) return false;
  const size_t first = members_.size();
  out += '{';
  bool sorted = true;
  while (!Take('}')) {
    if (members_.size() > first) {
      if (!Take(',')) return Fail("neither a comma nor the end of an object");
      out += ',';
    }
    if (!RewriteMember(out)) return false;
    if (members_.size() - first < 2) continue;
    sorted = sorted && CompareNames(NameOf(out, members_.end()[-2]), NameOf(out, members_.back())) < 0;
  }
  if (!sorted) SortMembers(out, first);
  members_.resize(first);
  out += '}';
  ++levels_left_;
  return true;
}

bool JsonReader::RewriteMember(std::string& out) {
  Member member{.begin = out.size()};
  if (!Take('"')) return Fail("no member's name");
  out += '"';
  if (!CopyString(out, true)) return false;
  member.name_end = out.size();
  out += '"';
  if (!Take(':')) return Fail("no colon after a member's name");
  out += ':';
  if (!Rewrite(out)) return false;
  member.end = out.size();
  members_.push_back(member);
  return true;
}

std::string_view JsonReader::NameOf(std::string_view out, const Member& member) {
  return out.substr(member.begin + 1, member.name_end - member.begin - 1);
}

// Puts the members from `first` on, which are the end of `out`, into order.
void JsonReader::SortMembers(std::string& out, size_t first) {
  const std::string given = out.substr(members_[first].begin);
  const size_t moved = members_[first].begin;
  for (size_t i = first; i < members_.size(); ++i) {
    Member& member = members_[i];
    member = {.begin = member.begin - moved, .name_end = member.name_end - moved, .end = member.end - moved};
  }
  std::stable_sort(members_.begin() + static_cast<std::ptrdiff_t>(first), members_.end(),
                   [&given](const Member& a, const Member& b) {
                     return CompareNames(NameOf(given, a), NameOf(given, b)) < 0;
                   });
  out.resize(moved);
  bool comma = false;
  for (size_t i = first; i < members_.size(); ++i) {
    const Member& member = members_[i];
    const auto name = NameOf(given, member);
    if (i + 1 < members_.size() && NameOf(given, members_[i + 1]) == name) {
      if (repeated_.size() < kRepeatedKept) repeated_.emplace_back(name);
      continue;  // the last one counts
    }
    if (comma) out += ',';
    comma = true;
    out.append(given, member.begin, member.end - member.begin);
  }
}

}  // namespace jammi::events
