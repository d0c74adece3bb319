// Named places where a test can pin an interleaving: the test installs a callback that blocks, counts
// or throws the process away. Without a callback a point costs one relaxed load.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace jammi {

void SetSyncPoint(std::string name, std::function<void()> callback);
void ClearSyncPoints();
bool AnySyncPoint();
void HitSyncPoint(std::string_view name);

#define JAMMI_SYNC_POINT(name)                                \
  do {                                                        \
    if (::jammi::AnySyncPoint()) ::jammi::HitSyncPoint(name); \
  } while (false)

}  // namespace jammi
