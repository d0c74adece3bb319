// One connection of the client library, from its making to its loss. It is never made again: the
// Connection makes another.
#pragma once

#include <nats/nats.h>

#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nats/connection.h"

namespace jammi::nats {

// Thread-safe.
class Connection::Wire : public std::enable_shared_from_this<Wire> {
 public:
  struct Events {
    std::function<void(Error)> on_lost;            // once, if it was made and was then lost or closed
    std::function<void(const Denial&)> on_denied;  // a subject that was published to in vain
  };
  // Waits up to the options' connect_timeout for each address. `events` come on threads of the library.
  // The error is a natsStatus.
  [[nodiscard]] static std::expected<std::shared_ptr<Wire>, natsStatus> Make(
      const ConnectionOptions& options, const std::vector<std::string>& addresses, Events events);
  ~Wire();

  [[nodiscard]] natsConnection* get() const { return connection_; }
  // Where else the servers say that there are servers.
  [[nodiscard]] std::vector<std::string> Discovered() const;
  void Close();

 private:
  explicit Wire(Events events) : events_(std::move(events)) {}
  static void OnClosed(natsConnection* connection, void* closure);
  static void OnError(natsConnection* connection, natsSubscription* subscription, natsStatus status,
                      void* closure);

  natsConnection* connection_ = nullptr;
  std::mutex mutex_;
  Events events_;  // empty when they have been told all
  natsStatus last_error_ = NATS_OK;
  std::shared_ptr<Wire> self_;  // what the library calls back stays until it has said that it ends
};

}  // namespace jammi::nats
