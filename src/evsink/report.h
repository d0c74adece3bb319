// Results: one JSON object on a line of its own for each event.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "evsink/line_reader.h"
#include "jammi/error.h"

namespace jammi::evsink {

// Members stand in the order in which they are added. What is no UTF-8 is replaced.
class ResultLine {
 public:
  ResultLine() = default;
  // Begins with the place of an event: "file", unless it is standard input, and "line".
  explicit ResultLine(const Line& place);

  ResultLine& Text(std::string_view name, std::string_view value);
  ResultLine& Texts(std::string_view name, std::span<const std::string> values);
  ResultLine& Number(std::string_view name, int64_t value);
  ResultLine& Flag(std::string_view name, bool value);
  // "error": its kind, its class and its message, and all findings of an invalid event.
  ResultLine& Failure(const Error& error);
  ResultLine& Findings(std::span<const EventFinding> findings);

  // The line, with its end.
  [[nodiscard]] std::string Finish() const { return text_ + "}\n"; }

 private:
  ResultLine& Raw(std::string_view name, std::string_view json);
  std::string text_ = "{";
};

}  // namespace jammi::evsink
