// A server: an engine, and the ports at which it is asked.
#pragma once

#include <memory>
#include <string>

#include "jammi/clock.h"
#include "jammi/config.h"
#include "jammi/engine.h"
#include "jammi/result.h"

namespace jammi {

// Thread-safe.
class Server {
 public:
  // Opens the engine, binds both ports and serves. Errors: those of Engine::Open, of CheckExposure() and of
  // ServerAccess::Open(); kUnimplemented with
  // ConfigDetail: a tier that this build does not have; kUnavailable and kInvalidArgument of an address;
  // kFailedPrecondition of a certificate.
  [[nodiscard]] static Result<std::unique_ptr<Server>> Start(const Config& config,
                                                             EngineOptions options = {});

  // Drain(Deadline::Now()).
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // As they are bound.
  [[nodiscard]] std::string flight_address() const;
  [[nodiscard]] std::string health_address() const;

  // Reads the files of tokens and certificates again; calls and connections that there are go on, but for
  // streams of those who would no longer be let in. Errors: what cannot be used stays as it was, and is
  // named.
  [[nodiscard]] Result<void> Reload();

  // Is not ready from now on, takes no more calls, ends the streams with UNAVAILABLE, lets other calls come
  // to their end until `deadline`, cancels the rest, closes the engine (SRV-009, SRV-010). Idempotent.
  void Drain(Deadline deadline);

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace jammi
