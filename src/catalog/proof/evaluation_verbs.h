// The verbs of the evaluation runs.
#pragma once

#include "catalog/proof/world.h"
#include "jammi/evaluations.h"

namespace jammi::proof {

inline void Show(Writer& out, const EvalRun& run) {
  out << run.run_id;
  out.Owner(run.owner);
  if (run.model) out.Id(run.model->value);
  out << ToString(run.type) << run.source_id << run.golden_source << run.k << run.metrics;
  out.Time(run.created_at);
}
inline void Show(Writer& out, const EvalQueryResult& row) {
  out << row.query_id << row.cohorts << row.metrics;
}

inline EvalType DrawEvalType(Draw& draw) { return draw.One({EvalType::kEmbedding, EvalType::kNer}); }

template <class W>
ModelUid DrawModelUid(W& world, const Scope& caller, Draw& draw) {
  return {world.Id(draw, "model", caller)};
}
template <class W>
std::optional<ModelUid> DrawOptionalModelUid(W& world, const Scope& caller, Draw& draw) {
  auto uid = DrawModelUid(world, caller, draw);
  return draw.Percent(70) ? std::optional(std::move(uid)) : std::nullopt;
}

inline std::vector<EvalQueryResult> DrawRows(Draw& draw) {
  std::vector<EvalQueryResult> rows;
  for (const char* query : {"q1", "q2", "q3", "q4", "q5"}) {
    if (!draw.Percent(40)) continue;
    rows.push_back({.query_id = query, .metrics = draw.One<std::string>({"{}", R"({"ndcg":1})"})});
  }
  if (!rows.empty() && draw.Percent(2)) rows.push_back(draw.Bad(rows.front()));
  return rows;
}

template <class W>
std::vector<Verb<W>> EvaluationVerbs() {
  using enum Does;
  return {
      {"Evaluations::Record", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const RecordEvalRunParams params{.run_id = d.Name(),
                                          .model = DrawOptionalModelUid(w, s, d),
                                          .type = DrawEvalType(d),
                                          .source_id = d.Name(),
                                          .golden_source = d.One<std::string>({"", "golden"}),
                                          .k = d.Maybe({1, 10}),
                                          .metrics = "{}"};
         return w.Answered(s, d, w.evaluations(s).Record(params, DrawRows(d)));
       }},
      {"Evaluations::Append", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto run_id = d.Name();
         return w.Answered(s, d, w.evaluations(s).Append(run_id, DrawRows(d)));
       }},
      {"Evaluations::Get", kRead,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.evaluations(s).Get(d.Name())); }},
      {"Evaluations::GetAll", kRead,
       [](W& w, const Scope& s, Draw& d) {
         std::vector<std::string> run_ids;
         for (uint64_t left = 1 + d.Below(3); left > 0; --left) run_ids.push_back(d.Name());
         return w.Answered(s, d, w.evaluations(s).GetAll(run_ids));
       }},
      {"Evaluations::Latest", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto type = DrawEvalType(d);
         if (d.Percent(50)) return w.Answered(s, d, w.evaluations(s).Latest(DrawModelUid(w, s, d), type));
         const auto name = d.Name();
         return w.Answered(s, d, w.evaluations(s).Latest(name, d.One({1, 2, 3}), type));
       }},
      {"Evaluations::List", kRead,
       [](W& w, const Scope& s, Draw& d) {
         EvalRunFilter filter;
         auto uid = DrawModelUid(w, s, d);
         if (d.Percent(20)) filter.model = std::move(uid);
         filter.type = d.Maybe({EvalType::kEmbedding, EvalType::kNer}, 20);
         const auto list = fmt::format("Evaluations::List {} {}", filter.model ? d.masks().back().second : "",
                                       filter.type ? ToString(*filter.type) : "");
         return AnsweredPage(w, s, d, list, [&](int size, const std::string& token) {
           return w.evaluations(s).List(filter, size, token);
         });
       }},
      {"Evaluations::PerQuery", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto run_id = d.Name();
         return AnsweredPage(w, s, d, "Evaluations::PerQuery " + run_id,
                             [&](int size, const std::string& token) {
                               return w.evaluations(s).PerQuery(run_id, size, token);
                             });
       }},
      {"Evaluations::Delete", kWrite,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.evaluations(s).Delete(d.Name())); }},
  };
}

}  // namespace jammi::proof
