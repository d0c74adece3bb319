// What tenants may use, and what they are told when it is used up.
#include "trigger/quotas.h"

#include <future>
#include <thread>

#include "trigger/test_support.h"
#include "trigger/token_bucket.h"

namespace jammi {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr UnixMicros kStart = 1'000'000'000;

TEST(TokenBucketTest, OneSecondsAllowanceAtOnceAndThenTheRate) {
  TokenBucket bucket(10, kStart);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(bucket.WaitFor(1, kStart), 0);
    bucket.Take(1);
  }
  EXPECT_EQ(bucket.used(), 10);
  EXPECT_EQ(bucket.WaitFor(1, kStart), 100'000);
  EXPECT_EQ(bucket.WaitFor(3, kStart), 300'000);
  EXPECT_EQ(bucket.WaitFor(1, kStart + 99'999), 1);
  EXPECT_EQ(bucket.WaitFor(1, kStart + 100'000), 0);
  EXPECT_EQ(bucket.WaitFor(10, kStart + 3'600'000'000), 0) << "a pause gives a second's allowance";
  bucket.Take(10);
  EXPECT_EQ(bucket.WaitFor(1, kStart + 3'600'000'000), 100'000) << "and no more";
}

TEST(TokenBucketTest, WhatIsLargerThanTheRatePassesAFullBucketAndIsWaitedFor) {
  TokenBucket bucket(10, kStart);
  EXPECT_EQ(bucket.WaitFor(35, kStart), 0);
  bucket.Take(35);
  EXPECT_EQ(bucket.used(), 35);
  EXPECT_EQ(bucket.WaitFor(1, kStart), 2'600'000);
  EXPECT_EQ(bucket.WaitFor(35, kStart), 3'500'000);
}

TEST(TokenBucketTest, AClockThatIsSetBackStopsNobodyForLong) {
  TokenBucket bucket(10, kStart);
  bucket.Take(10);
  EXPECT_EQ(bucket.WaitFor(1, kStart - 3'600'000'000), 100'000);
  EXPECT_EQ(bucket.WaitFor(1, kStart - 3'600'000'000 + 100'000), 0);
}

// --- Quotas in front of a catalog.

class QuotasTest : public StreamsTest {
 protected:
  QuotasTest() {
    options_.clock = clock_;
    options_.trimmer.interval = std::chrono::hours(1);
    options_.quotas.sum_every = std::chrono::hours(1);  // sums are read when they are needed
  }
  void Limit(const QuotaLimits& limits) {
    options_.quotas.everybody = limits;
    Reopen();
  }
  static void ExpectRefused(const Error& error, const std::string& quota, int64_t limit,
                            std::optional<int64_t> retry_after) {
    EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
    const auto* detail = error.As<QuotaExceededDetail>();
    ASSERT_NE(detail, nullptr) << error.ToString();
    EXPECT_EQ(detail->quota, quota);
    EXPECT_EQ(detail->limit, limit);
    EXPECT_EQ(detail->retry_after, retry_after);
    EXPECT_NE(error.message().find(retry_after ? fmt::format("{} microseconds", *retry_after) : "quota of"),
              std::string::npos)
        << error.message() << ": a person is told, too";
  }
  Result<Offset> TryPublish(const Topic& topic, const Scope& scope, int64_t rows = 1) {
    return streams_->Publish(scope, topic.id, BatchS(0, "X", rows), Soon());
  }
  int64_t BytesOf(const Topic& topic) {
    return static_cast<int64_t>(*streams_->StatsOf(topic.owner, topic.id)->bytes);
  }
};

TEST_F(QuotasTest, TopicsAreCountedPerTenantAndTheGlobalScopeIsFree) {
  Limit({.max_topics = 1});
  const Topic first = Register("t0", a_);
  const auto refused = streams_->RegisterTopic(a_, "t1", SchemaS());
  ASSERT_FALSE(refused);
  ExpectRefused(refused.error(), "max_topics", 1, std::nullopt);
  Register("t0", b_);
  for (const char* name : {"t0", "t1", "t2"}) Register(name);
  JAMMI_OK(streams_->DropTopic(a_, first.id));
  Register("t1", a_);
}

TEST_F(QuotasTest, ARateRefusesOneTenantAndSaysWhen) {
  Limit({.events_per_second = 2});
  const Topic topic = Register("t");
  for (int i = 0; i < 2; ++i) JAMMI_OK(TryPublish(topic, a_));
  const auto refused = TryPublish(topic, a_);
  ASSERT_FALSE(refused);
  ExpectRefused(refused.error(), "events_per_second", 2, 500'000);
  EXPECT_EQ(refused.error().As<QuotaExceededDetail>()->used, 2);
  std::optional<Result<Offset>> answer;
  streams_->PublishAsync(a_, topic.id, BatchS(0), Soon(), [&](Result<Offset> offset) { answer = offset; });
  ASSERT_TRUE(answer.has_value()) << "it is known at once";
  ExpectRefused(answer->error(), "events_per_second", 2, 500'000);
  for (int i = 0; i < 2; ++i) JAMMI_OK(TryPublish(topic, b_));
  for (int i = 0; i < 9; ++i) JAMMI_OK(TryPublish(topic, Scope::Global()));
  clock_->Advance(milliseconds(500));
  EXPECT_EQ(TryPublish(topic, a_)->value, 13U) << "what was refused is not in the log";
}

TEST_F(QuotasTest, TheLongerWaitOfTwoRatesIsSaid) {
  const Topic unlimited = Register("t", a_);
  JAMMI_OK(TryPublish(unlimited, a_));
  const int64_t size = BytesOf(unlimited);
  Limit({.events_per_second = 100, .bytes_per_second = size});
  JAMMI_OK(TryPublish(unlimited, a_));
  const auto refused = TryPublish(unlimited, a_);
  ASSERT_FALSE(refused);
  ExpectRefused(refused.error(), "bytes_per_second", size, 1'000'000);
}

TEST_F(QuotasTest, ATenantMayHaveLimitsOfHisOwn) {
  options_.quotas.tenants[Tenant(1)] = {};  // a_: without limit
  Limit({.events_per_second = 1});
  const Topic topic = Register("t");
  for (int i = 0; i < 5; ++i) JAMMI_OK(TryPublish(topic, a_));
  JAMMI_OK(TryPublish(topic, b_));
  EXPECT_FALSE(TryPublish(topic, b_));
}

TEST_F(QuotasTest, RetainedBytesAreOfOwnedTopicsAndFreedByTrimsAndDrops) {
  const Topic first = Register("first", a_);
  const Topic second = Register("second", a_);
  const Topic global = Register("global");
  JAMMI_OK(TryPublish(first, a_));
  const int64_t size = BytesOf(first);
  Limit({.max_bytes = 3 * size});
  for (int i = 0; i < 5; ++i) JAMMI_OK(TryPublish(global, a_));
  JAMMI_OK(TryPublish(first, a_));
  JAMMI_OK(TryPublish(second, a_));
  const auto refused = TryPublish(second, a_);
  ASSERT_FALSE(refused);
  ExpectRefused(refused.error(), "max_bytes", 3 * size, std::nullopt);
  EXPECT_EQ(refused.error().As<QuotaExceededDetail>()->used, 3 * size);
  JAMMI_OK(TryPublish(Register("theirs", b_), b_));
  JAMMI_OK(TryPublish(global, a_));

  JAMMI_OK(streams_->SetRetention(a_, first.id, {.max_events = 1}));
  JAMMI_OK(streams_->trimmer().RunRound());
  EXPECT_FALSE(TryPublish(second, a_)) << "the sum is a second old at most, and has not seen it";
  clock_->Advance(seconds(1) + milliseconds(1));
  JAMMI_OK(TryPublish(second, a_));
  EXPECT_FALSE(TryPublish(second, a_)) << "what this process publishes counts at once";
  JAMMI_OK(streams_->DropTopic(a_, first.id));
  clock_->Advance(seconds(2));
  JAMMI_OK(TryPublish(second, a_));
}

TEST_F(QuotasTest, BytesAreNotOvershotByMany) {
  const Topic topic = Register("t", a_);
  JAMMI_OK(TryPublish(topic, a_));
  const int64_t size = BytesOf(topic);
  Limit({.max_bytes = 40 * size});
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 10; ++n) {
        const auto offset = TryPublish(topic, a_);
        EXPECT_TRUE(offset || offset.error().As<QuotaExceededDetail>() != nullptr);
      }
    });
  }
  threads.clear();
  EXPECT_LE(BytesOf(topic), 40 * size);
  // What was kept while the sum was made may be counted twice until the next sum.
  for (int n = 0; n < 80 && BytesOf(topic) < 40 * size; ++n) {
    clock_->Advance(seconds(1) + milliseconds(1));
    IgnoreError(TryPublish(topic, a_), "the next sum lets it in");
  }
  EXPECT_EQ(BytesOf(topic), 40 * size);
  EXPECT_FALSE(TryPublish(topic, a_));
}

TEST_F(QuotasTest, WhatDidNotReachTheLogIsGivenBack) {
  const Topic topic = Register("t", a_);
  JAMMI_OK(TryPublish(topic, a_));
  const int64_t size = BytesOf(topic);
  Limit({.max_bytes = 2 * size});
  for (int i = 0; i < 5; ++i) {
    const auto late = streams_->Publish(a_, topic.id, BatchS(0), Deadline::Now());
    EXPECT_EQ(late.error().code(), ErrorCode::kDeadlineExceeded) << late.error().ToString();
  }
  JAMMI_OK(TryPublish(topic, a_));
  EXPECT_FALSE(TryPublish(topic, a_));
}

// A publish from the callback of another may not read; the sum is read elsewhere, and the order stays.
TEST_F(QuotasTest, ASumThatMayNotBeReadHereIsReadElsewhere) {
  Limit({.max_bytes = 1 << 20});
  const Topic topic = Register("t", a_);
  const Topic other = Register("global");
  Event answered;
  std::vector<uint64_t> offsets;
  streams_->PublishAsync(Scope::Global(), other.id, BatchS(0), Soon(), [&](const Result<Offset>&) {
    for (int i = 0; i < 2; ++i) {
      streams_->PublishAsync(a_, topic.id, BatchS(i), Soon(), [&](const Result<Offset>& offset) {
        offsets.push_back(offset ? offset->value : UINT64_MAX);
        if (offsets.size() == 2) answered.Set();
      });
    }
  });
  ASSERT_TRUE(answered.Wait());
  EXPECT_EQ(offsets, Range(0, 2));
}

// Whoever may not wait is told that something must be read, and nothing is: neither a sum, nor a topic that
// is new to this process, nor one that may have grown.
TEST_F(QuotasTest, APublishThatMayNotReadIsLeftToOneThatMay) {
  const Topic topic = Register("t", a_);
  Limit({.max_bytes = 1 << 20});  // opened anew: it knows neither the topic nor the sum
  int sums = 0;
  SetSyncPoint("Quotas::Prepare.sum", [&] { ++sums; });
  std::promise<Result<PublishOutcome>> answer;
  const auto publish = [&](const std::shared_ptr<arrow::RecordBatch>& batch) {
    return streams_->TryPublishManyAsync(
        a_, topic.id, {&batch, 1}, {}, Soon(),
        [&answer](Result<PublishOutcome> outcome) { answer.set_value(std::move(outcome)); });
  };
  EXPECT_FALSE(publish(BatchS(0))) << "the topic";
  JAMMI_OK(streams_->FindTopic(a_, topic.id));
  EXPECT_FALSE(publish(BatchS(0))) << "the sum";
  EXPECT_EQ(sums, 0);
  JAMMI_OK(TryPublish(topic, a_));
  EXPECT_EQ(sums, 1);
  const auto wider = *BatchS(1)->AddColumn(3, arrow::field("note", arrow::utf8()),
                                           *arrow::MakeArrayOfNull(arrow::utf8(), 1));
  EXPECT_FALSE(publish(wider)) << "the schema";
  ASSERT_TRUE(publish(BatchS(1)));
  const auto outcome = answer.get_future().get();
  JAMMI_OK(outcome);
  EXPECT_EQ(outcome->offset.value, 1U) << "what was not taken is not in the log";
  clock_->Advance(seconds(1) + milliseconds(1));
  EXPECT_FALSE(publish(BatchS(2))) << "a sum that is too old";
  EXPECT_EQ(sums, 1);
  ClearSyncPoints();

  streams_->Shutdown();
  answer = {};
  ASSERT_TRUE(publish(BatchS(2))) << "a refusal is an answer";
  EXPECT_EQ(answer.get_future().get().error().code(), ErrorCode::kUnavailable);
}

// --- By themselves.

class SumsTest : public testing::Test {
 protected:
  void Start(milliseconds sum_every) {
    quotas_.emplace(QuotaOptions{.everybody = {.max_bytes = 100}, .sum_every = sum_every}, clock_,
                    [this](const Scope&) -> Result<int64_t> {
                      ++sums_;
                      return sum_.load();
                    });
  }
  Result<Admission> Admit(int64_t bytes) { return quotas_->Admit(a_, a_, 1, bytes); }

  const Scope a_ = Scope::ForTenant(Tenant(1));
  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(kStart);
  std::atomic<int64_t> sum_ = 0;
  std::atomic<int> sums_ = 0;
  std::optional<Quotas> quotas_;
};

TEST_F(SumsTest, APublishWithAFreshSumCostsNoStatement) {
  Start(std::chrono::hours(1));
  for (int i = 0; i < 50; ++i) {
    JAMMI_OK(quotas_->Prepare(a_, a_));
    auto admission = Admit(1);
    JAMMI_OK(admission);
    admission->Settle(AppendOutcome{});
  }
  EXPECT_EQ(sums_, 1);
  JAMMI_OK(quotas_->Prepare(a_, Scope::Global()));
  JAMMI_OK(quotas_->Prepare(Scope::Global(), Scope::Global()));
  EXPECT_EQ(sums_, 1) << "nothing is summed that nobody is limited by";
  sum_ = 90;
  clock_->Advance(seconds(2));
  JAMMI_OK(quotas_->Prepare(a_, a_));
  EXPECT_EQ(sums_, 2);
  EXPECT_FALSE(Admit(11));
  EXPECT_TRUE(Admit(10));
}

TEST_F(SumsTest, WhatMayBeInTheLogCountsAndWhatIsNotDoesNot) {
  Start(std::chrono::hours(1));
  JAMMI_OK(quotas_->Prepare(a_, a_));
  Admit(60)->Settle(Result<AppendOutcome>(Error(ErrorCode::kUnavailable, "down")));
  Admit(60)->Settle(Result<AppendOutcome>(Error(ErrorCode::kOutcomeUnknown, "lost")));
  Admit(40)->Settle(AppendOutcome{.duplicate = true});
  EXPECT_EQ(Admit(60).error().As<QuotaExceededDetail>()->used, 60);
  auto held = Admit(40);
  JAMMI_OK(held);
  EXPECT_FALSE(Admit(1)) << "one that is under way counts";
}

TEST_F(SumsTest, TheBackgroundKeepsSumsFreshOfThoseWhoPublish) {
  Start(milliseconds(1));
  JAMMI_OK(quotas_->Prepare(a_, a_));
  JAMMI_OK(Admit(1));
  const int before = sums_;
  const Deadline deadline = Soon();
  while (sums_ < before + 2) {
    ASSERT_FALSE(deadline.Passed());
    std::this_thread::yield();
  }
  quotas_->Stop();
  const int after = sums_;
  JAMMI_OK(quotas_->Prepare(a_, a_));
  EXPECT_EQ(sums_, after);
}

TEST_F(SumsTest, ManyTenantsAreForgottenWhenTheyAreIdle) {
  Start(std::chrono::hours(1));
  for (int i = 0; i < 5000; ++i) {
    const Scope scope = Scope::ForTenant(Tenant(i));
    JAMMI_OK(quotas_->Admit(scope, scope, 1, 100));
    clock_->Advance(milliseconds(100));
  }
  EXPECT_LT(quotas_->tenants(), 2500U);
}

}  // namespace
}  // namespace jammi
