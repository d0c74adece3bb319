// Random calls of every verb of ephemeral sessions by tenants who share nothing, beside a model in memory:
// each is answered what the model says, and nobody's calls move anything of another's (TEN-020 to TEN-025).
#include <map>
#include <memory>

#include "ephemeral/ephemeral_fixture.h"
#include "support/random.h"

namespace jammi::test {
namespace {

using std::chrono::microseconds;
using std::chrono::minutes;

constexpr const char* kSeed = "JAMMI_EPHEMERAL_SEED";
constexpr const char* kSteps = "JAMMI_EPHEMERAL_STEPS";

// What there should be of one session. Time counts in minutes.
struct ModelSession {
  Scope tenant = kGlobal;
  int64_t deadline = 0;
  std::map<std::string, int64_t> tables;  // rows
  bool swept = false;                     // or closed: its end has been said

  [[nodiscard]] bool IsOpen(int64_t now) const { return !swept && now < deadline; }
};

struct Handle {
  EphemeralSession session;
  std::shared_ptr<ModelSession> model;
  bool owner = true;
  bool closed = false;
};

class EphemeralTenancyTest : public EphemeralTest {
 protected:
  void Step() {
    switch (random_.Below(10)) {
      case 0:
        return OpenOne();
      case 1:
        return AttachOne();
      case 2:
      case 3:
        return CreateOne();
      case 4:
      case 5:
      case 6:
        return InsertOne();
      case 7:
        return CountOne();
      case 8:
        return random_.Percent(50) ? CloseOne() : DropHandle();
      default:
        return PassTime();
    }
  }

  Scope DrawTenant() { return random_.Percent(50) ? kA : kB; }
  std::string DrawName() { return random_.Percent(50) ? "t" : "u"; }
  Handle* DrawHandle() { return handles_.empty() ? nullptr : handles_[random_.Below(handles_.size())].get(); }

  void OpenOne() {
    const Scope tenant = DrawTenant();
    // Never close to a moment at which the clock stands.
    const int64_t timeout = random_.Percent(50) ? 90 : 30;
    auto session = OpenSession(tenant, minutes(timeout));
    auto model = std::make_shared<ModelSession>(ModelSession{.tenant = tenant, .deadline = now_ + timeout});
    ids_.emplace_back(session.id(), model);
    told_[tenant].push_back("opened 0 0");
    handles_.push_back(std::make_unique<Handle>(Handle{std::move(session), std::move(model)}));
  }
  void AttachOne() {
    if (ids_.empty()) return;
    const auto& [id, model] = ids_[random_.Below(ids_.size())];
    const Scope caller = random_.Percent(10) ? kGlobal : DrawTenant();
    auto attached = node_.sessions->Attach(caller, id);
    ASSERT_EQ(attached.has_value(), caller == model->tenant && model->IsOpen(now_)) << id;
    if (!attached) {
      EXPECT_EQ(CodeOf(attached), ErrorCode::kNotFound);
      const bool reached = node_.tables(caller).Get(EphemeralTableId(id, "t")).has_value();
      EXPECT_EQ(reached, caller == model->tenant && !model->swept && model->tables.contains("t"));
      return;
    }
    handles_.push_back(std::make_unique<Handle>(Handle{std::move(*attached), model, /*owner=*/false}));
  }
  void CreateOne() {
    auto* const handle = DrawHandle();
    if (handle == nullptr) return;
    const std::string name = DrawName();
    const auto created = handle->session.CreateTable(name, ImageSchema(), {"image_id"});
    if (!ExpectOpen(*handle, created)) return;
    EXPECT_EQ(created.has_value(), handle->model->tables.emplace(name, 0).second);
    EXPECT_EQ(FaultOf(created), created ? std::nullopt : std::optional(EphemeralFault::kDuplicateTable));
  }
  void InsertOne() {
    auto* const handle = DrawHandle();
    if (handle == nullptr) return;
    const std::string name = DrawName();
    const auto count = static_cast<int64_t>(random_.Below(4));
    const auto table = handle->model->tables.find(name);
    const bool known = table != handle->model->tables.end();
    const auto inserted = handle->session.Insert(name, Images(known ? table->second : 0, count));
    if (!ExpectOpen(*handle, inserted)) return;
    EXPECT_EQ(FaultOf(inserted), known ? std::nullopt : std::optional(EphemeralFault::kUnknownTable));
    if (known) table->second += Ok(inserted);
  }
  void CountOne() {
    auto* const handle = DrawHandle();
    if (handle == nullptr) return;
    const std::string name = DrawName();
    const auto counted = handle->session.Count(name);
    if (!ExpectOpen(*handle, counted)) return;
    const auto table = handle->model->tables.find(name);
    if (table == handle->model->tables.end()) {
      EXPECT_EQ(FaultOf(counted), EphemeralFault::kUnknownTable);
    } else {
      EXPECT_EQ(Ok(counted), table->second);
    }
  }
  // Whether it could have succeeded; checks what is answered if not.
  template <class T>
  bool ExpectOpen(const Handle& handle, const Result<T>& result) {
    if (!handle.closed && handle.model->IsOpen(now_)) return true;
    EXPECT_EQ(FaultOf(result), EphemeralFault::kEnded);
    return false;
  }
  void CloseOne() {
    auto* const handle = DrawHandle();
    if (handle == nullptr) return;
    Ok(handle->session.Close());
    if (!handle->closed && !handle->model->swept) End(*handle->model, "closed");
    handle->closed = true;
  }
  void DropHandle() {
    if (handles_.empty()) return;
    const size_t at = random_.Below(handles_.size());
    std::swap(handles_[at], handles_.back());
    const auto model = handles_.back()->model;
    const bool gives_up = handles_.back()->owner && !handles_.back()->closed;
    handles_.pop_back();
    Sweep();
    if (gives_up && !model->swept) End(*model, "closed");
    EndExpired();
  }
  void PassTime() {
    if (random_.Percent(50)) {
      MoveClock(minutes(60));
      now_ += 60;
      Ok(node_.sessions->RenewLeases());
      return;
    }
    Sweep();
    EndExpired();
  }
  void EndExpired() {
    for (auto& [id, model] : ids_) {
      if (!model->swept && now_ >= model->deadline) End(*model, "timed_out");
    }
  }
  void End(ModelSession& model, std::string_view how) {
    int64_t rows = 0;
    for (const auto& [name, count] : model.tables) rows += count;
    told_[model.tenant].push_back(fmt::format("{} {} {}", how, model.tables.size(), rows));
    model.swept = true;
  }
  // Which of several that are due ends first is not said.
  void ExpectTold() {
    for (const Scope& tenant : {kA, kB})
      EXPECT_THAT(Told(tenant), testing::UnorderedElementsAreArray(told_[tenant]));
    EXPECT_THAT(Told(kOutsider), testing::IsEmpty());
    int64_t tables = 0;
    for (const auto& [id, model] : ids_)
      tables += model->swept ? 0 : static_cast<int64_t>(model->tables.size());
    EXPECT_EQ(SessionTables(), tables);
    EXPECT_EQ(StorageTables(), tables);
  }

  const uint64_t seed_ = FromEnvironment(kSeed, 1);
  const uint64_t steps_ = FromEnvironment(kSteps, 600);
  testing::ScopedTrace trace_{__FILE__, __LINE__, Replay(kSeed, seed_)};
  Random random_{seed_};
  int64_t now_ = 0;
  std::vector<std::pair<std::string, std::shared_ptr<ModelSession>>> ids_;
  std::vector<std::unique_ptr<Handle>> handles_;
  std::map<Scope, std::vector<std::string>> told_;
};
JAMMI_ON_EVERY_DATABASE(EphemeralTenancyTest);

TEST_P(EphemeralTenancyTest, Ten020To025EveryVerbIsAnsweredAsTheModelSays) {
  for (uint64_t i = 0; i < steps_ && !HasFailure(); ++i) {
    SCOPED_TRACE(fmt::format("step {}", i));
    Step();
    if (i % 20 == 0) ExpectTold();
  }
  MoveClock(minutes(120));
  now_ += 120;
  Sweep();
  Sweep();
  EndExpired();
  ExpectTold();
  ExpectNothingLeft();
}

}  // namespace
}  // namespace jammi::test
