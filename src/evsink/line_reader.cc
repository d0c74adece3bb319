#include "evsink/line_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/text.h"

namespace jammi::evsink {
namespace {

constexpr std::string_view kStandardInput = "-";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr size_t kReadBytes = size_t{64} << 10;

Error CannotRead(const std::string& name, int error) {
  if (name.empty() && error == EBADF)
    return Error(ErrorCode::kUnavailable, "cannot read standard input: it is closed");
  return Error(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
               fmt::format("cannot read {}: {}", name.empty() ? "standard input" : name,
                           std::generic_category().message(error)));
}

std::optional<uint64_t> SizeOf(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return std::nullopt;
  return static_cast<uint64_t>(found.st_size);
}

}  // namespace

LineReader::LineReader(std::vector<std::string> files, int in, const Stop& stop,
                       std::function<void()> before_reading)
    : files_(files.empty() ? std::vector{std::string(kStandardInput)} : std::move(files)),
      in_(in),
      stop_(stop),
      before_reading_(std::move(before_reading)) {
  for (const std::string& file : files_) {
    const auto size = file == kStandardInput ? std::nullopt : SizeOf(file);
    total_ = total_ && size ? std::optional(*total_ + *size) : std::nullopt;
  }
}

LineReader::~LineReader() { CloseFile(); }

void LineReader::CloseFile() {
  if (fd_ >= 0 && fd_ != in_) ::close(fd_);
  fd_ = -1;
  buffer_.clear();
  begin_ = scanned_ = 0;
  skipping_ = false;
}

// False: there is none.
Result<bool> LineReader::OpenNext() {
  if (next_file_ == files_.size()) return false;
  const std::string& file = files_[next_file_++];
  const bool standard = file == kStandardInput;
  name_ = standard ? "" : file;
  number_ = 0;
  fd_ = standard ? in_ : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) return CannotRead(name_, errno);
  return true;
}

// Reads more of the file. False: there is no more of it, or a stop was requested.
Result<bool> LineReader::Fill() {
  before_reading_();
  for (;;) {
    if (!stop_.AwaitInput(fd_)) return false;
    const size_t had = buffer_.size();
    buffer_.resize(had + kReadBytes);
    const ssize_t got = ::read(fd_, buffer_.data() + had, kReadBytes);
    const int error = errno;
    buffer_.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && error == EINTR) continue;
    if (got < 0) return CannotRead(name_, error);
    bytes_ += static_cast<uint64_t>(got);
    return got > 0;
  }
}

// The next `length` bytes as a line, and `skip` more that are no part of it. nullopt: it is empty.
std::optional<Line> LineReader::Take(size_t length, size_t skip) {
  Line line{.text = buffer_.substr(begin_, length), .file = name_, .number = ++number_};
  // Some programs begin a file with a mark that is no part of its first line.
  if (line.number == 1 && line.text.starts_with(kByteOrderMark)) line.text.erase(0, kByteOrderMark.size());
  begin_ += length + skip;
  scanned_ = 0;
  line.too_long = skipping_ || line.text.size() > kMaxBytes;
  skipping_ = false;
  if (line.too_long) line.text.clear();
  if (!line.too_long && Trim(line.text).empty()) return std::nullopt;
  ++lines_;
  return line;
}

Result<std::optional<Line>> LineReader::Next() {
  for (;;) {
    if (stop_.requested()) return std::optional<Line>();
    if (fd_ < 0) {
      JAMMI_ASSIGN(const bool opened, OpenNext());
      if (!opened) return std::optional<Line>();
    }
    const size_t end = buffer_.find('\n', begin_ + scanned_);
    if (end != std::string::npos) {
      if (auto line = Take(end - begin_, 1)) return line;
      continue;
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    if (buffer_.size() > kMaxBytes) {
      buffer_.clear();
      skipping_ = true;
    }
    scanned_ = buffer_.size();
    const auto more = Fill();
    if (more && *more) continue;
    if (more && stop_.requested())
      return std::optional<Line>();  // what was read of the line is not all of it
    std::optional<Line> last;
    if (more && (!buffer_.empty() || skipping_)) last = Take(buffer_.size(), 0);
    CloseFile();
    if (!more) return more.error();
    if (last) return last;
  }
}

}  // namespace jammi::evsink
