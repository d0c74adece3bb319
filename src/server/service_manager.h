// What a service manager such as systemd is told of this process, by the protocol of sd_notify(3): datagrams
// to the socket that the variable NOTIFY_SOCKET names. Without a manager all of it does nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "jammi/environment.h"

namespace jammi {

// A message that cannot be sent is lost: a manager that does not listen must not stop a server.
class ServiceManager {
 public:
  explicit ServiceManager(const Environment& environment);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  void Ready() { Tell("READY=1"); }
  void Reloading();
  void Stopping() { Tell("STOPPING=1"); }
  void Alive() { Tell("WATCHDOG=1"); }

  // How often Alive() is wanted; nullopt: not at all.
  [[nodiscard]] std::optional<std::chrono::milliseconds> alive_every() const { return alive_every_; }

 private:
  void Tell(std::string_view state) const;

  std::string path_;  // empty: there is no manager
  int socket_ = -1;
  std::optional<std::chrono::milliseconds> alive_every_;
};

}  // namespace jammi
