// Text that must not reach a log, an error message or a core of printed settings.
#pragma once

#include <ostream>
#include <string>
#include <utility>

namespace jammi {

// Streams as "[secret]" and cannot be formatted otherwise; Reveal() is the one way to the value, and
// easy to search for.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  [[nodiscard]] const std::string& Reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  bool operator==(const Secret&) const = default;

 private:
  std::string value_;
};

inline std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "[secret]"; }

}  // namespace jammi
