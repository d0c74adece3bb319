// The event log: offsets, pages, times, and what may be seen.
#include <future>
#include <latch>
#include <thread>

#include "catalog/sqlite/log_statements.h"
#include "catalog/sqlite/test_catalog.h"

namespace jammi::sqlite {
namespace {

class LogTest : public CatalogTest {
 protected:
  LogTest() { options_.clock = clock_; }
  void SetUp() override {
    CatalogTest::SetUp();
    MakeTopic(1);
    MakeTopic(2);
  }

  void Append(int64_t topic_no, const std::string& text, Scope scope = Scope::Global()) {
    JAMMI_OK(log().Append(Event(topic_no, text, scope), {}));
  }
  static std::string Text(const LogEvent& event) {
    return event.payload ? event.payload->ToString() : "(hidden)";
  }
  static std::vector<std::string> Texts(const LogPage& page) {
    std::vector<std::string> texts;
    for (const auto& event : page.events) texts.push_back(Text(event));
    return texts;
  }

  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(1'000'000);
};

TEST_F(LogTest, OffsetsAreContiguousFromZeroInEachTopic) {
  for (uint64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(log().Append(Event(1, "a"), {})->offset, i);
    EXPECT_EQ(log().Append(Event(2, "b"), {})->offset, i);
  }
  EXPECT_EQ(log().ReadHead(1)->next_offset, 5U);
  EXPECT_EQ(log().ReadHead(1)->low_water, 0U);
  EXPECT_EQ(GetInt("SELECT events AS v FROM topic_heads WHERE topic_no = 1"), 5);
  EXPECT_EQ(GetInt("SELECT bytes AS v FROM topic_heads WHERE topic_no = 1"), 5);
}

TEST_F(LogTest, AnEventComesBackAsItWas) {
  const Scope tenant = Scope::ForTenant(*TenantId::From(Uuid::RandomV4()));
  EventAppend event = Event(1, std::string("bytes\0and more", 14), tenant);
  event.row_count = 7;
  const uint64_t checksum = event.checksum;
  const auto outcome = log().Append(std::move(event), {});
  JAMMI_OK(outcome);
  EXPECT_EQ(outcome->committed_at, 1'000'000);
  const auto page = log().Read(1, 0, tenant, {});
  JAMMI_OK(page);
  ASSERT_EQ(page->events.size(), 1U);
  EXPECT_EQ(page->events[0].offset, 0U);
  EXPECT_EQ(page->events[0].committed_at, 1'000'000);
  EXPECT_EQ(page->events[0].scope, tenant);
  EXPECT_EQ(page->events[0].row_count, 7);
  EXPECT_EQ(page->events[0].checksum, checksum);
  EXPECT_EQ(Text(page->events[0]), std::string("bytes\0and more", 14));
}

TEST_F(LogTest, AnEmptyPayloadAndZeroRowsAreAnEvent) {
  EventAppend event = Event(1, "");
  event.row_count = 0;
  JAMMI_OK(log().Append(std::move(event), {}));
  const auto page = log().Read(1, 0, Scope::Global(), {});
  JAMMI_OK(page);
  ASSERT_EQ(page->events.size(), 1U);
  ASSERT_NE(page->events[0].payload, nullptr);
  EXPECT_EQ(page->events[0].payload->size(), 0);
}

TEST_F(LogTest, WhatNoLogCouldTakeIsRefused) {
  EXPECT_EQ(log().Append(EventAppend{.topic_no = 1}, {}).error().code(), ErrorCode::kInvalidArgument);
  EventAppend negative = Event(1, "x");
  negative.row_count = -1;
  EXPECT_EQ(log().Append(std::move(negative), {}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(log().ReadHead(1)->next_offset, 0U);
}

TEST_F(LogTest, ATopicWithoutHeadIsNotFoundWhoeverAsks) {
  const auto expect = [](const Error& error, std::string_view topic) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    ASSERT_NE(error.As<TopicNotFoundDetail>(), nullptr);
    EXPECT_EQ(error.As<TopicNotFoundDetail>()->topic, topic);
  };
  for (const int64_t topic_no :
       {int64_t{7}, int64_t{0}, int64_t{-1}, kMaxTopicNo + 1, std::numeric_limits<int64_t>::max()}) {
    const std::string name = fmt::format("{}", topic_no);
    expect(log().Append(Event(topic_no, "x"), {}).error(), name);
    expect(log().Read(topic_no, 0, Scope::Global(), {}).error(), name);
    expect(log().ReadHead(topic_no).error(), name);
    expect(log().FindTime(topic_no, 0).error(), name);
  }
}

TEST_F(LogTest, PayloadsAreForThoseWhoMaySeeThemAndOffsetsForAll) {
  const Scope a = Scope::ForTenant(*TenantId::From(Uuid::RandomV4()));
  const Scope b = Scope::ForTenant(*TenantId::From(Uuid::RandomV4()));
  Append(1, "global");
  Append(1, "of a", a);
  Append(1, "of b", b);
  EXPECT_EQ(Texts(*log().Read(1, 0, a, {})), (std::vector<std::string>{"global", "of a", "(hidden)"}));
  EXPECT_EQ(Texts(*log().Read(1, 0, b, {})), (std::vector<std::string>{"global", "(hidden)", "of b"}));
  EXPECT_EQ(Texts(*log().Read(1, 0, Scope::Global(), {})),
            (std::vector<std::string>{"global", "(hidden)", "(hidden)"}));
}

TEST_F(LogTest, PagesEndAtTheirLimitsAndHoldOneEventAtLeast) {
  for (int i = 0; i < 10; ++i) Append(1, std::string(100, static_cast<char>('a' + i)));
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {.events = 3})->events.size(), 3U);
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {.bytes = 250})->events.size(), 2U);
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {.bytes = 300})->events.size(), 3U);
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {.bytes = 1})->events.size(), 1U);
  EXPECT_EQ(log().Read(1, 8, Scope::Global(), {})->events.size(), 2U);
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {.events = 0}).error().code(), ErrorCode::kInvalidArgument);
  // From page to page: each event once, in order.
  std::string seen;
  uint64_t next = 0;
  while (next < 10) {
    const auto page = log().Read(1, next, Scope::Global(), {.bytes = 250});
    JAMMI_OK(page);
    for (const auto& event : page->events) {
      EXPECT_EQ(event.offset, next++);
      EXPECT_EQ(event.payload->size(), 100);
      seen += static_cast<char>(event.payload->data()[99]);
    }
  }
  EXPECT_EQ(seen, "abcdefghij");
}

TEST_F(LogTest, HiddenEventsCostNoBytes) {
  const Scope a = Scope::ForTenant(*TenantId::From(Uuid::RandomV4()));
  for (int i = 0; i < 5; ++i) Append(1, std::string(1000, 'x'), a);
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {.bytes = 1})->events.size(), 5U);
}

TEST_F(LogTest, PayloadsOfAPageLieInOneAlignedBuffer) {
  for (int i = 1; i < 6; ++i) Append(1, std::string(static_cast<size_t>(i), 'x'));
  const auto page = log().Read(1, 0, Scope::Global(), {});
  JAMMI_OK(page);
  for (const auto& event : page->events) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(event.payload->data()) % 64, 0U);
    EXPECT_EQ(event.payload->parent(), page->events[0].payload->parent());
  }
}

TEST_F(LogTest, AtAndAboveTheHeadThereIsOnlyTheHead) {
  Append(1, "x");
  for (const uint64_t from :
       {uint64_t{1}, uint64_t{2}, uint64_t{1} << 40, std::numeric_limits<uint64_t>::max()}) {
    const auto page = log().Read(1, from, Scope::Global(), {});
    JAMMI_OK(page);
    EXPECT_EQ(page->head.next_offset, 1U);
    EXPECT_TRUE(page->events.empty());
  }
  EXPECT_TRUE(log().Read(2, 0, Scope::Global(), {})->events.empty());  // no event yet
}

TEST_F(LogTest, BelowTheLowWaterThereIsOnlyTheHead) {
  for (int i = 0; i < 5; ++i) Append(1, "x");
  JAMMI_OK(Execute("DELETE FROM events WHERE event_key < $1", {EventKey(1, 3)}));
  JAMMI_OK(Execute("UPDATE topic_heads SET low_water = 3 WHERE topic_no = 1"));
  for (const uint64_t from : {0, 2}) {
    const auto page = log().Read(1, from, Scope::Global(), {});
    JAMMI_OK(page);
    EXPECT_EQ(page->head.low_water, 3U);
    EXPECT_EQ(page->head.next_offset, 5U);
    EXPECT_TRUE(page->events.empty());
  }
  EXPECT_EQ(log().Read(1, 3, Scope::Global(), {})->events.size(), 2U);
  EXPECT_EQ(log().FindTime(1, 0), 3U);
}

TEST_F(LogTest, AMissingEventIsDataLossThatNamesItsOffset) {
  for (int i = 0; i < 5; ++i) Append(1, "x");
  const auto expect_missing = [&](uint64_t from, std::string_view offset) {
    const auto page = log().Read(1, from, Scope::Global(), {});
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code(), ErrorCode::kDataLoss);
    EXPECT_NE(page.error().message().find(fmt::format("offset {} is missing", offset)), std::string::npos)
        << page.error().message();
  };
  JAMMI_OK(Execute("DELETE FROM events WHERE event_key = $1", {EventKey(1, 4)}));  // the last
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {})->events.size(), 4U);             // before it all is well
  expect_missing(4, "4");
  JAMMI_OK(Execute("DELETE FROM events WHERE event_key = $1", {EventKey(1, 2)}));  // one in the middle
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {})->events.size(), 2U);
  expect_missing(2, "2");
  Append(2, "y");  // the next topic's events are no replacement
  expect_missing(4, "4");
}

TEST_F(LogTest, DamagedBytesAreDataLossThatNamesTheOffset) {
  Append(1, "x");
  Append(1, "y");
  JAMMI_OK(Execute("UPDATE events SET payload = $2 WHERE event_key = $1",
                   {EventKey(1, 1), SqlBytes(reinterpret_cast<const uint8_t*>("z"), 1)}));
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {})->events.size(), 1U);  // before it all is well
  const auto page = log().Read(1, 1, Scope::Global(), {});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code(), ErrorCode::kDataLoss);
  EXPECT_NE(page.error().message().find("offset 1"), std::string::npos);
}

// TRG: commit times never fall, whatever the wall clock does.
TEST_F(LogTest, CommitTimesDoNotFallWhenTheClockGoesBack) {
  Append(1, "a");
  clock_->Set(500'000);
  EXPECT_EQ(log().Append(Event(1, "b"), {})->committed_at, 1'000'000);
  EXPECT_EQ(log().Append(Event(2, "c"), {})->committed_at, 500'000);  // a topic by itself
  clock_->Set(2'000'000);
  EXPECT_EQ(log().Append(Event(1, "d"), {})->committed_at, 2'000'000);
  Open();  // not even over a restart
  clock_->Set(1'500'000);
  EXPECT_EQ(log().Append(Event(1, "e"), {})->committed_at, 2'000'000);
}

TEST_F(LogTest, FindTimeGivesTheFirstOffsetAtOrAfter) {
  EXPECT_EQ(log().FindTime(1, 0), 0U);  // nothing there
  for (const UnixMicros time : {10, 20, 20, 20, 30}) {
    clock_->Set(time);
    Append(1, "x");
  }
  const std::pair<UnixMicros, uint64_t> cases[] = {{-5, 0}, {10, 0}, {11, 1}, {20, 1},
                                                   {21, 4}, {30, 4}, {31, 5}};
  for (const auto& [time, offset] : cases) EXPECT_EQ(log().FindTime(1, time), offset) << time;
}

TEST_F(LogTest, OffsetsEndAtTheirLimit) {
  JAMMI_OK(
      Execute("UPDATE topic_heads SET next_offset = $1, low_water = $1 WHERE topic_no = 1", {kMaxOffset}));
  EXPECT_EQ(log().Append(Event(1, "the last"), {})->offset, static_cast<uint64_t>(kMaxOffset));
  const auto refused = log().Append(Event(1, "one too many"), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_NE(refused.error().message().find("topic 1"), std::string::npos);
  EXPECT_EQ(Texts(*log().Read(1, kMaxOffset, Scope::Global(), {})), std::vector<std::string>{"the last"});
  const auto body = backend().RunTransaction({}, [](Transaction& tx) -> Result<void> {
    tx.Append(Event(1, "one too many"));
    return {};
  });
  EXPECT_EQ(body.error().code(), ErrorCode::kResourceExhausted);
}

TEST_F(LogTest, TopicNumbersEndAtTheirLimit) {
  // The number kMaxTopicNo itself is the engine's own topic.
  MakeTopic(kMaxTopicNo - 1);
  EXPECT_EQ(log().Append(Event(kMaxTopicNo - 1, "x"), {})->offset, 0U);
  EXPECT_EQ(Texts(*log().Read(kMaxTopicNo - 1, 0, Scope::Global(), {})), std::vector<std::string>{"x"});
  const auto refused = Execute(
      "INSERT INTO topics (topic_no, topic_id, name, schema, created_at)"
      " VALUES ($1, $2, 'n', $3, 0)",
      {kMaxTopicNo + 1, Uuid::RandomV4().ToString(), SqlBytes()});
  EXPECT_EQ(refused.error().As<BackendDetail>()->fault, BackendFault::kCheck);
}

TEST_F(LogTest, TheListenerHearsEveryEventOnceInOrder) {
  std::vector<uint64_t> heard;  // callbacks are serial: no lock
  std::vector<std::string> payloads;
  log().SetListener([&](std::span<const CommittedEvent> events) {
    for (const auto& event : events) {
      heard.push_back(event.outcome.offset);
      payloads.push_back(event.payload->ToString());
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        const auto outcome = log().Append(Event(1, "x"), {});
        JAMMI_OK(outcome);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_EQ(heard.size(), 100U);
  for (size_t i = 0; i < heard.size(); ++i) ASSERT_EQ(heard[i], i);
  EXPECT_EQ(payloads, std::vector<std::string>(100, "x"));
}

TEST_F(LogTest, ATransactionsEventsComeWithItsRows) {
  std::promise<AppendOutcome> done;
  JAMMI_OK(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    tx.Append(Event(1, "a"));
    tx.Append(Event(2, "b"));
    tx.Append(Event(1, "c"), [&](const AppendOutcome& outcome) { done.set_value(outcome); });
    return {};
  }));
  EXPECT_EQ(done.get_future().get().offset, 1U);
  EXPECT_EQ(Texts(*log().Read(1, 0, Scope::Global(), {})), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(Texts(*log().Read(2, 0, Scope::Global(), {})), (std::vector<std::string>{"b"}));
}

TEST_F(LogTest, ManyAsyncAppendsKeepTheirOrder) {
  constexpr uint64_t kCount = 2000;
  std::latch all(kCount);
  std::vector<uint64_t> offsets;  // callbacks are serial: no lock
  for (uint64_t i = 0; i < kCount; ++i) {
    log().AppendAsync(Event(1, fmt::format("{}", i)), {}, [&](const Result<AppendOutcome>& outcome) {
      if (outcome) offsets.push_back(outcome->offset);
      all.count_down();
    });
  }
  all.wait();
  ASSERT_EQ(offsets.size(), kCount);
  for (uint64_t i = 0; i < kCount; ++i) ASSERT_EQ(offsets[i], i);
  const auto page = log().Read(1, kCount - 1, Scope::Global(), {});
  EXPECT_EQ(Texts(*page), std::vector<std::string>{"1999"});
}

// A checkpoint beside a busy writer never saw the end of the log, so the log only grew, and a sync of a
// file that grows costs several times one of a file that is written over.
TEST_F(LogTest, TheWriteAheadLogIsBegunAnewUnderLoad) {
  const std::string text(100'000, 'x');
  uint64_t largest = 0;
  uint64_t now = 0;
  for (int i = 0; i < 3000 && now >= largest / 2; ++i) {  // 300 MB at most
    Append(1, text);
    std::this_thread::yield();  // the checkpointer gets its turn on a busy machine too
    now = backend().stats().wal_bytes;
    largest = std::max(largest, now);
  }
  EXPECT_GE(largest, uint64_t{8} << 20);
  EXPECT_LT(now, largest / 2);
  EXPECT_GE(backend().stats().checkpoints, 1U);  // the second part may be under way still
}

// Every hot statement finds its rows by integer primary key, so its cost does not grow with the log.
TEST_F(LogTest, PlansOfTheHotStatementsUseTheIntegerPrimaryKey) {
  const auto plan = [&](std::string_view sql, size_t parameters) {
    std::string details;
    const std::vector<SqlValue> nulls(parameters, std::nullopt);
    const auto explained = backend().RunTransaction({.read_only = true}, [&](Transaction& tx) {
      return tx.Query("EXPLAIN QUERY PLAN " + std::string(sql), SqlParams(nulls),
                      [&](const Row& row) -> Result<bool> {
                        JAMMI_ASSIGN(const auto detail, row.Get<std::string>("detail"));
                        details += detail + "\n";
                        return true;
                      });
    });
    return explained ? details : explained.error().ToString();
  };
  EXPECT_EQ(plan(kAdvanceHead, 5), "SEARCH topic_heads USING INTEGER PRIMARY KEY (rowid=?)\n");
  EXPECT_EQ(plan(kReadHead, 1), "SEARCH topic_heads USING INTEGER PRIMARY KEY (rowid=?)\n");
  EXPECT_EQ(plan(kCommitTime, 1), "SEARCH events USING INTEGER PRIMARY KEY (rowid=?)\n");
  EXPECT_EQ(plan(kInsertEvent, 6), "");
  EXPECT_EQ(plan(kFindKey, 3),
            "SEARCH producer_keys USING INDEX sqlite_autoindex_producer_keys_1"
            " (topic_no=? AND scope=? AND producer_key=?)\n");
  EXPECT_EQ(plan(kReadPage, 4),
            "SEARCH h USING INTEGER PRIMARY KEY (rowid=?)\n"
            "SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?) LEFT-JOIN\n");
}

}  // namespace
}  // namespace jammi::sqlite
