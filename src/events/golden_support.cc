#include "events/golden_support.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace jammi::events::test {

std::string CaseName(const testing::TestParamInfo<GoldenCase>& info) {
  std::string name = info.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
}

std::vector<GoldenCase> Golden(const std::string& file) {
  const std::string path = std::string(JAMMI_EVENT_SINK_DATA) + "/" + file + ".json";
  std::ifstream in(path);
  if (!in) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::abort();
  }
  std::vector<GoldenCase> cases;
  auto file_members = nlohmann::json::parse(in);
  for (auto& members : file_members.at("cases")) {
    cases.push_back({.name = members.at("case"),
                     .reference_fault = members.value("reference_fault", false),
                     .members = std::move(members)});
  }
  if (cases.empty()) std::abort();
  return cases;
}

GoldenCase GoldenNamed(const std::string& file, const std::string& name) {
  const auto cases = Golden(file);
  const auto found = std::ranges::find(cases, name, &GoldenCase::name);
  if (found == cases.end()) std::abort();
  return *found;
}

}  // namespace jammi::events::test
