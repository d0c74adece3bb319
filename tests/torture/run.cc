#include "torture/run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>

#include "torture/checker.h"

namespace jammi::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLongestStorm{6000};
constexpr milliseconds kBetweenFaults{600};
constexpr int kDrips = 6;
constexpr size_t kMostToTell = 40;

class Runner {
 public:
  Runner(const RunOptions& options, Company& company, Storm& storm, Control& control)
      : options_(options), company_(company), storm_(storm), control_(control), random_(options.seed + 1) {}

  Verdict Run() {
    for (size_t part = 0; part < company_.size(); ++part) company_.Start(part);
    const auto end = std::chrono::steady_clock::now() + seconds(options_.seconds);
    do {
      Round();
    } while (verdict_.problems.empty() && std::chrono::steady_clock::now() < end);
    for (size_t part = 0; part < company_.size(); ++part) company_.Dismiss(part, seconds(options_.patience));
    control_->clock_offset_us = 0;
    JudgeAll();
    verdict_.story = storm_.story();
    return std::move(verdict_);
  }

 private:
  void Round() {
    control_->round = ++round_;
    storm_.Rage(milliseconds(1000 + random_.Below(kLongestStorm.count() - 1000)), kBetweenFaults, [this] {
      company_.LookAfter();
      return company_.broken();
    });
    ++storms_;
    Calm();
    for (int i = 0; i < kDrips && verdict_.problems.empty(); ++i) {
      control_->round = ++round_;
      std::this_thread::sleep_for(milliseconds(random_.Below(60)));
      Calm();
    }
  }

  // The last publishes fall into the end of the faults.
  void Calm() {
    if (!options_.parting.empty() && random_.Percent(30)) {
      storm_.EndAll();
      storm_.Strike(options_.parting);
      std::this_thread::sleep_for(milliseconds(random_.Below(100)));
    }
    control_->round = ++round_;
    std::this_thread::sleep_for(milliseconds(random_.Below(30)));
    storm_.EndAll();
    for (size_t part = 0; part < company_.size(); ++part) company_.Start(part);
    for (const std::string& missing : company_.AwaitCalm(round_, seconds(options_.patience))) {
      verdict_.problems.push_back(fmt::format("{} s after all was mended: {}", options_.patience, missing));
    }
    if (company_.broken()) verdict_.problems.emplace_back("a process has seen a promise broken");
  }

  void JudgeAll() {
    History reading;
    std::vector<CursorOrder> readers;
    for (const PlannedTopic& topic : kTopics) {
      for (const Who who : MembersOf(topic.owner)) {
        readers.push_back({.cursor = fmt::format("log-{}-{}", topic.name, who),
                           .topic = std::string(topic.name),
                           .who = who});
      }
    }
    company_.RunAside("read", readers, options_.place, &reading);
    Assembled assembled = AssembleLog(reading.attachments);
    const auto whole = [](const Attachment& each) { return !each.evicted_to; };
    if (std::cmp_not_equal(std::ranges::count_if(reading.attachments, whole), readers.size()))
      assembled.problems.emplace_back("the log cannot be read");
    Take(std::move(reading.broken));
    Take(std::move(assembled.problems));
    Take(Judge(company_.history(), assembled.log, assembled.low_water));
    Figure(assembled.log);
  }

  void Take(std::vector<std::string> problems) {
    std::ranges::move(problems, std::back_inserter(verdict_.problems));
  }

  void Figure(const Log& log) {
    const History& history = company_.history();
    uint64_t logged = 0, delivered = 0, named = 0, ended = 0;
    std::map<Attempt::Answer, uint64_t> answers;
    for (const auto& [topic, events] : log) {
      logged += static_cast<uint64_t>(
          std::ranges::count_if(events, [](const auto& each) { return !each.key.empty(); }));
    }
    for (const Attempt& attempt : history.attempts) answers[attempt.answer] += attempt.keys.size();
    for (const Attachment& attachment : history.attachments) {
      delivered += attachment.got.size();
      if (attachment.named) named += attachment.got.size();
      ended += attachment.ended ? 1 : 0;
    }
    verdict_.figures = fmt::format(
        "{} faults in {} storms ({})\n"
        "{} events acknowledged, {} refused, {} of unknown outcome, {} without an answer; {} in the log\n"
        "{} deliveries ({} of them to named consumers) to {} attachments, {} of which ended in good order\n"
        "errors that the faults explain: {}\n",
        storm_.count(), storms_, Named(storm_.counts()), answers[Attempt::Answer::kAcknowledged],
        answers[Attempt::Answer::kRefused], answers[Attempt::Answer::kUnknown],
        answers[Attempt::Answer::kNone], logged, delivered, named, history.attachments.size(), ended,
        Named(history.events));
  }

  static std::string Named(const std::map<std::string, uint64_t>& counts) {
    std::vector<std::string> words;
    for (const auto& [name, count] : counts) words.push_back(fmt::format("{} {}", count, name));
    return words.empty() ? "none" : fmt::format("{}", fmt::join(words, ", "));
  }

  const RunOptions& options_;
  Company& company_;
  Storm& storm_;
  Control& control_;
  Random random_;
  uint64_t round_ = 1;
  uint64_t storms_ = 0;
  Verdict verdict_;
};

}  // namespace

RunOptions FromTheEnvironment(RunOptions options) {
  options.seed = FromEnvironment("JAMMI_TORTURE_SEED", options.seed);
  options.seconds = FromEnvironment("JAMMI_TORTURE_SECONDS", options.seconds);
  options.patience = FromEnvironment("JAMMI_TORTURE_PATIENCE", options.patience);
  return options;
}

void AddProcessFaults(Storm& storm, Company& company) {
  const auto pick = [&company](Random& random) { return random.Below(company.size()); };
  const auto killed = std::make_shared<size_t>();
  storm.Add({.name = "kill -9",
             .weight = 5,
             .begin =
                 [=, &company](Random& random) {
                   *killed = pick(random);
                   company.Kill(*killed);
                   return company.name(*killed);
                 },
             .end = [=, &company] { company.Start(*killed); },
             .longest = milliseconds(1500)});
  const auto stopped = std::make_shared<size_t>();
  storm.Add({.name = "suspended",
             .weight = 4,
             .begin =
                 [=, &company](Random& random) {
                   *stopped = pick(random);
                   if (!company.running(*stopped)) return std::string();
                   company.Suspend(*stopped);
                   return company.name(*stopped);
                 },
             .end = [=, &company] { company.Resume(*stopped); },
             .longest = milliseconds(2500)});
}

void AddClockFault(Storm& storm, Control& control) {
  storm.Add({.name = "wall clock moved", .weight = 2, .begin = [&control](Random& random) {
               constexpr int64_t kThreeDays = int64_t{3} * 24 * 3600 * 1'000'000;
               const int64_t most = random.Percent(50) ? kThreeDays : 5'000'000;
               control->clock_offset_us =
                   static_cast<int64_t>(random.Below(static_cast<uint64_t>(2 * most))) - most;
               return fmt::format("by {:.3f} s", static_cast<double>(control->clock_offset_us) / 1e6);
             }});
}

Verdict RunTorture(const RunOptions& options, Company& company, Storm& storm, Control& control) {
  return Runner(options, company, storm, control).Run();
}

void Report(const RunOptions& options, const Verdict& verdict) {
  fmt::print("{}, {}:\n{}{} problems\n", options.title, Replay("JAMMI_TORTURE_SEED", options.seed),
             verdict.figures, verdict.problems.size());
  for (size_t i = 0; i < std::min(verdict.problems.size(), kMostToTell); ++i) {
    ADD_FAILURE() << verdict.problems[i];
  }
  if (verdict.problems.empty()) return;
  const size_t from = verdict.story.size() > kMostToTell ? verdict.story.size() - kMostToTell : 0;
  for (size_t i = from; i < verdict.story.size(); ++i) fmt::print("  {}\n", verdict.story[i]);
}

}  // namespace jammi::test
