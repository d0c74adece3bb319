// The program that the tables kill test kills: writes into mutable tables, in transactions with a publish and
// many rows at once, and says what it has done. Named a sync point, it kills itself there.
//
//   tables_kill_child (FOLDER | postgres://...) TENANT GENERATION [POINT COUNT]
//
//   transacted 7   the tables and the topic are of generation 7
//   bulk 7         the rows of generation 7 are there
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "base/sync_point.h"
#include "jammi/engine.h"
#include "support/whole_writes.h"

using namespace jammi;

namespace {

// One write per line: a line shorter than PIPE_BUF is written whole or not at all.
void Say(const std::string& text) {
  const std::string line = text + "\n";
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
}

void DieAt(const std::string& point, int count) {
  static std::atomic<int> left;
  left = count;
  SetSyncPoint(point, [] {
    if (--left == 0) raise(SIGKILL);
  });
}

Result<void> Run(const std::string& where, const std::string& tenant, int64_t generation) {
  Config config;
  config.artifact_dir = where;
  if (where.starts_with("postgres:")) config.catalog = PostgresCatalogConfig{.url = Secret(where)};
  JAMMI_ASSIGN(const auto engine, Engine::Open(config));
  JAMMI_ASSIGN(const TenantId id, TenantId::Parse(tenant));
  const Session session = engine->ForTenant(id);
  JAMMI_ASSIGN(const Topic topic, session.topics().Find("news"));
  test::WholeWrites writes(
      session.tables(), [&](const TransactBody& body) { return session.Transact(body); }, topic.id);
  for (const int64_t last = generation + 100; generation < last; ++generation) {
    JAMMI_TRY(writes.Transact(generation));
    Say(fmt::format("transacted {}", generation));
    JAMMI_TRY(writes.Bulk(generation));
    Say(fmt::format("bulk {}", generation));
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 6) return 2;
  if (argc == 6) DieAt(argv[4], std::atoi(argv[5]));
  const auto result = Run(argv[1], argv[2], std::atoll(argv[3]));
  Say(result ? "end" : "error " + result.error().ToString());
  return result ? 0 : 1;
}
