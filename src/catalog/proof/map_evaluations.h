// Evaluation runs as maps.
#pragma once

#include "catalog/proof/map_catalog.h"
#include "catalog/proof/map_models.h"

namespace jammi::proof {

class MapEvaluations {
 public:
  MapEvaluations(Maps& maps, Scope scope) : maps_(maps), scope_(std::move(scope)) {}

  Result<EvalRun> Record(const RecordEvalRunParams& params, const std::vector<EvalQueryResult>& rows) {
    if (params.model) {
      const auto* model = MapModels(maps_, scope_).WithUid(*params.model);
      if (model == nullptr || !scope_.Sees(model->owner)) return Missing();
    }
    if (Own(maps_.runs, scope_, params.run_id) != nullptr) return Exists();
    StoredRun& stored = maps_.runs[{scope_, params.run_id}];
    stored.run = {.run_id = params.run_id,
                  .owner = scope_,
                  .model = params.model,
                  .type = params.type,
                  .source_id = params.source_id,
                  .golden_source = params.golden_source,
                  .k = params.k,
                  .metrics = params.metrics,
                  .created_at = maps_.now};
    for (const auto& row : rows) stored.rows[row.query_id] = row;
    return stored.run;
  }
  Result<void> Append(const std::string& run_id, const std::vector<EvalQueryResult>& rows) {
    if (rows.empty()) return {};
    auto* stored = Own(maps_.runs, scope_, run_id);
    if (stored == nullptr) return Missing();
    for (const auto& row : rows) {
      if (stored->rows.contains(row.query_id)) return Exists();
    }
    for (const auto& row : rows) stored->rows[row.query_id] = row;
    return {};
  }
  Result<EvalRun> Get(const std::string& run_id) {
    const auto* stored = Visible(maps_.runs, scope_, run_id);
    return stored == nullptr ? Result<EvalRun>(Missing()) : stored->run;
  }
  Result<std::vector<EvalRun>> GetAll(const std::vector<std::string>& run_ids) {
    std::vector<EvalRun> runs;
    for (const auto& run_id : run_ids) {
      JAMMI_ASSIGN(runs.emplace_back(), Get(run_id));
    }
    return runs;
  }
  Result<std::optional<EvalRun>> Latest(const ModelUid& model, EvalType type) {
    JAMMI_ASSIGN(const auto page, List({.model = model, .type = type}, 1, ""));
    return page.items.empty() ? std::nullopt : std::optional(page.items.front());
  }
  Result<std::optional<EvalRun>> Latest(std::string_view model_id, int32_t version, EvalType type) {
    const auto model = MapModels(maps_, scope_).GetVersion(model_id, version);
    return model ? Latest(model->uid, type) : std::optional<EvalRun>();
  }
  // Newest first.
  Result<Page<EvalRun>> List(const EvalRunFilter& filter, int size, const std::string& token) {
    std::vector<EvalRun> seen;
    for (const auto& [key, stored] : maps_.runs) {
      const EvalRun& run = stored.run;
      if (!scope_.Sees(run.owner)) continue;
      if (filter.model && run.model != filter.model) continue;
      if (!filter.type || run.type == *filter.type) seen.push_back(run);
    }
    const auto before = [](const EvalRun& a, const EvalRun& b) {
      return std::tie(a.created_at, a.run_id, a.owner) > std::tie(b.created_at, b.run_id, b.owner);
    };
    return maps_.run_pages.Cut(std::move(seen), before, size, token);
  }
  Result<Page<EvalQueryResult>> PerQuery(const std::string& run_id, int size, const std::string& token) {
    const auto* stored = token.empty()
                             ? Visible(maps_.runs, scope_, run_id)
                             : Own(maps_.runs, maps_.row_pages.ends[std::stoul(token)].owner, run_id);
    std::vector<PagedRow> rows;
    if (stored != nullptr) {
      for (const auto& [query_id, row] : stored->rows) rows.push_back({stored->run.owner, row});
    }
    const auto before = [](const PagedRow& a, const PagedRow& b) { return a.row.query_id < b.row.query_id; };
    const auto cut = maps_.row_pages.Cut(std::move(rows), before, size, token);
    Page<EvalQueryResult> page{.next_page_token = cut.next_page_token};
    for (const PagedRow& paged : cut.items) page.items.push_back(paged.row);
    return page;
  }
  Result<void> Delete(const std::string& run_id) {
    return maps_.runs.erase({scope_, run_id}) == 1 ? Result<void>() : Missing();
  }

 private:
  Maps& maps_;
  Scope scope_;
};

}  // namespace jammi::proof
