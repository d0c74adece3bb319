#include "forwarding/topic_reader.h"

#include <arrow/record_batch.h>

#include <utility>

#include "catalog/topic_repo.h"

namespace jammi {
namespace {

// What is held of each topic that waits for the sink.
constexpr PageLimit kPage{.events = 256, .bytes = 256 << 10};

}  // namespace

Result<std::optional<TopicReader::Item>> TopicReader::Next(UnixMicros now) {
  if (batch_ != nullptr) return std::optional(TellRow());
  if (index_ < page_.events.size()) return BeginEvent(now);
  return ReadPage(now);
}

// The schema behind the page: it has all columns that the page's events have.
Result<std::optional<TopicReader::Item>> TopicReader::ReadPage(UnixMicros now) {
  auto page = ReadAllScopes(*backend_, from_->topic_no, next_, kPage);
  if (!page) {
    if (page.error().code() != ErrorCode::kDataLoss) return std::move(page).error();
    return TellGap(next_ + 1, "damaged", now);
  }
  if (page->events.empty()) {
    if (next_ < page->head.low_water) return TellGap(page->head.low_water, "trimmed", now);
    return std::optional<Item>();
  }
  JAMMI_ASSIGN(const auto topic, TopicRepo(*backend_).FindAnyByNumber(from_->topic_no));
  JAMMI_ASSIGN(auto schema, DecodeSchema(topic.schema));
  JAMMI_ASSIGN(codec_, EventCodec::Make(std::move(schema), topic.earlier_columns));
  page_ = *std::move(page);
  index_ = 0;
  return BeginEvent(now);
}

Result<std::optional<TopicReader::Item>> TopicReader::BeginEvent(UnixMicros now) {
  auto batch = codec_->Decode(event().payload, event().row_count);
  if (!batch) {
    if (batch.error().code() != ErrorCode::kDataLoss) return std::move(batch).error();
    ++index_;
    return TellGap(next_ + 1, "damaged", now);
  }
  if ((*batch)->num_rows() == 0) {
    ++index_;
    return std::optional(Item{.event = std::nullopt, .position = ++next_});
  }
  batch_ = *std::move(batch);
  row_ = 0;
  return std::optional(TellRow());
}

TopicReader::Item TopicReader::TellRow() {
  Item item;
  auto made = maker_->Make(*from_, event(), *batch_, row_);
  if (made) {
    item.event = *std::move(made);
  } else {
    item.untold = std::move(made).error();
  }
  if (++row_ == batch_->num_rows()) {
    batch_.reset();
    ++index_;
    ++next_;
  }
  item.position = next_;
  return item;
}

Result<std::optional<TopicReader::Item>> TopicReader::TellGap(uint64_t to, std::string_view reason,
                                                              UnixMicros now) {
  const ForwardingGap gap{.first = next_, .next = to, .reason = reason};
  JAMMI_ASSIGN(auto event, maker_->MakeGap(*from_, gap, now));
  next_ = to;
  return std::optional(Item{.event = std::move(event), .position = next_, .gap = gap});
}

}  // namespace jammi
