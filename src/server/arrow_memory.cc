#include "server/arrow_memory.h"

#include <stdlib.h>

namespace jammi {

void ShareAllocatorWithArrow() { setenv("ARROW_DEFAULT_MEMORY_POOL", "system", /*overwrite=*/0); }

}  // namespace jammi
