#include "crash/verdict.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

namespace jammi::test {
namespace {

using Kind = LedgerEntry::Kind;

struct Claims {
  std::set<std::string> topics, models;
  std::set<std::pair<std::string, std::string>> events;  // topic, key
};

class Judgement {
 public:
  Judgement(const Contents& contents, const std::vector<LedgerEntry>& entries, size_t acknowledged_until)
      : contents_(contents) {
    for (const LedgerEntry& entry : entries) Collect(entry);
    for (const auto& [topic, payloads] : contents.topics) JudgeTopic(topic, payloads);
    for (const std::string& model : contents.models) {
      if (!asked_.models.contains(model)) Blame("model {} was never registered", model);
    }
    for (size_t i = 0; i < acknowledged_until; ++i) {
      if (entries[i].acknowledged) JudgeAcknowledged(entries[i]);
    }
  }

  std::vector<std::string> Take() && { return std::move(problems_); }

 private:
  template <class... Args>
  void Blame(fmt::format_string<Args...> format, Args&&... args) {
    problems_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void Collect(const LedgerEntry& entry) {
    if (entry.kind == Kind::kTopic) asked_.topics.insert(entry.topic);
    if (entry.kind == Kind::kModel) asked_.models.insert(entry.key);
    if (entry.kind != Kind::kEvent && entry.kind != Kind::kOnce) return;
    asked_.events.emplace(entry.topic, entry.key);
    if (entry.acknowledged) CollectAcknowledged(entry);
  }

  void CollectAcknowledged(const LedgerEntry& entry) {
    const auto [at, is_new] = acknowledged_.try_emplace({entry.topic, entry.key}, entry.offset);
    if (entry.kind == Kind::kOnce && !is_new) {
      if (at->second != entry.offset)
        Blame("event {} was acknowledged at {} and at {}", entry.key, at->second, entry.offset);
      return;
    }
    if (!taken_.emplace(entry.topic, entry.offset).second)
      Blame("offset {} of {} was acknowledged twice", entry.offset, entry.topic);
    if (!is_new) Blame("event {} was acknowledged twice", entry.key);
  }

  void JudgeTopic(const std::string& topic, const std::vector<std::string>& payloads) {
    if (!asked_.topics.contains(topic)) Blame("topic {} was never registered", topic);
    std::set<std::string> seen;
    for (size_t offset = 0; offset < payloads.size(); ++offset) {
      const std::string key = KeyOf(payloads[offset]);
      if (key.empty()) {
        Blame("{} at {}: bytes that nobody published ({})", topic, offset, payloads[offset].size());
      } else if (!asked_.events.contains({topic, key})) {
        Blame("{} at {}: event {} was never published", topic, offset, key);
      } else if (!seen.insert(key).second) {
        Blame("{} at {}: event {} for the second time", topic, offset, key);
      } else if (const std::string other = OtherHalf(key); !other.empty()) {
        const size_t expected = IsFirstHalf(key) ? offset + 1 : offset - 1;
        if (expected >= payloads.size() || KeyOf(payloads[expected]) != other)
          Blame("{} at {}: event {} without its other half", topic, offset, key);
      }
    }
  }

  void JudgeAcknowledged(const LedgerEntry& entry) {
    if (entry.kind == Kind::kModel) {
      if (!contents_.models.contains(entry.key)) Blame("model {} is lost", entry.key);
      return;
    }
    const auto topic = contents_.topics.find(entry.topic);
    if (topic == contents_.topics.end()) {
      if (entry.kind == Kind::kTopic) Blame("topic {} is lost, with its events", entry.topic);
    } else if (entry.kind != Kind::kTopic &&
               (entry.offset >= topic->second.size() || KeyOf(topic->second[entry.offset]) != entry.key)) {
      Blame("event {} at {} of {} is lost", entry.key, entry.offset, entry.topic);
    }
  }

  const Contents& contents_;
  Claims asked_;
  std::set<std::pair<std::string, uint64_t>> taken_;
  std::map<std::pair<std::string, std::string>, uint64_t> acknowledged_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> Judge(const Contents& contents, const std::vector<LedgerEntry>& entries,
                               size_t acknowledged_until) {
  return Judgement(contents, entries, acknowledged_until).Take();
}

void BeginWith(const Contents& contents, Ledger& ledger) {
  for (const std::string& model : contents.models) ledger.Acknowledge({.kind = Kind::kModel, .key = model});
  for (const auto& [topic, payloads] : contents.topics) {
    ledger.Acknowledge({.kind = Kind::kTopic, .topic = topic});
    for (size_t offset = 0; offset < payloads.size(); ++offset) {
      ledger.Acknowledge(
          {.kind = Kind::kEvent, .topic = topic, .key = KeyOf(payloads[offset]), .offset = offset});
    }
  }
}

}  // namespace jammi::test
