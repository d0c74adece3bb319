// Redaction: SNK-100 to 103, cases T80 to T84.
#include "jammi/events/redact.h"

#include <gmock/gmock.h>

#include "events/golden_support.h"
#include "events/recording_sink.h"

namespace jammi::events {
namespace {

using test::Golden;
using test::GoldenCase;
using test::RecordingSink;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Event EventToRedact(std::string_view data) {
  return {.id = "e", .source = "s", .type = "t", .payload = JsonData::Parse(data).value()};
}
std::string Redacted(std::string_view data, std::vector<std::string> names) {
  return std::get<JsonData>(Redact(EventToRedact(data), RedactNames(std::move(names))).payload).text();
}

// --- Golden cases

class RedactionGolden : public testing::TestWithParam<GoldenCase> {};
INSTANTIATE_TEST_SUITE_P(Cases, RedactionGolden, testing::ValuesIn(Golden("redaction")), test::CaseName);

TEST_P(RedactionGolden, Agrees) {
  const GoldenCase& golden = GetParam();
  Event event{.id = "e", .source = "s", .type = "t"};
  if (golden.Has("data")) event = EventToRedact(golden.Text("data"));
  const RedactNames names(golden.members.at("fields").get<std::vector<std::string>>());
  const Event redacted = Redact(event, names);
  const auto* data = std::get_if<JsonData>(&redacted.payload);
  // No data, and the value null, are one for the published family.
  EXPECT_EQ(data == nullptr ? "null" : data->text(), golden.Has("output") ? golden.Text("output") : "null");
}

class RedactionConfigGolden : public testing::TestWithParam<GoldenCase> {};
INSTANTIATE_TEST_SUITE_P(Cases, RedactionConfigGolden, testing::ValuesIn(Golden("redaction_config")),
                         test::CaseName);

TEST_P(RedactionConfigGolden, Agrees) {
  const GoldenCase& golden = GetParam();
  const auto parsed = ParseRedactNames(golden.Has("value") ? golden.Text("value") : "");
  const Event redacted = Redact(EventToRedact(golden.Text("probe")), parsed.names);
  EXPECT_EQ(std::get<JsonData>(redacted.payload).text(), golden.Text("output"));
}

// --- The cases of the specification

TEST(Redact, T80Snk100ValuesAtAnyDepth) {
  EXPECT_EQ(Redacted(R"({"argv":["x"],"a":[{"argv":"y"}],"argv2":1})", {"argv"}),
            R"({"a":[{"argv":"[redacted]"}],"argv":["[redacted]"],"argv2":1})");
}
TEST(Redact, T81WhatStandsInPlaceOfAValue) {
  EXPECT_EQ(Redacted(R"({"a":{"x":{"a":1}},"b":null})", {"a", "b"}), R"({"a":{},"b":"[redacted]"})");
  EXPECT_EQ(Redacted(R"({"a":-1.5,"b":true,"c":[],"d":""})", {"a", "b", "c", "d"}),
            R"({"a":"[redacted]","b":"[redacted]","c":["[redacted]"],"d":"[redacted]"})");
}
TEST(Redact, T82Snk102NamesAreExact) {
  EXPECT_EQ(Redacted(R"({"Argv":1,"argv ":1,"arg":1})", {"argv"}), R"({"Argv":1,"arg":1,"argv ":1})");
  EXPECT_EQ(Redacted(R"({"a":{"b":1},"a.b":2})", {"a.b"}), R"({"a":{"b":1},"a.b":"[redacted]"})");
}
TEST(Redact, T83NothingToRedact) {
  const Event none{.id = "e", .source = "s", .type = "t"};
  EXPECT_EQ(Redact(none, RedactNames({"argv"})), none);
  EXPECT_EQ(Redact(EventToRedact(R"({"argv":1})"), RedactNames()), EventToRedact(R"({"argv":1})"));
  EXPECT_EQ(Redact(JsonData::Parse(R"({"a":1})").value(), RedactNames({"argv"})), std::nullopt);
  Event text{.id = "e",
             .source = "s",
             .type = "t",
             .datacontenttype = "text/plain",
             .payload = TextData{R"({"argv":1})"}};
  EXPECT_EQ(Redact(text, RedactNames({"argv"})), text);
}
TEST(Redact, T84Snk103ListsOfNames) {
  EXPECT_THAT(ParseRedactNames(" Defaults ").names.names(), ElementsAre("argv", "path", "reason"));
  EXPECT_THAT(ParseRedactNames(" Defaults ").warnings, IsEmpty());
  EXPECT_TRUE(ParseRedactNames(" , ").names.empty());
  EXPECT_TRUE(ParseRedactNames("").names.empty());
  const auto mixed = ParseRedactNames("defaults,x");
  EXPECT_THAT(mixed.names.names(), ElementsAre("defaults", "x"));
  EXPECT_THAT(mixed.warnings, ElementsAre(HasSubstr("argv, path and reason")));
}

// --- Beyond them

// Names are compared as text, however they are spelled; strings that look like a member are none.
TEST(Redact, NamesAndStringsWithEscapes) {
  EXPECT_EQ(Redacted(R"({"\u0061\"":1,"b":"\"a\\\"\":2","c":["a\"",":"]})", {"a\""}),
            R"({"a\"":"[redacted]","b":"\"a\\\"\":2","c":["a\"",":"]})");
  EXPECT_EQ(Redacted(R"({"\u0001":"\\","b":1})", {"\x01"}), R"({"\u0001":"[redacted]","b":1})");
  EXPECT_EQ(Redacted(R"({"é":1,"a":"}"})", {"é"}), R"({"a":"}","é":"[redacted]"})");
}
TEST(Redact, OnlyTheDataChanges) {
  Event event = EventToRedact(R"({"id":"x"})");
  event.datacontenttype = "application/json";
  event.dataschema = "urn:x";
  event.subject = "sub";
  event.time = "2026-01-02T03:04:05Z";
  event.traceparent = "tp";
  event.extensions = {{"id2", 1}};
  Event expected = event;
  expected.payload = JsonData::Parse(R"({"id":"[redacted]"})").value();
  EXPECT_EQ(Redact(event, RedactNames({"id", "subject"})), expected);
}
TEST(Redact, Snk101TheSinkHandsOnWhatIsLeft) {
  const auto inner = std::make_shared<RecordingSink>();
  RedactingSink sink(inner, RedactNames({"argv"}));
  const Event event = EventToRedact(R"({"argv":["secret"],"n":1})");
  EXPECT_TRUE(sink.Emit(event));
  sink.EmitAsync(event, [](const Result<void>& result) { EXPECT_TRUE(result); });
  EXPECT_THAT(inner->events, ElementsAre(EventToRedact(R"({"argv":["[redacted]"],"n":1})"),
                                         EventToRedact(R"({"argv":["[redacted]"],"n":1})")));
  EXPECT_EQ(inner->asynchronous, 1);
  EXPECT_EQ(event, EventToRedact(R"({"argv":["secret"],"n":1})"));
  inner->error = Error(ErrorCode::kUnavailable, "away");
  const auto failed = sink.Emit(event);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), "away");
  EXPECT_TRUE(sink.Flush(Deadline::Never()));
  EXPECT_TRUE(sink.Close(Deadline::Never()));
  EXPECT_EQ(inner->flushes, 1);
  EXPECT_EQ(inner->closes, 1);
}

}  // namespace
}  // namespace jammi::events
