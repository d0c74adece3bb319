// The program that the consumer kill test kills: reads for the consumer "indexer" of the topic "t" to its
// end, and writes to its standard output what it does before it goes on.
//
//   consumer_kill_child (FOLDER | postgres://...) SEED
//
//   position P   it begins there
//   got N        event N was delivered
//   acking N     it is about to acknowledge
//   flushed P    all below P is in the catalog
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "jammi/engine.h"
#include "support/random.h"

using namespace jammi;

namespace {

// One write per line: a line shorter than PIPE_BUF is written whole or not at all.
void Say(const std::string& text) {
  const std::string line = text + "\n";
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
}

Result<void> Run(const std::string& where, uint64_t seed) {
  test::Random random(seed);
  Config config;
  config.artifact_dir = where;
  if (where.starts_with("postgres:")) config.catalog = PostgresCatalogConfig{.url = Secret(where)};
  JAMMI_ASSIGN(const auto engine, Engine::Open(config));
  const auto deadline = Deadline::After(std::chrono::seconds(60));
  // Its own name: nobody waits for the lease of the one that was killed.
  JAMMI_ASSIGN(const auto reader,
               engine->Global().consumers().Attach("t", "indexer", {.holder = "child", .follow = false}));
  Say(fmt::format("position {}", reader->position()));
  while (true) {
    JAMMI_ASSIGN(const auto next, reader->Next(deadline));
    if (!next) break;
    Say(fmt::format("got {}", next->offset));
    if (random.Percent(40)) continue;
    Say(fmt::format("acking {}", next->offset));
    JAMMI_TRY(reader->Ack(next->offset));
    if (!random.Percent(20)) continue;
    JAMMI_TRY(reader->Flush(deadline));
    Say(fmt::format("flushed {}", reader->flushed()));
  }
  reader->Close();
  Say(fmt::format("flushed {}", reader->flushed()));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto result = Run(argv[1], std::strtoull(argv[2], nullptr, 10));
  Say(result ? "end" : "error " + result.error().ToString());
  return result ? 0 : 1;
}
