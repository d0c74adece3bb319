#include "catalog/producer_keys.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include "base/hash.h"
#include "catalog/arguments.h"

namespace jammi {
namespace {

constexpr size_t kMaxKeyBytes = 256;

constexpr std::string_view kProducerKeysDelete =
    "DELETE FROM producer_keys WHERE topic_no = $1 AND first_offset < $2";

Error Conflict(const AppendRequest& request, uint64_t first_offset) {
  return Error(ErrorCode::kAlreadyExists,
               fmt::format("the producer key '{}' stands for other events, from offset {} on",
                           request.producer_key, first_offset),
               ProducerKeyConflictDetail{request.producer_key, first_offset});
}

// The append's key is taken.
void SettleBy(PendingAppend& append, const KeyRecord& record) {
  append.settled = true;
  const AppendRequest& request = *append.request;
  const bool same =
      record.events == std::ssize(request.events) && record.checksum == ContentChecksum(request);
  if (same) {
    *append.outcome = {record.first_offset, record.committed_at, /*duplicate=*/true};
  } else {
    append.refused = Conflict(request, record.first_offset);
  }
}

}  // namespace

Result<void> CheckProducerKey(std::string_view key) {
  return CheckText("producer key", key, 1, kMaxKeyBytes);
}

uint64_t ContentChecksum(const AppendRequest& request) {
  std::vector<uint64_t> numbers;
  numbers.reserve(3 * request.events.size());
  for (const EventAppend& event : request.events) {
    numbers.push_back(static_cast<uint64_t>(event.row_count));
    numbers.push_back(static_cast<uint64_t>(event.payload->size()));
    numbers.push_back(event.checksum);
  }
  return Checksum({reinterpret_cast<const uint8_t*>(numbers.data()), numbers.size() * sizeof(uint64_t)});
}

void KeyedAppends::Add(PendingAppend& append, const std::optional<KeyRecord>& known) {
  if (known) return SettleBy(append, *known);
  const auto [place, is_first] =
      first_.try_emplace({append.first().scope.Key(), append.request->producer_key}, &append);
  if (is_first) return;
  append.settled = true;
  followers_.push_back({&append, place->second});
}

void KeyedAppends::Finish() {
  for (const Follower& follower : followers_) {
    const PendingAppend& first = *follower.first;
    if (first.refused) {
      follower.append->refused = first.refused;
      continue;
    }
    SettleBy(*follower.append, {.first_offset = first.outcome->offset,
                                .events = std::ssize(first.request->events),
                                .checksum = ContentChecksum(*first.request),
                                .committed_at = first.outcome->committed_at});
  }
}

Result<void> DeleteProducerKeys(Transaction& tx, int64_t topic_no, int64_t below_offset) {
  JAMMI_TRY(tx.Execute(kProducerKeysDelete, {topic_no, below_offset}));
  return {};
}

}  // namespace jammi
