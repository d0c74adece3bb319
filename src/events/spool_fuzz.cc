// Any bytes as a segment, and as a cursor: reading a spool ends, tells of everything that is not a record,
// and what it hands on can be read again. Input: one byte that says how much of the segment is ours, a
// segment.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/log.h"
#include "events/crc32c.h"
#include "events/spool_reader.h"

namespace jammi::events {
namespace {

namespace fs = std::filesystem;

void Require(bool holds) {
  if (!holds) std::abort();
}

void Put(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::string Record(uint64_t sequence, std::string_view body) {
  std::string bytes(kRecordHeaderBytes, '\0');
  WriteRecordHeader(bytes.data(), sequence, body.size(), Crc32c(body), 1);
  return bytes.append(body);
}

void ReadAll(std::string_view rest, uint8_t whole) {
  static const fs::path folder = fs::temp_directory_path() / ("spool_fuzz_" + std::to_string(getpid()));
  fs::remove_all(folder);
  fs::create_directory(folder);
  // Some whole records before what was found, so that it is reached.
  std::string segment = (whole & 0x80) != 0 ? std::string() : SegmentHeader(0);
  const uint64_t records = whole & 7;
  for (uint64_t i = 0; i < records; ++i) segment += Record(i, "event");
  segment += rest;
  Put(folder / SegmentName(0), segment);
  if ((whole & 0x40) != 0) Put(folder / SegmentName(records + 2), SegmentHeader(records + 2));
  if ((whole & 0x20) != 0) Put(folder / "cursor", rest);
  const auto found = ReadSpool(folder, Disk::System());
  if (!found) return;
  uint64_t events = 0;
  for (const auto& each : found->segments) events += each.events;
  Require(found->next_sequence >= found->cursor.sequence);
  Require(events <= found->next_sequence - found->cursor.sequence);
  if ((whole & 0xA0) == 0) Require(events >= records);
  // What was cut or put aside is not found twice.
  const auto again = ReadSpool(folder, Disk::System());
  Require(again.has_value() && again->torn_bytes == 0);
  Require(again->damage.size() == found->damage.size());
}

}  // namespace
}  // namespace jammi::events

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jammi::SetLog(jammi::LogLevel::kOff, jammi::LogFormat::kText);
  if (size == 0) return 0;
  jammi::events::ReadAll({reinterpret_cast<const char*>(data) + 1, size - 1}, data[0]);
  return 0;
}
