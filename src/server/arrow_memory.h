// Where Arrow's memory in this process comes from.
#pragma once

namespace jammi {

// From the allocator of the program, unless ARROW_DEFAULT_MEMORY_POOL says otherwise. The allocator that
// Arrow brings keeps pages of its own, by thread and size, beside those of the program's: with clients that
// come and go both grow, and neither can use what the other has free.
//
// To be called before the process has threads and before Arrow is used.
void ShareAllocatorWithArrow();

}  // namespace jammi
