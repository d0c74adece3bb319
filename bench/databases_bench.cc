// The catalog on SQLite and on PostgreSQL, beside the same statements through the C interface of each.
//
//   databases_bench [verbs|sqlite|postgres|trips|queue|all] [seconds]
//
// verbs: register, get, list and claim with 1,000 and 100,000 rows, by 1 and 32 threads, the two sides in
// turns of `seconds` (0.2); sqlite, postgres: the same on one of them. "no event" is a registration of ours
// beside one without the event that goes with it: what the event costs. trips: round trips of a write on
// PostgreSQL. queue: what a claim takes at 10 to 1,000,000 queued jobs.
//
// PostgreSQL is a server of this program's own with the distribution's defaults, on this machine.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "bench/databases.h"
#include "bench/measure.h"

namespace jammi::bench {
namespace {

int Main(std::string_view part, double seconds) {
  const Awake awake;
  Databases databases;
  const auto is = [&](std::string_view name) { return part == name || part == "all"; };
  const double turn = seconds > 0 ? seconds : 0.2;
  if (is("verbs")) RaceVerbs(databases, turn, std::nullopt);
  if (part == "sqlite") RaceVerbs(databases, turn, BackendKind::kSqlite);
  if (part == "postgres") RaceVerbs(databases, turn, BackendKind::kPostgres);
  if (is("trips")) CountRoundTrips(databases);
  if (is("queue")) TimeClaims(databases);
  return 0;
}

}  // namespace
}  // namespace jammi::bench

int main(int argc, char** argv) {
  try {
    return jammi::bench::Main(argc > 1 ? argv[1] : "all", argc > 2 ? std::atof(argv[2]) : 0);
  } catch (const std::exception& error) {
    fmt::print(stderr, "databases_bench: {}\n", error.what());
    return 1;
  }
}
