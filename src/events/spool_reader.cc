#include "events/spool_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/log.h"
#include "events/sink_error.h"

namespace jammi::events {
namespace {

namespace fs = std::filesystem;

constexpr size_t kChunkBytes = size_t{1} << 20;

Error DataLoss(std::string message) {
  return Error(ErrorCode::kDataLoss, std::move(message), SinkDetail{.fault = SinkFault::kSpillFailed});
}

class SpoolScan {
 public:
  SpoolScan(const fs::path& directory, Disk& disk) : directory_(directory), disk_(disk) {}

  Result<SpoolContents> Run() {
    JAMMI_TRY(FindCursor());
    JAMMI_TRY(FindSegments());
    auto& segments = found_.segments;
    MeetCursor();
    found_.next_sequence = found_.cursor.sequence;
    found_.begin_segment = true;
    for (size_t i = 0; i < segments.size(); ++i) {
      JAMMI_TRY(Scan(segments[i], i + 1 < segments.size() ? &segments[i + 1] : nullptr));
    }
    // What lay behind the cursor was delivered, and lost with the power.
    if (found_.next_sequence < found_.cursor.sequence) {
      found_.next_sequence = found_.cursor.sequence;
      found_.begin_segment = true;
    }
    return std::move(found_);
  }

 private:
  Result<void> FindCursor() {
    const fs::path path = directory_ / "cursor";
    if (!fs::exists(path)) return {};
    JAMMI_ASSIGN(const File file, OpenFile(path, O_RDONLY));
    JAMMI_ASSIGN(const std::string bytes, ReadAt(file, 0, kCursorFileBytes, path));
    if (const auto cursor = ReadCursor(bytes)) {
      found_.cursor = *cursor;
    } else if (!bytes.empty()) {  // empty: it was made, and the power failed
      Damage(fmt::format("{} is damaged: what the spool still holds is delivered again", path.string()), {},
             0);
    }
    return {};
  }

  // Lists them in order, and removes those that are delivered.
  Result<void> FindSegments() {
    std::vector<uint64_t> firsts;
    std::error_code failed;
    for (fs::directory_iterator at(directory_, failed), end; !failed && at != end; at.increment(failed)) {
      if (const auto first = ParseSegmentName(at->path().filename().string())) firsts.push_back(*first);
    }
    if (failed) return DiskError(failed.value(), fmt::format("listing {}", directory_.string()));
    std::ranges::sort(firsts);
    for (size_t i = 0; i < firsts.size(); ++i) {
      SpoolSegment segment{.first = firsts[i], .path = directory_ / SegmentName(firsts[i])};
      if (i + 1 < firsts.size() && firsts[i + 1] <= found_.cursor.sequence) {
        unlink(segment.path.c_str());  // else it is tried again next time
      } else {
        found_.segments.push_back(std::move(segment));
      }
    }
    return {};
  }

  // The cursor begins where the segments do, unless one is missing.
  void MeetCursor() {
    if (found_.segments.empty() || found_.segments.front().first <= found_.cursor.sequence) return;
    const uint64_t first = found_.segments.front().first;
    if (found_.cursor.generation != 0) {
      Damage(fmt::format("{}: the segment of the events {} to {} is missing", directory_.string(),
                         found_.cursor.sequence, first - 1),
             {}, 0);
    }
    found_.cursor.sequence = first;
  }

  // `next`: null for the last one, which alone may have a torn end and takes further records.
  Result<void> Scan(SpoolSegment& segment, const SpoolSegment* next) {
    JAMMI_ASSIGN(File file, OpenFile(segment.path, O_RDWR));
    JAMMI_ASSIGN(segment.bytes, SizeOf(file, segment.path));
    JAMMI_TRY(CheckHeader(segment, file, next));
    JAMMI_ASSIGN(auto reader, SegmentReader::Open(segment.path));
    const uint64_t cursor = found_.cursor.sequence;
    uint64_t sequence = segment.first;
    uint64_t offset = kSegmentHeaderBytes;
    while (offset < segment.bytes && (next == nullptr || sequence < next->first)) {
      JAMMI_ASSIGN(const RecordView record, reader.At(offset, sequence, segment.bytes));
      if (record.state == RecordState::kBadHeader || record.state == RecordState::kShort) {
        if (next == nullptr) {
          JAMMI_ASSIGN(const bool torn, CutIfTorn(segment, file, offset, record.state));
          if (torn) break;
        }
        JAMMI_TRY(SkipRest(segment, file, offset, sequence, next));
        return {};
      }
      if (sequence < cursor) {
        found_.cursor_offset = offset + record.size;
      } else if (record.state == RecordState::kWhole) {
        if (found_.oldest == 0) found_.oldest = record.appended_at;
        ++segment.events;
        segment.event_bytes += record.size;
      } else {
        JAMMI_TRY(PutAside(segment, file, offset, record.size, "its checksum does not match"));
        found_.skips[sequence] = {.sequence = sequence + 1, .offset = offset + record.size};
      }
      offset += record.size;
      ++sequence;
    }
    if (next == nullptr) {
      found_.next_sequence = sequence;
      found_.begin_segment = false;
      return {};
    }
    if (offset < segment.bytes) JAMMI_TRY(SkipRest(segment, file, offset, sequence, next));
    if (sequence < next->first && next->first > cursor) {
      const uint64_t from = std::max(sequence, cursor);
      Damage(
          fmt::format("{} ends too early: {} events are missing", segment.path.string(), next->first - from),
          {}, 0);
      found_.skips[from] = {.sequence = next->first};
    }
    return {};
  }

  Result<void> CheckHeader(SpoolSegment& segment, File& file, const SpoolSegment* next) {
    JAMMI_ASSIGN(const std::string bytes, ReadAt(file, 0, kSegmentHeaderBytes, segment.path));
    const auto header = ReadSegmentHeader(bytes);
    if (header && header->format != kSpoolFormat) {
      return DataLoss(fmt::format("{} has the form {}; this version knows {}", segment.path.string(),
                                  header->format, kSpoolFormat));
    }
    if (header && header->first == segment.first) return {};
    // Records come only when a header is on disk: one that ends before is of a spool that was just begun.
    if (next == nullptr && bytes.size() < kSegmentHeaderBytes) {
      found_.torn_bytes += bytes.size();
      JAMMI_TRY(WriteHeader(segment, file));
      return {};
    }
    return PutAside(segment, file, 0, kSegmentHeaderBytes, "its header does not match");
  }

  Result<void> WriteHeader(SpoolSegment& segment, const File& file) {
    const std::string header = SegmentHeader(segment.first);
    JAMMI_TRY(WriteAll(disk_, file, header, segment.path));
    JAMMI_TRY(SyncFile(disk_, file, segment.path));
    segment.bytes = kSegmentHeaderBytes;
    return {};
  }

  // A record that was being appended when the power failed, or the program was killed: nobody was told that
  // it is taken.
  Result<bool> CutIfTorn(SpoolSegment& segment, File& file, uint64_t offset, RecordState state) {
    if (state == RecordState::kBadHeader) {
      // Some file systems make a file longer before they write into it.
      JAMMI_ASSIGN(const std::string rest,
                   ReadAt(file, offset, static_cast<size_t>(segment.bytes - offset), segment.path));
      if (rest.find_first_not_of('\0') != std::string::npos) return false;
    }
    if (ftruncate(file.fd(), static_cast<off_t>(offset)) != 0) {
      return DiskError(errno, fmt::format("cutting {}", segment.path.string()));
    }
    JAMMI_TRY(SyncFile(disk_, file, segment.path));
    Log(LogLevel::kWarning, "events: {}: the last {} bytes were no whole record and are cut",
        segment.path.string(), segment.bytes - offset);
    found_.torn_bytes += segment.bytes - offset;
    segment.bytes = offset;
    return true;
  }

  // Nobody knows where the next record begins.
  Result<void> SkipRest(SpoolSegment& segment, const File& file, uint64_t offset, uint64_t sequence,
                        const SpoolSegment* next) {
    const uint64_t rest = segment.bytes - offset;
    // So many records can there be; a number that was given is not given again.
    const uint64_t after = next != nullptr ? next->first : sequence + rest / kRecordHeaderBytes + 1;
    if (after > found_.cursor.sequence) {
      JAMMI_TRY(PutAside(segment, file, offset, rest, "no record begins there"));
      const uint64_t from = std::max(sequence, found_.cursor.sequence);
      if (from < after) found_.skips[from] = {.sequence = after};
    }
    if (next == nullptr) found_.next_sequence = after;
    return {};
  }

  // Copies what is damaged to the quarantine, and tells of it.
  Result<void> PutAside(const SpoolSegment& segment, const File& file, uint64_t offset, uint64_t size,
                        std::string_view what) {
    const fs::path folder = directory_ / "quarantine";
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
      return DiskError(errno, fmt::format("making {}", folder.string()));
    }
    const fs::path path = folder / fmt::format("{}-{}.damaged", segment.path.filename().string(), offset);
    JAMMI_ASSIGN(const std::string bytes, ReadAt(file, offset, static_cast<size_t>(size), segment.path));
    JAMMI_ASSIGN(const File copy, OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC));
    JAMMI_TRY(WriteAll(disk_, copy, bytes, path));
    JAMMI_TRY(SyncFile(disk_, copy, path));
    JAMMI_TRY(SyncDirectory(disk_, folder));
    Damage(fmt::format("{} is damaged at byte {}: {}; {} bytes are in {}", segment.path.string(), offset,
                       what, bytes.size(), path.string()),
           path, bytes.size());
    return {};
  }

  void Damage(std::string message, const fs::path& quarantine, uint64_t bytes) {
    Log(LogLevel::kError, "events: {}", message);
    found_.damage.push_back(
        {.error = DataLoss(std::move(message)), .quarantine = quarantine, .bytes = bytes});
  }

  const fs::path& directory_;
  Disk& disk_;
  SpoolContents found_;
};

}  // namespace

Result<SegmentReader> SegmentReader::Open(const fs::path& path) {
  JAMMI_ASSIGN(File file, OpenFile(path, O_RDONLY));
  return SegmentReader(std::move(file), path);
}

Result<RecordView> SegmentReader::At(uint64_t offset, uint64_t sequence, uint64_t limit) {
  const auto buffered = [&]() -> std::string_view {
    if (offset < buffer_at_ || offset > buffer_at_ + buffer_.size()) return {};
    return std::string_view(buffer_).substr(static_cast<size_t>(offset - buffer_at_));
  };
  RecordView record = ReadRecord(buffered(), sequence);
  while (record.state == RecordState::kShort && offset + buffered().size() < limit) {
    const size_t wanted = std::max(record.size, kChunkBytes);
    const size_t count = static_cast<size_t>(std::min<uint64_t>(wanted, limit - offset));
    JAMMI_ASSIGN(buffer_, ReadAt(file_, offset, count, path_));
    buffer_at_ = offset;
    record = ReadRecord(buffer_, sequence);
    if (buffer_.size() < count) break;  // the file is shorter than it was
    if (record.size > limit - offset) break;
  }
  return record;
}

Result<SpoolContents> ReadSpool(const fs::path& directory, Disk& disk) {
  return SpoolScan(directory, disk).Run();
}

}  // namespace jammi::events
