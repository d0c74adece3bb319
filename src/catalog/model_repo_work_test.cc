// The model registry at work: pages while models come and go, versions taken by many threads, and random
// work of three scopes against a map.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <latch>
#include <map>
#include <set>
#include <thread>

#include "catalog/model_repo.h"
#include "catalog/model_repo_fixture.h"
#include "support/random.h"

namespace jammi::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class ModelsWorkTest : public ModelsTest {};

JAMMI_ON_EVERY_DATABASE(ModelsWorkTest);

// --- Paging.

TEST_P(ModelsWorkTest, Wk26PagesAreStableWhileModelsComeAndGo) {
  std::set<std::string> stay;
  Random random(26);
  const auto start = Now();
  for (int i = 0; i < 300; ++i) {
    MoveClock(std::chrono::microseconds(random.Below(2)));
    const Scope scope = std::array{kA, kB, kGlobal}[random.Below(3)];
    const auto record = Ok(As(scope).Register(Params(fmt::format("m{}", i % 100), i / 100 + 1)));
    if (scope != kB) stay.insert(record.CatalogPk());
  }
  std::set<std::string> seen;
  std::string token;
  int added = 0;
  std::vector<std::string> extra;
  do {
    const auto page = Ok(As(kA).List(7, token));
    for (const auto& record : page.items)
      EXPECT_TRUE(seen.insert(record.CatalogPk()).second) << record.CatalogPk();
    token = page.next_page_token;
    // Before and behind where the next page starts, even the row the token names.
    const std::chrono::microseconds back(random.Below(static_cast<uint64_t>(Now() - start)));
    MoveClock(-back);
    for (int i = 0; i < 3; ++i) Ok(As(i == 0 ? kGlobal : kA).Register(Params(fmt::format("new{}", added++))));
    const auto& last = page.items.back();
    if (!stay.contains(last.CatalogPk())) {
      Ok(As(last.owner).Delete(last.model_id, last.version));
    }
    MoveClock(back);
  } while (!token.empty());
  EXPECT_TRUE(std::includes(seen.begin(), seen.end(), stay.begin(), stay.end()));
}

TEST_P(ModelsWorkTest, APageIsOneMomentUnderConcurrentRegistration) {
  for (int i = 0; i < 100; ++i) Ok(As(i % 2 == 0 ? kA : kGlobal).Register(Params(fmt::format("old{}", i))));
  std::atomic<bool> stop = false;
  std::jthread writer([&] {
    for (int i = 0; !stop && i < 100'000; ++i) {
      MoveClock(std::chrono::microseconds(1));
      Ok(As(i % 2 == 0 ? kA : kGlobal).Register(Params(fmt::format("new{}", i))));
    }
  });
  for (int round = 0; round < 20; ++round) {
    std::set<std::string> old;
    std::string token;
    for (int page_no = 0; old.size() < 100 && page_no < 100; ++page_no) {
      const auto page = Ok(As(kA).List(9, token));
      for (const auto& record : page.items) {
        const bool again = record.model_id.starts_with("old") && !old.insert(record.model_id).second;
        EXPECT_FALSE(again) << record.model_id;
      }
      token = page.next_page_token;
    }
    EXPECT_EQ(old.size(), 100U);
  }
  stop = true;
}

TEST_P(ModelsWorkTest, TheLastFullPageEndsTheList) {
  for (int i = 0; i < 4; ++i) Ok(As(kA).Register(Params(fmt::format("m{}", i))));
  const auto first = Ok(As(kA).List(2));
  EXPECT_FALSE(first.next_page_token.empty());
  EXPECT_EQ(first.next_page_token.find(kA.Key()), std::string::npos);
  const auto second = Ok(As(kA).List(2, first.next_page_token));
  EXPECT_EQ(second.items.size(), 2U);
  EXPECT_EQ(second.next_page_token, "");
  EXPECT_THAT(Ok(As(kB).List()).items, IsEmpty());
}

TEST_P(ModelsWorkTest, TokensAndPageSizesAreChecked) {
  for (int i = 0; i < 3; ++i) Ok(As(kA).Register(Params(fmt::format("m{}", i))));
  const std::string token = Ok(As(kA).List(1)).next_page_token;
  std::vector<std::string> bad = {"x",
                                  "0",
                                  "deadbeef",
                                  std::string(16, '0'),
                                  token + "00",
                                  "00" + token,
                                  token.substr(0, token.size() - 2),
                                  std::string(5000, 'a'),
                                  std::string(40, '\0')};
  for (size_t i = 0; i < token.size(); ++i) {
    bad.push_back(token);
    bad.back()[i] = token[i] == '0' ? '1' : '0';
    bad.push_back(token.substr(0, i + 1 == token.size() ? i : i + 1));
  }
  for (const auto& text : bad) {
    EXPECT_EQ(CodeOf(As(kA).List(1, text)), ErrorCode::kInvalidArgument) << text;
    EXPECT_EQ(CodeOf(As(kA).ListDescriptors(1, text)), ErrorCode::kInvalidArgument) << text;
  }
  // A reader without a scope of its own was never given an "own" position.
  EXPECT_EQ(CodeOf(As(kGlobal).List(1, token)), ErrorCode::kInvalidArgument);
  for (const int size : {0, -1, 1001}) {
    const auto refused = As(kA).List(size);
    EXPECT_EQ(CodeOf(refused), ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().message(), HasSubstr("page_size"));
  }
}

// --- Versions under concurrency, deadlines.

TEST_P(ModelsWorkTest, RegisterNextGivesEachCallerItsOwnVersionWithoutGaps) {
  constexpr int kThreads = 8;
  constexpr int kEach = 25;
  std::vector<std::vector<int32_t>> got(kThreads);
  std::latch start(kThreads);
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        Models models = As(t % 2 == 0 ? kA : kGlobal);
        start.arrive_and_wait();
        for (int i = 0; i < kEach; ++i) got[t].push_back(Ok(models.RegisterNext(Params("m"))).version);
      });
    }
  }
  std::map<bool, std::vector<int32_t>> versions;  // by scope
  for (int t = 0; t < kThreads; ++t) {
    EXPECT_TRUE(std::is_sorted(got[t].begin(), got[t].end()));
    versions[t % 2 == 0].insert(versions[t % 2 == 0].end(), got[t].begin(), got[t].end());
  }
  std::vector<int32_t> expected(size_t{kThreads} / 2 * kEach);
  for (size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<int32_t>(i + 1);
  for (auto& [scope, all] : versions) {
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, expected);
  }
}

TEST_P(ModelsWorkTest, RegisterNextFollowsTheHighestVersion) {
  Ok(As(kGlobal).Register(Params("m", 50)));
  EXPECT_EQ(Ok(As(kA).RegisterNext(Params("m"))).version, 1);
  Ok(As(kA).Register(Params("m", 7)));
  const auto eighth = Ok(As(kA).RegisterNext(Params("m")));
  EXPECT_EQ(eighth.version, 8);
  Ok(As(kA).Delete("m", 8));
  const auto again = Ok(As(kA).RegisterNext(Params("m")));
  EXPECT_EQ(again.version, 8);
  EXPECT_NE(again.uid, eighth.uid);
  Ok(As(kA).Register(Params("m", INT32_MAX)));
  EXPECT_EQ(CodeOf(As(kA).RegisterNext(Params("m"))), ErrorCode::kFailedPrecondition);
}

TEST_P(ModelsWorkTest, OneOfManyConcurrentRegistrationsOfAVersionSucceeds) {
  constexpr int kThreads = 8;
  std::atomic<int> succeeded = 0;
  std::atomic<int> refused = 0;
  {
    std::latch start(kThreads);
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        const auto result = As(kA).Register(Params("m", 1));
        succeeded += result ? 1 : 0;
        refused += CodeOf(result) == ErrorCode::kAlreadyExists ? 1 : 0;
      });
    }
    threads.clear();
  }
  EXPECT_EQ(succeeded, 1);
  EXPECT_EQ(refused, kThreads - 1);
}

TEST_P(ModelsWorkTest, AChangeThatCannotBeginInTimeIsRefused) {
  std::latch holding(1);
  std::latch release(1);
  std::jthread holder([&] {
    const auto held = backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
      JAMMI_TRY(
          tx.Execute("INSERT INTO models (scope, name, version, model_uid, model_type, task, backend, "
                     "status, revision, created_at, updated_at) VALUES ($1, 'm', 1, 'uid', 'embedding', "
                     "'ner', 'candle', 'registered', 1, 0, 0)",
                     {kA.Key()}));
      holding.count_down();
      release.wait();
      return Error(ErrorCode::kCancelled, "not after all");
    });
    EXPECT_EQ(CodeOf(held), ErrorCode::kCancelled);
  });
  holding.wait();
  EXPECT_EQ(CodeOf(As(kA).WithDeadline(Deadline::After(std::chrono::milliseconds(1))).Register(Params("m"))),
            ErrorCode::kDeadlineExceeded);
  release.count_down();
  holder.join();
  EXPECT_TRUE(IsModelNotFound(As(kA).Get("m"), "m"));
}

// --- Random work of three scopes against a model that is a map.

class Oracle {
 public:
  struct Entry {
    ModelRecord record;
    std::set<std::string> edges;  // of this version
  };
  using Key = std::tuple<std::string, std::string, int32_t>;  // scope, name, version

  Entry* Own(const Scope& scope, const std::string& name, std::optional<int32_t> version) {
    Entry* found = nullptr;
    for (auto& [key, entry] : entries) {
      const auto& [owner, model, number] = key;
      if (owner == scope.Key() && model == name && (!version || *version == number)) found = &entry;
    }
    return found;
  }
  Entry* Visible(const Scope& scope, const std::string& name, std::optional<int32_t> version) {
    Entry* own = Own(scope, name, version);
    return own != nullptr ? own : Own(Scope::Global(), name, version);
  }
  std::vector<ModelRecord> List(const Scope& scope) const {
    std::vector<ModelRecord> all;
    for (const auto& [key, entry] : entries) {
      if (scope.Sees(entry.record.owner)) all.push_back(entry.record);
    }
    std::sort(all.begin(), all.end(), [](const ModelRecord& a, const ModelRecord& b) {
      return std::tuple(a.created_at, a.model_id, a.version, a.owner.Key()) <
             std::tuple(b.created_at, b.model_id, b.version, b.owner.Key());
    });
    return all;
  }
  // The edges that hold `entry`, in no order.
  std::set<std::string> Holding(const Entry& entry) const {
    std::set<std::string> held = entry.edges;
    for (const auto& [key, other] : entries) {
      if (other.record.owner != entry.record.owner || other.record.model_id != entry.record.model_id)
        continue;
      for (const auto* shared : {"result_tables", "training_jobs.output_model_id"}) {
        if (other.edges.contains(shared)) held.insert(shared);
      }
    }
    return held;
  }

  std::map<Key, Entry> entries;
};

class ModelsRandomTest : public ModelsTest {
 protected:
  int Pick(int n) { return static_cast<int>(random_.Below(static_cast<uint64_t>(n))); }

  RegisterModelParams RandomParams(const std::string& name, std::optional<int32_t> version) {
    auto params = Params(name, version);
    params.task = static_cast<ModelTask>(Pick(6));
    params.backend = Pick(2) == 0 ? "vllm" : "";
    if (Pick(2) == 0) params.base_model_id = fmt::format("base{}", Pick(3));
    if (Pick(2) == 0) params.artifact_path = fmt::format("/{}", Pick(100));
    if (Pick(2) == 0) params.config_json = std::to_string(Pick(100));
    return params;
  }

  // `stored` must be what `params` asks for; it becomes an entry.
  void Insert(const Scope& scope, const RegisterModelParams& params, int32_t version,
              const ModelRecord& stored) {
    const ModelRecord expected = {.model_id = params.model_id,
                                  .uid = stored.uid,
                                  .owner = scope,
                                  .version = version,
                                  .model_type = params.model_type,
                                  .base_model_id = params.base_model_id,
                                  .backend = params.backend,
                                  .task = params.task,
                                  .artifact_path = params.artifact_path,
                                  .config_json = params.config_json,
                                  .status = ModelStatus::kRegistered,
                                  .revision = 1};
    ExpectChanged(stored, expected, step_began_);
    EXPECT_TRUE(uids_.insert(stored.uid.value).second);
    oracle_.entries[{scope.Key(), params.model_id, version}] = {stored, {}};
  }

  void Changed(Oracle::Entry& entry, ModelRecord expected, const ModelRecord& stored) {
    expected.revision += 1;
    ExpectChanged(stored, expected, step_began_);
    entry.record = stored;
  }

  void Step(const Scope& scope, const std::string& name, int32_t version);
  void StepRegister(const Scope& scope, const RegisterModelParams& params);
  void StepUpsert(const Scope& scope, const RegisterModelParams& params);
  void StepUpdateStatus(const Scope& scope, const std::string& name, int32_t version);
  void StepSetArtifactPath(const Scope& scope, const std::string& name, int32_t version);
  void StepDelete(const Scope& scope, const std::string& name, std::optional<int32_t> version);
  void StepRefer(const Scope& scope, const std::string& name);
  void StepRead(const Scope& scope, const std::string& name, std::optional<int32_t> version);

  const uint64_t seed_ = FromEnvironment("JAMMI_MODELS_SEED", 1);
  Random random_{seed_};
  Oracle oracle_;
  std::set<std::string> uids_;
  int referrers_ = 0;
  UnixMicros step_began_ = 0;
};

JAMMI_ON_EVERY_DATABASE(ModelsRandomTest);

void ModelsRandomTest::StepRegister(const Scope& scope, const RegisterModelParams& params) {
  const auto result = As(scope).Register(params);
  if (oracle_.Own(scope, params.model_id, params.version) != nullptr) {
    EXPECT_EQ(CodeOf(result), ErrorCode::kAlreadyExists);
  } else {
    Insert(scope, params, *params.version, Ok(result));
  }
}

void ModelsRandomTest::StepUpsert(const Scope& scope, const RegisterModelParams& params) {
  const auto stored = Ok(As(scope).Upsert(params));
  auto* entry = oracle_.Own(scope, params.model_id, params.version);
  if (entry == nullptr) return Insert(scope, params, *params.version, stored);
  ModelRecord expected = entry->record;
  expected.task = params.task;
  expected.backend = params.backend;
  expected.model_type = params.model_type;
  expected.base_model_id = params.base_model_id;
  expected.config_json = params.config_json;
  if (params.artifact_path) expected.artifact_path = params.artifact_path;
  Changed(*entry, expected, stored);
}

void ModelsRandomTest::StepUpdateStatus(const Scope& scope, const std::string& name, int32_t version) {
  const auto status = static_cast<ModelStatus>(Pick(3));
  const auto result = As(scope).UpdateStatus(name, version, status);
  auto* entry = oracle_.Own(scope, name, version);
  if (entry == nullptr) {
    EXPECT_TRUE(IsModelNotFound(result, name));
  } else if (entry->record.status == status) {
    EXPECT_EQ(Ok(result), entry->record);
  } else if (entry->record.status == ModelStatus::kFailed && status == ModelStatus::kLoaded) {
    EXPECT_EQ(CodeOf(result), ErrorCode::kFailedPrecondition);
  } else {
    ModelRecord expected = entry->record;
    expected.status = status;
    Changed(*entry, expected, Ok(result));
  }
}

void ModelsRandomTest::StepSetArtifactPath(const Scope& scope, const std::string& name, int32_t version) {
  const auto path = Pick(2) == 0 ? std::nullopt : std::optional<std::string>("/set");
  const auto revision = Pick(2) == 0 ? std::nullopt : std::optional<int64_t>(Pick(4) + 1);
  const auto result = As(scope).SetArtifactPath(name, version, path, revision);
  auto* entry = oracle_.Own(scope, name, version);
  if (entry == nullptr) {
    EXPECT_TRUE(IsModelNotFound(result, name));
  } else if (revision && *revision != entry->record.revision) {
    EXPECT_EQ(CodeOf(result), ErrorCode::kFailedPrecondition);
  } else {
    ModelRecord expected = entry->record;
    expected.artifact_path = path;
    Changed(*entry, expected, Ok(result));
  }
}

void ModelsRandomTest::StepDelete(const Scope& scope, const std::string& name,
                                  std::optional<int32_t> version) {
  const bool ignore = Pick(2) == 0;
  const auto result =
      As(scope).Delete(name, version, ignore ? Models::OnMissing::kIgnore : Models::OnMissing::kFail);
  const auto* visible = oracle_.Visible(scope, name, version);
  const auto* own = oracle_.Own(scope, name, version);
  if (own == nullptr) {
    if (visible == nullptr && ignore) {
      EXPECT_TRUE(result);
    } else {
      EXPECT_TRUE(IsModelNotFound(result, name));
    }
    return;
  }
  const auto held = oracle_.Holding(*own);
  if (held.empty()) {
    EXPECT_TRUE(result);
    oracle_.entries.erase({scope.Key(), name, own->record.version});
  } else {
    const auto named = ReferencedBy(result);
    EXPECT_EQ(std::set(named.begin(), named.end()), held);
  }
}

// Something of the scope refers to what it sees under the name.
void ModelsRandomTest::StepRefer(const Scope& scope, const std::string& name) {
  auto* model = oracle_.Visible(scope, name, std::nullopt);
  auto* base = oracle_.Visible(scope, "b", std::nullopt);
  if (model == nullptr || base == nullptr) return;
  const std::string id = std::to_string(referrers_++);
  const auto edge = ModelEdges()[static_cast<size_t>(Pick(4))].name;
  if (edge == "result_tables") AddResultTable(scope, id, model->record.uid);
  if (edge == "eval_runs") AddEvalRun(scope, id, model->record.uid);
  if (edge == "training_jobs.base_model_id") AddJob(scope, id, model->record.uid, std::nullopt);
  if (edge == "training_jobs.output_model_id") {
    AddJob(scope, id, base->record.uid, model->record.uid);
    base->edges.insert("training_jobs.base_model_id");
  }
  model->edges.insert(std::string(edge));
}

void ModelsRandomTest::StepRead(const Scope& scope, const std::string& name, std::optional<int32_t> version) {
  const auto result = version ? As(scope).GetVersion(name, *version) : As(scope).Get(name);
  const auto* entry = oracle_.Visible(scope, name, version);
  if (entry == nullptr) {
    EXPECT_TRUE(IsModelNotFound(result, name));
  } else {
    EXPECT_EQ(Ok(result), entry->record);
  }
}

void ModelsRandomTest::Step(const Scope& scope, const std::string& name, int32_t version) {
  MoveClock(std::chrono::microseconds(Pick(2)));
  step_began_ = Now();
  const auto maybe = Pick(2) == 0 ? std::nullopt : std::optional(version);
  switch (Pick(10)) {
    case 0:
      return StepRegister(scope, RandomParams(name, version));
    case 1:
      return StepUpsert(scope, RandomParams(name, version));
    case 2: {
      const auto* highest = oracle_.Own(scope, name, std::nullopt);
      const auto params = RandomParams(name, std::nullopt);
      return Insert(scope, params, highest == nullptr ? 1 : highest->record.version + 1,
                    Ok(As(scope).RegisterNext(params)));
    }
    case 3:
      return StepUpdateStatus(scope, name, version);
    case 4:
      return StepSetArtifactPath(scope, name, version);
    case 5:
    case 6:
      return StepDelete(scope, name, maybe);
    case 7:
      return Pick(4) == 0 ? StepRefer(scope, name) : StepRead(scope, name, version);
    case 8:
      return StepRead(scope, name, maybe);
    default:
      EXPECT_EQ(ListAll(scope, Pick(5) + 1), oracle_.List(scope));
  }
}

TEST_P(ModelsRandomTest, BehavesLikeAMap) {
  SCOPED_TRACE(Replay("JAMMI_MODELS_SEED", seed_));
  for (int step = 0; step < 2400 && !HasFailure(); ++step) {
    SCOPED_TRACE(fmt::format("step {}", step));
    if (step % 200 == 0) {  // else references hold everything in the end
      for (const auto* table : {"result_tables", "training_jobs", "eval_runs"})
        Sql(std::string("DELETE FROM ") + table);
      for (auto& [key, entry] : oracle_.entries) entry.edges.clear();
    }
    const Scope scope = std::array{kA, kB, kGlobal}[static_cast<size_t>(Pick(3))];
    Step(scope, std::array{"a", "b", "c"}[static_cast<size_t>(Pick(3))], Pick(3) + 1);
  }
}

}  // namespace
}  // namespace jammi::test
