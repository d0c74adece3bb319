#include "load/loaded_server.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace jammi::test {
namespace {

std::vector<std::string> Arguments(const std::filesystem::path& artifacts) {
  // The published harness starts it so: by variables, which a child inherits.
  setenv("JAMMI_ARTIFACT_DIR", artifacts.c_str(), 1);
  setenv("JAMMI_SERVER__FLIGHT_LISTEN", "127.0.0.1:0", 1);
  setenv("JAMMI_SERVER__HEALTH_LISTEN", "127.0.0.1:0", 1);
  setenv("JAMMI_SERVER__SERVICES", "all", 1);
  setenv("JAMMI_LOGGING__LEVEL", "warn", 1);
  return {JAMMI_SERVER_PROGRAM};
}

}  // namespace

LoadedServer::LoadedServer(const std::filesystem::path& artifacts) : process_(Arguments(artifacts)) {
  constexpr std::string_view kReady = "jammi-server listening flight=";
  while (const auto line = process_.ReadLine()) {
    if (!line->starts_with(kReady)) continue;
    target_ = "grpc://" + line->substr(kReady.size(), line->find(' ', kReady.size()) - kReady.size());
    return;
  }
  throw std::runtime_error("jammi-server has not started");
}

uint64_t LoadedServer::ResidentBytes() const {
  std::ifstream file("/proc/" + std::to_string(process_.pid()) + "/statm");
  uint64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

LoadedServer::Descriptors LoadedServer::OpenDescriptors() const {
  Descriptors open;
  std::error_code gone;  // it may be closed while we look
  for (const auto& each :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process_.pid()) + "/fd")) {
    const bool socket = std::filesystem::read_symlink(each.path(), gone).string().starts_with("socket:");
    ++(socket ? open.sockets : open.others);
  }
  return open;
}

int LoadedServer::Stop() {
  process_.Signal(SIGTERM);
  return process_.Wait();
}

}  // namespace jammi::test
