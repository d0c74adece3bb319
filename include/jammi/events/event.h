// A CloudEvent 1.0: as JSON text, and as a value.
// Source: CloudEvents 1.0.2 and its JSON format; the written form is that of the event sink family.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "jammi/error.h"
#include "jammi/result.h"

namespace jammi::events {

// What an extension attribute holds.
using AttributeValue = std::variant<bool, int32_t, std::string>;

// `data` as JSON: always in the written form (no white space, members sorted by the bytes of their names,
// numbers with the digits they were given), which ParseEvent() and JsonData::Parse() make.
class JsonData {
 public:
  // Errors: kInvalidEvent: not JSON, a name given twice, nested deeper than 127, a number beyond a double.
  [[nodiscard]] static Result<JsonData> Parse(std::string_view json);
  // `written` is in the written form already.
  [[nodiscard]] static JsonData FromWritten(std::string written) { return JsonData(std::move(written)); }
  [[nodiscard]] const std::string& text() const { return text_; }
  bool operator==(const JsonData&) const = default;

 private:
  explicit JsonData(std::string text) : text_(std::move(text)) {}
  std::string text_;
};
struct TextData {
  std::string text;
  bool operator==(const TextData&) const = default;
};
struct BinaryData {
  std::string bytes;
  bool operator==(const BinaryData&) const = default;
};
// No data; `data` of a JSON media type; of another one; `data_base64`.
using Payload = std::variant<std::monostate, JsonData, TextData, BinaryData>;

struct Event {
  std::string specversion = "1.0";
  std::string id;
  std::string source;
  std::string type;
  std::optional<std::string> datacontenttype = {};
  std::optional<std::string> dataschema = {};
  std::optional<std::string> subject = {};
  std::optional<std::string> time = {};
  std::optional<std::string> traceparent = {};
  std::map<std::string, AttributeValue> extensions = {};
  Payload payload = {};
  bool operator==(const Event&) const = default;
};

// Reads one event. Errors: kInvalidEvent with every finding, as Validate().
[[nodiscard]] Result<Event> ParseEvent(std::string_view json);

// Everything that is wrong with an event; empty: nothing.
[[nodiscard]] std::vector<EventFinding> Validate(const Event& event);

// The written form: one line of JSON, without a line end; what is published, stored and signed.
[[nodiscard]] std::string Serialise(const Event& event);

}  // namespace jammi::events
