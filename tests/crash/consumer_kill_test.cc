// Kills a program that reads for a named consumer, at a random moment, again and again, on both databases:
// the next one begins behind what had reached the catalog, and not behind anything that was not acknowledged.
//
//   JAMMI_CRASH_SEED=7   other moments
//   JAMMI_KILLS=1000     so many kills of each database
#include <arrow/api.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <charconv>
#include <set>
#include <string>

#include "jammi/engine.h"
#include "support/child_process.h"
#ifdef JAMMI_HAS_POSTGRES
#include "support/pg_server.h"
#endif
#include "support/random.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kKills = 8;
#else
constexpr uint64_t kKills = 40;
#endif
constexpr uint64_t kEvents = 400;

class ConsumerKillTest : public testing::Test {
 protected:
  static std::unique_ptr<Engine> Open(const std::string& where) {
    Config config;
    config.artifact_dir = where;
    if (where.starts_with("postgres:")) config.catalog = PostgresCatalogConfig{.url = Secret(where)};
    auto engine = Engine::Open(config);
    EXPECT_TRUE(engine) << engine.error().ToString();
    return engine ? std::move(*engine) : nullptr;
  }

  static void Prepare(const std::string& where) {
    const auto engine = Open(where);
    ASSERT_NE(engine, nullptr);
    const Session session = engine->Global();
    const auto schema = arrow::schema({arrow::field("n", arrow::int64())});
    const auto topic = session.topics().Register("t", schema);
    ASSERT_TRUE(topic) << topic.error().ToString();
    const auto column = *arrow::MakeArrayFromScalar(arrow::Int64Scalar(1), 1);
    const auto batch = arrow::RecordBatch::Make(schema, 1, {column});
    for (uint64_t i = 0; i < kEvents; ++i) ASSERT_TRUE(session.Publish(topic->id, batch));
    ASSERT_TRUE(session.consumers().Create("t", "indexer", {.from = From::Offset(0)}));
  }

  // Runs the program, kills it after `lines` lines, and holds what it says against what was said before.
  bool RunAndKill(const std::string& where, uint64_t seed, uint64_t lines) {
    ChildProcess child({JAMMI_CONSUMER_KILL_CHILD, where, std::to_string(seed)});
    uint64_t next = 0;
    while (const auto line = child.ReadLine()) {
      const size_t space = line->find(' ');
      const std::string verb = line->substr(0, space);
      uint64_t number = 0;
      if (space != line->npos) std::from_chars(line->data() + space + 1, line->data() + line->size(), number);
      if (verb == "position") {
        EXPECT_GE(number, flushed_) << "what was written is lost";
        EXPECT_LE(number, acking_) << "what nobody acknowledged is skipped";
        next = number;
      } else if (verb == "got") {
        EXPECT_EQ(number, next++);
        delivered_.insert(number);
      } else if (verb == "acking") {
        acking_ = std::max(acking_, number + 1);
      } else if (verb == "flushed") {
        flushed_ = std::max(flushed_, number);
      } else {
        EXPECT_EQ(*line, "end");
      }
      if (--lines == 0) child.Kill();
    }
    return child.Wait() == -SIGKILL;
  }

  void KillAgainAndAgain(const std::string& where) {
    const uint64_t seed = FromEnvironment("JAMMI_CRASH_SEED", 1);
    const uint64_t wanted = FromEnvironment("JAMMI_KILLS", kKills);
    SCOPED_TRACE(Replay("JAMMI_CRASH_SEED", seed));
    Random random(seed);
    Prepare(where);
    uint64_t killed = 0;
    for (uint64_t run = 0; killed < wanted && !HasFailure(); ++run) {
      ASSERT_LT(run, 3 * wanted) << "too few of the programs could be killed";
      killed += RunAndKill(where, random.Next(), 1 + random.Below(40));
      if (flushed_ + 40 < kEvents) continue;  // else it comes to its end: begin again
      const auto engine = Open(where);
      ASSERT_NE(engine, nullptr);
      ASSERT_TRUE(engine->Global().consumers().Reset("t", "indexer", From::Offset(0), OnLeased::kTakeOver));
      flushed_ = acking_ = 0;
    }
    EXPECT_FALSE(RunAndKill(where, random.Next(), UINT64_MAX)) << "nobody kills this one";
    EXPECT_EQ(delivered_.size(), kEvents);
    fmt::print("{} kills\n", killed);
  }

 private:
  uint64_t flushed_ = 0;  // positions: what the programs have said
  uint64_t acking_ = 0;
  std::set<uint64_t> delivered_;
};

TEST_F(ConsumerKillTest, AtLeastOnceOnSqlite) {
  const TempDir folder;
  KillAgainAndAgain(folder.path().string());
}

#ifdef JAMMI_HAS_POSTGRES
TEST_F(ConsumerKillTest, AtLeastOnceOnPostgres) {
  auto& server = PgServer::Shared();
  KillAgainAndAgain(server.Url(server.CreateDatabase()));
}
#endif

}  // namespace
}  // namespace jammi::test
