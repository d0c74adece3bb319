#include "events/spool_format.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>

#include "events/crc32c.h"

namespace jammi::events {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kSegmentMagic = "JAMMISPL";
constexpr std::string_view kCursorMagic = "JAMMICUR";
constexpr std::string_view kSegmentSuffix = ".seg";
constexpr size_t kSegmentDigits = 20;

template <class T>
void Put(char* to, T value) {
  std::memcpy(to, &value, sizeof value);
}
template <class T>
T Get(std::string_view bytes, size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Of the header without its own checksum, which stands at 4; and of the sequence.
uint32_t HeaderCrc(std::string_view header, uint64_t sequence) {
  std::array<char, sizeof sequence> number{};
  Put(number.data(), sequence);
  uint32_t crc = Crc32c({number.data(), number.size()});
  crc = Crc32c(header.substr(0, 4), crc);
  return Crc32c(header.substr(8, kRecordHeaderBytes - 8), crc);
}

}  // namespace

std::string SegmentName(uint64_t first) { return fmt::format("{:020}{}", first, kSegmentSuffix); }

std::optional<uint64_t> ParseSegmentName(std::string_view name) {
  if (name.size() != kSegmentDigits + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix)) return {};
  uint64_t first = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kSegmentDigits, first);
  if (error != std::errc() || end != name.data() + kSegmentDigits) return {};
  return first;
}

std::string SegmentHeader(uint64_t first) {
  std::string header(kSegmentHeaderBytes, '\0');
  header.replace(0, kSegmentMagic.size(), kSegmentMagic);
  Put(header.data() + 8, kSpoolFormat);
  Put(header.data() + 16, first);
  Put(header.data() + 28, Crc32c(std::string_view(header).substr(0, 28)));
  return header;
}

std::optional<SegmentHeaderView> ReadSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kSegmentMagic) ||
      Get<uint32_t>(bytes, 28) != Crc32c(bytes.substr(0, 28))) {
    return {};
  }
  return SegmentHeaderView{.format = Get<uint32_t>(bytes, 8), .first = Get<uint64_t>(bytes, 16)};
}

void WriteRecordHeader(char* to, uint64_t sequence, size_t body_bytes, uint32_t body_crc,
                       UnixMicros appended_at) {
  Put(to, static_cast<uint32_t>(body_bytes));
  Put(to + 8, appended_at);
  Put(to + 16, body_crc);
  Put(to + 4, HeaderCrc({to, kRecordHeaderBytes}, sequence));
}

RecordView ReadRecord(std::string_view bytes, uint64_t sequence) {
  if (bytes.size() < kRecordHeaderBytes) return {};
  const std::string_view header = bytes.substr(0, kRecordHeaderBytes);
  const size_t body_bytes = Get<uint32_t>(header, 0);
  if (Get<uint32_t>(header, 4) != HeaderCrc(header, sequence) || body_bytes > kMaxRecordBody) {
    return {.state = RecordState::kBadHeader};
  }
  RecordView record{.appended_at = Get<UnixMicros>(header, 8), .size = kRecordHeaderBytes + body_bytes};
  if (bytes.size() < record.size) return record;
  record.body = bytes.substr(kRecordHeaderBytes, body_bytes);
  record.state =
      Get<uint32_t>(header, 16) == Crc32c(record.body) ? RecordState::kWhole : RecordState::kBadBody;
  return record;
}

std::string CursorSlot(const Cursor& cursor) {
  std::string slot(kCursorSlotBytes, '\0');
  slot.replace(0, kCursorMagic.size(), kCursorMagic);
  Put(slot.data() + 8, cursor.generation);
  Put(slot.data() + 16, cursor.sequence);
  Put(slot.data() + 28, Crc32c(std::string_view(slot).substr(0, 28)));
  return slot;
}

std::optional<Cursor> ReadCursor(std::string_view file) {
  std::optional<Cursor> newest;
  for (const size_t at : kCursorSlotAt) {
    if (file.size() < at + kCursorSlotBytes) continue;
    const std::string_view slot = file.substr(at, kCursorSlotBytes);
    if (!slot.starts_with(kCursorMagic) || Get<uint32_t>(slot, 28) != Crc32c(slot.substr(0, 28))) continue;
    const Cursor cursor{.generation = Get<uint64_t>(slot, 8), .sequence = Get<uint64_t>(slot, 16)};
    if (!newest || cursor.generation > newest->generation) newest = cursor;
  }
  return newest;
}

}  // namespace jammi::events
