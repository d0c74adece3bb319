#include "base/time_text.h"

#include <chrono>

namespace jammi {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::microseconds;
using std::chrono::sys_days;
using std::chrono::year_month_day;
using SysMicros = std::chrono::sys_time<microseconds>;

constexpr SysMicros kFirst{sys_days{std::chrono::year{0} / 1 / 1}};
constexpr SysMicros kEnd{sys_days{std::chrono::year{10'000} / 1 / 1}};

void AppendDigits(int64_t value, size_t width, std::string& out) {
  out.append(width, '0');
  for (size_t at = out.size(); width > 0; --width, value /= 10) {
    out[--at] = static_cast<char>('0' + value % 10);
  }
}

// Reads one number of fixed width after another.
class Digits {
 public:
  explicit Digits(std::string_view text) : text_(text) {}
  // -1: there is something else.
  int64_t Take(size_t width) {
    if (text_.size() < width) return Fail();
    int64_t value = 0;
    for (const char c : text_.substr(0, width)) {
      if (c < '0' || c > '9') return Fail();
      value = 10 * value + (c - '0');
    }
    text_.remove_prefix(width);
    return value;
  }
  bool Skip(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void Expect(char c) { good_ = Skip(c) && good_; }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] std::string_view rest() const { return text_; }

 private:
  int64_t Fail() {
    good_ = false;
    return -1;
  }
  std::string_view text_;
  bool good_ = true;
};

}  // namespace

bool HasTimeText(UnixMicros time) {
  return time >= kFirst.time_since_epoch().count() && time < kEnd.time_since_epoch().count();
}

void AppendTime(UnixMicros time, TimeFraction fraction, std::string& out) {
  const SysMicros at{microseconds(time)};
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const int64_t micros = (at - day).count();
  const int64_t seconds = micros / 1'000'000;
  AppendDigits(static_cast<int>(date.year()), 4, out);
  out += '-';
  AppendDigits(static_cast<unsigned>(date.month()), 2, out);
  out += '-';
  AppendDigits(static_cast<unsigned>(date.day()), 2, out);
  out += 'T';
  AppendDigits(seconds / 3600, 2, out);
  out += ':';
  AppendDigits(seconds / 60 % 60, 2, out);
  out += ':';
  AppendDigits(seconds % 60, 2, out);
  const int64_t part = micros % 1'000'000;
  if (fraction == TimeFraction::kMicros || (fraction == TimeFraction::kShortest && part % 1000 != 0)) {
    out += '.';
    AppendDigits(part, 6, out);
  } else if (fraction == TimeFraction::kShortest && part != 0) {
    out += '.';
    AppendDigits(part / 1000, 3, out);
  }
  out += 'Z';
}

std::optional<UnixMicros> ParseTime(std::string_view text) {
  Digits digits(text);
  const int64_t year = digits.Take(4);
  digits.Expect('-');
  const int64_t month = digits.Take(2);
  digits.Expect('-');
  const int64_t day = digits.Take(2);
  digits.Expect('T');
  const int64_t hour = digits.Take(2);
  digits.Expect(':');
  const int64_t minute = digits.Take(2);
  digits.Expect(':');
  const int64_t second = digits.Take(2);
  int64_t micros = 0;
  if (digits.good() && digits.Skip('.')) {
    const size_t width = digits.rest().find('Z');
    if (width == 0 || width > 9) return std::nullopt;
    micros = digits.Take(width);
    for (size_t places = width; places < 6; ++places) micros *= 10;
    for (size_t places = 6; places < width; ++places) micros /= 10;
  }
  digits.Expect('Z');
  const year_month_day date(std::chrono::year(static_cast<int>(year)),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day)));
  if (!digits.good() || !digits.rest().empty() || !date.ok()) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const SysMicros at = sys_days{date};
  return at.time_since_epoch().count() + ((hour * 60 + minute) * 60 + second) * 1'000'000 + micros;
}

}  // namespace jammi
