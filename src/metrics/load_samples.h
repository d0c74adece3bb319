// What the server has under way, as samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "metrics/samples.h"

namespace jammi {

struct ServerLoad {
  size_t streams = 0;
  size_t waiting_calls = 0;
  std::optional<int64_t> sessions = 0;  // bound to a tenant, in the catalog; nullopt: it does not answer
};

// jammi_rpc_streams, jammi_rpc_waiting, jammi_sessions
void PutLoadSamples(const ServerLoad& load, Samples& samples);

}  // namespace jammi
