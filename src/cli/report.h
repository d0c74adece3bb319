// How the remote commands print: tables of the published widths, and JSON.
#pragma once

#include <initializer_list>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/printable.h"
#include "cli/command.h"

namespace jammi {

inline constexpr std::string_view kDash = "\u2014";  // for what is not there (CLI-071)

// The texts with ", " between them, or a dash for none.
[[nodiscard]] std::string Joined(const std::vector<std::string>& texts);

void PrintJson(std::ostream& out, const nlohmann::ordered_json& json);

// Columns padded to their widths, one blank between them; the last one may have width 0 and ends the line as
// it is. What is longer than its column pushes the rest to the right.
class TextTable {
 public:
  struct Column {
    std::string_view name;
    size_t width = 0;
  };
  // `rule`: how many dashes stand under the header.
  TextTable(std::ostream& out, std::vector<Column> columns, size_t rule);

  void Header() const;
  void Row(const std::vector<std::string>& cells) const;

 private:
  [[nodiscard]] std::string Line(const std::vector<std::string>& cells) const;

  std::ostream& out_;
  const std::vector<Column> columns_;
  const size_t rule_;
};

}  // namespace jammi
