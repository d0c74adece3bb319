// Looking at the stream: what an operator is told, and that nothing is changed.
#include "events/stream_check.h"

#include "events/sink_natstest_fixture.h"

namespace jammi::events {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(StreamCheckTest, ATemplateBecomesASubjectWithWildcards) {
  EXPECT_EQ(WildcardOf("cellos.events.v1"), "cellos.events.v1");
  EXPECT_EQ(WildcardOf("a.{tenantId}.b"), "a.*.b");
  EXPECT_EQ(WildcardOf("a.x{tenantId}y"), "a.*");
}

TEST(StreamCheckTest, Covers) {
  EXPECT_TRUE(Covers("a.>", "a.*.b"));
  EXPECT_TRUE(Covers("a.*.b", "a.*.b"));
  EXPECT_TRUE(Covers("a.b", "a.b"));
  EXPECT_TRUE(Covers(">", "a"));
  EXPECT_FALSE(Covers("a.acme.b", "a.*.b"));
  EXPECT_FALSE(Covers("a.>", "a"));
  EXPECT_FALSE(Covers("a.*", "a.b.c"));
  EXPECT_FALSE(Covers("a.*.c", "a.b"));
}

class StreamCheckNatsTest : public SinkNatsTest {
 protected:
  StreamReport Check(const JetStreamSinkOptions& options = {}) {
    const auto report = ConnectSink(server_.Url(), options)->CheckStream();
    EXPECT_TRUE(report) << report.error().ToString();
    return *report;
  }
  static std::vector<std::string> Problems(const StreamReport& report) {
    std::vector<std::string> problems;
    for (const auto& each : report.findings) problems.emplace_back(ToString(each.problem));
    return problems;
  }
  void Make(const std::string& config) {
    const auto connection = Connect(To(server_.Url()));
    const auto made = connection->Request("$JS.API.STREAM.CREATE.s", config, std::chrono::seconds(5));
    ASSERT_TRUE(made);
    ASSERT_THAT((*made)->body(), testing::Not(testing::HasSubstr("\"error\""))) << (*made)->body();
  }
  Server server_{With(Server::Login::kNobody)};
};
JAMMI_ON_EVERY_NATS(StreamCheckNatsTest);

TEST_P(StreamCheckNatsTest, AStreamAsItShouldBeHasNoFindings) {
  MakeStream(server_.Url());
  const auto report = Check();
  EXPECT_THAT(Problems(report), IsEmpty());
  EXPECT_EQ(report.stream, "s");
  EXPECT_EQ(report.subject, "s.*");
  EXPECT_THAT(report.subjects, ElementsAre("s.>"));
  EXPECT_TRUE(report.on_file);
}

TEST_P(StreamCheckNatsTest, NoStreamAtAll) { EXPECT_THAT(Problems(Check()), ElementsAre("no_stream")); }

// W24, FC-74: the floor of ninety days, and all else that is wrong, each told.
TEST_P(StreamCheckNatsTest, W24EverythingThatIsWrongIsTold) {
  Make(R"({"name":"s","subjects":["s.acme"],"storage":"memory","max_age":86400000000000,
           "duplicate_window":1000000000,"no_ack":true})");
  JetStreamSinkOptions options;
  options.expected_stream = "t";
  EXPECT_THAT(Problems(Check(options)), UnorderedElementsAre("other_stream", "not_covered", "age", "storage",
                                                             "duplicate_window", "no_acknowledgement"));
}

TEST_P(StreamCheckNatsTest, NinetyDaysAreEnough) {
  Make(R"({"name":"s","subjects":["s.>"],"storage":"file","max_age":7776000000000000,
           "duplicate_window":120000000000})");
  EXPECT_THAT(Problems(Check()), IsEmpty());
}

TEST_P(StreamCheckNatsTest, PartsInSeveralStreamsAreTold) {
  Make(R"({"name":"s","subjects":["s.acme"],"storage":"file","duplicate_window":120000000000})");
  const auto connection = Connect(To(server_.Url()));
  ASSERT_TRUE(nats::JetStream(*connection).EnsureStream({.name = "t", .subjects = {"s.other"}}));
  EXPECT_THAT(Problems(Check()), UnorderedElementsAre("not_covered", "several_streams"));
}

TEST_P(StreamCheckNatsTest, AServerThatIsAwayIsAnError) {
  MakeStream(server_.Url());
  const auto sink = ConnectSink(server_.Url());
  server_.Kill();
  ASSERT_TRUE(nats::AwaitTrue([&] { return !sink->CheckStream(); }));
  EXPECT_EQ(FaultOf(sink->CheckStream().error()), SinkFault::kUnavailable);
}

}  // namespace
}  // namespace jammi::events
