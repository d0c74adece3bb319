#include "torture/postgres_faults.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "support/raw_postgres.h"

namespace jammi::test {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

namespace {

constexpr uint64_t kDisk = 1 << 30;

void Must(const std::string& error) { EXPECT_EQ(error, ""); }

// Which proxy; its process must not be suspended, or the proxy may wait for it.
std::optional<size_t> PickProxy(const Company& company, Random& random) {
  const size_t part = random.Below(company.size());
  return company.suspended(part) ? std::nullopt : std::optional(part);
}

}  // namespace

BreakableServer::BreakableServer() {
  fs::permissions(directory_.path(), fs::perms::others_exec, fs::perm_options::add);
  setenv(kControlVariable, (directory_ / "control").c_str(), 1);
  fs::copy_file(JAMMI_WALL_CLOCK, directory_ / "wall_clock.so");  // where the server may read it
  server_.SetEnvironment("LD_PRELOAD=" + (directory_ / "wall_clock.so").string());
  server_.Restart(PgServer::Stop::kFast);
  if (geteuid() == 0) MakeDisk();
  Must(RawPostgres(server_.Url("postgres"))
           .Exec(fmt::format("CREATE DATABASE torture TABLESPACE {}", disk_ ? "small" : "pg_default")));
  TryClock();
}

void BreakableServer::MakeDisk() {
  const fs::path place = directory_ / "disk";
  fs::create_directory(place);
  disk_.emplace(place, kDisk);
  EXPECT_TRUE(ServerHome::GiveToServers(place));
  Must(RawPostgres(server_.Url("postgres"))
           .Exec(fmt::format("CREATE TABLESPACE small LOCATION '{}'", place.string())));
}

void BreakableServer::TryClock() {
  RawPostgres admin(server_.Url("postgres"));
  const auto now = [&admin] { return admin.Number("SELECT EXTRACT(EPOCH FROM clock_timestamp())::bigint"); };
  const int64_t today = now();
  control_->clock_offset_us = int64_t{86'400'000'000};
  const int64_t tomorrow = now();
  control_->clock_offset_us = 0;
  EXPECT_GT(tomorrow - today, 80'000) << "the server's clock cannot be moved";
}

Proxies MakeProxies(size_t parts, int port, TcpProxy::Messages messages) {
  Proxies proxies;
  for (size_t part = 0; part < parts; ++part) proxies.push_back(std::make_unique<TcpProxy>(port, messages));
  return proxies;
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

void AddServerFaults(Storm& storm, BreakableServer& server) {
  storm.Add({.name = "PostgreSQL restarted",
             .weight = 3,
             .begin =
                 [&](Random& random) {
                   const bool fast = random.Percent(50);
                   server.server().Shutdown(fast ? PgServer::Stop::kFast : PgServer::Stop::kImmediate);
                   return std::string(fast ? "fast" : "immediate");
                 },
             .end =
                 [&] {
                   // A recovery ends with a checkpoint, and there is no server without room for it.
                   if (server.disk() != nullptr) server.disk()->Free();
                   server.server().Start();
                 },
             .longest = milliseconds(6000)});
  SmallFileSystem* const disk = server.disk();
  if (disk == nullptr) return;
  storm.Add({.name = "disk full",
             .weight = 2,
             .begin =
                 [disk](Random&) {
                   disk->Fill();
                   return std::string("of the database");
                 },
             .end = [disk] { disk->Free(); },
             .longest = milliseconds(2000)});
}

}  // namespace jammi::test
