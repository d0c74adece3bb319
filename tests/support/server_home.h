// Where a server of a test program's own lives: a temporary folder, owned by the ordinary user it runs as.
// Both go when the program ends, however it ends.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace jammi::test {

// Used by one thread at a time. A failure ends the program with what the server said.
class ServerHome {
 public:
  enum class Storage {
    kMemory,  // nothing is synced, all is small
    kDisk,    // what is acknowledged is on disk. For measurements
  };
  // `name`: of the program in messages. The first line of <folder>/<pid_file> names the process that gets
  // `signal` ("QUIT", "KILL") when this program is gone.
  ServerHome(std::string name, Storage storage, const std::string& pid_file, const std::string& signal);
  ~ServerHome();
  ServerHome(const ServerHome&) = delete;
  ServerHome& operator=(const ServerHome&) = delete;

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] static int FreePort();
  // Makes a directory from elsewhere the ordinary user's. False: it cannot be.
  [[nodiscard]] static bool GiveToServers(const std::filesystem::path& directory);

  // Starts a command of the shell as the ordinary user; what it says goes into the log.
  [[nodiscard]] pid_t Spawn(const std::string& command) const;
  // The same, and waits for its success.
  void Run(const std::string& command) const;
  [[nodiscard]] std::string Log() const;
  [[noreturn]] void Fail(const std::string& why) const;

  // An authority of certificates at <folder>/authority.crt, and a certificate that it has signed with its key
  // at <stem>.crt and <stem>.key: of 127.0.0.1 or another name, valid for `days`; if that is negative, no
  // more.
  void MakeAuthority() const;
  void MakeCertificate(const std::string& subject, const std::filesystem::path& stem,
                       const std::string& name = "IP:127.0.0.1", int days = 2) const;

 private:
  const std::string name_;
  std::filesystem::path folder_;
  pid_t guardian_ = -1;
  int guardian_pipe_ = -1;
};

[[nodiscard]] std::string ReadWholeFile(const std::filesystem::path& path);

}  // namespace jammi::test
