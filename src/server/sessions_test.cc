// Sessions and the tenants that they choose: SRV-020…023, 027, 030, 032, 034.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <thread>
#include <vector>

#include "server/access_fixture.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

using testing::HasSubstr;

constexpr UnixMicros kStart = 1'700'000'000'000'000;
constexpr auto kSetTenant = "/jammi.v1.catalog.CatalogService/SetTenant";

std::string TenantNumber(int number) { return fmt::format("00000000-0000-4000-8000-{:012}", number); }

class SessionsTest : public testing::Test {
 protected:
  SessionsTest() {
    config_.artifact_dir = folder_.path();
    Restart();
  }
  void Restart() {
    server_.reset();
    server_ = std::make_unique<AccessServer>(config_, EngineOptions{.clock = clock_});
  }
  const AccessClient& client() const { return server_->client(); }
  void Set(const Caller& caller, const std::string& tenant) const {
    const auto answer = client().SetTenant(caller, tenant);
    ASSERT_EQ(answer.code, RpcCode::kOk) << answer.message;
  }
  static std::string At(const std::string& tenant) { return tenant + "/"; }

  const TempDir folder_{TempDir::On::kMemory};
  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(kStart);
  Config config_;
  std::unique_ptr<AccessServer> server_;
  const Caller one_{.session = "one"};
  const Caller two_{.session = "two"};
};

TEST_F(SessionsTest, Srv020TheThreeMethodsNeedTheHeaderAndNoOther) {
  for (const Answer& answer : {client().SetTenant({}, kTenantA), client().ClearTenant({})}) {
    EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
    EXPECT_THAT(answer.message, HasSubstr("jammi-session-id"));
  }
  EXPECT_EQ(client().GetTenant({}), "INVALID_ARGUMENT");
  EXPECT_EQ(client().Who({}), "global/");
}

// An id that is there, and empty, is none.
TEST_F(SessionsTest, Srv020AnEmptyIdIsNone) {
  const CallOptions empty{.headers = {{"jammi-session-id", ""}}};
  const auto answer = client().channel().Call(kSetTenant, "", empty);
  EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
  EXPECT_THAT(answer.message, HasSubstr("jammi-session-id"));
}

TEST_F(SessionsTest, Srv021Case14ATenantIsSetAndReadAndCleared) {
  EXPECT_EQ(client().GetTenant(one_), "");
  Set(one_, "AAAAAAAA-0000-4000-8000-000000000001");
  EXPECT_EQ(client().GetTenant(one_), kTenantA) << "the canonical text";
  EXPECT_EQ(client().Who(one_), At(kTenantA));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(client().ClearTenant(one_).code, RpcCode::kOk);
    EXPECT_EQ(client().GetTenant(one_), "");
    EXPECT_EQ(client().Who(one_), "global/");
  }
  Set(one_, kTenantA);
  Set(one_, "");
  EXPECT_EQ(client().GetTenant(one_), "");
  EXPECT_EQ(client().Who(one_), "global/");
}

TEST_F(SessionsTest, Srv021Case13WhatIsNoTenantChangesNothing) {
  Set(one_, kTenantA);
  for (const std::string& bad :
       {std::string("not-a-uuid"), std::string("00000000-0000-0000-0000-000000000000"),
        std::string(10'000, 'a'), std::string(kTenantA) + " ", std::string("\xC3\xA4"),
        std::string("a\0b", 3)}) {
    const auto answer = client().SetTenant(one_, bad);
    EXPECT_EQ(answer.code, RpcCode::kInvalidArgument) << bad;
    EXPECT_THAT(answer.message, HasSubstr("tenant.id"));
  }
  const auto absent = client().channel().Call(kSetTenant, "", HeadersOf(one_));
  EXPECT_EQ(absent.code, RpcCode::kInvalidArgument);
  EXPECT_EQ(client().channel().Call(kSetTenant, "\x0A\xFF", HeadersOf(one_)).code, RpcCode::kInvalidArgument);
  EXPECT_EQ(client().GetTenant(one_), kTenantA);
}

TEST_F(SessionsTest, Srv022AChoiceIsSeenAtOnceOnEveryConnection) {
  const AccessClient other(server_->address());
  for (int i = 1; i <= 20; ++i) {
    Set(one_, TenantNumber(i));
    EXPECT_EQ(other.Who(one_), At(TenantNumber(i)));
    EXPECT_EQ(client().Who(one_), At(TenantNumber(i)));
  }
  EXPECT_EQ(other.ClearTenant(one_).code, RpcCode::kOk);
  EXPECT_EQ(client().Who(one_), "global/");
}

// Case 10 to 12.
TEST_F(SessionsTest, Srv023SessionsDoNotInfluenceEachOther) {
  Set(one_, kTenantA);
  Set(two_, kTenantB);
  EXPECT_EQ(client().Who(one_), At(kTenantA));
  EXPECT_EQ(client().Who(two_), At(kTenantB));
  EXPECT_EQ(client().Who({.session = "three"}), "global/");
  EXPECT_EQ(client().Who({.session = "ONE"}), "global/");
  EXPECT_EQ(client().Who({}), "global/");
  EXPECT_EQ(client().ClearTenant(one_).code, RpcCode::kOk);
  EXPECT_EQ(client().Who(two_), At(kTenantB));
}

// Each goes from tenant to tenant as fast as it can, and sees no other but its own.
TEST_F(SessionsTest, Srv023UnderLoadEachSessionSeesItsOwnTenant) {
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        const AccessClient mine(server_->address());
        const Caller session{.session = fmt::format("session-{}", thread)};
        for (int i = 0; i < 40; ++i) {
          const auto tenant = TenantNumber(1 + thread * 1'000 + i);
          if (mine.SetTenant(session, tenant).code != RpcCode::kOk) ++wrong;
          for (int call = 0; call < 5; ++call) wrong += mine.Who(session) == At(tenant) ? 0 : 1;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

// One session on several connections: a call that begins after SetTenant has answered sees that tenant, or
// one that was set later.
TEST_F(SessionsTest, Srv022UnderLoadNoCallSeesATenantFromBefore) {
  std::atomic<int> set = 0;
  std::atomic<int> wrong = 0;
  std::atomic<bool> done = false;
  {
    std::vector<std::jthread> readers;
    for (int thread = 0; thread < 4; ++thread) {
      readers.emplace_back([&] {
        const AccessClient mine(server_->address());
        while (!done) {
          const int before = set;
          const auto seen = mine.Who(one_);
          if (before == 0) continue;
          const bool fresh = seen.ends_with('/') && seen != "global/" && seen >= At(TenantNumber(before));
          wrong += fresh ? 0 : 1;
        }
      });
    }
    for (int i = 1; i <= 200; ++i) {
      Set(one_, TenantNumber(i));
      set = i;
    }
    done = true;
  }
  EXPECT_EQ(wrong, 0);
}

// Case 15: what Python's tenant_scope() does, one inside another.
TEST_F(SessionsTest, Srv027ScopesAreNestedAndRestored) {
  const auto enter = [&](const std::string& tenant) {
    auto before = client().GetTenant(one_);
    Set(one_, tenant);
    return before;
  };
  const auto leave = [&](const std::string& before) {
    if (before.empty()) {
      EXPECT_EQ(client().ClearTenant(one_).code, RpcCode::kOk);
    } else {
      Set(one_, before);
    }
  };
  const auto outer = enter(kTenantA);
  const auto inner = enter(kTenantB);
  EXPECT_EQ(client().Who(one_), At(kTenantB));
  leave(inner);
  EXPECT_EQ(client().Who(one_), At(kTenantA));
  leave(outer);
  EXPECT_EQ(client().GetTenant(one_), "");
}

// W-05: after a restart, clients went on without a tenant, and what they wrote was everybody's.
TEST_F(SessionsTest, Srv034AChoiceSurvivesARestart) {
  Set(one_, kTenantA);
  Set(two_, kTenantB);
  EXPECT_EQ(client().ClearTenant(two_).code, RpcCode::kOk);
  Restart();
  EXPECT_EQ(client().Who(one_), At(kTenantA));
  EXPECT_EQ(client().Who(two_), "global/");
}

TEST_F(SessionsTest, Srv034AnIdleSessionIsToldThatItsTenantIsGone) {
  Set(one_, kTenantA);
  EXPECT_EQ(client().Who(one_), At(kTenantA));
  clock_->Advance(std::chrono::hours(24));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(client().Who(one_), "FAILED_PRECONDITION");
    EXPECT_EQ(client().WhoWrites(one_), "FAILED_PRECONDITION");
    EXPECT_EQ(client().GetTenant(one_), "FAILED_PRECONDITION");
    Restart();
  }
  const auto answer =
      client().channel().Call("/jammi.v1.catalog.CatalogService/DescribeSource", "", HeadersOf(one_));
  EXPECT_THAT(answer.message, HasSubstr("SetTenant"));
  EXPECT_EQ(client().Who(two_), "global/") << "it never had one";
  EXPECT_EQ(client().WhoComesIn(one_), "global/") << "it is about no tenant";
  Set(one_, kTenantB);
  EXPECT_EQ(client().Who(one_), At(kTenantB));
}

TEST_F(SessionsTest, Srv034AnIdleSessionMayGoOnWithoutATenant) {
  Set(one_, kTenantA);
  clock_->Advance(std::chrono::hours(24));
  EXPECT_EQ(client().Who(one_), "FAILED_PRECONDITION");
  EXPECT_EQ(client().ClearTenant(one_).code, RpcCode::kOk);
  EXPECT_EQ(client().Who(one_), "global/");
}

// ClearTenant is no expiry.
TEST_F(SessionsTest, Srv034WhoHasGivenUpHisTenantIsNotTold) {
  Set(one_, kTenantA);
  EXPECT_EQ(client().ClearTenant(one_).code, RpcCode::kOk);
  Set(two_, kTenantA);
  Set(two_, "");
  clock_->Advance(std::chrono::hours(24));
  EXPECT_EQ(client().Who(one_), "global/");
  EXPECT_EQ(client().Who(two_), "global/");
}

// Its uses are written down now and then, and are enough.
TEST_F(SessionsTest, Srv034ASessionThatIsUsedDoesNotExpire) {
  Set(one_, kTenantA);
  for (int hour = 0; hour < 96; ++hour) {
    clock_->Advance(std::chrono::hours(1));
    ASSERT_EQ(client().Who(one_), At(kTenantA)) << "after hour " << hour;
  }
  clock_->Advance(std::chrono::hours(17));
  EXPECT_EQ(client().Who(one_), At(kTenantA));
}

TEST_F(SessionsTest, Srv034TheNumberOfSessionsIsBounded) {
  config_.server.max_sessions = 2;
  Restart();
  Set(one_, kTenantA);
  Set(two_, kTenantA);
  const Caller three{.session = "three"};
  EXPECT_EQ(client().SetTenant(three, kTenantA).code, RpcCode::kResourceExhausted);
  EXPECT_EQ(client().Who(three), "global/");
  Set(one_, kTenantB);
  EXPECT_EQ(client().ClearTenant(one_).code, RpcCode::kOk);
  Set(three, kTenantA);
}

// What HTTP/2 carries as a header and is no id. Taken for none, what a client writes for its tenant would be
// everybody's.
TEST_F(SessionsTest, Srv020AHostileIdBindsNothing) {
  for (const std::string& id : {std::string(257, 'x'), std::string(10'000, 'x')}) {
    EXPECT_EQ(client().SetTenant({.session = id}, kTenantA).code, RpcCode::kInvalidArgument);
    EXPECT_EQ(client().Who({.session = id}), "INVALID_ARGUMENT");
  }
  for (const std::string& id : {std::string(256, 'x'), std::string("'; DROP TABLE session_bindings; --"),
                                std::string(kTenantB), std::string("%00"), std::string("a/b?c=d,e")}) {
    Set({.session = id}, kTenantA);
    EXPECT_EQ(client().Who({.session = id}), At(kTenantA));
  }
}

// The same, of what only a broken client can send.
TEST_F(SessionsTest, Srv030AHostileIdIsRefused) {
  auto& resolver = server_->access().resolver();
  for (const std::string_view id :
       {std::string_view("a\0b", 3), std::string_view("a\nb"), std::string_view("\xFF\xFE"),
        std::string_view("\xC2\x85"), std::string_view("\x7F")}) {
    const auto answer =
        resolver.ResolveNow({.method = "/x", .session_id = id, .authorization = {}, .peer = ""});
    ASSERT_TRUE(answer.has_value());
    ASSERT_FALSE(answer->has_value());
    EXPECT_EQ(answer->error().code, RpcCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace jammi::test
