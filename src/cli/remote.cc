#include "cli/remote.h"

#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <CLI/CLI.hpp>
#include <ostream>
#include <utility>

#include "cli/report.h"
#include "client/library_log.h"
#include "jammi/ids.h"
#include "jammi/v1/catalog.pb.h"

namespace jammi {
namespace {

// A tenant that is none fails before anything is sent (CLI-006).
Result<void> CheckTenant(const RemoteOptions& options) {
  if (options.tenant.empty()) return {};
  if (!options.session.empty())
    return Error(ErrorCode::kInvalidArgument,
                 "--tenant is for a session of the command's own, and --session names another: bind that one "
                 "with jammi tenant set");
  if (const auto tenant = TenantId::Parse(options.tenant); !tenant) return tenant.error();
  return {};
}

Result<RpcChannel> Connect(const RemoteOptions& options, std::chrono::milliseconds call_timeout) {
  JAMMI_TRY(CheckTenant(options));
  SilenceRpcLibrary();
  JAMMI_ASSIGN(RpcChannel channel, RpcChannel::Open({.target = options.target,
                                                     .session_id = options.session,
                                                     .token = options.token,
                                                     .ca_file = options.ca,
                                                     .call_timeout = call_timeout}));
  JAMMI_TRY(channel.Connect());
  if (!options.tenant.empty()) {
    v1::catalog::SetTenantRequest request;
    request.mutable_tenant()->set_id(options.tenant);
    google::protobuf::Empty nothing;
    JAMMI_TRY(channel.CallInto("/jammi.v1.catalog.CatalogService/SetTenant", request, nothing));
  }
  return channel;
}

// Nobody comes back to a session of the command's own: the server need not remember its tenant.
void Leave(const RpcChannel& channel, const RemoteOptions& options) {
  if (options.tenant.empty()) return;
  google::protobuf::Empty nothing;
  IgnoreError(channel.CallInto("/jammi.v1.catalog.CatalogService/ClearTenant", nothing, nothing),
              "the command is done, and the binding expires by itself");
}

Exit Run(const Remote& remote, const RemoteCommand& command, const std::string& output) {
  const Program& program = remote.program;
  const auto channel = Connect(remote.options, command.call_timeout);
  if (!channel) return Fail(program.err, channel.error());
  const auto done = command.verb({.channel = *channel,
                                  .out = program.out,
                                  .err = program.err,
                                  .output = output,
                                  .options = remote.options});
  Leave(*channel, remote.options);
  if (!done) return Fail(program.err, done.error());
  return Exit::kDone;
}

std::string Footer(const char* examples) {
  std::string footer =
      "\nAlso the options of jammi itself (--target, --tenant, --session, --token, --ca): see jammi --help."
      "\n\nExamples:\n";
  for (std::string_view rest = examples; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    footer += fmt::format("  {}\n", rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  footer.pop_back();
  return footer;
}

}  // namespace

void AddRemoteOptions(CLI::App& app, const std::shared_ptr<Remote>& remote) {
  RemoteOptions& options = remote->options;
  app.add_option("--target", options.target, "The server: grpc://HOST:PORT, or grpcs:// for TLS")
      ->envname("JAMMI_TARGET")
      ->type_name("TARGET")
      ->option_text("TARGET  (default: grpc://127.0.0.1:8081; env JAMMI_TARGET)");
  app.add_option("--tenant", options.tenant, "Whose things are meant; without it the global ones")
      ->envname("JAMMI_TENANT")
      ->option_text("UUID  (env JAMMI_TENANT)");
  app.add_option("--session", options.session, "A session of the server to go on with")
      ->envname("JAMMI_SESSION")
      ->option_text("ID  (env JAMMI_SESSION)");
  app.add_option_function<std::string>(
         "--token", [remote](const std::string& token) { remote->options.token = Secret(token); },
         "Who asks; better given by the variable, which no list of processes shows")
      ->envname("JAMMI_TOKEN")
      ->option_text("TOKEN  (env JAMMI_TOKEN)");
  app.add_option("--ca", options.ca, "Authorities that a TLS server's certificate may be of, in PEM form")
      ->envname("JAMMI_CA")
      ->option_text("FILE  (env JAMMI_CA; default: the system's)");
}

CLI::App* AddGroup(CLI::App& parent, const char* name, const char* description) {
  auto* group = parent.add_subcommand(name, description);
  group->require_subcommand(1);
  group->fallthrough();
  return group;
}

CLI::App* AddRemoteCommand(CLI::App& parent, const std::shared_ptr<Remote>& remote, RemoteCommand command) {
  auto* added = parent.add_subcommand(command.name, command.description);
  added->fallthrough();  // to the program's options (CLI-001)
  added->footer(Footer(command.examples));
  const auto output = std::make_shared<std::string>(command.outputs.front());
  added->add_option("--output", *output, "Form of the answer")
      ->check(CLI::IsMember(command.outputs))
      ->option_text(
          fmt::format("{}  (default: {})", fmt::join(command.outputs, "|"), command.outputs.front()));
  added->callback([remote, output, command = std::move(command)] {
    remote->program.action = [remote, output, command] { return Run(*remote, command, *output); };
  });
  return added;
}

}  // namespace jammi
