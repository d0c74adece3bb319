#include "server/tiers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace jammi {
namespace {

constexpr std::array<std::string_view, 2> kMissing = {"eval", "train"};

bool IsMissing(std::string_view tier) { return std::ranges::find(kMissing, tier) != kMissing.end(); }

}  // namespace

Result<void> CheckTiers(const ServerServices& services) {
  if (services.all) return {};
  const auto named = std::ranges::find_if(services.tiers, IsMissing);
  if (named == services.tiers.end()) return {};
  return Error(
      ErrorCode::kUnimplemented,
      fmt::format("server.services names the tier '{}', which this version does not have; leave it out, "
                  "or say \"all\" for every tier that there is",
                  *named),
      ConfigDetail{.key = "server.services"});
}

std::vector<std::string> MountedTiers(const ServerServices& services) {
  auto tiers = services.Enabled();
  std::erase_if(tiers, IsMissing);
  return tiers;
}

bool HasTier(const ServerServices& services, std::string_view tier) {
  return std::ranges::count(MountedTiers(services), tier) > 0;
}

}  // namespace jammi
