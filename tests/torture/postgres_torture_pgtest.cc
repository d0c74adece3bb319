// Several processes, each with an engine, on one PostgreSQL catalog: they publish and follow each other while
// they are killed and suspended, the server stops and comes back, its disk fills up, connections are cut, and
// everybody's clock moves.
//
//   JAMMI_TORTURE_SECONDS=600   longer
//   JAMMI_TORTURE_SEED=7        other faults at other moments
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

#include "support/mount_namespace.h"
#include "support/pg_server.h"
#include "support/raw_postgres.h"
#include "support/tcp_proxy.h"
#include "support/temp_dir.h"
#include "torture/run.h"

namespace jammi::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeconds = 10;
#else
constexpr uint64_t kSeconds = 20;
#endif
constexpr uint64_t kDisk = 1 << 30;
constexpr const char* kCutAllButOne = "all connections but one cut";

// A server whose clock is the test's, with a database on a small disk of its own: when that is full the
// server goes on, and says so.
class Server {
 public:
  Server() {
    fs::permissions(directory_.path(), fs::perms::others_exec, fs::perm_options::add);
    setenv(kControlVariable, (directory_ / "control").c_str(), 1);
    fs::copy_file(JAMMI_WALL_CLOCK, directory_ / "wall_clock.so");  // where the server may read it
    server_.SetEnvironment("LD_PRELOAD=" + (directory_ / "wall_clock.so").string());
    server_.Restart(PgServer::Stop::kFast);
    const fs::path place = directory_ / "disk";
    fs::create_directory(place);
    disk_.emplace(place, kDisk);
    EXPECT_TRUE(ServerHome::GiveToServers(place));
    RawPostgres admin(server_.Url("postgres"));
    Must(admin.Exec(fmt::format("CREATE TABLESPACE small LOCATION '{}'", place.string())));
    Must(admin.Exec("CREATE DATABASE torture TABLESPACE small"));
    const int64_t now = admin.Number("SELECT EXTRACT(EPOCH FROM clock_timestamp())::bigint");
    control_->clock_offset_us = int64_t{86'400'000'000};
    const int64_t tomorrow = admin.Number("SELECT EXTRACT(EPOCH FROM clock_timestamp())::bigint");
    control_->clock_offset_us = 0;
    EXPECT_GT(tomorrow - now, 80'000) << "the server's clock cannot be moved";
  }

  [[nodiscard]] PgServer& operator*() { return server_; }
  [[nodiscard]] SmallFileSystem& disk() { return *disk_; }
  [[nodiscard]] Control& control() { return control_; }
  // How torture_child finds it.
  [[nodiscard]] std::string Catalog(int port = 0) const { return "postgres:" + server_.Url("torture", port); }

 private:
  static void Must(const std::string& error) { EXPECT_EQ(error, ""); }

  const TempDir directory_;
  Control control_ = Control::Create(directory_ / "control");
  std::optional<SmallFileSystem> disk_;
  PgServer server_;
};

// Between a process and the server.
using Proxies = std::vector<std::unique_ptr<TcpProxy>>;

// Which proxy; its process must not be suspended, or the proxy may wait for it.
std::optional<size_t> PickProxy(const Company& company, Random& random) {
  const size_t part = random.Below(company.size());
  return company.suspended(part) ? std::nullopt : std::optional(part);
}

void AddConnectionFaults(Storm& storm, Company& company, Proxies& proxies) {
  const auto on_one = [&](const std::function<std::string(TcpProxy&, Random&)>& breaks) {
    return [&company, &proxies, breaks](Random& random) {
      const auto part = PickProxy(company, random);
      if (!part) return std::string();
      return breaks(*proxies[*part], random) + " " + company.name(*part);
    };
  };
  storm.Add({.name = "connections cut", .weight = 3, .begin = on_one([](TcpProxy& proxy, Random&) {
                                                       proxy.CutAll();
                                                       return std::string("of");
                                                     })});
  storm.Add({.name = kCutAllButOne, .weight = 1, .begin = [&](Random& random) {
               const size_t spared = random.Below(proxies.size());
               for (size_t part = 0; part < proxies.size(); ++part) {
                 if (part != spared && !company.suspended(part)) proxies[part]->CutAll();
               }
               return "that of " + company.name(spared);
             }});
  storm.Add({.name = "connection cut at a message",
             .weight = 4,
             .begin = on_one([](TcpProxy& proxy, Random& random) {
               const auto direction =
                   random.Percent(50) ? TcpProxy::Direction::kToServer : TcpProxy::Direction::kToClient;
               const auto messages = static_cast<int64_t>(random.Below(60));
               proxy.CutAfter(direction, messages);
               return fmt::format("message {} of", messages);
             })});
  storm.Add({.name = "answer to COMMIT cut", .weight = 2, .begin = on_one([](TcpProxy& proxy, Random&) {
                                                            proxy.CutBeforeAnswer("COMMIT");
                                                            return std::string("of");
                                                          })});
  const auto stalled = std::make_shared<size_t>();
  storm.Add({.name = "connections stalled",
             .weight = 2,
             .begin =
                 [&, stalled](Random& random) {
                   *stalled = random.Below(proxies.size());
                   proxies[*stalled]->Stall(true);
                   return "of " + company.name(*stalled);
                 },
             .end = [&, stalled] { proxies[*stalled]->Stall(false); },
             .longest = milliseconds(2000)});
  const auto refused = std::make_shared<size_t>();
  storm.Add({.name = "connections refused",
             .weight = 2,
             .begin =
                 [&, refused](Random& random) {
                   const auto part = PickProxy(company, random);
                   if (!part) return std::string();
                   *refused = *part;
                   proxies[*refused]->Refuse(true);
                   proxies[*refused]->CutAll();
                   return "of " + company.name(*refused);
                 },
             .end = [&, refused] { proxies[*refused]->Refuse(false); },
             .longest = milliseconds(6000)});
}

void AddServerFaults(Storm& storm, Server& server) {
  storm.Add({.name = "PostgreSQL restarted",
             .weight = 3,
             .begin =
                 [&](Random& random) {
                   const bool fast = random.Percent(50);
                   (*server).Shutdown(fast ? PgServer::Stop::kFast : PgServer::Stop::kImmediate);
                   return std::string(fast ? "fast" : "immediate");
                 },
             .end = [&] { (*server).Start(); },
             .longest = milliseconds(6000)});
  storm.Add({.name = "disk full",
             .weight = 2,
             .begin =
                 [&](Random&) {
                   server.disk().Fill();
                   return std::string("of the database");
                 },
             .end = [&] { server.disk().Free(); },
             .longest = milliseconds(2000)});
}

TEST(PostgresTorture, NothingAcknowledgedIsLostDoubledOrReordered) {
  Server server;
  RunOptions options = FromTheEnvironment({.title = "PostgreSQL", .seed = 1, .seconds = kSeconds});
  options.catalog = server.Catalog();
  options.parting = kCutAllButOne;
  const std::vector<Part> parts{{.name = "publisher", .publishers = 3},
                                {.name = "both", .publishers = 2, .cursors = 4},
                                {.name = "one", .cursors = 4},
                                {.name = "two", .cursors = 4}};
  Proxies proxies;
  for (size_t i = 0; i < parts.size(); ++i) proxies.push_back(std::make_unique<TcpProxy>((*server).port()));
  Company company(
      JAMMI_TORTURE_CHILD, parts, [&](size_t part) { return server.Catalog(proxies[part]->port()); },
      options.seed);
  Storm storm(options.seed);
  AddProcessFaults(storm, company);
  AddClockFault(storm, server.control());
  AddConnectionFaults(storm, company, proxies);
  AddServerFaults(storm, server);
  Report(options, RunTorture(options, company, storm, server.control()));
}

}  // namespace
}  // namespace jammi::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (const std::string why_not = jammi::test::EnterMountNamespace(argv); !why_not.empty()) {
    fmt::print(stderr, "{}\n", why_not);
    return 1;
  }
  return RUN_ALL_TESTS();
}
