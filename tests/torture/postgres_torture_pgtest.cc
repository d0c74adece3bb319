// Several processes, each with an engine, on one PostgreSQL catalog, alone and with NATS: they publish and
// follow each other while they are killed and suspended, the servers stop and come back, the disk fills up,
// connections are cut, and everybody's clock moves.
//
//   JAMMI_TORTURE_SECONDS=600   longer, each
//   JAMMI_TORTURE_SEED=7        other faults at other moments
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

#ifdef JAMMI_HAS_NATS
#include "torture/nats_faults.h"
#endif
#include "torture/postgres_faults.h"
#include "torture/run.h"

namespace jammi::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeconds = 8;
#else
constexpr uint64_t kSeconds = 10;
#endif

const std::vector<Part>& Parts() {
  static const std::vector<Part> parts{{.name = "publisher", .publishers = 3},
                                       {.name = "both", .publishers = 2, .consumers = 1, .cursors = 4},
                                       {.name = "one", .consumers = 1, .cursors = 4},
                                       {.name = "two", .consumers = 1, .cursors = 4}};
  return parts;
}

class PostgresTorture : public testing::Test {
 protected:
  void Run(RunOptions options, const Company::PlaceOf& place,
           const std::function<void(Storm&, Company&)>& add_faults) {
    options = FromTheEnvironment(std::move(options));
    options.place = {.catalog = server_.Catalog()};
    options.parting = kCutAllButOne;
    Company company(JAMMI_TORTURE_CHILD, Parts(), place, options.seed);
    Storm storm(options.seed);
    AddProcessFaults(storm, company);
    AddClockFault(storm, server_.control());
    AddConnectionFaults(storm, company, proxies_);
    AddServerFaults(storm, server_);
    add_faults(storm, company);
    Report(options, RunTorture(options, company, storm, server_.control()));
  }
  // Where a part finds its database.
  std::string CatalogOf(size_t part) { return server_.Catalog(proxies_[part]->port()); }

  BreakableServer server_;
  Proxies proxies_ = MakeProxies(Parts().size(), server_.server().port(), TcpProxy::Messages::kPostgres);
};

TEST_F(PostgresTorture, NothingAcknowledgedIsLostDoubledOrReordered) {
  Run(
      {.title = "PostgreSQL", .seed = 1, .seconds = kSeconds},
      [&](size_t part) { return Place{.catalog = CatalogOf(part)}; }, [](Storm&, Company&) {});
}

#ifdef JAMMI_HAS_NATS
// One of the followers has no NATS, and hears of events from the database alone.
TEST_F(PostgresTorture, NorWithNats) {
  NatsServer nats;
  Proxies proxies = MakeProxies(Parts().size(), nats.port(), TcpProxy::Messages::kAny);
  Run(
      {.title = "PostgreSQL and NATS", .seed = 2, .seconds = kSeconds},
      [&](size_t part) {
        return Place{.catalog = CatalogOf(part),
                     .broker = part + 1 == Parts().size() ? "" : nats.Url(proxies[part]->port())};
      },
      [&](Storm& storm, Company& company) { AddNatsFaults(storm, nats, company, proxies); });
}
#endif

}  // namespace
}  // namespace jammi::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // An ordinary user's namespace would not let the server be run as another user.
  const std::string why_not =
      geteuid() == 0 ? jammi::test::EnterMountNamespace(argv) : "only root can give the server a small disk";
  if (!why_not.empty()) fmt::print("without the fault \"disk full\": {}\n", why_not);
  return RUN_ALL_TESTS();
}
