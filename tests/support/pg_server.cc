#include "support/pg_server.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "support/raw_postgres.h"

namespace jammi::test {
namespace {

constexpr const char* kPrograms = "/usr/lib/postgresql/15/bin";
constexpr const char* kRole = "jammi";
constexpr const char* kGuardedRole = "guarded";

}  // namespace

PgServer& PgServer::Shared() {
  static PgServer server;
  return server;
}

PgServer::PgServer(const PgServer* primary, Storage storage)
    : home_("pg", storage, "data/postmaster.pid", "QUIT"), folder_(home_.folder()) {
  if (primary != nullptr) {
    CopyCluster(*primary);
    Start();
    return;
  }
  CreateCluster(storage);
  Start();
  RawPostgres admin(Url("postgres"));
  const std::string error =
      admin.Exec(fmt::format("CREATE ROLE {} LOGIN PASSWORD 'open sesame'", kGuardedRole));
  if (!error.empty()) home_.Fail(error);
}

PgServer::~PgServer() {
  if (postmaster_ > 0) Shutdown(Stop::kImmediate);
}

void PgServer::Configure(const std::string& settings) const {
  std::ofstream(folder_ / "data" / "postgresql.conf", std::ios::app) << settings << '\n';
}

void PgServer::CreateCluster(Storage storage) {
  const std::string data = folder_ / "data";
  // Texts are ordered as in no "C" locale, so that a forgotten COLLATE shows.
  home_.Run(
      fmt::format("{}/initdb --no-sync -A trust -U {} -E UTF8 --locale=C.UTF-8 --locale-provider=icu"
                  " --icu-locale=en-US -D {}",
                  kPrograms, kRole, data));
  std::ofstream(data + "/pg_hba.conf")
      << fmt::format("host all {} 127.0.0.1/32 scram-sha-256\n", kGuardedRole)
      << "host all,replication all 127.0.0.1/32 trust\n"
      << "local all all trust\n";
  Configure("listen_addresses = '127.0.0.1'");
  Configure(fmt::format("unix_socket_directories = '{}'", folder_.string()));
  Configure("lc_messages = 'C'\ntimezone = 'UTC'");
  if (storage == Storage::kDisk) return;
  Configure("fsync = off");  // the tests stop the server, never the machine
  Configure("shared_buffers = 32MB\nmax_connections = 60\ndynamic_shared_memory_type = mmap");
}

void PgServer::CopyCluster(const PgServer& primary) {
  home_.Run(fmt::format("{}/pg_basebackup -h 127.0.0.1 -p {} -U {} -D {}/data -R --checkpoint=fast --no-sync",
                        kPrograms, primary.port_, kRole, folder_.string()));
  Configure(fmt::format("unix_socket_directories = '{}'", folder_.string()));
}

std::string PgServer::EnableTls() {
  home_.MakeAuthority();
  home_.MakeCertificate("server", folder_ / "data" / "server");
  Configure("ssl = on");
  Restart(Stop::kFast);
  return folder_ / "authority.crt";
}

void PgServer::Start() {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  if (port_ == 0) port_ = ServerHome::FreePort();
  postmaster_ = home_.Spawn(fmt::format("exec env {} {}/postgres -D {}/data -p {}", environment_, kPrograms,
                                        folder_.string(), port_));
  while (true) {
    int status = 0;
    if (waitpid(postmaster_, &status, WNOHANG) == postmaster_ || std::chrono::steady_clock::now() > give_up) {
      home_.Fail("the server does not start:\n" + home_.Log());
    }
    const std::string state = ReadWholeFile(folder_ / "data" / "postmaster.pid");
    if (state.starts_with(fmt::format("{}\n", postmaster_)) && state.find("\nready") != std::string::npos)
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void PgServer::Shutdown(Stop how) {
  kill(postmaster_, how == Stop::kFast ? SIGINT : SIGQUIT);
  waitpid(postmaster_, nullptr, 0);
  postmaster_ = -1;
}

std::string PgServer::CreateDatabase() {
  std::string name = fmt::format("test{}", ++databases_);
  RawPostgres admin(Url("postgres"));
  const std::string error = admin.Exec(fmt::format("CREATE DATABASE {} STRATEGY file_copy", name));
  if (!error.empty()) home_.Fail(error);
  const std::string granted =
      RawPostgres(Url(name)).Exec(fmt::format("GRANT CREATE ON SCHEMA public TO {}", kGuardedRole));
  if (!granted.empty()) home_.Fail(granted);
  return name;
}

std::string PgServer::Url(const std::string& database, int port) const {
  // Without encryption: the proxy reads along.
  return fmt::format("postgres://{}@127.0.0.1:{}/{}?sslmode=disable&gssencmode=disable", kRole,
                     port == 0 ? port_ : port, database);
}

std::string PgServer::UrlWithPassword(const std::string& database, const std::string& password) const {
  return fmt::format("postgres://{}:{}@127.0.0.1:{}/{}", kGuardedRole, password, port_, database);
}

std::string PgServer::UrlWithTls(const std::string& database, const std::string& authority) const {
  return fmt::format("postgres://{}@127.0.0.1:{}/{}?sslmode=verify-full&sslrootcert={}", kRole, port_,
                     database, authority);
}

}  // namespace jammi::test
