#include "cli/report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <iterator>
#include <nlohmann/json.hpp>
#include <ostream>

namespace jammi {

bool IsDecorated(int descriptor) {
  const char* plain = std::getenv("NO_COLOR");
  return (plain == nullptr || *plain == '\0') && ::isatty(descriptor) == 1;
}

Exit Fail(std::ostream& err, const Error& error) {
  err << (IsDecorated(STDERR_FILENO) ? "\x1b[1;31mError:\x1b[0m " : "Error: ") << Printable(error.message())
      << '\n';
  return Exit::kFailed;
}

std::string Printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

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
