// A disk with a page cache, in memory: what a program sees, and what is left of it when the power fails.
//
// Modelled:
// * Every write and truncation of a file since its last successful sync is volatile. When the power
//   fails each of them, independently, is kept, dropped, or torn: a torn write keeps some of its 512-byte
//   sectors. A sector is written whole or not at all, and never holds a mix of two writes that no
//   program has seen (the page cache writes a sector as it is). So a later write may survive an earlier
//   one: reordering.
// * A file that grew may have its new length without its new bytes; what was never written there reads
//   as zeros or as garbage.
// * A new name, and a removed one, are volatile until their directory is synced. Syncing the file does
//   not do that (POSIX). Names survive independently of one another; those of one path in order.
// * A sync that fails is as on Linux: the writes before it have reached the disk or not, and the page
//   cache believes that they have. Only writing the bytes again and syncing brings them there.
//
// Not modelled: bytes that decay after a sync, disks that lie about a sync, and a page cache that reads
// dropped pages back while the machine runs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/random.h"

namespace jammi::test {

inline constexpr size_t kSectorBytes = 512;

using FileBytes = std::string;
// What a disk holds while nothing runs: absolute path -> content.
using DiskImage = std::map<std::string, FileBytes, std::less<>>;

// A file, whatever its name. Not thread-safe: FaultVfs holds one lock over its whole disk.
class DiskFile {
 public:
  DiskFile() = default;
  explicit DiskFile(FileBytes content) : seen_(content), durable_(std::move(content)) {}

  [[nodiscard]] const FileBytes& seen() const { return seen_; }
  void Write(size_t offset, std::string_view bytes);
  void Truncate(size_t size);
  void Sync();
  void FailSync(Random& random);

  // The content after a power failure now.
  [[nodiscard]] FileBytes AfterPowerLoss(Random& random) const;

 private:
  struct Change {
    std::optional<size_t> truncate_to;  // else a write:
    size_t offset = 0;                  // at a sector boundary
    FileBytes bytes;                    // whole sectors as they were then, but for the file's last
  };
  FileBytes seen_;               // through the page cache
  FileBytes durable_;            // after the last sync
  std::vector<Change> pending_;  // from durable_ to seen_
};

// A directory tree. Not thread-safe.
class Disk {
 public:
  Disk() = default;
  explicit Disk(const DiskImage& image);

  [[nodiscard]] std::shared_ptr<DiskFile> Find(std::string_view path) const;  // nullptr: none
  std::shared_ptr<DiskFile> Create(std::string_view path);                    // REQUIRES: none of that path
  bool Remove(std::string_view path);                                         // false: none
  // Makes the names in the directory of `path` durable.
  void SyncDirectoryOf(std::string_view path);

  // What is there when the machine comes up after a power failure now.
  [[nodiscard]] DiskImage AfterPowerLoss(uint64_t seed) const;
  // What is there when the process is killed now: all that it wrote.
  [[nodiscard]] DiskImage AfterKill() const;

 private:
  struct NameChange {
    std::string path;
    std::shared_ptr<DiskFile> file;  // nullptr: removed
  };
  using Names = std::map<std::string, std::shared_ptr<DiskFile>, std::less<>>;
  static void Apply(const NameChange& change, Names& names);

  Names seen_;
  Names durable_;
  std::vector<NameChange> pending_;
};

}  // namespace jammi::test
