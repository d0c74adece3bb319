#include "crash/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <latch>
#include <mutex>
#include <thread>
#include <utility>

#include "support/random.h"

namespace jammi::test {
namespace {

using Kind = LedgerEntry::Kind;

constexpr int kNewTopics = 2;       // before the publishers start
constexpr int kLateTopics = 2;      // beside them
constexpr int kModelsPerTopic = 3;  // beside each late topic
constexpr int kBurst = 8;
constexpr int kOnceEvery = 3;  // steps
constexpr int kAttempts = 3;
constexpr size_t kMaxOncePayload = 2000;  // of the name alone: every run has the same bytes
constexpr const char* kOnceTopic = "once";

class Workload {
 public:
  Workload(System& system, Ledger& ledger, const WorkloadOptions& options)
      : system_(system),
        ledger_(ledger),
        options_(options),
        topics_(options.topics.begin(), options.topics.end()) {}

  std::vector<Error> Run() {
    for (int i = 0; i < kNewTopics; ++i) RegisterTopic(fmt::format("{}-t{}", options_.name, i));
    if (!options_.once.empty() && !options_.topics.contains(kOnceTopic)) RegisterTopic(kOnceTopic);
    Random random(options_.seed);
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < options_.publishers; ++i) {
        threads.emplace_back([this, i, seed = random.Next()] { PublishFrom(i, Random(seed)); });
      }
      threads.emplace_back([this] { RegisterBeside(); });
    }
    return std::move(errors_);
  }

 private:
  void RegisterTopic(const std::string& name) {
    const LedgerEntry entry{.kind = Kind::kTopic, .topic = name};
    ledger_.Ask(entry);
    if (const auto registered = system_.RegisterTopic(name); !registered) return Failed(registered.error());
    ledger_.Acknowledge(entry);
    std::lock_guard lock(mutex_);
    topics_.push_back(name);
  }

  void RegisterBeside() {
    for (int i = 0; i < kLateTopics; ++i) {
      RegisterTopic(fmt::format("{}-late{}", options_.name, i));
      for (int j = 0; j < kModelsPerTopic; ++j) {
        const LedgerEntry entry{.kind = Kind::kModel, .key = fmt::format("{}-m{}{}", options_.name, i, j)};
        ledger_.Ask(entry);
        if (const auto registered = system_.RegisterModel(entry.key); !registered)
          return Failed(registered.error());
        ledger_.Acknowledge(entry);
      }
    }
  }

  void PublishFrom(int thread, Random random) {
    for (int step = 0; step < options_.steps; ++step) {
      const std::string name = fmt::format("{}-p{}-{}", options_.name, thread, step);
      if (!options_.once.empty() && step % kOnceEvery == 0) PublishOnce(thread, step);
      if (random.Percent(25)) {
        PublishBurst(name, random);
      } else {
        PublishOne(name, random);
      }
    }
  }

  LedgerEntry NextEvent(const std::string& name, Random& random) {
    std::lock_guard lock(mutex_);
    if (topics_.empty()) return {};
    return {.kind = Kind::kEvent,
            .topic = topics_[random.Below(topics_.size())],
            .key = MakeKey(name, random.Below(options_.max_payload + 1))};
  }

  void PublishOne(const std::string& name, Random& random) {
    LedgerEntry entry = NextEvent(name, random);
    if (entry.topic.empty()) return;  // none could be registered
    ledger_.Ask(entry);
    const Result<uint64_t> offset = system_.Publish(entry.topic, PayloadOf(entry.key), Deadline::Never());
    if (!offset) return Failed(offset.error());
    entry.offset = *offset;
    ledger_.Acknowledge(entry);
  }

  // What an earlier run of the same name has published, acknowledged or not, is there already.
  void PublishOnce(int thread, int step) {
    if (!Knows(kOnceTopic)) return;
    const std::string name = fmt::format("{}-p{}-{}", options_.once, thread, step);
    const EventPair pair = MakePair(name, std::hash<std::string>{}(name) % kMaxOncePayload);
    LedgerEntry first{.kind = Kind::kOnce, .topic = kOnceTopic, .key = pair.first};
    LedgerEntry second{.kind = Kind::kOnce, .topic = kOnceTopic, .key = pair.second};
    ledger_.Ask(first);
    ledger_.Ask(second);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const auto offset =
          system_.PublishOnce(kOnceTopic, {PayloadOf(pair.first), PayloadOf(pair.second)}, name);
      if (!offset) {
        Failed(offset.error());
        continue;
      }
      first.offset = *offset;
      second.offset = *offset + 1;
      ledger_.Acknowledge(first);
      ledger_.Acknowledge(second);
      if (step % 2 == 0) return;  // else it is repeated though it has succeeded
    }
  }

  bool Knows(const std::string& topic) {
    const std::lock_guard lock(mutex_);
    return std::ranges::find(topics_, topic) != topics_.end();
  }

  void PublishBurst(const std::string& name, Random& random) {
    std::latch answered(kBurst);
    for (int i = 0; i < kBurst; ++i) {
      LedgerEntry entry = NextEvent(fmt::format("{}.{}", name, i), random);
      if (entry.topic.empty()) {
        answered.count_down();
        continue;
      }
      ledger_.Ask(entry);
      const std::string topic = entry.topic, payload = PayloadOf(entry.key);
      system_.PublishAsync(topic, payload, [this, &answered, entry](Result<uint64_t> offset) mutable {
        if (offset) {
          entry.offset = *offset;
          ledger_.Acknowledge(entry);
        } else {
          Failed(offset.error());
        }
        answered.count_down();
      });
    }
    answered.wait();
  }

  void Failed(const Error& error) {
    std::lock_guard lock(mutex_);
    errors_.push_back(error);
  }

  System& system_;
  Ledger& ledger_;
  const WorkloadOptions& options_;
  std::mutex mutex_;
  std::vector<std::string> topics_;
  std::vector<Error> errors_;
};

}  // namespace

std::vector<Error> RunWorkload(System& system, Ledger& ledger, const WorkloadOptions& options) {
  return Workload(system, ledger, options).Run();
}

}  // namespace jammi::test
