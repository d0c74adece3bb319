// Result tables and the segments of their indexes as maps.
#pragma once

#include <set>

#include "catalog/proof/map_catalog.h"
#include "catalog/proof/map_models.h"

namespace jammi::proof {

inline bool IsHeld(const Maps& maps, const StoredTable& stored, const LeaseToken& lease) {
  return stored.lease == lease && stored.lease_expires_at > maps.now;
}

class MapTables {
 public:
  MapTables(Maps& maps, Scope scope) : maps_(maps), scope_(std::move(scope)) {}

  Result<ResultTables::Build> Create(const CreateResultTableParams& params, const std::string& builder,
                                     std::chrono::microseconds lease) {
    if (params.kind == ResultTableKind::kModel && !params.model_uid) {
      return Refuse(ErrorCode::kInvalidArgument);
    }
    StoredTable stored{.lease = LeaseToken{builder, maps_.now},
                       .lease_expires_at = maps_.now + lease.count()};
    ResultTableRecord& table = stored.table;
    if (params.model_uid) {
      const auto* model = MapModels(maps_, scope_).WithUid(*params.model_uid);
      if (model == nullptr || !scope_.Sees(model->owner)) return Missing();
      table.model_id = model->model_id;
    }
    if (params.derived_from) {
      JAMMI_ASSIGN(const auto parent, Get(*params.derived_from));
      table.derived_from = {parent.owner, parent.table_name};
    }
    if (Own(maps_.tables, scope_, params.table_name) != nullptr) return Exists();
    table.table_name = params.table_name;
    table.owner = scope_;
    table.kind = params.kind;
    table.source_id = params.source_id;
    table.model_uid = params.model_uid;
    table.task = params.task;
    table.parquet_path = params.parquet_path;
    table.dimensions = params.dimensions;
    table.distance_metric = "cosine";
    table.created_at = maps_.now;
    maps_.tables[{scope_, params.table_name}] = stored;
    return ResultTables::Build{stored.table, *stored.lease, stored.lease_expires_at};
  }
  Result<UnixMicros> Heartbeat(const std::string& name, const LeaseToken& lease,
                               std::chrono::microseconds duration) {
    JAMMI_ASSIGN(auto* stored, Held(name, lease));
    return stored->lease_expires_at = maps_.now + duration.count();
  }
  Result<void> SetCheckpoint(const std::string& name, const LeaseToken& lease, int64_t batch) {
    JAMMI_ASSIGN(auto* stored, Held(name, lease));
    stored->table.checkpoint = batch;
    return {};
  }
  Result<ResultTableRecord> Promote(const std::string& name, const LeaseToken& lease,
                                    const ResultTableManifest& manifest) {
    JAMMI_ASSIGN(auto* stored, Held(name, lease));
    stored->table.definition_hash = manifest.definition_hash;
    stored->table.inputs = manifest.inputs;
    return Finish(*stored, ResultTableStatus::kReady, manifest.row_count);
  }
  Result<ResultTableRecord> Fail(const std::string& name, const LeaseToken& lease) {
    JAMMI_ASSIGN(auto* stored, Held(name, lease));
    return Finish(*stored, ResultTableStatus::kFailed, 0);
  }

  Result<ResultTableRecord> Get(const std::string& name) {
    const auto* stored = Visible(maps_.tables, scope_, name);
    return stored == nullptr ? Result<ResultTableRecord>(Missing()) : stored->table;
  }
  Result<Page<ResultTableRecord>> List(const ResultTableFilter& filter, int size, const std::string& token) {
    const auto wanted = [&](const ResultTableRecord& table) {
      return (!filter.status || table.status == *filter.status) &&
             (!filter.source_id || table.source_id == *filter.source_id) &&
             (!filter.task || table.task == *filter.task) &&
             (!filter.model_id || table.model_id == filter.model_id);
    };
    return maps_.table_pages.Cut(Seen(wanted), ComesBefore, size, token);
  }
  Result<Page<ResultTableRecord>> FindReadyByDefinition(const std::string& hash, int size,
                                                        const std::string& token) {
    const auto wanted = [&](const ResultTableRecord& table) { return table.definition_hash == hash; };
    const auto before = [](const auto& a, const auto& b) { return ComesBefore(b, a); };
    return maps_.table_pages.Cut(Seen(wanted), before, size, token);
  }
  Result<Page<ResultTableRecord>> FindReadyAnchoredOn(const std::string& source, int size,
                                                      const std::string& token) {
    const auto wanted = [&](const ResultTableRecord& table) {
      return std::ranges::find(table.inputs, source, &InputAnchor::source) != table.inputs.end();
    };
    return maps_.table_pages.Cut(Seen(wanted), ComesBefore, size, token);
  }
  // In no order.
  Result<std::vector<LineageEdge>> Descendants(const std::string& source) {
    const std::set<LineageEdge> edges = EdgesFrom(source);
    if (HasCycle(edges)) return WrongState();
    return std::vector(edges.begin(), edges.end());
  }
  Result<ResultTableRecord> ResolveEmbeddingTable(const std::string& source,
                                                  const std::optional<std::string>& name) {
    if (name) return Get(*name);
    const auto found = Seen([&](const ResultTableRecord& table) {
      return table.status == ResultTableStatus::kReady && table.kind == ResultTableKind::kModel &&
             table.source_id == source &&
             table.task == ModelTask::kTextEmbedding;  // the others are not drawn
    });
    const auto newest = std::ranges::max_element(found, ComesBefore);
    return newest == found.end() ? Result<ResultTableRecord>(Missing()) : *newest;
  }

  Result<DeletedResultTable> Delete(const std::string& name) {
    if (Own(maps_.tables, scope_, name) == nullptr) return Missing();
    const auto is_it = [&](const ResultTableRecord& table) {
      return table.owner == scope_ && table.table_name == name;
    };
    // A table that is derived from itself cannot be.
    JAMMI_ASSIGN(const auto deleted, DeleteAll(is_it));
    return deleted.front();
  }
  Result<std::vector<DeletedResultTable>> DeleteForSource(const std::string& source) {
    return DeleteAll(
        [&](const ResultTableRecord& table) { return table.owner == scope_ && table.source_id == source; });
  }

 private:
  static bool ComesBefore(const ResultTableRecord& a, const ResultTableRecord& b) {
    return std::tie(a.created_at, a.table_name, a.owner) < std::tie(b.created_at, b.table_name, b.owner);
  }

  template <class Wanted>
  std::vector<ResultTableRecord> Seen(Wanted wanted) {
    std::vector<ResultTableRecord> seen;
    for (const auto& [key, stored] : maps_.tables) {
      if (scope_.Sees(stored.table.owner) && wanted(stored.table)) seen.push_back(stored.table);
    }
    return seen;
  }
  Result<StoredTable*> Held(const std::string& name, const LeaseToken& lease) {
    auto* stored = Own(maps_.tables, scope_, name);
    if (stored == nullptr) return Missing();
    if (!IsHeld(maps_, *stored, lease)) return WrongState();
    return stored;
  }
  ResultTableRecord Finish(StoredTable& stored, ResultTableStatus status, int64_t rows) {
    stored.lease.reset();
    stored.table.status = status;
    stored.table.row_count = rows;
    stored.table.completed_at = maps_.now;
    return stored.table;
  }

  // All that are wanted, unless another is derived from one of them.
  template <class Wanted>
  Result<std::vector<DeletedResultTable>> DeleteAll(Wanted wanted) {
    std::vector<DeletedResultTable> deleted;
    for (const auto& [key, stored] : maps_.tables) {
      if (wanted(stored.table)) {
        deleted.push_back({stored.table, stored.segments});
        continue;
      }
      const auto& parent = stored.table.derived_from;
      if (parent && wanted(maps_.tables.at({parent->owner, parent->table_name}).table)) return WrongState();
    }
    std::erase_if(maps_.tables, [&](const auto& entry) { return wanted(entry.second.table); });
    return deleted;
  }

  // What leads from the source to a table: a tenant's table is an input of his own alone.
  std::set<LineageEdge> EdgesFrom(const std::string& source) {
    std::set<LineageEdge> edges;
    std::set<ResultTableRef> reached = {{Scope::Global(), source}};
    for (size_t before = 0; before != reached.size();) {
      before = reached.size();
      for (const ResultTableRecord& table : Seen([](const auto&) { return true; })) {
        for (const InputAnchor& input : table.inputs) {
          if (!reached.contains({Scope::Global(), input.source}) &&
              !reached.contains({table.owner, input.source})) {
            continue;
          }
          edges.insert({input.source, {table.owner, table.table_name}});
          reached.insert({table.owner, table.table_name});
        }
      }
    }
    return edges;
  }
  // Whether some are left when those without inputs have been taken away, again and again.
  static bool HasCycle(std::set<LineageEdge> edges) {
    for (size_t before = 0; before != edges.size();) {
      before = edges.size();
      std::set<ResultTableRef> made;
      for (const LineageEdge& edge : edges) made.insert(edge.table);
      std::erase_if(edges, [&](const LineageEdge& edge) {
        return !made.contains({edge.table.owner, edge.input}) &&
               !made.contains({Scope::Global(), edge.input});
      });
    }
    return !edges.empty();
  }

  Maps& maps_;
  Scope scope_;
};

class MapSegments {
 public:
  MapSegments(Maps& maps, Scope scope) : maps_(maps), scope_(std::move(scope)) {}

  Result<IndexSegment> Append(const std::string& name, const AppendSegmentParams& params,
                              const std::optional<LeaseToken>& lease) {
    auto* stored = Own(maps_.tables, scope_, name);
    if (stored == nullptr) return Missing();
    if (stored->table.status == ResultTableStatus::kFailed || !MayWrite(*stored, lease)) return WrongState();
    for (const IndexSegment& segment : stored->segments) {
      if (segment.bundle_path == params.bundle_path) return Exists();
    }
    return stored->segments.emplace_back(
        IndexSegment{stored->next_segment_id++, params.bundle_path, params.row_count, maps_.now});
  }
  Result<Page<IndexSegment>> List(const std::string& name, int size, const std::string& token) {
    // Later pages of a global table's stay with it.
    const bool global = !token.empty() && maps_.segment_pages.ends[std::stoul(token)].owner.is_global();
    const auto* stored = Visible(maps_.tables, global ? Scope::Global() : scope_, name);
    if (stored == nullptr) return Missing();
    std::vector<PagedSegment> segments;
    for (const IndexSegment& segment : stored->segments) segments.push_back({stored->table.owner, segment});
    const auto before = [](const PagedSegment& a, const PagedSegment& b) {
      return a.segment.segment_id < b.segment.segment_id;
    };
    const auto cut = maps_.segment_pages.Cut(std::move(segments), before, size, token);
    Page<IndexSegment> page{.next_page_token = cut.next_page_token};
    for (const PagedSegment& paged : cut.items) page.items.push_back(paged.segment);
    return page;
  }
  Result<std::optional<int64_t>> MaxId(const std::string& name) {
    const auto* stored = Visible(maps_.tables, scope_, name);
    if (stored == nullptr) return Missing();
    if (stored->segments.empty()) return std::optional<int64_t>();
    return std::optional(stored->segments.back().segment_id);
  }
  Result<std::vector<IndexSegment>> DeleteAll(const std::string& name,
                                              const std::optional<LeaseToken>& lease) {
    auto* stored = Own(maps_.tables, scope_, name);
    if (stored == nullptr) return Missing();
    if (!MayWrite(*stored, lease)) return WrongState();
    return std::exchange(stored->segments, {});
  }

 private:
  // A build is its builder's to write to.
  [[nodiscard]] bool MayWrite(const StoredTable& stored, const std::optional<LeaseToken>& lease) const {
    return stored.table.status != ResultTableStatus::kBuilding || (lease && IsHeld(maps_, stored, *lease));
  }

  Maps& maps_;
  Scope scope_;
};

}  // namespace jammi::proof
