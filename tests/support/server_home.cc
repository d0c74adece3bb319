#include "support/server_home.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

namespace jammi::test {
namespace {

namespace fs = std::filesystem;

// PostgreSQL refuses to run as root; then a server runs as the user that its package made.
const passwd* OrdinaryUser() {
  if (geteuid() != 0) return nullptr;
  const passwd* user = getpwnam("postgres");
  return user != nullptr ? user : getpwnam("nobody");
}

// In memory where there is room: what is tested does not depend on a disk.
fs::path Parent(ServerHome::Storage storage) {
  if (storage == ServerHome::Storage::kDisk) return fs::temp_directory_path();
  std::error_code error;
  const fs::path memory = "/dev/shm";
  const fs::space_info space = fs::space(memory, error);
  return !error && space.available > (uintmax_t{4} << 30) ? memory : fs::temp_directory_path();
}

// Waits for the end of this program, stops the process that $1/$2 names with signal $3, and removes $1.
constexpr const char* kGuardian = R"sh(
trap '' INT TERM HUP
cat >/dev/null
pid=$(head -n 1 "$1/$2" 2>/dev/null)
if [ -n "$pid" ]; then
  kill "-$3" "$pid" 2>/dev/null
  for i in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
fi
rm -rf "$1"
)sh";

// Not by fork(): that runs what libraries have asked for, and Arrow's allocator then takes more locks at once
// than ThreadSanitizer can count.
pid_t Launch(const std::vector<std::string>& command, short flags, int input) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, flags);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error == 0 ? pid : -1;
}

}  // namespace

std::string ReadWholeFile(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

ServerHome::ServerHome(std::string name, Storage storage, const std::string& pid_file,
                       const std::string& signal)
    : name_(std::move(name)) {
  std::string folder = Parent(storage) / fmt::format("jammi-{}-XXXXXX", name_);
  if (mkdtemp(folder.data()) == nullptr) Fail("mkdtemp " + folder);
  folder_ = folder;
  if (geteuid() == 0 && OrdinaryUser() == nullptr) Fail("there is no ordinary user to run it as");
  if (!GiveToServers(folder)) Fail("chown " + folder);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Fail("pipe");
  guardian_ =
      Launch({"sh", "-c", kGuardian, "guardian", folder, pid_file, signal}, POSIX_SPAWN_SETSID, ends[0]);
  if (guardian_ < 0) Fail("the guardian does not start");
  close(ends[0]);
  guardian_pipe_ = ends[1];
}

ServerHome::~ServerHome() {
  close(guardian_pipe_);  // it removes the folder
  waitpid(guardian_, nullptr, 0);
}

bool ServerHome::GiveToServers(const fs::path& directory) {
  const passwd* user = OrdinaryUser();
  return user == nullptr || chown(directory.c_str(), user->pw_uid, user->pw_gid) == 0;
}

int ServerHome::FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(fd);
  if (!bound) {
    fmt::print(stderr, "no free port\n");
    std::exit(70);
  }
  return ntohs(address.sin_port);
}

pid_t ServerHome::Spawn(const std::string& command) const {
  const std::string line = fmt::format("cd / && {} >>{}/log 2>&1", command, folder_.string());
  std::vector<std::string> words;
  if (const passwd* user = OrdinaryUser()) {
    words = {"setpriv", fmt::format("--reuid={}", user->pw_uid), fmt::format("--regid={}", user->pw_gid),
             "--clear-groups"};
  }
  words.insert(words.end(), {"sh", "-c", line});
  // A group of its own: an interrupt from the keyboard is for the test.
  const pid_t pid = Launch(words, POSIX_SPAWN_SETPGROUP, STDIN_FILENO);
  if (pid < 0) Fail(command + " does not start");
  return pid;
}

void ServerHome::Run(const std::string& command) const {
  const pid_t pid = Spawn("exec " + command);
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0) Fail(command + " failed:\n" + Log());
}

std::string ServerHome::Log() const { return ReadWholeFile(folder_ / "log"); }

void ServerHome::Fail(const std::string& why) const {
  fmt::print(stderr, "{}: {}\n", name_, why);
  std::exit(70);
}

void ServerHome::MakeAuthority() const {
  Run(
      fmt::format("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
                  " -subj /CN=authority -keyout {0}/authority.key -out {0}/authority.crt",
                  folder_.string()));
}

void ServerHome::MakeCertificate(const std::string& subject, const fs::path& stem, const std::string& name,
                                 int days) const {
  Run(
      fmt::format("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={1}"
                  " -addext subjectAltName={2} -keyout {0}.key -out {0}.csr",
                  stem.string(), subject, name));
  Run(fmt::format(
      "openssl x509 -req -in {0}.csr -CA {1}/authority.crt -CAkey {1}/authority.key -CAcreateserial"
      " -days {2} -copy_extensions copy -out {0}.crt",
      stem.string(), folder_.string(), days));
}

}  // namespace jammi::test
