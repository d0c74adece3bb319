// Kills a program that writes into mutable tables, at random moments and just before a COMMIT, again and
// again, on both databases: the rows of a write are all there or none is, the event of a transaction is there
// with its rows, and what was said to be done is done (MUT-053).
//
//   JAMMI_CRASH_SEED=7   other moments
//   JAMMI_KILLS=1000     so many kills of each database
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <string>
#include <thread>

#include "jammi/engine.h"
#include "support/child_process.h"
#ifdef JAMMI_HAS_POSTGRES
#include "support/pg_server.h"
#endif
#include "support/random.h"
#include "support/temp_dir.h"
#include "support/whole_writes.h"

namespace jammi::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kKills = 6;
#else
constexpr uint64_t kKills = 20;
#endif

class TablesKillTest : public testing::Test {
 protected:
  template <class T>
  static T Ok(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().ToString());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }

  void Open() {
    Config config;
    config.artifact_dir = where_;
    if (where_.starts_with("postgres:")) config.catalog = PostgresCatalogConfig{.url = Secret(where_)};
    engine_ = Ok(Engine::Open(config));
  }
  Session session() { return engine_->ForTenant(tenant_); }
  WholeWrites writes() {
    return {session().tables(),
            [session = session()](const TransactBody& body) { return session.Transact(body); }, topic_};
  }

  // Runs the program until it has said `lines` lines and a little longer, or to where it kills itself.
  void RunAndKill(int64_t first, uint64_t lines, std::chrono::microseconds longer,
                  const std::vector<std::string>& point = {}) {
    engine_.reset();
    std::vector<std::string> arguments = {JAMMI_TABLES_KILL_CHILD, where_, tenant_.ToString(),
                                          std::to_string(first)};
    arguments.insert(arguments.end(), point.begin(), point.end());
    ChildProcess child(arguments);
    first_ = first;
    transacted_ = first - 1;
    bulk_ = first - 1;  // though nobody said so: the program before may have died in it
    while (const auto line = child.ReadLine()) {
      int64_t generation = 0;
      if (std::sscanf(line->c_str(), "transacted %ld", &generation) == 1) {
        transacted_ = generation;
      } else if (std::sscanf(line->c_str(), "bulk %ld", &generation) == 1) {
        bulk_ = generation;
      } else {
        ADD_FAILURE() << *line;
      }
      if (--lines > 0) continue;
      std::this_thread::sleep_for(longer);  // somewhere into the next write: nothing depends on where
      child.Kill();
    }
    EXPECT_EQ(child.Wait(), -SIGKILL);
    Open();
  }

  // What the last program has left; the next generation.
  int64_t Judge() {
    const auto events = static_cast<int64_t>(Ok(session().topics().Stats(*topic_)).events);
    const int64_t generation = writes().ExpectWhole(transacted_, transacted_ + 1, events);
    for (int64_t i = first_; i <= generation; ++i) {
      const bool there = writes().ExpectWholeBulk(i);
      EXPECT_TRUE(there || i > bulk_) << "bulk " << i;
    }
    return generation + 1;
  }

  void KillAgainAndAgain() {
    const uint64_t seed = FromEnvironment("JAMMI_CRASH_SEED", 1);
    const uint64_t wanted = FromEnvironment("JAMMI_KILLS", kKills);
    SCOPED_TRACE(Replay("JAMMI_CRASH_SEED", seed));
    Random random(seed);
    Open();
    topic_ = Ok(session().topics().Register("news", WholeWrites::Schema())).id;
    Ok(writes().Create());
    int64_t next = 1;
    for (uint64_t i = 0; i < wanted && !HasFailure(); ++i) {
      RunAndKill(next, 1 + random.Below(4), std::chrono::microseconds(random.Below(30'000)));
      next = Judge();
    }
    for (const char* count : {"1", "2", "3"}) {
      RunAndKill(next, 1000, {}, {"catalog:before_commit", count});
      next = Judge();
    }
  }

  const TenantId tenant_ = *TenantId::From(Uuid::RandomV4());
  std::string where_;
  std::unique_ptr<Engine> engine_;
  std::optional<TopicId> topic_;
  int64_t first_ = 0;       // the generation that the program began with
  int64_t transacted_ = 0;  // what it has said last
  int64_t bulk_ = 0;
};

TEST_F(TablesKillTest, Mut053AllOrNothingOnSqlite) {
  const TempDir folder;
  where_ = folder.path().string();
  KillAgainAndAgain();
  engine_.reset();
}

#ifdef JAMMI_HAS_POSTGRES
TEST_F(TablesKillTest, Mut053AllOrNothingOnPostgres) {
  auto& server = PgServer::Shared();
  where_ = server.Url(server.CreateDatabase());
  KillAgainAndAgain();
  engine_.reset();
}
#endif

}  // namespace
}  // namespace jammi::test
