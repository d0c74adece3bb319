// An engine that forwards to a real server: what is published and registered while the server is away is in
// the stream when it is back, once and in order, whoever was restarted meanwhile.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/base64.h"
#include "base/log.h"
#include "engine/number_fixture.h"
#include "nats/jetstream.h"
#include "support/nats_server.h"
#include "support/temp_dir.h"

namespace jammi {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ForwardingTest : public testing::Test {
 protected:
  ForwardingTest() {
    SetLog(LogLevel::kOff, LogFormat::kText);  // the server is away on purpose
    config_.artifact_dir = folder_ / "data";
    config_.events.enabled = true;
    config_.events.url = Secret(nats_.Url());
    config_.events.topics = {"numbers"};
    MakeStream();
    Open();
  }
  ~ForwardingTest() override { SetLog(LogLevel::kWarning, LogFormat::kText); }

  void Open() {
    auto engine = Engine::Open(config_);
    if (!engine) throw std::runtime_error(engine.error().ToString());
    engine_ = std::move(*engine);
  }
  [[nodiscard]] std::shared_ptr<nats::Connection> Raw() const {
    auto connection = *nats::Connection::Open({.url = Secret(nats_.Url())});
    EXPECT_TRUE(connection->AwaitConnected(Patience()));
    return connection;
  }
  void MakeStream() const {
    const auto raw = Raw();
    const auto made = nats::JetStream(*raw).EnsureStream({.name = "EVENTS", .subjects = {"jammi.events.>"}});
    ASSERT_TRUE(made) << made.error().ToString();
  }
  // What the stream holds: subject and event.
  [[nodiscard]] std::vector<std::pair<std::string, json>> Stored() const {
    const auto raw = Raw();
    std::vector<std::pair<std::string, json>> stored;
    for (uint64_t sequence = 1; sequence <= StoredCount(); ++sequence) {
      const auto answer = raw->Request("$JS.API.STREAM.MSG.GET.EVENTS",
                                       fmt::format(R"({{"seq":{}}})", sequence), std::chrono::seconds(10));
      if (!answer) {
        ADD_FAILURE() << answer.error().ToString();
        break;
      }
      const auto message = json::parse((*answer)->body())["message"];
      stored.emplace_back(message["subject"], json::parse(FromBase64(std::string(message["data"])).value()));
    }
    return stored;
  }
  [[nodiscard]] uint64_t StoredCount() const {
    const auto raw = Raw();
    const auto info = nats::JetStream(*raw).FindStream("EVENTS");
    return info ? info->messages : 0;
  }
  void Publish(const Session& session, const Topic& topic, int64_t begin, int64_t end) const {
    for (; begin < end; ++begin) ASSERT_TRUE(session.Publish(topic.id, Number(begin), Patience()));
  }
  [[nodiscard]] bool AwaitForwarded() const {
    return AwaitTrue([&] {
      const auto status = engine_->event_forwarding();
      return !status.topics.empty() &&
             std::ranges::all_of(status.topics, [](const auto& t) { return t.forwarding && t.lag == 0; });
    });
  }

  const test::TempDir folder_{test::TempDir::On::kMemory};
  test::NatsServer nats_;
  Config config_;
  const TenantId tenant_ = *TenantId::Parse("aaaaaaaa-0000-4000-8000-000000000001");
  std::unique_ptr<Engine> engine_;
};

TEST_F(ForwardingTest, WhatHappensWhileTheServerIsAwayIsInTheStreamOnceAndInOrder) {
  const Topic topic = *engine_->ForTenant(tenant_).topics().Register("numbers", NumberSchema());
  Publish(engine_->ForTenant(tenant_), topic, 0, 20);
  ASSERT_TRUE(AwaitForwarded());
  nats_.Stop();
  Publish(engine_->ForTenant(tenant_), topic, 20, 60);
  ASSERT_TRUE(engine_->Global().models().Register({.model_id = "one", .model_type = "embedding"}));
  ASSERT_TRUE(AwaitTrue([&] { return engine_->event_forwarding().retries > 0; }));
  EXPECT_FALSE(engine_->event_forwarding().last_error.empty());
  engine_.reset();
  Open();
  ASSERT_TRUE(engine_->Global().models().Register({.model_id = "two", .model_type = "embedding"}));
  Publish(engine_->ForTenant(tenant_), topic, 60, 80);
  nats_.Start();

  // 80 rows; the topic and two models were registered.
  ASSERT_TRUE(AwaitTrue([&] { return StoredCount() >= 83; })) << engine_->event_forwarding().last_error;
  ASSERT_TRUE(AwaitForwarded());
  std::vector<int64_t> numbers;
  std::vector<std::string> happened;
  for (const auto& [subject, event] : Stored()) {
    if (event["type"] == "dev.jammi.events.row.published.v1") {
      numbers.push_back(event["data"]["values"]["n"]);
      EXPECT_EQ(subject, "jammi.events." + tenant_.ToString());
      EXPECT_EQ(event["tenantid"], tenant_.ToString());
    } else {
      happened.push_back(std::string(event["type"]) + " " + std::string(event["subject"]));
    }
  }
  std::vector<int64_t> all(80);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(numbers, all);
  EXPECT_THAT(happened, testing::ElementsAre("dev.jammi.events.topic.registered.v1 numbers",
                                             "dev.jammi.events.model.registered.v1 one",
                                             "dev.jammi.events.model.registered.v1 two"));
  EXPECT_EQ(StoredCount(), 83U);
}

TEST_F(ForwardingTest, WhatIsWrongWithTheConfigurationIsToldAtTheStart) {
  engine_.reset();
  config_.events.subject = "a..b";
  const auto subject = Engine::Open(config_);
  ASSERT_FALSE(subject);
  EXPECT_THAT(subject.error().message(), HasSubstr("[events]"));
  config_.events.subject = "jammi.events.{tenantId}";
  config_.events.dead_letter_path = folder_ / "nowhere";
  const auto letters = Engine::Open(config_);
  ASSERT_FALSE(letters);
  EXPECT_THAT(letters.error().message(), HasSubstr("events.dead_letter_path"));
}

// What the server does not take for its size goes to the directory, and the rest goes on.
TEST_F(ForwardingTest, AnEventThatIsTooLargeBecomesADeadLetter) {
  engine_.reset();
  const auto letters = folder_ / "letters";
  std::filesystem::create_directory(letters);
  config_.events.dead_letter_path = letters;
  config_.events.topics = {"texts"};
  Open();
  const auto schema = arrow::schema({arrow::field("text", arrow::utf8())});
  const Topic topic = *engine_->Global().topics().Register("texts", schema);
  for (const size_t size : {size_t{1}, size_t{2} << 20, size_t{2}}) {
    arrow::StringBuilder texts;
    ASSERT_TRUE(texts.Append(std::string(size, 'x')).ok());
    ASSERT_TRUE(engine_->Global().Publish(topic.id, arrow::RecordBatch::Make(schema, 1, {*texts.Finish()})));
  }
  ASSERT_TRUE(AwaitTrue([&] { return StoredCount() >= 3; }));  // the topic, and two rows
  ASSERT_TRUE(AwaitForwarded());
  EXPECT_EQ(engine_->event_forwarding().dead_lettered, 1U);
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(letters)) {
    files += entry.path().extension() == ".jsonl" ? 1 : 0;
  }
  EXPECT_EQ(files, 1U);
}

// A consumer of the engine's is seen by the topic's owner, who cannot move it.
TEST_F(ForwardingTest, UsersDoNotMoveTheEnginesConsumers) {
  const auto session = engine_->ForTenant(tenant_);
  const Topic topic = *session.topics().Register("numbers", NumberSchema());
  ASSERT_TRUE(AwaitTrue([&] { return session.consumers().Get(topic.id, "jammi.events").has_value(); }));
  const auto code = [](const auto& result) { return result ? ErrorCode::kInternal : result.error().code(); };
  EXPECT_EQ(code(session.consumers().Create(topic.id, "jammi.mine")), ErrorCode::kPermissionDenied);
  EXPECT_EQ(code(session.consumers().Attach(topic.id, "jammi.events")), ErrorCode::kPermissionDenied);
  EXPECT_EQ(code(session.consumers().Reset(topic.id, "jammi.events", From::Offset(0))),
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(code(session.consumers().Delete(topic.id, "jammi.events")), ErrorCode::kPermissionDenied);
}

}  // namespace
}  // namespace jammi
