// A page of memory that all processes of a torture run share, as a file: what the test tells the others
// without asking them. It outlives each of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>

namespace jammi::test {

struct ControlPage {
  // Added to the wall clock of each process that runs with wall_clock.c, which knows this place.
  std::atomic<int64_t> clock_offset_us;
  // Odd: publishers pause, and say so.
  std::atomic<uint64_t> round;
};

// The environment variable with the file's name.
inline constexpr const char* kControlVariable = "JAMMI_TORTURE_CONTROL";

// Throws std::system_error.
class Control {
 public:
  // Makes the file, all zeros, readable by everybody.
  static Control Create(const std::filesystem::path& path);
  // The one that the environment names.
  static Control Open();
  ~Control();
  Control(Control&& other) noexcept : page_(other.page_) { other.page_ = nullptr; }
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  ControlPage* operator->() const { return page_; }

 private:
  explicit Control(int fd);
  ControlPage* page_ = nullptr;
};

}  // namespace jammi::test
