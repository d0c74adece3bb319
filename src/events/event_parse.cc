#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/base64.h"
#include "events/attribute_rules.h"
#include "events/findings.h"
#include "events/json_reader.h"
#include "events/json_write.h"
#include "events/written_scan.h"
#include "jammi/events/event.h"

namespace jammi::events {
namespace {

struct RequiredAttribute {
  std::string_view name;
  std::string Event::*value;
};
constexpr std::array<RequiredAttribute, 4> kRequired = {{{"specversion", &Event::specversion},
                                                         {"id", &Event::id},
                                                         {"source", &Event::source},
                                                         {"type", &Event::type}}};
struct OptionalAttribute {
  std::string_view name;
  std::optional<std::string> Event::*value;
};
constexpr std::array<OptionalAttribute, 5> kOptional = {{{"datacontenttype", &Event::datacontenttype},
                                                         {"time", &Event::time},
                                                         {"traceparent", &Event::traceparent},
                                                         {"subject", &Event::subject},
                                                         {"dataschema", &Event::dataschema}}};

// One pass over the text of an event. What is found is collected; only what is no JSON ends it.
class EventReader {
 public:
  explicit EventReader(std::string_view json) : reader_(json, kMaxNesting) {}

  void Read();
  // Whether the text gives an event, apart from names that are twice inside `data`.
  [[nodiscard]] bool Readable() const { return findings_.empty(); }
  [[nodiscard]] Event TakeEvent() { return std::move(event_); }
  // All that is wrong with the text and with the event that it gives.
  [[nodiscard]] std::vector<EventFinding> AllFindings() const;
  [[nodiscard]] std::vector<EventFinding> TextFindings() const { return findings_; }

 private:
  void Found(EventFault fault, std::string_view attribute, std::string message) {
    findings_.push_back({.fault = fault, .attribute = std::string(attribute), .message = std::move(message)});
  }
  void ReadMember(const std::string& name);
  void ReadRequired(const RequiredAttribute& attribute);
  void ReadOptional(const OptionalAttribute& attribute);
  void ReadExtension(const std::string& name);
  void ReadBinary();
  void SkipWrongType(std::string_view attribute);
  void Skip() {
    std::string_view value;
    IgnoreFault(reader_.ReadRaw(value));
  }
  void MakePayload();
  // The reader keeps its fault, which is looked at in the end.
  static void IgnoreFault(bool /*read*/) {}

  JsonReader reader_;
  Event event_;
  std::set<std::string> seen_;
  std::optional<std::string> data_;  // in the written form
  std::optional<std::string> data_base64_;
  std::vector<EventFinding> findings_;
};

void EventReader::Read() {
  std::string name;
  if (reader_.EnterObject()) {
    while (reader_.NextMember(name)) ReadMember(name);
  }
  if (!reader_.AtEnd()) {
    // What comes before the fault is not to be trusted either.
    findings_.clear();
    Found(EventFault::kNotJson, "", "is not one JSON object: " + reader_.fault().value_or("unknown"));
    return;
  }
  for (const auto& attribute : kRequired) {
    if (!seen_.contains(std::string(attribute.name))) {
      Found(EventFault::kMissingAttribute, attribute.name, "is missing");
    }
  }
  MakePayload();
}

void EventReader::ReadMember(const std::string& name) {
  if (!seen_.insert(name).second) Found(EventFault::kDuplicateMember, name, "is there twice");
  if (const auto* known = std::ranges::find(kRequired, name, &RequiredAttribute::name);
      known != kRequired.end()) {
    ReadRequired(*known);
  } else if (const auto* other = std::ranges::find(kOptional, name, &OptionalAttribute::name);
             other != kOptional.end()) {
    ReadOptional(*other);
  } else if (name == "data") {
    IgnoreFault(reader_.Rewrite(data_.emplace()));
  } else if (name == "data_base64") {
    ReadBinary();
  } else {
    ReadExtension(name);
  }
}

void EventReader::SkipWrongType(std::string_view attribute) {
  Found(EventFault::kWrongType, attribute, "is no string");
  Skip();
}

void EventReader::ReadRequired(const RequiredAttribute& attribute) {
  if (reader_.Peek() != '"') return SkipWrongType(attribute.name);
  IgnoreFault(reader_.ReadString(event_.*attribute.value));
}

void EventReader::ReadOptional(const OptionalAttribute& attribute) {
  if (reader_.Peek() == 'n') return Skip();
  if (reader_.Peek() != '"') return SkipWrongType(attribute.name);
  IgnoreFault(reader_.ReadString((event_.*attribute.value).emplace()));
}

void EventReader::ReadBinary() {
  if (reader_.Peek() == 'n') return Skip();
  if (reader_.Peek() != '"') return SkipWrongType("data_base64");
  IgnoreFault(reader_.ReadString(data_base64_.emplace()));
}

void EventReader::ReadExtension(const std::string& name) {
  const char kind = reader_.Peek();
  if (kind == 'n') return Skip();
  if (kind == '"') {
    std::string text;
    IgnoreFault(reader_.ReadString(text));
    event_.extensions[name] = std::move(text);
    return;
  }
  std::string value;
  if (!reader_.Rewrite(value)) return;
  if (kind == 't' || kind == 'f') {
    event_.extensions[name] = kind == 't';
    return;
  }
  if (value.find_first_not_of("-0123456789") != std::string::npos) {
    Found(EventFault::kBadExtensionValue, name, "is neither text nor a boolean nor an integer");
    return;
  }
  int32_t number = 0;
  if (std::from_chars(value.data(), value.data() + value.size(), number).ec == std::errc()) {
    event_.extensions[name] = number;
  } else {
    Found(EventFault::kIntegerOutOfRange, name, "is beyond 32 bits");
  }
}

void EventReader::MakePayload() {
  const bool null = !data_ || *data_ == "null";
  if (data_base64_) {
    auto bytes = FromBase64(*data_base64_);
    if (!null) Found(EventFault::kDataConflict, "data_base64", "is there beside data");
    if (!bytes) Found(EventFault::kBadBase64, "data_base64", "is no base64 text (RFC 4648, with padding)");
    event_.payload = BinaryData{std::move(bytes).value_or("")};
    return;
  }
  if (!data_) return;
  const bool json = IsJsonMediaType(event_.datacontenttype);
  if (!json && null) return;
  if (!json && data_->starts_with('"')) {
    event_.payload = TextData{Unescaped(std::string_view(*data_).substr(1, data_->size() - 2))};
  } else {
    event_.payload = JsonData::FromWritten(std::move(*data_));
  }
}

std::vector<EventFinding> EventReader::AllFindings() const {
  std::vector<EventFinding> all = findings_;
  if (reader_.fault()) return all;
  for (const auto& name : reader_.repeated()) {
    all.push_back(
        {.fault = EventFault::kDuplicateMember, .attribute = "data", .message = "has " + name + " twice"});
  }
  // The text has said already what is wrong with an attribute that is not there or no string.
  for (auto& finding : Validate(event_)) {
    const bool known =
        std::ranges::find(findings_, finding.attribute, &EventFinding::attribute) != findings_.end();
    if (!known) all.push_back(std::move(finding));
  }
  return all;
}

}  // namespace

Result<Event> ParseEvent(std::string_view json) {
  EventReader reader(json);
  reader.Read();
  if (auto findings = reader.AllFindings(); !findings.empty()) return InvalidEvent(std::move(findings));
  return reader.TakeEvent();
}

Result<Event> ReadEvent(std::string_view json) {
  EventReader reader(json);
  reader.Read();
  if (!reader.Readable()) return InvalidEvent(reader.TextFindings());
  return reader.TakeEvent();
}

// --- JsonData

Result<JsonData> JsonData::Parse(std::string_view json) {
  JsonReader reader(json, kMaxNesting - 1);
  std::string written;
  if (!reader.Rewrite(written) || !reader.AtEnd()) {
    return InvalidEvent(EventFault::kNotJson, "data", "is no JSON: " + reader.fault().value_or("unknown"));
  }
  if (!reader.repeated().empty()) {
    return InvalidEvent(EventFault::kDuplicateMember, "data", "has " + reader.repeated().front() + " twice");
  }
  return JsonData(std::move(written));
}

std::optional<std::string> JsonData::StringMember(std::string_view name) const {
  std::string written_name;
  AppendEscapedText(written_name, name);
  WrittenMembers members(text_);
  for (std::string_view found, value; members.Next(found, value);) {
    if (found != written_name) continue;
    if (!value.starts_with('"')) return std::nullopt;
    return Unescaped(value.substr(1, value.size() - 2));
  }
  return std::nullopt;
}

}  // namespace jammi::events
