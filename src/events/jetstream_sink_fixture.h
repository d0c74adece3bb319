// A sink over a publisher and a clock that tests move.
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>

#include "base/log.h"
#include "events/fake_clock.h"
#include "events/fake_publisher.h"
#include "jammi/events/event.h"
#include "jammi/events/fault.h"
#include "jammi/events/jetstream_sink.h"

namespace jammi::events {

class JetStreamSinkTest : public testing::Test {
 protected:
  using Milliseconds = std::chrono::milliseconds;

  JetStreamSinkTest() { SetLog(LogLevel::kOff, LogFormat::kText); }  // circuits open here on purpose
  ~JetStreamSinkTest() override { SetLog(LogLevel::kWarning, LogFormat::kText); }

  void Make(const JetStreamSinkOptions& options = {},
            const std::string& subject_template = "a.{tenantId}.b") {
    auto made = JetStreamSink::FromPublisher(publisher_, subject_template, options, clock_);
    ASSERT_TRUE(made) << made.error().ToString();
    sink_ = *std::move(made);
  }
  static Event MakeEvent(const std::string& id = "e1") {
    Event event{.id = id, .source = "/cellos/supervisor/h1", .type = "t"};
    event.payload = JsonData::FromWritten(R"({"n":1})");
    return event;
  }
  // "ok", or the name of the fault.
  static std::string Name(const Result<void>& result) {
    return result ? "ok" : std::string(ToString(FaultOf(result.error())));
  }
  std::string Emit() { return Name(sink_->Emit(MakeEvent())); }
  // Three tries in vain.
  void Open() {
    publisher_->Fails();
    EXPECT_EQ(Emit(), "Unavailable");
    EXPECT_FALSE(sink_->DebugState().connected);
  }
  // What is left of the wait; -1: connected.
  Milliseconds Left() const {
    const auto state = sink_->DebugState();
    if (state.connected) return Milliseconds(-1);
    return std::chrono::duration_cast<Milliseconds>(std::max(state.next_after - clock_->Now(), {}));
  }

  const std::shared_ptr<test::FakePublisher> publisher_ = std::make_shared<test::FakePublisher>();
  const std::shared_ptr<test::FakeClock> clock_ = std::make_shared<test::FakeClock>();
  std::unique_ptr<JetStreamSink> sink_;
};

}  // namespace jammi::events
