// jammi-server
#include <csignal>
#include <cstdio>

#include "jammi/config.h"
#include "server/server.h"

int main() {
  using namespace jammi;  // NOLINT(google-build-using-namespace): a program of its own
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
  const auto loaded = LoadConfig();
  if (!loaded) {
    std::fprintf(stderr, "jammi-server: failed to load config: %s\n", loaded.error().message().c_str());
    return 1;
  }
  const auto server = Server::Start(loaded->config);
  if (!server) {
    std::fprintf(stderr, "jammi-server: %s\n", server.error().ToString().c_str());
    return 1;
  }
  std::printf("jammi-server listening flight=%s health=%s\n", (*server)->flight_address().c_str(),
              (*server)->health_address().c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&stop, &signal);
  (*server)->Drain(Deadline::After(std::chrono::seconds(loaded->config.server.drain_secs)));
  return 0;
}
