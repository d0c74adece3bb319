// Appends of several events, and appends that a producer key makes happen once, on every database.
#include <arrow/buffer.h>
#include <fmt/format.h>

#include <atomic>
#include <future>
#include <map>
#include <ranges>
#include <semaphore>
#include <thread>

#include "base/hash.h"
#include "base/sync_point.h"
#include "catalog/event_key.h"
#include "catalog/log_trim.h"
#include "catalog/producer_keys.h"
#include "catalog/repo_fixture.h"
#include "catalog/topic_repo.h"
#include "support/random.h"

namespace jammi {
namespace {

using test::CodeOf;
using test::kA;
using test::kB;
using test::kGlobal;
using test::Ok;
using testing::ElementsAre;

constexpr const char* kSeed = "JAMMI_APPEND_SEED";

EventAppend Event(int64_t topic_no, const std::string& text, const Scope& scope = kGlobal) {
  EventAppend event{.topic_no = topic_no, .scope = scope, .row_count = 1};
  event.payload = arrow::Buffer::FromString(text);
  event.checksum = Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())});
  return event;
}

// Topic 1, unless said otherwise.
AppendRequest Request(const std::vector<std::string>& texts, std::string key = {},
                      const Scope& scope = kGlobal, int64_t topic_no = 1) {
  std::vector<EventAppend> events;
  events.reserve(texts.size());
  for (const std::string& text : texts) events.push_back(Event(topic_no, text, scope));
  return AppendRequest(std::move(events), std::move(key));
}

class AppendTest : public test::RepoTest {
 protected:
  AppendTest() {
    EXPECT_EQ(MakeTopic("topic-1"), 1);
    EXPECT_EQ(MakeTopic("topic-2"), 2);
  }
  ~AppendTest() override { ClearSyncPoints(); }

  EventLog& log() { return catalog_->log(); }

  int64_t MakeTopic(const std::string& name) {
    return Ok(TopicRepo(backend()).Register(kGlobal, name, "schema", {})).topic_no;
  }

  Result<AppendOutcome> Append(AppendRequest request) { return log().Append(std::move(request), {}); }
  Result<AppendOutcome> Append(const std::vector<std::string>& texts, std::string key = {},
                               const Scope& scope = kGlobal, int64_t topic_no = 1) {
    return Append(Request(texts, std::move(key), scope, topic_no));
  }

  // All payloads of a topic, from its low water on.
  std::vector<std::string> Texts(int64_t topic_no = 1, const Scope& reader = kGlobal) {
    std::vector<std::string> texts;
    uint64_t from = Ok(log().ReadHead(topic_no)).low_water;
    while (true) {
      const LogPage page = Ok(log().Read(topic_no, from, reader, {}));
      for (const LogEvent& event : page.events)
        texts.push_back(event.payload == nullptr ? "?" : event.payload->ToString());
      from += page.events.size();
      if (from >= page.head.next_offset) return texts;
    }
  }
  int64_t Keys() { return GetInt("SELECT count(*) AS v FROM producer_keys"); }

  // What the log's trimmer does.
  void Trim(int64_t topic_no, int64_t low_water) {
    Ok(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
      JAMMI_TRY(
          tx.Execute("UPDATE topic_heads SET low_water = $2 WHERE topic_no = $1", {topic_no, low_water}));
      return RemoveEvents(tx, topic_no, 0, low_water - 1);
    }));
  }

  // Appends all of it in one transaction of the log, and waits for the outcomes.
  std::vector<Result<AppendOutcome>> AppendTogether(std::vector<AppendRequest> requests) {
    Hold();
    std::vector<std::future<Result<AppendOutcome>>> pending;
    for (AppendRequest& request : requests) {
      auto promise = std::make_shared<std::promise<Result<AppendOutcome>>>();
      pending.push_back(promise->get_future());
      log().AppendAsync(std::move(request), {},
                        [promise](Result<AppendOutcome> outcome) { promise->set_value(std::move(outcome)); });
    }
    const uint64_t groups = backend().stats().groups;
    Release();
    std::vector<Result<AppendOutcome>> outcomes;
    for (auto& one : pending) outcomes.push_back(one.get());
    commits_ = backend().stats().groups - groups - 1;  // but for the one that held the log
    return outcomes;
  }
  // Keeps the log busy with an append to topic 2, so that what comes gathers behind it.
  void Hold() {
    is_first_ = true;
    SetSyncPoint("catalog:before_commit", [this] {
      if (!is_first_.exchange(false)) return;
      held_.release();
      release_.acquire();
    });
    holder_ = std::jthread([this] { Ok(Append({"held"}, "", kGlobal, 2)); });
    held_.acquire();
  }
  void Release() {
    release_.release();
    holder_.join();
  }

  uint64_t commits_ = 0;  // of the last AppendTogether

 private:
  std::atomic<bool> is_first_ = false;
  std::binary_semaphore held_{0};
  std::binary_semaphore release_{0};
  std::jthread holder_;
};

JAMMI_ON_EVERY_DATABASE(AppendTest);

uint64_t ConflictOffset(const Result<AppendOutcome>& outcome) {
  if (outcome) throw std::runtime_error("no conflict");
  EXPECT_EQ(outcome.error().code(), ErrorCode::kAlreadyExists) << outcome.error().ToString();
  const auto* detail = outcome.error().As<ProducerKeyConflictDetail>();
  if (detail == nullptr) throw std::runtime_error(outcome.error().ToString());
  return detail->first_offset;
}

// --- Several events ------------------------------------------------------------------------------------

TEST_P(AppendTest, EventsOfOneAppendAreConsecutiveAndOfOneCommit) {
  Ok(Append({"before"}));
  const uint64_t groups = backend().stats().groups;
  const AppendOutcome outcome = Ok(Append({"a", "b", "c"}));
  EXPECT_EQ(outcome.offset, 1U);
  EXPECT_FALSE(outcome.duplicate);
  EXPECT_EQ(backend().stats().groups - groups, 1U);
  EXPECT_EQ(Ok(Append({"after"})).offset, 4U);
  EXPECT_THAT(Texts(), ElementsAre("before", "a", "b", "c", "after"));
  const LogPage page = Ok(log().Read(1, 1, kGlobal, {.events = 3}));
  for (const LogEvent& event : page.events) EXPECT_EQ(event.committed_at, outcome.committed_at);
  EXPECT_EQ(GetInt("SELECT events AS v FROM topic_heads WHERE topic_no = 1"), 5);
  EXPECT_EQ(GetInt("SELECT bytes AS v FROM topic_heads WHERE topic_no = 1"), 6 + 3 + 5);
}

TEST_P(AppendTest, EventsOfOneAppendAreThereAllOrNone) {
  // What stands at offset 2 lets the third event fail.
  Sql("INSERT INTO events (event_key, committed_at, scope, row_count, checksum, payload)"
      " VALUES ($1, 0, '', 0, 0, $2)",
      {EventKey(1, 2), SqlBytes()});
  const auto outcomes =
      AppendTogether({Request({"a", "b", "c", "d"}, "key"), Request({"other"}, "", kGlobal, 2)});
  EXPECT_FALSE(outcomes[0]);
  EXPECT_TRUE(outcomes[1]) << "it takes no other with it";
  EXPECT_EQ(Ok(log().ReadHead(1)).next_offset, 0U);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM events WHERE event_key < $1", {EventKey(2, 0)}), 1);
  EXPECT_EQ(Keys(), 0);
  EXPECT_EQ(Ok(Append({"x", "y"}, "key")).offset, 0U);
}

TEST_P(AppendTest, AnAppendThatDoesNotFitAtTheEndOfTheOffsetsTakesNone) {
  Sql("UPDATE topic_heads SET next_offset = $1, low_water = $1 WHERE topic_no = 1", {kMaxOffset - 1});
  EXPECT_EQ(CodeOf(Append({"a", "b", "c"}, "key")), ErrorCode::kResourceExhausted);
  EXPECT_EQ(Keys(), 0) << "a key without its events would answer for ever";
  EXPECT_EQ(Ok(Append({"a", "b"}, "key")).offset, static_cast<uint64_t>(kMaxOffset - 1));
  EXPECT_TRUE(Ok(Append({"a", "b"}, "key")).duplicate) << "it needs no offset";
}

TEST_P(AppendTest, MalformedAppendsAreRefused) {
  EXPECT_EQ(CodeOf(Append(AppendRequest())), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Append(AppendRequest({Event(1, "a"), Event(2, "b")}))), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Append(AppendRequest({Event(1, "a"), Event(1, "b", kA)}))), ErrorCode::kInvalidArgument);
  AppendRequest hollow = Request({"a", "b"});
  hollow.events[1].payload = nullptr;
  EXPECT_EQ(CodeOf(Append(hollow)), ErrorCode::kInvalidArgument);
  for (const std::string& key : {std::string(257, 'k'), std::string("a\0b", 3), std::string("\xff")}) {
    EXPECT_EQ(CodeOf(Append({"a"}, key)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(backend().RunTransaction({},
                                              [&](Transaction& tx) -> Result<void> {
                                                tx.Append(Request({"a"}, key));
                                                return {};
                                              })),
              ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(Ok(log().ReadHead(1)).next_offset, 0U);
  EXPECT_EQ(Ok(Append({"a"}, std::string(256, 'k'))).offset, 0U);
}

TEST_P(AppendTest, TheListenerHearsEveryEventOfAnAppendAndNothingOfADuplicate) {
  std::vector<std::string> heard;
  log().SetListener([&](std::span<const CommittedEvent> events) {
    for (const CommittedEvent& event : events)
      heard.push_back(fmt::format("{} {}", event.outcome.offset, event.payload->ToString()));
  });
  Ok(Append({"a", "b"}, "key"));
  Ok(Append({"a", "b"}, "key"));
  EXPECT_FALSE(Append({"other"}, "key"));
  Ok(Append({"c"}));
  EXPECT_THAT(heard, ElementsAre("0 a", "1 b", "2 c"));
}

// --- Producer keys -------------------------------------------------------------------------------------

TEST_P(AppendTest, TheSameKeyAndContentIsADuplicateOfTheFirst) {
  const AppendOutcome first = Ok(Append({"a", "b"}, "key"));
  Ok(Append({"between"}));
  const AppendOutcome again = Ok(Append({"a", "b"}, "key"));
  EXPECT_FALSE(first.duplicate);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.offset, first.offset);
  EXPECT_EQ(again.committed_at, first.committed_at);
  EXPECT_EQ(Ok(Append({"a", "b"})).offset, 3U) << "without a key it is another event";
  EXPECT_THAT(Texts(), ElementsAre("a", "b", "between", "a", "b"));
}

TEST_P(AppendTest, TheSameKeyWithOtherContentIsAConflict) {
  Ok(Append({"before"}));
  Ok(Append({"a", "b"}, "key"));
  for (const auto& texts : {std::vector<std::string>{"a"}, {"a", "b", "c"}, {"b", "a"}, {"ab"}, {"", "ab"}})
    EXPECT_EQ(ConflictOffset(Append(texts, "key")), 1U);
  AppendRequest more_rows = Request({"a", "b"}, "key");
  more_rows.events[1].row_count = 2;
  EXPECT_EQ(ConflictOffset(Append(more_rows)), 1U);
  EXPECT_EQ(Ok(log().ReadHead(1)).next_offset, 3U);
}

TEST_P(AppendTest, Ten001AKeyIsOfItsTopicAndScope) {
  EXPECT_EQ(Ok(Append({"a"}, "key", kA)).offset, 0U);
  for (const Scope& other : {kB, kGlobal}) {
    EXPECT_FALSE(Ok(Append({"a"}, "key", other)).duplicate) << "nobody learns of another's key";
  }
  EXPECT_FALSE(Ok(Append({"other"}, "second", kB)).duplicate);
  EXPECT_FALSE(Ok(Append({"mine"}, "second", kA)).duplicate) << "nor is blocked by it";
  EXPECT_FALSE(Ok(Append({"a"}, "key", kA, 2)).duplicate);
  EXPECT_TRUE(Ok(Append({"a"}, "key", kA)).duplicate);
}

TEST_P(AppendTest, AKeyOutlivesTheProcess) {
  Ok(Append({"a"}, "key"));
  Reopen();
  EXPECT_TRUE(Ok(Append({"a"}, "key")).duplicate);
  EXPECT_EQ(ConflictOffset(Append({"b"}, "key")), 0U);
}

TEST_P(AppendTest, AKeyIsFreeOnceItsFirstEventIsTrimmed) {
  Ok(Append({"a", "b"}, "first"));
  Ok(Append({"c"}, "second"));
  Ok(Append({"c"}, "second", kGlobal, 2));
  Trim(1, 1);
  EXPECT_EQ(Keys(), 2);
  EXPECT_TRUE(Ok(Append({"c"}, "second")).duplicate);
  EXPECT_EQ(Ok(Append({"other"}, "first")).offset, 3U);
  Trim(1, 4);
  EXPECT_EQ(Ok(Append({"c"}, "second")).offset, 4U);
  EXPECT_TRUE(Ok(Append({"c"}, "second", kGlobal, 2)).duplicate) << "of another topic";
}

TEST_P(AppendTest, ADroppedTopicIsNotFoundUnderAKnownKeyAndItsKeysArePurged) {
  TopicRepo topics(backend());
  const StoredTopic topic = Ok(topics.Register(kGlobal, "t", "schema", {}));
  Ok(Append({"kept"}, "key"));
  for (int i = 0; i < 3; ++i) Ok(Append({"a", "b"}, fmt::format("key-{}", i), kGlobal, topic.topic_no));
  Ok(topics.Drop(kGlobal, topic.id, [](int64_t) {}));
  EXPECT_EQ(CodeOf(Append({"a", "b"}, "key-0", kGlobal, topic.topic_no)), ErrorCode::kNotFound);
  EXPECT_EQ(Keys(), 4);
  LogTrim trim(backend(), {std::chrono::microseconds(0), 0, 0, false}, "engine");
  ASSERT_TRUE(Ok(trim.Claim({})));
  while (Ok(trim.Purge({})).more) {
  }
  EXPECT_EQ(Keys(), 1);
}

// --- Together ------------------------------------------------------------------------------------------

TEST_P(AppendTest, BothAttemptsInOneCommitAreOneEvent) {
  const auto outcomes =
      AppendTogether({Request({"a", "b"}, "key"), Request({"x"}), Request({"a", "b"}, "key"),
                      Request({"other"}, "key"), Request({"a", "b"}, "key", kA)});
  EXPECT_EQ(commits_, 1U);
  EXPECT_FALSE(Ok(outcomes[0]).duplicate);
  EXPECT_TRUE(Ok(outcomes[2]).duplicate);
  EXPECT_EQ(outcomes[2]->offset, outcomes[0]->offset);
  EXPECT_EQ(outcomes[2]->committed_at, outcomes[0]->committed_at);
  EXPECT_EQ(ConflictOffset(outcomes[3]), outcomes[0]->offset);
  EXPECT_FALSE(Ok(outcomes[4]).duplicate);
  EXPECT_THAT(Texts(1, kA), ElementsAre("a", "b", "x", "a", "b"));
}

TEST_P(AppendTest, DuplicatesAloneMakeACommitThatChangesNothing) {
  const AppendOutcome first = Ok(Append({"a"}, "key"));
  const auto outcomes = AppendTogether({Request({"a"}, "key"), Request({"a"}, "key"), Request({"b"}, "key")});
  EXPECT_EQ(Ok(outcomes[0]).offset, first.offset);
  EXPECT_TRUE(Ok(outcomes[1]).duplicate);
  EXPECT_EQ(ConflictOffset(outcomes[2]), first.offset);
  EXPECT_THAT(Texts(), ElementsAre("a"));
}

TEST_P(AppendTest, AppendsToADroppedTopicFailWithTheirKeysAndTakeNoOtherAlong) {
  Sql("DELETE FROM topic_heads WHERE topic_no = 1");
  const auto outcomes = AppendTogether(
      {Request({"a"}, "key"), Request({"a"}, "key"), Request({"x"}), Request({"y"}, "key", kGlobal, 2)});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(CodeOf(outcomes[static_cast<size_t>(i)]), ErrorCode::kNotFound);
  EXPECT_EQ(Ok(outcomes[3]).offset, 1U);
  EXPECT_EQ(Keys(), 1);
}

TEST_P(AppendTest, TheRunOfAGroupThatWasRolledBackLeavesNoKey) {
  // The second fails the transaction of all; each is run again.
  Sql("INSERT INTO events (event_key, committed_at, scope, row_count, checksum, payload)"
      " VALUES ($1, 0, '', 0, 0, $2)",
      {EventKey(1, 1), SqlBytes()});
  const auto outcomes =
      AppendTogether({Request({"a"}, "key"), Request({"b"}, "second"), Request({"a"}, "key")});
  EXPECT_EQ(Ok(outcomes[0]).offset, 0U);
  EXPECT_FALSE(outcomes[0]->duplicate);
  EXPECT_FALSE(outcomes[1]);
  EXPECT_TRUE(Ok(outcomes[2]).duplicate);
  EXPECT_EQ(outcomes[2]->offset, 0U);
  EXPECT_EQ(Keys(), 1);
}

// --- In transactions -----------------------------------------------------------------------------------

TEST_P(AppendTest, ADuplicateInATransactionLetsItCommit) {
  Ok(Append({"a"}, "key"));
  std::vector<AppendOutcome> told;
  const auto note = [&](const AppendOutcome& outcome) { told.push_back(outcome); };
  Ok(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    tx.Append(Request({"a"}, "key"), note);
    tx.Append(Request({"b", "c"}, "second"), note);
    tx.Append(Request({"b", "c"}, "second"), note);
    return {};
  }));
  ASSERT_EQ(told.size(), 3U);
  EXPECT_TRUE(told[0].duplicate);
  EXPECT_EQ(told[0].offset, 0U);
  EXPECT_FALSE(told[1].duplicate);
  EXPECT_TRUE(told[2].duplicate);
  EXPECT_EQ(told[2].offset, 1U);
  EXPECT_THAT(Texts(), ElementsAre("a", "b", "c"));
}

TEST_P(AppendTest, AConflictFailsTheTransactionWhole) {
  Ok(Append({"a"}, "key"));
  const auto body = [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("UPDATE topics SET name = 'renamed' WHERE topic_no = 1"));
    tx.Append(Request({"b"}));
    tx.Append(Request({"c"}, "key"));
    return {};
  };
  const auto failed = backend().RunTransaction({}, body);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().As<ProducerKeyConflictDetail>(), nullptr) << failed.error().ToString();

  Hold();  // the same in one group with others
  auto together = std::async(std::launch::async, [&] { return backend().RunTransaction({}, body); });
  auto other = std::async(std::launch::async, [&] { return Append({"d"}, "other"); });
  Release();
  EXPECT_EQ(CodeOf(together.get()), ErrorCode::kAlreadyExists);
  EXPECT_EQ(Ok(other.get()).offset, 1U);
  EXPECT_THAT(Texts(), ElementsAre("a", "d"));
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM topics WHERE name = 'renamed'"), 0);
}

// --- At random -----------------------------------------------------------------------------------------

// What a key stands for.
struct Known {
  AppendOutcome outcome;
  std::vector<std::string> texts;
};

// One writer, against a map.
TEST_P(AppendTest, AgreesWithAMap) {
  const uint64_t seed = test::FromEnvironment(kSeed, 1);
  SCOPED_TRACE(test::Replay(kSeed, seed));
  test::Random random(seed);
  std::map<std::pair<Scope, std::string>, Known> keys;
  std::vector<std::string> events;
  uint64_t low_water = 0;
  const std::vector<Scope> scopes = {kGlobal, kA, kB};
  for (int step = 0; step < 600; ++step) {
    SCOPED_TRACE(fmt::format("step {}", step));
    if (random.Percent(4)) {
      low_water += random.Below(events.size() - low_water + 1);
      Trim(1, static_cast<int64_t>(low_water));
      std::erase_if(keys, [&](const auto& key) { return key.second.outcome.offset < low_water; });
      continue;
    }
    if (random.Percent(2)) Reopen();
    const Scope scope = scopes[random.Below(scopes.size())];
    const std::string key = random.Percent(20) ? "" : fmt::format("key-{}", random.Below(12));
    std::vector<std::string> texts(1 + random.Below(3));
    for (std::string& text : texts) text = fmt::format("{}", random.Below(2));
    const auto outcome = Append(texts, key, scope);
    const auto known = keys.find({scope, key});
    if (key.empty() || known == keys.end()) {
      ASSERT_TRUE(outcome) << outcome.error().ToString();
      ASSERT_FALSE(outcome->duplicate);
      ASSERT_EQ(outcome->offset, events.size());
      events.insert(events.end(), texts.begin(), texts.end());
      if (!key.empty()) keys[{scope, key}] = {*outcome, texts};
    } else if (known->second.texts == texts) {
      ASSERT_TRUE(outcome) << outcome.error().ToString();
      ASSERT_TRUE(outcome->duplicate);
      ASSERT_EQ(outcome->offset, known->second.outcome.offset);
      ASSERT_EQ(outcome->committed_at, known->second.outcome.committed_at);
    } else {
      ASSERT_EQ(ConflictOffset(outcome), known->second.outcome.offset);
    }
  }
  ASSERT_EQ(Ok(log().ReadHead(1)).next_offset, events.size());
  ASSERT_EQ(Keys(), std::ssize(keys));
}

// Several writers, each through a catalog of its own where the database allows it, want the same keys.
TEST_P(AppendTest, ManyWritersMakeOneAppendOfAKey) {
  const uint64_t seed = test::FromEnvironment(kSeed, 1);
  SCOPED_TRACE(test::Replay(kSeed, seed));
  std::vector<std::shared_ptr<Catalog>> replicas = {catalog_};
  if (harness_->kind() == BackendKind::kPostgres) replicas.push_back(Ok(harness_->Open()));

  struct Attempt {
    std::string key;
    std::vector<std::string> texts;
    std::optional<AppendOutcome> done;  // nullopt: a conflict
    uint64_t conflict_offset = 0;
  };
  constexpr size_t kWriters = 4;
  std::vector<std::vector<Attempt>> attempts(kWriters);
  std::vector<std::jthread> writers;
  for (size_t w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      test::Random random(seed * kWriters + w);
      Catalog& catalog = *replicas[w % replicas.size()];
      for (uint64_t i = 0; i < 150; ++i) {
        // All come by the same keys at about the same time.
        Attempt attempt{.key = fmt::format("key-{}", (i + random.Below(8)) / 4),
                        .texts = std::vector<std::string>(1 + random.Below(2), "x"),
                        .done = {}};
        const AppendRequest request = Request(attempt.texts, attempt.key);
        Result<AppendOutcome> outcome;
        if (random.Percent(70)) {
          outcome = catalog.log().Append(request, {});
        } else {
          const auto ran = catalog.backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
            tx.Append(request, [&](const AppendOutcome& told) { outcome = told; });
            return {};
          });
          if (!ran) outcome = ran.error();
        }
        if (outcome) {
          attempt.done = *outcome;
        } else {
          attempt.conflict_offset = ConflictOffset(outcome);
        }
        attempts[w].push_back(std::move(attempt));
      }
    });
  }
  writers.clear();

  std::map<std::string, Attempt> firsts;
  uint64_t written = 0;
  for (const auto& attempt : attempts | std::views::join) {
    if (!attempt.done || attempt.done->duplicate) continue;
    ASSERT_TRUE(firsts.emplace(attempt.key, attempt).second) << attempt.key << " was written twice";
    written += attempt.texts.size();
  }
  ASSERT_EQ(Ok(log().ReadHead(1)).next_offset, written);
  for (const auto& attempt : attempts | std::views::join) {
    ASSERT_TRUE(firsts.contains(attempt.key));
    const Attempt& first = firsts.at(attempt.key);
    ASSERT_EQ(attempt.done.has_value(), attempt.texts == first.texts);
    ASSERT_EQ(attempt.done ? attempt.done->offset : attempt.conflict_offset, first.done->offset);
  }
}

}  // namespace
}  // namespace jammi
