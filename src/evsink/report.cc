#include "evsink/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "jammi/events/fault.h"

namespace jammi::evsink {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string_view ClassName(events::FaultClass fault_class) {
  switch (fault_class) {
    case events::FaultClass::kEvent:
      return "Event";
    case events::FaultClass::kTransient:
      return "Transient";
    case events::FaultClass::kStart:
      return "Start";
    case events::FaultClass::kInternal:
      return "Internal";
    case events::FaultClass::kStorage:
      return "Storage";
    case events::FaultClass::kUsage:
      return "Usage";
  }
  return "Internal";
}

Json AsJson(std::span<const EventFinding> findings) {
  Json all = Json::array();
  for (const EventFinding& finding : findings) {
    all.push_back(
        {{"code", ToString(finding.fault)}, {"attribute", finding.attribute}, {"message", finding.message}});
  }
  return all;
}

}  // namespace

ResultLine::ResultLine(const Line& place) {
  if (!place.file.empty()) Text("file", place.file);
  Number("line", static_cast<int64_t>(place.number));
}

ResultLine& ResultLine::Raw(std::string_view name, std::string_view json) {
  text_ += fmt::format("{}\"{}\":{}", text_.size() > 1 ? "," : "", name, json);
  return *this;
}
ResultLine& ResultLine::Text(std::string_view name, std::string_view value) {
  return Raw(name, Dump(std::string(value)));
}
ResultLine& ResultLine::Texts(std::string_view name, std::span<const std::string> values) {
  return Raw(name, Dump(std::vector<std::string>(values.begin(), values.end())));
}
ResultLine& ResultLine::Number(std::string_view name, int64_t value) {
  return Raw(name, fmt::format("{}", value));
}
ResultLine& ResultLine::Flag(std::string_view name, bool value) {
  return Raw(name, value ? "true" : "false");
}

ResultLine& ResultLine::Findings(std::span<const EventFinding> findings) {
  return Raw("findings", Dump(AsJson(findings)));
}

ResultLine& ResultLine::Failure(const Error& error) {
  const auto* detail = error.As<SinkDetail>();
  Json json = {{"kind", detail != nullptr ? ToString(detail->fault) : ToString(error.code())}};
  if (detail != nullptr) json["class"] = ClassName(events::ClassOf(detail->fault));
  json["message"] = error.message();
  if (detail != nullptr && detail->fault == SinkFault::kCircuitOpen) {
    json["attempt"] = detail->attempt;
    json["remaining_ms"] = detail->remaining_ms;
  }
  if (detail != nullptr && !detail->findings.empty()) json["findings"] = AsJson(detail->findings);
  return Raw("error", Dump(json));
}

}  // namespace jammi::evsink
