#include "catalog/harness.h"

#include "support/temp_dir.h"

namespace jammi::test {
namespace {

class SqliteHarness final : public Harness {
 public:
  Result<std::unique_ptr<Catalog>> Open() override {
    SqliteOptions options;
    options.path = folder_ / "catalog.db";
    options.durability = Durability::kNormal;  // power loss is not what is tested here
    options.clock = clock_;
    return OpenSqliteCatalog(options);
  }
  BackendKind kind() const override { return BackendKind::kSqlite; }
  CatalogLocation location() const override { return {BackendKind::kSqlite, folder_ / "catalog.db", {}}; }
  void MoveClock(std::chrono::microseconds by) override { clock_->Advance(by); }

 private:
  TempDir folder_;
  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(1'700'000'000'000'000);
};

}  // namespace

std::unique_ptr<Harness> MakeSqliteHarness() { return std::make_unique<SqliteHarness>(); }

std::vector<MakeHarness> AllHarnesses() {
  std::vector<MakeHarness> all = {MakeSqliteHarness};
#ifdef JAMMI_HAS_POSTGRES
  all.push_back(MakePostgresHarness);
#endif
  return all;
}

std::string HarnessName(const testing::TestParamInfo<MakeHarness>& info) {
  return info.param == MakeSqliteHarness ? "Sqlite" : "Postgres";
}

}  // namespace jammi::test
