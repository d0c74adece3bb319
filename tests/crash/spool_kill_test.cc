// Kills a program that takes events into a spool in front of a real nats-server, at a random moment, again
// and again, and the server now and then: every event that the program was told is taken is in the stream at
// the end, and none is there twice.
//
//   JAMMI_CRASH_SEED=7   other moments
//   JAMMI_KILLS=1000     so many kills
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/base64.h"
#include "base/log.h"
#include "jammi/events/event.h"
#include "nats/connection.h"
#include "nats/jetstream.h"
#include "support/child_process.h"
#include "support/nats_server.h"
#include "support/random.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kKills = 15;
#else
constexpr uint64_t kKills = 100;
#endif
constexpr uint64_t kServerFallsEvery = 20;

class SpoolKillTest : public testing::Test {
 protected:
  SpoolKillTest() {
    SetLog(LogLevel::kOff, LogFormat::kText);  // the server is away now and then
    nats::ConnectionOptions options;
    options.url = Secret(server_.Url());
    options.reconnect_wait = std::chrono::milliseconds(10);
    connection_ = *nats::Connection::Open(options);
  }

  void MakeStream() {
    ASSERT_TRUE(connection_->AwaitConnected(Deadline::After(std::chrono::seconds(30))));
    const auto made =
        nats::JetStream(*connection_)
            .EnsureStream(
                {.name = "KILLS", .subjects = {"kills.>"}, .duplicate_window = std::chrono::hours(1)});
    ASSERT_TRUE(made) << made.error().ToString();
  }

  // Runs the program and kills it after `lines` lines.
  void RunAndKill(const std::string& run, uint64_t lines) {
    ChildProcess child({JAMMI_SPOOL_KILL_CHILD, (folder_ / "spool").string(), server_.Url(), run});
    while (const auto line = child.ReadLine()) {
      if (line->starts_with("took ")) {
        taken_.insert(line->substr(5));
      } else {
        EXPECT_EQ(*line, run == "drain" && *line != "open" ? "end" : "open");
      }
      if (--lines == 0) child.Kill();
    }
    EXPECT_EQ(child.Wait(), run == "drain" ? 0 : -SIGKILL);
  }

  // How often each event is in the stream.
  std::map<std::string, int> ReadStream() {
    std::map<std::string, int> found;
    EXPECT_TRUE(connection_->AwaitConnected(Deadline::After(std::chrono::seconds(30))));
    const auto info = nats::JetStream(*connection_).FindStream("KILLS");
    EXPECT_TRUE(info) << info.error().ToString();
    for (uint64_t sequence = 1; info && sequence <= info->last_sequence; ++sequence) {
      const auto answer = connection_->Request(
          "$JS.API.STREAM.MSG.GET.KILLS", fmt::format("{{\"seq\":{}}}", sequence), std::chrono::seconds(10));
      if (!answer) {
        ADD_FAILURE() << answer.error().ToString();
        return found;
      }
      const auto json = nlohmann::json::parse((*answer)->body());
      const auto event = events::ParseEvent(*FromBase64(json.at("message").at("data").get<std::string>()));
      EXPECT_TRUE(event);
      if (event) ++found[event->id];
    }
    return found;
  }

  const TempDir folder_;
  NatsServer server_;
  std::shared_ptr<nats::Connection> connection_;
  std::set<std::string> taken_;
};

TEST_F(SpoolKillTest, NothingIsLostAndNothingIsThereTwice) {
  const uint64_t seed = FromEnvironment("JAMMI_CRASH_SEED", 1);
  const uint64_t wanted = FromEnvironment("JAMMI_KILLS", kKills);
  SCOPED_TRACE(Replay("JAMMI_CRASH_SEED", seed));
  Random random(seed);
  MakeStream();
  for (uint64_t run = 1; run <= wanted && !HasFailure(); ++run) {
    if (run % kServerFallsEvery == 0) server_.Kill();
    RunAndKill(std::to_string(run), 1 + random.Below(120));
    if (run % kServerFallsEvery == 0) server_.Start();
  }
  RunAndKill("drain", UINT64_MAX);
  const auto found = ReadStream();
  size_t twice = 0;
  for (const auto& [id, times] : found) twice += times > 1 ? 1 : 0;
  size_t lost = 0;
  for (const auto& id : taken_) lost += found.contains(id) ? 0 : 1;
  EXPECT_EQ(twice, 0U);
  EXPECT_EQ(lost, 0U);
  EXPECT_GT(taken_.size(), wanted);
  fmt::print("{} kills, {} events taken, {} in the stream\n", wanted, taken_.size(), found.size());
}

}  // namespace
}  // namespace jammi::test
