// What the system knows of this process, under the names that Prometheus' own libraries use.
#pragma once

#include "metrics/samples.h"

namespace jammi {

// process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes, process_open_fds,
// process_max_fds, process_threads, process_start_time_seconds. What cannot be read is left out.
void PutProcessSamples(Samples& samples);

}  // namespace jammi
