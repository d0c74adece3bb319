// The conformance cases on PostgreSQL.
#include "catalog/conformance.h"
#include "catalog/postgres/pg_fixture.h"

namespace jammi::conformance {
namespace {

class PostgresHarness final : public Harness {
 public:
  Result<std::unique_ptr<Catalog>> Open() override {
    PostgresOptions options;
    options.url = Secret(url_);
    options.time_shift = [this] { return shift_.load(); };
    return OpenPostgresCatalog(options);
  }
  BackendKind kind() const override { return BackendKind::kPostgres; }
  void MoveClock(std::chrono::microseconds by) override { shift_ = shift_.load() + by; }

 private:
  const std::string url_ = test::PgServer::Shared().Url(test::PgServer::Shared().CreateDatabase());
  std::atomic<std::chrono::microseconds> shift_{};
};

INSTANTIATE_TEST_SUITE_P(Postgres, Conformance, testing::Values([]() -> std::unique_ptr<Harness> {
                           return std::make_unique<PostgresHarness>();
                         }));

}  // namespace
}  // namespace jammi::conformance
