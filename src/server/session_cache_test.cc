// What is remembered of sessions is never older than what a call before has changed.
#include "server/session_cache.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "jammi/ids.h"

namespace jammi {
namespace {

using Found = SessionCache::Found;

class SessionCacheTest : public testing::Test {
 protected:
  static SessionKey Key(std::string_view id) { return SessionKey::Of(id).value(); }
  static Found Binding(int tenant) {
    return SessionBinding{.tenant =
                              TenantId::Parse(fmt::format("00000000-0000-4000-8000-{:012}", tenant)).value()};
  }
  static Result<void> Done() { return {}; }
  void Read(const Found& found) {
    ASSERT_TRUE(cache_.Read(key_, now_, [&]() -> Result<Found> { return found; }));
  }
  void Write(const Found& after) { ASSERT_TRUE(cache_.Write(key_, now_, after, Done)); }
  std::optional<Found> Find() { return cache_.Find(key_, now_); }

  SessionCache cache_{64, std::chrono::microseconds(100)};
  const SessionKey key_ = Key("one");
  UnixMicros now_ = 1'000;
};

TEST_F(SessionCacheTest, WhatWasReadOrWrittenIsRemembered) {
  EXPECT_EQ(Find(), std::nullopt);
  Read(Binding(1));
  EXPECT_EQ(Find(), Binding(1));
  Write(Binding(2));
  EXPECT_EQ(Find(), Binding(2));
  Write(std::nullopt);
  EXPECT_EQ(Find(), std::optional<Found>(std::in_place)) << "it is known that there is none";
  EXPECT_EQ(cache_.Find(Key("another"), now_), std::nullopt);
}

TEST_F(SessionCacheTest, ItIsForgottenInTime) {
  Read(Binding(1));
  now_ += 99;
  EXPECT_EQ(Find(), Binding(1));
  now_ += 1;
  EXPECT_EQ(Find(), std::nullopt);
  EXPECT_EQ(cache_.size(), 0U);
}

// A read has its answer, a write comes, and then the read would remember what it has.
TEST_F(SessionCacheTest, AnAnswerThatAWriteHasOvertakenIsNotRemembered) {
  ASSERT_TRUE(cache_.Read(key_, now_, [&]() -> Result<Found> {
    Write(Binding(2));
    return Binding(1);
  }));
  EXPECT_EQ(Find(), Binding(2));
}

TEST_F(SessionCacheTest, WhatIsReadDuringAWriteIsNotRemembered) {
  ASSERT_TRUE(cache_.Write(key_, now_, Binding(2), [&]() -> Result<void> {
    Read(Binding(1));
    EXPECT_EQ(Find(), std::nullopt);
    return {};
  }));
  EXPECT_EQ(Find(), Binding(2));
}

// The database may have done the inner one last, or the outer one.
TEST_F(SessionCacheTest, OfTwoWritesAtOnceNeitherIsRemembered) {
  ASSERT_TRUE(cache_.Write(key_, now_, Binding(1), [&]() -> Result<void> {
    Write(Binding(2));
    return {};
  }));
  EXPECT_EQ(Find(), std::nullopt);
  Read(Binding(1));
  EXPECT_EQ(Find(), Binding(1));
}

TEST_F(SessionCacheTest, WhatAFailedWriteHasDoneIsAskedAnew) {
  Read(Binding(1));
  const Error failure(ErrorCode::kOutcomeUnknown, "who knows");
  EXPECT_FALSE(cache_.Write(key_, now_, Binding(2), [&]() -> Result<void> { return failure; }));
  EXPECT_EQ(Find(), std::nullopt);
}

TEST_F(SessionCacheTest, TheNumberIsBounded) {
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(cache_.Read(Key(std::to_string(i)), now_, []() -> Result<Found> { return Found(); }));
    Read(Binding(1));
    ASSERT_EQ(Find(), Binding(1)) << "what is used stays";
  }
  EXPECT_LE(cache_.size(), 80U);
}

}  // namespace
}  // namespace jammi
