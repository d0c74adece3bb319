// What the registry of evidence channels (jammi/channels.h) shows to its tests.
#pragma once

#include <span>

#include "catalog/repo_statement.h"

namespace jammi {

// Every statement of the registry, so that a test can look at its plan on each database.
[[nodiscard]] std::span<const RepoStatement> ChannelStatements();

}  // namespace jammi
