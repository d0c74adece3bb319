// Values under listed names are taken out of an event before it goes anywhere.
//
// Promised: no value under a listed name is left in JSON data. Not promised: anything about values under
// other names, about text inside of strings, about data that is no JSON, and about the other attributes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/events/event.h"
#include "jammi/events/sink.h"

namespace jammi::events {

// The names of members whose values go. Compared as a whole and with their case; "a.b" is a name and no path.
// A value type; reading it is thread-safe.
class RedactNames {
 public:
  RedactNames() = default;
  explicit RedactNames(std::vector<std::string> names);
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] bool empty() const { return names_.empty(); }
  // Is this member's name listed? `written`: as it stands in JsonData, without the quotes.
  [[nodiscard]] bool Lists(std::string_view written) const;

 private:
  std::vector<std::string> names_;
  std::vector<std::string> written_;
  uint64_t sizes_ = 0;  // bit n: one of them has n bytes, modulo 64
};

// What `names` takes out of `data`, at any depth: a scalar, null included, becomes "[redacted]", an array
// ["[redacted]"], an object {}. nullopt: none of them is there. Pure.
[[nodiscard]] std::optional<JsonData> Redact(const JsonData& data, const RedactNames& names);
// The event with its data so; all else stays as it is. Pure.
[[nodiscard]] Event Redact(const Event& event, const RedactNames& names);

// A list of names as a variable has it: with commas between them; spaces around them and empty ones do not
// count. "defaults" alone, in any case, means argv, path and reason. Pure.
struct RedactNamesText {
  RedactNames names;
  std::vector<std::string> warnings;  // what is probably not meant so; sentences
};
[[nodiscard]] RedactNamesText ParseRedactNames(std::string_view text);

// Hands events on without those values. Thread-safe. Errors: those of the inner sink.
class RedactingSink final : public EventSink {
 public:
  RedactingSink(std::shared_ptr<EventSink> inner, RedactNames names);

  [[nodiscard]] Result<void> Emit(const Event& event) override;
  void EmitAsync(const Event& event, Done done) override;
  [[nodiscard]] Result<void> Flush(Deadline deadline) override;
  [[nodiscard]] Result<void> Close(Deadline deadline) override;

 private:
  const std::shared_ptr<EventSink> inner_;
  const RedactNames names_;
};

}  // namespace jammi::events
