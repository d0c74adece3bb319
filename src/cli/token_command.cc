// jammi token new
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "access/token_file.h"
#include "cli/command.h"

namespace jammi {
namespace {

struct NewTokenOptions {
  std::string principal;
  std::string role = "reader";
  std::vector<std::string> tenants;
};

Result<TokenEntry> EntryOf(const NewTokenOptions& options) {
  JAMMI_TRY(CheckPrincipal(options.principal));
  JAMMI_ASSIGN(const RpcRole role, ParseRole(options.role));
  JAMMI_ASSIGN(auto grant, TenantGrant::Parse(fmt::format("{}", fmt::join(options.tenants, ","))));
  return TokenEntry{.principal = options.principal, .role = role, .grant = std::move(grant), .digest = {}};
}

Exit MakeToken(const NewTokenOptions& options, Program& program) {
  auto entry = EntryOf(options);
  if (!entry) return Fail(program.err, entry.error());
  const std::string token = NewToken();
  entry->digest = DigestOfToken(token);
  program.out << "token  " << token << "\nline   " << FormatTokenEntry(*entry) << '\n';
  program.err
      << "The token is shown this once. The line goes into the file of server.token_path; SIGHUP makes "
         "the server read it.\n";
  return Exit::kDone;
}

}  // namespace

void AddTokenCommand(CLI::App& app, Program& program) {
  auto* token = app.add_subcommand("token", "Tokens that let callers into a server");
  token->require_subcommand(1);
  const auto options = std::make_shared<NewTokenOptions>();
  auto* make = token->add_subcommand("new", "Make a token, and the line that makes a server know it");
  make->add_option("--principal", options->principal, "Whose it is")->required();
  make->add_option("--role", options->role, "reader, writer or admin")->capture_default_str();
  make->add_option("--tenant", options->tenants,
                   "A tenant's UUID, several, 'global' for no tenant, or '*' for all")
      ->required()
      ->delimiter(',');
  make->footer(
      "\nExamples:\n  jammi token new --principal ingest --role writer --tenant "
      "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a\n"
      "  jammi token new --principal ops --role admin --tenant '*'");
  make->callback(
      [options, &program] { program.action = [options, &program] { return MakeToken(*options, program); }; });
}

}  // namespace jammi
