// The envelope: cases T01 to T19, T85, and what the format asks beyond them.
#include "jammi/events/event.h"

#include <gmock/gmock.h>

#include "base/hash.h"

namespace jammi::events {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

constexpr std::string_view kParsed =
    R"({"specversion":"1.0","id":"e1","source":"/cellos/supervisor/h1",)"
    R"("type":"dev.cellos.events.cell.lifecycle.v1.started","time":"2026-01-02T03:04:05Z",)"
    R"("datacontenttype":"application/json",)"
    R"("data":{"correlation":{"tenantId":"acme"},"argv":["[redacted]"],"n":1}})";

// An event with these members beside the required ones.
std::string With(const std::string& members) {
  return R"({"specversion":"1.0","id":"e","source":"s","type":"t")" + (members.empty() ? "" : "," + members) +
         "}";
}

using Found = std::vector<std::pair<EventFault, std::string>>;
Found FindingsOf(const std::vector<EventFinding>& findings) {
  Found found;
  for (const auto& finding : findings) found.emplace_back(finding.fault, finding.attribute);
  return found;
}
Found FindingsIn(std::string_view json) {
  const auto event = ParseEvent(json);
  if (event) return {};
  EXPECT_EQ(event.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(event.error().As<SinkDetail>()->fault, SinkFault::kInvalidEvent);
  return FindingsOf(event.error().As<SinkDetail>()->findings);
}
auto Only(EventFault fault, const std::string& attribute) { return ElementsAre(Pair(fault, attribute)); }

std::string WrittenAgain(std::string_view json) {
  const auto event = ParseEvent(json);
  EXPECT_TRUE(event) << event.error().ToString();
  return event ? Serialise(*event) : "";
}

// --- The cases of the specification

TEST(Event, T01AnEventIsValid) {
  const auto event = ParseEvent(kParsed);
  ASSERT_TRUE(event) << event.error().ToString();
  EXPECT_EQ(event->id, "e1");
  EXPECT_EQ(event->time, "2026-01-02T03:04:05Z");
  EXPECT_EQ(std::get<JsonData>(event->payload).text(),
            R"({"argv":["[redacted]"],"correlation":{"tenantId":"acme"},"n":1})");
  EXPECT_TRUE(CheckEvent(*event));
  EXPECT_THAT(Lint(*event), IsEmpty());
}
TEST(Event, T02ARequiredAttributeIsMissing) {
  EXPECT_THAT(FindingsIn(R"({"specversion":"1.0","source":"s","type":"t"})"),
              Only(EventFault::kMissingAttribute, "id"));
}
TEST(Event, T03ARequiredAttributeIsEmpty) {
  EXPECT_THAT(FindingsIn(R"({"specversion":"1.0","id":"","source":"s","type":"t"})"),
              Only(EventFault::kEmptyAttribute, "id"));
}
TEST(Event, T04AnotherSpecversion) {
  EXPECT_THAT(FindingsIn(R"({"specversion":"0.3","id":"e","source":"s","type":"t"})"),
              Only(EventFault::kBadSpecversion, "specversion"));
}
TEST(Event, T05NullIsAbsent) {
  EXPECT_EQ(WrittenAgain(With(R"("subject":null,"comexample":null)")),
            R"({"specversion":"1.0","id":"e","source":"s","type":"t","datacontenttype":null,"data":null,)"
            R"("time":null,"traceparent":null})");
}
TEST(Event, T06DataTwice) {
  EXPECT_THAT(FindingsIn(With(R"("data":1,"data_base64":"AQID")")),
              Only(EventFault::kDataConflict, "data_base64"));
}
TEST(Event, T07BadBase64) {
  for (const auto* text : {"!!", "AQI", "AR==", "-_-_", "AQID\\n"}) {
    EXPECT_THAT(FindingsIn(With(R"("data_base64":")" + std::string(text) + '"')),
                Only(EventFault::kBadBase64, "data_base64"))
        << text;
  }
}
TEST(Event, T08DataOfAnotherTypeIsText) {
  EXPECT_THAT(FindingsIn(With(R"("datacontenttype":"application/xml","data":{})")),
              Only(EventFault::kDataNotString, "data"));
  const auto event = ParseEvent(With(R"("datacontenttype":"application/xml","data":"<a b=\"c\"/>\u0001")"));
  ASSERT_TRUE(event);
  EXPECT_EQ(std::get<TextData>(event->payload).text, "<a b=\"c\"/>\x01");
}
TEST(Event, T09MediaTypesOfJson) {
  for (const auto* type :
       {"Application/LD+JSON; charset=utf-8", "text/json", "application/json;x=\\\"a;b\\\""}) {
    EXPECT_THAT(FindingsIn(With(R"("datacontenttype":")" + std::string(type) + R"(","data":{})")), IsEmpty())
        << type;
  }
}
TEST(Event, T10BadExtensionName) {
  for (const std::string name : {"tenantId", "tenant_id", "", "é", "a b"}) {
    EXPECT_THAT(FindingsIn(With('"' + name + R"(":"x")")), Only(EventFault::kBadExtensionName, name));
  }
}
TEST(Event, T11BadExtensionValue) {
  for (const auto* value : {"{}", "[]", "1.5", "1.0", "1e3", "-0"}) {
    EXPECT_THAT(FindingsIn(With(R"("comexample":)" + std::string(value))),
                Only(EventFault::kBadExtensionValue, "comexample"))
        << value;
  }
}
TEST(Event, T12IntegersHave32Bits) {
  EXPECT_THAT(FindingsIn(With(R"("x":2147483648)")), Only(EventFault::kIntegerOutOfRange, "x"));
  EXPECT_THAT(FindingsIn(With(R"("x":-2147483649)")), Only(EventFault::kIntegerOutOfRange, "x"));
  EXPECT_THAT(FindingsIn(With(R"("x":2147483647,"y":-2147483648)")), IsEmpty());
}
TEST(Event, T13BadTime) {
  for (const auto* time :
       {"2026-01-02T03:04:05", "2026-01-02 03:04:05Z", "2026-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "",
        "2026-13-01T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T00:60:00Z", "2026-01-02T00:00:61Z",
        "2026-01-02T00:00:00.Z", "2026-01-02T00:00:00+0100", "2026-01-02T00:00:00+24:00", "yesterday",
        "2026-01-02T00:00:00Zx", "12026-01-02T00:00:00Z"}) {
    EXPECT_THAT(FindingsIn(With(R"("time":")" + std::string(time) + '"')), Only(EventFault::kBadTime, "time"))
        << time;
  }
  for (const auto* time :
       {"2024-02-29t23:59:60z", "2026-01-02T03:04:05.123456789123+00:00", "9999-12-31T00:00:00-23:59"}) {
    EXPECT_THAT(WrittenAgain(With(R"("time":")" + std::string(time) + '"')), HasSubstr(time));
  }
}
TEST(Event, T14BadUri) {
  for (const auto* uri : {"foo", "/a", "1a:b", "a b:c", "urn:é", "urn:%zz", "urn:a#b#c", "//host/a"}) {
    EXPECT_THAT(FindingsIn(With(R"("dataschema":")" + std::string(uri) + '"')),
                Only(EventFault::kBadUri, "dataschema"))
        << uri;
  }
  for (const auto* uri : {"urn:x", "https://u:p@[::1]:80/a%20b?c=/d#e", "mailto:a@b", "a+b-c.d:"}) {
    EXPECT_THAT(FindingsIn(With(R"("dataschema":")" + std::string(uri) + '"')), IsEmpty()) << uri;
  }
}
TEST(Event, T15NoDataAndNullAreWrittenAlike) {
  const auto null = ParseEvent(With(R"("data":null)"));
  const auto none = ParseEvent(With(""));
  ASSERT_TRUE(null && none);
  EXPECT_EQ(null->payload, Payload(JsonData::FromWritten("null")));
  EXPECT_EQ(none->payload, Payload());
  EXPECT_EQ(Serialise(*null), Serialise(*none));
  EXPECT_THAT(Serialise(*null), HasSubstr(R"("data":null)"));
  // Where the media type is another one, null cannot be data.
  EXPECT_EQ(ParseEvent(With(R"("datacontenttype":"text/plain","data":null)"))->payload, Payload());
}
TEST(Event, T16NumbersKeepTheirDigits) {
  EXPECT_THAT(WrittenAgain(With(R"("data":{"n":9007199254740993})")), HasSubstr(R"({"n":9007199254740993})"));
}
TEST(Event, T17AMemberTwice) {
  EXPECT_THAT(FindingsIn(With(R"("id":"f")")), Only(EventFault::kDuplicateMember, "id"));
  EXPECT_THAT(FindingsIn(With(R"("\u0069d":"f")")), Only(EventFault::kDuplicateMember, "id"));
  EXPECT_THAT(FindingsIn(With(R"("x":1,"x":null)")), Only(EventFault::kDuplicateMember, "x"));
  EXPECT_THAT(FindingsIn(With(R"("data":[{"a":{"b":1,"\u0062":2}}])")),
              Only(EventFault::kDuplicateMember, "data"));
}
TEST(Event, T18Nesting) {
  const auto nested = [](size_t arrays) {
    return With(R"("data":)" + std::string(arrays, '[') + std::string(arrays, ']'));
  };
  EXPECT_THAT(FindingsIn(nested(kMaxNesting - 1)), IsEmpty());
  EXPECT_THAT(FindingsIn(nested(kMaxNesting)), Only(EventFault::kNotJson, ""));
  EXPECT_TRUE(JsonData::Parse(std::string(126, '[') + std::string(126, ']')));
  EXPECT_FALSE(JsonData::Parse(std::string(127, '[') + std::string(127, ']')));
}
TEST(Event, T19UnknownExtensionsAreKept) {
  EXPECT_THAT(WrittenAgain(With(R"("zflag":false,"comexample":5,"a":"b\u0022")")),
              testing::EndsWith(R"("traceparent":null,"a":"b\"","comexample":5,"zflag":false})"));
}
TEST(Event, T85TheCanonicalFormOfAnEvent) {
  const std::string written = WrittenAgain(kParsed);
  EXPECT_EQ(written.size(), 274U);
  EXPECT_EQ(Sha256Hex(written), "1d940593d829cbc5d3c9542adb8b76c2f275c355e01507fbac8724b43a76c98e");
}

// --- Findings

TEST(Event, EveryFindingIsReported) {
  EXPECT_THAT(
      FindingsIn(R"({"specversion":1,"source":"a b","type":"","time":"x","subject":"","dataschema":"",)"
                 R"("datacontenttype":"json","Ext":1,"big":99999999999,"data_base64":"?","type":""})"),
      testing::UnorderedElementsAre(
          Pair(EventFault::kWrongType, "specversion"), Pair(EventFault::kMissingAttribute, "id"),
          Pair(EventFault::kBadUri, "source"), Pair(EventFault::kDuplicateMember, "type"),
          Pair(EventFault::kBadTime, "time"), Pair(EventFault::kEmptyAttribute, "subject"),
          Pair(EventFault::kEmptyAttribute, "dataschema"), Pair(EventFault::kBadMediaType, "datacontenttype"),
          Pair(EventFault::kBadExtensionName, "Ext"), Pair(EventFault::kIntegerOutOfRange, "big"),
          Pair(EventFault::kBadBase64, "data_base64")));
}
TEST(Event, TheMessageTellsTheFirstFindings) {
  const auto event = ParseEvent("{}");
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().message(),
            "invalid event: specversion is missing; id is missing; source is missing; and 1 more");
}
TEST(Event, TextOfAttributesHasNoControlCharacters) {
  for (const auto* text : {"\\u0001", "\\u007f", "\\u0085", "\\ufdd0", "\\uffff", "\\ud83f\\udffe"}) {
    EXPECT_THAT(FindingsIn(With(R"("subject":"a)" + std::string(text) + '"')),
                Only(EventFault::kBadStringChar, "subject"))
        << text;
  }
  EXPECT_THAT(FindingsIn(With(R"("subject":"\u00a0é日😀")")), IsEmpty());
}
TEST(Event, WhatCallersMadeIsValidatedToo) {
  Event event{.id = "e", .source = "s", .type = "t"};
  EXPECT_THAT(Validate(event), IsEmpty());
  event.extensions = {{"data", "x"}, {"id", "x"}, {"ok", "\xff"}};
  event.payload = TextData{"\xff"};
  EXPECT_THAT(FindingsOf(Validate(event)),
              ElementsAre(Pair(EventFault::kBadExtensionName, "data"),
                          Pair(EventFault::kBadExtensionName, "id"), Pair(EventFault::kBadStringChar, "ok"),
                          Pair(EventFault::kWrongType, "data"), Pair(EventFault::kBadStringChar, "data")));
}
TEST(Event, LintTellsWhatIsUnwise) {
  EXPECT_THAT(Lint({.extensions = {{std::string(21, 'a'), 1}}}), SizeIs(2));
  EXPECT_THAT(Lint({.subject = "s"}), ElementsAre(HasSubstr("published family")));
  EXPECT_THAT(Lint({.extensions = {{std::string(20, 'a'), 1}}}), SizeIs(1));
}

// --- Text that is no event

TEST(Event, WhatIsNoJsonIsNoEvent) {
  for (const std::string& text : {std::string(),
                                  std::string(" "),
                                  std::string("1"),
                                  std::string("null"),
                                  std::string("[]"),
                                  With("") + "x",
                                  With("") + "{}",
                                  "\xef\xbb\xbf" + With(""),
                                  With(R"("data":[1,])"),
                                  With(R"("data":{"a"})"),
                                  With(R"("data":{"a":1,})"),
                                  With(R"("data":01)"),
                                  With(R"("data":-)"),
                                  With(R"("data":+1)"),
                                  With(R"("data":.5)"),
                                  With(R"("data":1.)"),
                                  With(R"("data":1e)"),
                                  With(R"("data":tru)"),
                                  With(R"("data":NaN)"),
                                  With(R"("data":1e309)"),
                                  With(R"("data":-1e309)"),
                                  With("\"data\":1" + std::string(400, '0')),
                                  With(R"("data":"\ud800")"),
                                  With(R"("data":"\udc00")"),
                                  With(R"("data":"\ud800\u0041")"),
                                  With(R"("data":"\x41")"),
                                  With(R"("data":"\u00g0")"),
                                  With("\"data\":\"\xc3\""),
                                  With("\"data\":\"\xed\xa0\x80\""),
                                  With("\"data\":\"\xc0\xaf\""),
                                  With("\"data\":\"\xf4\x90\x80\x80\""),
                                  With("\"data\":\"a\tb\""),
                                  With("\"\xff\":1"),
                                  With(std::string("\"data\":\"a\0b\"", 12)),
                                  With("") + std::string(1, '\0')}) {
    EXPECT_THAT(FindingsIn(text), Only(EventFault::kNotJson, "")) << text;
    EXPECT_FALSE(ReadEvent(text)) << text;
  }
}
TEST(Event, EveryBeginningOfAnEventIsNoEvent) {
  for (size_t size = 0; size < kParsed.size(); ++size) {
    EXPECT_THAT(FindingsIn(kParsed.substr(0, size)), Only(EventFault::kNotJson, "")) << size;
  }
}

// --- The two ways of reading, and the sorted form

TEST(Event, ReadingAsThePublishedFamilyDoesAsksLess) {
  const std::string text =
      R"({"specversion":"0.3","id":"","source":"^^","type":"t","time":"x","Ext":1,"data":{"a":1,"a":2}})";
  EXPECT_FALSE(ParseEvent(text));
  const auto event = ReadEvent(text);
  ASSERT_TRUE(event) << event.error().ToString();
  EXPECT_EQ(std::get<JsonData>(event->payload).text(), R"({"a":2})");
}
TEST(Event, TheSortedFormHasTheSameMembers) {
  const Event event{.id = "e",
                    .source = "s",
                    .type = "t",
                    .dataschema = "urn:x",
                    .subject = "sub",
                    .extensions = {{"aa", true}, {"datab", 1}, {"zz", "z"}},
                    .payload = BinaryData{"\x01\x02\x03"}};
  EXPECT_EQ(
      SerialiseSorted(event),
      R"({"aa":true,"data":null,"data_base64":"AQID","datab":1,"datacontenttype":null,"dataschema":"urn:x",)"
      R"("id":"e","source":"s","specversion":"1.0","subject":"sub","time":null,"traceparent":null,)"
      R"("type":"t","zz":"z"})");
  EXPECT_EQ(JsonData::Parse(Serialise(event))->text(), SerialiseSorted(event));
}
TEST(Event, AMemberAtTheTopOfData) {
  const auto data = JsonData::Parse(R"({"a":{"t":"no"},"b":"\"]}","n":1,"t":"q\"\u0001\\","u":"x"})").value();
  EXPECT_EQ(data.StringMember("t"), "q\"\x01\\");
  EXPECT_EQ(data.StringMember("b"), "\"]}");
  EXPECT_EQ(data.StringMember("n"), std::nullopt);
  EXPECT_EQ(data.StringMember("q"), std::nullopt);
  EXPECT_EQ(JsonData::Parse(R"(["t","x"])")->StringMember("t"), std::nullopt);
  EXPECT_EQ(JsonData::Parse(R"({"\"\\":"x"})")->StringMember("\"\\"), "x");
}

}  // namespace
}  // namespace jammi::events
