// JSON lines, the mirror and the sink that delivers nothing: SNK-130 to 133, SNK-140, T100 to T104.
#include "jammi/events/json_lines.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "base/log.h"
#include "events/golden_support.h"
#include "events/scripted_sink.h"
#include "jammi/events/noop.h"
#include "support/temp_dir.h"

namespace jammi::events {
namespace {

namespace fs = std::filesystem;
using ::jammi::test::TempDir;
using test::EventNamed;
using test::FaultIn;
using test::Golden;
using test::GoldenCase;
using test::ScriptedSink;
using ::testing::ElementsAre;

std::string MirrorText(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// An event whose written form has `size` bytes.
Event EventOfSize(size_t size) {
  Event event = EventNamed("m", "");
  event.payload =
      JsonData::FromWritten("{\"p\":\"" + std::string(size - Serialise(event).size(), 'x') + "\"}");
  EXPECT_EQ(Serialise(event).size(), size);
  return event;
}

class JsonLinesGolden : public testing::TestWithParam<GoldenCase> {};
INSTANTIATE_TEST_SUITE_P(Cases, JsonLinesGolden, testing::ValuesIn(Golden("jsonl")), test::CaseName);

// SNK-130, T100, T101
TEST_P(JsonLinesGolden, ResultsAndFileAgree) {
  const GoldenCase& golden = GetParam();
  const TempDir folder;
  const fs::path path = folder / "events.jsonl";
  JsonLinesSink sink({.path = path});
  const auto& inputs = golden.members.at("inputs");
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Event event = inputs[i].is_object() ? EventOfSize(inputs[i].at("size").get<size_t>())
                                              : *ParseEvent(inputs[i].get<std::string>());
    const auto result = sink.Emit(event);
    if (golden.members.at("results")[i] == "ok") {
      EXPECT_TRUE(result) << result.error().ToString();
    } else {
      EXPECT_EQ(FaultIn(result), SinkFault::kEventTooLarge);
    }
  }
  if (!golden.Has("file")) {
    EXPECT_FALSE(fs::exists(path));
  } else if (golden.members.at("file").is_object()) {
    EXPECT_EQ(MirrorText(path).size(), golden.members.at("file").at("length").get<size_t>());
  } else {
    EXPECT_EQ(MirrorText(path), golden.Text("file"));
  }
}

class JsonLinesTest : public testing::Test {
 protected:
  const TempDir folder_;
  const fs::path path_ = folder_ / "events.jsonl";
};

// T100
TEST_F(JsonLinesTest, T100OneByteTooManyChangesNothing) {
  JsonLinesSink sink({.path = path_});
  EVENTS_OK_OR_FAIL(sink.Emit(EventOfSize(1'048'576)));
  EXPECT_EQ(FaultIn(sink.Emit(EventOfSize(1'048'577))), SinkFault::kEventTooLarge);
  EXPECT_EQ(fs::file_size(path_), 1'048'577U);
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

// T101
TEST_F(JsonLinesTest, T101WithoutAnEventThereIsNoFile) {
  {
    JsonLinesSink sink({.path = path_});
    EVENTS_OK_OR_FAIL(sink.Flush(Deadline::Never()));
  }
  EXPECT_FALSE(fs::exists(path_));
}

// T103
TEST_F(JsonLinesTest, T103LinesOfManyThreadsDoNotMix) {
  JsonLinesSink sink({.path = path_});
  JsonLinesSink other({.path = path_});  // as of another program
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 50; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE((thread % 2 == 0 ? sink : other).Emit(EventNamed(std::to_string(thread))));
      }
    });
  }
  threads.clear();
  std::ifstream lines(path_);
  std::string line;
  size_t count = 0;
  for (; std::getline(lines, line); ++count) ASSERT_TRUE(ParseEvent(line)) << line;
  EXPECT_EQ(count, 5000U);
}

// SNK-132: a program was killed in the middle of a line.
TEST_F(JsonLinesTest, ALineThatWasCutShortIsEnded) {
  std::ofstream(path_) << "{\"specver";
  JsonLinesSink sink({.path = path_, .sync = JsonLinesSync::kEach});
  EVENTS_OK_OR_FAIL(sink.Emit(EventNamed("a")));
  EVENTS_OK_OR_FAIL(sink.Emit(EventNamed("b")));
  EXPECT_EQ(MirrorText(path_),
            "{\"specver\n" + Serialise(EventNamed("a")) + "\n" + Serialise(EventNamed("b")) + "\n");
}

// A line that another program is writing was taken for one that was cut short, and an empty line put behind
// it.
TEST_F(JsonLinesTest, ALineThatIsBeingWrittenIsWaitedFor) {
  JsonLinesSink sink({.path = path_});
  std::ofstream(path_) << "{\"other\":";
  const int other = open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_EQ(flock(other, LOCK_EX), 0);
  auto emitted = std::async(std::launch::async, [&] { return sink.Emit(EventNamed("a")); });
  EXPECT_EQ(emitted.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  ASSERT_EQ(write(other, "1}\n", 3), 3);
  close(other);
  EVENTS_OK_OR_FAIL(emitted.get());
  EXPECT_EQ(MirrorText(path_), "{\"other\":1}\n" + Serialise(EventNamed("a")) + "\n");
}

// SNK-132: what rotates logs renames the file.
TEST_F(JsonLinesTest, ARenamedFileIsNotWrittenOn) {
  JsonLinesSink sink({.path = path_});
  EVENTS_OK_OR_FAIL(sink.Emit(EventNamed("a")));
  fs::rename(path_, folder_ / "old");
  EVENTS_OK_OR_FAIL(sink.Emit(EventNamed("b")));
  EXPECT_EQ(MirrorText(folder_ / "old"), Serialise(EventNamed("a")) + "\n");
  EXPECT_EQ(MirrorText(path_), Serialise(EventNamed("b")) + "\n");
}

TEST_F(JsonLinesTest, WhatIsRefusedSaysWhy) {
  JsonLinesSink sink({.path = folder_ / "absent" / "events.jsonl"});
  EXPECT_EQ(FaultIn(sink.Emit(EventNamed("a"))), SinkFault::kSpillFailed);
  EXPECT_EQ(FaultIn(sink.Emit({.id = "", .source = "s", .type = "t"})), SinkFault::kInvalidEvent);
  JsonLinesSink closed({.path = path_});
  EVENTS_OK_OR_FAIL(closed.Close(Deadline::Never()));
  EXPECT_EQ(FaultIn(closed.Emit(EventNamed("a"))), SinkFault::kClosed);
  EXPECT_FALSE(fs::exists(path_));
}

// --- the mirror

class MirrorTest : public testing::Test {
 protected:
  MirrorTest() { SetLog(LogLevel::kOff, LogFormat::kText); }
  ~MirrorTest() override { SetLog(LogLevel::kWarning, LogFormat::kText); }
  const std::shared_ptr<ScriptedSink> primary_ = std::make_shared<ScriptedSink>();
  const std::shared_ptr<ScriptedSink> mirror_ = std::make_shared<ScriptedSink>();
  const std::shared_ptr<Metrics> metrics_ = std::make_shared<Metrics>();
  MirroringSink sink_{primary_, mirror_, metrics_};
};

// T104, SNK-133
TEST_F(MirrorTest, T104AFailingMirrorFailsNothing) {
  mirror_->Fail(SinkFault::kSinkFull, 2);
  EVENTS_OK_OR_FAIL(sink_.Emit(EventNamed("a")));
  bool done = false;
  sink_.EmitAsync(EventNamed("b"), [&](const Result<void>& result) { done = bool{result}; });
  EXPECT_TRUE(done);
  EVENTS_OK_OR_FAIL(sink_.Emit(EventNamed("c")));
  EXPECT_EQ(metrics_->mirror_errors.value(), 2U);
  EXPECT_THAT(mirror_->taken(), ElementsAre("c"));
}

// SNK-133: a failing primary does not starve the mirror, and its error is the result.
TEST_F(MirrorTest, TheMirrorGetsWhatThePrimaryRefuses) {
  primary_->Fail(SinkFault::kNoStream, 2);
  EXPECT_EQ(FaultIn(sink_.Emit(EventNamed("a"))), SinkFault::kNoStream);
  SinkFault told = SinkFault::kClosed;
  sink_.EmitAsync(EventNamed("b"), [&](const Result<void>& result) { told = FaultIn(result); });
  EXPECT_EQ(told, SinkFault::kNoStream);
  EXPECT_THAT(mirror_->taken(), ElementsAre("a", "b"));
}

// --- no-op

// SNK-140
TEST(NoopTest, ItChecksAndCounts) {
  const auto metrics = std::make_shared<Metrics>();
  NoopSink sink(metrics);
  EVENTS_OK_OR_FAIL(sink.Emit(EventNamed("a")));
  EXPECT_EQ(FaultIn(sink.Emit({.id = "", .source = "s", .type = "t"})), SinkFault::kInvalidEvent);
  EXPECT_EQ(metrics->noop_discarded.value(), 1U);
  EVENTS_OK_OR_FAIL(sink.Flush(Deadline::Now()));
  EVENTS_OK_OR_FAIL(sink.Close(Deadline::Now()));
  EXPECT_EQ(FaultIn(sink.Emit(EventNamed("b"))), SinkFault::kClosed);
}

}  // namespace
}  // namespace jammi::events
