// Commands beside a server that shows a certificate and asks who calls.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "cli/remote_fixture.h"
#include "support/certificates.h"

namespace jammi {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class GuardedCli : public Cli {
 protected:
  // A server with more variables.
  void Start(std::map<std::string, std::string> variables) {
    variables["JAMMI_ARTIFACT_DIR"] = (directory_ / "state").string();
    server_.emplace(test::ServerProcess::Options{.program = JAMMI_SERVER_PROGRAM, .variables = variables});
  }
  [[nodiscard]] std::map<std::string, std::string> Tokens() const {
    // A reader; the hash is that of "hunter2".
    Write("tokens", "ops reader * f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7\n");
    std::filesystem::permissions(directory_ / "tokens", std::filesystem::perms::owner_read);
    return {{"JAMMI_SERVER__TOKEN_PATH", (directory_ / "tokens").string()}};
  }
  // The certificate "one".
  [[nodiscard]] std::map<std::string, std::string> Tls() const {
    for (const auto* name : {"one", "two"}) test::MakeCertificate(directory_, name);
    return {{"JAMMI_SERVER__TLS_CERTIFICATE_PATH", (directory_ / "one.crt").string()},
            {"JAMMI_SERVER__TLS_KEY_PATH", (directory_ / "one.key").string()}};
  }
  [[nodiscard]] std::string Target(const std::string& scheme) const {
    return scheme + "://" + server_->flight();
  }
  void ExpectServed(const std::vector<std::string>& options,
                    const std::vector<std::string>& variables) const {
    auto arguments = options;
    arguments.insert(arguments.end(), {"trigger", "list"});
    const auto run = Run(arguments, variables);
    EXPECT_EQ(run.exit, 0);
    EXPECT_EQ(run.out, "No topics registered.\n");
    EXPECT_EQ(run.err, "");
  }
  // All that it says: one line.
  [[nodiscard]] std::string Refusal(const std::vector<std::string>& arguments,
                                    const std::vector<std::string>& variables) const {
    const auto run = Run(arguments, variables);
    EXPECT_EQ(run.exit, 1);
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
    return Masked(run.err);
  }

  std::optional<test::ServerProcess> server_;
};

// CLI-001: what is given is sent, and nothing of it is shown.
TEST_F(GuardedCli, Cli001ATokenSaysWhoAsks) {
  Start(Tokens());
  const std::string target = "JAMMI_TARGET=" + Target("grpc");
  ExpectServed({"--token", "hunter2"}, {target});
  ExpectServed({}, {target, "JAMMI_TOKEN=hunter2"});
  ExpectServed({"--token", "hunter2"}, {target, "JAMMI_TOKEN=hunter3"});
  ExpectServed({"--target", Target("grpc")}, {"JAMMI_TARGET=grpc://127.0.0.1:1", "JAMMI_TOKEN=hunter2"});

  const std::vector<std::string> list = {"trigger", "list"};
  const std::string how = " (a token is given with --token or JAMMI_TOKEN)\n";
  const std::string none =
      "Error: not authenticated: a credential is required: send the metadata authorization: Bearer <token>" +
      how;
  EXPECT_EQ(Refusal(list, {target}), none);
  EXPECT_EQ(Refusal(list, {target, "JAMMI_TOKEN="}), none);
  const std::string unknown = "Error: not authenticated: the token is not known to this server" + how;
  EXPECT_EQ(Refusal(list, {target, "JAMMI_TOKEN=hunter3"}), unknown);
  EXPECT_EQ(Refusal({"trigger", "list", "--token", "hunter3"}, {target, "JAMMI_TOKEN=hunter2"}), unknown);
  EXPECT_EQ(Refusal(list, {target, "JAMMI_TOKEN=hunter 2"}),
            "Error: the token may hold printable ASCII without blanks only\n");
  EXPECT_EQ(
      Refusal({"trigger", "register", "--name", "t", "--schema", "id:int"}, {target, "JAMMI_TOKEN=hunter2"}),
      "Error: RegisterTopic is not for the role 'reader'\n");
}

// CLI-002
TEST_F(GuardedCli, Cli002TlsTrustsTheAuthorityThatIsNamed) {
  auto variables = Tls();
  variables.merge(Tokens());
  Start(variables);
  const std::string token = "JAMMI_TOKEN=hunter2";
  for (const auto* scheme : {"grpcs", "https"}) {
    ExpectServed({"--target", Target(scheme), "--ca", "one.crt"}, {token});
    ExpectServed({}, {token, "JAMMI_TARGET=" + Target(scheme), "JAMMI_CA=one.crt"});
  }
  ExpectServed({"--target", Target("grpcs"), "--ca", "one.crt"}, {token, "JAMMI_CA=two.crt"});
  EXPECT_THAT(Refusal({"trigger", "list", "--target", Target("grpcs"), "--ca", "one.crt"}, {}),
              StartsWith("Error: not authenticated: "));
}

// An answer of the library of TLS is no help; and what it writes to the standard error by itself is none
// either.
TEST_F(GuardedCli, Cli002WhatIsWrongWithTlsIsSaidInOneLine) {
  Start(Tls());
  const auto refusal = [this](const std::string& scheme, const std::vector<std::string>& options = {}) {
    std::vector<std::string> arguments = {"trigger", "list", "--target", Target(scheme)};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return Refusal(arguments, {});
  };
  const auto cannot_connect = [](const std::string& scheme, const std::string& advice) {
    return AllOf(StartsWith("Error: cannot connect to " + scheme + "://<server>: "), EndsWith(advice + "\n"));
  };
  const std::string not_trusted =
      " (the server's certificate is out of date, or of no authority that is trusted here: --ca names one)";
  EXPECT_THAT(refusal("grpcs"), cannot_connect("grpcs", not_trusted));
  EXPECT_THAT(refusal("grpcs", {"--ca", "two.crt"}), cannot_connect("grpcs", not_trusted));
  EXPECT_THAT(refusal("grpc"), cannot_connect("grpc", " (if the server speaks TLS, write grpcs://)"));
  EXPECT_EQ(refusal("grpcs", {"--ca", "none.crt"}), "Error: --ca none.crt: there is no such file\n");
  EXPECT_EQ(refusal("grpcs", {"--ca", "one.key"}),
            "Error: --ca one.key: it holds no certificate in PEM form\n");
  EXPECT_EQ(refusal("grpc", {"--ca", "one.crt"}),
            "Error: --ca is for TLS, and grpc://<server> is not: write grpcs://<server>\n");
  // The certificate is of the address, not of this name for it.
  const auto port = server_->flight().substr(server_->flight().find(':'));
  EXPECT_THAT(Refusal({"trigger", "list", "--ca", "one.crt", "--target", "grpcs://localhost" + port}, {}),
              HasSubstr("Peer name localhost is not in peer certificate"));
  // Who looks for a fault is told all.
  const auto run =
      Run({"trigger", "list", "--target", Target("grpcs"), "--ca", "two.crt"}, {"GRPC_VERBOSITY=ERROR"});
  EXPECT_THAT(run.err,
              AllOf(HasSubstr("ssl_transport_security.cc"), HasSubstr("\nError: cannot connect to ")));
}

TEST_F(GuardedCli, Cli002AServerWithoutTlsIsToldFromOneThatIsNotTrusted) {
  test::MakeCertificate(directory_, "one");
  Start({});
  EXPECT_THAT(Refusal({"trigger", "list", "--target", Target("grpcs"), "--ca", "one.crt"}, {}),
              AllOf(StartsWith("Error: cannot connect to grpcs://<server>: "),
                    EndsWith(" (the server speaks no TLS there: write grpc://)\n")));
}

}  // namespace
}  // namespace jammi
