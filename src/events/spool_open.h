// A spool on a disk of a test's.
#pragma once

#include <memory>

#include "events/disk.h"
#include "jammi/events/spool.h"

namespace jammi::events {

// As SpoolSink::Open().
[[nodiscard]] Result<std::unique_ptr<SpoolSink>> OpenSpool(std::shared_ptr<EventSink> inner,
                                                           SpoolOptions options,
                                                           const std::shared_ptr<Clock>& clock, Disk& disk);

}  // namespace jammi::events
