// What the tests of several engines share: events that hold one number each, and patience.
#pragma once

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "jammi/engine.h"

namespace jammi {

// Long enough for a loaded machine; a test that waits so long has failed.
inline Deadline Patience() { return Deadline::After(std::chrono::seconds(60)); }

inline bool AwaitTrue(const std::function<bool()>& condition) {
  const auto give_up = Patience();
  while (!condition()) {
    if (give_up.Passed()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

inline std::shared_ptr<arrow::Schema> NumberSchema() {
  return arrow::schema({arrow::field("n", arrow::int64(), false)});
}

inline std::shared_ptr<arrow::RecordBatch> Number(int64_t n) {
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.Append(n).ok());
  return arrow::RecordBatch::Make(NumberSchema(), 1, {*builder.Finish()});
}

inline int64_t NumberIn(const Delivery& event) {
  return static_cast<const arrow::Int64Array&>(*event.batch->column(0)).Value(0);
}

// The next deliveries are these numbers, each at the offset of its name.
inline void ExpectNumbers(Subscription& subscription, int64_t begin, int64_t end) {
  for (; begin < end; ++begin) {
    const auto next = subscription.Next(Patience());
    ASSERT_TRUE(next) << next.error().ToString();
    ASSERT_TRUE(next->has_value());
    ASSERT_EQ((*next)->offset, static_cast<uint64_t>(begin));
    ASSERT_EQ(NumberIn(**next), begin);
  }
}

inline void ExpectNothing(Subscription& subscription) {
  const auto nothing = subscription.Next(Deadline::Now());
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code(), ErrorCode::kDeadlineExceeded) << nothing.error().ToString();
  EXPECT_EQ(subscription.lag(), 0U);
}

}  // namespace jammi
