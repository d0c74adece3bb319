#include "trigger/event_reader.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/call_limit.h"
#include "trigger/frame.h"

namespace jammi {
namespace {

constexpr int64_t kMaxEvents = 10'000;
constexpr int kMaxReads = 4;  // of one call, where the reader sees little of what is there

Result<void> CheckOptions(const ReadOptions& options) {
  if (options.max_events < 1 || options.max_events > kMaxEvents) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("max_events must be 1 to {}, not {}", kMaxEvents, options.max_events));
  }
  if (options.max_bytes >= 1) return {};
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("max_bytes must be 1 or more, not {}", options.max_bytes));
}

// One call.
class EventReader {
 public:
  EventReader(const TopicEntry& topic, const Scope& reader, const ReadOptions& options, Predicate predicate,
              const Position& from)
      : topic_(topic), reader_(reader), options_(options), predicate_(std::move(predicate)) {
    page_.next = from;
  }

  // True: it is to be called again.
  Result<bool> ReadOnce(EventLog& log, const PageLimit& limit) {
    auto read = log.Read(topic_.topic_no, page_.next.offset, reader_, Narrow(limit));
    if (!read) {
      return read.error().code() == ErrorCode::kNotFound ? TopicNotFound(topic_.topic.id.ToString())
                                                         : std::move(read).error();
    }
    page_.head = read->head.next_offset;
    page_.low_water = read->head.low_water;
    if (page_.next.offset < page_.low_water) return OffsetEvicted(page_.next.offset, page_.low_water);
    for (const LogEvent& event : read->events) {
      JAMMI_ASSIGN(const bool taken, Take(event));
      if (!taken) return false;
    }
    page_.at_head = page_.next.offset >= page_.head;
    return !page_.at_head && std::ssize(page_.deliveries) < options_.max_events;
  }

  EventPage Finish() { return std::move(page_); }

 private:
  // No more than will be looked at, where that is known.
  [[nodiscard]] PageLimit Narrow(const PageLimit& limit) const {
    if (!predicate_.matches_all()) return limit;
    return {.events = std::min(limit.events, options_.max_events - std::ssize(page_.deliveries)),
            .bytes = std::min(limit.bytes, std::max<int64_t>(options_.max_bytes - bytes_, 1))};
  }

  // False: it has no room on this page.
  Result<bool> Take(const LogEvent& event) {
    const int64_t bytes = event.payload == nullptr ? 0 : event.payload->size();
    const bool full = std::ssize(page_.deliveries) == options_.max_events ||
                      (!page_.deliveries.empty() && bytes_ + bytes > options_.max_bytes);
    if (full) return false;
    auto delivery = LookAt(event, reader_, topic_.codec, predicate_);
    if (!delivery) return std::move(delivery).error().While(fmt::format("event {}", event.offset));
    page_.next.offset = event.offset + 1;
    if (delivery->batch == nullptr) return true;
    bytes_ += bytes;
    page_.deliveries.push_back(*std::move(delivery));
    return true;
  }

  const TopicEntry& topic_;
  const Scope& reader_;
  const ReadOptions& options_;
  const Predicate predicate_;
  EventPage page_;
  int64_t bytes_ = 0;
};

}  // namespace

Result<EventPage> ReadEvents(EventLog& log, const PageLimit& limit, const TopicEntry& topic,
                             const Scope& reader, const Position& from, const ReadOptions& options) {
  JAMMI_TRY(CheckOptions(options));
  JAMMI_ASSIGN(auto predicate, Predicate::Compile(options.predicate, topic.codec.schema()));
  EventReader events(topic, reader, options, std::move(predicate), from);
  const CallLimit limit_of_call{options.deadline, options.stop};
  for (int reads = 0; reads < kMaxReads; ++reads) {
    JAMMI_TRY(limit_of_call.Check("the read"));
    const auto more = events.ReadOnce(log, limit);
    if (more && *more) continue;
    if (more) break;
    // What lies before it is returned; the page that begins with it is the error.
    auto page = events.Finish();
    if (page.next.offset > from.offset) return page;
    return more.error();
  }
  return events.Finish();
}

}  // namespace jammi
