// What goes out of the log, and what does not.
#include "catalog/log_trim.h"

#include <atomic>
#include <thread>

#include "catalog/query_plan.h"
#include "catalog/trim_fixture.h"

namespace jammi::test {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LogTrimTest : public TrimFixture {};

TEST_P(LogTrimTest, TheOldestGoBeyondACount) {
  const auto topic = Register(kA, "t", {.max_events = 4});
  const auto other = Register(kA, "other");
  AppendMany(topic.topic_no, 10);
  AppendMany(other.topic_no, 10);
  auto trim = MakeTrim();
  EXPECT_EQ(Ok(trim.FindDue(0)), std::vector{topic.topic_no});
  const auto step = Ok(trim.Trim(topic.topic_no, {}));
  EXPECT_EQ(step.events, 6);
  EXPECT_EQ(step.bytes, 60);
  EXPECT_FALSE(step.more);
  const auto stats = StatsOf(topic);
  EXPECT_EQ(stats.low_water, 6U);
  EXPECT_EQ(stats.next_offset, 10U);
  EXPECT_EQ(stats.events, 4U);
  EXPECT_EQ(stats.bytes, 40U);
  EXPECT_EQ(Rows(topic.topic_no), 4);
  EXPECT_EQ(Rows(other.topic_no), 10);
  EXPECT_THAT(Ok(trim.FindDue(0)), IsEmpty());
  EXPECT_EQ(Ok(trim.Trim(topic.topic_no, {})).events, 0) << "there is nothing more to do";
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_P(LogTrimTest, TheOldestGoBeyondBytesButTheNewestStays) {
  const auto topic = Register(kA, "t", {.max_bytes = 250});
  AppendMany(topic.topic_no, 5, 100);
  auto trim = MakeTrim();
  TrimAll(trim);
  EXPECT_EQ(StatsOf(topic).low_water, 3U);
  EXPECT_EQ(StatsOf(topic).bytes, 200U);
  Append(topic.topic_no, 1000);
  TrimAll(trim);
  EXPECT_EQ(StatsOf(topic).low_water, 5U) << "the newest event is larger than the limit, and stays";
  EXPECT_THAT(Ok(trim.FindDue(0)), IsEmpty());
}

TEST_P(LogTrimTest, OldEventsGoToTheLastAndOffsetsGoOn) {
  const auto topic = Register(kA, "t", {.max_age = seconds(60)});
  AppendMany(topic.topic_no, 3);
  MoveClock(seconds(40));
  AppendMany(topic.topic_no, 2);
  auto trim = MakeTrim();
  EXPECT_THAT(Ok(trim.FindDue(0)), IsEmpty());
  MoveClock(seconds(21));
  TrimAll(trim);
  EXPECT_EQ(StatsOf(topic).low_water, 3U);
  MoveClock(seconds(60));
  EXPECT_TRUE(Ok(trim.Claim({}))) << "the lease has expired, and nobody else has it";
  TrimAll(trim);
  const auto empty = StatsOf(topic);
  EXPECT_EQ(empty.low_water, 5U);
  EXPECT_EQ(empty.events, 0U);
  EXPECT_EQ(empty.bytes, 0U);
  EXPECT_EQ(empty.oldest_at, std::nullopt);
  EXPECT_EQ(empty.newest_at, std::nullopt);
  Reopen();
  EXPECT_EQ(Append(topic.topic_no), 5U) << "an offset is never given twice";
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_P(LogTrimTest, AStepIsAMegabyteOrAThousandEvents) {
  const auto large = Register(kA, "large", {.max_events = 1});
  AppendMany(large.topic_no, 4, 600 << 10);
  auto trim = MakeTrim();
  auto step = Ok(trim.Trim(large.topic_no, {}));
  EXPECT_EQ(step.events, 1);
  EXPECT_TRUE(step.more);
  EXPECT_EQ(TrimAll(trim), 2);

  const auto huge = Register(kA, "huge", {.max_events = 1});
  AppendMany(huge.topic_no, 3, 3 << 20);
  EXPECT_EQ(TrimAll(trim), 2) << "one at least";

  const auto small = Register(kA, "small", {.max_events = 1});
  std::vector<std::jthread> publishers;
  for (int i = 0; i < 8; ++i) publishers.emplace_back([&] { AppendMany(small.topic_no, 150); });
  publishers.clear();
  step = Ok(trim.Trim(small.topic_no, {}));
  EXPECT_EQ(step.events, 1024);
  EXPECT_TRUE(step.more);
  step = Ok(trim.Trim(small.topic_no, {}));
  EXPECT_EQ(step.events, 1200 - 1024 - 1);
  EXPECT_FALSE(step.more);
}

TEST_P(LogTrimTest, ConsumersOfTheOwnerHoldEventsBackAndNobodyElses) {
  const auto topic = Register(kGlobal, "t", {.max_events = 1, .keep_for_consumers = true});
  AppendMany(topic.topic_no, 10);
  Create(kA, topic.topic_no, "anothers", 0);
  const ConsumerKey slow{topic.topic_no, "slow"};
  Create(kGlobal, topic.topic_no, "slow", 2);
  Create(kGlobal, topic.topic_no, "fast", 8);
  auto trim = MakeTrim();
  TrimAll(trim);
  EXPECT_EQ(StatsOf(topic).low_water, 2U);
  EXPECT_EQ(Ok(trim.Trim(topic.topic_no, {})).events, 0) << "it waits";
  Ok(As(kGlobal).Ack(slow, Attach(kGlobal, slow, "reader"), 5));
  TrimAll(trim);
  EXPECT_EQ(StatsOf(topic).low_water, 5U);
  Ok(As(kGlobal).Delete(slow, ConsumerRepo::OnLeased::kTakeOver));
  TrimAll(trim);
  EXPECT_EQ(StatsOf(topic).low_water, 8U);
  Ok(Topics().SetRetention(kGlobal, topic.id, {.max_events = 1}));
  TrimAll(trim);
  EXPECT_EQ(StatsOf(topic).low_water, 9U) << "it does not wait any more";
  EXPECT_EQ(Ok(As(kA).Get({topic.topic_no, "anothers"})).low_water, 9U) << "who can see it from this";
}

TEST_P(LogTrimTest, WhatATopicDoesNotSayTheConfigurationDoes) {
  const auto silent = Register(kA, "silent");
  const auto unlimited = Register(kA, "unlimited", {.max_events = 0});
  const auto own = Register(kA, "own", {.max_events = 5});
  for (const auto& topic : {silent, unlimited, own}) AppendMany(topic.topic_no, 9);
  TopicRetention defaults = kUnlimited;
  defaults.max_events = 2;
  auto trim = MakeTrim(defaults);
  TrimAll(trim);
  EXPECT_EQ(StatsOf(silent).events, 2U);
  EXPECT_EQ(StatsOf(unlimited).events, 9U);
  EXPECT_EQ(StatsOf(own).events, 5U);
  EXPECT_EQ(Ok(Topics().Stats(kA, own.id, defaults)).retention.max_events, 5);
  EXPECT_EQ(Ok(Topics().Stats(kA, silent.id, defaults)).retention.max_events, 2);
  EXPECT_EQ(GetInt("SELECT low_water AS v FROM topic_heads WHERE topic_no = 8388607"), 0)
      << "the engine's own topic has no limit";
}

TEST_P(LogTrimTest, ManyTopicsAreFoundInTurn) {
  std::vector<int64_t> all;
  for (int i = 0; i < 300; ++i) {
    const auto topic = Register(kA, fmt::format("t{}", i), {.max_events = 1});
    AppendMany(topic.topic_no, 2);
    all.push_back(topic.topic_no);
  }
  auto trim = MakeTrim();
  auto due = Ok(trim.FindDue(0));
  EXPECT_LT(due.size(), all.size());
  const auto rest = Ok(trim.FindDue(due.back()));
  due.insert(due.end(), rest.begin(), rest.end());
  EXPECT_EQ(due, all);
}

TEST_P(LogTrimTest, OneEngineAtATimeTrims) {
  const auto topic = Register(kA, "t", {.max_events = 1});
  AppendMany(topic.topic_no, 3);
  auto first = MakeTrim(kUnlimited, "first");
  LogTrim second(backend(), kUnlimited, "second");
  // A file has one engine at a time: whoever held the lease is dead.
  const bool alone = backend().kind() == BackendKind::kSqlite;
  EXPECT_EQ(Ok(second.Claim({})), alone);
  if (!alone) {
    MoveClock(seconds(31));
    EXPECT_TRUE(Ok(second.Claim({}))) << "the first has died";
  }
  const auto refused = first.Trim(topic.topic_no, {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().As<LeaseLostDetail>(), nullptr) << refused.error().ToString();
  EXPECT_EQ(StatsOf(topic).events, 3U);
  EXPECT_EQ(Ok(second.Trim(topic.topic_no, {})).events, 2);
  Ok(first.Release({}));  // it has nothing to give back
  EXPECT_TRUE(second.Purge({}));
  Ok(second.Release({}));
  EXPECT_TRUE(Ok(first.Claim({})));
}

// --- Settings

TEST_P(LogTrimTest, RetentionIsTheOwnersToSet) {
  const TopicRetention retention{
      .max_age = std::chrono::hours(1), .max_bytes = 2, .max_events = 3, .keep_for_consumers = true};
  const auto topic = Register(kA, "t", retention);
  EXPECT_EQ(topic.retention, retention);
  EXPECT_EQ(Ok(Topics().FindByName(kA, "t")).retention, retention);
  EXPECT_EQ(Ok(Topics().List(kA, 10, {})).items.at(0).retention, retention);
  EXPECT_EQ(Ok(Topics().SetRetention(kA, topic.id, {.max_bytes = 7})).retention,
            TopicRetention{.max_bytes = 7});
  EXPECT_EQ(Ok(Topics().FindById(kA, topic.id)).retention, TopicRetention{.max_bytes = 7});
  const auto global = Register(kGlobal, "global");
  EXPECT_EQ(CodeOf(Topics().SetRetention(kB, topic.id, {})), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(Topics().SetRetention(kGlobal, topic.id, {})), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(Topics().SetRetention(kA, global.id, {})), ErrorCode::kNotFound);
  const auto own = TopicId::Parse("6a616d6d-692e-4361-8461-6c6f672e6368").value();
  EXPECT_EQ(CodeOf(Topics().SetRetention(kGlobal, own, {})), ErrorCode::kPermissionDenied);
}

TEST_P(LogTrimTest, NegativeLimitsAreRefusedByName) {
  for (const auto& [retention, named] :
       std::vector<std::pair<TopicRetention, std::string>>{{{.max_age = seconds(-1)}, "max_age"},
                                                           {{.max_bytes = -1}, "max_bytes"},
                                                           {{.max_events = -1}, "max_events"}}) {
    const auto refused = Topics().Register(kA, "t", "schema", {}, retention);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().message(), HasSubstr(named));
  }
  const auto topic = Register(kA, "t");
  EXPECT_EQ(CodeOf(Topics().SetRetention(kA, topic.id, {.max_events = -1})), ErrorCode::kInvalidArgument);
}

TEST_P(LogTrimTest, StatsAreOfTheTopicsThatAScopeSees) {
  const auto mine = Register(kA, "mine");
  const auto global = Register(kGlobal, "global");
  const UnixMicros before = Now();
  Append(global.topic_no, 10, kB);
  const auto stats = Ok(Topics().Stats(kA, global.id, kUnlimited));
  EXPECT_EQ(stats.next_offset, 1U);
  EXPECT_EQ(stats.bytes, std::nullopt) << "others publish there";
  EXPECT_GE(stats.oldest_at.value_or(0), before);
  EXPECT_EQ(stats.oldest_at, stats.newest_at);
  EXPECT_EQ(StatsOf(global).bytes, 10U);
  EXPECT_EQ(StatsOf(mine).bytes, 0U);
  EXPECT_EQ(CodeOf(Topics().Stats(kB, mine.id, kUnlimited)), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(Topics().Stats(kGlobal, mine.id, kUnlimited)), ErrorCode::kNotFound);
  AppendMany(mine.topic_no, 3, 5);
  EXPECT_EQ(Ok(Topics().RetainedBytes(kA)), 15);
  EXPECT_EQ(Ok(Topics().RetainedBytes(kB)), 0) << "what B publishes to a global topic is not B's";
  EXPECT_EQ(Ok(Topics().RetainedBytes(kGlobal)),
            10 + GetInt("SELECT bytes AS v FROM topic_heads WHERE topic_no = 8388607"));
}

// --- Purge

TEST_P(LogTrimTest, PurgeRemovesTheRowsOfDroppedTopicsOnly) {
  const auto kept = Register(kGlobal, "kept");
  const auto dropped = Register(kGlobal, "dropped");
  AppendMany(kept.topic_no, 5);
  AppendMany(dropped.topic_no, 5, 400 << 10);
  auto trim = MakeTrim();
  EXPECT_FALSE(Ok(trim.HasDropped()));
  EXPECT_FALSE(Ok(trim.Purge({})).more) << "nothing is dropped yet";
  Drop(kGlobal, "dropped");
  EXPECT_TRUE(Ok(trim.HasDropped()));
  EXPECT_EQ(Ok(trim.Purge({})).events, 2) << "about a megabyte at a time";
  EXPECT_EQ(Rows(dropped.topic_no), 3);
  EXPECT_THAT(Findings(), IsEmpty()) << "half of it is gone, and that is as it should be";
  EXPECT_EQ(PurgeAll(trim), 3);
  EXPECT_EQ(Rows(dropped.topic_no), 0);
  EXPECT_EQ(Rows(kept.topic_no), 5);
  EXPECT_FALSE(Ok(trim.HasDropped()));
}

TEST_P(LogTrimTest, PurgeGoesOnInAnotherEngineAndAfterARestart) {
  const auto topic = Register(kGlobal, "t");
  AppendMany(topic.topic_no, 6, 400 << 10);
  Drop(kGlobal, "t");
  auto first = MakeTrim(kUnlimited, "first");
  EXPECT_EQ(Ok(first.Purge({})).events, 2);
  MoveClock(seconds(31));
  auto second = MakeTrim(kUnlimited, "second");
  EXPECT_EQ(Ok(second.Purge({})).events, 2);
  Reopen();
  MoveClock(seconds(31));
  auto third = MakeTrim(kUnlimited, "third");
  EXPECT_EQ(PurgeAll(third), 2);
  EXPECT_EQ(Rows(topic.topic_no), 0);
  EXPECT_FALSE(Ok(third.HasDropped()));
}

// A purge remembers how far it is; a topic with a lower number that was dropped later has its own beginning.
TEST_P(LogTrimTest, NothingStaysOfAnyOfManyDroppedTopics) {
  const auto first = Register(kGlobal, "first");
  const auto second = Register(kGlobal, "second");
  const auto third = Register(kGlobal, "third");
  for (const auto& topic : {first, second, third}) AppendMany(topic.topic_no, 3, 700 << 10);
  auto trim = MakeTrim();
  Drop(kGlobal, "second");
  EXPECT_EQ(Ok(trim.Purge({})).events, 1);
  Drop(kGlobal, "first");
  Drop(kGlobal, "third");
  PurgeAll(trim);
  EXPECT_EQ(GetInt("SELECT COUNT(*) AS v FROM events WHERE event_key < $1", {EventKey(kMaxTopicNo, 0)}), 0);
  EXPECT_EQ(GetInt("SELECT COUNT(*) AS v FROM topics"), 1) << "the engine's own";
  EXPECT_GT(Register(kGlobal, "first").topic_no, third.topic_no) << "a number is never given twice";
}

// A key lives as long as its first event: whatever takes the event takes it, and no other.
TEST_P(LogTrimTest, ProducerKeysGoWithTheirEvents) {
  const auto topic = Register(kGlobal, "t", {.max_events = 2});
  const auto other = Register(kGlobal, "other");
  for (const auto& [number, count] : {std::pair{topic.topic_no, 5}, std::pair{other.topic_no, 3}}) {
    for (int i = 0; i < count; ++i) {
      Ok(catalog_->log().Append(AppendRequest({MakeEvent(number, 10)}, fmt::format("key {}", i)), {}));
    }
  }
  const auto keys = [&](int64_t topic_no) {
    return GetInt("SELECT COUNT(*) AS v FROM producer_keys WHERE topic_no = $1", {topic_no});
  };
  auto trim = MakeTrim();
  TrimAll(trim);
  EXPECT_EQ(keys(topic.topic_no), 2);
  EXPECT_EQ(keys(other.topic_no), 3);
  const auto request = [&](const char* key) { return AppendRequest({MakeEvent(topic.topic_no, 10)}, key); };
  EXPECT_TRUE(Ok(catalog_->log().Append(request("key 3"), {})).duplicate);
  EXPECT_EQ(Ok(catalog_->log().Append(request("key 0"), {})).offset, 5U) << "its first use is forgotten";
  EXPECT_THAT(Findings(), IsEmpty());
  Drop(kGlobal, "other");
  PurgeAll(trim);
  EXPECT_EQ(keys(other.topic_no), 0);
  EXPECT_EQ(keys(topic.topic_no), 3);
}

// --- The topic quota

TEST_P(LogTrimTest, TheLastTopicOfAQuotaIsRegisteredOnce) {
  for (const char* name : {"t0", "t1"}) Ok(Topics().Register(kA, name, "schema", {}, {}, 2));
  const auto refused = Topics().Register(kA, "t2", "schema", {}, {}, 2);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  const auto* detail = refused.error().As<QuotaExceededDetail>();
  ASSERT_NE(detail, nullptr);
  EXPECT_EQ(detail->quota, "max_topics");
  EXPECT_EQ(detail->limit, 2);
  EXPECT_EQ(detail->used, 2);
  EXPECT_EQ(detail->retry_after, std::nullopt);
  EXPECT_EQ(CodeOf(Topics().Register(kA, "t0", "schema", {}, {}, 2)), ErrorCode::kAlreadyExists);
  Ok(Topics().Register(kB, "t2", "schema", {}, {}, 2));
  Drop(kA, "t1");
  Ok(Topics().Register(kA, "t2", "schema", {}, {}, 2));
}

TEST_P(LogTrimTest, AQuotaOfTopicsIsExactHoweverManyRegister) {
  // Where a database has several engines, each has half of the threads.
  std::unique_ptr<Catalog> other;
  if (backend().kind() == BackendKind::kPostgres) other = Ok(harness_->Open());
  CatalogBackend& second = other == nullptr ? backend() : other->backend();
  std::atomic<int> made = 0;
  std::atomic<int> refused = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      TopicRepo topics(i % 2 == 0 ? backend() : second);
      for (int j = 0; j < 5; ++j) {
        const auto topic = topics.Register(kA, fmt::format("t{}-{}", i, j), "schema", {}, {}, 7);
        const bool full = !topic && topic.error().As<QuotaExceededDetail>() != nullptr;
        EXPECT_TRUE(topic || full) << topic.error().ToString();
        ++(topic ? made : refused);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(made, 7);
  EXPECT_EQ(refused, 33);
}

// --- Beside others

TEST_P(LogTrimTest, TheAuditFindsNumbersThatAreWrong) {
  const auto topic = Register(kA, "t", {.max_events = 4});
  AppendMany(topic.topic_no, 10);
  auto trim = MakeTrim();
  TrimAll(trim);
  ASSERT_THAT(Findings(), IsEmpty());
  const auto finds = [&](const char* damage, const char* repair, const std::string& what) {
    Sql(damage, {topic.topic_no});
    EXPECT_THAT(Findings(), Contains(HasSubstr(what))) << damage;
    Sql(repair, {topic.topic_no});
  };
  finds("UPDATE topic_heads SET bytes = bytes + 1 WHERE topic_no = $1",
        "UPDATE topic_heads SET bytes = bytes - 1 WHERE topic_no = $1", "counts 41 bytes, there are 40");
  finds("UPDATE topic_heads SET events = events + 1 WHERE topic_no = $1",
        "UPDATE topic_heads SET events = events - 1 WHERE topic_no = $1", "counts 5 events");
  finds("UPDATE topic_heads SET low_water = low_water - 1 WHERE topic_no = $1",
        "UPDATE topic_heads SET low_water = low_water + 1 WHERE topic_no = $1", "the event is missing");
  finds("UPDATE topic_heads SET low_water = low_water + 1 WHERE topic_no = $1",
        "UPDATE topic_heads SET low_water = low_water - 1 WHERE topic_no = $1", "below the low water");
  EXPECT_THAT(Findings(), IsEmpty());
}

// Every reader sees offsets without a gap, or is told the mark from which he can.
TEST_P(LogTrimTest, TrimmingBesidePublishersAndReaders) {
  constexpr int kPublishers = 8;
  constexpr int kEach = 100;
  const auto topic = Register(kGlobal, "t", {.max_events = 20});
  auto trim = MakeTrim();
  for (int n = 0; n < 30; ++n) Append(topic.topic_no, 200);
  TrimAll(trim);  // whoever begins at 0 is behind already
  std::atomic<int> publishing = kPublishers;
  std::atomic<int64_t> evicted = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kPublishers; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) Append(topic.topic_no, 200);
      --publishing;
    });
  }
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      uint64_t next = 0;
      uint64_t low_water = 0;
      for (bool last = false; !last;) {
        last = publishing == 0;
        const auto page = Ok(catalog_->log().Read(topic.topic_no, next, kGlobal, {.events = 1 + 5 * i}));
        EXPECT_GE(page.head.low_water, low_water) << "the mark fell";
        low_water = page.head.low_water;
        if (next < low_water) {
          EXPECT_THAT(page.events, IsEmpty());
          next = low_water;
          ++evicted;
        }
        for (const LogEvent& event : page.events) EXPECT_EQ(event.offset, next++);
      }
    });
  }
  while (publishing > 0 && !HasFailure()) TrimAll(trim);
  threads.clear();
  TrimAll(trim);
  EXPECT_EQ(StatsOf(topic).low_water, 30U + kPublishers * kEach - 20U);
  EXPECT_EQ(StatsOf(topic).bytes, 20U * 200);
  EXPECT_GE(evicted, 3) << "every reader was told the mark once at least";
  EXPECT_THAT(Findings(), IsEmpty());
}

// Engines that all believe that they may: none harms another.
TEST_P(LogTrimTest, ManyTrimAtOnce) {
  const auto topic = Register(kGlobal, "t", {.max_events = 10});
  std::atomic<bool> done = false;
  std::atomic<int64_t> removed = 0;
  std::vector<std::jthread> trimmers;
  for (int i = 0; i < 3; ++i) {
    trimmers.emplace_back([&, i] {
      LogTrim trim(backend(), kUnlimited, fmt::format("engine {}", i));
      while (!done) {
        if (!Ok(trim.Claim({}))) continue;
        const auto step = trim.Trim(topic.topic_no, {});
        EXPECT_TRUE(step || step.error().As<LeaseLostDetail>() != nullptr) << step.error().ToString();
        if (step) removed += step->events;
        Ok(trim.Release({}));
      }
    });
  }
  AppendMany(topic.topic_no, 300);
  done = true;
  trimmers.clear();
  auto trim = MakeTrim();
  removed += Ok(trim.Trim(topic.topic_no, {})).events;
  EXPECT_EQ(removed, 290);
  EXPECT_EQ(StatsOf(topic).events, 10U);
  EXPECT_THAT(Findings(), IsEmpty());
}

// Work grows with what goes, not with what is kept; a round looks at each topic and its oldest event.
TEST_P(LogTrimTest, NothingIsScannedOrSorted) {
  // As many topics as make a plan matter.
  constexpr std::string_view kNumbers =
      "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) ";
  const std::string schema = "schema";
  const SqlBytes bytes(reinterpret_cast<const uint8_t*>(schema.data()), schema.size());
  Sql(fmt::format("{}INSERT INTO topics (topic_no, topic_id, scope, name, schema, created_at) SELECT i, "
                  "substr('00000000-0000-4000-8000-000000000000', 1, 36 - length(CAST(i AS TEXT))) || "
                  "CAST(i AS TEXT), '', CAST(i AS TEXT), $1, i FROM n",
                  kNumbers),
      {bytes});
  Sql(fmt::format("{}INSERT INTO topic_heads (topic_no, next_offset, events, bytes) SELECT i, 1, 1, 6 FROM n",
                  kNumbers));
  Sql(fmt::format("{}INSERT INTO events (event_key, committed_at, scope, row_count, checksum, payload) "
                  "SELECT CAST(i AS BIGINT) << 40, i, '', 1, 0, $1 FROM n",
                  kNumbers),
      {bytes});
  Sql(
      fmt::format("{}INSERT INTO consumers (topic_no, name, start_position, acked_position, incarnation, "
                  "created_at) SELECT i, 'c', 0, 0, '00000000-0000-4000-8000-000000000000', 0 FROM n",
                  kNumbers));
  Sql("ANALYZE");
  ExpectNoScanOrSort(backend(), LogTrimStatements(), [](const std::string& step) {
    return step.find("topics_dropped") != std::string::npos;  // an index of the dropped ones alone
  });
}

JAMMI_ON_EVERY_DATABASE(LogTrimTest);

}  // namespace
}  // namespace jammi::test
