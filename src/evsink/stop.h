// SIGINT and SIGTERM: a request to end, that whoever waits for input hears too.
#pragma once

#include <stop_token>
#include <thread>

namespace jammi::evsink {

// One per process, made before any thread. The second signal ends the program as if nobody had listened.
class Stop {
 public:
  Stop();
  ~Stop();
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

  [[nodiscard]] bool requested() const { return source_.stop_requested(); }
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

  // Waits until `fd` has something to read (true), or a stop is requested (false).
  [[nodiscard]] bool AwaitInput(int fd) const;

 private:
  void Listen();

  int wake_[2] = {-1, -1};   // written to by the destructor
  int heard_[2] = {-1, -1};  // readable from the first signal on
  std::stop_source source_;
  std::thread listener_;
};

}  // namespace jammi::evsink
