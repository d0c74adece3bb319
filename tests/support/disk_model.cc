#include "support/disk_model.h"

#include <algorithm>
#include <array>
#include <set>

namespace jammi::test {
namespace {

size_t SectorStart(size_t offset) { return offset / kSectorBytes * kSectorBytes; }

// How likely a volatile write survives differs from one power failure to the next: at times nearly all
// of them do, at times none, and what is between finds other mistakes.
uint64_t PercentKept(Random& random) {
  static constexpr std::array<uint64_t, 6> kChoices{0, 20, 50, 80, 95, 100};
  return kChoices[random.Below(kChoices.size())];
}

// Gives the file `size` bytes at least; what was never written is zeros or garbage, sector by sector.
void Grow(FileBytes& file, size_t size, Random& random) {
  while (file.size() < size) {
    const size_t start = file.size();
    file.resize(std::min(size, SectorStart(start) + kSectorBytes));
    if (random.Percent(50)) continue;
    std::generate(file.begin() + static_cast<ptrdiff_t>(start), file.end(),
                  [&] { return static_cast<char>(random.Next()); });
  }
}

void Put(FileBytes& file, size_t offset, std::string_view bytes, Random& random) {
  Grow(file, offset + bytes.size(), random);
  file.replace(offset, bytes.size(), bytes);
}

}  // namespace

void DiskFile::Write(size_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  const size_t end = offset + bytes.size();
  if (seen_.size() < end) seen_.resize(end);
  seen_.replace(offset, bytes.size(), bytes);
  const size_t first = SectorStart(offset);
  const size_t last = std::min(seen_.size(), SectorStart(end + kSectorBytes - 1));
  pending_.push_back({.offset = first, .bytes = seen_.substr(first, last - first)});
}

void DiskFile::Truncate(size_t size) {
  seen_.resize(size);
  pending_.push_back({.truncate_to = size});
}

void DiskFile::Sync() {
  // Every pending change is in seen_; copying only what changed keeps a sync cheap in a large file.
  durable_.resize(seen_.size());
  for (const Change& change : pending_) {
    const size_t begin = change.truncate_to ? std::min(*change.truncate_to, seen_.size()) : change.offset;
    const size_t end =
        change.truncate_to ? seen_.size() : std::min(change.offset + change.bytes.size(), seen_.size());
    if (begin < end) durable_.replace(begin, end - begin, seen_, begin, end - begin);
  }
  pending_.clear();
}

void DiskFile::FailSync(Random& random) {
  durable_ = AfterPowerLoss(random);
  pending_.clear();
}

FileBytes DiskFile::AfterPowerLoss(Random& random) const {
  FileBytes left = durable_;
  const uint64_t percent_kept = PercentKept(random);
  for (const Change& change : pending_) {
    const bool kept = random.Percent(percent_kept);
    if (change.truncate_to) {
      // Sizes shrink and grow whole: they are metadata.
      if (kept && left.size() > *change.truncate_to) left.resize(*change.truncate_to);
      if (kept) Grow(left, *change.truncate_to, random);
    } else if (kept) {
      Put(left, change.offset, change.bytes, random);
    } else if (random.Percent(50)) {  // torn; else dropped
      for (size_t at = 0; at < change.bytes.size(); at += kSectorBytes) {
        if (random.Percent(50)) continue;
        const size_t size = std::min(kSectorBytes, change.bytes.size() - at);
        Put(left, change.offset + at, std::string_view(change.bytes).substr(at, size), random);
      }
      if (random.Percent(50)) Grow(left, change.offset + change.bytes.size(), random);
    }
  }
  return left;
}

Disk::Disk(const DiskImage& image) {
  for (const auto& [path, content] : image) seen_[path] = std::make_shared<DiskFile>(content);
  durable_ = seen_;
}

std::shared_ptr<DiskFile> Disk::Find(std::string_view path) const {
  const auto found = seen_.find(path);
  return found == seen_.end() ? nullptr : found->second;
}

void Disk::Apply(const NameChange& change, Names& names) {
  if (change.file) {
    names[change.path] = change.file;
  } else {
    names.erase(change.path);
  }
}

std::shared_ptr<DiskFile> Disk::Create(std::string_view path) {
  pending_.push_back({std::string(path), std::make_shared<DiskFile>()});
  Apply(pending_.back(), seen_);
  return pending_.back().file;
}

bool Disk::Remove(std::string_view path) {
  if (!seen_.contains(path)) return false;
  pending_.push_back({std::string(path), nullptr});
  Apply(pending_.back(), seen_);
  return true;
}

void Disk::SyncDirectoryOf(std::string_view path) {
  const std::string_view directory = path.substr(0, path.rfind('/'));
  std::erase_if(pending_, [&](const NameChange& change) {
    if (std::string_view(change.path).substr(0, change.path.rfind('/')) != directory) return false;
    Apply(change, durable_);
    return true;
  });
}

DiskImage Disk::AfterPowerLoss(uint64_t seed) const {
  Random random(seed);
  Names names = durable_;
  const uint64_t percent_kept = PercentKept(random);
  std::set<std::string_view> stopped;  // paths of which a change was dropped: the later ones are too
  for (const NameChange& change : pending_) {
    if (!stopped.contains(change.path) && random.Percent(percent_kept)) {
      Apply(change, names);
    } else {
      stopped.insert(change.path);
    }
  }
  DiskImage image;
  for (const auto& [path, file] : names) image[path] = file->AfterPowerLoss(random);
  return image;
}

DiskImage Disk::AfterKill() const {
  DiskImage image;
  for (const auto& [path, file] : seen_) image[path] = file->seen();
  return image;
}

}  // namespace jammi::test
