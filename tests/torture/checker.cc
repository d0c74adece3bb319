#include "torture/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "torture/problems.h"

namespace jammi::test {
namespace {

// What is known of an event before the log is looked at.
struct Wanted {
  std::string_view topic;
  Who who = 0;
  int64_t asked_at = 0;  // for the first time
  bool all_refused = true;
};

class Judgement {
 public:
  Judgement(const History& history, Log log, LowWater low_water)
      : history_(history), log_(std::move(log)), low_water_(std::move(low_water)) {
    for (const std::string& broken : history.broken) problems_.Blame("{}", broken);
    CollectWanted();
    JudgeTrimming();
    JudgeLives();
    for (const auto& [topic, low] : low_water_) Remember(topic, low);
    for (const auto& [topic, events] : log_) JudgeTopic(topic, events);
    for (const Attempt& attempt : history.attempts) JudgeAttempt(attempt);
    JudgeRefused();
    JudgeTimes();
    for (const Attachment& attachment : history.attachments) JudgeAttachment(attachment);
    JudgeChains();
  }

  std::vector<std::string> Take() && { return std::move(problems_).Take(); }

 private:
  static const std::vector<LoggedEvent>& EventsOf(const Log& log, const std::string& topic) {
    static const std::vector<LoggedEvent> none;
    const auto found = log.find(topic);
    return found == log.end() ? none : found->second;
  }

  void CollectWanted() {
    for (const Attempt& attempt : history_.attempts) {
      for (const std::string& key : attempt.keys) {
        const auto [entry, is_new] = wanted_.try_emplace(key);
        Wanted& wanted = entry->second;
        if (is_new) {
          wanted = {.topic = attempt.topic, .who = attempt.who, .asked_at = attempt.asked_at};
        } else if (!attempt.keyed) {
          problems_.Blame("the test published event {} twice", key);
        }
        wanted.asked_at = std::min(wanted.asked_at, attempt.asked_at);
        wanted.all_refused = wanted.all_refused && attempt.answer == Attempt::Answer::kRefused;
      }
    }
  }

  [[nodiscard]] uint64_t LowWaterOf(const std::string& topic) const {
    const auto found = low_water_.find(topic);
    return found == low_water_.end() ? 0 : found->second;
  }

  void JudgeTrimming() {
    for (const auto& [topic, low] : low_water_) {
      const uint64_t end = EventsOf(log_, topic).size();
      const uint64_t keeps = PlanOf(topic).keeps;
      if (low > 0 && (keeps == 0 || low + keeps > end)) {
        problems_.Blame("{}: begins at {} and ends at {}, and is to keep {} events", topic, low, end,
                        keeps == 0 ? "all" : std::to_string(keeps));
      }
    }
    for (const Eviction& eviction : history_.evictions) {
      if (eviction.wanted < eviction.low_water && eviction.low_water <= LowWaterOf(eviction.topic)) continue;
      problems_.Blame("{} of {}: wanted {} and was told that {} is the first, which is {}", eviction.cursor,
                      eviction.topic, eviction.wanted, eviction.low_water, LowWaterOf(eviction.topic));
    }
  }

  // Those that are over have a log of which nothing is left.
  void JudgeLives() {
    std::map<std::string, uint64_t> ends;
    for (const Attempt& attempt : history_.attempts) {
      if (!IsLife(attempt.topic)) continue;
      uint64_t& end = ends[attempt.topic];
      const auto asked = history_.drop_asked.find(attempt.topic);
      const bool doomed = asked != history_.drop_asked.end() && asked->second <= attempt.answered_at;
      const auto dropped = history_.dropped.find(attempt.topic);
      if (attempt.answer == Attempt::Answer::kAcknowledged) {
        end = std::max(end, attempt.offset + attempt.keys.size());
        if (dropped != history_.dropped.end() && dropped->second < attempt.asked_at)
          problems_.Blame("event {} was acknowledged by {}, which had been dropped", attempt.keys.front(),
                          attempt.topic);
      } else if (!doomed && attempt.error.starts_with("NotFound")) {
        problems_.Blame("{} does not know {}, which nobody has dropped", attempt.keys.front(), attempt.topic);
      }
    }
    for (const Attachment& attachment : history_.attachments) {
      if (!IsLife(attachment.topic)) continue;
      uint64_t& end = ends[attachment.topic];
      if (!attachment.got.empty()) end = std::max(end, attachment.got.back().offset + 1);
      if (attachment.why_ended == kEndOfTopic && !history_.drop_asked.contains(attachment.topic))
        problems_.Blame("{}: {} has ended, and nobody has dropped it", attachment.cursor, attachment.topic);
    }
    for (const auto& [life, end] : ends) {
      if (log_.contains(life)) continue;
      if (!history_.drop_asked.contains(life)) problems_.Blame("{} is lost", life);
      log_[life].resize(end);
      low_water_[life] = UINT64_MAX;
    }
  }

  // What is known of events that were trimmed: what was said of them when they were there.
  void Remember(const std::string& topic, uint64_t low_water) {
    auto& events = log_[topic];
    const auto remember = [&](uint64_t offset, Who publisher, const std::string& key) {
      if (offset >= std::min<uint64_t>(low_water, events.size())) return;
      LoggedEvent& event = events[offset];
      if (event.key.empty()) event = {publisher, key, DigestOf(key, 0)};
      if (event.key != key)
        problems_.Blame("{} at {}: {} for one, {} for another", topic, offset, event.key, key);
    };
    for (const Attempt& attempt : history_.attempts) {
      if (attempt.topic != topic || attempt.answer != Attempt::Answer::kAcknowledged) continue;
      for (size_t i = 0; i < attempt.keys.size(); ++i)
        remember(attempt.offset + i, attempt.who, attempt.keys[i]);
    }
    for (const Attachment& attachment : history_.attachments) {
      if (attachment.topic != topic) continue;
      for (const Got& got : attachment.got) remember(got.offset, got.publisher, got.key);
    }
  }

  void JudgeTopic(const std::string& topic, const std::vector<LoggedEvent>& events) {
    for (uint64_t offset = 0; offset < events.size(); ++offset) {
      const LoggedEvent& event = events[offset];
      if (event.key.empty() && offset < LowWaterOf(topic)) continue;
      const auto wanted = wanted_.find(event.key);
      if (wanted == wanted_.end() || wanted->second.topic != topic) {
        problems_.Blame("{} at {}: event {} was never published there", topic, offset, event.key);
        continue;
      }
      if (event.publisher != wanted->second.who) {
        problems_.Blame("{} at {}: event {} of scope {} is said to be of scope {}", topic, offset, event.key,
                        wanted->second.who, event.publisher);
      }
      if (event.digest != DigestOf(event.key, 0)) {
        problems_.Blame("{} at {}: event {} has rows that nobody published", topic, offset, event.key);
      }
      if (const auto [at, is_new] = offset_of_.emplace(event.key, offset); !is_new) {
        problems_.Blame("{} at {}: event {} for the second time, it is at {}", topic, offset, event.key,
                        at->second);
      }
    }
  }

  [[nodiscard]] std::optional<uint64_t> OffsetOf(const std::string& key) const {
    const auto found = offset_of_.find(key);
    return found == offset_of_.end() ? std::nullopt : std::optional(found->second);
  }

  void JudgeAttempt(const Attempt& attempt) {
    if (attempt.answer == Attempt::Answer::kAcknowledged) {
      for (size_t i = 0; i < attempt.keys.size(); ++i) {
        const auto offset = OffsetOf(attempt.keys[i]);
        if (!offset) {
          problems_.Blame("event {} of {}, acknowledged at {}, is lost", attempt.keys[i], attempt.topic,
                          attempt.offset + i);
        } else if (*offset != attempt.offset + i) {
          problems_.Blame("event {} of {}, acknowledged at {}, lies at {}", attempt.keys[i], attempt.topic,
                          attempt.offset + i, *offset);
        }
      }
    }
    JudgeTogether(attempt);
  }

  // Of events that were trimmed not all need be known.
  void JudgeTogether(const Attempt& attempt) {
    std::optional<uint64_t> first;
    for (size_t i = 0; i < attempt.keys.size() && !first; ++i) {
      if (const auto offset = OffsetOf(attempt.keys[i])) first = *offset - i;
    }
    for (size_t i = 0; i < attempt.keys.size() && first; ++i) {
      const auto offset = OffsetOf(attempt.keys[i]);
      if (offset ? *offset == *first + i : *first + i < LowWaterOf(attempt.topic)) continue;
      problems_.Blame("events {} and {} of {} were published together and are not together", attempt.keys[0],
                      attempt.keys[std::max<size_t>(i, 1)], attempt.topic);
      return;
    }
  }

  void JudgeRefused() {
    for (const auto& [key, wanted] : wanted_) {
      if (wanted.all_refused && offset_of_.contains(key)) {
        problems_.Blame("event {} of {} was refused, and is there", key, wanted.topic);
      }
    }
  }

  // What is asked for after something was acknowledged lies behind it.
  void JudgeTimes() {
    struct Moment {
      int64_t at;
      bool acknowledged;  // else asked for; of one moment, what is asked for counts as earlier
      uint64_t offset;
      const std::string* key;
      auto operator<=>(const Moment& other) const {
        return std::tie(at, acknowledged) <=> std::tie(other.at, other.acknowledged);
      }
    };
    std::map<std::string, std::vector<Moment>> topics;
    for (const auto& [topic, events] : log_) {
      for (uint64_t offset = 0; offset < events.size(); ++offset) {
        if (const auto wanted = wanted_.find(events[offset].key); wanted != wanted_.end()) {
          topics[topic].push_back({wanted->second.asked_at, false, offset, &wanted->first});
        }
      }
    }
    for (const Attempt& attempt : history_.attempts) {
      if (attempt.answer != Attempt::Answer::kAcknowledged) continue;
      topics[attempt.topic].push_back({attempt.answered_at, true, attempt.offset, &attempt.keys.front()});
    }
    for (auto& [topic, moments] : topics) {
      std::ranges::stable_sort(moments, {},
                               [](const Moment& each) { return std::pair(each.at, each.acknowledged); });
      const Moment* highest = nullptr;
      for (const Moment& moment : moments) {
        if (moment.acknowledged) {
          if (highest == nullptr || moment.offset > highest->offset) highest = &moment;
        } else if (highest != nullptr && moment.offset < highest->offset) {
          problems_.Blame("{}: event {} at {} was asked for after {} was acknowledged at {}", topic,
                          *moment.key, moment.offset, *highest->key, highest->offset);
        }
      }
    }
  }

  [[nodiscard]] uint64_t ExpectedDigest(const std::string& key, size_t predicate) {
    auto& digests = digests_[key];
    if (!digests) {
      digests.emplace();
      for (size_t i = 0; i < kPredicates.size(); ++i) (*digests)[i] = DigestOf(key, i);
    }
    return (*digests)[predicate];
  }

  // The first offset from `next` on, below `end`, that the attachment must be given; else `end`.
  [[nodiscard]] uint64_t NextExpected(const Attachment& attachment, const std::vector<LoggedEvent>& events,
                                      uint64_t next, uint64_t end) {
    for (; next < end; ++next) {
      const LoggedEvent& event = events[next];
      if (event.key.empty()) continue;  // trimmed, and nobody has seen it
      if (Sees(attachment.reader, event.publisher) && ExpectedDigest(event.key, attachment.predicate) != 0) {
        break;
      }
    }
    return next;
  }

  void JudgeAttachment(const Attachment& attachment) {
    const auto& events = EventsOf(log_, attachment.topic);
    const std::string who =
        fmt::format("{} of {} from {}", attachment.cursor, attachment.topic, attachment.start);
    uint64_t next = attachment.start;
    for (const Got& got : attachment.got) {
      if (got.offset >= events.size()) {
        problems_.Blame("{}: was given {} at {}, which is not in the log", who, got.key, got.offset);
        return;
      }
      const LoggedEvent& event = events[got.offset];
      if (got.offset < next) {
        problems_.Blame("{}: was given {} at {} when {} was next", who, got.key, got.offset, next);
        return;
      }
      if (!Sees(attachment.reader, event.publisher)) {
        problems_.Blame("{}: was given {} at {} of scope {}", who, got.key, got.offset, event.publisher);
        return;
      }
      const uint64_t expected = NextExpected(attachment, events, next, got.offset);
      if (expected != got.offset) {
        problems_.Blame("{}: {} at {} was skipped", who, events[expected].key, expected);
        return;
      }
      if (got.key != event.key || got.publisher != event.publisher ||
          got.digest != ExpectedDigest(event.key, attachment.predicate)) {
        problems_.Blame("{}: was given {} of scope {} at {}, not the rows of {}", who, got.key, got.publisher,
                        got.offset, event.key);
        return;
      }
      next = got.offset + 1;
    }
    if (!attachment.ended) return;
    if (*attachment.ended < next) {
      problems_.Blame("{}: ended at {} ({}), behind its last event", who, *attachment.ended,
                      attachment.why_ended);
      return;
    }
    const uint64_t end = std::max(next, std::min<uint64_t>(*attachment.ended, events.size()));
    if (const uint64_t expected = NextExpected(attachment, events, next, end); expected != end) {
      problems_.Blame("{}: ended at {} ({}), and {} at {} was skipped", who, *attachment.ended,
                      attachment.why_ended, events[expected].key, expected);
    }
  }

  void JudgeChains() {
    std::map<std::pair<std::string_view, std::string_view>, const Attachment*> before;
    std::map<std::string_view, uint64_t> asked;
    for (const Attachment& attachment : history_.attachments) {
      const auto [entry, is_first] = before.try_emplace({attachment.cursor, attachment.topic}, &attachment);
      const Attachment& last = *std::exchange(entry->second, &attachment);
      if (attachment.named) {
        JudgeConsumerStart(attachment, asked[attachment.cursor]);
        asked[attachment.cursor] = std::max(asked[attachment.cursor], attachment.ack_asked);
      } else if (!is_first && attachment.start != last.Resume()) {
        problems_.Blame("{} of {}: was at {} and goes on at {}", attachment.cursor, attachment.topic,
                        last.Resume(), attachment.start);
      }
    }
  }

  // What it leaves out need not be acknowledged.
  void JudgeConsumerStart(const Attachment& attachment, uint64_t asked) {
    const auto& events = EventsOf(log_, attachment.topic);
    const uint64_t end = std::min<uint64_t>(attachment.start, events.size());
    if (const uint64_t expected = NextExpected(attachment, events, asked, end); expected < end) {
      problems_.Blame("consumer {} of {}: goes on at {}, and {} at {} was never done with", attachment.cursor,
                      attachment.topic, attachment.start, events[expected].key, expected);
    }
    for (const Attachment& other : history_.attachments) {
      if (!other.named || other.cursor != attachment.cursor) continue;
      for (const auto& [at, position] : other.acked) {
        if (at < attachment.attached_at && position > attachment.start) {
          problems_.Blame("consumer {} of {}: goes on at {}, though {} was acknowledged", attachment.cursor,
                          attachment.topic, attachment.start, position);
          return;
        }
      }
    }
  }

  const History& history_;
  Log log_;
  LowWater low_water_;
  Problems problems_;
  std::unordered_map<std::string, Wanted> wanted_;
  std::unordered_map<std::string, uint64_t> offset_of_;
  std::unordered_map<std::string, std::optional<std::array<uint64_t, kPredicates.size()>>> digests_;
};

}  // namespace

std::vector<std::string> Judge(const History& history, const Log& log, const LowWater& low_water) {
  return Judgement(history, log, low_water).Take();
}

std::vector<std::string> Lagging(const History& history, const std::vector<std::string>& cursors) {
  Problems problems;
  for (const std::string& cursor : cursors) {
    const Attachment* attachment = history.Newest(cursor);
    if (attachment == nullptr) {
      problems.Blame("{} was never attached", cursor);
      continue;
    }
    if (history.drop_asked.contains(attachment->topic)) {
      if (history.dropped.contains(attachment->topic) && !attachment->ended)
        problems.Blame("{} does not know that {} was dropped", cursor, attachment->topic);
      continue;
    }
    const auto acknowledged = history.acknowledged().find(attachment->topic);
    if (acknowledged == history.acknowledged().end() || attachment->position >= acknowledged->second)
      continue;
    problems.Blame("{} of {}: stands at {}, and {} is acknowledged", cursor, attachment->topic,
                   attachment->position, acknowledged->second - 1);
  }
  return std::move(problems).Take();
}

}  // namespace jammi::test
