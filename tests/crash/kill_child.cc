// The program that the kill test kills: opens a database, publishes from four threads, and writes each
// call and each success to its standard output before it goes on.
//
//   kill_child DATABASE NAME SEED STEPS ONCE
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "crash/ledger.h"
#include "crash/system.h"
#include "crash/workload.h"

using namespace jammi::test;

namespace {

// One write per line: a line shorter than PIPE_BUF is written whole or not at all.
void Say(const std::string& text) {
  const std::string line = text + "\n";
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  Say("begin");
  auto system = System::Open({.path = argv[1]});
  if (!system) {
    Say("error " + system.error().ToString());
    return 1;
  }
  const auto contents = (*system)->ReadAll();
  if (!contents) {
    Say("error " + contents.error().ToString());
    return 1;
  }
  Say("open");
  WorkloadOptions options{.name = argv[2],
                          .seed = std::strtoull(argv[3], nullptr, 10),
                          .once = argv[5],
                          .steps = static_cast<int>(std::strtol(argv[4], nullptr, 10))};
  for (const auto& [topic, payloads] : contents->topics) options.topics.insert(topic);
  Ledger ledger([](const LedgerEntry& entry) { Say(ToLine(entry)); });
  for (const jammi::Error& error : RunWorkload(**system, ledger, options)) Say("error " + error.ToString());
  Say("close");
  (*system)->Close();
  Say("end");
  return 0;
}
