#include "torture/history.h"

#include <fmt/format.h>

#include <algorithm>

namespace jammi::test {

using Kind = Record::Kind;

uint64_t Attachment::Resume() const {
  if (ended && why_ended == kEndOfTopic) return 0;  // of the next life
  const uint64_t seen = got.empty() ? start : got.back().offset + 1;
  return std::max(ended.value_or(seen), evicted_to.value_or(0));
}

void History::Add(const Record& record) {
  bool makes_sense = true;
  switch (record.kind) {
    case Kind::kAsk:
      makes_sense = Ask(record);
      break;
    case Kind::kAcknowledged:
      makes_sense = Answer(record, Attempt::Answer::kAcknowledged);
      break;
    case Kind::kRefused:
      makes_sense = Answer(record, Attempt::Answer::kRefused);
      break;
    case Kind::kUnknown:
      makes_sense = Answer(record, Attempt::Answer::kUnknown);
      break;
    case Kind::kAttached:
    case Kind::kConsuming:
      makes_sense = Attach(record);
      break;
    case Kind::kGot:
    case Kind::kPosition:
    case Kind::kEnded:
    case Kind::kAckAsked:
    case Kind::kAckAnswered:
      makes_sense = Follow(record);
      break;
    case Kind::kEvicted:
      Evict(record);
      break;
    case Kind::kDropAsked:
      drop_asked.try_emplace(record.topic, record.at);
      break;
    case Kind::kDropped:
      dropped.try_emplace(record.topic, record.at);
      ++events["topic dropped"];
      break;
    case Kind::kReady:
    case Kind::kPaused:
    case Kind::kLeft:
      break;
    case Kind::kEvent:
      ++events[record.text];
      break;
    case Kind::kBroken:
      broken.push_back(record.text);
      break;
  }
  if (!makes_sense) broken.push_back(fmt::format("a line that makes no sense: {}", ToLine(record)));
}

bool History::Ask(const Record& record) {
  if (!attempt_.emplace(record.id, attempts.size()).second) return false;
  attempts.push_back({.topic = record.topic,
                      .who = record.who,
                      .keyed = record.flag,
                      .keys = record.keys,
                      .asked_at = record.at});
  if (record.flag) unfinished_.try_emplace(record.keys.front(), attempts.size() - 1);
  return true;
}

bool History::Answer(const Record& record, Attempt::Answer answer) {
  const auto found = attempt_.find(record.id);
  if (found == attempt_.end() || attempts[found->second].answer != Attempt::Answer::kNone) return false;
  Attempt& attempt = attempts[found->second];
  attempt.answer = answer;
  attempt.answered_at = record.at;
  attempt.offset = record.offset;
  attempt.error = record.text;
  if (answer == Attempt::Answer::kAcknowledged) {
    uint64_t& end = acknowledged_[attempt.topic];
    end = std::max(end, record.offset + attempt.keys.size());
    if (attempt.keyed) unfinished_.erase(attempt.keys.front());
  }
  return true;
}

bool History::Attach(const Record& record) {
  if (!attachment_.emplace(record.id, attachments.size()).second) return false;
  const bool named = record.kind == Kind::kConsuming;
  const auto [newest, is_first] = newest_.try_emplace(record.text, attachments.size());
  if (!is_first && (!named || attachments[newest->second].position < record.offset)) {
    newest->second = attachments.size();
  }
  attachments.push_back({.id = record.id,
                         .cursor = record.text,
                         .named = named,
                         .topic = record.topic,
                         .reader = record.who,
                         .predicate = record.predicate,
                         .start = record.offset,
                         .attached_at = record.at,
                         .position = record.offset});
  return true;
}

bool History::Follow(const Record& record) {
  const auto found = attachment_.find(record.id);
  if (found == attachment_.end()) return false;
  Attachment& attachment = attachments[found->second];
  switch (record.kind) {
    case Kind::kAckAsked:
      attachment.ack_asked = std::max(attachment.ack_asked, record.offset);
      return true;
    case Kind::kAckAnswered:
      attachment.acked.emplace_back(record.at, record.offset);
      return true;
    case Kind::kGot:
      attachment.got.push_back({.key = record.keys.empty() ? "" : record.keys.front(),
                                .offset = record.offset,
                                .digest = record.digest,
                                .publisher = record.who});
      attachment.position = std::max(attachment.position, record.offset + 1);
      break;
    case Kind::kEnded:
      attachment.ended = record.offset;
      attachment.why_ended = record.text;
      [[fallthrough]];
    default:
      attachment.position = std::max(attachment.position, record.offset);
  }
  if (!attachment.named) return true;
  size_t& furthest = newest_[attachment.cursor];
  if (attachments[furthest].position < attachment.position) furthest = found->second;
  return true;
}

void History::Evict(const Record& record) {
  evictions.push_back(
      {.cursor = record.text, .topic = record.topic, .wanted = record.digest, .low_water = record.offset});
  ++events["told of trimmed events"];
  const auto newest = newest_.find(record.text);
  if (newest == newest_.end()) return;
  auto& evicted_to = attachments[newest->second].evicted_to;
  evicted_to = std::max(evicted_to.value_or(0), record.offset);
}

std::vector<const Attempt*> History::Unfinished() const {
  std::vector<const Attempt*> unfinished;
  for (const auto& [key, attempt] : unfinished_) unfinished.push_back(&attempts[attempt]);
  return unfinished;
}

const Attachment* History::Newest(const std::string& cursor) const {
  const auto found = newest_.find(cursor);
  return found == newest_.end() ? nullptr : &attachments[found->second];
}

}  // namespace jammi::test
