#include "torture/history.h"

#include <fmt/format.h>

#include <algorithm>

namespace jammi::test {

using Kind = Record::Kind;

uint64_t Attachment::Resume() const {
  if (ended) return *ended;
  return got.empty() ? start : got.back().offset + 1;
}

void History::Add(const Record& record) {
  switch (record.kind) {
    case Kind::kAsk:
      if (!attempt_.emplace(record.id, attempts.size()).second) break;
      attempts.push_back({.topic = record.topic,
                          .who = record.who,
                          .keyed = record.flag,
                          .keys = record.keys,
                          .asked_at = record.at});
      return;
    case Kind::kAcknowledged:
      return Answer(record, Attempt::Answer::kAcknowledged);
    case Kind::kRefused:
      return Answer(record, Attempt::Answer::kRefused);
    case Kind::kUnknown:
      return Answer(record, Attempt::Answer::kUnknown);
    case Kind::kAttached:
    case Kind::kConsuming:
      if (!attachment_.emplace(record.id, attachments.size()).second) break;
      newest_[record.text] = attachments.size();
      attachments.push_back({.id = record.id,
                             .cursor = record.text,
                             .named = record.kind == Kind::kConsuming,
                             .topic = record.topic,
                             .reader = record.who,
                             .predicate = record.predicate,
                             .start = record.offset,
                             .attached_at = record.at,
                             .position = record.offset});
      return;
    case Kind::kReady:
    case Kind::kPaused:
    case Kind::kLeft:
      return;
    case Kind::kEvent:
      ++events[record.text];
      return;
    case Kind::kBroken:
      broken.push_back(record.text);
      return;
    default: {
      const auto found = attachment_.find(record.id);
      if (found == attachment_.end()) break;
      Attachment& attachment = attachments[found->second];
      attachment.position =
          std::max(attachment.position, record.offset + (record.kind == Kind::kGot ? 1 : 0));
      if (record.kind == Kind::kGot) {
        attachment.got.push_back({.key = record.keys.empty() ? "" : record.keys.front(),
                                  .offset = record.offset,
                                  .digest = record.digest,
                                  .publisher = record.who});
      } else if (record.kind == Kind::kEnded) {
        attachment.ended = record.offset;
        attachment.why_ended = record.text;
      } else if (record.kind == Kind::kAckAsked) {
        attachment.ack_asked = std::max(attachment.ack_asked, record.offset);
      } else if (record.kind == Kind::kAckAnswered) {
        attachment.acked.emplace_back(record.at, record.offset);
      }
      return;
    }
  }
  broken.push_back(fmt::format("a line that makes no sense: {}", ToLine(record)));
}

void History::Answer(const Record& record, Attempt::Answer answer) {
  const auto found = attempt_.find(record.id);
  if (found == attempt_.end() || attempts[found->second].answer != Attempt::Answer::kNone) {
    broken.push_back(fmt::format("an answer too many: {}", ToLine(record)));
    return;
  }
  Attempt& attempt = attempts[found->second];
  attempt.answer = answer;
  attempt.answered_at = record.at;
  attempt.offset = record.offset;
  attempt.error = record.text;
  if (answer != Attempt::Answer::kAcknowledged) return;
  uint64_t& end = acknowledged_[attempt.topic];
  end = std::max(end, record.offset + attempt.keys.size());
}

const Attachment* History::FindAttachment(const std::string& id) const {
  const auto found = attachment_.find(id);
  return found == attachment_.end() ? nullptr : &attachments[found->second];
}

const Attachment* History::Newest(const std::string& cursor) const {
  const auto found = newest_.find(cursor);
  return found == newest_.end() ? nullptr : &attachments[found->second];
}

}  // namespace jammi::test
