#include "cli/report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <ostream>

namespace jammi {

std::string Joined(const std::vector<std::string>& texts) {
  return texts.empty() ? std::string(kDash) : Printable(fmt::format("{}", fmt::join(texts, ", ")));
}

void PrintJson(std::ostream& out, const nlohmann::ordered_json& json) {
  out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

TextTable::TextTable(std::ostream& out, std::vector<Column> columns, size_t rule)
    : out_(out), columns_(std::move(columns)), rule_(rule) {}

std::string TextTable::Line(const std::vector<std::string>& cells) const {
  std::string line;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) line += ' ';
    fmt::format_to(std::back_inserter(line), "{:<{}}", Printable(cells[i]), columns_[i].width);
  }
  return line;
}

void TextTable::Header() const {
  std::vector<std::string> names;
  for (const Column& column : columns_) names.emplace_back(column.name);
  const std::string line = Line(names);
  out_ << (IsDecorated(STDOUT_FILENO) ? fmt::format("\x1b[1m{}\x1b[0m", line) : line) << '\n'
       << std::string(rule_, '-') << '\n';
}

void TextTable::Row(const std::vector<std::string>& cells) const { out_ << Line(cells) << '\n'; }

}  // namespace jammi
