// The bytes of a spool: segments of records, and the cursor. docs/formats.md describes them; integers are
// little-endian. Pure functions of bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "jammi/clock.h"

namespace jammi::events {

// --- a segment begins with a header

inline constexpr size_t kSegmentHeaderBytes = 32;
inline constexpr uint32_t kSpoolFormat = 1;

// "<sequence of the first record, 20 digits>.seg"
[[nodiscard]] std::string SegmentName(uint64_t first);
[[nodiscard]] std::optional<uint64_t> ParseSegmentName(std::string_view name);

[[nodiscard]] std::string SegmentHeader(uint64_t first);
struct SegmentHeaderView {
  uint32_t format = 0;
  uint64_t first = 0;
};
// nullopt: it is damaged, or no header.
[[nodiscard]] std::optional<SegmentHeaderView> ReadSegmentHeader(std::string_view bytes);

// --- then come records: a header of 20 bytes and the event

inline constexpr size_t kRecordHeaderBytes = 20;
inline constexpr size_t kMaxRecordBody = size_t{1} << 30;

// Writes the header of a record; its sequence stands nowhere, but its checksum covers it.
void WriteRecordHeader(char* to, uint64_t sequence, size_t body_bytes, uint32_t body_crc,
                       UnixMicros appended_at);

enum class RecordState : uint8_t {
  kWhole,
  kShort,      // `bytes` end before the record does; perhaps they just begin it
  kBadHeader,  // nobody knows where the next record begins
  kBadBody,    // that is known
};
struct RecordView {
  RecordState state = RecordState::kShort;
  std::string_view body = {};  // kWhole
  UnixMicros appended_at = 0;  // kWhole, kBadBody
  // Bytes of the record. kShort: as far as `bytes` tell, the least that is needed.
  size_t size = kRecordHeaderBytes;
};
// The record of that sequence at the beginning of `bytes`.
[[nodiscard]] RecordView ReadRecord(std::string_view bytes, uint64_t sequence);

// --- the cursor: two slots, written in turn, so that one of them is whole whenever the power fails

inline constexpr size_t kCursorSlotBytes = 32;
inline constexpr std::array<size_t, 2> kCursorSlotAt = {0, 512};
inline constexpr size_t kCursorFileBytes = 1024;

struct Cursor {
  uint64_t generation = 0;  // one more with each write; slot = generation % 2
  uint64_t sequence = 0;    // of the first record that is not delivered
};
[[nodiscard]] std::string CursorSlot(const Cursor& cursor);
// The newest whole slot of the file; nullopt: there is none.
[[nodiscard]] std::optional<Cursor> ReadCursor(std::string_view file);

}  // namespace jammi::events
