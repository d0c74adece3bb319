// Reads what a spool's folder holds, when it is opened and afterwards.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "events/disk.h"
#include "events/spool_format.h"
#include "jammi/events/spool.h"
#include "jammi/result.h"

namespace jammi::events {

struct SpoolSegment {
  uint64_t first = 0;  // sequence of its first record
  uint64_t bytes = 0;  // that are records, with the header
  std::filesystem::path path = {};
  uint64_t events = 0;       // that are not delivered
  uint64_t event_bytes = 0;  // of their records
};

// Reads the records of one segment, a megabyte at a time.
class SegmentReader {
 public:
  [[nodiscard]] static Result<SegmentReader> Open(const std::filesystem::path& path);

  // The record of that sequence at `offset`, of a file that ends at `limit` for us. The view is good until
  // the next call.
  [[nodiscard]] Result<RecordView> At(uint64_t offset, uint64_t sequence, uint64_t limit);

 private:
  SegmentReader(File file, std::filesystem::path path) : file_(std::move(file)), path_(std::move(path)) {}

  File file_;
  std::filesystem::path path_;
  std::string buffer_;
  uint64_t buffer_at_ = 0;
};

// Where reading goes on behind what is damaged.
struct SpoolSkip {
  uint64_t sequence = 0;
  uint64_t offset = 0;  // 0: at the beginning of the next segment
};

struct SpoolContents {
  std::deque<SpoolSegment> segments;  // in order, from the one of `cursor` on
  Cursor cursor;
  uint64_t cursor_offset = kSegmentHeaderBytes;  // in the first segment
  uint64_t next_sequence = 0;                    // of the next record to be appended
  bool begin_segment = false;                    // the last segment takes no more records
  UnixMicros oldest = 0;                         // when the first of them was appended
  std::map<uint64_t, SpoolSkip> skips;           // by the sequence of what is damaged
  uint64_t torn_bytes = 0;
  std::vector<SpoolDamage> damage;
};

// Reads and checks everything. A torn end is cut off; damaged bytes are copied to "quarantine/"; segments
// that are delivered are removed; else nothing is changed. REQUIRES: the folder is locked. Errors:
// kSpillFailed, kSinkFull; kDataLoss: a file of a newer form.
[[nodiscard]] Result<SpoolContents> ReadSpool(const std::filesystem::path& directory, Disk& disk);

}  // namespace jammi::events
