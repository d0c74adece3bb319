#include "nats/publish_answer.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "nats/nats_error.h"

namespace jammi::nats {
namespace {

using Json = nlohmann::json;
using Kind = PublishFailure::Kind;

bool Cut(std::string_view* text, std::string_view begin) {
  if (!text->starts_with(begin)) return false;
  text->remove_prefix(begin.size());
  return true;
}

bool IsPlain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// {"stream":"S","seq":1}, which nearly all answers are. nullopt: it says more, or is written otherwise.
std::optional<PublishAck> ReadPlain(std::string_view body) {
  if (!Cut(&body, R"({"stream":")")) return std::nullopt;
  const auto name_end = std::ranges::find_if_not(body, IsPlain);
  PublishAck ack{.stream = std::string(body.begin(), name_end)};
  body.remove_prefix(ack.stream.size());
  if (!Cut(&body, R"(",)")) return std::nullopt;
  Cut(&body, " ");
  if (!Cut(&body, R"("seq":)")) return std::nullopt;
  if (body.starts_with('0')) return std::nullopt;
  const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), ack.sequence);
  body.remove_prefix(static_cast<size_t>(end - body.data()));
  if (ack.stream.empty() || error != std::errc() || body != "}") return std::nullopt;
  return ack;
}

}  // namespace

PublishOutcome ReadPublishAnswer(std::string_view body) {
  if (auto ack = ReadPlain(body)) return *std::move(ack);
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  try {
    if (json.is_object() && json.contains("error")) {
      const auto& error = json.at("error");
      const int code = error.value("code", 0);
      const int api_code = error.value("err_code", 0);
      return std::unexpected(
          PublishFailure{Kind::kRefused, FromApi(code, api_code, error.value("description", ""), "publish"),
                         code, api_code});
    }
    if (json.is_object()) {
      PublishAck ack{json.at("stream"), json.at("seq"), json.value("duplicate", false),
                     json.value("domain", "")};
      if (!ack.stream.empty() && ack.sequence > 0 && json.at("seq").is_number_unsigned()) return ack;
    }
  } catch (const Json::exception&) {
    // Falls through: it is no answer of a JetStream.
  }
  return std::unexpected(
      PublishFailure{Kind::kBadAnswer, Unknown("JetStream: publish: the answer is no acknowledgement")});
}

}  // namespace jammi::nats
