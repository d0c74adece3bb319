#include "cli/input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace jammi {
namespace {

constexpr size_t kBufferBytes = size_t{256} << 10;

std::string Reason() { return std::generic_category().message(errno); }

}  // namespace

StopSignal::StopSignal() : wake_(::eventfd(0, EFD_CLOEXEC)) {
  interrupt_.emplace([this] {
    stopped_ = true;
    ::eventfd_write(wake_, 1);
  });
}

StopSignal::~StopSignal() {
  interrupt_.reset();
  ::close(wake_);
}

Result<void> StopSignal::Check() const {
  if (stopped_) return Error(ErrorCode::kCancelled, "stopped by a signal");
  return {};
}

Result<void> StopSignal::WaitFor(int descriptor) const {
  std::array<struct pollfd, 2> waits = {
      {{.fd = wake_, .events = POLLIN, .revents = 0}, {.fd = descriptor, .events = POLLIN, .revents = 0}}};
  while (::poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) {
  }
  return Check();
}

Input::Input(int fd, std::string name) : fd_(fd), name_(std::move(name)), buffer_(kBufferBytes, '\0') {}
Input::Input(Input&& other) noexcept
    : fd_(std::exchange(other.fd_, STDIN_FILENO)),
      name_(std::move(other.name_)),
      buffer_(std::move(other.buffer_)) {}
Input::~Input() {
  if (fd_ != STDIN_FILENO) ::close(fd_);
}

Result<Input> Input::Open(const std::string& file) {
  if (file == "-") return Input(STDIN_FILENO, "the standard input");
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) return Input(fd, fmt::format("--file {}", file));
  const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
  return Error(code, fmt::format("--file {}: {}", file, Reason()));
}

Result<std::string_view> Input::Read(const StopSignal& stop) {
  for (;;) {
    JAMMI_TRY(stop.WaitFor(fd_));
    const ssize_t got = ::read(fd_, buffer_.data(), buffer_.size());
    if (got >= 0) return std::string_view(buffer_.data(), static_cast<size_t>(got));
    if (errno == EBADF && fd_ == STDIN_FILENO)
      return Error(ErrorCode::kUnavailable, fmt::format("{} is closed", name_));
    if (errno != EINTR) return Error(ErrorCode::kUnavailable, fmt::format("{}: {}", name_, Reason()));
  }
}

}  // namespace jammi
