// ResultTables::Descendants(): the graph of what was made from what.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>

#include "catalog/arguments.h"
#include "catalog/result_table_repo.h"
#include "catalog/result_table_row.h"
#include "jammi/result_tables.h"

namespace jammi {
namespace {

constexpr int kMaxEdges = 100'000;

// What was made from some inputs at once. One statement for all of them is left to the planner of PostgreSQL,
// which reads all edges that there are; one for each is a round trip for each.
constexpr size_t kInputsAtOnce = 8;
constexpr std::string_view kMadeFrom =
    "SELECT source, made_scope, made_table FROM result_table_inputs WHERE made_scope IN ($1, $2) "
    "AND source IN ($3, $4, $5, $6, $7, $8, $9, $10) LIMIT $11";
constexpr size_t kMadeFromParams = 3 + kInputsAtOnce;

constexpr std::array<RepoStatement, 1> kResultTableLineageStatements = {
    {{"made from", kMadeFrom, kMadeFromParams}}};

using Edges = std::set<LineageEdge>;

// Adds the tables that were made from `inputs` (kInputsAtOnce at most) and belong to one of the scopes,
// `most` of them; those that were not known are added to `found`.
Result<void> AddMadeFrom(Transaction& tx, const Scope& one, const Scope& other,
                         std::span<const std::string> inputs, int64_t most, Edges& edges,
                         std::vector<ResultTableRef>& found) {
  const std::string first = one.Key();
  const std::string second = other.Key();
  std::vector<SqlValue> params(kMadeFromParams, SqlValue(inputs.front()));
  params.front() = first;
  params[1] = second;
  std::ranges::copy(inputs, params.begin() + 2);
  params.back() = most;
  return tx.Query(kMadeFrom, SqlParams(params), [&](const Row& row) -> Result<bool> {
    LineageEdge edge;
    JAMMI_ASSIGN(edge.input, row.Get<std::string>("source"));
    JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("made_scope"));
    JAMMI_ASSIGN(edge.table.owner, Scope::FromKey(scope));
    JAMMI_ASSIGN(edge.table.table_name, row.Get<std::string>("made_table"));
    const auto [added, is_new] = edges.insert(std::move(edge));
    if (is_new) found.push_back(added->table);
    return true;
  });
}

// Level by level, until there are more than `max_edges`. A tenant's table is an input of his own tables
// alone, a global one of all.
Result<Edges> ReadEdges(Transaction& tx, const Scope& reader, std::string_view source, size_t max_edges) {
  const auto most = static_cast<int64_t>(max_edges) + 1;
  Edges edges;
  std::set<ResultTableRef> seen;
  std::vector<ResultTableRef> level = {{Scope::Global(), std::string(source)}};
  while (!level.empty() && edges.size() <= max_edges) {
    std::vector<ResultTableRef> next;
    for (const bool global : {true, false}) {
      std::vector<std::string> inputs;
      for (const ResultTableRef& table : level) {
        if (table.owner.is_global() == global && seen.insert(table).second)
          inputs.push_back(table.table_name);
      }
      for (size_t i = 0; i < inputs.size() && edges.size() <= max_edges; i += kInputsAtOnce) {
        const auto some = std::span(inputs).subspan(i, std::min(kInputsAtOnce, inputs.size() - i));
        JAMMI_TRY(AddMadeFrom(tx, reader, global ? Scope::Global() : reader, some, most, edges, next));
      }
    }
    level = std::move(next);
  }
  return edges;
}

// How many of a table's edges have not been put in order yet. Two tables of one name, a global one and the
// reader's, are two.
using InputsLeft = std::map<ResultTableRef, size_t>;

// What the edge's table means by the name of its input: its owner's table before a global one.
ResultTableRef InputOf(const LineageEdge& edge, const InputsLeft& tables) {
  ResultTableRef own{edge.table.owner, edge.input};
  return tables.contains(own) ? own : ResultTableRef{Scope::Global(), edge.input};
}

// One of the tables that lie on a cycle. `inputs_left` has those that never became free of inputs: each has
// an input that is among them too, so that going from input to input ends in a cycle.
Error CycleAmong(const Edges& edges, const InputsLeft& inputs_left) {
  std::map<ResultTableRef, ResultTableRef> input_of;
  for (const LineageEdge& edge : edges) {
    const ResultTableRef input = InputOf(edge, inputs_left);
    const auto left = inputs_left.find(input);
    if (left != inputs_left.end() && left->second > 0) input_of.insert_or_assign(edge.table, input);
  }
  ResultTableRef table = input_of.begin()->first;
  for (size_t step = 0; step < input_of.size(); ++step) table = input_of.at(table);
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("dependency cycle in derives-from lineage at table '{}'", table.table_name),
               DependencyCycleDetail{table.table_name});
}

// Kahn's order: what leads to a table before what begins at it.
Result<std::vector<LineageEdge>> InOrder(const Edges& edges, std::string_view source) {
  InputsLeft inputs_left;
  for (const LineageEdge& edge : edges) ++inputs_left[edge.table];
  std::vector<LineageEdge> ordered;
  std::vector<ResultTableRef> free;
  const ResultTableRef start{Scope::Global(), std::string(source)};
  if (!inputs_left.contains(start)) free.push_back(start);
  for (size_t i = 0; i < free.size(); ++i) {
    const ResultTableRef input = free[i];
    const LineageEdge first{input.table_name, {Scope::Global(), ""}};
    for (auto edge = edges.lower_bound(first); edge != edges.end() && edge->input == input.table_name;
         ++edge) {
      if (InputOf(*edge, inputs_left) != input) continue;
      ordered.push_back(*edge);
      if (--inputs_left[edge->table] == 0) free.push_back(edge->table);
    }
  }
  if (ordered.size() < edges.size()) return CycleAmong(edges, inputs_left);
  return ordered;
}

}  // namespace

std::span<const RepoStatement> LineageStatements() { return kResultTableLineageStatements; }

Result<std::vector<LineageEdge>> ResultTables::Descendants(std::string_view source, int max_edges) const {
  JAMMI_TRY(CheckSourceId("source", source));
  if (max_edges < 1 || max_edges > kMaxEdges) {
    return InvalidArgument("max_edges", fmt::format("must be 1 to {}, not {}", kMaxEdges, max_edges));
  }
  const auto most = static_cast<size_t>(max_edges);
  JAMMI_ASSIGN(const Edges edges, access_.backend->Transact(access_.Reading(), [&](Transaction& tx) {
    return ReadEdges(tx, access_.scope, source, most);
  }));
  if (edges.size() > most) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("more than {} tables and inputs descend from '{}'", max_edges, source));
  }
  return InOrder(edges, source);
}

}  // namespace jammi
