// An engine goes on with the catalog that it has opened, and with no other that takes its place.
#include <gmock/gmock.h>

#include "catalog/postgres/pg_fixture.h"
#include "jammi/catalog_admin.h"

namespace jammi::postgres {
namespace {

using testing::HasSubstr;

class History : public PgTest {
 protected:
  // As after a restore by the server's means, while an engine was cut off.
  void CutEnginesOff() {
    Raw().Exec(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()");
  }
  static Result<void> Use(Catalog& catalog) {
    auto done = Execute(catalog, "UPDATE catalog_counters SET next_value = next_value");
    if (!done) return std::move(done).error();
    return {};
  }
  [[nodiscard]] CatalogLocation location() const { return {BackendKind::kPostgres, {}, options_.url}; }
};

TEST_F(History, AnEngineRefusesAnotherIncarnation) {
  const auto catalog = Open();
  ASSERT_TRUE(Use(*catalog));
  Raw().Exec("UPDATE catalog_identity SET incarnation = '00000000-0000-4000-8000-000000000000'");
  CutEnginesOff();
  Result<void> used;
  // A connection that the server has just ended may be tried first.
  for (int i = 0; i < 20 && (used = Use(*catalog)).has_value(); ++i) {
  }
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().code(), ErrorCode::kFailedPrecondition) << used.error().ToString();
  EXPECT_EQ(used.error().As<BackendDetail>()->fault, BackendFault::kMoved);
  EXPECT_THAT(used.error().message(), HasSubstr("start the engine again"));
  EXPECT_TRUE(Use(*Open()));  // one that is started now
}

TEST_F(History, NoToolAndEngineAtTheSameTime) {
  const CatalogLocation to{.path = std::filesystem::temp_directory_path() / "never.db"};
  const auto catalog = Open();
  EXPECT_EQ(NewIncarnation(location()).error().As<BackendDetail>()->fault, BackendFault::kBusy);
  EXPECT_EQ(CopyCatalog(location(), to, {.move = true}).error().As<BackendDetail>()->fault,
            BackendFault::kBusy);
  EXPECT_FALSE(std::filesystem::exists(to.path));
  EXPECT_TRUE(Use(*catalog));
  catalog->Close();
  EXPECT_TRUE(NewIncarnation(location()));

  test::RawPostgres holder(server().Url(database_));
  holder.Exec("SELECT pg_advisory_lock(" + std::to_string(0x4a616d6d69 + 1) + ")");
  const auto refused = OpenPostgresCatalog(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message(), HasSubstr("a tool works on the catalog"));
}

}  // namespace
}  // namespace jammi::postgres
