#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/base64.h"
#include "events/json_write.h"
#include "jammi/events/event.h"

namespace jammi::events {
namespace {

// A JSON object, member by member.
class ObjectWriter {
 public:
  // Behind what `out` has.
  ObjectWriter(std::string& out, size_t expected) : out_(out) { out_.reserve(out_.size() + expected); }

  void Text(std::string_view name, std::string_view text) {
    Name(name);
    AppendQuoted(out_, text);
  }
  // null when absent
  void Text(std::string_view name, const std::optional<std::string>& text) {
    text ? Text(name, std::string_view(*text)) : Raw(name, "null");
  }
  void Raw(std::string_view name, std::string_view json) {
    Name(name);
    out_ += json;
  }
  void Value(std::string_view name, const AttributeValue& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return Text(name, std::string_view(*text));
    if (const auto* flag = std::get_if<bool>(&value)) return Raw(name, *flag ? "true" : "false");
    Raw(name, std::to_string(std::get<int32_t>(value)));
  }
  // `data`, which is always written.
  void Data(const Payload& payload) {
    if (const auto* json = std::get_if<JsonData>(&payload)) return Raw("data", json->text());
    if (const auto* text = std::get_if<TextData>(&payload)) return Text("data", std::string_view(text->text));
    Raw("data", "null");
  }
  void End() { out_ += '}'; }

 private:
  void Name(std::string_view name) {
    out_ += std::exchange(begun_, true) ? ',' : '{';
    AppendQuoted(out_, name);
    out_ += ':';
  }
  std::string& out_;
  bool begun_ = false;
};

// Enough for most events, so that the text grows once.
size_t ExpectedSize(const Event& event) {
  size_t size = 256 + event.id.size() + event.source.size() + event.type.size();
  if (const auto* json = std::get_if<JsonData>(&event.payload)) size += json->text().size();
  if (const auto* text = std::get_if<TextData>(&event.payload)) size += text->text.size();
  if (const auto* binary = std::get_if<BinaryData>(&event.payload)) size += binary->bytes.size() * 4 / 3;
  return size;
}

}  // namespace

void AppendSerialised(std::string& text, const Event& event) {
  ObjectWriter out(text, ExpectedSize(event));
  out.Text("specversion", std::string_view(event.specversion));
  out.Text("id", std::string_view(event.id));
  out.Text("source", std::string_view(event.source));
  out.Text("type", std::string_view(event.type));
  out.Text("datacontenttype", event.datacontenttype);
  out.Data(event.payload);
  out.Text("time", event.time);
  out.Text("traceparent", event.traceparent);
  if (event.subject) out.Text("subject", event.subject);
  if (event.dataschema) out.Text("dataschema", event.dataschema);
  for (const auto& [name, value] : event.extensions) out.Value(name, value);
  if (const auto* binary = std::get_if<BinaryData>(&event.payload)) {
    out.Text("data_base64", std::string_view(ToBase64(binary->bytes)));
  }
  out.End();
}

std::string Serialise(const Event& event) {
  std::string text;
  AppendSerialised(text, event);
  return text;
}

std::string SerialiseSorted(const Event& event) {
  std::string written;
  ObjectWriter out(written, ExpectedSize(event));
  auto extension = event.extensions.begin();
  // Those extensions whose names come before `name`.
  const auto extensions_before = [&](std::string_view name) {
    for (; extension != event.extensions.end() && extension->first < name; ++extension) {
      out.Value(extension->first, extension->second);
    }
  };
  const auto text = [&](std::string_view name, const std::optional<std::string>& value) {
    extensions_before(name);
    out.Text(name, value);
  };
  extensions_before("data");
  out.Data(event.payload);
  if (const auto* binary = std::get_if<BinaryData>(&event.payload))
    text("data_base64", ToBase64(binary->bytes));
  text("datacontenttype", event.datacontenttype);
  if (event.dataschema) text("dataschema", event.dataschema);
  text("id", event.id);
  text("source", event.source);
  text("specversion", event.specversion);
  if (event.subject) text("subject", event.subject);
  text("time", event.time);
  text("traceparent", event.traceparent);
  text("type", event.type);
  for (; extension != event.extensions.end(); ++extension) out.Value(extension->first, extension->second);
  out.End();
  return written;
}

}  // namespace jammi::events
