#include "nats/message.h"

#include <nats/nats.h>

#include <array>
#include <charconv>

namespace jammi::nats {
namespace {

std::string_view OrEmpty(const char* text) { return text == nullptr ? std::string_view() : text; }

bool ReadNumber(std::string_view text, uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

size_t MessageView::Size() const {
  size_t size = body.size();
  if (!headers.empty()) size += std::string_view("NATS/1.0\r\n\r\n").size();
  for (const auto& [name, value] : headers) size += name.size() + value.size() + 4;  // ": " and CR LF
  return size;
}

Message::~Message() { natsMsg_Destroy(message_); }

std::string_view Message::subject() const { return OrEmpty(natsMsg_GetSubject(message_)); }

std::string_view Message::reply() const { return OrEmpty(natsMsg_GetReply(message_)); }

std::string_view Message::body() const {
  return {natsMsg_GetData(message_), static_cast<size_t>(natsMsg_GetDataLength(message_))};
}

std::optional<std::string_view> Message::Header(const char* name) const {
  const char* value = nullptr;
  if (natsMsgHeader_Get(message_, name, &value) != NATS_OK || value == nullptr) return std::nullopt;
  return value;
}

std::string_view Message::Status() const {
  return body().empty() ? Header("Status").value_or(std::string_view()) : std::string_view();
}

// $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>, or with
// <domain>.<account> before the stream and a token for later use at the end.
std::optional<DeliveryPlace> PlaceOf(const Message& message) {
  std::array<std::string_view, 12> tokens;
  size_t count = 0;
  for (std::string_view rest = message.reply(); count < tokens.size();) {
    const size_t dot = rest.find('.');
    tokens[count++] = rest.substr(0, dot);
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (count < 9 || count == 10 || tokens[0] != "$JS" || tokens[1] != "ACK") return std::nullopt;
  const size_t at = count == 9 ? 3 : 5;
  DeliveryPlace place{.consumer = tokens[at]};
  if (!ReadNumber(tokens[at + 1], &place.delivered) || !ReadNumber(tokens[at + 2], &place.stream_sequence) ||
      !ReadNumber(tokens[at + 3], &place.consumer_sequence) || !ReadNumber(tokens[at + 5], &place.pending)) {
    return std::nullopt;
  }
  return place;
}

}  // namespace jammi::nats
