// What the published family made of events. Ours agrees, but for its faults.
#include <gmock/gmock.h>

#include <map>

#include "base/hash.h"
#include "events/golden_support.h"
#include "jammi/events/event.h"

namespace jammi::events {
namespace {

using test::Golden;
using test::GoldenCase;
using testing::Contains;
using testing::Field;

// --- event_parse

class EventParseGolden : public testing::TestWithParam<GoldenCase> {};
INSTANTIATE_TEST_SUITE_P(Cases, EventParseGolden, testing::ValuesIn(Golden("event_parse")), test::CaseName);

EventFault FaultOfClass(const std::string& error) {
  static const std::map<std::string, EventFault> kFaults = {
      {"missing_attribute", EventFault::kMissingAttribute},
      {"wrong_type", EventFault::kWrongType},
      {"bad_json", EventFault::kNotJson},
      {"too_deep", EventFault::kNotJson},
      {"duplicate_attribute", EventFault::kDuplicateMember}};
  return kFaults.at(error);
}

TEST_P(EventParseGolden, Agrees) {
  const GoldenCase& golden = GetParam();
  const auto strict = ParseEvent(golden.Text("input"));
  const auto read = ReadEvent(golden.Text("input"));
  if (golden.members.at("accepted").get<bool>() && !golden.reference_fault) {
    ASSERT_TRUE(read) << read.error().ToString();
    EXPECT_EQ(Serialise(*read), golden.Text("output"));
    EXPECT_TRUE(strict) << strict.error().ToString();
    return;
  }
  // An array in place of an object is read by the published family alone.
  const EventFault fault = golden.reference_fault ? EventFault::kNotJson : FaultOfClass(golden.Text("error"));
  for (const auto& result : {strict, read}) {
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().As<SinkDetail>()->findings, Contains(Field(&EventFinding::fault, fault)));
  }
}

// --- event_serialise, canonical

class WrittenFormGolden : public testing::TestWithParam<GoldenCase> {};
INSTANTIATE_TEST_SUITE_P(Serialise, WrittenFormGolden, testing::ValuesIn(Golden("event_serialise")),
                         test::CaseName);
INSTANTIATE_TEST_SUITE_P(Canonical, WrittenFormGolden, testing::ValuesIn(Golden("canonical")),
                         test::CaseName);

TEST_P(WrittenFormGolden, Agrees) {
  const GoldenCase& golden = GetParam();
  const auto event = ReadEvent(golden.Text("input"));
  ASSERT_TRUE(event) << event.error().ToString();
  const std::string written = Serialise(*event);
  const std::string theirs = golden.Text(golden.Has("output") ? "output" : "canonical");
  if (golden.reference_fault) {
    EXPECT_NE(written, theirs);
    return;
  }
  EXPECT_EQ(written, theirs);
  const char* const size = golden.Has("output") ? "output_bytes" : "canonical_bytes";
  EXPECT_EQ(written.size(), golden.members.at(size).get<size_t>());
  EXPECT_EQ(Sha256Hex(written), golden.members.value("sha256", Sha256Hex(theirs)));
}

// What ours does in the three cases where the published family is at fault.
TEST(EventGolden, WhereTheReferenceIsAtFault) {
  const auto written = [](const char* name) {
    return Serialise(ReadEvent(test::GoldenNamed("event_serialise", name).Text("input")).value());
  };
  EXPECT_EQ(written("event_serialise-s14"),
            R"({"specversion":"1.0","id":"big","source":"s","type":"t","datacontenttype":null,)"
            R"("data":{"n":18446744073709551616},"time":null,"traceparent":null})");
  EXPECT_EQ(written("event_serialise-s16"),
            R"({"specversion":"1.0","id":"ulp","source":"s","type":"t","datacontenttype":null,)"
            R"("data":{"n":985.6906946328695},"time":null,"traceparent":null})");
  EXPECT_EQ(written("event_serialise-s21"),
            R"({"specversion":"1.0","id":"x","source":"s","type":"t","datacontenttype":null,"data":null,)"
            R"("time":null,"traceparent":null,"subject":"cell:1","dataschema":"urn:x","comexample":5,)"
            R"("tenantid":"acme","tracestate":"a=b","data_base64":"AQID"})");
}

}  // namespace
}  // namespace jammi::events
