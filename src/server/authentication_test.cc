// Who may call, as whom: SRV-030…033 and cases 21 to 24 of section 11.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "access/token_file.h"
#include "server/access_fixture.h"
#include "server/exposure.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Not;

const std::string kBoth = std::string(kTenantA) + "," + kTenantB;

class AuthenticationTest : public testing::Test {
 protected:
  AuthenticationTest() {
    config_.artifact_dir = folder_.path() / "state";
    config_.server.token_path = path_;
    Write();
    server_ = std::make_unique<AccessServer>(config_);
  }

  // A line for a new token, which is returned.
  std::string Add(const std::string& principal, RpcRole role, const std::string& tenants) {
    std::string token = NewToken();
    lines_ += FormatTokenEntry({.principal = principal,
                                .role = role,
                                .grant = TenantGrant::Parse(tenants).value(),
                                .digest = DigestOfToken(token)}) +
              "\n";
    return token;
  }
  void Write() const {
    std::ofstream(path_, std::ios::trunc) << lines_;
    ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  }
  const AccessClient& client() const { return server_->client(); }
  Answer Call(const std::string& method, const Headers& headers) const {
    return client().channel().Call("/jammi.v1.catalog.CatalogService/" + method, "", {.headers = headers});
  }

  const TempDir folder_{TempDir::On::kMemory};
  const std::filesystem::path path_ = folder_.path() / "tokens";
  std::string lines_ = "# tokens of a test\n";
  const std::string ann_ = Add("ann", RpcRole::kWriter, kTenantA);
  const std::string bob_ = Add("bob", RpcRole::kReader, kTenantB);
  const std::string both_ = Add("both", RpcRole::kWriter, kBoth);
  const std::string any_ = Add("any", RpcRole::kAdmin, "*");
  Config config_;
  std::unique_ptr<AccessServer> server_;
};

TEST_F(AuthenticationTest, Srv031Case22WithoutACredentialNothingIsAnswered) {
  EXPECT_EQ(client().Who({}), "UNAUTHENTICATED");
  EXPECT_EQ(client().Who({.session = "one"}), "UNAUTHENTICATED");
  EXPECT_EQ(client().SetTenant({.session = "one"}, kTenantA).code, RpcCode::kUnauthenticated);
  EXPECT_EQ(client().GetTenant({.session = "one"}), "UNAUTHENTICATED");
  EXPECT_EQ(client().ClearTenant({.session = "one"}).code, RpcCode::kUnauthenticated);
  // What is not served is not told to strangers either; nor are the arguments looked at.
  for (const auto* path :
       {"/jammi.v1.catalog.CatalogService/AddSource", "/jammi.v1.embedding.EmbeddingService/Search",
        "/arrow.flight.protocol.FlightService/GetFlightInfo"}) {
    EXPECT_EQ(client().channel().Call(path, "\xFF").code, RpcCode::kUnauthenticated) << path;
    EXPECT_EQ(client().channel().Call(path, "\xFF", HeadersOf({.token = any_})).code,
              RpcCode::kUnimplemented);
  }
  for (const auto* path : {"/arrow.flight.protocol.FlightService/DoGet"}) {
    EXPECT_EQ(client().channel().Stream(path, "").Finish().code, RpcCode::kUnauthenticated) << path;
  }
  for (const auto* path :
       {"/arrow.flight.protocol.FlightService/DoPut", "/arrow.flight.protocol.FlightService/DoExchange",
        "/arrow.flight.protocol.FlightService/Handshake"}) {
    EXPECT_EQ(client().channel().Call(path, "").code, RpcCode::kUnauthenticated) << path;
  }
}

TEST_F(AuthenticationTest, Srv031Case23AForgedCredentialIsNone) {
  std::string altered = any_;
  altered.back() = altered.back() == '0' ? '1' : '0';
  const std::string digest = ToHex(DigestOfToken(any_));
  for (const std::string& value :
       {std::string(), std::string("Bearer"), std::string("Bearer "), "Basic " + any_, any_, "Bearer" + any_,
        "Bearer  " + any_, "Bearer " + any_ + " ", "Bearer " + altered, "Bearer " + any_.substr(0, 69),
        "Bearer " + any_ + "0", "Bearer " + digest, "Bearer " + any_ + "," + any_, "Token " + any_,
        "Bearer " + std::string(513, 'x'), "Bearer " + std::string(10'000, 'x'), std::string("Bearer ann"),
        std::string("Bearer *")}) {
    const auto answer = Call("DescribeSource", {{"authorization", value}});
    EXPECT_EQ(answer.code, RpcCode::kUnauthenticated) << value;
    EXPECT_THAT(answer.message, Not(HasSubstr(any_.substr(0, 20)))) << "what was shown is not repeated";
  }
  EXPECT_EQ(Call("DescribeSource", {{"authorization", "bEARER " + any_}}).code, RpcCode::kOk);
  for (const auto* name : {"x-authorization", "proxy-authorization", "token", "cookie"}) {
    EXPECT_EQ(Call("DescribeSource", {{name, "Bearer " + any_}}).code, RpcCode::kUnauthenticated) << name;
  }
}

// Of two credentials nothing says which one is meant.
TEST_F(AuthenticationTest, Srv031TwoCredentialsAreNone) {
  const std::string wrong = "Bearer " + NewToken();
  for (const Headers& headers :
       {Headers{{"authorization", "Bearer " + ann_}, {"authorization", wrong}},
        Headers{{"authorization", wrong}, {"authorization", "Bearer " + ann_}},
        Headers{{"authorization", "Bearer " + ann_}, {"authorization", "Bearer " + ann_}}}) {
    EXPECT_EQ(Call("DescribeSource", headers).code, RpcCode::kUnauthenticated);
  }
}

TEST_F(AuthenticationTest, Srv033Case21ATokenOfOneTenantIsThatTenant) {
  EXPECT_EQ(client().Who({.token = ann_}), std::string(kTenantA) + "/ann");
  EXPECT_EQ(client().Who({.token = bob_}), std::string(kTenantB) + "/bob");
  EXPECT_EQ(client().Who({.session = "one", .token = ann_}), std::string(kTenantA) + "/ann");
}

// SRV-031: what SetTenant asks for does not change whose the credential is.
TEST_F(AuthenticationTest, Srv031WhoHasOneTenantCannotChooseAnother) {
  const Caller ann{.session = "one", .token = ann_};
  EXPECT_EQ(client().GetTenant(ann), kTenantA);
  EXPECT_EQ(client().SetTenant(ann, kTenantA).code, RpcCode::kOk);
  EXPECT_EQ(client().SetTenant(ann, kTenantB).code, RpcCode::kPermissionDenied);
  EXPECT_EQ(client().SetTenant(ann, "").code, RpcCode::kPermissionDenied);
  EXPECT_EQ(client().SetTenant(ann, "not-a-uuid").code, RpcCode::kInvalidArgument);
  EXPECT_EQ(client().ClearTenant(ann).code, RpcCode::kOk);
  EXPECT_EQ(client().GetTenant(ann), kTenantA);
  EXPECT_EQ(client().Who(ann), std::string(kTenantA) + "/ann");
  EXPECT_EQ(client().GetTenant({.token = ann_}), "INVALID_ARGUMENT") << "SRV-020 is for everybody";
}

TEST_F(AuthenticationTest, Srv033OfSeveralTenantsOneIsChosen) {
  const Caller both{.session = "one", .token = both_};
  EXPECT_EQ(client().Who(both), "FAILED_PRECONDITION") << "it is not guessed";
  EXPECT_EQ(client().Who({.token = both_}), "FAILED_PRECONDITION");
  EXPECT_EQ(client().GetTenant(both), "");
  EXPECT_EQ(client().SetTenant(both, kTenantC).code, RpcCode::kPermissionDenied);
  EXPECT_EQ(client().SetTenant(both, "").code, RpcCode::kPermissionDenied);
  EXPECT_EQ(client().SetTenant(both, kTenantB).code, RpcCode::kOk);
  EXPECT_EQ(client().Who(both), std::string(kTenantB) + "/both");
  EXPECT_EQ(client().SetTenant(both, kTenantC).code, RpcCode::kPermissionDenied);
  EXPECT_EQ(client().GetTenant(both), kTenantB) << "a refusal changes nothing";
  EXPECT_EQ(client().ClearTenant(both).code, RpcCode::kOk);
  EXPECT_EQ(client().Who(both), "FAILED_PRECONDITION");
}

// Dialogs used to be in the global scope, whatever the session had chosen and the principal had.
TEST_F(AuthenticationTest, Srv030EveryKindOfCallIsOfTheScopeThatItsSessionHasChosen) {
  const auto all = [&](const Caller& caller) {
    return std::vector<Said>{client().Who(caller), client().WhoSubscribes(caller),
                             client().WhoConsumes(caller)};
  };
  const Caller both{.session = "one", .token = both_};
  EXPECT_THAT(all(both), Each("FAILED_PRECONDITION"));
  EXPECT_EQ(client().SetTenant(both, kTenantB).code, RpcCode::kOk);
  EXPECT_THAT(all(both), Each(std::string(kTenantB) + "/both"));
  EXPECT_THAT(all({.session = "one", .token = ann_}), Each(std::string(kTenantA) + "/ann"));
  EXPECT_THAT(all({.session = "one", .token = any_}), Each("global/any"));
  EXPECT_THAT(all({.session = "one"}), Each("UNAUTHENTICATED"));
}

// A proxy may have added the second. As no session it would be everybody's, what is meant for one tenant.
TEST_F(AuthenticationTest, Srv030ASessionThatIsNotClearIsNotTakenForNone) {
  const auto call = [&](const std::string& token, const std::vector<std::string>& sessions) {
    Headers headers = {{"authorization", "Bearer " + token}};
    for (const auto& session : sessions) headers.emplace("jammi-session-id", session);
    return Call("DescribeSource", headers);
  };
  for (const auto& sessions : {std::vector<std::string>{"one", "one"}, {"one", "two"}}) {
    const auto answer = call(any_, sessions);
    EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
    EXPECT_EQ(answer.message, "the metadata jammi-session-id is there more than once");
  }
  const auto longer = call(any_, {std::string(257, 'x')});
  EXPECT_EQ(longer.code, RpcCode::kInvalidArgument);
  EXPECT_THAT(longer.message, HasSubstr("jammi-session-id"));
  for (const auto& fine : {std::vector<std::string>{}, {""}, {std::string(256, 'x')}}) {
    EXPECT_EQ(call(any_, fine).code, RpcCode::kOk);
  }
  EXPECT_EQ(call(ann_, {"one", "two"}).code, RpcCode::kOk) << "whose it is does not depend on it";
}

TEST_F(AuthenticationTest, Srv033WhoHasEverythingChoosesAnythingOrNothing) {
  const Caller any{.session = "one", .token = any_};
  EXPECT_EQ(client().Who(any), "global/any");
  EXPECT_EQ(client().SetTenant(any, kTenantC).code, RpcCode::kOk);
  EXPECT_EQ(client().Who(any), std::string(kTenantC) + "/any");
  EXPECT_EQ(client().SetTenant(any, "").code, RpcCode::kOk);
  EXPECT_EQ(client().Who(any), "global/any");
}

// W-05: a session's id alone was enough to be its tenant.
TEST_F(AuthenticationTest, Srv033ASessionIsOfWhoMadeIt) {
  EXPECT_EQ(client().SetTenant({.session = "one", .token = any_}, kTenantB).code, RpcCode::kOk);
  const Caller thief{.session = "one", .token = both_};
  EXPECT_EQ(client().Who(thief), "FAILED_PRECONDITION");
  EXPECT_EQ(client().GetTenant(thief), "");
  EXPECT_EQ(client().ClearTenant(thief).code, RpcCode::kOk);
  EXPECT_EQ(client().Who({.session = "one", .token = any_}), std::string(kTenantB) + "/any");
}

TEST_F(AuthenticationTest, Srv033RolesSayWhichMethods) {
  const std::string reader = Add("r", RpcRole::kReader, "global");
  const std::string writer = Add("w", RpcRole::kWriter, "global");
  const std::string admin = Add("a", RpcRole::kAdmin, "global");
  Write();
  ASSERT_TRUE(server_->access().Reload());
  const auto all = [&](const std::string& token) {
    const Caller caller{.session = "one", .token = token};
    return std::vector<Said>{client().Who(caller), client().WhoWrites(caller),
                             client().WhoAdministers(caller)};
  };
  EXPECT_THAT(all(reader), testing::ElementsAre("global/r", "PERMISSION_DENIED", "PERMISSION_DENIED"));
  EXPECT_THAT(all(writer), testing::ElementsAre("global/w", "global/w", "PERMISSION_DENIED"));
  EXPECT_THAT(all(admin), testing::ElementsAre("global/a", "global/a", "global/a"));
}

// Case 24.
TEST_F(AuthenticationTest, Srv032AMethodThatIsOpenIsReachedWithoutACredential) {
  EXPECT_EQ(client().WhoComesIn({}), "global/");
  EXPECT_EQ(client().WhoComesIn({.session = "one", .token = "forged"}), "global/");
}

TEST_F(AuthenticationTest, Srv033TheFileIsReadAgain) {
  const std::string kept = lines_;
  const std::string eve = Add("eve", RpcRole::kReader, kTenantC);
  EXPECT_EQ(client().Who({.token = eve}), "UNAUTHENTICATED");
  Write();
  EXPECT_EQ(client().Who({.token = eve}), "UNAUTHENTICATED") << "not before it is said";
  ASSERT_TRUE(server_->access().Reload());
  EXPECT_EQ(client().Who({.token = eve}), std::string(kTenantC) + "/eve");
  EXPECT_EQ(client().Who({.token = ann_}), std::string(kTenantA) + "/ann");
  lines_ = kept;
  Write();
  ASSERT_TRUE(server_->access().Reload());
  EXPECT_EQ(client().Who({.token = eve}), "UNAUTHENTICATED");
}

TEST_F(AuthenticationTest, Srv033OfABrokenFileTheOldOneStays) {
  lines_ += "garbage\n";
  Write();
  const auto broken = server_->access().Reload();
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message(), HasSubstr("server.token_path: " + path_.string()));
  EXPECT_EQ(client().Who({.token = ann_}), std::string(kTenantA) + "/ann");
  std::filesystem::remove(path_);
  EXPECT_FALSE(server_->access().Reload());
  EXPECT_EQ(client().Who({.token = ann_}), std::string(kTenantA) + "/ann");
}

// A tenant that is taken from a principal is so for the sessions that have chosen it, too.
TEST_F(AuthenticationTest, Srv033ATenantThatIsTakenAwayIsGoneAtOnce) {
  const Caller both{.session = "one", .token = both_};
  EXPECT_EQ(client().SetTenant(both, kTenantB).code, RpcCode::kOk);
  lines_.clear();
  lines_ = FormatTokenEntry({.principal = "both",
                             .role = RpcRole::kWriter,
                             .grant = TenantGrant::Parse(std::string(kTenantA) + "," + kTenantC).value(),
                             .digest = DigestOfToken(both_)});
  Write();
  ASSERT_TRUE(server_->access().Reload());
  EXPECT_EQ(client().Who(both), "PERMISSION_DENIED");
  EXPECT_EQ(client().SetTenant(both, kTenantC).code, RpcCode::kOk);
  EXPECT_EQ(client().Who(both), std::string(kTenantC) + "/both");
}

// What a stream is asked that was opened before: it stays in its scope, whatever its session chooses.
TEST_F(AuthenticationTest, Srv033WhatGoesOnIsAskedAgainWhoseItIs) {
  const std::string shown = "Bearer " + both_;
  const CallMetadata metadata{.session_id = "one", .authorization = shown};
  auto& resolver = server_->access().resolver();
  const auto scope = [](const char* tenant) { return Scope::ForTenant(*TenantId::Parse(tenant)); };
  const auto now = [&](const Identity& had) {
    const auto answer = resolver.Again(metadata, had);
    return answer ? std::string(ToString(answer->role)) : std::string(ToString(answer.error().code));
  };
  const Identity had{.scope = scope(kTenantB), .role = RpcRole::kWriter, .principal = "both"};
  EXPECT_EQ(now(had), "writer");
  const auto write = [&](const std::string& principal, RpcRole role, const std::string& tenants) {
    lines_ = FormatTokenEntry({.principal = principal,
                               .role = role,
                               .grant = TenantGrant::Parse(tenants).value(),
                               .digest = DigestOfToken(both_)});
    Write();
    ASSERT_TRUE(server_->access().Reload());
  };
  write("both", RpcRole::kReader, kBoth);
  EXPECT_EQ(now(had), "reader");
  write("both", RpcRole::kWriter, kTenantA);
  EXPECT_EQ(now(had), "PERMISSION_DENIED");
  EXPECT_EQ(now({.scope = scope(kTenantA), .principal = "both"}), "writer");
  EXPECT_EQ(now({.principal = "both"}), "PERMISSION_DENIED") << "the global scope was never its";
  write("somebody", RpcRole::kWriter, kBoth);
  EXPECT_EQ(now(had), "UNAUTHENTICATED") << "the token is another's";
  lines_.clear();
  Write();
  ASSERT_TRUE(server_->access().Reload());
  EXPECT_EQ(now(had), "UNAUTHENTICATED");
}

TEST_F(AuthenticationTest, Srv031UnderLoadEachCallIsWhoItsTokenSays) {
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 6; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 100; ++i) {
          const bool is_ann = (thread + i) % 2 == 0;
          const auto who = client().Who({.session = "one", .token = is_ann ? ann_ : bob_});
          wrong += who == (is_ann ? std::string(kTenantA) + "/ann" : std::string(kTenantB) + "/bob") ? 0 : 1;
        }
      });
    }
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(server_->access().Reload());
  }
  EXPECT_EQ(wrong, 0);
}

TEST(ExposureTest, WhoAsksNobodyListensOnLoopbackOnly) {
  ServerConfig config;
  EXPECT_TRUE(CheckExposure(config));
  for (const auto* local : {"127.0.0.1:0", "127.8.9.10:81", "[::1]:8081"}) {
    config.flight_listen = local;
    EXPECT_TRUE(CheckExposure(config)) << local;
  }
  for (const auto* open : {"0.0.0.0:8081", "[::]:8081", "10.0.0.1:8081", "128.0.0.1:1", "[fe80::1]:1"}) {
    ServerConfig exposed;
    exposed.flight_listen = open;
    const auto refused = CheckExposure(exposed);
    ASSERT_FALSE(refused) << open;
    EXPECT_EQ(refused.error().As<ConfigDetail>()->key, "server.flight_listen");
    EXPECT_THAT(refused.error().message(), HasSubstr("server.allow_anonymous = true"));
    ServerConfig meant = exposed;
    meant.allow_anonymous = true;
    EXPECT_TRUE(CheckExposure(meant));
    ServerConfig tokens = exposed;
    tokens.token_path = "/etc/jammi/tokens";
    EXPECT_TRUE(CheckExposure(tokens));
    ServerConfig certificates = exposed;
    certificates.tls_client_authority_path = "/etc/jammi/clients.pem";
    EXPECT_TRUE(CheckExposure(certificates));
    ServerConfig health;
    health.health_listen = open;
    EXPECT_FALSE(CheckExposure(health));
  }
}

}  // namespace
}  // namespace jammi::test
