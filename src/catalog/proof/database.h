// A world that is a database.
#pragma once

#include <memory>
#include <utility>

#include "catalog/consumer_repo.h"
#include "catalog/harness.h"
#include "catalog/proof/world.h"
#include "catalog/topic_repo.h"
#include "jammi/catalog_access.h"
#include "jammi/channels.h"
#include "jammi/evaluations.h"
#include "jammi/index_segments.h"
#include "jammi/jobs.h"
#include "jammi/models.h"
#include "jammi/result_tables.h"
#include "jammi/sources.h"

namespace jammi::proof {

class Database : public World {
 public:
  explicit Database(std::shared_ptr<test::Harness> harness) : harness_(std::move(harness)) {
    Reopen();
    SetStart(Now());
  }
  // Another view of the same database, for a thread of its own.
  explicit Database(const Database* other) : harness_(other->harness_), catalog_(other->catalog_) {
    SetStart(Now());
  }

  void Reopen() {
    catalog_.reset();
    catalog_ = test::Ok(harness_->Open());
  }
  // A unit of time, or next to none.
  void Pass(bool unit) {
    harness_->MoveClock(unit ? std::chrono::microseconds(kTimeUnit) : std::chrono::microseconds(1));
    AddUnits(unit ? 1 : 0);
  }

  [[nodiscard]] CatalogBackend& backend() { return catalog_->backend(); }
  [[nodiscard]] TrainingJobs jobs(const Scope& scope) { return TrainingJobs(Access(scope)); }
  [[nodiscard]] JobQueue queue() { return JobQueue(Access(test::kGlobal).backend); }
  [[nodiscard]] ResultTables tables(const Scope& scope) { return ResultTables(Access(scope)); }
  [[nodiscard]] IndexSegments segments(const Scope& scope) { return IndexSegments(Access(scope)); }
  [[nodiscard]] Sources sources(const Scope& scope) { return Sources(Access(scope)); }
  [[nodiscard]] Models models(const Scope& scope) { return Models(Access(scope)); }
  [[nodiscard]] TopicRepo topics() { return TopicRepo(backend()); }
  [[nodiscard]] Channels channels(const Scope& scope) { return Channels(Access(scope)); }
  [[nodiscard]] ConsumerRepo consumers(const Scope& scope) { return ConsumerRepo(Access(scope)); }
  [[nodiscard]] Evaluations evaluations(const Scope& scope) { return Evaluations(Access(scope)); }

 private:
  CatalogAccess Access(const Scope& scope) { return {{catalog_, &catalog_->backend()}, scope}; }
  UnixMicros Now() {
    return test::Ok(backend().Transact({.read_only = true}, [](Transaction& tx) -> Result<UnixMicros> {
      JAMMI_ASSIGN(const auto now, tx.QueryFirst("SELECT jammi_now() AS now", {},
                                                 [](const Row& row) { return row.Get<int64_t>("now"); }));
      return now.value_or(0);
    }));
  }

  std::shared_ptr<test::Harness> harness_;
  std::shared_ptr<Catalog> catalog_;
};

}  // namespace jammi::proof
