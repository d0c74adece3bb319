// The file system says no, at each operation in turn, while an engine opens, migrates, registers,
// publishes, checkpoints and closes. Then:
// * nothing acknowledged is lost, and what was refused is not there (only kOutcomeUnknown leaves it open);
// * the error says what it was: full or I/O, and whether a retry helps;
// * when the fault is gone the engine works again: as it is, or opened again if it could not be opened.
//
//   JAMMI_FAULT_AT=17   only the fault at this operation
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <latch>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "crash/ledger.h"
#include "crash/system.h"
#include "crash/verdict.h"
#include "jammi/error.h"
#include "support/fault_vfs.h"
#include "support/random.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

using ::testing::IsEmpty;
using Kind = LedgerEntry::Kind;

constexpr int kBurst = 4;

// A sanitizer takes one operation in so many.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kStride = 11;
#else
constexpr uint64_t kStride = 1;
#endif

// One engine on one faulty disk, and what it answered.
class Scenario {
 public:
  Scenario(const std::string& path, const DiskImage& disk, const Contents& contents)
      : path_(path), vfs_(disk) {
    BeginWith(contents, ledger_);
  }

  FaultVfs& vfs() { return vfs_; }
  [[nodiscard]] const std::vector<Error>& errors() const { return errors_; }
  [[nodiscard]] bool is_open() const { return system_ != nullptr; }

  void Open() {
    auto system = System::Open({.path = path_, .vfs = vfs_.name()});
    if (system) {
      system_ = std::move(*system);
    } else {
      errors_.push_back(system.error());
    }
  }

  // Registers a topic and a model and publishes to the topic: one event, a large one, a pair under a producer
  // key, a burst.
  void Work(const std::string& name) {
    const LedgerEntry topic{.kind = Kind::kTopic, .topic = name};
    const LedgerEntry model{.kind = Kind::kModel, .key = name};
    Call(model, system_->RegisterModel(name));
    if (!Call(topic, system_->RegisterTopic(name))) return;
    Publish(name, MakeKey(name + "-small", 100));
    Publish(name, MakeKey(name + "-large", 30'000));
    pairs_.push_back(name);
    PublishOnce(name);
    PublishBurst(name);
  }

  // Publishes every pair once more, answered or not; false when that fails.
  bool RepeatPairs() {
    return std::ranges::all_of(pairs_, [this](const std::string& topic) { return PublishOnce(topic); });
  }

  // Calls until the engine answers again: after an error in COMMIT it refuses work until it has opened its
  // file anew, which it does by itself. False: it did not, or gave another reason.
  bool AwaitService() {
    const auto patience = Deadline::After(std::chrono::seconds(30));
    for (int i = 0; !patience.Passed(); ++i) {
      const LedgerEntry probe{.kind = Kind::kModel, .key = fmt::format("probe{}", i)};
      ledger_.Ask(probe);
      const auto registered = system_->RegisterModel(probe.key);
      if (registered) {
        ledger_.Acknowledge(probe);
        return true;
      }
      if (registered.error().code() != ErrorCode::kUnavailable) return false;
      std::this_thread::yield();
    }
    return false;
  }

  void Close() {
    system_->Close();
    system_.reset();
  }

  // Opens what is on `disk`, without faults, and judges it: under another name, since the engine may be
  // open still and hold its lock.
  void Judge(const DiskImage& disk, const std::string& when) {
    DiskImage moved;
    for (const auto& [path, bytes] : disk) moved[path_ + "-judged" + path.substr(path_.size())] = bytes;
    FaultVfs vfs(moved);
    const auto system = System::Open({.path = path_ + "-judged", .vfs = vfs.name()});
    ASSERT_TRUE(system) << when << ": " << system.error().ToString();
    const auto contents = (*system)->ReadAll();
    ASSERT_TRUE(contents) << when << ": " << contents.error().ToString();
    EXPECT_THAT(test::Judge(*contents, ledger_.entries(), ledger_.length()), IsEmpty()) << when;
    for (const LedgerEntry& entry : refused_) {
      EXPECT_FALSE(Holds(*contents, entry))
          << when << ": refused, and there: " << entry.topic << " " << entry.key;
    }
  }

 private:
  // Enters the outcome of a call.
  bool Call(LedgerEntry entry, const Result<void>& result) {
    ledger_.Ask(entry);
    if (result) {
      ledger_.Acknowledge(std::move(entry));
      return true;
    }
    errors_.push_back(result.error());
    if (result.error().code() != ErrorCode::kOutcomeUnknown) refused_.push_back(std::move(entry));
    return false;
  }

  void Publish(const std::string& topic, const std::string& key) {
    Answered({.kind = Kind::kEvent, .topic = topic, .key = key},
             system_->Publish(topic, PayloadOf(key), Deadline::Never()));
  }

  bool PublishOnce(const std::string& topic) {
    const EventPair pair = MakePair(topic, 3000);
    LedgerEntry first{.kind = Kind::kOnce, .topic = topic, .key = pair.first};
    LedgerEntry second{.kind = Kind::kOnce, .topic = topic, .key = pair.second};
    ledger_.Ask(first);
    ledger_.Ask(second);
    const auto offset = system_->PublishOnce(topic, {PayloadOf(pair.first), PayloadOf(pair.second)}, topic);
    if (!offset) {
      errors_.push_back(offset.error());
      return false;
    }
    first.offset = *offset;
    second.offset = *offset + 1;
    ledger_.Acknowledge(std::move(first));
    ledger_.Acknowledge(std::move(second));
    return true;
  }

  void Answered(LedgerEntry entry, const Result<uint64_t>& offset) {
    if (offset) entry.offset = *offset;
    Call(std::move(entry), offset ? Result<void>() : Result<void>(offset.error()));
  }

  void PublishBurst(const std::string& topic) {
    std::vector<std::optional<Result<uint64_t>>> answers(kBurst);
    std::latch answered(kBurst);
    std::vector<std::string> keys;
    for (int i = 0; i < kBurst; ++i) {
      keys.push_back(MakeKey(fmt::format("{}-burst{}", topic, i), 500));
      system_->PublishAsync(topic, PayloadOf(keys.back()), [&, i](Result<uint64_t> offset) {
        answers[static_cast<size_t>(i)] = std::move(offset);
        answered.count_down();
      });
    }
    answered.wait();
    for (size_t i = 0; i < kBurst; ++i)
      Answered({.kind = Kind::kEvent, .topic = topic, .key = keys[i]}, *answers[i]);
  }

  static bool Holds(const Contents& contents, const LedgerEntry& entry) {
    if (entry.kind == Kind::kModel) return contents.models.contains(entry.key);
    const auto topic = contents.topics.find(entry.topic);
    if (topic == contents.topics.end()) return false;
    if (entry.kind == Kind::kTopic) return true;
    return std::ranges::any_of(topic->second,
                               [&](const std::string& bytes) { return KeyOf(bytes) == entry.key; });
  }

  const std::string path_;
  FaultVfs vfs_;
  Ledger ledger_;
  std::vector<LedgerEntry> refused_;
  std::vector<std::string> pairs_;  // topics to which one was published, or may have been
  std::vector<Error> errors_;
  std::unique_ptr<System> system_;
};

// After a sync that failed, the page cache holds bytes that it takes for written and the disk may lack. An
// engine that is opened on them sees a whole transaction in the log; what it then commits must not depend
// on it.
TEST(FailedSync, IsNotBuiltUponByTheNextEngine) {
  SetLog(LogLevel::kOff, LogFormat::kText);
  const TempDir directory(TempDir::On::kMemory);
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Scenario scenario(directory / "catalog.db", {}, {});
    scenario.Open();
    ASSERT_TRUE(scenario.is_open());
    scenario.Work("before");
    ASSERT_THAT(scenario.errors(), IsEmpty());
    scenario.vfs().Inject({.ops = {DiskOp::kSync}, .lasting = true, .seed = seed});
    scenario.Work("during");
    EXPECT_EQ(scenario.errors().front().code(), ErrorCode::kOutcomeUnknown);
    scenario.Close();
    scenario.vfs().Heal();
    scenario.Open();
    ASSERT_TRUE(scenario.is_open());
    scenario.Work("after");
    scenario.Judge(scenario.vfs().AfterPowerLoss(seed), "power loss in the next engine");
    scenario.Close();
  }
}

struct FaultCase {
  std::string name;
  DiskFault::Kind kind;
  bool lasting;          // until all work has been tried; else once
  bool closing = false;  // lasting faults stay until the engine has closed

  friend void PrintTo(const FaultCase& fault, std::ostream* out) { *out << fault.name; }
};

class FaultTest : public ::testing::TestWithParam<FaultCase> {
 protected:
  FaultTest() { SetLog(LogLevel::kOff, LogFormat::kText); }  // it says a lot, and rightly so

  // A full disk and one that fails are told apart, and each says whose fault it is.
  void ExpectHonest(const Error& error) {
    const auto* detail = error.As<BackendDetail>();
    ASSERT_NE(detail, nullptr) << error.ToString();
    if (GetParam().kind == DiskFault::Kind::kFull) {
      EXPECT_EQ(ToString(error.code()), ToString(ErrorCode::kResourceExhausted)) << error.ToString();
      EXPECT_EQ(ToString(detail->fault), ToString(BackendFault::kFull)) << error.ToString();
    } else if (error.code() != ErrorCode::kOutcomeUnknown) {
      EXPECT_EQ(ToString(error.code()), ToString(ErrorCode::kUnavailable)) << error.ToString();
      EXPECT_TRUE(detail->fault == BackendFault::kIo || detail->fault == BackendFault::kConnection)
          << error.ToString();
    }
  }

  // Returns false when the whole scenario ran without meeting the fault.
  bool FailAt(uint64_t nth, const DiskImage& disk, const Contents& contents) {
    const FaultCase& fault = GetParam();
    Scenario scenario(path_, disk, contents);
    scenario.vfs().Inject({.kind = fault.kind, .nth = nth, .lasting = fault.lasting, .seed = nth});
    scenario.Open();
    if (scenario.is_open()) scenario.Work("during");
    if (fault.closing && scenario.is_open()) scenario.Close();
    const bool fired = scenario.vfs().faults_fired() > 0;
    for (const Error& error : scenario.errors()) ExpectHonest(error);
    EXPECT_TRUE(fired || scenario.errors().empty());
    scenario.Judge(scenario.vfs().AfterPowerLoss(nth), "power loss under the fault");

    scenario.vfs().Heal();
    if (!scenario.is_open()) scenario.Open();
    const size_t errors_before = scenario.errors().size();
    if (!scenario.is_open()) {
      ADD_FAILURE() << "cannot be opened when the fault is gone: " << scenario.errors().back().ToString();
      return fired;
    }
    EXPECT_TRUE(scenario.AwaitService());
    EXPECT_TRUE(scenario.RepeatPairs());
    scenario.Work("after");
    EXPECT_EQ(scenario.errors().size(), errors_before)
        << "does not work when the fault is gone: " << scenario.errors().back().ToString();
    scenario.Judge(scenario.vfs().AfterPowerLoss(nth + 1), "power loss after the fault");
    scenario.Close();
    return fired;
  }

  void FailEach(const DiskImage& disk, const Contents& contents) {
    const uint64_t only = FromEnvironment("JAMMI_FAULT_AT", 0);
    uint64_t nth = only != 0 ? only : 1;
    for (;; nth += kStride) {
      SCOPED_TRACE(Replay("JAMMI_FAULT_AT", nth));
      ASSERT_LT(nth, 5'000u) << "the scenario never ends";
      const bool fired = FailAt(nth, disk, contents);
      if (!fired || only != 0 || HasFailure()) break;
    }
    EXPECT_GT(nth, only != 0 ? 0 : 20u);
    fmt::print("{}: {} operations, {} of them failed in turn\n", GetParam().name, nth - 1,
               (nth - 1) / kStride);
  }

  const TempDir directory_{TempDir::On::kMemory};  // for the lock file, which is a real one
  const std::string path_ = directory_ / "catalog.db";
};

TEST_P(FaultTest, WhileCreated) { FailEach({}, {}); }

// The database exists and has something to recover: it was killed.
TEST_P(FaultTest, WhileRecovered) {
  DiskImage disk;
  Contents contents;
  {
    Scenario scenario(path_, {}, {});
    scenario.Open();
    ASSERT_TRUE(scenario.is_open());
    scenario.Work("before");
    ASSERT_THAT(scenario.errors(), IsEmpty());
    disk = scenario.vfs().AfterKill();
    scenario.Close();
  }
  {
    FaultVfs vfs(disk);
    const auto system = System::Open({.path = path_, .vfs = vfs.name()});
    ASSERT_TRUE(system) << system.error().ToString();
    auto read = (*system)->ReadAll();
    ASSERT_TRUE(read) << read.error().ToString();
    contents = std::move(*read);
    EXPECT_EQ(contents.topics.at("before").size(), 4u + kBurst);
  }
  FailEach(disk, contents);
}

INSTANTIATE_TEST_SUITE_P(
    Disk, FaultTest,
    ::testing::Values(FaultCase{"IoErrorOnce", DiskFault::Kind::kIo, false},
                      FaultCase{"IoErrorUntilTheWorkIsDone", DiskFault::Kind::kIo, true},
                      FaultCase{"IoErrorUntilItIsClosed", DiskFault::Kind::kIo, true, true},
                      FaultCase{"FullOnce", DiskFault::Kind::kFull, false},
                      FaultCase{"FullUntilTheWorkIsDone", DiskFault::Kind::kFull, true},
                      FaultCase{"FullUntilItIsClosed", DiskFault::Kind::kFull, true, true}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace jammi::test
