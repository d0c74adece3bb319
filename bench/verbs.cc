// What the verbs of the catalog cost beside the same statements without it.
#include <array>
#include <vector>

#include "bench/databases.h"
#include "bench/job_rows.h"
#include "bench/model_rows.h"
#include "bench/sides.h"
#include "support/tcp_proxy.h"

namespace jammi::bench {
namespace {

constexpr int kRounds = 7;

struct NamedVerb {
  Verb verb;
  std::string_view name;
};
constexpr std::array<NamedVerb, 5> kVerbs = {{{Verb::kGet, "get"},
                                              {Verb::kList, "list of 100"},
                                              {Verb::kClaim, "claim"},
                                              {Verb::kRegister, "register"},
                                              {Verb::kInsert, "  no event"}}};

struct Contest {
  std::unique_ptr<Side> ours;
  std::unique_ptr<Side> raw;
};

// A new database with `rows` models and as many queued jobs; its event size is found on the way.
std::string MakeFilled(Databases& databases, BackendKind kind, SideOptions& options) {
  const std::string place = databases.Create(kind);
  const auto catalog = databases.Open(kind, place);
  Fill(catalog->backend(), FillModels(static_cast<int>(options.rows)));
  Fill(catalog->backend(), FillJobs(1, static_cast<int>(options.rows)));
  options.event_bytes = ChangeBytes({catalog, &catalog->backend()});
  catalog->Close();
  Analyze(kind, place);
  return place;
}

Contest Prepare(Databases& databases, BackendKind kind, int rows) {
  SideOptions options{.rows = rows};
  const std::string raw_place = MakeFilled(databases, kind, options);
  const std::string our_place = MakeFilled(databases, kind, options);
  return {MakeCatalogSide(databases.Open(kind, our_place), options),
          kind == BackendKind::kSqlite ? MakeSqliteSide(raw_place, options)
                                       : MakePostgresSide(raw_place, options)};
}

void Race(Contest& contest, BackendKind kind, int rows, const NamedVerb& verb, int threads, double seconds) {
  std::vector<double> ours;
  std::vector<double> raw;
  std::vector<double> groups;
  std::vector<double> ratios;
  std::vector<double> cpu_ratios;
  for (int round = 0; round < kRounds; ++round) {
    const Speed our = contest.ours->Run(verb.verb, threads, seconds, 1);
    const Speed their = contest.raw->Run(verb.verb, threads, seconds, our.group_size);
    ours.push_back(our.per_second);
    raw.push_back(their.per_second);
    groups.push_back(our.group_size);
    ratios.push_back(our.per_second / their.per_second);
    cpu_ratios.push_back(their.cpu_micros / our.cpu_micros);
    if (verb.verb != Verb::kClaim) continue;
    contest.ours->QueueAgain();
    contest.raw->QueueAgain();
  }
  fmt::print("{:<10} {:>7} {:>3} {:<12} {:>9.0f} {:>9.0f} {:>6.1f}  {:<18} {}\n", ToString(kind), rows,
             threads, verb.name, SpreadOf(ours).median, SpreadOf(raw).median, SpreadOf(groups).median,
             RatioText(ratios), RatioText(cpu_ratios));
  std::fflush(stdout);
}

}  // namespace

void RaceVerbs(Databases& databases, double seconds, std::optional<BackendKind> only) {
  fmt::print("{:<10} {:>7} {:>3} {:<12} {:>9} {:>9} {:>6}  {:<18} {}\n", "database", "rows", "thr", "verb",
             "ours/s", "raw/s", "group", "ratio (spread)", "of this process's cpu");
  for (const BackendKind kind : {BackendKind::kSqlite, BackendKind::kPostgres}) {
    if (only && *only != kind) continue;
    for (const int rows : {1000, 100'000}) {
      Contest contest = Prepare(databases, kind, rows);
      for (const NamedVerb& verb : kVerbs) {
        for (const int threads : {1, kMostThreads}) Race(contest, kind, rows, verb, threads, seconds);
      }
    }
  }
}

void CountRoundTrips(Databases& databases) {
  auto& server = databases.server();
  const std::string database = server.CreateDatabase();
  test::TcpProxy proxy(server.port());
  const auto catalog = databases.Open(BackendKind::kPostgres, server.Url(database, proxy.port()));
  const std::shared_ptr<CatalogBackend> backend(catalog, &catalog->backend());
  Fill(*backend, FillModels(kVersions));
  Fill(*backend, FillJobs(1, 100));
  JobQueue queue(backend);
  Models models({backend, Scope::Global()});
  int32_t version = 0;
  const auto count = [&](std::string_view what, const std::function<void()>& call) {
    for (int warm = 0; warm < 3; ++warm) call();
    constexpr int kCalls = 10;
    const int64_t before = proxy.round_trips();
    for (int i = 0; i < kCalls; ++i) call();
    fmt::print("{:<40} {:.1f}\n", what, static_cast<double>(proxy.round_trips() - before) / kCalls);
  };
  fmt::print("\nround trips to PostgreSQL\n");
  count("a write of one statement (claim)", [&] { Must(queue.Claim("worker", std::chrono::minutes(1))); });
  count("a write with an event (register)", [&] {
    Must(models.Register({.model_id = "new/model", .version = ++version, .model_type = "embedding"}));
  });
  catalog->Close();
}

}  // namespace jammi::bench
