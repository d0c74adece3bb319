// Predicates shared by threads, and how long what they own lives.
#include <gmock/gmock.h>

#include <atomic>
#include <barrier>
#include <fstream>
#include <thread>

#include "predicate/test_support.h"

namespace jammi::predicate {
namespace {

std::shared_ptr<arrow::RecordBatch> Numbers(int64_t rows) {
  arrow::Int64Builder id;
  arrow::StringBuilder kind;
  for (int64_t i = 0; i < rows; ++i) {
    EXPECT_TRUE(id.Append(i).ok() && kind.Append(i % 2 == 0 ? "X" : "a kind with a long name").ok());
  }
  return arrow::RecordBatch::Make(
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("kind", arrow::utf8())}), rows,
      {*id.Finish(), *kind.Finish()});
}

TEST(PredicateThreads, EightThreadsShareFour) {
  constexpr int kThreads = 8;
  const auto batch = Numbers(500);
  std::vector<Predicate> shared;
  std::vector<int64_t> expected;
  for (const std::string sql :
       {"id < 100", "kind = 'X'", "lower(kind) LIKE '%long%' AND id >= 250", "id % 5 = 0"}) {
    shared.push_back(*Predicate::Compile(sql, batch->schema()));
    expected.push_back((*shared.back().Filter(batch))->num_rows());
  }
  std::atomic<int> wrong = 0;
  std::barrier start(kThreads);
  std::vector<std::jthread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      start.arrive_and_wait();
      for (int i = 0; i < 200; ++i) {
        const size_t which = static_cast<size_t>(thread + i) % shared.size();
        const auto result = shared[which].Filter(batch);
        if (!result || (*result)->num_rows() != expected[which]) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST(PredicateThreads, ThreadsCompileAtOnce) {
  const auto batch = Numbers(10);
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  threads.reserve(8);
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 50; ++i) {
        const auto predicate = Predicate::Compile("id = " + std::to_string(thread), batch->schema());
        const auto result = predicate->Filter(batch);
        if (!result || (*result)->num_rows() != 1) ++wrong;
        if (Predicate::Compile("nosuch ~ '('", batch->schema())) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

// A predicate goes away on one thread while another, which has used it, lives on; and the other way round.
TEST(PredicateThreads, PredicatesAndThreadsGoInAnyOrder) {
  const auto batch = Numbers(10);
  auto predicate = std::make_unique<Predicate>(*Predicate::Compile("id < 5", batch->schema()));
  std::barrier step(2);
  int64_t seen = 0;
  std::jthread other([&] {
    seen += (*predicate->Filter(batch))->num_rows();
    step.arrive_and_wait();
    step.arrive_and_wait();  // the predicate is gone
    const auto second = Predicate::Compile("id < 7", batch->schema());
    seen += (*second->Filter(batch))->num_rows();
  });
  step.arrive_and_wait();
  predicate.reset();
  step.arrive_and_wait();
  other.join();
  EXPECT_EQ(seen, 12);
  const auto third = Predicate::Compile("id < 3", batch->schema());
  std::jthread([&] { seen += (*third->Filter(batch))->num_rows(); }).join();
  seen += (*third->Filter(batch))->num_rows();
  EXPECT_EQ(seen, 18);
}

// The last copy may go while the batch that it chose rows from is long gone.
TEST(PredicateThreads, ABatchMayGoBeforeThePredicate) {
  auto batch = Numbers(100);
  const auto predicate = Predicate::Compile("kind LIKE 'a%' AND id % 3 = 0", batch->schema());
  auto first = *predicate->Filter(batch);
  batch = Numbers(2000);
  auto second = *predicate->Filter(batch);
  batch.reset();
  EXPECT_EQ(first->num_rows(), 17);
  EXPECT_EQ(second->num_rows(), 333);
  EXPECT_TRUE(second->ValidateFull().ok());
}

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t pages = 0;
  statm >> pages >> pages;
  return pages * 4096;
}

TEST(PredicateThreads, TenThousandCompiledAndDroppedLeaveNothing) {
  const auto batch = Numbers(1);
  const auto churn = [&](int times) {
    for (int i = 0; i < times; ++i) {
      const auto predicate =
          Predicate::Compile("kind = 'X' AND id = " + std::to_string(i % 3), batch->schema());
      ASSERT_TRUE(predicate);
      ASSERT_TRUE(predicate->Filter(batch));
    }
  };
  churn(1'000);
  const size_t before = ResidentBytes();
  churn(10'000);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  // A sanitizer keeps what was freed, and looks for leaks itself.
  const size_t allowed = size_t{1} << 30;
#else
  const size_t allowed = size_t{10} << 20;  // 1 KiB each
#endif
  EXPECT_LT(ResidentBytes(), before + allowed);
}

// For a process that ends: a predicate in a static object must not outlive what it needs.
Predicate& Static() {
  static Predicate predicate = *Predicate::Compile("id = 1", Numbers(1)->schema());
  return predicate;
}
TEST(PredicateThreads, AStaticPredicateMayBeTheLastToGo) { EXPECT_TRUE(Static().Filter(Numbers(3))); }

}  // namespace
}  // namespace jammi::predicate
