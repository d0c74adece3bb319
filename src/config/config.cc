#include "jammi/config.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace jammi {

uint64_t DefaultExecutionThreads() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return static_cast<uint64_t>(CPU_COUNT(&allowed));
  const unsigned known = std::thread::hardware_concurrency();
  return known == 0 ? 4 : known;
}

bool NeedsRescoring(StoragePrecision precision) { return precision != StoragePrecision::kF32; }

// CFG-050
uint64_t AnnConfig::TableOversample() const {
  const uint64_t unset = storage_precision == StoragePrecision::kBinary ? 32 : 4;
  return std::max<uint64_t>(oversample.value_or(unset), 1);
}

uint64_t AnnConfig::SearchOversample(std::optional<uint64_t> request, std::optional<uint64_t> table) const {
  const uint64_t chosen = request ? *request : table ? *table : oversample.value_or(4);
  return std::max<uint64_t>(chosen, 1);
}

std::vector<std::string> ServerServices::Enabled() const {
  if (all) return {"core", "eval", "event", "train"};
  auto enabled = tiers;
  enabled.emplace_back("core");
  std::ranges::sort(enabled);
  enabled.erase(std::ranges::unique(enabled).begin(), enabled.end());
  return enabled;
}

std::filesystem::path Config::CatalogPath() const {
  const auto* sqlite = std::get_if<SqliteCatalogConfig>(&catalog);
  return sqlite != nullptr && sqlite->path ? *sqlite->path : artifact_dir / "catalog.db";
}

}  // namespace jammi
