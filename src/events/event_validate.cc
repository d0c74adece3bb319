#include <array>

#include "base/text.h"
#include "events/attribute_rules.h"
#include "events/findings.h"
#include "jammi/events/event.h"

namespace jammi::events {
namespace {

constexpr size_t kFindingsTold = 3;
constexpr size_t kNameTold = 64;       // bytes of an attribute's name, which may be anything
constexpr size_t kLongExtension = 20;  // CloudEvents recommends no more

class Findings {
 public:
  void Add(EventFault fault, std::string_view attribute, std::string message) {
    list_.push_back({.fault = fault, .attribute = std::string(attribute), .message = std::move(message)});
  }
  void CheckText(std::string_view attribute, std::string_view text) {
    if (IsAttributeText(text)) return;
    Add(EventFault::kBadStringChar, attribute, "has a control character, a noncharacter or no UTF-8");
  }
  // A text that must say something. False: it does not, which is found already.
  bool CheckNotEmpty(std::string_view attribute, std::string_view text) {
    CheckText(attribute, text);
    if (!text.empty()) return true;
    Add(EventFault::kEmptyAttribute, attribute, "is empty");
    return false;
  }
  std::vector<EventFinding> Take() && { return std::move(list_); }

 private:
  std::vector<EventFinding> list_;
};

void CheckRequired(const Event& event, Findings& found) {
  found.CheckText("specversion", event.specversion);
  if (event.specversion != "1.0") found.Add(EventFault::kBadSpecversion, "specversion", "is not \"1.0\"");
  found.CheckNotEmpty("id", event.id);
  if (found.CheckNotEmpty("source", event.source) && !IsUriReference(event.source)) {
    found.Add(EventFault::kBadUri, "source", "is no URI reference");
  }
  found.CheckNotEmpty("type", event.type);
}

void CheckOptional(const Event& event, Findings& found) {
  if (event.datacontenttype) {
    found.CheckText("datacontenttype", *event.datacontenttype);
    if (!IsMediaType(*event.datacontenttype)) {
      found.Add(EventFault::kBadMediaType, "datacontenttype", "is no media type");
    }
  }
  if (event.dataschema && found.CheckNotEmpty("dataschema", *event.dataschema) && !IsUri(*event.dataschema)) {
    found.Add(EventFault::kBadUri, "dataschema", "is no absolute URI");
  }
  if (event.subject) found.CheckNotEmpty("subject", *event.subject);
  if (event.time) {
    found.CheckText("time", *event.time);
    if (!IsTimestamp(*event.time)) found.Add(EventFault::kBadTime, "time", "is no time of RFC 3339");
  }
  if (event.traceparent) found.CheckText("traceparent", *event.traceparent);
}

void CheckExtensions(const Event& event, Findings& found) {
  for (const auto& [name, value] : event.extensions) {
    if (!IsExtensionName(name)) {
      found.Add(EventFault::kBadExtensionName, name, "is no name for an extension: use a-z and 0-9");
    }
    if (const auto* text = std::get_if<std::string>(&value)) found.CheckText(name, *text);
  }
}

void CheckPayload(const Event& event, Findings& found) {
  const bool json = IsJsonMediaType(event.datacontenttype);
  if (std::holds_alternative<JsonData>(event.payload) && !json) {
    found.Add(EventFault::kDataNotString, "data", "is JSON, and the media type is not: it must be a string");
  }
  if (const auto* text = std::get_if<TextData>(&event.payload)) {
    if (json)
      found.Add(EventFault::kWrongType, "data", "is text, and the media type is JSON: give a JSON value");
    if (!IsValidUtf8(text->text)) found.Add(EventFault::kBadStringChar, "data", "is no UTF-8");
  }
}

}  // namespace

std::vector<EventFinding> Validate(const Event& event) {
  Findings found;
  CheckRequired(event, found);
  CheckOptional(event, found);
  CheckExtensions(event, found);
  CheckPayload(event, found);
  return std::move(found).Take();
}

Result<void> CheckEvent(const Event& event) {
  auto findings = Validate(event);
  if (!findings.empty()) return InvalidEvent(std::move(findings));
  return {};
}

std::vector<std::string> Lint(const Event& event) {
  std::vector<std::string> advice;
  for (const auto& [name, value] : event.extensions) {
    if (name.size() > kLongExtension)
      advice.push_back("extension " + name + ": its name has more than 20 letters");
  }
  if (event.subject || event.dataschema || !event.extensions.empty() ||
      std::holds_alternative<BinaryData>(event.payload)) {
    advice.emplace_back(
        "subject, dataschema, data_base64 and extensions are dropped by readers of the published family, "
        "which "
        "can therefore not verify this event once it is signed");
  }
  return advice;
}

Error InvalidEvent(std::vector<EventFinding> findings) {
  std::string message = "invalid event";
  for (size_t i = 0; i < findings.size() && i < kFindingsTold; ++i) {
    const EventFinding& finding = findings[i];
    message += i == 0 ? ": " : "; ";
    if (!finding.attribute.empty()) message += finding.attribute.substr(0, kNameTold) + " ";
    message += finding.message;
  }
  if (findings.size() > kFindingsTold) {
    message += "; and " + std::to_string(findings.size() - kFindingsTold) + " more";
  }
  return Error(ErrorCode::kInvalidArgument, std::move(message),
               SinkDetail{.fault = SinkFault::kInvalidEvent, .findings = std::move(findings)});
}

Error InvalidEvent(EventFault fault, std::string_view attribute, std::string message) {
  return InvalidEvent({{.fault = fault, .attribute = std::string(attribute), .message = std::move(message)}});
}

}  // namespace jammi::events
