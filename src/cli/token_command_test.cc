// jammi token new
#include <gmock/gmock.h>

#include <regex>

#include "access/token_file.h"
#include "cli/cli_fixture.h"

namespace jammi {
namespace {

using testing::HasSubstr;

constexpr const char* kTenant = "aaaaaaaa-0000-4000-8000-000000000001";
constexpr const char* kOther = "bbbbbbbb-0000-4000-8000-000000000002";

// "token  <token>\nline   <line>\n", which it must be.
struct Made {
  std::string token;
  std::string line;
};

class TokenNew : public Cli {
 protected:
  [[nodiscard]] Outcome New(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"token", "new"});
    return Run(arguments);
  }
  [[nodiscard]] Made Make(const std::vector<std::string>& arguments) const {
    const auto run = New(arguments);
    EXPECT_EQ(run.exit, 0);
    EXPECT_EQ(
        run.err,
        "The token is shown this once. The line goes into the file of server.token_path; SIGHUP makes the "
        "server read it.\n");
    static const std::regex form("token  (jammi_[0-9a-f]{64})\nline   ([^\n]*)\n");
    std::smatch found;
    EXPECT_TRUE(std::regex_match(run.out, found, form)) << run.out;
    return {found[1], found[2]};
  }
};

TEST_F(TokenNew, Srv033ItsLineLetsTheTokenIn) {
  const auto made = Make({"--principal", "ingest", "--role", "writer", "--tenant", kTenant});
  EXPECT_EQ(made.line, std::string("ingest writer ") + kTenant + " " + ToHex(DigestOfToken(made.token)));
  const auto read = ParseTokenFile(made.line + "\n");
  ASSERT_TRUE(read) << read.error().ToString();
  ASSERT_EQ(read->size(), 1u);
  EXPECT_EQ(read->front().principal, "ingest");
  EXPECT_EQ(read->front().role, RpcRole::kWriter);
  EXPECT_EQ(read->front().digest, DigestOfToken(made.token));
}

TEST_F(TokenNew, NoTwoAreTheSame) {
  const std::vector<std::string> arguments = {"--principal", "ops", "--tenant", "*"};
  const auto one = Make(arguments);
  const auto two = Make(arguments);
  EXPECT_NE(one.token, two.token);
  EXPECT_NE(one.line, two.line);
}

TEST_F(TokenNew, AReaderUnlessMoreIsSaid) {
  EXPECT_THAT(Make({"--principal", "ops", "--tenant", "*"}).line, testing::StartsWith("ops reader * "));
  EXPECT_THAT(Make({"--principal", "ops", "--role", "admin", "--tenant", "global"}).line,
              testing::StartsWith("ops admin global "));
}

TEST_F(TokenNew, SeveralTenantsInEitherForm) {
  const std::string tenants = std::string(kTenant) + "," + kOther;
  EXPECT_THAT(Make({"--principal", "ops", "--tenant", tenants}).line, HasSubstr(" " + tenants + " "));
  EXPECT_THAT(Make({"--principal", "ops", "--tenant", kTenant, "--tenant", kOther}).line,
              HasSubstr(" " + tenants + " "));
}

TEST_F(TokenNew, WhatNoServerWouldReadMakesNoToken) {
  const auto refused = [this](const std::vector<std::string>& arguments) {
    const auto run = New(arguments);
    EXPECT_EQ(run.exit, 1);
    EXPECT_EQ(run.out, "");
    return run.err;
  };
  EXPECT_EQ(refused({"--principal", "a b", "--tenant", "*"}),
            "Error: principal: expected 1 to 128 letters, digits and . _ @ / : -\n");
  EXPECT_EQ(refused({"--principal", "", "--tenant", "*"}),
            "Error: principal: expected 1 to 128 letters, digits and . _ @ / : -\n");
  EXPECT_EQ(
      refused({"--principal", "ops", "--tenant", "acme"}),
      "Error: tenants: 'acme' is no UUID; expected '*', or UUIDs and 'global' with commas between them\n");
  EXPECT_EQ(refused({"--principal", "ops", "--tenant", kTenant, "--tenant", kTenant}),
            std::string("Error: tenants: '") + kTenant + "' is there twice\n");
  EXPECT_EQ(refused({"--principal", "ops", "--role", "owner", "--tenant", "*"}),
            "Error: role: 'owner' is none; expected reader, writer or admin\n");
}

TEST_F(TokenNew, WhoseItIsAndForWhomMustBeSaid) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"--principal", "ops"}, {"--tenant", "*"}}) {
    const auto run = New(arguments);
    EXPECT_EQ(run.exit, 2);
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err, HasSubstr("is required"));
  }
}

}  // namespace
}  // namespace jammi
