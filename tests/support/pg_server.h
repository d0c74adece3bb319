// A PostgreSQL server of a test program's own: in a temporary folder, on a free loopback port, run by an
// ordinary user. It is stopped and its folder removed when the program ends, however it ends.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>

#include "support/server_home.h"

namespace jammi::test {

// Used by one thread at a time. A failure ends the program with what the server said.
class PgServer {
 public:
  // The one of this program, started on the first call; stopped at exit.
  static PgServer& Shared();

  // kDisk: sizes are PostgreSQL's defaults.
  using Storage = ServerHome::Storage;
  explicit PgServer(Storage storage = Storage::kMemory) : PgServer(nullptr, storage) {}
  // A standby of `primary`, or a server of its own.
  explicit PgServer(const PgServer* primary, Storage storage = Storage::kMemory);
  ~PgServer();
  PgServer(const PgServer&) = delete;
  PgServer& operator=(const PgServer&) = delete;

  [[nodiscard]] int port() const { return port_; }
  // A new database; its name. It stays until the server goes.
  std::string CreateDatabase();
  // Connects over TCP as the superuser; no password is asked for. `port`: 0 = the server's own, else a
  // proxy's.
  [[nodiscard]] std::string Url(const std::string& database, int port = 0) const;
  // The same as a role who must give the password "open sesame".
  [[nodiscard]] std::string UrlWithPassword(const std::string& database, const std::string& password) const;

  // The same over TLS: the server's certificate is signed by the authority in `authority`.
  [[nodiscard]] std::string UrlWithTls(const std::string& database, const std::string& authority) const;
  // Makes an authority and a certificate, and restarts the server with TLS; the authority's file.
  std::string EnableTls();

  // "NAME=value" words for env(1), for the server from its next start on.
  void SetEnvironment(std::string words) { environment_ = std::move(words); }

  enum class Stop { kFast, kImmediate };  // disconnect everybody, write a checkpoint | stop as in a crash
  void Shutdown(Stop how);
  void Start();  // waits until it takes connections
  void Restart(Stop how) {
    Shutdown(how);
    Start();
  }

 private:
  void CreateCluster(Storage storage);
  void CopyCluster(const PgServer& primary);
  void Configure(const std::string& settings) const;

  const ServerHome home_;
  const std::filesystem::path folder_;
  std::string environment_;
  int port_ = 0;
  pid_t postmaster_ = -1;
  int databases_ = 0;
};

}  // namespace jammi::test
