// Lines of files and of standard input, one after another.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "evsink/stop.h"
#include "jammi/result.h"

namespace jammi::evsink {

struct Line {
  std::string text;       // without its end
  std::string file;       // empty: standard input
  uint64_t number = 0;    // in that file, from 1
  bool too_long = false;  // longer than LineReader::kMaxBytes: `text` is empty
};

// Used by one thread. Empty lines are left out; a last line needs no end.
class LineReader {
 public:
  // Far beyond what any broker takes; it bounds what one line of garbage costs.
  static constexpr size_t kMaxBytes = size_t{16} << 20;

  // `files`: none, or "-": the descriptor `in`. `before_reading` is called each time that the lines at hand
  // are used up, and the next ones may have to be waited for.
  LineReader(
      std::vector<std::string> files, int in, const Stop& stop, std::function<void()> before_reading = [] {});
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // nullopt: there is no more, or a stop was requested. Errors: kNotFound, kUnavailable: a file cannot be
  // read; the next call goes on behind it.
  [[nodiscard]] Result<std::optional<Line>> Next();

  [[nodiscard]] uint64_t lines() const { return lines_; }       // given so far
  [[nodiscard]] uint64_t bytes_read() const { return bytes_; }  // of all files
  // Of all files together; nullopt: one of them is not a file.
  [[nodiscard]] std::optional<uint64_t> bytes_total() const { return total_; }

 private:
  [[nodiscard]] Result<bool> OpenNext();
  [[nodiscard]] Result<bool> Fill();
  void CloseFile();
  [[nodiscard]] std::optional<Line> Take(size_t length, size_t skip);

  const std::vector<std::string> files_;
  const int in_;
  const Stop& stop_;
  const std::function<void()> before_reading_;
  size_t next_file_ = 0;
  int fd_ = -1;
  std::string name_;
  std::string buffer_;
  size_t begin_ = 0;       // of the next line
  size_t scanned_ = 0;     // from begin_: holds no line end
  bool skipping_ = false;  // the rest of a line that is too long
  uint64_t number_ = 0;
  uint64_t lines_ = 0;
  uint64_t bytes_ = 0;
  std::optional<uint64_t> total_ = 0;
};

}  // namespace jammi::evsink
