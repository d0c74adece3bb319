// What the commands that ask a server share: how it is reached, who asks, and the form of the answer.
#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "client/rpc_channel.h"
#include "jammi/result.h"
#include "jammi/secret.h"

namespace jammi {

// The options that stand before or after the command (CLI-001).
struct RemoteOptions {
  std::string target = "grpc://127.0.0.1:8081";
  std::string tenant;   // empty: the session's
  std::string session;  // empty: a fresh one
  Secret token;
  std::string ca;
};

struct Remote {
  Program& program;
  RemoteOptions options;
};

// A command that runs, with its connection.
struct RemoteCall {
  const RpcChannel& channel;
  std::ostream& out;
  std::ostream& err;
  const std::string& output;  // the chosen form
  const RemoteOptions& options;

  [[nodiscard]] bool json() const { return output == "json"; }
};

using RemoteVerb = std::function<Result<void>(const RemoteCall&)>;

struct RemoteCommand {
  const char* name;
  const char* description;
  const char* examples;  // one a line, from "jammi" on
  RemoteVerb verb;
  std::vector<std::string> outputs = {"table", "json"};  // the first one is the default
  std::chrono::milliseconds call_timeout{60'000};
};

// Adds the options to the program. REQUIRES: before the commands that take them.
void AddRemoteOptions(CLI::App& app, const std::shared_ptr<Remote>& remote);
// A command that only holds others.
CLI::App* AddGroup(CLI::App& parent, const char* name, const char* description);
// A command that connects, binds the tenant, and then runs `verb`; an error is told as "Error: ..."
// (CLI-004).
CLI::App* AddRemoteCommand(CLI::App& parent, const std::shared_ptr<Remote>& remote, RemoteCommand command);

using RemotePtr = std::shared_ptr<Remote>;
// `jammi status`, `jammi health`
void AddStatusCommands(CLI::App& app, const RemotePtr& remote);
// `jammi sources list|describe|add|remove`
void AddSourcesCommand(CLI::App& app, const RemotePtr& remote);
// `jammi models list|describe|delete`
void AddModelsCommand(CLI::App& app, const RemotePtr& remote);
// `jammi trigger list|register|drop|publish|subscribe`, and what AddTopicSettings() adds; also `jammi topics`
void AddTriggerCommand(CLI::App& app, const RemotePtr& remote);
// `stats`, `add-columns`, `retention get|set|reset`
void AddTopicSettings(CLI::App& group, const RemotePtr& remote);
// `publish` and `subscribe`, under `jammi` and under `jammi trigger`
void AddPublishCommand(CLI::App& parent, const RemotePtr& remote);
void AddSubscribeCommand(CLI::App& parent, const RemotePtr& remote);
// `jammi channels list|register|add-column`
void AddChannelsCommand(CLI::App& app, const RemotePtr& remote);
// `jammi mutable list|create|drop`, also called `jammi tables`
void AddMutableCommand(CLI::App& app, const RemotePtr& remote);
// `jammi audit recent|get|verify|chain`
void AddAuditCommand(CLI::App& app, const RemotePtr& remote);
// `jammi consumers list|describe|create|reset|delete`
void AddConsumersCommand(CLI::App& app, const RemotePtr& remote);
// `jammi tenant get|set|clear`
void AddTenantCommand(CLI::App& app, const RemotePtr& remote);
// `jammi backup`
void AddBackupCommand(CLI::App& app, const RemotePtr& remote);

}  // namespace jammi
