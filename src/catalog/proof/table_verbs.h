// The verbs of the result tables and of the segments of their indexes.
#pragma once

#include "catalog/proof/evaluation_verbs.h"
#include "catalog/proof/world.h"
#include "jammi/index_segments.h"
#include "jammi/result_tables.h"

namespace jammi::proof {

inline void Show(Writer& out, const ResultTableRecord& table) {
  out << table.table_name;
  out.Owner(table.owner);
  out << ToString(table.kind) << table.source_id;
  if (table.model_uid) out.Id(table.model_uid->value);
  out << table.model_id << ToString(table.task) << table.parquet_path << table.dimensions
      << table.distance_metric << ToString(table.status) << table.checkpoint << table.row_count
      << table.definition_hash;
  if (table.derived_from) out.Owner(table.derived_from->owner) << table.derived_from->table_name;
  for (const InputAnchor& input : table.inputs) out << input.source << input.anchor << ToString(input.kind);
  out.Time(table.created_at).Time(table.completed_at);
}
inline void Show(Writer& out, const ResultTables::Build& build) {
  Show(out, build.table);
  out << build.lease.holder << build.lease.epoch - build.table.created_at;  // as consumers' leases
  out.Time(build.lease_expires_at);
}
inline void Show(Writer& out, const IndexSegment& segment) {
  out << segment.segment_id << segment.bundle_path << segment.row_count;
  out.Time(segment.created_at);
}
inline void Show(Writer& out, const DeletedResultTable& deleted) {
  Show(out, deleted.table);
  Show(out, deleted.segments);
}
inline void Show(Writer& out, const LineageEdge& edge) {
  out << edge.input;
  out.Owner(edge.table.owner) << edge.table.table_name;
}

template <class W>
CreateResultTableParams DrawTable(W& world, const Scope& caller, Draw& draw) {
  CreateResultTableParams params{.table_name = draw.Name(), .source_id = draw.GoodName()};
  params.model_uid = DrawModelUid(world, caller, draw);
  if (draw.Percent(50)) params.kind = ResultTableKind::kNeighborGraph;
  if (params.kind != ResultTableKind::kModel && draw.Percent(70)) params.model_uid.reset();
  params.task = draw.One({ModelTask::kTextEmbedding, ModelTask::kNer});
  params.parquet_path = "s3://table";
  params.dimensions = draw.Maybe({2, 3});
  if (draw.Percent(30)) params.derived_from = draw.GoodName();
  return params;
}
inline std::string LeaseOfTable(const std::string& table) { return "table " + table; }

// As often as not the table that the caller has begun last: he may still hold it.
template <class W>
std::string DrawBuild(W& world, const Scope& caller, Draw& draw) {
  std::string name = draw.Name();
  const auto last = world.last_builds().find(caller);
  return !draw.bad() && draw.Percent(50) && last != world.last_builds().end() ? last->second : name;
}

inline ResultTableManifest DrawManifest(Draw& draw) {
  ResultTableManifest manifest{.row_count = draw.One<int64_t>({0, 7}),
                               .definition_hash = draw.One<std::string>({"hash 1", "hash 2"})};
  if (draw.Percent(60)) manifest.inputs.push_back({.source = draw.GoodName(), .anchor = "1"});
  return manifest;
}
template <class W>
std::optional<LeaseToken> DrawOptionalLease(W& world, const std::string& table, const Scope& caller,
                                            Draw& draw) {
  auto lease = world.Lease(draw, LeaseOfTable(table), caller);
  return draw.Percent(60) ? std::optional(std::move(lease)) : std::nullopt;
}

template <class W>
std::vector<Verb<W>> BuildVerbs() {
  using enum Does;
  return {
      {"ResultTables::Create", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto params = DrawTable(w, s, d);
         const auto build = w.tables(s).Create(params, d.One<std::string>({"h1", "h2"}), kLease);
         if (build) {
           w.KeepLease(LeaseOfTable(params.table_name), s, build->lease);
           w.last_builds()[s] = params.table_name;
         }
         return w.Answered(s, d, build);
       }},
      {"ResultTables::Heartbeat", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = DrawBuild(w, s, d);
         const auto until = w.tables(s).Heartbeat(name, w.Lease(d, LeaseOfTable(name), s), kLease);
         return w.Answered(s, d, until ? Result<void>() : Result<void>(until.error()));
       }},
      {"ResultTables::SetCheckpoint", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = DrawBuild(w, s, d);
         const auto lease = w.Lease(d, LeaseOfTable(name), s);
         return w.Answered(s, d, w.tables(s).SetCheckpoint(name, lease, d.One<int64_t>({0, 1, 2})));
       }},
      {"ResultTables::Promote", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = DrawBuild(w, s, d);
         const auto lease = w.Lease(d, LeaseOfTable(name), s);
         return w.Answered(s, d, w.tables(s).Promote(name, lease, DrawManifest(d)));
       }},
      {"ResultTables::Fail", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = DrawBuild(w, s, d);
         return w.Answered(s, d, w.tables(s).Fail(name, w.Lease(d, LeaseOfTable(name), s)));
       }},
      {"ResultTables::Delete", kWrite,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.tables(s).Delete(d.Name())); }},
      {"ResultTables::DeleteForSource", kWrite,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.tables(s).DeleteForSource(d.Name())); }},
  };
}

template <class W>
std::vector<Verb<W>> TableVerbs() {
  using enum Does;
  return {
      {"ResultTables::Get", kRead,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.tables(s).Get(d.Name())); }},
      {"ResultTables::List", kRead,
       [](W& w, const Scope& s, Draw& d) {
         using enum ResultTableStatus;
         ResultTableFilter filter{.status = d.Maybe({kBuilding, kReady, kFailed}, 30)};
         if (d.Percent(30)) filter.source_id = d.GoodName();
         if (d.Percent(30)) filter.model_id = d.GoodName();
         filter.task = d.Maybe({ModelTask::kNer}, 30);
         const auto list =
             fmt::format("ResultTables::List {} {} {} {}", filter.status ? ToString(*filter.status) : "",
                         filter.source_id.value_or("-"), filter.model_id.value_or("-"),
                         filter.task ? ToString(*filter.task) : "");
         return AnsweredPage(w, s, d, list, [&](int size, const std::string& token) {
           return w.tables(s).List(filter, size, token);
         });
       }},
      {"ResultTables::FindReadyByDefinition", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto hash = d.One<std::string>({"hash 1", "hash 2"});
         return AnsweredPage(w, s, d, "FindReadyByDefinition " + hash,
                             [&](int size, const std::string& token) {
                               return w.tables(s).FindReadyByDefinition(hash, size, token);
                             });
       }},
      {"ResultTables::FindReadyAnchoredOn", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto source = d.Name();
         return AnsweredPage(w, s, d, "FindReadyAnchoredOn " + source,
                             [&](int size, const std::string& token) {
                               return w.tables(s).FindReadyAnchoredOn(source, size, token);
                             });
       }},
      {"ResultTables::Descendants", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto source = d.Name();
         return w.Answered(s, d, w.tables(s).Descendants(source));
       }},
      {"ResultTables::ResolveEmbeddingTable", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto source = d.Name();
         std::optional<std::string> name;
         if (d.Percent(30)) name = d.GoodName();
         return w.Answered(s, d, w.tables(s).ResolveEmbeddingTable(source, name));
       }},
  };
}

template <class W>
std::vector<Verb<W>> SegmentVerbs() {
  using enum Does;
  return {
      {"IndexSegments::Append", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = DrawBuild(w, s, d);
         const AppendSegmentParams params{.bundle_path = d.One<std::string>({"s3://1", "s3://2", "s3://3"}),
                                          .row_count = 5};
         return w.Answered(s, d, w.segments(s).Append(name, params, DrawOptionalLease(w, name, s, d)));
       }},
      {"IndexSegments::List", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = d.Name();
         return AnsweredPage(w, s, d, "IndexSegments::List " + name, [&](int size, const std::string& token) {
           return w.segments(s).List(name, size, token);
         });
       }},
      {"IndexSegments::MaxId", kRead,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.segments(s).MaxId(d.Name())); }},
      {"IndexSegments::DeleteAll", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = d.Name();
         return w.Answered(s, d, w.segments(s).DeleteAll(name, DrawOptionalLease(w, name, s, d)));
       }},
  };
}

}  // namespace jammi::proof
