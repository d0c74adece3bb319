#include "load/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

namespace jammi::test {
namespace {

using Kind = Record::Kind;

class Judgement {
 public:
  Judgement(const LoadHistory& history, const LoadLog& log) : history_(history), log_(log) {}

  std::vector<std::string> Run() {
    ReadPublished();
    for (uint32_t view = 0; view < kViews; ++view) LookAtLog(view);
    for (const auto& [event, offset] : acknowledged_) LookAtAcknowledged(event, offset);
    for (const auto& [child, lives] : history_.subscribers) LookAtSubscriber(lives);
    return std::move(problems_);
  }

 private:
  // Where a subscription is: the place in its view's log of what it must be given next.
  struct Place {
    uint32_t view = 0;
    std::optional<size_t> next;  // empty: it is live, any may come first
  };

  void Problem(const std::string& rule, const std::string& text) {
    if (++counts_[rule] <= 5) problems_.push_back(rule + ": " + text);
  }

  void ReadPublished() {
    for (const Record& record : history_.published) {
      if (record.kind == Kind::kAsk) asked_.insert(record.event);
      if (record.kind == Kind::kAcknowledge) acknowledged_.emplace_back(record.event, record.offset);
    }
  }

  void LookAtLog(uint32_t view) {
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> last;
    std::optional<uint64_t> before;
    for (const auto& [offset, event] : log_[view]) {
      const std::string what = fmt::format("{} at {} of view {}", ToText(event), offset, view);
      if (before && offset <= *before) Problem("order", what + " comes after " + std::to_string(*before));
      if (TopicOf(view) != kSharedTopic && offset != (before ? *before + 1 : 0)) Problem("gap", what);
      before = offset;
      if (event.view != view) Problem("foreign", what);
      if (!asked_.contains(event)) Problem("invented", what);
      if (!place_.emplace(event, std::pair(view, offset)).second) Problem("double", what);
      const auto [number, first] = last.emplace(std::pair(event.publisher, event.life), event.number);
      if (!first && event.number <= number->second) Problem("order", what + " of its publisher");
      number->second = event.number;
    }
  }

  void LookAtAcknowledged(const EventId& event, uint64_t offset) {
    const auto found = place_.find(event);
    if (found == place_.end()) {
      Problem("lost", fmt::format("{}, acknowledged at {}", ToText(event), offset));
    } else if (found->second != std::pair(event.view, offset)) {
      Problem("moved",
              fmt::format("{}, acknowledged at {}, is at {}", ToText(event), offset, found->second.second));
    }
  }

  void LookAtSubscriber(const std::vector<SubscriberLife>& lives) {
    for (const SubscriberLife& life : lives) {
      std::map<uint32_t, Place> places;
      for (const Record& record : life.records) {
        if (record.kind == Kind::kAttach) {
          const uint32_t view = history_.view_of_stream.at(record.stream);
          places[record.stream] = {.view = view, .next = Begin(view, record.offset)};
        } else {
          LookAtDelivery(places.at(record.stream), record);
        }
      }
      if (!life.killed) LookAtEnds(places);
    }
  }

  std::optional<size_t> Begin(uint32_t view, uint64_t offset) const {
    if (offset == Record::kLive) return std::nullopt;
    return Find(view, offset);
  }

  [[nodiscard]] size_t Find(uint32_t view, uint64_t offset) const {
    const auto& log = log_[view];
    return static_cast<size_t>(
        std::ranges::lower_bound(log, offset, {}, [](const auto& each) { return each.first; }) - log.begin());
  }

  void LookAtDelivery(Place& place, const Record& record) {
    const auto& log = log_[place.view];
    const std::string what = fmt::format("stream {} of view {} was given {} at {}", record.stream, place.view,
                                         ToText(record.event), record.offset);
    if (TenantOf(record.event.view) != TenantOf(place.view)) Problem("foreign", what);
    const size_t at = Find(place.view, record.offset);
    if (at == log.size() || log[at] != std::pair(record.offset, record.event)) {
      Problem("delivered", what + ", which is not in the log");
      return;
    }
    if (place.next && at < *place.next) Problem("twice", what);
    if (place.next && at > *place.next) Problem("skipped", fmt::format("{} after {}", what, *place.next));
    place.next = at + 1;
  }

  void LookAtEnds(const std::map<uint32_t, Place>& places) {
    for (const auto& [stream, place] : places) {
      if (place.next != log_[place.view].size())
        Problem("unfinished", fmt::format("stream {} of view {}", stream, place.view));
    }
  }

  const LoadHistory& history_;
  const LoadLog& log_;
  std::set<EventId> asked_;
  std::vector<std::pair<EventId, uint64_t>> acknowledged_;
  std::map<EventId, std::pair<uint32_t, uint64_t>> place_;
  std::map<std::string, int> counts_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> Judge(const LoadHistory& history, const LoadLog& log) {
  return Judgement(history, log).Run();
}

}  // namespace jammi::test
