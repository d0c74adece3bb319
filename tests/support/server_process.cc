#include "support/server_process.h"

#include <csignal>
#include <stdexcept>

namespace jammi::test {
namespace {

constexpr std::string_view kReady = "jammi-server listening flight=";
constexpr std::string_view kHealth = " health=";

// env(1) starts the program in its own place: the process is the server's.
std::vector<std::string> Command(const ServerProcess::Options& options) {
  std::vector<std::string> command = {"/usr/bin/env", "-i"};
  auto variables = options.variables;
  variables.try_emplace("JAMMI_SERVER__FLIGHT_LISTEN", "127.0.0.1:0");
  variables.try_emplace("JAMMI_SERVER__HEALTH_LISTEN", "127.0.0.1:0");
  for (const auto& [name, value] : variables) command.push_back(name + "=" + value);
  command.push_back(options.program);
  command.insert(command.end(), options.arguments.begin(), options.arguments.end());
  return command;
}

}  // namespace

ServerProcess::ServerProcess(const Options& options) : process_(Command(options)) {
  while (auto line = process_.ReadLine()) {
    lines_.push_back(*line);
    if (!line->starts_with(kReady)) continue;
    const size_t health = line->find(kHealth);
    flight_ = line->substr(kReady.size(), health - kReady.size());
    health_ = line->substr(health + kHealth.size());
    return;
  }
  std::string said = "the server did not become ready:";
  for (const auto& line : lines_) said += "\n" + line;
  throw std::runtime_error(said);
}

int ServerProcess::Stop() {
  process_.Signal(SIGTERM);
  return process_.Wait();
}

}  // namespace jammi::test
