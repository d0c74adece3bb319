// What the health port answers: /healthz, /readyz, /metrics. Rules SRV-050...054.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "http/http_message.h"
#include "http/shared_answer.h"
#include "jammi/result.h"
#include "metrics/server_metrics.h"

namespace jammi {

// Of a server that can do its work.
struct Readiness {
  std::string degraded = {};  // what is amiss all the same, for people; empty: nothing
};

// Thread-safe. A readiness check or a scrape that hangs holds up its own kind and nothing else.
class Probes {
 public:
  // Answers whether the server can do its work: an error's message is what /readyz says. It may take a second
  // (ask the catalog with a deadline); one call at a time, on a thread of ours.
  using ReadyCheck = std::function<Result<Readiness>()>;

  // `metrics` must outlive this. The destructor waits for a check that is under way.
  Probes(std::string_view version, const ServerMetrics& metrics, ReadyCheck check);

  // For HttpServer::Bind(); the server must be stopped first.
  [[nodiscard]] HttpHandler Handler();

  // From now on /readyz says that the server is shutting down (SRV-010).
  void SetDraining() { draining_ = true; }

 private:
  [[nodiscard]] HttpResponse Ready(const ReadyCheck& check) const;

  const std::string health_;  // the body
  std::atomic<bool> draining_ = false;
  SharedAnswer ready_;
  SharedAnswer metrics_;
};

}  // namespace jammi
