// What the server has under way, as samples.
#pragma once

#include <cstddef>

#include "metrics/samples.h"

namespace jammi {

struct ServerLoad {
  size_t streams = 0;
  size_t waiting_calls = 0;
};

// jammi_rpc_streams, jammi_rpc_waiting
void PutLoadSamples(const ServerLoad& load, Samples& samples);

}  // namespace jammi
