// The content modes and the message id of section 9.
#include "jammi/events/content_mode.h"

#include <gmock/gmock.h>

namespace jammi::events {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

using Headers = std::vector<std::pair<std::string, std::string>>;

Event SomeEvent() {
  return {.id = "e1", .source = "/s", .type = "t", .payload = JsonData::Parse(R"({"b":1,"a":2})").value()};
}
std::optional<EventFault> EventFaultOf(const Result<Event>& result) {
  if (result) return std::nullopt;
  return result.error().As<SinkDetail>()->findings.front().fault;
}

TEST(ContentMode, StructuredIsTheWrittenForm) {
  const EncodedEvent encoded = EncodeStructured(SomeEvent());
  EXPECT_EQ(encoded.payload, Serialise(SomeEvent()));
  EXPECT_THAT(encoded.headers, ElementsAre(Pair("Content-Type", "application/cloudevents+json")));
  EXPECT_EQ(Decode(encoded.payload, encoded.headers).value(), SomeEvent());
  // The published family sends no headers at all.
  EXPECT_EQ(Decode(encoded.payload, {}).value(), SomeEvent());
  EXPECT_EQ(
      Decode(encoded.payload, {{"content-TYPE", "Application/CloudEvents+JSON; charset=utf-8"}}).value(),
      SomeEvent());
}
TEST(ContentMode, BinaryHasTheAttributesInHeaders) {
  Event event = SomeEvent();
  event.subject = "a \"é%";
  event.extensions = {{"flag", true}, {"number", -5}, {"text", "x"}};
  const EncodedEvent encoded = EncodeBinary(event);
  EXPECT_EQ(encoded.payload, R"({"a":2,"b":1})");
  EXPECT_THAT(encoded.headers,
              ElementsAre(Pair("ce-specversion", "1.0"), Pair("ce-id", "e1"), Pair("ce-source", "/s"),
                          Pair("ce-type", "t"), Pair("ce-datacontenttype", "application/json"),
                          Pair("ce-subject", "a%20%22%C3%A9%25"), Pair("ce-flag", "true"),
                          Pair("ce-number", "-5"), Pair("ce-text", "x")));
  Event expected = event;
  expected.datacontenttype = "application/json";
  expected.extensions = {{"flag", "true"}, {"number", "-5"}, {"text", "x"}};
  EXPECT_EQ(Decode(encoded.payload, encoded.headers).value(), expected);
}
TEST(ContentMode, DataOfEveryKindComesBack) {
  Event event{.id = "e", .source = "s", .type = "t"};
  for (const auto& [type, payload] : std::initializer_list<std::pair<const char*, Payload>>{
           {"text/plain", TextData{"héllo\x01"}},
           {"application/soap+xml; a=b", TextData{"<a/>"}},
           {"image/png", BinaryData{std::string("\x89P\0", 3)}},
           {"text/plain", BinaryData{"\xff"}},
           {"application/json", JsonData::FromWritten("null")},
           {"image/png", Payload()}}) {
    event.datacontenttype = type;
    event.payload = payload;
    const EncodedEvent encoded = EncodeBinary(event);
    EXPECT_EQ(Decode(encoded.payload, encoded.headers).value(), event) << type;
  }
  // Without data nothing is said about its type.
  const Event none{.id = "e", .source = "s", .type = "t"};
  EXPECT_THAT(EncodeBinary(none).headers, Not(Contains(Pair("ce-datacontenttype", testing::_))));
  EXPECT_EQ(EncodeBinary(none).payload, "");
  EXPECT_EQ(Decode("", EncodeBinary(none).headers).value(), none);
}
// A name given twice made JSON data of a message into bytes, in which redaction does not look for names.
TEST(ContentMode, WhatSaysItIsJsonMustBe) {
  Headers headers = EncodeBinary(SomeEvent()).headers;
  EXPECT_EQ(EventFaultOf(Decode(R"({"argv":1,"argv":2})", headers)), EventFault::kDuplicateMember);
  EXPECT_EQ(EventFaultOf(Decode("{", headers)), EventFault::kNotJson);
  std::erase_if(headers, [](const auto& header) { return header.first == "ce-datacontenttype"; });
  EXPECT_EQ(EventFaultOf(Decode("{", headers)), EventFault::kNotJson);
}
TEST(ContentMode, HeadersThatAreNoAttributes) {
  const Headers good = {
      {"CE-SpecVersion", "1.0"}, {"ce-ID", "e%31"}, {"ce-source", "%2fs"}, {"ce-type", "t"}, {"x", "y"}};
  const auto event = Decode("", good);
  ASSERT_TRUE(event) << event.error().ToString();
  EXPECT_EQ(event->id, "e1");
  EXPECT_EQ(event->source, "/s");
  EXPECT_THAT(event->extensions, IsEmpty());
  const auto with = [&good](const char* name, const char* value) {
    Headers headers = good;
    headers.emplace_back(name, value);
    return Decode("", headers);
  };
  EXPECT_EQ(EventFaultOf(with("ce-id", "e2")), EventFault::kDuplicateMember);
  EXPECT_EQ(EventFaultOf(with("ce-x", "%ff")), EventFault::kBadStringChar);
  EXPECT_EQ(EventFaultOf(with("ce-x", "%0")), EventFault::kBadStringChar);
  EXPECT_EQ(EventFaultOf(with("ce-x", "%zz")), EventFault::kBadStringChar);
  EXPECT_EQ(EventFaultOf(with("ce-x", "%0d%0a")), EventFault::kBadStringChar);
  EXPECT_EQ(EventFaultOf(with("ce-data", "x")), EventFault::kBadExtensionName);
  EXPECT_EQ(EventFaultOf(with("ce-time", "now")), EventFault::kBadTime);
  EXPECT_EQ(EventFaultOf(with("Content-Type", "application/cloudevents+avro")), EventFault::kBadMediaType);
  EXPECT_EQ(EventFaultOf(Decode("", {{"ce-id", "e"}})), EventFault::kMissingAttribute);
  EXPECT_EQ(EventFaultOf(Decode("[]", {{"Content-Type", "application/cloudevents+json"}})),
            EventFault::kNotJson);
}
TEST(ContentMode, TheMessageIdOfAnEvent) {
  const Event e1{.id = "e1", .source = "/cellos/supervisor/h1", .type = "any"};
  EXPECT_EQ(MessageId(e1), "HSNwLXHiGKWsAa1-MV_8G5VEMFVrfyKnBd74qOTHSDc");
  // The source and the id are kept apart.
  EXPECT_NE(MessageId({.id = "bc", .source = "a"}), MessageId({.id = "c", .source = "ab"}));
}

}  // namespace
}  // namespace jammi::events
