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

// Levels of nesting that an event may have; the event itself is the first.
inline constexpr int kMaxNesting = 127;

// What an extension attribute holds.
using AttributeValue = std::variant<bool, int32_t, std::string>;

// `data` as JSON, always in the written form: UTF-8 without white space; members sorted by the bytes of their
// names; in text only `"`, `\` and U+0000 to 001F escaped; integers with the digits they were given, all
// other numbers as the shortest text that is the same double (1.0, 100000.0, 1e-7, 1e+16).
class JsonData {
 public:
  // Errors: kInvalidArgument with SinkDetail(kInvalidEvent): not JSON, not UTF-8, a name given twice, nested
  // deeper than kMaxNesting - 1, a number beyond a double.
  [[nodiscard]] static Result<JsonData> Parse(std::string_view json);
  // `written` is in the written form already; nobody looks.
  [[nodiscard]] static JsonData FromWritten(std::string written) { return JsonData(std::move(written)); }
  [[nodiscard]] const std::string& text() const { return text_; }
  // The text of the member `name` of an object; nullopt: this is no object, there is no such member, or it
  // is no string. Members of members are not looked at.
  [[nodiscard]] std::optional<std::string> StringMember(std::string_view name) const;
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
// No data; `data` of a JSON media type, or of none; `data` of another one; `data_base64`. No data and the
// JSON value null are written alike, and read as null where the media type is JSON, else as no data.
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

// All functions below are pure.

// Reads one event and validates it. Errors: kInvalidArgument with SinkDetail(kInvalidEvent), which has every
// finding: those of the text (not JSON, a member twice, a wrong type) and those of Validate().
[[nodiscard]] Result<Event> ParseEvent(std::string_view json);

// Reads one event as the published family does, which asks no more than that the required attributes are
// there and every attribute has its type: an empty id, any specversion and any time pass, and of members of
// `data` with one name the last one counts. For what others have signed or stored, not for what comes in.
[[nodiscard]] Result<Event> ReadEvent(std::string_view json);

// Everything that is wrong with an event; empty: nothing.
[[nodiscard]] std::vector<EventFinding> Validate(const Event& event);
// Validate() as a result. Errors: as ParseEvent().
[[nodiscard]] Result<void> CheckEvent(const Event& event);
// What is allowed and still unwise, a sentence each: long names of extensions, attributes that the published
// family drops on reading, so that it cannot verify the event once it is signed.
[[nodiscard]] std::vector<std::string> Lint(const Event& event);

// The written form: one line of JSON, without a line end; what is published, stored and signed. Of an event
// with findings it may be text that cannot be read back.
[[nodiscard]] std::string Serialise(const Event& event);
// The same with the members sorted by name, as an event stands inside JSON data.
[[nodiscard]] std::string SerialiseSorted(const Event& event);

}  // namespace jammi::events
