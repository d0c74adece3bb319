#include "http/probes.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace jammi {
namespace {

std::string HealthBody(std::string_view version) {
  const nlohmann::ordered_json body = {{"status", "ok"}, {"version", version}};
  return body.dump();
}

// A text may quote a database; whatever bytes it has, the answer is JSON.
std::string Dump(const nlohmann::ordered_json& body) {
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

HttpResponse NotReady(std::string_view detail) {
  return {.status = 503, .body = Dump({{"status", "not_ready"}, {"detail", detail}}), .allow = {}};
}

HttpResponse Draining() { return NotReady("server is shutting down"); }

}  // namespace

Probes::Probes(std::string_view version, const ServerMetrics& metrics, ReadyCheck check)
    : health_(HealthBody(version)),
      ready_([this, check = std::move(check)] { return Ready(check); }),
      metrics_([&metrics] {
        return HttpResponse{.content_type = "text/plain; version=0.0.4", .body = metrics.Text(), .allow = {}};
      }) {}

HttpResponse Probes::Ready(const ReadyCheck& check) const {
  if (draining_) return Draining();
  const auto ready = check();
  if (draining_) return Draining();  // it began meanwhile
  if (!ready) return NotReady(ready.error().message());
  nlohmann::ordered_json body = {{"status", "ready"}};
  if (!ready->degraded.empty()) body["degraded"] = ready->degraded;
  return {.body = Dump(body), .allow = {}};
}

HttpHandler Probes::Handler() {
  return [this](const HttpRequest& request, HttpRespond respond) {
    const bool health = request.path == "/healthz";
    const bool ready = request.path == "/readyz";
    const bool metrics = request.path == "/metrics";
    if (!health && !ready && !metrics) return respond(HttpError(404, "Not found", "not_found"));
    if (request.method != "GET") {
      auto refusal = HttpError(405, "Method not allowed", "method_not_allowed");
      refusal.allow = "GET, HEAD";
      return respond(std::move(refusal));
    }
    if (health) return respond({.body = health_, .allow = {}});
    if (metrics) return metrics_.Ask(std::move(respond));
    if (draining_) return respond(Draining());  // without waiting for a check that may hang
    ready_.Ask(std::move(respond));
  };
}

}  // namespace jammi
