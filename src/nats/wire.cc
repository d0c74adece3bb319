#include "nats/wire.h"

#include <openssl/crypto.h>

#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "nats/nats_error.h"

namespace jammi::nats {
namespace {

bool WantsTls(const ConnectionOptions& options) {
  return options.tls || !options.authority_path.empty() || !options.certificate_path.empty();
}

// cnats 3.4 and OpenSSL both free OpenSSL's compression methods when the process ends, and it aborts where
// OpenSSL comes first. Handlers run last in, first out: ours, after cnats's own, puts it in order. Only
// programs that use TLS here need it, and so only they get it.
void OrderExitHandlers() {
  static const int once = [] {
    nats_Open(-1);
    return std::atexit(OPENSSL_cleanup);
  }();
  static_cast<void>(once);
}

// The options as the library wants them; the first thing that it refuses is the error.
class Settings {
 public:
  Settings() { Try(natsOptions_Create(&options_)); }
  ~Settings() { natsOptions_Destroy(options_); }
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  void Try(natsStatus status) {
    if (status_ == NATS_OK) status_ = status;
  }
  [[nodiscard]] natsStatus status() const { return status_; }
  [[nodiscard]] natsOptions* get() const { return options_; }

 private:
  natsOptions* options_ = nullptr;
  natsStatus status_ = NATS_OK;
};

void SetServers(const std::vector<std::string>& addresses, Settings* settings) {
  std::vector<const char*> servers;
  for (const auto& address : addresses) servers.push_back(address.c_str());
  settings->Try(natsOptions_SetServers(settings->get(), servers.data(), static_cast<int>(servers.size())));
}

void SetIdentity(const ConnectionOptions& options, Settings* settings) {
  if (!options.credentials_path.empty()) {
    settings->Try(
        natsOptions_SetUserCredentialsFromFiles(settings->get(), options.credentials_path.c_str(), nullptr));
  }
  if (!options.user.empty()) {
    settings->Try(
        natsOptions_SetUserInfo(settings->get(), options.user.c_str(), options.password.Reveal().c_str()));
  }
  if (!options.token.empty())
    settings->Try(natsOptions_SetToken(settings->get(), options.token.Reveal().c_str()));
}

void SetTls(const ConnectionOptions& options, Settings* settings) {
  if (!WantsTls(options)) return;
  OrderExitHandlers();
  settings->Try(natsOptions_SetSecure(settings->get(), true));
  if (!options.authority_path.empty()) {
    settings->Try(natsOptions_LoadCATrustedCertificates(settings->get(), options.authority_path.c_str()));
  }
  if (!options.certificate_path.empty()) {
    settings->Try(natsOptions_LoadCertificatesChain(settings->get(), options.certificate_path.c_str(),
                                                    options.key_path.c_str()));
  }
}

void SetBehaviour(const ConnectionOptions& options, Settings* settings) {
  natsOptions* const to = settings->get();
  settings->Try(natsOptions_SetName(to, options.name.c_str()));
  settings->Try(natsOptions_SetTimeout(to, options.connect_timeout.count()));
  settings->Try(natsOptions_SetPingInterval(to, options.ping_interval.count()));
  settings->Try(natsOptions_SetMaxPingsOut(to, 2));
  settings->Try(natsOptions_SetWriteDeadline(to, options.write_timeout.count()));
  // What is sent while there is no connection is refused, not kept: its sender knows better what to do.
  settings->Try(natsOptions_SetAllowReconnect(to, false));
  settings->Try(natsOptions_UseGlobalMessageDelivery(to, true));
}

// Permissions Violation for Publish to "a.b" [using reply "c"]. The library keeps 255 bytes of it, so of a
// longer subject we learn the beginning.
std::optional<Connection::Denial> ReadDenial(std::string_view said) {
  constexpr std::string_view kBegin = "permissions violation for publish to \"";
  if (!AsciiLower(said).starts_with(kBegin)) return std::nullopt;
  said.remove_prefix(kBegin.size());
  const size_t end = said.find('"');
  return Connection::Denial{std::string(said.substr(0, end)), end == std::string_view::npos};
}

}  // namespace

std::expected<std::shared_ptr<Connection::Wire>, natsStatus> Connection::Wire::Make(
    const ConnectionOptions& options, const std::vector<std::string>& addresses, Events events) {
  const std::shared_ptr<Wire> wire(new Wire(std::move(events)));
  Settings settings;
  if (settings.status() == NATS_OK) {
    SetServers(addresses, &settings);
    SetIdentity(options, &settings);
    SetTls(options, &settings);
    SetBehaviour(options, &settings);
    settings.Try(natsOptions_SetClosedCB(settings.get(), OnClosed, wire.get()));
    settings.Try(natsOptions_SetErrorHandler(settings.get(), OnError, wire.get()));
  }
  natsStatus status = settings.status();
  if (status == NATS_OK) {
    wire->self_ = wire;
    status = natsConnection_Connect(&wire->connection_, settings.get());
  }
  if (status != NATS_OK) {
    wire->self_.reset();
    return std::unexpected(status);
  }
  return wire;
}

Connection::Wire::~Wire() {
  if (connection_ != nullptr) natsConnection_Destroy(connection_);
}

void Connection::Wire::Close() { natsConnection_Close(connection_); }

std::vector<std::string> Connection::Wire::Discovered() const {
  std::vector<std::string> found;
  char** servers = nullptr;
  int count = 0;
  if (natsConnection_GetDiscoveredServers(connection_, &servers, &count) != NATS_OK) return found;
  for (int i = 0; i < count; ++i) {
    found.emplace_back(servers[i]);
    std::free(servers[i]);
  }
  std::free(servers);
  return found;
}

void Connection::Wire::OnClosed(natsConnection* connection, void* closure) {
  std::shared_ptr<Wire> self;
  std::function<void(Error)> on_lost;
  natsStatus status = NATS_OK;
  {
    auto* const wire = static_cast<Wire*>(closure);
    const std::lock_guard lock(wire->mutex_);
    self = std::move(wire->self_);
    on_lost = std::move(wire->events_.on_lost);
    const char* text = nullptr;
    status = natsConnection_GetLastError(connection, &text);
    if (status == NATS_OK) status = wire->last_error_;
  }
  if (status == NATS_OK) status = NATS_CONNECTION_CLOSED;
  if (on_lost) on_lost(FromStatus(status, "the connection was lost"));
}

// A subject that we may not use, or an inbox that was too slow: the connection goes on.
void Connection::Wire::OnError(natsConnection* /*connection*/, natsSubscription* /*subscription*/,
                               natsStatus status, void* closure) {
  auto* const wire = static_cast<Wire*>(closure);
  std::function<void(const Denial&)> on_denied;
  {
    const std::lock_guard lock(wire->mutex_);
    wire->last_error_ = status;
    on_denied = wire->events_.on_denied;
  }
  // The library leaves here what the server has said, for this thread.
  const char* const said = nats_GetLastError(nullptr);
  const auto denied =
      status == NATS_NOT_PERMITTED && said != nullptr ? ReadDenial(said) : std::optional<Denial>();
  if (denied && on_denied) {
    Log(LogLevel::kWarning, "NATS: we may not publish to '{}{}'", denied->subject, denied->cut ? "..." : "");
    on_denied(*denied);
  } else {
    Log(LogLevel::kWarning, "NATS: {}", natsStatus_GetText(status));
  }
}

}  // namespace jammi::nats
