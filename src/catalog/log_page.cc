#include "catalog/log_page.h"

#include <arrow/buffer.h>
#include <arrow/result.h>
#include <arrow/status.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "catalog/event_key.h"

namespace jammi {
namespace {

// Where a payload begins in its page: Arrow reads buffers that begin so without copying them.
constexpr int64_t kPayloadAlignment = 64;

Error LogPageOutOfMemory(const arrow::Status& status) {
  return Error(ErrorCode::kResourceExhausted, status.ToString());
}

}  // namespace

Error DamagedEvent(int64_t topic_no, uint64_t offset, std::string_view how) {
  return Error(ErrorCode::kDataLoss,
               fmt::format("topic {}: the event at offset {} {}", topic_no, offset, how),
               BackendDetail{BackendFault::kCorrupt, fmt::format("events {}/{}", topic_no, offset), {}});
}

LogPageBuilder::LogPageBuilder(int64_t topic_no, uint64_t from, const PageLimit& limit, LogHead head)
    : topic_no_(topic_no), limit_(limit), expected_(from) {
  page_.head = head;
  if (from < head.low_water || from >= head.next_offset) return;
  wanted_ = std::min<uint64_t>(head.next_offset - from, static_cast<uint64_t>(limit.events));
  page_.events.reserve(wanted_);
}

LogPageBuilder::~LogPageBuilder() = default;

Result<bool> LogPageBuilder::Add(const Row& row) {
  auto added = Take(row);
  if (added) return added;
  return EndBefore(added.error());
}

// What stands before a damaged event can be read; the next page, which begins with it, says so.
Result<bool> LogPageBuilder::EndBefore(const Error& damaged) {
  if (page_.events.empty()) return damaged;
  full_ = true;
  return false;
}

Result<bool> LogPageBuilder::Take(const Row& row) {
  LogEvent event;
  event.offset = static_cast<uint64_t>(row.event_key - EventKey(topic_no_, 0));
  if (event.offset != expected_) return DamagedEvent(topic_no_, expected_, "is missing");
  event.committed_at = row.committed_at;
  auto scope = Scope::FromKey(row.scope);
  if (!scope) return DamagedEvent(topic_no_, event.offset, "has a malformed scope");
  event.scope = *scope;
  event.row_count = row.row_count;
  event.checksum = std::bit_cast<uint64_t>(row.checksum);
  Extent extent;
  if (row.payload) {
    const auto length = static_cast<int64_t>(row.payload->size());
    full_ = !page_.events.empty() && bytes_ + length > limit_.bytes;
    if (full_) return false;
    if (Checksum(*row.payload) != event.checksum) {
      return DamagedEvent(topic_no_, event.offset, "has a wrong checksum");
    }
    JAMMI_ASSIGN(extent, Copy(*row.payload));
    bytes_ += length;
  }
  extents_.push_back(extent);
  page_.events.push_back(std::move(event));
  ++expected_;
  return true;
}

Result<LogPageBuilder::Extent> LogPageBuilder::Copy(SqlBytes payload) {
  const auto length = static_cast<int64_t>(payload.size());
  const int64_t begin = (used_ + kPayloadAlignment - 1) / kPayloadAlignment * kPayloadAlignment;
  if (const int64_t needed = begin + length; buffer_ == nullptr) {
    auto made = arrow::AllocateResizableBuffer(needed);
    if (!made.ok()) return LogPageOutOfMemory(made.status());
    buffer_ = std::move(*made);
  } else if (needed > buffer_->size()) {
    const auto grown = buffer_->Resize(std::max(needed, 2 * buffer_->size()), /*shrink_to_fit=*/false);
    if (!grown.ok()) return LogPageOutOfMemory(grown);
  }
  if (length > 0) std::memcpy(buffer_->mutable_data() + begin, payload.data(), payload.size());
  used_ = begin + length;
  return Extent{begin, length};
}

Result<LogPage> LogPageBuilder::Finish() {
  if (!full_ && page_.events.size() < wanted_) {
    JAMMI_TRY(EndBefore(DamagedEvent(topic_no_, expected_, "is missing")));
  }
  if (buffer_ != nullptr) {  // only now does it stay where it is
    if (const auto cut = buffer_->Resize(used_, /*shrink_to_fit=*/false); !cut.ok())
      return LogPageOutOfMemory(cut);
    const std::shared_ptr<arrow::Buffer> whole = std::move(buffer_);
    for (size_t i = 0; i < extents_.size(); ++i) {
      if (extents_[i].begin < 0) continue;
      page_.events[i].payload = arrow::SliceBuffer(whole, extents_[i].begin, extents_[i].length);
    }
  }
  return std::move(page_);
}

}  // namespace jammi
