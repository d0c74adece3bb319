#include "support/pg_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>

#include "support/raw_postgres.h"

namespace jammi::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrograms = "/usr/lib/postgresql/15/bin";
constexpr const char* kRole = "jammi";
constexpr const char* kGuardedRole = "guarded";

[[noreturn]] void Fail(const std::string& why) {
  fmt::print(stderr, "PgServer: {}\n", why);
  std::exit(70);
}

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// PostgreSQL refuses to run as root; then it runs as the user that its package made.
const passwd* OrdinaryUser() {
  if (geteuid() != 0) return nullptr;
  const passwd* user = getpwnam("postgres");
  if (user == nullptr) user = getpwnam("nobody");
  if (user == nullptr) Fail("there is no ordinary user to run the server as");
  return user;
}

// In memory where there is room: what is tested does not depend on a disk.
fs::path Parent(PgServer::Storage storage) {
  if (storage == PgServer::Storage::kDisk) return fs::temp_directory_path();
  std::error_code error;
  const fs::path memory = "/dev/shm";
  const fs::space_info space = fs::space(memory, error);
  return !error && space.available > (uintmax_t{4} << 30) ? memory : fs::temp_directory_path();
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    Fail("no free port");
  }
  close(fd);
  return ntohs(address.sin_port);
}

// Waits for the end of this program, stops the server in $1/data and removes $1.
constexpr const char* kGuardian = R"sh(
trap '' INT TERM HUP
cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
  kill -QUIT "$pid" 2>/dev/null
  for i in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
fi
rm -rf "$1"
)sh";

}  // namespace

PgServer& PgServer::Shared() {
  static PgServer server;
  return server;
}

PgServer::PgServer(const PgServer* primary, Storage storage) {
  std::string name = Parent(storage) / "jammi-pg-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) Fail("mkdtemp " + name);
  folder_ = name;
  if (const passwd* user = OrdinaryUser()) {
    if (chown(name.c_str(), user->pw_uid, user->pw_gid) != 0) Fail("chown " + name);
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Fail("pipe");
  guardian_ = fork();
  if (guardian_ == 0) {
    setsid();
    dup2(ends[0], STDIN_FILENO);
    execl("/bin/sh", "sh", "-c", kGuardian, "guardian", name.c_str(), nullptr);
    _exit(127);
  }
  close(ends[0]);
  guardian_pipe_ = ends[1];
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
  if (!error.empty()) Fail(error);
}

PgServer::~PgServer() {
  if (postmaster_ > 0) Shutdown(Stop::kImmediate);
  close(guardian_pipe_);  // it removes the folder
  waitpid(guardian_, nullptr, 0);
}

pid_t PgServer::Spawn(const std::string& command) const {
  const std::string line = fmt::format("{} >>{}/log 2>&1", command, folder_.string());
  const passwd* user = OrdinaryUser();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  setpgid(0, 0);  // an interrupt from the keyboard is for the test
  if (user != nullptr && (setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) _exit(126);
  if (chdir("/") != 0) _exit(126);
  execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
  _exit(127);
}

void PgServer::Run(const std::string& command) {
  const pid_t pid = Spawn("exec " + command);
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0)
    Fail(command + " failed:\n" + ReadFile(folder_ / "log"));
}

void PgServer::Configure(const std::string& settings) const {
  std::ofstream(folder_ / "data" / "postgresql.conf", std::ios::app) << settings << '\n';
}

void PgServer::CreateCluster(Storage storage) {
  const std::string data = folder_ / "data";
  // Texts are ordered as in no "C" locale, so that a forgotten COLLATE shows.
  Run(
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
  Run(fmt::format("{}/pg_basebackup -h 127.0.0.1 -p {} -U {} -D {}/data -R --checkpoint=fast --no-sync",
                  kPrograms, primary.port_, kRole, folder_.string()));
  Configure(fmt::format("unix_socket_directories = '{}'", folder_.string()));
}

std::string PgServer::EnableTls() {
  const std::string data = folder_ / "data";
  const std::string authority = folder_ / "authority.crt";
  Run(
      fmt::format("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
                  " -subj /CN=authority -keyout {}/authority.key -out {}",
                  data, authority));
  Run(
      fmt::format("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server"
                  " -addext subjectAltName=IP:127.0.0.1 -keyout {0}/server.key -out {0}/server.csr",
                  data));
  Run(
      fmt::format("openssl x509 -req -in {0}/server.csr -CA {1} -CAkey {0}/authority.key -CAcreateserial"
                  " -days 2 -copy_extensions copy -out {0}/server.crt",
                  data, authority));
  Configure("ssl = on");
  Restart(Stop::kFast);
  return authority;
}

void PgServer::Start() {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  if (port_ == 0) port_ = FreePort();
  postmaster_ = Spawn(fmt::format("exec {}/postgres -D {}/data -p {}", kPrograms, folder_.string(), port_));
  while (true) {
    int status = 0;
    if (waitpid(postmaster_, &status, WNOHANG) == postmaster_ || std::chrono::steady_clock::now() > give_up) {
      Fail("the server does not start:\n" + ReadFile(folder_ / "log"));
    }
    const std::string state = ReadFile(folder_ / "data" / "postmaster.pid");
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
  if (!error.empty()) Fail(error);
  const std::string granted =
      RawPostgres(Url(name)).Exec(fmt::format("GRANT CREATE ON SCHEMA public TO {}", kGuardedRole));
  if (!granted.empty()) Fail(granted);
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
