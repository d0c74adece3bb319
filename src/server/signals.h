// SIGINT and SIGTERM ask a server to end, SIGHUP to read its certificates and tokens again.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace jammi {

enum class ServerSignal : uint8_t { kStop, kReload };

// One per process, made before any other thread: those made later must not take the signals either.
class ServerSignals {
 public:
  ServerSignals();
  ~ServerSignals();
  ServerSignals(const ServerSignals&) = delete;
  ServerSignals& operator=(const ServerSignals&) = delete;

  // The next signal; nullopt: none came in time.
  [[nodiscard]] std::optional<ServerSignal> Await(std::optional<std::chrono::milliseconds> timeout);

  // From now on a signal to stop ends the process at once, with 1 (SRV-010).
  void ExitOnNextStop();

 private:
  int fd_ = -1;
};

}  // namespace jammi
