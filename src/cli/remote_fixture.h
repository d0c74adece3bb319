// The program `jammi` beside a server of a test's own.
#pragma once

#include <gmock/gmock.h>

#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "cli/cli_fixture.h"
#include "client/rpc_channel.h"
#include "support/server_process.h"

namespace jammi {

inline constexpr const char* kTenant = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a";
inline constexpr const char* kOtherTenant = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9b";

// Ids, times and addresses, which differ from run to run, as "<id>", "<time>", "<server>".
inline std::string Masked(std::string text) {
  static const std::regex id("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
  static const std::regex time("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z");
  static const std::regex server("127\\.0\\.0\\.1:[0-9]+");
  text = std::regex_replace(text, id, "<id>");
  text = std::regex_replace(text, time, "<time>");
  return std::regex_replace(text, server, "<server>");
}

// For pipes and redirections.
class Shell : public test::ProgramTest {
 public:
  Shell() : ProgramTest("/bin/sh") {}
  using ProgramTest::Run;
  [[nodiscard]] std::string Text(const std::string& name) const { return Read(name); }

 private:
  void TestBody() override {}
};

class RemoteCli : public Cli {
 protected:
  RemoteCli()
      : server_({.program = JAMMI_SERVER_PROGRAM,
                 .variables = {{"JAMMI_ARTIFACT_DIR", (directory_ / "state").string()},
                               {"JAMMI_AUDIT_MASTER_KEY", std::string(64, 'a')}}}) {}

  [[nodiscard]] std::string Target() const { return "grpc://" + server_.flight(); }
  [[nodiscard]] std::vector<std::string> Variables() const { return {"JAMMI_TARGET=" + Target()}; }
  [[nodiscard]] RpcChannel Channel() const { return *RpcChannel::Open({.target = Target()}); }

  Outcome Jammi(const std::vector<std::string>& arguments) const { return Run(arguments, Variables()); }
  // Its output; it must succeed, and say nothing else.
  std::string Out(const std::vector<std::string>& arguments) const {
    const auto run = Jammi(arguments);
    EXPECT_EQ(run.exit, 0);
    EXPECT_EQ(run.err, "");
    return Masked(run.out);
  }
  // What it says when it fails, which must be all that it says.
  std::string Error(const std::vector<std::string>& arguments) const {
    const auto run = Jammi(arguments);
    EXPECT_EQ(run.exit, 1) << run.out;
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err, testing::StartsWith("Error: "));
    return Masked(run.err);
  }

  test::ServerProcess server_;
};

}  // namespace jammi
