// The circuit, as a sink shows it.
#include "events/circuit.h"

#include <atomic>
#include <thread>
#include <vector>

#include "events/golden_support.h"
#include "events/jetstream_sink_fixture.h"

namespace jammi::events {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

class CircuitTest : public JetStreamSinkTest {};

// T20
TEST_F(CircuitTest, T20ANewSinkIsConnected) {
  Make();
  EXPECT_EQ(sink_->DebugState(), ReconnectState{});
}

// T21
TEST_F(CircuitTest, T21APublishThatWorksIsOneCall) {
  Make();
  EXPECT_EQ(Emit(), "ok");
  EXPECT_EQ(publisher_->count(), 1U);
  EXPECT_TRUE(sink_->DebugState().connected);
}

// T22, SNK-031
TEST_F(CircuitTest, T22TwoFailuresAreHidden) {
  Make();
  publisher_->Answers([this]() -> Result<PubAck> {
    if (publisher_->count() < 3) return SinkError(SinkFault::kUnavailable, "away");
    return PubAck{.stream = "S", .seq = 1};
  });
  EXPECT_EQ(Emit(), "ok");
  EXPECT_EQ(publisher_->count(), 3U);
  EXPECT_THAT(clock_->pauses(), ElementsAre(milliseconds(100), milliseconds(400)));
  EXPECT_TRUE(sink_->DebugState().connected);
}

// T23, SNK-012
TEST_F(CircuitTest, T23ThreeFailuresOpenIt) {
  Make();
  Open();
  EXPECT_EQ(sink_->DebugState().attempt, 0U);
  EXPECT_EQ(Left(), milliseconds(100));
}

// T24, SNK-013
TEST_F(CircuitTest, T24BeforeItsTimeNothingIsTried) {
  Make();
  Open();
  clock_->Advance(milliseconds(99));
  const auto refused = sink_->Emit(MakeEvent());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().As<SinkDetail>()->fault, SinkFault::kCircuitOpen);
  EXPECT_EQ(refused.error().As<SinkDetail>()->remaining_ms, 1);
  EXPECT_EQ(refused.error().As<SinkDetail>()->attempt, 0U);
  EXPECT_EQ(publisher_->count(), 3U);
  EXPECT_EQ(sink_->counters().refused_while_open(), 1U);
}

// T25, SNK-014
TEST_F(CircuitTest, T25AtItsTimeThereIsOneTry) {
  Make();
  Open();
  clock_->Advance(milliseconds(100));
  EXPECT_EQ(Emit(), "Unavailable");
  EXPECT_EQ(publisher_->count(), 4U);
  EXPECT_EQ(clock_->pauses().size(), 2U);  // those before it opened
}

// T26, SNK-015
TEST_F(CircuitTest, T26AProbeInVainDoublesTheWait) {
  Make();
  Open();
  clock_->Advance(milliseconds(100));
  Emit();
  EXPECT_EQ(sink_->DebugState().attempt, 1U);
  EXPECT_EQ(Left(), milliseconds(200));
}

// T27, SNK-020
TEST_F(CircuitTest, T27ProbesWithoutEndWaitThreeMinutesAtMost) {
  Make();
  Open();
  std::vector<int64_t> waits = {Left().count()};
  while (waits.size() < 13) {
    clock_->Advance(Left());
    EXPECT_EQ(Emit(), "Unavailable");
    waits.push_back(Left().count());
  }
  EXPECT_THAT(waits, ElementsAre(100, 200, 400, 800, 1600, 3200, 6400, 12'800, 25'600, 51'200, 102'400,
                                 180'000, 180'000));
}

// T28, SNK-016
TEST_F(CircuitTest, T28ARecoveryForgetsTheAttempts) {
  Make();
  Open();
  for (int i = 0; i < 7; ++i) {
    clock_->Advance(Left());
    Emit();
  }
  EXPECT_EQ(sink_->DebugState().attempt, 7U);
  publisher_->Works();
  clock_->Advance(Left());
  EXPECT_EQ(Emit(), "ok");
  EXPECT_TRUE(sink_->DebugState().connected);
  Open();
  EXPECT_EQ(sink_->DebugState().attempt, 0U);
  EXPECT_EQ(Left(), milliseconds(100));
}

// T30, SNK-017, W04
TEST_F(CircuitTest, T30W04OnlyOneOfManyProbes) {
  Make();
  Open();
  clock_->Advance(milliseconds(100));
  publisher_->Hold();
  std::thread probe([this] { EXPECT_EQ(Emit(), "Unavailable"); });
  publisher_->AwaitCalls(4);
  std::atomic<int> refused = 0;
  std::vector<std::thread> others;
  for (int i = 0; i < 19; ++i) {
    others.emplace_back([&] {
      const auto result = sink_->Emit(MakeEvent());
      const auto* const detail = result ? nullptr : result.error().As<SinkDetail>();
      if (detail && detail->fault == SinkFault::kCircuitOpen && detail->remaining_ms == 0) ++refused;
    });
  }
  for (auto& other : others) other.join();
  EXPECT_EQ(refused, 19);
  EXPECT_EQ(publisher_->count(), 4U);
  publisher_->Release();
  probe.join();
  EXPECT_EQ(sink_->DebugState().attempt, 1U);
}

// T31
TEST_F(CircuitTest, T31AProbeThatThrowsGivesItsClaimBack) {
  Make();
  Open();
  publisher_->Answers([]() -> Result<PubAck> { throw std::runtime_error("nats://u:hunter2@h is gone"); });
  clock_->Advance(milliseconds(100));
  const auto thrown = sink_->Emit(MakeEvent());
  EXPECT_EQ(Name(thrown), "ConnectionLost");
  EXPECT_THAT(thrown.error().message(), testing::Not(testing::HasSubstr("hunter2")));  // SNK-053
  EXPECT_EQ(sink_->DebugState().attempt, 1U);
  publisher_->Works();
  clock_->Advance(milliseconds(200));
  EXPECT_EQ(Emit(), "ok");
}

// T32, SNK-019, W05
TEST_F(CircuitTest, T32W05ARejectionIsNotTriedAgainAndOpensNothing) {
  Make();
  publisher_->Fails(SinkFault::kRejected);
  EXPECT_EQ(Emit(), "Rejected");
  EXPECT_EQ(publisher_->count(), 1U);
  EXPECT_TRUE(sink_->DebugState().connected);
}

// T33
TEST_F(CircuitTest, T33ARejectionOfAProbeClosesIt) {
  Make();
  Open();
  publisher_->Fails(SinkFault::kRejected);
  clock_->Advance(milliseconds(100));
  EXPECT_EQ(Emit(), "Rejected");
  EXPECT_TRUE(sink_->DebugState().connected);
}

// T34, SNK-018
TEST_F(CircuitTest, T34TwoFailuresAtOnceOpenItOnce) {
  JetStreamSinkOptions options;
  options.publish_attempts = 1;
  Make(options);
  publisher_->Fails();
  publisher_->Hold();
  std::vector<std::thread> emits;
  for (int i = 0; i < 2; ++i) emits.emplace_back([this] { EXPECT_EQ(Emit(), "Unavailable"); });
  publisher_->AwaitCalls(2);
  publisher_->Release();
  for (auto& emit : emits) emit.join();
  EXPECT_EQ(sink_->DebugState().attempt, 0U);
  EXPECT_EQ(Left(), milliseconds(100));
  EXPECT_EQ(sink_->counters().opened.value(), 1U);
}

// T35
TEST_F(CircuitTest, T35TheStateCanBeReadDuringAPublish) {
  Make();
  publisher_->Hold();
  std::thread emit([this] { EXPECT_EQ(Emit(), "ok"); });
  publisher_->AwaitCalls(1);
  EXPECT_TRUE(sink_->DebugState().connected);
  EXPECT_EQ(sink_->counters().in_flight.value(), 1);
  publisher_->Release();
  emit.join();
}

// T36, SNK-002
TEST_F(CircuitTest, T36AnInvalidEventIsInvalidAlsoWhileItIsOpen) {
  Make();
  Open();
  Event invalid = MakeEvent();
  invalid.id = "";
  EXPECT_EQ(Name(sink_->Emit(invalid)), "InvalidEvent");
  Event nowhere = MakeEvent();
  nowhere.payload = JsonData::FromWritten(R"({"tenantId":""})");
  EXPECT_EQ(Name(sink_->Emit(nowhere)), "InvalidSubject");
  EXPECT_EQ(sink_->counters().refused_while_open(), 0U);
}

// T39, SNK-031
TEST_F(CircuitTest, T39ADeadlineCutsTheTries) {
  JetStreamSinkOptions options;
  options.emit_deadline = milliseconds(150);
  Make(options);
  publisher_->Answers([this]() -> Result<PubAck> {
    clock_->Advance(milliseconds(100));
    return SinkError(SinkFault::kUnavailable, "away");
  });
  EXPECT_EQ(Emit(), "Unavailable");
  EXPECT_EQ(publisher_->count(), 1U);
  EXPECT_EQ(clock_->elapsed(), milliseconds(100));
}

// SNK-018: what began before the circuit opened says nothing of it, unless it worked.
TEST_F(CircuitTest, OutcomesOfAnEarlierTime) {
  JetStreamCounters counters;
  Circuit circuit({}, &counters);
  const auto now = clock_->Now();
  const Error why = SinkError(SinkFault::kUnavailable, "away");
  const auto early = *circuit.Enter(now);
  const auto other = *circuit.Enter(now);
  circuit.Failed(*circuit.Enter(now), now, why);
  circuit.Failed(early, now + milliseconds(50), why);
  EXPECT_EQ(circuit.state().next_after, now + milliseconds(100));
  circuit.Answered(now);  // `other` has worked
  EXPECT_TRUE(circuit.state().connected);
  circuit.Failed(other, now, why);  // of the time before it opened
  EXPECT_TRUE(circuit.state().connected);
}

// A probe whose circuit was closed by another publish meanwhile.
TEST_F(CircuitTest, AProbeThatIsOvertakenChangesNothing) {
  JetStreamCounters counters;
  Circuit circuit({}, &counters);
  const Error why = SinkError(SinkFault::kUnavailable, "away");
  const auto now = clock_->Now();
  circuit.Failed(*circuit.Enter(now), now, why);
  const auto probe = *circuit.Enter(now + milliseconds(100));
  ASSERT_TRUE(probe.probe);
  circuit.Answered(now);
  circuit.Failed(probe, now, why);
  EXPECT_TRUE(circuit.state().connected);
  EXPECT_FALSE(circuit.Enter(now)->probe);
}

// SNK-024
TEST_F(CircuitTest, EachChangeIsLoggedOnceAndWithoutSecrets) {
  Make();
  publisher_->Answers([]() -> Result<PubAck> {
    return SinkError(SinkFault::kUnavailable, "dial nats://u:hunter2@h failed");
  });
  SetLog(LogLevel::kInfo, LogFormat::kText);
  testing::internal::CaptureStderr();
  Emit();
  Emit();  // refused
  clock_->Advance(milliseconds(100));
  Emit();  // a probe in vain
  publisher_->Works();
  clock_->Advance(milliseconds(200));
  Emit();
  const std::string log = testing::internal::GetCapturedStderr();
  SetLog(LogLevel::kOff, LogFormat::kText);
  EXPECT_EQ(std::ranges::count(log, '\n'), 2);
  EXPECT_THAT(log, testing::ContainsRegex("the circuit opened: .*nats://<redacted>h"));
  EXPECT_THAT(log, testing::ContainsRegex("the circuit closed after 300 ms; 1 events were refused"));
  EXPECT_THAT(log, testing::Not(testing::HasSubstr("hunter2")));
}

// SNK-023: it does not close by waiting; and a connection that was made ends the wait, not the circuit.
TEST_F(CircuitTest, AConnectionThatWasMadeEndsTheWait) {
  Make();
  Open();
  EXPECT_EQ(Emit(), "CircuitOpen");
  publisher_->Connected();
  EXPECT_FALSE(sink_->DebugState().connected);
  EXPECT_EQ(Left(), milliseconds(0));
  publisher_->Works();
  EXPECT_EQ(Emit(), "ok");
}

TEST_F(CircuitTest, ManyThreadsOpenProbeAndCloseIt) {
  JetStreamCounters counters;
  Circuit circuit({.base = milliseconds(1), .cap = milliseconds(1)}, &counters);
  std::atomic<int> probes = 0;
  std::atomic<bool> two = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        clock_->Advance(milliseconds(1));
        const auto permit = circuit.Enter(clock_->Now());
        if (!permit) continue;
        if (permit->probe && ++probes > 1) two = true;
        const bool fails = (i + t) % 3 == 0;
        if (permit->probe) --probes;
        if (fails) {
          circuit.Failed(*permit, clock_->Now(), SinkError(SinkFault::kUnavailable, "away"));
        } else {
          circuit.Answered(clock_->Now());
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(two);
  EXPECT_EQ(circuit.state().connected, counters.circuit_open.value() == 0);
}

// --- the golden traces; a probe of ours is one call without pauses, where the published family makes three

using test::Golden;
using test::GoldenCase;

class CircuitGolden : public JetStreamSinkTest, public testing::WithParamInterface<GoldenCase> {
 protected:
  void Script(const nlohmann::json& publisher, bool probe) {
    if (publisher == "works") return publisher_->Works();
    if (publisher == "fails") return publisher_->Fails();
    const int fails = publisher.at("fails_first");
    publisher_->Answers([this, from = publisher_->count(), fails, probe]() -> Result<PubAck> {
      // A probe that works at its third call for them works at its first and only one for us.
      if (!probe && static_cast<int>(publisher_->count() - from) <= fails)
        return SinkError(SinkFault::kUnavailable, "away");
      return PubAck{.stream = "S", .seq = 1};
    });
  }
  void ExpectState(const nlohmann::json& state) {
    if (state == "Connected") {
      EXPECT_TRUE(sink_->DebugState().connected);
      return;
    }
    EXPECT_EQ(sink_->DebugState().attempt, state.at("attempt").get<uint32_t>());
    EXPECT_EQ(Left().count(), state.at("wait_ms").get<int64_t>());
  }
  void Step(const nlohmann::json& step) {
    if (step.at("op") == "advance") return clock_->Advance(milliseconds(step.at("ms").get<int64_t>()));
    if (step.at("op") == "state") return ExpectState(step.at("state"));
    const bool probe = !sink_->DebugState().connected;
    const size_t calls = publisher_->count();
    const auto begin = clock_->elapsed();
    Script(step.at("publisher"), probe);
    const std::string expected = step.at("result");
    EXPECT_EQ(Emit(), expected == "ok" ? "ok" : expected == "open" ? "CircuitOpen" : "Unavailable");
    EXPECT_EQ(publisher_->count() - calls,
              probe ? std::min<size_t>(step.at("calls").get<size_t>(), 1) : step.at("calls").get<size_t>());
    EXPECT_EQ((clock_->elapsed() - begin).count(), probe ? 0 : step.at("took_ms").get<int64_t>());
    ExpectState(step.at("state"));
  }
  // All at once; the published family raises its attempt with every one of them.
  void Concurrent(const nlohmann::json& how) {
    const bool due = how.at("circuit_was_open_and_due");
    publisher_->Fails();
    if (due) {
      Open();
      clock_->Advance(milliseconds(100));
    }
    const int count = how.at("threads");
    const size_t before = publisher_->count();
    publisher_->Hold();
    std::atomic<int> errors = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&] {
        if (Emit() != "ok") ++errors;
      });
    }
    // All of them have entered, or all but the probe were refused.
    publisher_->AwaitCalls(before + static_cast<size_t>(due ? 1 : count));
    while (due && errors < count - 1) std::this_thread::yield();
    publisher_->Release();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(errors, how.at("errors").get<int>());
    EXPECT_LT(sink_->DebugState().attempt, how.at("state").at("attempt").get<uint32_t>());
    EXPECT_EQ(sink_->DebugState().attempt, due ? 1U : 0U);
    EXPECT_LT(Left().count(), how.at("state").at("wait_ms").get<int64_t>());
  }
};
INSTANTIATE_TEST_SUITE_P(Cases, CircuitGolden, testing::ValuesIn(Golden("circuit")), test::CaseName);

TEST_P(CircuitGolden, AgreesButForTheFaults) {
  Make();
  const auto& members = GetParam().members;
  if (members.contains("concurrent")) {
    Concurrent(members.at("concurrent"));
  } else {
    for (const auto& step : members.at("steps")) Step(step);
  }
}

}  // namespace
}  // namespace jammi::events
