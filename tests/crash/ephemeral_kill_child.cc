// The program that the ephemeral kill test kills: opens ephemeral sessions, fills, closes and forgets them,
// and says how many there have been. Named a sync point, it kills itself there instead of going on.
//
//   ephemeral_kill_child (FOLDER | postgres://...) TENANT SEED [POINT COUNT]
//
//   opened ID     a session was opened
#include <arrow/api.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/sync_point.h"
#include "jammi/engine.h"
#include "support/random.h"

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

Result<void> Use(EphemeralSession& session, uint64_t tables) {
  static const auto schema = arrow::schema({arrow::field("n", arrow::int64(), false)});
  const auto column = *arrow::MakeArrayFromScalar(arrow::Int64Scalar(1), 1);
  for (uint64_t i = 0; i < tables; ++i) {
    const std::string name = fmt::format("t{}", i);
    JAMMI_TRY(session.CreateTable(name, schema, {"n"}));
    JAMMI_TRY(session.Insert(name, arrow::RecordBatch::Make(schema, 1, {column})));
  }
  return {};
}

Result<void> Run(const std::string& where, const std::string& tenant, uint64_t seed) {
  test::Random random(seed);
  Config config;
  config.artifact_dir = where;
  if (where.starts_with("postgres:")) config.catalog = PostgresCatalogConfig{.url = Secret(where)};
  JAMMI_ASSIGN(const auto engine, Engine::Open(config));
  JAMMI_ASSIGN(const TenantId id, TenantId::Parse(tenant));
  std::vector<EphemeralSession> kept;
  for (int i = 0; i < 12; ++i) {
    JAMMI_ASSIGN(auto session, engine->ForTenant(id).OpenEphemeral({.timeout = std::chrono::hours(1)}));
    Say("opened " + session.id());
    JAMMI_TRY(Use(session, random.Below(4)));
    if (random.Percent(50)) JAMMI_TRY(session.Close());
    if (random.Percent(50)) kept.push_back(std::move(session));
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 6) return 2;
  if (argc == 6) DieAt(argv[4], std::atoi(argv[5]));
  const auto result = Run(argv[1], argv[2], std::strtoull(argv[3], nullptr, 10));
  Say(result ? "end" : "error " + result.error().ToString());
  return result ? 0 : 1;
}
