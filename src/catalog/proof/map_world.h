// The model of the catalog, as a world to make calls in.
#pragma once

#include "catalog/proof/map_evaluations.h"
#include "catalog/proof/map_jobs.h"
#include "catalog/proof/map_models.h"
#include "catalog/proof/map_sources.h"
#include "catalog/proof/map_tables.h"

namespace jammi::proof {

class MapWorld : public World {
 public:
  MapWorld() {
    SetStart(maps_.now);
    using enum ChannelColumnType;
    AddBuiltIn("vector", 1, {{"similarity", kFloat32}});
    AddBuiltIn("inference", 2,
               {{"inference_model", kUtf8}, {"inference_task", kUtf8}, {"inference_confidence", kFloat32}});
    AddBuiltIn("bm25", 3, {{"bm25_score", kFloat32}, {"bm25_rank", kInt64}});
  }

  void Pass(bool unit) {
    maps_.now += unit ? kUnitMicros : 1;
    AddUnits(unit ? 1 : 0);
  }

  MapChannels channels(const Scope& scope) { return {maps_, scope}; }
  MapEvaluations evaluations(const Scope& scope) { return {maps_, scope}; }
  MapJobs jobs(const Scope& scope) { return {maps_, scope}; }
  MapModels models(const Scope& scope) { return {maps_, scope}; }
  MapQueue queue() { return MapQueue(maps_); }
  MapSegments segments(const Scope& scope) { return {maps_, scope}; }
  MapSources sources(const Scope& scope) { return {maps_, scope}; }
  MapTables tables(const Scope& scope) { return {maps_, scope}; }
  MapTopics topics() { return MapTopics(maps_); }

 private:
  void AddBuiltIn(const std::string& name, int32_t priority, std::vector<ChannelColumn> columns) {
    const auto id = test::Ok(ChannelId::Parse(name));
    maps_.channels.insert_or_assign(
        Key(Scope::Global(), name),
        ChannelRecord{.id = id, .priority = priority, .columns = std::move(columns), .revision = 1});
  }

  Maps maps_;
};

}  // namespace jammi::proof
