// One connection of the client library, from its making to its loss. It is never made again: the
// Connection makes another.
#pragma once

#include <nats/nats.h>

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
  // Waits up to the options' connect_timeout for each address. `on_lost` is called once, if it was made
  // and was then lost or closed; on a thread of the library.
  [[nodiscard]] static Result<std::shared_ptr<Wire>> Make(const ConnectionOptions& options,
                                                          const std::vector<std::string>& addresses,
                                                          std::function<void(Error)> on_lost);
  ~Wire();

  [[nodiscard]] natsConnection* get() const { return connection_; }
  // Where else the servers say that there are servers.
  [[nodiscard]] std::vector<std::string> Discovered() const;
  void Close();

 private:
  explicit Wire(std::function<void(Error)> on_lost) : on_lost_(std::move(on_lost)) {}
  static void OnClosed(natsConnection* connection, void* closure);
  static void OnError(natsConnection* connection, natsSubscription* subscription, natsStatus status,
                      void* closure);

  natsConnection* connection_ = nullptr;
  std::mutex mutex_;
  std::function<void(Error)> on_lost_;
  natsStatus last_error_ = NATS_OK;
  std::shared_ptr<Wire> self_;  // what the library calls back stays until it has said that it ends
};

}  // namespace jammi::nats
