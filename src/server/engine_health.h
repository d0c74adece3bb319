// What the health port asks an engine.
#pragma once

#include "http/probes.h"
#include "jammi/clock.h"
#include "jammi/engine.h"
#include "jammi/result.h"
#include "metrics/samples.h"

namespace jammi {

// Without the catalog nothing can be done, without the broker everything: the log is the truth. Errors: those
// of Engine::Ping().
[[nodiscard]] Result<Readiness> CheckReadiness(const Engine& engine, Deadline deadline);

// All that the engine counts. It does not wait for the catalog.
void PutEngineSamples(const Engine& engine, Samples& samples);

}  // namespace jammi
