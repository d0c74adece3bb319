// What goes to the publisher: payload, headers, limits; and options that cannot work.
#include "events/prepared_event.h"

#include "events/jetstream_sink_fixture.h"
#include "jammi/events/content_mode.h"

namespace jammi::events {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Pair;

class PreparedEventTest : public JetStreamSinkTest {
 protected:
  Headers HeadersOf(const Event& event) {
    EXPECT_TRUE(sink_->Emit(event));
    return publisher_->calls().back().headers;
  }
};

// SNK-001, SNK-063, SNK-064
TEST_F(PreparedEventTest, ThePayloadIsTheWrittenFormAndHeadersSayWhatItIs) {
  Make();
  const Event event = MakeEvent();
  EXPECT_THAT(HeadersOf(event), ElementsAre(Pair("Content-Type", "application/cloudevents+json"),
                                            Pair("Nats-Msg-Id", MessageId(event))));
  EXPECT_EQ(publisher_->calls().back().payload, Serialise(event));
  EXPECT_EQ(publisher_->calls().back().subject, "a.single.b");
}

TEST_F(PreparedEventTest, TheStreamThatIsExpectedAndTheTraceGoAlong) {
  JetStreamSinkOptions options;
  options.expected_stream = "EVENTS";
  Make(options);
  Event event = MakeEvent();
  event.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  event.extensions.emplace("tracestate", std::string("a=b"));
  const auto headers = HeadersOf(event);
  EXPECT_THAT(headers, Contains(Pair("Nats-Expected-Stream", "EVENTS")));
  EXPECT_THAT(headers, Contains(Pair("traceparent", *event.traceparent)));
  EXPECT_THAT(headers, Contains(Pair("tracestate", "a=b")));
}

TEST_F(PreparedEventTest, InBinaryModeThePayloadIsTheData) {
  JetStreamSinkOptions options;
  options.content_mode = ContentMode::kBinary;
  Make(options);
  const auto headers = HeadersOf(MakeEvent());
  EXPECT_THAT(headers, Contains(Pair("ce-id", "e1")));
  EXPECT_THAT(headers, Contains(Pair("Nats-Msg-Id", MessageId(MakeEvent()))));
  EXPECT_EQ(publisher_->calls().back().payload, R"({"n":1})");
  publisher_->headers = false;  // then only the whole event is one
  EXPECT_THAT(HeadersOf(MakeEvent()), testing::IsEmpty());
  EXPECT_EQ(publisher_->calls().back().payload, Serialise(MakeEvent()));
}

// SNK-064
TEST_F(PreparedEventTest, AServerWithoutHeadersGetsNone) {
  Make();
  publisher_->headers = false;
  EXPECT_THAT(HeadersOf(MakeEvent()), testing::IsEmpty());
}

TEST_F(PreparedEventTest, NothingOfAnEventGetsIntoTheOneBehindIt) {
  Make();
  Event large = MakeEvent("large");
  large.payload = JsonData::FromWritten(R"({"tenantId":"acme","filler":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"})");
  large.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  large.extensions.emplace("tracestate", std::string("a=b"));
  // The buffers of one that is over are those of the next.
  for (const Event& event : {large, large, MakeEvent("small"), MakeEvent("small")}) {
    sink_->EmitAsync(event, [](const Result<void>& result) { EXPECT_TRUE(result); });
    ASSERT_TRUE(sink_->Flush(Deadline::Never()));
    const auto fresh = Prepare(event, "a.{tenantId}.b", {}, *publisher_);
    ASSERT_TRUE(fresh);
    EXPECT_EQ(publisher_->calls().back().subject, fresh->subject);
    EXPECT_EQ(publisher_->calls().back().payload, fresh->payload);
    EXPECT_EQ(publisher_->calls().back().headers, fresh->headers);
  }
}

// CRLF in what becomes a header never gets there.
TEST_F(PreparedEventTest, NobodyWritesAHeaderOfHisOwn) {
  Make();
  Event event = MakeEvent();
  event.traceparent = "00\r\nNats-Rollup: all";
  EXPECT_EQ(Name(sink_->Emit(event)), "InvalidEvent");
  Event state = MakeEvent();
  state.extensions.emplace("tracestate", std::string("a=b\r\nNats-Rollup: all"));
  EXPECT_EQ(Name(sink_->Emit(state)), "InvalidEvent");
  EXPECT_EQ(publisher_->count(), 0U);
}

// T78, SNK-003
TEST_F(PreparedEventTest, T78TheLimitIsTheSmallerOneAndHeadersCount) {
  Make();
  const auto prepared = Prepare(MakeEvent(), "a", {}, *publisher_);
  ASSERT_TRUE(prepared);
  EXPECT_GT(prepared->Size(), prepared->payload.size());
  publisher_->max_payload_bytes = prepared->Size();
  EXPECT_EQ(Emit(), "ok");
  publisher_->max_payload_bytes = prepared->Size() - 1;
  EXPECT_EQ(Emit(), "EventTooLarge");
  EXPECT_EQ(publisher_->count(), 1U);
  EXPECT_TRUE(sink_->DebugState().connected);

  JetStreamSinkOptions options;
  options.max_event_bytes = prepared->Size() - 1;
  publisher_->max_payload_bytes = 0;  // not known
  EXPECT_EQ(FaultOf(Prepare(MakeEvent(), "a", options, *publisher_).error()), SinkFault::kEventTooLarge);
}

TEST_F(PreparedEventTest, OptionsThatCannotWorkAreRefused) {
  const auto fault = [&](auto change, const char* subject_template = "a") {
    JetStreamSinkOptions options;
    change(options);
    const auto made = JetStreamSink::FromPublisher(publisher_, subject_template, options, clock_);
    return made ? "ok" : std::string(ToString(FaultOf(made.error())));
  };
  using Options = JetStreamSinkOptions;
  EXPECT_EQ(fault([](Options&) {}), "ok");
  EXPECT_EQ(fault([](Options&) {}, "a.{foo}"), "ConfigError");
  EXPECT_EQ(fault([](Options& o) { o.max_in_flight = 0; }), "ConfigError");
  EXPECT_EQ(fault([](Options& o) { o.max_event_bytes = 0; }), "ConfigError");
  EXPECT_EQ(fault([](Options& o) { o.ack_timeout = {}; }), "ConfigError");
  EXPECT_EQ(fault([](Options& o) { o.connect_timeout = {}; }), "ConfigError");
  EXPECT_EQ(fault([](Options& o) { o.emit_deadline = Milliseconds(0); }), "ConfigError");
  EXPECT_EQ(fault([](Options& o) { o.backoff_cap = Milliseconds(1); }), "ConfigError");
  EXPECT_EQ(fault([](Options& o) { o.expected_stream = "a\r\nb"; }), "ConfigError");
  EXPECT_EQ(fault([](Options& o) { o.expected_stream = "a.b"; }), "ConfigError");
  EXPECT_FALSE(JetStreamSink::FromPublisher(nullptr, "a"));
}

}  // namespace
}  // namespace jammi::events
