// What tenants can do to each other: nothing (TEN-001, TEN-002, TEN-020 to TEN-025).
//
// Two tenants, an outsider who comes by now and then, and the global scope call every verb of every
// repository, with arguments from a few names and ids that they share. What is stored is read past the
// repositories.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catalog/proof/database.h"
#include "catalog/proof/snapshot.h"
#include "catalog/proof/verbs.h"
#include "catalog/repo_fixture.h"
#include "support/random.h"

namespace jammi::proof {
namespace {

using test::kA;
using test::kB;
using test::kGlobal;
using test::kOutsider;

constexpr const char* kSeed = "JAMMI_TENANCY_SEED";
constexpr const char* kSteps = "JAMMI_TENANCY_STEPS";

const std::vector<Verb<Database>>& Verbs() {
  static const auto verbs = AllVerbs<Database>();
  return verbs;
}

// One call, to be made in any world.
struct Step {
  const Verb<Database>* verb = nullptr;
  Scope caller = kGlobal;
  uint64_t seed = 0;

  // Makes this the next call: often of the same repository by the same caller, so that one thing leads to
  // another.
  void Move(test::Random& random, std::initializer_list<Scope> callers) {
    const auto last = verb == nullptr || random.Percent(10) ? "" : RepositoryOf(*verb);
    if (last.empty()) {
      caller = *std::next(callers.begin(), static_cast<std::ptrdiff_t>(random.Below(callers.size())));
    }
    do {
      verb = &Verbs()[random.Below(Verbs().size())];
    } while (!RepositoryOf(*verb).starts_with(last));
    seed = random.Next();
  }
  static std::string_view RepositoryOf(const Verb<Database>& verb) {
    return verb.name.substr(0, verb.name.find("::"));
  }
  [[nodiscard]] std::string ToString() const { return fmt::format("{} as {}", verb->name, NameOf(caller)); }
};

class TenancyTest : public testing::TestWithParam<test::MakeHarness> {
 protected:
  static std::unique_ptr<Database> MakeDatabase() {
    return std::make_unique<Database>(std::shared_ptr<test::Harness>(GetParam()()));
  }
  const uint64_t seed_ = test::FromEnvironment(kSeed, 1);
  const uint64_t steps_ = test::FromEnvironment(kSteps, 3000);
  testing::ScopedTrace trace_{__FILE__, __LINE__, test::Replay(kSeed, seed_)};
};

// An error of the caller's own making, or success; nothing that says the database had to stop him.
bool IsAnAnswer(const Answer& answer) {
  if (!answer.error) return true;
  using enum ErrorCode;
  static const std::set<ErrorCode> kAnswers = {kInvalidArgument, kNotFound, kAlreadyExists,
                                               kFailedPrecondition, kPermissionDenied};
  return kAnswers.contains(*answer.error);
}

// The invariants of one call.
void CheckCall(const Step& step, const Answer& answer, const Snapshot& before, const Snapshot& after) {
  EXPECT_TRUE(IsAnAnswer(answer)) << answer.ToString();
  for (const Scope& owner : answer.owners) {
    EXPECT_TRUE(step.caller.Sees(owner)) << "was told of a thing of " << NameOf(owner) << ": " << answer.text;
  }
  std::set<std::string> owners;
  for (const auto& [owner, rows] : before) owners.insert(owner);
  for (const auto& [owner, rows] : after) owners.insert(owner);
  const bool may_write = !answer.error && step.verb->does == Does::kWrite;
  for (const std::string& owner : owners) {
    if (may_write && (owner == step.caller.Key() || owner == kNobody)) continue;
    // With a global topic go its consumers, whosever they are.
    const bool drops = step.verb->name == "TopicRepo::Drop" && step.caller == kGlobal && !answer.error;
    EXPECT_EQ(Missing(before, after, owner, drops ? "consumers" : ""), "")
        << "is gone from the rows of '" << owner << "'";
    EXPECT_EQ(Missing(after, before, owner), "") << "is new among the rows of '" << owner << "'";
  }
}

TEST_P(TenancyTest, Ten020To025NobodyReadsOrChangesWhatIsAnothers) {
  auto world = MakeDatabase();
  world->TakeTokensOfOthers();
  const SnapshotReader reader(world->backend());
  test::Random random(seed_);
  Step step;
  std::set<std::string_view> unseen;  // verbs that have not succeeded yet: they have shown little
  for (const Verb<Database>& verb : Verbs()) unseen.insert(verb.name);
  Snapshot before = reader.Read(world->backend());
  const uint64_t most = 5 * steps_;
  for (uint64_t i = 0; i < (unseen.empty() ? steps_ : most) && !HasFailure(); ++i) {
    step.Move(random, {kA, kA, kB, kB, kGlobal, kGlobal, kOutsider});
    SCOPED_TRACE(fmt::format("step {}: {}", i, step.ToString()));
    Draw draw(step.seed);
    const Answer answer = step.verb->call(*world, step.caller, draw);
    Snapshot after = reader.Read(world->backend());
    CheckCall(step, answer, before, after);
    before = std::move(after);
    if (!answer.error) unseen.erase(step.verb->name);
    world->Pass(random.Below(250) == 0);
    if (random.Percent(5)) {
      WorkOnAll(*world);
      before = reader.Read(world->backend());
    }
  }
  EXPECT_THAT(unseen, testing::IsEmpty());
}

// Nobody's answers depend on what others do: the same calls are made in a catalog where those others never
// call, and the answers are the same, word for word. So another's thing and a thing that does not exist are
// one and the same to ask for; and what is global is the same for everybody, whoever else refers to it.
TEST_P(TenancyTest, Ten021AnothersThingsCannotBeToldFromThingsThatDoNotExist) {
  struct Alone {
    std::unique_ptr<Database> world;
    std::set<Scope> callers;
  };
  auto all = MakeDatabase();
  std::vector<Alone> alone;
  alone.push_back({MakeDatabase(), {kGlobal, kOutsider, kA}});
  alone.push_back({MakeDatabase(), {kGlobal, kOutsider}});
  test::Random random(seed_);
  Step step;
  for (uint64_t i = 0; i < steps_ && !HasFailure(); ++i) {
    step.Move(random, {kA, kA, kB, kB, kGlobal, kGlobal, kOutsider});
    SCOPED_TRACE(fmt::format("step {}: {}", i, step.ToString()));
    Draw draw(step.seed);
    const Answer answer = step.verb->call(*all, step.caller, draw);
    // What a tenant refers to cannot be removed by the global scope either; that it may know (CAT-009).
    const bool in_use = step.caller == kGlobal && answer.error == ErrorCode::kFailedPrecondition;
    for (auto& [world, callers] : alone) {
      if (!callers.contains(step.caller) || in_use) continue;
      Draw again(step.seed);
      EXPECT_EQ(step.verb->call(*world, step.caller, again).ToString(), answer.ToString());
    }
    const bool unit = random.Below(250) == 0;
    const bool work = random.Percent(5);
    for (Database* world : {all.get(), alone[0].world.get(), alone[1].world.get()}) {
      world->Pass(unit);
      if (work) WorkOnAll(*world);
    }
  }
}

// How many rows each table holds for a scope.
std::map<std::string, int> RowsOf(Database& world, const SnapshotReader& reader, const Scope& owner) {
  std::map<std::string, int> rows;
  const Snapshot snapshot = reader.Read(world.backend());
  const auto own = snapshot.find(owner.Key());
  if (own == snapshot.end()) return rows;
  for (const std::string& row : own->second) {
    const std::string table = row.substr(0, row.find(' '));
    if (table != "events") ++rows[table];
  }
  return rows;
}

void CallAlone(Database& world, const Scope& caller, uint64_t seed, uint64_t steps) {
  test::Random random(seed);
  Step step;
  for (uint64_t i = 0; i < steps; ++i) {
    step.Move(random, {caller});
    Answer answer;
    do {  // lost against a concurrent call of another tenant: again, with the same arguments
      Draw draw(step.seed);
      answer = step.verb->call(world, caller, draw);
    } while (answer.error == ErrorCode::kAborted);
    if (!IsAnAnswer(answer)) ADD_FAILURE() << step.ToString() << ": " << answer.ToString();
  }
}

TEST_P(TenancyTest, Ten023TenantsAtTheSameTimeEndUpWhereEachWouldAlone) {
  const std::vector<Scope> tenants = {kA, kB, test::Tenant("eeeeeeee-0000-4000-8000-000000000005"),
                                      test::Tenant("ffffffff-0000-4000-8000-000000000006")};
  const uint64_t steps = steps_ / 6;
  auto shared = MakeDatabase();
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < tenants.size(); ++i) {
    threads.emplace_back([&, i] {
      Database world(shared.get());
      CallAlone(world, tenants[i], seed_ + i, steps);
    });
  }
  threads.clear();
  const SnapshotReader reader(shared->backend());
  for (size_t i = 0; i < tenants.size(); ++i) {
    auto alone = MakeDatabase();
    CallAlone(*alone, tenants[i], seed_ + i, steps);
    const auto rows = RowsOf(*alone, reader, tenants[i]);
    EXPECT_FALSE(rows.empty());
    EXPECT_EQ(RowsOf(*shared, reader, tenants[i]), rows) << "rows of tenant " << i;
  }
}

JAMMI_ON_EVERY_DATABASE(TenancyTest);

}  // namespace
}  // namespace jammi::proof
