// What the checker of the torture test has found.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace jammi::test {

class Problems {
 public:
  static constexpr size_t kMost = 100;

  template <class... Args>
  void Blame(fmt::format_string<Args...> format, Args&&... args) {
    if (list_.size() < kMost) list_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  [[nodiscard]] std::vector<std::string> Take() && { return std::move(list_); }

 private:
  std::vector<std::string> list_;
};

}  // namespace jammi::test
