// Random verbs of several scopes on evaluation runs, beside a model in memory: the same answers, the same
// rows.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "catalog/repo_fixture.h"
#include "jammi/evaluations.h"
#include "support/random.h"

namespace jammi::test {
namespace {

using Rows = std::map<std::string, std::string>;  // query -> metrics

struct ModelRun {
  Scope owner = Scope::Global();
  std::string id;
  std::optional<ModelUid> model;
  EvalType type = EvalType::kEmbedding;
  int64_t sequence = 0;  // the greater the newer
  Rows rows;
};

class EvaluationModelTest : public RepoTest {
 protected:
  using Code = std::optional<ErrorCode>;
  using Key = std::pair<std::string, std::string>;  // scope, id

  EvaluationModelTest() {
    for (const Scope& owner : {kA, kB, kGlobal}) models_.emplace_back(RegisterModel(owner, "m").uid, owner);
  }

  Evaluations As(const Scope& scope) const { return Evaluations(Access(scope)); }

  template <class List>
  const auto& OneOf(const List& list) {
    return *std::next(std::begin(list), static_cast<std::ptrdiff_t>(random_.Below(std::size(list))));
  }
  std::vector<EvalQueryResult> AnyRows() {
    std::vector<EvalQueryResult> rows;
    for (int i = 0; i < 12; ++i) {
      if (!random_.Percent(25)) continue;
      rows.push_back(
          {.query_id = fmt::format("q{}", i), .metrics = fmt::format("{{\"n\": {}}}", random_.Below(99))});
    }
    std::ranges::reverse(rows);
    return rows;
  }

  ModelRun* FindOwn(const Scope& scope, const std::string& id) {
    const auto found = runs_.find({scope.Key(), id});
    return found == runs_.end() ? nullptr : &found->second;
  }
  ModelRun* FindVisible(const Scope& scope, const std::string& id) {
    ModelRun* own = FindOwn(scope, id);
    return own != nullptr ? own : FindOwn(kGlobal, id);
  }
  // Newest first.
  std::vector<const ModelRun*> Listed(const Scope& scope, const EvalRunFilter& filter) const {
    std::vector<const ModelRun*> listed;
    for (const auto& [key, run] : runs_) {
      if (!scope.Sees(run.owner)) continue;
      if (filter.model && run.model != filter.model) continue;
      if (filter.type && run.type != *filter.type) continue;
      listed.push_back(&run);
    }
    std::ranges::sort(listed, std::greater<>(), &ModelRun::sequence);
    return listed;
  }
  static void Expect(const EvalRun& stored, const ModelRun& model) {
    EXPECT_EQ(stored.owner, model.owner);
    EXPECT_EQ(stored.run_id, model.id);
    EXPECT_EQ(stored.model, model.model);
    EXPECT_EQ(stored.type, model.type);
    EXPECT_EQ(stored.metrics, fmt::format("{{\"sequence\":{}}}", model.sequence));
  }

  // --- Verbs: each does it in both and compares the answers.

  void DoRecord(const Scope& scope, const std::string& id) {
    MoveClock(std::chrono::seconds(1));
    ModelRun run{.owner = scope, .id = id, .type = OneOf(types_), .sequence = ++last_sequence_};
    Code expected;
    if (random_.Percent(70)) {
      const auto& [uid, owner] = OneOf(models_);
      run.model = uid;
      if (!scope.Sees(owner)) expected = ErrorCode::kNotFound;
    }
    if (!expected && FindOwn(scope, id) != nullptr) expected = ErrorCode::kAlreadyExists;
    const auto rows = AnyRows();
    const auto recorded = As(scope).Record({.run_id = id,
                                            .model = run.model,
                                            .type = run.type,
                                            .source_id = "source",
                                            .metrics = fmt::format("{{\"sequence\":{}}}", run.sequence)},
                                           rows);
    ASSERT_EQ(CodeOf(recorded), expected);
    if (!recorded) return;
    Expect(*recorded, run);
    for (const auto& row : rows) run.rows[row.query_id] = row.metrics;
    runs_[{scope.Key(), id}] = run;
  }

  void DoAppend(const Scope& scope, const std::string& id) {
    const auto rows = AnyRows();
    ModelRun* run = FindOwn(scope, id);
    Code expected;
    if (run == nullptr && !rows.empty()) expected = ErrorCode::kNotFound;
    if (run != nullptr) {
      const auto is_there = [&](const auto& row) { return run->rows.contains(row.query_id); };
      if (std::ranges::any_of(rows, is_there)) expected = ErrorCode::kAlreadyExists;
    }
    ASSERT_EQ(CodeOf(As(scope).Append(id, rows)), expected);
    if (expected) return;
    for (const auto& row : rows) run->rows[row.query_id] = row.metrics;
  }

  void DoDelete(const Scope& scope, const std::string& id) {
    const Code expected = FindOwn(scope, id) == nullptr ? Code(ErrorCode::kNotFound) : std::nullopt;
    ASSERT_EQ(CodeOf(As(scope).Delete(id)), expected);
    runs_.erase({scope.Key(), id});
  }

  void DoRead(const Scope& scope, const std::string& id) {
    const auto stored = As(scope).Get(id);
    const ModelRun* run = FindVisible(scope, id);
    ASSERT_EQ(stored.has_value(), run != nullptr);
    if (run != nullptr) Expect(*stored, *run);

    const int page_size = 1 + static_cast<int>(random_.Below(5));
    const auto rows =
        AllPages([&](const std::string& token) { return As(scope).PerQuery(id, page_size, token); });
    Rows read;
    for (const auto& row : rows) read[row.query_id] = row.metrics;
    EXPECT_EQ(read, run != nullptr ? run->rows : Rows());
    EXPECT_TRUE(std::ranges::is_sorted(rows, {}, &EvalQueryResult::query_id));
  }

  void DoList(const Scope& scope) {
    EvalRunFilter filter;
    if (random_.Percent(50)) filter.model = OneOf(models_).first;
    if (random_.Percent(50)) filter.type = OneOf(types_);
    const int page_size = 1 + static_cast<int>(random_.Below(5));
    const auto stored =
        AllPages([&](const std::string& token) { return As(scope).List(filter, page_size, token); });
    const auto listed = Listed(scope, filter);
    ASSERT_EQ(stored.size(), listed.size());
    for (size_t i = 0; i < stored.size(); ++i) Expect(stored[i], *listed[i]);
    if (!filter.model || !filter.type) return;
    const auto latest = Ok(As(scope).Latest(*filter.model, *filter.type));
    ASSERT_EQ(latest.has_value(), !listed.empty());
    if (latest) Expect(*latest, *listed.front());
  }

  void DoAny() {
    const Scope scope = OneOf(scopes_);
    const std::string id = OneOf(ids_);
    const uint64_t dice = random_.Below(100);
    if (dice < 25) return DoRecord(scope, id);
    if (dice < 45) return DoAppend(scope, id);
    if (dice < 55) return DoDelete(scope, id);
    if (dice < 80) return DoRead(scope, id);
    DoList(scope);
  }

  const std::vector<Scope> scopes_ = {kA, kB, kOutsider, kGlobal};
  const std::vector<std::string> ids_ = {"r1", "r2", "r3", "r4"};
  const std::vector<EvalType> types_ = {EvalType::kEmbedding, EvalType::kNer, EvalType::kCalibrationSample};
  const uint64_t seed_ = FromEnvironment("JAMMI_EVALUATIONS_SEED", 1);
  Random random_{seed_};
  int64_t last_sequence_ = 0;
  std::vector<std::pair<ModelUid, Scope>> models_;
  std::map<Key, ModelRun> runs_;
};

JAMMI_ON_EVERY_DATABASE(EvaluationModelTest);

TEST_P(EvaluationModelTest, RandomVerbsAnswerAsTheModelDoes) {
  SCOPED_TRACE(Replay("JAMMI_EVALUATIONS_SEED", seed_));
  for (int i = 1; i <= 2000 && !HasFailure(); ++i) {
    DoAny();
    if (i % 700 == 0) Reopen();
  }
}

}  // namespace
}  // namespace jammi::test
