// Builds that their builders abandoned, of whatever scope: taken over when their lease has expired, and
// ended by what their files say. It is the engine's, and no session can reach it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "catalog/repo_statement.h"
#include "jammi/catalog_backend.h"
#include "jammi/result_tables.h"

namespace jammi {

[[nodiscard]] std::span<const RepoStatement> RecoveryStatements();

// A build that was taken over; the token is good in the scope of table.owner.
struct AbandonedBuild {
  ResultTableRecord table;
  LeaseToken lease;
};

// Looks at the files of a build: the manifest when they are complete; nothing when they are absent or
// damaged, and were removed, with the segments. An error: that could not be found out now.
using InspectBuild = std::function<Result<std::optional<ResultTableManifest>>(const AbandonedBuild&)>;

struct RecoveryReport {
  int64_t promoted = 0;
  int64_t failed = 0;
  int64_t undecided = 0;  // InspectBuild failed: the build is taken over again when its lease has expired
  int64_t lost = 0;       // deleted, or its new lease expired too, during the inspection
  bool operator==(const RecoveryReport&) const = default;
};

// Any number of processes may recover at once: each build is taken over by one of them, and a build whose
// builder is alive by none (WK-15). Thread-safe.
class BuildRecovery {
 public:
  // `holder` names this process (1..256 bytes); `lease` is the time that an inspection has.
  BuildRecovery(std::shared_ptr<CatalogBackend> backend, std::string holder, std::chrono::microseconds lease)
      : backend_(std::move(backend)), holder_(std::move(holder)), lease_(lease) {}

  // Takes over expired builds, one after the other, the one that expired first first, until there is none,
  // `max_builds` were, or `stop` is requested. Each is promoted or failed under its owner, which is a change
  // of verb "recovered" (CAT-082). `inspect` is called outside of transactions.
  // Errors: kInvalidArgument; those of CatalogBackend::RunTransaction. What was recovered until then is.
  [[nodiscard]] Result<RecoveryReport> Run(const InspectBuild& inspect, int64_t max_builds,
                                           const std::stop_token& stop = {});

  // A ready table whose files turned out to be lost becomes failed, if it is still the one that `table`
  // describes. False: it is not.
  [[nodiscard]] Result<bool> FailLost(const ResultTableRecord& table);

 private:
  [[nodiscard]] Result<std::optional<AbandonedBuild>> TakeOver();
  [[nodiscard]] Result<void> End(const AbandonedBuild& build,
                                 const std::optional<ResultTableManifest>& manifest, RecoveryReport& report);

  const std::shared_ptr<CatalogBackend> backend_;
  const std::string holder_;
  const std::chrono::microseconds lease_;
};

}  // namespace jammi
