// The flags of the commands that send, or look where they would send to.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "evsink/command.h"
#include "jammi/events/chain.h"
#include "jammi/events/settings.h"
#include "jammi/result.h"

namespace jammi::evsink {

struct SinkFlags {
  Environment variables;                       // of the family, set by flags
  std::map<std::string, std::string> options;  // of ours
  std::string spec_id;                         // not empty: there is a run
  std::string run_id;
  std::string tenant_id;

  // What the flags and the environment say together; flags win.
  // Errors: kConfigError, as ReadSinkSettings().
  [[nodiscard]] Result<events::SinkSettings> Read(const Environment& environment) const;
};

// Adds --url and the other flags of the family's variables, the run's, and one for each SinkOption.
void AddSinkFlags(CLI::App& command, SinkFlags& flags);
// Only those that say which subject an event has.
void AddSubjectFlags(CLI::App& command, SinkFlags& flags);

// "2500ms" into milliseconds, for flags that are no SinkOption.
void AddDurationFlag(CLI::App& command, const std::string& name, std::chrono::milliseconds& target,
                     const std::string& description);

}  // namespace jammi::evsink
