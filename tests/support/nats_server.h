// A nats-server of a test program's own, with JetStream: in a temporary folder, on a free loopback port, run
// by an ordinary user. It is stopped and its folder removed when the program ends, however it ends.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "support/server_home.h"

namespace jammi::test {

// Used by one thread at a time. A failure ends the program with what the server said.
class NatsServer {
 public:
  enum class Version : uint8_t {
    kPinned,
    kDebian
  };  // what scripts/setup fetches | the distribution's, older
  enum class Login : uint8_t { kNobody, kPassword, kToken, kCredentials };
  enum class Certificate : uint8_t { kGood, kExpired, kOfAnotherHost };
  struct Options {
    Version version = Version::kPinned;
    ServerHome::Storage storage = ServerHome::Storage::kMemory;
    Login login = Login::kNobody;
    bool tls = false;
    bool client_certificate = false;  // asked for, with `tls`
    Certificate certificate = Certificate::kGood;
    int64_t max_payload = 0;         // bytes; 0 = the server's default, 1 MiB
    std::string configuration = {};  // more of it, in the server's own language
  };
  static constexpr const char* kUser = "jammi";
  static constexpr const char* kPassword = "open@sesame:1";  // wants to be percent-encoded in an address
  static constexpr const char* kToken = "s3cr3t-t0k3n";

  // Returns when it takes connections.
  NatsServer() : NatsServer(Options()) {}
  explicit NatsServer(const Options& options);
  ~NatsServer();
  NatsServer(const NatsServer&) = delete;
  NatsServer& operator=(const NatsServer&) = delete;

  [[nodiscard]] int port() const { return port_; }
  // Without credentials. `port`: 0 = the server's own, else a proxy's.
  [[nodiscard]] std::string Url(int port = 0) const;
  // The same with the user's password or the token in it.
  [[nodiscard]] std::string UrlWithLogin() const;
  // With Login::kCredentials: of the user, and of one whom the server does not know.
  [[nodiscard]] std::filesystem::path credentials_path() const { return home_.folder() / "user.creds"; }
  [[nodiscard]] std::filesystem::path stranger_path() const { return home_.folder() / "stranger.creds"; }
  // With `tls`: who has signed the server's certificate, and a client's certificate and key.
  [[nodiscard]] std::filesystem::path authority_path() const { return home_.folder() / "authority.crt"; }
  [[nodiscard]] std::filesystem::path certificate_path() const { return home_.folder() / "client.crt"; }
  [[nodiscard]] std::filesystem::path key_path() const { return home_.folder() / "client.key"; }

  void Stop();   // it says goodbye
  void Kill();   // SIGKILL
  void Start();  // again, on the same port, with what it has stored; waits until it takes connections
  void Restart() {
    Stop();
    Start();
  }
  void Suspend();  // SIGSTOP: connections stay, nothing is answered
  void Resume();
  // Puts another text in place of the options' `configuration`, which was not empty; the server goes on with
  // it.
  void Reconfigure(const std::string& configuration);
  // Stops it if it runs, and forgets what was stored.
  void Wipe();
  [[nodiscard]] bool running() const { return pid_ > 0; }

 private:
  void Configure();
  void End(int signal);

  const Options options_;
  const ServerHome home_;
  const int port_;
  pid_t pid_ = -1;
  bool suspended_ = false;
};

}  // namespace jammi::test
