// The signed audit log beside its limits, in the same run: raw inserts of the same rows into the same table,
// and OpenSSL's HMAC over the same bytes.
//
//   audit_bench [seconds per case [verify | sqlite | postgres]]
#include <fmt/format.h>
#include <libpq-fe.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sqlite3.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "audit/audit_rows.h"
#include "audit/audit_service.h"
#include "audit/hmac.h"
#include "bench/measure.h"
#include "catalog/catalog.h"
#include "support/pg_server.h"

namespace jammi::bench {
namespace {

constexpr int kRounds = 5;  // turns of both sides; the ratio is the median of them
const Scope kTenant = Scope::ForTenant(*TenantId::Parse("aaaaaaaa-0000-4000-8000-000000000001"));

// Ten results and a lineage of a hundred bytes: what a search looks like.
AuditedQuery MakeQuery() {
  AuditedQuery query{.query_id = Uuid::RandomV4(),
                     .model_id = "patentclip/PatentCLIP_Vit_B",
                     .model_version = "3aa649a",
                     .query_lineage = R"({"examiner_id":"42","image_hashes":["sha256:0123456789abcdef"],)"
                                      R"("lasso_bbox":[120,80,480,360],"weight":0.25})"};
  for (int i = 0; i < 10; ++i) {
    query.top_k_result_ids.push_back(fmt::format("US-{}-B2", 10'000'000 + i));
    query.retrieval_scores.push_back(0.92F - 0.03F * static_cast<float>(i));
  }
  return query;
}
std::vector<AuditedQuery> MakeQueries(size_t count) {
  std::vector<AuditedQuery> queries(count);
  std::ranges::generate(queries, MakeQuery);
  return queries;
}

// The rows of such queries, as the engine stores them.
std::vector<audit::StoredRecord> MakeRows(size_t count, std::atomic<int64_t>& seq) {
  std::vector<audit::StoredRecord> rows;
  for (const AuditedQuery& query : MakeQueries(count)) {
    AuditRecord record;
    static_cast<AuditedQuery&>(record) = query;
    record.tenant_id = kTenant.Key();
    record.executed_at = Clock::System()->Now();
    record.scheme = AuditScheme::kJammi;
    record.key_id = "0123456789abcdef";
    record.signature = std::string(64, 'a');
    rows.push_back(Must(audit::ToStored(record)));
    rows.back().seq = ++seq;
  }
  return rows;
}

constexpr const char* kInsertText =
    "INSERT INTO search_audit (scope, seq, query_id, model_id, model_version, query_lineage, "
    "top_k_result_ids, "
    "retrieval_scores, executed_at, scheme, key_id, signature, chain) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

// --- Raw databases

struct Rival {
  virtual ~Rival() = default;
  virtual void Insert(const std::vector<audit::StoredRecord>& rows) = 0;  // one transaction
};

class SqliteInserts final : public Rival {
 public:
  explicit SqliteInserts(const std::filesystem::path& file) {
    Check(sqlite3_open(file.c_str(), &db_));
    Run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=10000");
    std::string text = kInsertText;
    std::ranges::replace(text, '$', '?');
    Check(sqlite3_prepare_v2(db_, text.c_str(), -1, &insert_, nullptr));
  }
  ~SqliteInserts() override {
    sqlite3_finalize(insert_);
    sqlite3_close(db_);
  }
  void Insert(const std::vector<audit::StoredRecord>& rows) override {
    Run("BEGIN IMMEDIATE");
    for (const auto& row : rows) {
      Text(1, row.tenant);
      sqlite3_bind_int64(insert_, 2, row.seq);
      Text(3, row.query_id);
      Text(4, row.model_id);
      Text(5, row.model_version);
      Text(6, row.lineage);
      Text(7, row.result_ids);
      Text(8, row.scores);
      sqlite3_bind_int64(insert_, 9, row.executed_at);
      sqlite3_bind_int64(insert_, 10, row.scheme);
      Text(11, row.key_id);
      Text(12, row.signature);
      sqlite3_bind_blob(insert_, 13, row.chain.data(), static_cast<int>(row.chain.size()), SQLITE_STATIC);
      if (sqlite3_step(insert_) != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(db_));
      sqlite3_reset(insert_);
    }
    Run("COMMIT");
  }

 private:
  void Check(int code) {
    if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(db_));
  }
  void Run(const char* sql) { Check(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr)); }
  void Text(int at, const std::string& text) {
    sqlite3_bind_text(insert_, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }
  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

// Prepared, and pipelined: a transaction is one round trip.
class PostgresInserts final : public Rival {
 public:
  explicit PostgresInserts(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
    PQclear(PQprepare(connection_, "insert", kInsertText, 13, nullptr));
    PQenterPipelineMode(connection_);
  }
  ~PostgresInserts() override { PQfinish(connection_); }
  void Insert(const std::vector<audit::StoredRecord>& rows) override {
    PQsendQueryParams(connection_, "BEGIN", 0, nullptr, nullptr, nullptr, nullptr, 0);
    for (const auto& row : rows) Send(row);
    PQsendQueryParams(connection_, "COMMIT", 0, nullptr, nullptr, nullptr, nullptr, 0);
    PQpipelineSync(connection_);
    for (size_t left = rows.size() + 2; left > 0; --left) {
      PGresult* const result = PQgetResult(connection_);
      if (PQresultStatus(result) != PGRES_COMMAND_OK) throw std::runtime_error(PQerrorMessage(connection_));
      PQclear(result);
      PQclear(PQgetResult(connection_));
    }
    PQclear(PQgetResult(connection_));  // the sync
  }

 private:
  void Send(const audit::StoredRecord& row) {
    const std::string seq = std::to_string(row.seq);
    const std::string time = std::to_string(row.executed_at);
    const char* const values[] = {row.tenant.c_str(),
                                  seq.c_str(),
                                  row.query_id.c_str(),
                                  row.model_id.c_str(),
                                  row.model_version.c_str(),
                                  row.lineage.c_str(),
                                  row.result_ids.c_str(),
                                  row.scores.c_str(),
                                  time.c_str(),
                                  "2",
                                  row.key_id.c_str(),
                                  row.signature.c_str(),
                                  reinterpret_cast<const char*>(row.chain.data())};
    const int lengths[13] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<int>(row.chain.size())};
    const int formats[13] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    PQsendQueryPrepared(connection_, "insert", 13, values, lengths, formats, 0);
  }
  PGconn* connection_;
};

// --- Both sides

// Records a second that `threads` threads do, each with a `work` of its own: work() does `batch` records.
double RateOf(double seconds, int threads, size_t batch, const std::function<std::function<void()>()>& make) {
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> done = 0;
  std::vector<std::thread> running;
  const double begin = WallSeconds();
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&, work = make()] {
      for (; !stop; done += batch) work();
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (auto& thread : running) thread.join();
  return static_cast<double>(done) / (WallSeconds() - begin);
}

// A catalog, its streams and its audit log.
struct Stage {
  explicit Stage(std::unique_ptr<Catalog> opened) : catalog(std::move(opened)) {
    const StreamsOptions options;
    streams = Must(Streams::Open(*catalog, options, nullptr));
    service = std::make_shared<AuditService>(
        catalog->backend(), *streams, NewFixedAuditKeyStore({Secret(std::string(64, '1'))}), AuditOptions{});
  }
  ~Stage() { streams->Shutdown(); }
  [[nodiscard]] AuditLog log() const { return {service, kTenant}; }

  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<Streams> streams;
  std::shared_ptr<AuditService> service;
};

using MakeRival = std::function<std::unique_ptr<Rival>()>;

void BenchLog(std::string_view database, double seconds, const Stage& stage, const MakeRival& make_rival) {
  std::atomic<int64_t> seq = 0;
  for (const size_t batch : {size_t{1}, size_t{100}}) {
    for (const int threads : {1, 16}) {
      std::vector<double> ours;
      std::vector<double> raw;
      std::vector<double> ratios;
      for (int round = 0; round < kRounds; ++round) {
        ours.push_back(RateOf(seconds, threads, batch, [&] {
          return [&, log = stage.log()]() mutable { Must(log.Log(MakeQueries(batch))); };
        }));
        raw.push_back(RateOf(seconds, threads, batch, [&] {
          std::shared_ptr<Rival> rival = make_rival();
          return [&, rival] { rival->Insert(MakeRows(batch, seq)); };
        }));
        ratios.push_back(ours.back() / raw.back());
      }
      fmt::print("{:<11} log, batch {:>3}, {:>2} threads {:>12.0f} {:>14.0f}   {}\n", database, batch,
                 threads, SpreadOf(ours).median, SpreadOf(raw).median, RatioText(ratios));
    }
  }
}

void BenchFetch(std::string_view database, double seconds, const Stage& stage) {
  AuditLog log = stage.log();
  const auto queries = MakeQueries(1000);
  Must(log.Log(queries));
  size_t next = 0;
  const double by_id = RateOf(
      seconds, 1, 1, [&] { return [&] { Must(log.Find(queries[++next % queries.size()].query_id)); }; });
  const double recent = RateOf(seconds, 1, 100, [&] { return [&] { Must(log.Recent(100)); }; });
  const double chain =
      RateOf(seconds, 1, 1000, [&] { return [&] { Must(log.VerifyChain({.from = 1, .to = 1000})); }; });
  fmt::print(
      "{:<11} fetch by id {:>10.0f}/s; recent 100 {:>10.0f} records/s; verify chain {:>10.0f} records/s\n",
      database, by_id, recent, chain);
}

// Signed records, the bytes of their signatures, and the key for them.
struct Signed {
  Signed() {
    const auto store = NewFixedAuditKeyStore({Secret(std::string(64, '1'))});
    ring = Must(store->Keys());
    const AuditMasterKey& master = ring->signing();
    key = Must(audit::DeriveTenantKey(master.bytes(), kTenant.Key(), audit::kSigningInfo));
    for (const AuditedQuery& query : MakeQueries(1000)) {
      records.push_back(Must(MakeAuditRecord(query, Clock::System()->Now())));
      records.back().tenant_id = kTenant.Key();
      Must(SignAuditRecord(records.back(), master));
      bytes.push_back(Must(CanonicalBytes(records.back(), AuditScheme::kJammi, master.id())));
    }
  }
  std::shared_ptr<const AuditKeyRing> ring;
  AuditKeyBytes key;
  std::vector<AuditRecord> records;
  std::vector<std::string> bytes;
};

void BenchVerify(double seconds) {
  const Signed all;
  const AuditVerifier verifier(all.ring);
  std::vector<double> ours;
  std::vector<double> raw;
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    ours.push_back(RateOf(seconds, 1, all.records.size(), [&] {
      return [&] {
        for (const auto& record : all.records) {
          if (!Must(verifier.VerifyFor(record, kTenant.Key()))) throw std::runtime_error("unsigned");
        }
      };
    }));
    raw.push_back(RateOf(seconds, 1, all.records.size(), [&] {
      return [&] {
        unsigned char digest[32];
        for (const auto& one : all.bytes) {
          HMAC(EVP_sha256(), all.key.bytes().data(), 32, reinterpret_cast<const unsigned char*>(one.data()),
               one.size(), digest, nullptr);
        }
      };
    }));
    ratios.push_back(ours.back() / raw.back());
  }
  fmt::print("verify a record of {} signed bytes {:>12.0f} {:>14.0f}   {}\n", all.bytes[0].size(),
             SpreadOf(ours).median, SpreadOf(raw).median, RatioText(ratios));
}

void BenchSqlite(double seconds) {
  const TempFolder folder("jammi_audit_bench");
  SqliteOptions options;
  options.path = folder.path() / "catalog.db";
  const auto rival_file = folder.path() / "raw.db";
  {
    SqliteOptions raw = options;
    raw.path = rival_file;
    Must(OpenSqliteCatalog(raw))->Close();
  }
  const Stage stage(Must(OpenSqliteCatalog(options)));
  BenchFetch("SQLite", seconds, stage);
  BenchLog("SQLite", seconds, stage, [&] { return std::make_unique<SqliteInserts>(rival_file); });
}

void BenchPostgres(double seconds) {
  auto& server = test::PgServer::Shared();
  PostgresOptions options;
  options.url = Secret(server.Url(server.CreateDatabase()));
  options.pool_size = 16;
  PostgresOptions raw = options;
  raw.url = Secret(server.Url(server.CreateDatabase()));
  Must(OpenPostgresCatalog(raw))->Close();
  const Stage stage(Must(OpenPostgresCatalog(options)));
  BenchFetch("PostgreSQL", seconds, stage);
  BenchLog("PostgreSQL", seconds, stage, [&] { return std::make_unique<PostgresInserts>(raw.url.Reveal()); });
}

void Run(double seconds, std::string_view part) {
  fmt::print("{:<37} {:>12} {:>14}   {}\n", "", "records/s", "raw", "ratio (of rounds)");
  if (part.empty() || part == "verify") BenchVerify(seconds);
  if (part.empty() || part == "sqlite") BenchSqlite(seconds);
  if (part.empty() || part == "postgres") BenchPostgres(seconds);
}

}  // namespace
}  // namespace jammi::bench

int main(int argc, char** argv) {
  const jammi::bench::Awake awake;
  jammi::bench::Run(argc > 1 ? std::atof(argv[1]) : 1.0, argc > 2 ? argv[2] : "");
}
