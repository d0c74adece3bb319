// Dead letters and their replay: SNK-120 to 126, T92 to T99, and the golden files of the published family.
#include "jammi/events/dead_letter.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/log.h"
#include "base/sync_point.h"
#include "events/dead_letter_file.h"
#include "events/fake_clock.h"
#include "events/golden_support.h"
#include "events/scripted_sink.h"
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
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr UnixMicros kNow = 1'767'323'045'000'000;  // 2026-01-02T03:04:05Z

std::string LetterText(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}
void Put(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

// Names of the files in `folder`, but for the lock.
std::vector<std::string> Names(const fs::path& folder) {
  std::vector<std::string> names;
  if (!fs::exists(folder)) return names;
  for (const auto& each : fs::directory_iterator(folder)) {
    const std::string name = each.path().filename().string();
    if (name != ".replay.lock") names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

class DeadLetterTest : public testing::Test {
 protected:
  DeadLetterTest() { SetLog(LogLevel::kOff, LogFormat::kText); }
  ~DeadLetterTest() override {
    SetLog(LogLevel::kWarning, LogFormat::kText);
    ClearSyncPoints();
  }

  std::unique_ptr<DeadLetterSink> Open(DeadLetterOptions options = {}) {
    options.directory = folder_.path();
    options.min_free_bytes = 0;
    options.metrics = metrics_;
    auto sink = DeadLetterSink::Open(inner_, options, clock_);
    EXPECT_TRUE(sink) << sink.error().ToString();
    return std::move(*sink);
  }
  // Spills an event of that id, a millisecond after the one before.
  void Spill(const std::string& id) {
    inner_->Fail(SinkFault::kUnavailable);
    EXPECT_TRUE(Open()->Emit(EventNamed(id)));
    inner_ = std::make_shared<ScriptedSink>();
    clock_->Advance(std::chrono::milliseconds(1));
  }
  Result<ReplayReport> ReplayAll(ReplayOptions options = {}) {
    options.directory = folder_.path();
    options.metrics = metrics_;
    return Replay(*inner_, options, *clock_);
  }

  const TempDir folder_;
  std::shared_ptr<ScriptedSink> inner_ = std::make_shared<ScriptedSink>();
  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(kNow);
  std::shared_ptr<Metrics> metrics_ = std::make_shared<Metrics>();
};

// --- golden files

class DeadLetterGolden : public testing::TestWithParam<GoldenCase> {};
INSTANTIATE_TEST_SUITE_P(Cases, DeadLetterGolden, testing::ValuesIn(Golden("dlq_file")), test::CaseName);

// Ids that our reader refuses, the empty one and one with a NUL, were written by theirs.
Event Read(const std::string& json) {
  if (auto event = ParseEvent(json)) return *std::move(event);
  return {.id = nlohmann::json::parse(json).at("id").get<std::string>(), .source = "s", .type = "t"};
}

TEST_P(DeadLetterGolden, NameAndContentAgree) {
  const GoldenCase& golden = GetParam();
  SetLog(LogLevel::kOff, LogFormat::kText);
  const TempDir folder;
  const auto inner = std::make_shared<ScriptedSink>();
  inner->Script({Error(ErrorCode::kUnavailable, golden.Text("inner_error"))});
  auto sink = DeadLetterSink::Open(inner, {.directory = folder.path(), .min_free_bytes = 0},
                                   std::make_shared<ManualClock>(kNow));
  EVENTS_OK_OR_FAIL(sink);
  const Event event = Read(golden.Text("input"));
  EVENTS_OK_OR_FAIL((*sink)->Emit(event));
  const auto names = Names(folder.path());
  ASSERT_EQ(names.size(), 1U);
  if (golden.reference_fault) {
    // They lose an event with a long id; ours has a name of its own.
    EXPECT_EQ(golden.Text("outcome"), "inner_error");
    EXPECT_EQ(names[0].size(), std::string("1767323045000-.jsonl").size() + 200);
    return;
  }
  EXPECT_EQ(names[0], "1767323045000" + golden.Text("name_after_millis"));
  EXPECT_EQ(LetterText(folder / names[0]), golden.Text("content"));
  SetLog(LogLevel::kWarning, LogFormat::kText);
}

class DeadLetterConfigGolden : public testing::TestWithParam<GoldenCase> {};
INSTANTIATE_TEST_SUITE_P(Cases, DeadLetterConfigGolden, testing::ValuesIn(Golden("dlq_config")),
                         test::CaseName);

// T96: what the variable names is a folder that letters can be written to, or there is no wrapper. (That a
// variable is unset, or blank, is for the one who reads it.)
TEST_P(DeadLetterConfigGolden, TheSameFoldersWillDo) {
  const GoldenCase& golden = GetParam();
  if (!golden.Has("value") || golden.Text("value").find_first_not_of(' ') == std::string::npos) {
    EXPECT_FALSE(golden.members.at("wrapped").get<bool>());
    return;
  }
  const TempDir folder;
  Put(folder / "file (a plain file)", "");
  std::string path = golden.Text("value");
  path.replace(0, 3, folder.path().string());
  EXPECT_EQ(bool{CheckDeadLetterDirectory(path)}, golden.members.at("wrapped").get<bool>());
  EXPECT_THAT(Names(folder.path()), ElementsAre("file (a plain file)"));
}

// --- spilling

// T92, SNK-120
TEST_F(DeadLetterTest, T92AnEventThatFailsIsAFileAndCountsAsTaken) {
  const auto sink = Open();
  EVENTS_OK_OR_FAIL(sink->Emit(EventNamed("a")));
  EXPECT_THAT(Names(folder_.path()), IsEmpty());
  inner_->Fail(SinkFault::kAckTimeout);
  const Event event = EventNamed("b");
  EVENTS_OK_OR_FAIL(sink->Emit(event));
  EXPECT_THAT(Names(folder_.path()), ElementsAre("1767323045000-b.jsonl"));
  const fs::path path = folder_ / "1767323045000-b.jsonl";
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const auto read = ParseDeadLetter(LetterText(path));
  EVENTS_OK_OR_FAIL(read);
  EXPECT_EQ(Serialise(*read), Serialise(event));
  EXPECT_EQ(metrics_->spilled.value(), 1U);
  EXPECT_EQ(metrics_->dead_letter_files.value(), 1);
}

// SNK-120: the asynchronous form, and what is spilled when the sink below is closed in between.
TEST_F(DeadLetterTest, WithoutWaitingTheOutcomeIsTheSame) {
  const auto sink = Open();
  inner_->Hold();
  std::vector<bool> outcomes;
  const auto note = [&](const Result<void>& result) { outcomes.push_back(bool{result}); };
  inner_->Script({{}, SinkError(SinkFault::kRejected, "no"), SinkError(SinkFault::kInvalidEvent, "no")});
  for (const char* id : {"a", "b", "c", "d"}) sink->EmitAsync(EventNamed(id), note);
  EXPECT_THAT(outcomes, IsEmpty());
  EXPECT_EQ(sink->Flush(Deadline::Now()).error().code(), ErrorCode::kDeadlineExceeded);
  EVENTS_OK_OR_FAIL(sink->Close(Deadline::Now()));
  EXPECT_THAT(outcomes.size(), 4U);
  EXPECT_EQ(Names(folder_.path()).size(), 4U);  // closed: all of them, whatever they would have got
  EXPECT_EQ(FaultIn(sink->Emit(EventNamed("e"))), SinkFault::kClosed);
}

// Who sends must be able to say of each event whether a stream has it or a file.
TEST_F(DeadLetterTest, WhoWatchesIsToldBeforeTheOutcome) {
  std::vector<std::string> told;
  DeadLetterOptions options;
  options.on_spilled = [&](const Event& event, const fs::path& file) {
    told.push_back(event.id);
    EXPECT_TRUE(fs::exists(file)) << file;
  };
  const auto sink = Open(options);
  inner_->Fail(SinkFault::kUnavailable);
  sink->EmitAsync(EventNamed("a"), [&](const Result<void>& result) {
    EXPECT_TRUE(result);
    EXPECT_THAT(told, ElementsAre("a"));
  });
  EXPECT_TRUE(sink->Flush(Deadline::Never()));
  EXPECT_THAT(told, ElementsAre("a"));
}

// T93, SNK-121
TEST_F(DeadLetterTest, T93AnIdCannotLeaveTheFolder) {
  inner_->Fail(SinkFault::kUnavailable);
  EVENTS_OK_OR_FAIL(Open()->Emit(EventNamed("../../x y")));
  EXPECT_THAT(Names(folder_.path()), ElementsAre("1767323045000-.._.._x_y.jsonl"));
}

// T94, SNK-123: of 200 concurrent failures of one id the reference kept 13.
TEST_F(DeadLetterTest, T94OneIdInOneMillisecondIsManyFiles) {
  const auto sink = Open();
  inner_->Fail(SinkFault::kUnavailable, 40);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) EXPECT_TRUE(sink->Emit(EventNamed("same")));
    });
  }
  threads.clear();
  const auto names = Names(folder_.path());
  EXPECT_EQ(names.size(), 40U);
  EXPECT_THAT(names, ::testing::Contains("1767323045000-same.jsonl"));
  EXPECT_THAT(names, ::testing::Contains("1767323045000-same-39.jsonl"));
}

// SNK-123: ids that begin alike.
TEST_F(DeadLetterTest, LongIdsHaveNamesOfTheirOwn) {
  const std::string begin(300, 'x');
  EXPECT_EQ(DeadLetterName(5, begin, 0).size(), 2 + 200 + 6U);
  EXPECT_NE(DeadLetterName(5, begin + "a", 0), DeadLetterName(5, begin + "b", 0));
  EXPECT_EQ(DeadLetterName(5, std::string(200, 'x'), 0), "5-" + std::string(200, 'x') + ".jsonl");
}

// SNK-053, SNK-121
TEST_F(DeadLetterTest, TheErrorTextHoldsNoPassword) {
  inner_->Script({Error(ErrorCode::kUnavailable, "nats connect: nats://user:secret@h:4222 refused")});
  EVENTS_OK_OR_FAIL(Open()->Emit(EventNamed("a")));
  EXPECT_THAT(LetterText(folder_ / "1767323045000-a.jsonl"), Not(HasSubstr("secret")));
}

// SNK-124
TEST_F(DeadLetterTest, AnInvalidEventIsNotSpilledUnlessAskedFor) {
  inner_->Fail(SinkFault::kInvalidEvent, 2);
  EXPECT_EQ(FaultIn(Open()->Emit(EventNamed("a"))), SinkFault::kInvalidEvent);
  EXPECT_THAT(Names(folder_.path()), IsEmpty());
  inner_->Fail(SinkFault::kSignError);
  EVENTS_OK_OR_FAIL(Open({.spill_invalid = true})->Emit(EventNamed("a")));
  EXPECT_EQ(FaultIn(Open()->Emit(EventNamed("a"))), SinkFault::kSignError);
  EXPECT_EQ(Names(folder_.path()).size(), 1U);
}

// SNK-125: the error is that of the sink below, unchanged; what lies there stays.
TEST_F(DeadLetterTest, BeyondItsBoundsNothingIsSpilled) {
  inner_->Fail(SinkFault::kNoStream, 6);
  const auto few = Open({.max_files = 2});
  EVENTS_OK_OR_FAIL(few->Emit(EventNamed("a")));
  EVENTS_OK_OR_FAIL(few->Emit(EventNamed("b")));
  const auto refused = few->Emit(EventNamed("c"));
  EXPECT_EQ(FaultIn(refused), SinkFault::kNoStream);
  EXPECT_EQ(refused.error().message(), "scripted");
  fs::remove(folder_ / "1767323045000-a.jsonl");  // a replay may do that
  EVENTS_OK_OR_FAIL(few->Emit(EventNamed("d")));
  EXPECT_EQ(FaultIn(Open({.max_bytes = 100})->Emit(EventNamed("e"))), SinkFault::kNoStream);
  DeadLetterOptions no_room{.directory = folder_.path(), .min_free_bytes = UINT64_MAX / 2};
  auto sink = DeadLetterSink::Open(inner_, no_room, clock_);
  EVENTS_OK_OR_FAIL(sink);
  EXPECT_EQ(FaultIn((*sink)->Emit(EventNamed("f"))), SinkFault::kNoStream);
  EXPECT_EQ(Names(folder_.path()).size(), 2U);
}

TEST_F(DeadLetterTest, AStartSweepsWhatAKilledProgramLeftHalfWritten) {
  Put(folder_ / ".spill-4711-0", "{\"half");
  Put(folder_ / ".spill-beingwritten", "{\"half");
  const int writing = open((folder_ / ".spill-beingwritten").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(flock(writing, LOCK_EX | LOCK_NB), 0);
  EXPECT_NE(Open(), nullptr);
  EXPECT_THAT(Names(folder_.path()), ElementsAre(".spill-beingwritten"));
  close(writing);
}

TEST_F(DeadLetterTest, WhatIsBeingWrittenIsNotSweptByAnotherStart) {
  SetSyncPoint("events.dead_letter.written", [this] { Open(); });
  const auto sink = Open();
  inner_->Fail(SinkFault::kUnavailable);
  EVENTS_OK_OR_FAIL(sink->Emit(EventNamed("a")));
  ClearSyncPoints();
  EXPECT_EQ(Names(folder_.path()).size(), 1U);
}

// --- replay

// SNK-126, T107, SNK-152 c: in order, the same bytes, and the folder is empty afterwards.
TEST_F(DeadLetterTest, ReplaySendsTheSameBytesInOrder) {
  for (const char* id : {"b", "a", "c"}) Spill(id);
  Put(folder_ / ".hidden.jsonl", "no letter");
  Put(folder_ / "notes.txt", "no letter");
  std::vector<uint64_t> told;
  const auto report =
      ReplayAll({.progress = [&](const ReplayProgress& progress) { told.push_back(progress.sent); }});
  EVENTS_OK_OR_FAIL(report);
  EXPECT_THAT(inner_->taken(), ElementsAre("b", "a", "c"));
  EXPECT_EQ(inner_->payloads()[0], Serialise(EventNamed("b")));
  EXPECT_EQ(report->done.sent, 3U);
  EXPECT_EQ(report->left, 0U);
  EXPECT_FALSE(report->stopped);
  EXPECT_THAT(told, ElementsAre(1U, 2U, 3U));
  EXPECT_THAT(Names(folder_.path()), ElementsAre(".hidden.jsonl", "notes.txt"));
  EXPECT_EQ(metrics_->replayed.value(), 3U);
}

// SNK-126: files of the published family.
TEST_F(DeadLetterTest, ReplayReadsTheGoldenFiles) {
  size_t written = 0;
  for (const GoldenCase& golden : Golden("dlq_file")) {
    if (!golden.Has("content") || golden.Text("input").find("\"id\":\"\"") != std::string::npos) continue;
    Put(folder_ / ("1767323044" + std::to_string(100 + written) + golden.Text("name_after_millis")),
        golden.Text("content"));
    ++written;
  }
  const auto report = ReplayAll();
  EVENTS_OK_OR_FAIL(report);
  EXPECT_GE(written, 14U);
  // One of them has an id with a NUL in it: CloudEvents forbids that, and it is put aside.
  EXPECT_EQ(report->done.sent, written - 1);
  EXPECT_EQ(report->done.quarantined, 1U);
}

// T97
TEST_F(DeadLetterTest, T97ReplayStopsAtATransientError) {
  for (const char* id : {"a", "b", "c"}) Spill(id);
  inner_->Script({{}, SinkError(SinkFault::kUnavailable, "away")});
  const auto report = ReplayAll();
  EVENTS_OK_OR_FAIL(report);
  EXPECT_EQ(report->done.sent, 1U);
  EXPECT_EQ(report->left, 2U);
  ASSERT_TRUE(report->stopped);
  EXPECT_EQ(report->stopped->message(), "away");
  EXPECT_THAT(Names(folder_.path()), ElementsAre("1767323045001-b.jsonl", "1767323045002-c.jsonl"));
}

// T98
TEST_F(DeadLetterTest, T98WhatCanNeverPassGoesToQuarantine) {
  for (const char* id : {"a", "b"}) Spill(id);
  Put(folder_ / "1-bad.jsonl", "{\"error\":\"x\",\"event\":");
  Put(folder_ / "2-none.jsonl", "{\"error\":\"x\"}");
  Put(folder_ / "3-plain.jsonl", Serialise(EventNamed("plain")));
  inner_->Fail(SinkFault::kRejected);
  const auto report = ReplayAll();
  EVENTS_OK_OR_FAIL(report);
  EXPECT_THAT(inner_->taken(), ElementsAre("b"));
  EXPECT_EQ(report->done.quarantined, 4U);
  EXPECT_THAT(Names(folder_.path()), ElementsAre("quarantine"));
  EXPECT_THAT(Names(folder_ / "quarantine"),
              ElementsAre("1-bad.jsonl", "1767323045000-a.jsonl", "2-none.jsonl", "3-plain.jsonl"));
}

// T99: killed between the send and the removal.
TEST_F(DeadLetterTest, T99AnEventThatWasSentAndNotRemovedIsSentAgain) {
  Spill("a");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    SetSyncPoint("events.replay.sent", [] { _exit(7); });
    IgnoreError(ReplayAll(), "it does not come back");
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(WEXITSTATUS(status), 7);
  EVENTS_OK_OR_FAIL(ReplayAll());
  EXPECT_THAT(inner_->taken(), ElementsAre("a"));
  EXPECT_THAT(Names(folder_.path()), IsEmpty());
}

// SNK-126: one replayer at a time.
TEST_F(DeadLetterTest, ASecondReplayIsRefused) {
  Spill("a");
  std::optional<Result<ReplayReport>> second;
  const auto first = ReplayAll({.progress = [&](const ReplayProgress&) { second = ReplayAll(); }});
  EVENTS_OK_OR_FAIL(first);
  ASSERT_TRUE(second);
  EXPECT_EQ(FaultIn(*second), SinkFault::kSpillFailed);
  EXPECT_THAT(second->error().message(), HasSubstr("in use"));
}

// SNK-126: the options.
TEST_F(DeadLetterTest, ReplayTakesSoManyOfThatAgeAtThatRate) {
  for (const char* id : {"a", "b", "c", "d"}) Spill(id);
  const auto dry = ReplayAll({.dry_run = true});
  EVENTS_OK_OR_FAIL(dry);
  EXPECT_EQ(dry->done.sent, 4U);
  EXPECT_THAT(inner_->taken(), IsEmpty());
  EXPECT_EQ(Names(folder_.path()).size(), 4U);

  // Now is 4 ms after the first.
  const auto pauses = std::make_shared<test::FakeClock>();
  const auto old =
      ReplayAll({.events_per_second = 10, .older_than = std::chrono::milliseconds(2), .pauses = pauses});
  EVENTS_OK_OR_FAIL(old);
  EXPECT_THAT(inner_->taken(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(pauses->elapsed(), std::chrono::milliseconds(200));

  Spill("e");
  const auto one = ReplayAll({.max_events = 1});
  EVENTS_OK_OR_FAIL(one);
  EXPECT_THAT(inner_->taken(), ElementsAre("d"));
  EXPECT_EQ(one->left, 1U);
  std::stop_source stop;
  stop.request_stop();
  EVENTS_OK_OR_FAIL(ReplayAll({.stop = stop.get_token()}));
  EXPECT_EQ(Names(folder_.path()).size(), 1U);
}

}  // namespace
}  // namespace jammi::events
