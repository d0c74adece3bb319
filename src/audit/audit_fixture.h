// The audit log on the database under test: a catalog, its streams, two tenants and keys of one's choice.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audit/audit_service.h"
#include "base/log.h"
#include "base/sync_point.h"
#include "catalog/repo_fixture.h"

namespace jammi::test {

inline const std::string kOldKey(64, '1');
inline const std::string kNewKey(64, '2');

// Keys that a test exchanges.
class TestKeys final : public AuditKeyStore {
 public:
  Result<std::shared_ptr<const AuditKeyRing>> Keys() override { return store_->Keys(); }
  void Set(const std::vector<std::string>& hexes) {
    std::vector<Secret> secrets;
    for (const auto& hex : hexes) secrets.emplace_back(hex);
    store_ = NewFixedAuditKeyStore(std::move(secrets));
  }

 private:
  std::shared_ptr<AuditKeyStore> store_ = NewFixedAuditKeyStore({Secret(kOldKey)});
};

// One process, as far as the database can tell.
struct AuditNode {
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<Streams> streams;
  std::shared_ptr<AuditService> service;

  ~AuditNode() { Close(); }
  void Close() {
    if (streams != nullptr) streams->Shutdown();
    service.reset();
    streams.reset();
    catalog.reset();
  }
  void Open(std::unique_ptr<Catalog> opened, std::shared_ptr<AuditKeyStore> keys,
            std::shared_ptr<Clock> clock, const QuotaLimits& limits = {}) {
    Close();
    catalog = std::move(opened);
    StreamsOptions options;
    options.attachments.threads = false;
    options.quotas.everybody = limits;
    options.quotas.sum_every = std::chrono::hours(1);
    options.clock = clock;
    streams = Ok(Streams::Open(*catalog, options, nullptr));
    service = std::make_shared<AuditService>(catalog->backend(), *streams, std::move(keys),
                                             AuditOptions{.clock = std::move(clock)});
  }
  [[nodiscard]] AuditLog Of(const Scope& scope) const { return {service, scope}; }
};

class AuditTest : public testing::TestWithParam<MakeHarness> {
 protected:
  AuditTest() {
    SetLog(LogLevel::kError, LogFormat::kText);
    Open(node_);
  }
  ~AuditTest() override {
    node_.Close();
    ClearSyncPoints();
    SetLog(LogLevel::kWarning, LogFormat::kText);
  }

  void Open(AuditNode& node, const QuotaLimits& limits = {}) {
    node.Close();
    node.Open(Ok(harness_->Open()), keys_, clock_, limits);
  }
  CatalogBackend& backend() { return node_.catalog->backend(); }
  AuditLog A() const { return node_.Of(kA); }
  AuditLog B() const { return node_.Of(kB); }

  static Uuid Id(uint64_t n) { return *Uuid::Parse(fmt::format("00000000-0000-4000-8000-{:012x}", n)); }
  static AuditedQuery Query(uint64_t n, const std::string& model = "m") {
    return {.query_id = Id(n),
            .model_id = model,
            .model_version = "v1",
            .query_lineage = fmt::format(R"({{"n":{},"hash":["sha256:{:08x}"],"x":0.1}})", n, n * 77),
            .top_k_result_ids = {fmt::format("doc-{}", n), "doc"},
            .retrieval_scores = {0.92F, 0.5F}};
  }
  static std::vector<AuditedQuery> Queries(uint64_t begin, uint64_t end) {
    std::vector<AuditedQuery> queries;
    for (; begin < end; ++begin) queries.push_back(Query(begin));
    return queries;
  }
  static Result<std::vector<AuditRecord>> LogOne(AuditLog log, const AuditedQuery& query) {
    return log.Log({&query, 1});
  }
  // Each in a call of its own, a second apart.
  void LogEach(AuditLog log, uint64_t begin, uint64_t end) {
    for (; begin < end; ++begin) {
      Ok(LogOne(log, Query(begin)));
      clock_->Advance(std::chrono::seconds(1));
    }
  }

  int64_t Sql(std::string_view sql, std::initializer_list<SqlValue> params = {}) {
    return Ok(Execute(backend(), sql, params));
  }
  int64_t Count(const std::string& table) {
    return Ok(GetInt(backend(), fmt::format("SELECT COUNT(*) AS v FROM {}", table)));
  }
  static std::vector<std::pair<std::string, int64_t>> Found(const ChainReport& report) {
    std::vector<std::pair<std::string, int64_t>> found;
    for (const auto& finding : report.findings) found.emplace_back(ToString(finding.kind), finding.seq);
    return found;
  }

  template <class T>
  static std::optional<AuditFault> FaultOf(const Result<T>& result) {
    const auto* detail = result ? nullptr : result.error().template As<AuditDetail>();
    return detail == nullptr ? std::nullopt : std::optional(detail->fault);
  }
  // The events of the tenant's topic, as records.
  std::vector<AuditRecord> Announced(const Scope& scope);

  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(1'700'000'000'123'456);
  const std::shared_ptr<TestKeys> keys_ = std::make_shared<TestKeys>();
  const std::unique_ptr<Harness> harness_ = GetParam()();
  AuditNode node_;
};

}  // namespace jammi::test
