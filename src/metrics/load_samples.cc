#include "metrics/load_samples.h"

namespace jammi {

void PutLoadSamples(const ServerLoad& load, Samples& samples) {
  samples.Put({"jammi_rpc_streams", "Streams that are open."}, static_cast<double>(load.streams));
  samples.Put({"jammi_rpc_waiting", "Calls that wait for a thread."},
              static_cast<double>(load.waiting_calls));
  if (load.sessions) {
    samples.Put({"jammi_sessions", "Sessions that are bound to a tenant."},
                static_cast<double>(*load.sessions));
  }
}

}  // namespace jammi
