#include "audit/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "audit/canonical_writer.h"
#include "catalog/arguments.h"

namespace jammi::audit {
namespace {

// "d.ddde-07" of std::to_chars, which is the shortest text that reads as the same number, taken apart.
template <class Float>
void AppendFloat(Float value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  if (std::signbit(value)) out += '-';
  if (value == 0) {
    out += "0.0";
    return;
  }
  char text[40];
  const char* const end =
      std::to_chars(text, text + sizeof(text), std::fabs(value), std::chars_format::scientific).ptr;
  const char* const mark = std::find(static_cast<const char*>(text), end, 'e');
  char digits[32];
  size_t count = 0;
  for (const char* at = text; at != mark; ++at) {
    if (*at != '.') digits[count++] = *at;
  }
  int exponent = 0;
  const char* const from = mark[1] == '+' ? mark + 2 : mark + 1;
  std::from_chars(from, end, exponent);

  if (exponent < -5 || exponent > 15) {
    out += digits[0];
    if (count > 1) out.append(1, '.').append(digits + 1, count - 1);
    out.append(exponent < 0 ? "e-" : "e+");
    out += fmt::format_int(std::abs(exponent)).c_str();
    return;
  }
  if (exponent < 0) {
    out.append("0.").append(static_cast<size_t>(-exponent - 1), '0').append(digits, count);
    return;
  }
  const auto whole = static_cast<size_t>(exponent) + 1;
  out.append(digits, std::min(whole, count));
  if (count <= whole) {
    out.append(whole - count, '0').append(".0");
  } else {
    out.append(1, '.').append(digits + whole, count - whole);
  }
}

template <class Append, class Items>
void AppendList(const Items& items, Append append, std::string& out) {
  out += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!std::exchange(first, false)) out += ',';
    append(item);
  }
  out += ']';
}

bool MustEscape(unsigned char byte) { return byte < 0x20 || byte == '"' || byte == '\\'; }

// Looks at all bytes without a branch for each: most texts have none.
size_t FirstToEscape(std::string_view text) {
  bool any = false;
  for (const char c : text) any |= MustEscape(static_cast<unsigned char>(c));
  if (!any) return text.size();
  return static_cast<size_t>(std::ranges::find_if(text, MustEscape) - text.begin());
}

}  // namespace

void AppendNumber(double value, std::string& out) { AppendFloat(value, out); }
void AppendNumber(float value, std::string& out) { AppendFloat(value, out); }

void AppendString(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  size_t plain = 0;  // from here on nothing was escaped
  for (size_t i = FirstToEscape(text); i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (!MustEscape(byte)) continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    out += '\\';
    switch (byte) {
      case '"':
      case '\\':
        out += static_cast<char>(byte);
        break;
      case '\b':
        out += 'b';
        break;
      case '\t':
        out += 't';
        break;
      case '\n':
        out += 'n';
        break;
      case '\f':
        out += 'f';
        break;
      case '\r':
        out += 'r';
        break;
      default:
        out.append("u00").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    }
  }
  out.append(text, plain).append(1, '"');
}

void AppendStrings(std::span<const std::string> texts, std::string& out) {
  AppendList(
      texts, [&](const std::string& text) { AppendString(text, out); }, out);
}

void AppendScores(std::span<const float> scores, std::string& out) {
  AppendList(
      scores, [&](float score) { AppendNumber(score, out); }, out);
}

void AppendWidenedScores(std::span<const float> scores, std::string& out) {
  AppendList(
      scores, [&](float score) { AppendNumber(static_cast<double>(score), out); }, out);
}

Result<std::string> CanonicalJson(std::string_view text) {
  CanonicalWriter writer;
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &writer)) return writer.Take();
  return InvalidArgument("query_lineage", writer.problem());
}

bool ParseStrings(std::string_view text, std::vector<std::string>& strings) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) return false;
  strings.reserve(json.size());
  for (const auto& item : json) {
    if (!item.is_string()) return false;
    strings.push_back(item.get<std::string>());
  }
  std::string again;
  again.reserve(text.size());
  AppendStrings(strings, again);
  return again == text;
}

bool ParseScores(std::string_view text, std::vector<float>& scores) {
  if (text == "[]") return true;
  if (text.size() < 3 || text.front() != '[') return false;
  const char* at = text.data() + 1;
  const char* const end = text.data() + text.size();
  std::string again = "[";
  while (true) {
    float score = 0;
    const auto [next, error] = std::from_chars(at, end, score);
    if (error != std::errc() || next == end) return false;
    scores.push_back(score);
    AppendNumber(score, again);
    again += *next;
    at = next + 1;
    if (*next != ',') break;
  }
  return again == text && again.back() == ']';
}

// --- CanonicalWriter

void CanonicalWriter::Separate() {
  if (frames_.empty() || frames_.back().is_object) return;
  if (!std::exchange(frames_.back().empty, false)) out_ += ',';
}

bool CanonicalWriter::Open(char bracket) {
  Separate();
  if (frames_.size() == kMaxDepth) {
    problem_ = fmt::format("is nested deeper than {}", kMaxDepth);
    return false;
  }
  out_ += bracket;
  frames_.push_back({.begin = out_.size(), .is_object = bracket == '{', .empty = true, .members = {}});
  return true;
}

bool CanonicalWriter::Literal(std::string_view text) {
  Separate();
  out_ += text;
  return true;
}

bool CanonicalWriter::Float(double value) {
  Separate();
  AppendNumber(value, out_);
  return true;
}

bool CanonicalWriter::string(std::string& value) {
  Separate();
  AppendString(value, out_);
  return true;
}

bool CanonicalWriter::key(std::string& name) {
  auto& members = frames_.back().members;
  if (!members.empty()) members.back().end = out_.size();
  const size_t begin = out_.size();
  AppendString(name, out_);
  out_ += ':';
  members.push_back({std::move(name), begin, 0});
  return true;
}

void CanonicalWriter::Sort(std::vector<Member>& members) {
  std::ranges::stable_sort(members, {}, &Member::key);
  // Of equal keys the last stays.
  const auto same = [](const Member& a, const Member& b) { return a.key == b.key; };
  const auto gone = std::unique(members.rbegin(), members.rend(), same);
  members.erase(members.begin(), gone.base());
}

// Members were written one after the other without commas.
bool CanonicalWriter::end_object() {
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  if (!frame.members.empty()) frame.members.back().end = out_.size();
  Sort(frame.members);
  std::string sorted;
  sorted.reserve(out_.size() - frame.begin + frame.members.size() + 1);
  for (const Member& member : frame.members) {
    if (!sorted.empty()) sorted += ',';
    sorted.append(out_, member.begin, member.end - member.begin);
  }
  out_.resize(frame.begin);
  out_ += sorted;
  out_ += '}';
  return true;
}

bool CanonicalWriter::end_array() {
  frames_.pop_back();
  out_ += ']';
  return true;
}

bool CanonicalWriter::parse_error(size_t position, const std::string& /*token*/,
                                  const nlohmann::json::exception& /*error*/) {
  if (problem_.empty()) problem_ = fmt::format("is not JSON, at byte {}", position);
  return false;
}

}  // namespace jammi::audit
