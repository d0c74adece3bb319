// Kills a program with ephemeral sessions, at random moments and between the steps of an end, again and
// again, on both databases. The next engine leaves nothing of them, and every session that was announced is
// told to have ended, once (W-25).
//
//   JAMMI_CRASH_SEED=7   other moments
//   JAMMI_KILLS=1000     so many kills of each database
#include <arrow/api.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "jammi/engine.h"
#include "support/child_process.h"
#ifdef JAMMI_HAS_POSTGRES
#include "support/pg_server.h"
#include "support/raw_postgres.h"
#endif
#include "support/random.h"
#include "support/raw_sqlite.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kKills = 6;
#else
constexpr uint64_t kKills = 24;
#endif

class EphemeralKillTest : public testing::Test {
 protected:
  std::unique_ptr<Engine> Open() const {
    Config config;
    config.artifact_dir = where_;
    config.ephemeral.sweep_interval_ms = 10;
    if (where_.starts_with("postgres:")) config.catalog = PostgresCatalogConfig{.url = Secret(where_)};
    auto engine = Engine::Open(config);
    if (!engine) throw std::runtime_error(engine.error().ToString());
    return std::move(*engine);
  }

  // Runs the program until it has opened `sessions`, or to where it kills itself; whether it was killed.
  bool RunAndKill(uint64_t seed, uint64_t sessions, const std::vector<std::string>& point = {}) {
    std::vector<std::string> arguments = {JAMMI_EPHEMERAL_KILL_CHILD, where_, tenant_.ToString(),
                                          std::to_string(seed)};
    arguments.insert(arguments.end(), point.begin(), point.end());
    ChildProcess child(arguments);
    while (const auto line = child.ReadLine()) {
      if (line->starts_with("opened ")) {
        opened_.push_back(line->substr(7));
        if (--sessions == 0) child.Kill();
      } else {
        EXPECT_EQ(*line, "end");
      }
    }
    return child.Wait() == -SIGKILL;
  }

  // The next engine: on PostgreSQL it waits for the leases of the dead one, which a test does not.
  void ExpectAllEnd() {
    expire_();
    const auto engine = Open();
    const Session session = engine->ForTenant(tenant_);
    for (const std::string& id : opened_) {
      while (session.AttachEphemeral(id)) std::this_thread::yield();
    }
    std::map<std::string, std::vector<std::string>> told;
    while (true) {
      told = Told(session);
      if (std::ranges::all_of(told, [](const auto& each) { return each.second.size() == 2; })) break;
      std::this_thread::yield();
    }
    for (const std::string& id : opened_) EXPECT_TRUE(told.contains(id)) << id;
    for (const auto& [id, events] : told) {
      EXPECT_EQ(events[0], "opened") << id;
      EXPECT_TRUE(events[1] == "closed" || events[1] == "timed_out") << id << ": " << events[1];
    }
  }
  // What there is of each session, in order.
  static std::map<std::string, std::vector<std::string>> Told(const Session& session) {
    std::map<std::string, std::vector<std::string>> told;
    From from = From::Offset(0);
    while (true) {
      const auto page = session.ReadTopic(kSessionLifecycleTopic, from, {.max_events = 10'000});
      if (!page) return told;  // no session was opened
      for (const auto& event : page->deliveries) {
        const auto& column = static_cast<const arrow::StringArray&>(*event.batch->column(0));
        const auto record = nlohmann::json::parse(column.GetView(0));
        told[record["session_id"]].push_back(record["event"]);
      }
      if (page->at_head) return told;
      from = From::Position(page->next);
    }
  }

  void KillAgainAndAgain() {
    const uint64_t seed = FromEnvironment("JAMMI_CRASH_SEED", 1);
    const uint64_t wanted = FromEnvironment("JAMMI_KILLS", kKills);
    SCOPED_TRACE(Replay("JAMMI_CRASH_SEED", seed));
    Random random(seed);
    uint64_t killed = 0;
    while (killed < wanted && !HasFailure()) {
      killed += RunAndKill(random.Next(), 1 + random.Below(10));
      expire_();
    }
    for (const auto* point : {"ephemeral.claimed", "ephemeral.dropped", "ephemeral.announced"}) {
      EXPECT_TRUE(RunAndKill(random.Next(), 100, {point, "2"})) << point;
      expire_();
    }
    ExpectAllEnd();
    EXPECT_EQ(count_(), 0) << "tables of sessions, or sessions";
  }

  const TenantId tenant_ = *TenantId::From(Uuid::RandomV4());
  std::string where_;
  std::function<void()> expire_ = [] {};
  std::function<int64_t()> count_;
  std::vector<std::string> opened_;
};

constexpr const char* kCount =
    "SELECT (SELECT COUNT(*) FROM ephemeral_sessions) + (SELECT COUNT(*) FROM mutable_tables)";

TEST_F(EphemeralKillTest, W25NothingIsLeftOnSqlite) {
  const TempDir folder;
  where_ = folder.path().string();
  count_ = [&] { return RawSqlite(folder.path() / "catalog.db").Number(kCount); };
  KillAgainAndAgain();
}

#ifdef JAMMI_HAS_POSTGRES
TEST_F(EphemeralKillTest, W25NothingIsLeftOnPostgres) {
  auto& server = PgServer::Shared();
  where_ = server.Url(server.CreateDatabase());
  expire_ = [&] { RawPostgres(where_).Exec("UPDATE ephemeral_sessions SET lease_expires_at = 0"); };
  count_ = [&] { return RawPostgres(where_).Number(kCount); };
  KillAgainAndAgain();
}
#endif

}  // namespace
}  // namespace jammi::test
