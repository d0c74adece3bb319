// The catalog on every database, step by step beside a model of it in memory (catalog/proof/map_*.h): the
// same calls, the same answers, word for word; of an error the databases the same words, the model the code.
// (Consumers have a test of their own beside a model: consumer_model_test.cc.)
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/proof/database.h"
#include "catalog/proof/map_world.h"
#include "catalog/proof/steps.h"
#include "catalog/proof/verbs.h"
#include "support/random.h"

namespace jammi::proof {
namespace {

using test::kA;
using test::kB;
using test::kGlobal;
using test::kOutsider;

constexpr StepNames kNames = {"JAMMI_MODEL_SEED", "JAMMI_MODEL_SEEDS", "JAMMI_MODEL_STEPS"};

template <class W>
std::vector<Verb<W>> ModelledVerbs() {
  std::vector<Verb<W>> all;
  for (const auto& verbs : {ChannelVerbs<W>(), EvaluationVerbs<W>(), JobVerbs<W>(), ClaimVerbs<W>(),
                            WorkerVerbs<W>(), ModelVerbs<W>(), SourceVerbs<W>(), BuildVerbs<W>(),
                            TableVerbs<W>(), SegmentVerbs<W>(), TopicVerbs<W>()}) {
    all.insert(all.end(), verbs.begin(), verbs.end());
  }
  return all;
}

std::multiset<std::string> SortedLines(const std::string& text) {
  std::multiset<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in >> std::ws, line);) lines.insert(line);
  return lines;
}

// The model and the databases, in step.
class Lockstep {
 public:
  explicit Lockstep(uint64_t seed) : random_(seed) {
    for (const test::MakeHarness make : test::AllHarnesses()) {
      databases_.push_back(std::make_unique<Database>(std::shared_ptr<test::Harness>(make())));
    }
  }

  void Step() {
    const size_t verb = random_.Below(map_verbs_.size());
    const Scope caller = callers_[random_.Below(callers_.size())];
    const uint64_t seed = random_.Next();
    SCOPED_TRACE(fmt::format("{} as {}", map_verbs_[verb].name, NameOf(caller)));
    Draw draw(seed);
    const Answer first = database_verbs_[verb].call(*databases_[0], caller, draw);
    for (size_t i = 1; i < databases_.size(); ++i) {
      Draw again(seed);
      EXPECT_EQ(database_verbs_[verb].call(*databases_[i], caller, again).ToString(), first.ToString());
    }
    Compare(map_verbs_[verb], caller, seed, draw.bad(), first);
    if (!first.error) succeeded_.insert(map_verbs_[verb].name);
    Pass();
  }

  // Verbs that have never succeeded.
  [[nodiscard]] std::vector<std::string_view> Unseen() const {
    std::vector<std::string_view> unseen;
    for (const auto& verb : map_verbs_) {
      if (!succeeded_.contains(verb.name)) unseen.push_back(verb.name);
    }
    return unseen;
  }

 private:
  void Compare(const Verb<MapWorld>& verb, const Scope& caller, uint64_t seed, bool bad,
               const Answer& first) {
    if (bad) {  // the model knows good arguments only
      EXPECT_EQ(first.error, ErrorCode::kInvalidArgument) << first.ToString();
      return;
    }
    Draw draw(seed);
    const Answer answer = verb.call(map_, caller, draw);
    EXPECT_EQ(first.error, answer.error) << first.ToString() << "\nthe model: " << answer.ToString();
    // What is merged is tested elsewhere (channel_merge_test.cc).
    if (first.error || verb.name == "Channels::Merge") return;
    if (verb.name == "ResultTables::Descendants") {  // what their order promises is tested elsewhere
      EXPECT_EQ(SortedLines(first.text), SortedLines(answer.text));
    } else {
      EXPECT_EQ(first.text, answer.text);
    }
  }

  // Time passes, now and then much, and now and then a database is closed and opened again.
  void Pass() {
    const bool unit = random_.Percent(1);
    map_.Pass(unit);
    for (const auto& database : databases_) {
      database->Pass(unit);
      if (random_.Below(400) == 0) database->Reopen();
    }
  }

  test::Random random_;
  const std::vector<Scope> callers_ = {kA, kA, kA, kB, kB, kGlobal, kGlobal, kOutsider};
  const std::vector<Verb<MapWorld>> map_verbs_ = ModelledVerbs<MapWorld>();
  const std::vector<Verb<Database>> database_verbs_ = ModelledVerbs<Database>();
  MapWorld map_;
  std::vector<std::unique_ptr<Database>> databases_;
  std::set<std::string_view> succeeded_;
};

TEST(CatalogModelTest, EveryDatabaseAnswersWhatTheModelAnswers) { RunSteps<Lockstep>(kNames, 6000); }

}  // namespace
}  // namespace jammi::proof
