// Samples as Prometheus reads them.
#pragma once

#include <string>

#include "metrics/samples.h"

namespace jammi {

// Text format 0.0.4, one family after the other.
[[nodiscard]] std::string SamplesText(const Samples& samples);

}  // namespace jammi
