// Ids, scopes, errors, deadlines, digests and text.
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <thread>

#include "base/base64.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/sync_point.h"
#include "base/text.h"
#include "jammi/clock.h"
#include "jammi/error.h"
#include "jammi/result.h"
#include "jammi/scope.h"
#include "jammi/secret.h"

namespace jammi {
namespace {

constexpr auto kSample = "0190aabb-ccdd-7eef-8011-223344556677";

TEST(TenantId, Ten001AcceptsTheFourFormsAndPrintsOne) {
  for (const auto* text :
       {"0190AABB-CCDD-7EEF-8011-223344556677", "0190aabbccdd7eef8011223344556677",
        "{0190aabb-ccdd-7eef-8011-223344556677}", "URN:uuid:0190aabb-ccdd-7eef-8011-223344556677"}) {
    const auto tenant = TenantId::Parse(text);
    ASSERT_TRUE(tenant) << text;
    EXPECT_EQ(tenant->ToString(), kSample);
  }
}

TEST(TenantId, Ten001RefusesMalformedTextByName) {
  for (const auto* text :
       {"", "not-a-uuid", "0190aabb-ccdd-7eef-8011-22334455667", "0190aabbccdd7eef80112233445566770",
        "0190aabb_ccdd-7eef-8011-223344556677", "{0190aabbccdd7eef8011223344556677}",
        "0190aabb-ccdd-7eef-8011-22334455667g", "urn:uuid:0190aabbccdd7eef8011223344556677"}) {
    const auto tenant = TenantId::Parse(text);
    ASSERT_FALSE(tenant) << text;
    EXPECT_EQ(tenant.error().code(), ErrorCode::kInvalidArgument);
    ASSERT_NE(tenant.error().As<TenantDetail>(), nullptr);
    EXPECT_EQ(tenant.error().As<TenantDetail>()->text, text);
  }
}

TEST(TenantId, Ten001IsNeverNil) {
  EXPECT_EQ(TenantId::From(Uuid{}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(TenantId::Parse("00000000-0000-0000-0000-000000000000").error().message(),
            "tenant id must not be the nil UUID");
}

TEST(Uuid, VersionsAreMarkedAndV7IsOrderedByTime) {
  const Uuid random = Uuid::RandomV4();
  EXPECT_EQ(random.bytes[6] >> 4, 4);
  EXPECT_EQ(random.bytes[8] >> 6, 2);
  const Uuid earlier = Uuid::TimeOrderedV7(1'700'000'000'000);
  const Uuid later = Uuid::TimeOrderedV7(1'700'000'000'001);
  EXPECT_EQ(earlier.bytes[6] >> 4, 7);
  EXPECT_LT(earlier, later);
  std::set<std::string> distinct;
  for (int i = 0; i < 1000; ++i) distinct.insert(Uuid::RandomV4().ToString());
  EXPECT_EQ(distinct.size(), 1000U);
}

TEST(Uuid, TextRoundTrips) {
  const Uuid uuid = *Uuid::Parse(kSample);
  EXPECT_EQ(uuid.ToString(), kSample);
  EXPECT_EQ(uuid.ToHex(), "0190aabbccdd7eef8011223344556677");
  EXPECT_EQ(*Uuid::Parse(uuid.ToHex()), uuid);
}

TEST(Scope, Ten020SeesItsOwnAndGlobalOnly) {
  const Scope a = Scope::ForTenant(*TenantId::Parse(kSample));
  const Scope b = Scope::ForTenant(*TenantId::From(Uuid::RandomV4()));
  const Scope global = Scope::Global();
  EXPECT_TRUE(a.Sees(a));
  EXPECT_TRUE(a.Sees(global));
  EXPECT_FALSE(a.Sees(b));
  EXPECT_TRUE(global.Sees(global));
  EXPECT_FALSE(global.Sees(a)) << "global is not 'see all'";
}

TEST(Scope, KeyRoundTripsAndDamageIsDataLoss) {
  const Scope tenant = Scope::ForTenant(*TenantId::Parse(kSample));
  EXPECT_EQ(Scope::Global().Key(), "");
  EXPECT_EQ(*Scope::FromKey(tenant.Key()), tenant);
  EXPECT_EQ(*Scope::FromKey(""), Scope::Global());
  EXPECT_EQ(Scope::FromKey("x").error().code(), ErrorCode::kDataLoss);
}

TEST(Error, SaysWhatWasBeingDoneAndKeepsItsDetail) {
  const Error error =
      Error(ErrorCode::kNotFound, "topic not found: quakes", TopicNotFoundDetail{"quakes"}).While("publish");
  EXPECT_EQ(error.ToString(), "NotFound: publish: topic not found: quakes");
  ASSERT_NE(error.As<TopicNotFoundDetail>(), nullptr);
  EXPECT_EQ(error.As<ModelNotFoundDetail>(), nullptr);
}

TEST(Error, EveryCodeHasANameAndOnlySafeOnesAreRetryable) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    names.insert(ToString(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(ErrorCode::kInternal) + 1);
  EXPECT_FALSE(names.contains("Unknown"));
  EXPECT_TRUE(IsRetryable(ErrorCode::kUnavailable));
  EXPECT_FALSE(IsRetryable(ErrorCode::kOutcomeUnknown)) << "repeating it could do it twice";
  EXPECT_FALSE(IsRetryable(ErrorCode::kInvalidArgument));
}

Result<int> Half(int n) {
  if (n % 2 != 0) return Error(ErrorCode::kInvalidArgument, "odd");
  return n / 2;
}

Result<int> Quarter(int n) {
  JAMMI_ASSIGN(const int half, Half(n));
  JAMMI_TRY(Half(half));
  return Half(half);
}

TEST(Result, MacrosReturnTheFirstErrorOrTheValue) {
  EXPECT_EQ(*Quarter(12), 3);
  EXPECT_EQ(Quarter(6).error().message(), "odd");
}

TEST(Secret, PrintsAPlaceholder) {
  const Secret secret("hunter2");
  std::ostringstream out;
  out << secret;
  EXPECT_EQ(out.str(), "[secret]");
  EXPECT_EQ(secret.Reveal(), "hunter2");
}

TEST(Deadline, KnowsNeverNowAndOverflow) {
  EXPECT_FALSE(Deadline::Never().Passed());
  EXPECT_TRUE(Deadline::Now().Passed());
  EXPECT_TRUE(Deadline::After(std::chrono::nanoseconds::max()).IsNever());
  EXPECT_TRUE(Deadline::After(std::chrono::seconds(-1)).Passed());
}

TEST(Clock, AManualClockMovesOnlyWhenTold) {
  ManualClock clock(5);
  EXPECT_EQ(clock.Now(), 5);
  clock.Advance(std::chrono::seconds(1));
  EXPECT_EQ(clock.Now(), 1'000'005);
  EXPECT_GT(Clock::System()->Now(), 1'600'000'000'000'000);
}

TEST(Hash, KnownAnswers) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string_view text = "abc";
  EXPECT_EQ(Checksum({reinterpret_cast<const uint8_t*>(text.data()), text.size()}), 0x78af5f94892f3950ULL);
}

TEST(Text, UtcHasSixDigitsBeforeAndAfterTheEpoch) {
  EXPECT_EQ(FormatUtc(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(FormatUtc(1'767'323'045'123'456), "2026-01-02T03:04:05.123456Z");
  EXPECT_EQ(FormatUtc(-1), "1969-12-31T23:59:59.999999Z");
}

TEST(Text, NearestFindsASlipAndNothingElse) {
  const std::string_view names[] = {"pool_size", "path", "url"};
  EXPECT_EQ(Nearest("pool_sise", names), "pool_size");
  EXPECT_EQ(Nearest("something_else", names), "");
}

TEST(Text, Utf8RefusesOverlongSurrogatesAndCutSequences) {
  EXPECT_TRUE(IsValidUtf8("gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\x8b"));
  for (const std::string_view bad :
       {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\xff"}) {
    EXPECT_FALSE(IsValidUtf8(bad));
  }
}

TEST(Text, PrintableIsWhatATerminalDoesNotObey) {
  EXPECT_EQ(Printable("a \xc3\xa9\xf0\x9f\x8c\x8b"), "a \xc3\xa9\xf0\x9f\x8c\x8b");
  EXPECT_EQ(Printable("\x1b[2J\n\x7f"), "\\x1b[2J\\x0a\\x7f");
  EXPECT_EQ(Printable("\xc2\x9bm\xc2\xa0"), "\\xc2\\x9bm\xc2\xa0");
  EXPECT_EQ(Printable("\xff\xc3 \xed\xa0\x80\xe2\x82"), "\\xff\\xc3 \\xed\\xa0\\x80\\xe2\\x82");
}

TEST(Text, TrimRemovesSpaceOfEveryKind) { EXPECT_EQ(Trim(" \t a b\r\n"), "a b"); }

TEST(Text, Base64ThereAndBack) {
  EXPECT_EQ(ToBase64(""), "");
  EXPECT_EQ(ToBase64("f"), "Zg==");
  EXPECT_EQ(ToBase64("fo"), "Zm8=");
  EXPECT_EQ(ToBase64("foobar"), "Zm9vYmFy");
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(FromBase64(ToBase64(bytes)), bytes);
  for (const auto* text : {"Zg=", "Zg", "Z===", "Zh==", "Zg==Zg==", "Z g=", "Zm9v\n"})
    EXPECT_FALSE(FromBase64(text)) << text;
}

TEST(Log, LevelsAreParsedOrRefused) {
  EXPECT_EQ(*ParseLogLevel("warn"), LogLevel::kWarning);
  EXPECT_EQ(ParseLogLevel("loud").error().code(), ErrorCode::kInvalidArgument);
}

TEST(SyncPoint, CallsItsCallbackUntilCleared) {
  int hits = 0;
  SetSyncPoint("base:test", [&] { ++hits; });
  JAMMI_SYNC_POINT("base:test");
  ClearSyncPoints();
  JAMMI_SYNC_POINT("base:test");
  EXPECT_EQ(hits, 1);
}

}  // namespace
}  // namespace jammi
