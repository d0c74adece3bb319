// The golden cases of tests/data/event-sink, for tests.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

namespace jammi::events::test {

struct GoldenCase {
  std::string name;
  bool reference_fault = false;  // the published family does what ours must not
  nlohmann::json members;

  // The text of a member; REQUIRES: it is text.
  [[nodiscard]] std::string Text(const char* member) const { return members.at(member).get<std::string>(); }
  [[nodiscard]] bool Has(const char* member) const {
    return members.contains(member) && !members.at(member).is_null();
  }
};
inline void PrintTo(const GoldenCase& golden, std::ostream* out) { *out << golden.name; }

// For INSTANTIATE_TEST_SUITE_P.
[[nodiscard]] std::string CaseName(const testing::TestParamInfo<GoldenCase>& info);

// The cases of `file`, a name such as "event_parse". Ends the program if it cannot be read.
[[nodiscard]] std::vector<GoldenCase> Golden(const std::string& file);
// That case, by its name.
[[nodiscard]] GoldenCase GoldenNamed(const std::string& file, const std::string& name);

}  // namespace jammi::events::test
