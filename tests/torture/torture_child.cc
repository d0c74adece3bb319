// A process of the torture test.
//
//   torture_child play|read|intrude NAME SEED PUBLISHERS CONSUMERS
//                 sqlite:FILE|postgres:URL NATS-URL|- [CURSOR...] [-- PUBLISH...]
//
// What it does it writes to its standard output, a line for each step (record.h).
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/log.h"
#include "support/random.h"
#include "torture/player.h"

namespace {

using namespace jammi::test;

// One write per line: a line shorter than PIPE_BUF is written whole or not at all, and so is not torn by a
// kill.
void Say(const Record& record) {
  const std::string line = ToLine(record) + "\n";
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
}

jammi::Config ConfigOf(const std::string& catalog, const std::string& broker, Random random) {
  jammi::Config config;
  const std::string place = catalog.substr(catalog.find(':') + 1);
  if (catalog.starts_with("sqlite:")) {
    config.artifact_dir = std::filesystem::path(place).parent_path();
    config.catalog = jammi::SqliteCatalogConfig{.path = place};
  } else {
    config.artifact_dir = "/nowhere";  // nothing of this is stored there
    config.catalog = jammi::PostgresCatalogConfig{.url = jammi::Secret(place), .pool_size = 4};
  }
  if (broker != "-") config.broker = jammi::JetStreamBrokerConfig{.url = jammi::Secret(broker)};
  // Rings and pages from small to large: cursors fall out of the one, and take many of the other.
  config.trigger.ring_bytes = random.Percent(50) ? 16 << 10 : 8 << 20;
  config.trigger.page_events = random.Percent(50) ? 7 : 1024;
  config.trigger.retention.trim_interval_ms = 200;
  return config;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 8) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t terminate;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  sigprocmask(SIG_BLOCK, &terminate, nullptr);
  if (std::getenv("JAMMI_TORTURE_LOG") == nullptr)
    jammi::SetLog(jammi::LogLevel::kOff, jammi::LogFormat::kText);

  const std::string role = argv[1];
  PlayerOptions options{.name = argv[2], .seed = std::strtoull(argv[3], nullptr, 10)};
  options.publishers = static_cast<int>(std::strtol(argv[4], nullptr, 10));
  options.consumers = static_cast<int>(std::strtol(argv[5], nullptr, 10));
  options.config = ConfigOf(argv[6], argv[7], Random(options.seed));
  options.read = role == "read";
  int i = 8;
  for (; i < argc && argv[i] != std::string_view("--"); ++i)
    options.cursors.push_back(CursorOrderOf(argv[i]));
  for (++i; i < argc; ++i) options.again.push_back(PublishOrderOf(argv[i]));
  const Control control = Control::Open();
  if (role == "intrude") {
    Intrude(options, control, Say);
  } else {
    Play(options, control, Say);
  }
  return 0;
}
