// What a program's standard streams are connected to.
#pragma once

#include <functional>
#include <thread>

namespace jammi {

// Puts /dev/null where the program was started without a standard stream: else the first file or connection
// that it opens takes the place, and is read or written as if it were the stream. Reading from the missing
// input, and writing to the missing output, goes on to fail with EBADF. A program that calls this has it done
// before its libraries are initialised, since some of them open descriptors then.
void OpenMissingStreams();

// Of a pipe on the standard output, as in `program ... | head`.
[[nodiscard]] bool ReaderIsGone();

// While it lives, `gone` is called, once and on a thread of its own, when whoever reads the standard output
// has gone: who has nothing to write learns it in no other way.
class ReaderWatch {
 public:
  explicit ReaderWatch(std::function<void()> gone);
  ~ReaderWatch();
  ReaderWatch(const ReaderWatch&) = delete;
  ReaderWatch& operator=(const ReaderWatch&) = delete;

 private:
  int wake_ = -1;
  std::jthread watcher_;
};

}  // namespace jammi
