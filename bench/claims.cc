// What a claim takes, by the length of the queue.
#include <vector>

#include "bench/databases.h"
#include "bench/job_rows.h"
#include "bench/model_rows.h"

namespace jammi::bench {
namespace {

constexpr int kClaims = 200;

// Claims one job after the other; each is given back, untimed, so that the queue keeps its length.
Spread MicrosOfClaims(JobQueue queue) {
  std::vector<double> micros;
  for (int i = 0; i < kClaims; ++i) {
    const double start = WallSeconds();
    const auto claimed = Must(queue.Claim("worker", std::chrono::minutes(1)));
    micros.push_back((WallSeconds() - start) * 1e6);
    Must(queue.GiveBack(claimed.value().claim));
  }
  std::ranges::sort(micros);
  return {micros.front(), micros[kClaims / 2], micros[kClaims * 9 / 10]};
}

void TimeClaimsOn(Databases& databases, BackendKind kind) {
  const std::string place = databases.Create(kind);
  const auto catalog = databases.Open(kind, place);
  const std::shared_ptr<CatalogBackend> backend(catalog, &catalog->backend());
  Fill(*backend, FillModels(kVersions));
  int queued = 0;
  for (const int jobs : {10, 1000, 100'000, 1'000'000}) {
    Fill(*backend, FillJobs(queued + 1, jobs - queued));
    queued = jobs;
    Analyze(kind, place);
    const Spread wall = MicrosOfClaims(JobQueue(backend));
    fmt::print("{:<10} {:>8} {:>8.0f} {:>8.0f} {:>8.0f}\n", ToString(kind), jobs, wall.low, wall.median,
               wall.high);
    std::fflush(stdout);
  }
  catalog->Close();
}

}  // namespace

void TimeClaims(Databases& databases) {
  fmt::print("\n{:<10} {:>8} {:>8} {:>8} {:>8}   microseconds a claim\n", "database", "queued", "least",
             "median", "nine/ten");
  TimeClaimsOn(databases, BackendKind::kSqlite);
  TimeClaimsOn(databases, BackendKind::kPostgres);
}

}  // namespace jammi::bench
