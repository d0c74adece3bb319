#include "support/nats_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string_view>
#include <thread>

#include "support/nats_credentials.h"

namespace jammi::test {
namespace {

constexpr const char* kDebianServer = "/usr/sbin/nats-server";

// True once somebody there says that he is a NATS server.
bool Greets(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  char greeting[4] = {};
  const bool greets = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                      recv(fd, greeting, sizeof(greeting), MSG_WAITALL) == sizeof(greeting) &&
                      std::string_view(greeting, sizeof(greeting)) == "INFO";
  close(fd);
  return greets;
}

}  // namespace

NatsServer::NatsServer(const Options& options)
    : options_(options), home_("nats", options.storage, "server.pid", "KILL"), port_(ServerHome::FreePort()) {
  Configure();
  Start();
}

NatsServer::~NatsServer() {
  if (running()) Kill();
}

void NatsServer::Configure() {
  const std::string folder = home_.folder();
  std::ofstream config(folder + "/server.conf");
  config << fmt::format("host: \"127.0.0.1\"\nport: {}\npid_file: \"{}/server.pid\"\n", port_, folder)
         << fmt::format("jetstream {{ store_dir: \"{}/store\" }}\n", folder);
  if (!options_.configuration.empty()) {
    std::ofstream(folder + "/more.conf") << options_.configuration;
    config << "include ./more.conf\n";
  }
  if (options_.max_payload > 0) config << fmt::format("max_payload: {}\n", options_.max_payload);
  switch (options_.login) {
    case Login::kNobody:
      break;
    case Login::kPassword:
      config << fmt::format("authorization {{ user: \"{}\", password: \"{}\" }}\n", kUser, kPassword);
      break;
    case Login::kToken:
      config << fmt::format("authorization {{ token: \"{}\" }}\n", kToken);
      break;
    case Login::kCredentials: {
      const auto credentials = MakeNatsCredentials();
      config << credentials.server_configuration;
      std::ofstream(credentials_path()) << credentials.user_file;
      std::ofstream(stranger_path()) << credentials.stranger_file;
      break;
    }
  }
  if (!options_.tls) return;
  home_.MakeAuthority();
  const bool expired = options_.certificate == Certificate::kExpired;
  const bool of_another = options_.certificate == Certificate::kOfAnotherHost;
  home_.MakeCertificate("server", home_.folder() / "server", of_another ? "DNS:elsewhere" : "IP:127.0.0.1",
                        expired ? -1 : 2);
  home_.MakeCertificate("client", home_.folder() / "client");
  config << fmt::format("tls {{ cert_file: \"{0}/server.crt\", key_file: \"{0}/server.key\"", folder);
  if (options_.client_certificate)
    config << fmt::format(", ca_file: \"{}/authority.crt\", verify: true", folder);
  config << " }\n";
}

std::string NatsServer::Url(int port) const {
  return fmt::format("nats://127.0.0.1:{}", port == 0 ? port_ : port);
}

std::string NatsServer::UrlWithLogin() const {
  if (options_.login == Login::kToken) return fmt::format("nats://{}@127.0.0.1:{}", kToken, port_);
  return fmt::format("nats://{}:open%40sesame%3A1@127.0.0.1:{}", kUser, port_);
}

void NatsServer::Start() {
  const char* const program = options_.version == Version::kPinned ? JAMMI_NATS_SERVER : kDebianServer;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  pid_ = home_.Spawn(fmt::format("exec {} -c {}/server.conf", program, home_.folder().string()));
  while (!Greets(port_)) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_ || std::chrono::steady_clock::now() > give_up) {
      home_.Fail("the server does not start:\n" + home_.Log());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void NatsServer::End(int signal) {
  if (suspended_ && signal != SIGKILL) Resume();
  kill(pid_, signal);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
  suspended_ = false;
}

void NatsServer::Stop() { End(SIGTERM); }
void NatsServer::Kill() { End(SIGKILL); }

void NatsServer::Suspend() {
  kill(pid_, SIGSTOP);
  waitpid(pid_, nullptr, WUNTRACED);  // its threads stop one after the other
  suspended_ = true;
}

void NatsServer::Resume() {
  kill(pid_, SIGCONT);
  suspended_ = false;
}

void NatsServer::Reconfigure(const std::string& configuration) {
  constexpr std::string_view kDone = "Reloaded server configuration";
  const auto reloads = [this, kDone] {
    const std::string log = home_.Log();
    size_t count = 0;
    for (size_t at = log.find(kDone); at != std::string::npos; at = log.find(kDone, at + 1)) ++count;
    return count;
  };
  const size_t before = reloads();
  std::ofstream(home_.folder() / "more.conf") << configuration;
  kill(pid_, SIGHUP);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (reloads() == before) {
    if (std::chrono::steady_clock::now() > give_up)
      home_.Fail("the server does not take its new configuration:\n" + home_.Log());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void NatsServer::Wipe() {
  if (running()) Kill();
  std::filesystem::remove_all(home_.folder() / "store");
}

}  // namespace jammi::test
