// Commands beside a server that asks who calls.
#include <gmock/gmock.h>

#include <filesystem>

#include "cli/remote_fixture.h"

namespace jammi {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// CLI-001: what is given is sent, and nothing of it is shown.
TEST_F(Cli, Cli001ATokenSaysWhoAsks) {
  // A reader; the hash is that of "hunter2".
  Write("tokens", "ops reader * f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7\n");
  std::filesystem::permissions(directory_ / "tokens", std::filesystem::perms::owner_read);
  test::ServerProcess server({.program = JAMMI_SERVER_PROGRAM,
                              .variables = {{"JAMMI_ARTIFACT_DIR", (directory_ / "state").string()},
                                            {"JAMMI_SERVER__TOKEN_PATH", (directory_ / "tokens").string()}}});
  const std::string target = "JAMMI_TARGET=grpc://" + server.flight();
  EXPECT_EQ(Run({"trigger", "list", "--token", "hunter2"}, {target}).out, "No topics registered.\n");
  EXPECT_EQ(Run({"trigger", "list"}, {target, "JAMMI_TOKEN=hunter2"}).out, "No topics registered.\n");
  for (const auto& run :
       {Run({"trigger", "list"}, {target}), Run({"trigger", "list", "--token", "hunter3"}, {target})}) {
    EXPECT_EQ(run.exit, 1);
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err, AllOf(StartsWith("Error: not authenticated: "), HasSubstr("JAMMI_TOKEN"),
                               Not(HasSubstr("hunter"))));
  }
  const auto refused =
      Run({"trigger", "register", "--name", "t", "--schema", "id:int"}, {target, "JAMMI_TOKEN=hunter2"});
  EXPECT_EQ(refused.exit, 1);
  EXPECT_THAT(refused.err, AllOf(StartsWith("Error: "), HasSubstr("reader")));
}

}  // namespace
}  // namespace jammi
