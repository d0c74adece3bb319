#include <atomic>

#include "catalog/harness.h"
#include "support/pg_server.h"

namespace jammi::test {
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
  CatalogLocation location() const override { return {BackendKind::kPostgres, {}, Secret(url_)}; }
  void MoveClock(std::chrono::microseconds by) override { shift_ = shift_.load() + by; }

 private:
  const std::string url_ = PgServer::Shared().Url(PgServer::Shared().CreateDatabase());
  std::atomic<std::chrono::microseconds> shift_{};
};

}  // namespace

std::unique_ptr<Harness> MakePostgresHarness() { return std::make_unique<PostgresHarness>(); }

}  // namespace jammi::test
