// Sinks of events on real file systems that are full or read-only. Runs in a private mount namespace, so it
// needs root or user namespaces; without either it fails and says so.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "events/scripted_sink.h"
#include "jammi/events/dead_letter.h"
#include "jammi/events/json_lines.h"
#include "jammi/events/spool.h"
#include "support/mount_namespace.h"
#include "support/temp_dir.h"

namespace jammi::events {
namespace {

using test::EventNamed;
using test::FaultIn;
using test::ScriptedSink;
using test::Soon;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class EventDiskTest : public testing::Test {
 protected:
  EventDiskTest() { SetLog(LogLevel::kOff, LogFormat::kText); }

  const ::jammi::test::TempDir folder_;
  ::jammi::test::SmallFileSystem disk_{folder_.path(), 4 << 20};
  const std::shared_ptr<ScriptedSink> inner_ = std::make_shared<ScriptedSink>();
  const Event large_ = EventNamed("large", std::string(300'000, 'x'));
};

// T95
TEST_F(EventDiskTest, T95AReadOnlyFolderLeavesTheErrorAsItIs) {
  auto sink = DeadLetterSink::Open(inner_, {.directory = disk_.path(), .min_free_bytes = 0});
  EVENTS_OK_OR_FAIL(sink);
  disk_.MakeReadOnly();
  inner_->Fail(SinkFault::kNoStream);
  const auto refused = (*sink)->Emit(EventNamed("a"));
  EXPECT_EQ(FaultIn(refused), SinkFault::kNoStream);
  EXPECT_EQ(refused.error().message(), "scripted");
  EXPECT_EQ(FaultIn(DeadLetterSink::Open(inner_, {.directory = disk_.path()})), SinkFault::kConfigError);
}

// SNK-120, SNK-123: nothing torn stays behind.
TEST_F(EventDiskTest, AFullDiskLeavesNoDeadLetterBehind) {
  auto sink = DeadLetterSink::Open(inner_, {.directory = disk_.path(), .min_free_bytes = 0});
  EVENTS_OK_OR_FAIL(sink);
  disk_.Fill();
  const auto count = [&] {
    return std::ranges::count_if(std::filesystem::directory_iterator(disk_.path()), [](const auto& each) {
      return each.path().extension() == ".jsonl" || each.path().filename().string().starts_with(".spill");
    });
  };
  inner_->Fail(SinkFault::kNoStream, 2);
  EXPECT_EQ(FaultIn((*sink)->Emit(large_)), SinkFault::kNoStream);
  EXPECT_EQ(count(), 0);
  disk_.Free();
  EVENTS_OK_OR_FAIL((*sink)->Emit(large_));
  EXPECT_EQ(count(), 1);
}

// T102
TEST_F(EventDiskTest, T102AFullDiskIsCalledThatAndTheNextLineIsWhole) {
  JsonLinesSink sink({.path = disk_.path() / "events.jsonl"});
  EVENTS_OK_OR_FAIL(sink.Emit(EventNamed("a")));
  disk_.Fill();
  const auto refused = sink.Emit(large_);
  EXPECT_EQ(FaultIn(refused), SinkFault::kSinkFull);
  EXPECT_THAT(refused.error().message(), StartsWith("sink full: "));
  disk_.Free();
  EVENTS_OK_OR_FAIL(sink.Emit(EventNamed("b")));
  std::ifstream lines(disk_.path() / "events.jsonl");
  std::vector<std::string> whole;
  for (std::string line; std::getline(lines, line);) {
    if (ParseEvent(line)) whole.push_back(line);
  }
  EXPECT_THAT(whole, testing::ElementsAre(Serialise(EventNamed("a")), Serialise(EventNamed("b"))));
}

TEST_F(EventDiskTest, AFullDiskRefusesAndNothingThatWasTakenIsLost) {
  inner_->Hold();
  size_t taken = 0;
  {
    const auto spool =
        SpoolSink::Open(inner_, {.directory = disk_.path() / "spool", .segment_bytes = 400'000});
    EVENTS_OK_OR_FAIL(spool);
    Result<void> result;
    // A file system of 4 MiB has no room for so many.
    for (; taken < 20 && (result = (*spool)->Emit(large_)); ++taken) {
    }
    EXPECT_EQ(FaultIn(result), SinkFault::kSinkFull);
    EXPECT_THAT(result.error().message(), StartsWith("sink full: "));
    EXPECT_GT(taken, 5U);
    EXPECT_EQ((*spool)->status().events, taken);
    EXPECT_EQ((*spool)->status().health, SinkHealth::kLosing);
    // What is delivered makes room again, also on a disk that is full.
    inner_->AwaitGiven(taken);
    inner_->LetGo();
    EVENTS_OK_OR_FAIL((*spool)->Flush(Soon()));
    EVENTS_OK_OR_FAIL((*spool)->Close(Soon()));
  }
  EXPECT_EQ(inner_->taken().size(), taken);
  auto again = SpoolSink::Open(inner_, {.directory = disk_.path() / "spool", .segment_bytes = 400'000});
  EVENTS_OK_OR_FAIL(again);
  EXPECT_THAT((*again)->status().damage, IsEmpty());
  EVENTS_OK_OR_FAIL((*again)->Emit(large_));
  EVENTS_OK_OR_FAIL((*again)->Flush(Soon()));
}

TEST_F(EventDiskTest, ASpoolOnAReadOnlyDiskIsRefused) {
  disk_.MakeReadOnly();
  EXPECT_EQ(FaultIn(SpoolSink::Open(inner_, {.directory = disk_.path() / "spool"})), SinkFault::kSpillFailed);
}

}  // namespace
}  // namespace jammi::events

int main(int argc, char** argv) {
  if (const std::string why_not = jammi::test::EnterMountNamespace(argv); !why_not.empty()) {
    fmt::print(stderr, "event_disk_test: {}\n", why_not);
    return 1;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
