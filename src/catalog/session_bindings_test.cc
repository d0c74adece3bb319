// Session bindings: rules TEN-011 and TEN-012 and case 61, as far as they concern the catalog; WK-14.
#include "jammi/session_bindings.h"

#include <fmt/format.h>

#include <barrier>
#include <latch>
#include <thread>

#include "base/hash.h"
#include "catalog/query_plan.h"
#include "catalog/repo_fixture.h"
#include "catalog/session_statements.h"

namespace jammi::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using testing::HasSubstr;

constexpr SessionLimits kLimits = {
    .keep = hours(10), .remember = hours(100), .touch_after = hours(1), .most = 3};

class SessionsTest : public RepoTest {
 protected:
  SessionBindings Sessions(const SessionLimits& limits = kLimits) {
    return Ok(SessionBindings::Make({catalog_, &backend()}, limits));
  }
  static SessionKey Key(std::string_view id) { return Ok(SessionKey::Of(id)); }
  static TenantId Tenant(const Scope& scope) { return *scope.tenant(); }

  void Bind(std::string_view id, const Scope& tenant) { Ok(Sessions().Bind(Key(id), Tenant(tenant))); }
  // Whom the session is bound to; global when to nobody.
  Scope ScopeOf(std::string_view id) {
    const auto found = Ok(Sessions().Find(Key(id)));
    return found && !found->expired ? Scope::ForTenant(found->tenant) : kGlobal;
  }
  bool HasExpired(std::string_view id) {
    const auto found = Ok(Sessions().Find(Key(id)));
    return found && found->expired;
  }
  // That the counter of bindings is right.
  void ExpectBindings(int64_t count) {
    EXPECT_EQ(GetInt("SELECT COUNT(*) AS v FROM session_bindings"), count);
    EXPECT_EQ(GetInt("SELECT sessions AS v FROM session_totals"), count);
  }
};

JAMMI_ON_EVERY_DATABASE(SessionsTest);

TEST_P(SessionsTest, Case61SessionsAreBoundEachToItsTenant) {
  Bind("one", kA);
  Bind("two", kB);
  EXPECT_EQ(ScopeOf("one"), kA);
  EXPECT_EQ(ScopeOf("two"), kB);
  EXPECT_EQ(ScopeOf("unbound"), kGlobal);
  EXPECT_EQ(ScopeOf("ONE"), kGlobal);
  ExpectBindings(2);
}

TEST_P(SessionsTest, Wk14ABindingSurvivesARestart) {
  Bind("one", kA);
  Reopen();
  EXPECT_EQ(ScopeOf("one"), kA);
}

TEST_P(SessionsTest, Ten012ASessionIsBoundAnewAndUnbound) {
  Bind("one", kA);
  Bind("one", kB);
  EXPECT_EQ(ScopeOf("one"), kB);
  ExpectBindings(1);
  EXPECT_TRUE(Ok(Sessions().Unbind(Key("one"))));
  EXPECT_EQ(ScopeOf("one"), kGlobal);
  EXPECT_FALSE(Ok(Sessions().Unbind(Key("one"))));
  ExpectBindings(0);
  Bind("one", kA);
  ExpectBindings(1);
}

// SRV-034, W-05: a session that has expired is told from one that never had a tenant.
TEST_P(SessionsTest, Srv034AnExpiredBindingIsRememberedForAWhile) {
  Bind("one", kA);
  EXPECT_FALSE(HasExpired("one"));
  MoveClock(hours(10));
  EXPECT_TRUE(HasExpired("one"));
  EXPECT_FALSE(Ok(Sessions().Find(Key("one")))->touch_due);
  EXPECT_FALSE(HasExpired("another"));
  MoveClock(hours(100) - minutes(5));
  EXPECT_EQ(Ok(Sessions().SweepStep()), 0);
  EXPECT_TRUE(HasExpired("one"));
  MoveClock(minutes(5));
  EXPECT_EQ(Ok(Sessions().SweepStep()), 1);
  EXPECT_FALSE(HasExpired("one"));
  ExpectBindings(0);
}

// To unbind is no expiry, and ends one.
TEST_P(SessionsTest, Srv034WhatWasUnboundHasNotExpired) {
  Bind("one", kA);
  EXPECT_TRUE(Ok(Sessions().Unbind(Key("one"))));
  MoveClock(hours(10));
  EXPECT_FALSE(HasExpired("one"));
  Bind("two", kA);
  MoveClock(hours(10));
  EXPECT_TRUE(HasExpired("two"));
  EXPECT_TRUE(Ok(Sessions().Unbind(Key("two"))));
  EXPECT_FALSE(HasExpired("two"));
}

// W-05: one id in the hands of two principals is two sessions.
TEST_P(SessionsTest, Srv033ASessionIsItsPrincipals) {
  const auto key = [](std::string_view principal) { return Ok(SessionKey::Of("one", principal)); };
  Ok(Sessions().Bind(key("ann"), Tenant(kA)));
  EXPECT_TRUE(Ok(Sessions().Find(key("ann"))));
  EXPECT_FALSE(Ok(Sessions().Find(key("bob"))));
  EXPECT_FALSE(Ok(Sessions().Find(key(""))));
  EXPECT_FALSE(Ok(Sessions().Unbind(key("bob"))));
  EXPECT_NE(Ok(SessionKey::Of("ab", "c")), Ok(SessionKey::Of("a", "bc")));
}

TEST_P(SessionsTest, BindingsAreCounted) {
  EXPECT_EQ(Ok(Sessions().Count()), 0);
  Bind("one", kA);
  Bind("two", kB);
  EXPECT_EQ(Ok(Sessions().Count()), 2);
}

TEST_P(SessionsTest, Wk14ABindingThatNobodyUsesExpires) {
  Bind("one", kA);
  MoveClock(hours(10) - minutes(5));
  EXPECT_EQ(ScopeOf("one"), kA);
  MoveClock(minutes(5));
  EXPECT_EQ(ScopeOf("one"), kGlobal);
  EXPECT_FALSE(Ok(Sessions().Touch(Key("one"))));  // too late
  EXPECT_EQ(ScopeOf("one"), kGlobal);
  Bind("one", kB);
  EXPECT_EQ(ScopeOf("one"), kB);
  ExpectBindings(1);
}

TEST_P(SessionsTest, AUseIsWrittenDownOnceInAWhile) {
  Bind("one", kA);
  EXPECT_FALSE(Ok(Sessions().Find(Key("one")))->touch_due);
  EXPECT_FALSE(Ok(Sessions().Touch(Key("one"))));
  MoveClock(minutes(59));
  EXPECT_FALSE(Ok(Sessions().Find(Key("one")))->touch_due);
  EXPECT_FALSE(Ok(Sessions().Touch(Key("one"))));
  MoveClock(minutes(1));
  EXPECT_TRUE(Ok(Sessions().Find(Key("one")))->touch_due);
  EXPECT_TRUE(Ok(Sessions().Touch(Key("one"))));
  EXPECT_FALSE(Ok(Sessions().Touch(Key("one"))));
  EXPECT_FALSE(Ok(Sessions().Touch(Key("unknown"))));
  MoveClock(hours(10) - minutes(5));
  EXPECT_EQ(ScopeOf("one"), kA);
}

TEST_P(SessionsTest, ExpiredBindingsAreSweptInBatches) {
  SessionBindings sessions =
      Sessions({.keep = hours(1), .remember = microseconds(0), .touch_after = minutes(1), .most = 10'000});
  const int64_t expired = SessionBindings::kSweepBatch + 7;
  for (int64_t i = 0; i < expired; ++i) Ok(sessions.Bind(Key(fmt::format("old-{}", i)), Tenant(kA)));
  MoveClock(hours(1));
  Ok(sessions.Bind(Key("new"), Tenant(kA)));
  Ok(sessions.Bind(Key("old-3"), Tenant(kB)));  // came back in time
  ExpectBindings(expired + 1);
  EXPECT_EQ(Ok(sessions.SweepStep()), SessionBindings::kSweepBatch);
  EXPECT_EQ(Ok(sessions.SweepStep()), 6);
  EXPECT_EQ(Ok(sessions.SweepStep()), 0);
  ExpectBindings(2);
  EXPECT_EQ(ScopeOf("new"), kA);
  EXPECT_EQ(ScopeOf("old-3"), kB);
}

TEST_P(SessionsTest, Wk14ThereAreOnlySoManyBindings) {
  for (const auto* id : {"1", "2", "3"}) Bind(id, kA);
  const auto refused = Sessions().Bind(Key("4"), Tenant(kB));
  ASSERT_EQ(CodeOf(refused), ErrorCode::kResourceExhausted);
  EXPECT_THAT(refused.error().message(), HasSubstr("all 3 bindings"));
  EXPECT_EQ(ScopeOf("4"), kGlobal);
  ExpectBindings(3);
  Bind("2", kB);  // one that is there is bound anew
  Ok(Sessions().Unbind(Key("1")));
  Bind("4", kB);
  ExpectBindings(3);
}

TEST_P(SessionsTest, WhatHasExpiredMakesRoom) {
  for (const auto* id : {"1", "2", "3"}) Bind(id, kA);
  MoveClock(hours(10));
  Bind("4", kB);
  EXPECT_EQ(ScopeOf("4"), kB);
  ExpectBindings(1);
}

TEST_P(SessionsTest, TheLimitHoldsWhenManyBindAtOnce) {
  std::barrier start(8);
  std::atomic<int> bound = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        SessionBindings sessions = Sessions({.keep = hours(1), .touch_after = minutes(1), .most = 20});
        start.arrive_and_wait();
        for (int i = 0; i < 10; ++i) {
          // Half of the ids are everybody's.
          const std::string id = i % 2 == 0 ? fmt::format("shared-{}", i) : fmt::format("{}-{}", thread, i);
          const auto code = CodeOf(sessions.Bind(Key(id), Tenant(kA)));
          if (!code) ++bound;
          EXPECT_TRUE(!code || code == ErrorCode::kResourceExhausted);
        }
      });
    }
  }
  ExpectBindings(20);
  EXPECT_GE(bound, 20);
}

// The sweep has chosen a binding that is being used anew, and waits for it.
TEST_P(SessionsTest, ABindingThatIsUsedWhileTheSweepWaitsStays) {
  Bind("one", kA);
  MoveClock(hours(10));
  const auto sweep_waits = [&] {
    if (harness_->kind() == BackendKind::kSqlite) return backend().stats().queue_depth > 0;
    return GetInt("SELECT COUNT(*) AS v FROM pg_locks WHERE NOT granted") > 0;
  };
  std::latch used(1);
  std::latch go_on(1);
  Result<int64_t> swept = 0;
  {
    std::jthread user([&] {
      const auto done = backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
        JAMMI_TRY(tx.Execute("UPDATE session_bindings SET expires_at = jammi_now() + 3600000000"));
        used.count_down();
        go_on.wait();
        return {};
      });
      EXPECT_EQ(CodeOf(done), std::nullopt);
    });
    used.wait();
    std::jthread sweeper(
        [&] { swept = Sessions({.keep = hours(10), .remember = microseconds(0)}).SweepStep(); });
    while (!sweep_waits()) std::this_thread::yield();
    go_on.count_down();
  }
  EXPECT_EQ(Ok(swept), 0);
  EXPECT_EQ(ScopeOf("one"), kA);
  ExpectBindings(1);
}

// One id, two tenants: whoever is last has it, and the counter is right.
TEST_P(SessionsTest, BindingAndUnbindingAtOnceLeavesOneAnswer) {
  for (int round = 0; round < 20; ++round) {
    std::barrier start(3);
    {
      std::vector<std::jthread> threads;
      for (const Scope& scope : {kA, kB}) {
        threads.emplace_back([&, scope] {
          SessionBindings sessions = Sessions();
          start.arrive_and_wait();
          EXPECT_EQ(CodeOf(sessions.Bind(Key("one"), Tenant(scope))), std::nullopt);
        });
      }
      threads.emplace_back([&] {
        SessionBindings sessions = Sessions();
        start.arrive_and_wait();
        EXPECT_EQ(CodeOf(sessions.Unbind(Key("one"))), std::nullopt);
      });
    }
    ExpectBindings(ScopeOf("one") == kGlobal ? 0 : 1);
  }
}

TEST_P(SessionsTest, IdsAreBoundedText) {
  const std::string longest(256, 'x');
  Bind(longest, kA);
  Bind("\u00e4 \U0001F600 '; --", kB);
  EXPECT_EQ(ScopeOf(longest), kA);
  EXPECT_EQ(ScopeOf("\u00e4 \U0001F600 '; --"), kB);
  for (const std::string& id :
       {std::string(), longest + "x", std::string("a\0b", 3), std::string("a\nb"), std::string("\x7f"),
        std::string("\u0085"), std::string("\u009f"), std::string("\xff"), std::string("\xc2")}) {
    EXPECT_EQ(CodeOf(SessionKey::Of(id)), ErrorCode::kInvalidArgument) << id;
  }
  EXPECT_TRUE(SessionKey::Of("\u00a0"));
}

TEST_P(SessionsTest, TheIdItselfIsNotStored) {
  Bind("a secret of the client's", kA);
  Ok(backend().RunTransaction({.read_only = true}, [&](Transaction& tx) {
    return tx.Query("SELECT session_hash FROM session_bindings", {}, [](const Row& row) -> Result<bool> {
      JAMMI_ASSIGN(const auto bytes, row.Get<SqlBytes>("session_hash"));
      EXPECT_EQ(ToHex(bytes), Sha256Hex("a secret of the client's"));
      return true;
    });
  }));
}

TEST_P(SessionsTest, Wk25NoStatementScansOrSortsAmong100000Bindings) {
  Sql("INSERT INTO session_bindings (session_hash, scope, revision, expires_at) "
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) SELECT " +
          std::string(harness_->kind() == BackendKind::kSqlite ? "randomblob(32)"
                                                               : "sha256(CAST(CAST(i AS TEXT) AS BYTEA))") +
          ", $1, 1, i FROM n",
      {kA.Key()});
  if (harness_->kind() == BackendKind::kPostgres) Sql("ANALYZE");
  ExpectNoScanOrSort(backend(), SessionStatements());
}

TEST_P(SessionsTest, BadLimitsAreRefused) {
  const auto code = [&](const SessionLimits& limits) {
    return CodeOf(SessionBindings::Make({catalog_, &backend()}, limits));
  };
  EXPECT_EQ(code({}), std::nullopt);
  EXPECT_EQ(code({.keep = microseconds(999'999), .touch_after = {}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.keep = microseconds::max()}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.remember = microseconds(-1)}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.remember = microseconds::max()}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.keep = hours(1), .touch_after = hours(2)}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.keep = hours(1), .touch_after = microseconds(-1)}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.most = 0}), ErrorCode::kInvalidArgument);
}

TEST_P(SessionsTest, ADeadlineThatHasPassedChangesNothing) {
  SessionBindings sessions = Sessions();
  EXPECT_EQ(CodeOf(sessions.Bind(Key("one"), Tenant(kA), Deadline::Now())), ErrorCode::kDeadlineExceeded);
  ExpectBindings(0);
}

}  // namespace
}  // namespace jammi::test
