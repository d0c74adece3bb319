// Logging and reading: the rules and the reference's cases, on every database.
#include <arrow/api.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <random>
#include <thread>

#include "audit/audit_fixture.h"
#include "audit/audit_rows.h"
#include "catalog/query_plan.h"

namespace jammi {
namespace {

using test::AuditNode;
using test::CodeOf;
using test::kA;
using test::kB;
using test::kGlobal;
using test::Ok;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AuditLogTest : public test::AuditTest {
 protected:
  std::vector<Uuid> IdsOf(const std::vector<AuditRecord>& records) {
    std::vector<Uuid> ids;
    for (const auto& record : records) ids.push_back(record.query_id);
    return ids;
  }
  void ExpectNothing() {
    EXPECT_EQ(Count("search_audit"), 0);
    EXPECT_EQ(Count("audit_chains"), 0);
    EXPECT_THAT(Announced(kA), IsEmpty());
  }
};
JAMMI_ON_EVERY_DATABASE(AuditLogTest);

// --- Reference cases

TEST_P(AuditLogTest, Aud014Aud020Aud021Aud023LogFetchAndVerify) {
  const auto logged = Ok(LogOne(A(), Query(1)));
  ASSERT_EQ(logged.size(), 1U);
  EXPECT_EQ(logged[0].tenant_id, kA.Key());
  EXPECT_EQ(logged[0].executed_at, clock_->Now());
  const auto found = Ok(A().Find(Id(1)));
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, logged[0]);
  EXPECT_EQ(found->model_id, "m");
  EXPECT_THAT(found->top_k_result_ids, ElementsAre("doc-1", "doc"));
  EXPECT_EQ(found->signature.size(), 64U);
  EXPECT_TRUE(Ok(A().Verify(*found)));
  EXPECT_THAT(Ok(A().Recent(10)), ElementsAre(*found));

  Open(node_);
  EXPECT_EQ(Ok(A().Find(Id(1))), found) << "after a restart";
  EXPECT_TRUE(Ok(A().Verify(*Ok(A().Find(Id(1))))));
}

TEST_P(AuditLogTest, Aud018Aud020Aud034TenantsAreApart) {
  LogEach(A(), 1, 3);
  EXPECT_EQ(Ok(A().Recent(100)).size(), 2U);
  EXPECT_THAT(Ok(B().Recent(100)), IsEmpty());
  EXPECT_FALSE(Ok(B().Find(Id(1))));
  LogEach(B(), 1, 2);  // the same id is another record there
  EXPECT_EQ(Ok(B().Recent(100)).size(), 1U);
  EXPECT_NE(Ok(node_.streams->FindTopic(kA, kAuditTopic)).id,
            Ok(node_.streams->FindTopic(kB, kAuditTopic)).id);

  auto record = *Ok(A().Find(Id(1)));
  EXPECT_TRUE(Ok(A().Verify(record)));
  EXPECT_FALSE(Ok(B().Verify(record)));
  record.model_id = "other";
  EXPECT_FALSE(Ok(A().Verify(record)));
}

TEST_P(AuditLogTest, Aud017TheTopicHasTheSignedRecord) {
  const auto logged = Ok(A().Log(Queries(1, 4)));
  auto announced = Announced(kA);
  ASSERT_EQ(announced.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(announced[i].tenant_id, kA.Key());
    EXPECT_TRUE(Ok(A().Verify(announced[i]))) << "as clients see it, without scheme and key";
    announced[i].scheme = logged[i].scheme;
    announced[i].key_id = logged[i].key_id;
    EXPECT_EQ(announced[i], logged[i]);
  }
  EXPECT_THAT(Announced(kB), IsEmpty());
}

TEST_P(AuditLogTest, Aud010NothingIsDoneForNothing) {
  keys_->Set({});
  EXPECT_THAT(Ok(A().Log({})), IsEmpty());
  EXPECT_THAT(Ok(node_.Of(kGlobal).Log({})), IsEmpty());
  EXPECT_EQ(CodeOf(node_.streams->FindTopic(kA, kAuditTopic)), ErrorCode::kNotFound);
}

TEST_P(AuditLogTest, Aud011TheFirstFailureWins) {
  AuditedQuery bad = Query(1);
  bad.retrieval_scores.pop_back();
  AuditedQuery large = Query(2);
  large.query_lineage = '"' + std::string(8191, 'x') + '"';
  keys_->Set({});
  const std::vector<AuditedQuery> all = {large, bad};
  EXPECT_EQ(FaultOf(node_.Of(kGlobal).Log(all)), AuditFault::kNoTenantBinding);
  EXPECT_EQ(FaultOf(A().Log(all)), AuditFault::kLengthMismatch);
  EXPECT_EQ(FaultOf(LogOne(A(), large)), AuditFault::kLineageTooLarge);
  EXPECT_EQ(FaultOf(LogOne(A(), Query(3))), AuditFault::kMasterKey);
  EXPECT_EQ(CodeOf(node_.streams->FindTopic(kA, kAuditTopic)), ErrorCode::kNotFound);
  ExpectNothing();
}

TEST_P(AuditLogTest, Aud012Aud013TheCapOfLineage) {
  const auto with = [&](uint64_t n, size_t bytes) {
    AuditedQuery query = Query(n);
    query.query_lineage = fmt::format(" [ \"{}\" ] ", std::string(bytes - 4, 'x'));
    return query;
  };
  const std::vector<AuditedQuery> one_too_large = {with(1, 8192), with(2, 8193), with(3, 10)};
  const auto refused = A().Log(one_too_large);
  ASSERT_EQ(FaultOf(refused), AuditFault::kLineageTooLarge);
  EXPECT_EQ(refused.error().As<AuditDetail>()->actual, 8193U) << "compact, however it was given";
  EXPECT_EQ(refused.error().As<AuditDetail>()->expected, 8192U);
  EXPECT_EQ(refused.error().As<AuditDetail>()->query_id, Id(2).ToString());
  ExpectNothing();
  Ok(LogOne(A(), with(1, 8192)));

  ::setenv("JAMMI_AUDIT_MAX_LINEAGE_BYTES", " 64 ", 1);
  EXPECT_EQ(FaultOf(LogOne(A(), with(2, 200))), AuditFault::kLineageTooLarge);
  Ok(LogOne(A(), with(2, 64)));
  for (const char* none : {"many", "-1", "64k", ""}) {
    ::setenv("JAMMI_AUDIT_MAX_LINEAGE_BYTES", none, 1);
    EXPECT_EQ(FaultOf(LogOne(A(), with(3, 8193))), AuditFault::kLineageTooLarge);
    Ok(LogOne(A(), with(4, 8192)));
  }
  ::unsetenv("JAMMI_AUDIT_MAX_LINEAGE_BYTES");
}

TEST_P(AuditLogTest, Aud052KeysThatAreAbsentShortOrWrong) {
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{}, {"abcd"}, {std::string(64, 'x')}, {std::string(62, '1')}}) {
    keys_->Set(bad);
    EXPECT_EQ(FaultOf(LogOne(A(), Query(1))), AuditFault::kMasterKey);
  }
  ExpectNothing();
  keys_->Set({test::kOldKey});
  const auto record = Ok(LogOne(A(), Query(1)))[0];
  keys_->Set({});
  EXPECT_EQ(FaultOf(A().Verify(record)), AuditFault::kMasterKey) << "an error, not false";
  EXPECT_EQ(FaultOf(A().VerifyChain()), AuditFault::kMasterKey);
  EXPECT_EQ(FaultOf(A().Checkpoint()), AuditFault::kMasterKey);
}

TEST_P(AuditLogTest, TheGlobalScopeIsRefused) {
  AuditLog log = node_.Of(kGlobal);
  Ok(LogOne(A(), Query(1)));
  const auto record = *Ok(A().Find(Id(1)));
  EXPECT_EQ(FaultOf(LogOne(log, Query(1))), AuditFault::kNoTenantBinding);
  EXPECT_EQ(FaultOf(log.Find(Id(1))), AuditFault::kNoTenantBinding);
  EXPECT_EQ(FaultOf(log.Recent()), AuditFault::kNoTenantBinding);
  EXPECT_EQ(FaultOf(log.List({})), AuditFault::kNoTenantBinding);
  EXPECT_EQ(FaultOf(log.Verify(record)), AuditFault::kNoTenantBinding);
  EXPECT_EQ(FaultOf(log.VerifyChain()), AuditFault::kNoTenantBinding);
  EXPECT_EQ(FaultOf(log.Checkpoint()), AuditFault::kNoTenantBinding);
  EXPECT_EQ(FaultOf(log.VerifyCheckpoint({})), AuditFault::kNoTenantBinding);
  EXPECT_EQ(FaultOf(log.Export([](std::string_view) { return Result<void>(); })),
            AuditFault::kNoTenantBinding);
  EXPECT_EQ(CodeOf(log.Find(Id(1))), ErrorCode::kFailedPrecondition);
}

TEST_P(AuditLogTest, Aud025NothingWasLoggedYet) {
  EXPECT_FALSE(Ok(A().Find(Id(1))));
  EXPECT_THAT(Ok(A().Recent()), IsEmpty());
  EXPECT_THAT(Ok(A().List({})).items, IsEmpty());
  EXPECT_TRUE(Ok(A().VerifyChain()).intact());
  EXPECT_EQ(Ok(A().Checkpoint()).seq, 0);
}

// --- The same id again

TEST_P(AuditLogTest, Aud019TheSameAgainIsASuccessAndChangesNothing) {
  const auto first = Ok(A().Log(Queries(1, 4)));
  clock_->Advance(std::chrono::seconds(5));
  EXPECT_EQ(Ok(A().Log(Queries(1, 4))), first) << "as they are stored, with their time";
  EXPECT_EQ(Count("search_audit"), 3);
  EXPECT_EQ(Announced(kA).size(), 3U);
  const auto some = Ok(A().Log(Queries(2, 6)));
  EXPECT_EQ(some[1], first[2]);
  EXPECT_EQ(some[2].executed_at, clock_->Now());
  EXPECT_EQ(Count("search_audit"), 5);
  EXPECT_EQ(Announced(kA).size(), 5U);
  const auto report = Ok(A().VerifyChain());
  EXPECT_TRUE(report.intact());
  EXPECT_EQ(report.checked, 5);
}

TEST_P(AuditLogTest, Aud019AnotherContentUnderTheIdIsRefused) {
  Ok(A().Log(Queries(1, 3)));
  std::vector<AuditedQuery> queries = Queries(2, 5);
  queries[0].retrieval_scores[1] = -0.5F;
  const auto refused = A().Log(queries);
  EXPECT_EQ(CodeOf(refused), ErrorCode::kAlreadyExists);
  EXPECT_EQ(FaultOf(refused), AuditFault::kDuplicateQueryId);
  EXPECT_EQ(refused.error().As<AuditDetail>()->query_id, Id(2).ToString());
  EXPECT_EQ(Count("search_audit"), 2) << "nothing of it";
  EXPECT_EQ(Announced(kA).size(), 2U);
  const std::vector<AuditedQuery> twice = {Query(7), Query(8), Query(7)};
  const auto in_one = A().Log(twice);
  EXPECT_EQ(CodeOf(in_one), ErrorCode::kInvalidArgument);
  EXPECT_EQ(FaultOf(in_one), AuditFault::kDuplicateQueryId);
  EXPECT_TRUE(Ok(A().VerifyChain()).intact());
}

// --- Reading

TEST_P(AuditLogTest, Aud021RecentIsNewestFirstAndAtMostTheLimit) {
  LogEach(A(), 1, 6);
  EXPECT_EQ(IdsOf(Ok(A().Recent(3))), (std::vector{Id(5), Id(4), Id(3)}));
  EXPECT_EQ(Ok(A().Recent()).size(), 5U);
  EXPECT_THAT(Ok(A().Recent(0)), IsEmpty());
  EXPECT_THAT(Ok(A().Recent(-1)), IsEmpty());
}

TEST_P(AuditLogTest, ListsByTimeAndModelInPages) {
  std::vector<Uuid> all;
  const UnixMicros begin = clock_->Now();
  for (uint64_t n = 1; n <= 20; ++n) {
    Ok(LogOne(A(), Query(n, n % 3 == 0 ? "rare" : "m")));
    all.insert(all.begin(), Id(n));
    if (n % 2 == 0) clock_->Advance(std::chrono::seconds(1));  // two of one time
  }
  LogEach(B(), 1, 4);
  const auto pages = [&](const AuditFilter& filter, int size) {
    std::vector<Uuid> ids;
    std::string token;
    do {
      const auto page = Ok(A().List(filter, size, token));
      EXPECT_LE(page.items.size(), static_cast<size_t>(size));
      for (const auto& record : page.items) ids.push_back(record.query_id);
      token = page.next_page_token;
      if (!token.empty()) LogEach(A(), 100 + ids.size(), 101 + ids.size());  // not in later pages
    } while (!token.empty());
    return ids;
  };
  EXPECT_EQ(pages({.until = begin + 10'000'000}, 3), all);
  EXPECT_EQ(pages({.until = begin + 10'000'000, .model_id = "rare"}, 2),
            (std::vector{Id(18), Id(15), Id(12), Id(9), Id(6), Id(3)}));
  EXPECT_EQ(pages({.from = begin + 2'000'000, .until = begin + 4'000'000}, 1),
            (std::vector{Id(8), Id(7), Id(6), Id(5)}));
  EXPECT_THAT(pages({.model_id = "none"}, 5), IsEmpty());
  EXPECT_EQ(CodeOf(A().List({}, 0)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(A().List({}, 5, "nonsense")), ErrorCode::kInvalidArgument);
}

// Weaknesses 1 and 3: what was stored did not verify, or could not be read.
TEST_P(AuditLogTest, Aud023EveryScoreAndLineageVerifiesAfterAFetch) {
  std::mt19937_64 random(7);
  std::vector<AuditedQuery> queries;
  for (uint64_t n = 0; n < 300; ++n) {
    AuditedQuery query = Query(n);
    query.retrieval_scores = {0.0F, -0.0F, 1e-45F, std::numeric_limits<float>::max()};
    while (query.retrieval_scores.size() < 24) {
      const auto score = std::bit_cast<float>(static_cast<uint32_t>(random()));
      if (std::isfinite(score)) query.retrieval_scores.push_back(score);
    }
    query.top_k_result_ids.resize(query.retrieval_scores.size(), "d");
    double value = NAN;
    while (!std::isfinite(value)) value = std::bit_cast<double>(random());
    query.query_lineage = fmt::format(R"({{"b":{:.17g},"a":[{},-0,{:.16f},"\u0000\u2028"]}})", value,
                                      random(), std::generate_canonical<double, 53>(random));
    query.model_version = "line\n\"q\"\\\t\x01\x7f\u65e5";
    queries.push_back(std::move(query));
  }
  const auto logged = Ok(A().Log(queries));
  Open(node_);
  for (const auto& record : logged) {
    const auto found = Ok(A().Find(record.query_id));
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, record);
    EXPECT_TRUE(Ok(A().Verify(*found)));
    for (size_t i = 0; i < 24; ++i) {
      EXPECT_EQ(std::bit_cast<uint32_t>(found->retrieval_scores[i]),
                std::bit_cast<uint32_t>(record.retrieval_scores[i]));
    }
  }
  for (const auto& record : Announced(kA)) EXPECT_TRUE(Ok(A().Verify(record)));
  EXPECT_TRUE(Ok(A().VerifyChain()).intact());
}

// --- Large batches

TEST_P(AuditLogTest, Weakness14ABatchOfThousandsIsOneTransaction) {
  const uint64_t groups = backend().stats().transactions;
  const auto logged = Ok(A().Log(Queries(0, 5'000)));
  EXPECT_EQ(logged.size(), 5'000U);
  EXPECT_LE(backend().stats().transactions - groups, 3U) << "the topic's too";
  EXPECT_EQ(Count("search_audit"), 5'000);
  EXPECT_EQ(Ok(A().Recent(10'000)).size(), 5'000U);
  const auto report = Ok(A().VerifyChain());
  EXPECT_TRUE(report.intact());
  EXPECT_EQ(report.checked, 5'000);
  EXPECT_EQ(Announced(kA).size(), 5'000U);
  EXPECT_EQ(CodeOf(A().Log(Queries(0, 10'001))), ErrorCode::kInvalidArgument);
}

TEST_P(AuditLogTest, RecordsOfManyMegabytesAreSeveralEvents) {
  std::vector<AuditedQuery> queries = Queries(0, 12);
  for (auto& query : queries) {
    query.top_k_result_ids.assign(20, std::string(60'000, 'x'));
    query.retrieval_scores.assign(20, 1.0F);
  }
  Ok(A().Log(queries));
  const auto topic = Ok(node_.streams->FindTopic(kA, kAuditTopic));
  EXPECT_EQ(Ok(node_.streams->StatsOf(kA, topic.id)).events, 4U);
  EXPECT_EQ(Announced(kA).size(), 12U);
}

// --- Rotation, the topic, quotas

TEST_P(AuditLogTest, Weakness9KeysRotate) {
  LogEach(A(), 1, 4);
  keys_->Set({test::kOldKey, test::kNewKey});
  LogEach(A(), 4, 7);
  EXPECT_NE(Ok(A().Find(Id(3)))->key_id, Ok(A().Find(Id(4)))->key_id);
  for (const auto& record : Ok(A().Recent())) EXPECT_TRUE(Ok(A().Verify(record)));
  EXPECT_TRUE(Ok(A().VerifyChain()).intact());
  keys_->Set({test::kNewKey});
  EXPECT_EQ(FaultOf(A().Verify(*Ok(A().Find(Id(1))))), AuditFault::kMasterKey);
  EXPECT_TRUE(Ok(A().Verify(*Ok(A().Find(Id(5))))));
  EXPECT_THAT(
      Found(Ok(A().VerifyChain())),
      ElementsAre(std::pair("unknown key", 1), std::pair("unknown key", 2), std::pair("unknown key", 3)));
}

TEST_P(AuditLogTest, Weakness12TenantsCannotTakeForgeOrDropTheTopic) {
  const auto schema = Ok(node_.streams->EnsureTopic(
                             kB, kAuditTopic, arrow::schema({arrow::field("record", arrow::utf8(), false)}),
                             TopicWriter::kEngine))
                          .schema;
  EXPECT_EQ(CodeOf(node_.streams->RegisterTopic(kA, kAuditTopic, schema)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(node_.streams->RegisterTopic(kGlobal, kAuditTopic, schema)), ErrorCode::kInvalidArgument);
  Ok(LogOne(A(), Query(1)));
  const auto topic = Ok(node_.streams->FindTopic(kA, kAuditTopic));
  EXPECT_EQ(CodeOf(node_.streams->DropTopic(kA, topic.id)), ErrorCode::kPermissionDenied);
  EXPECT_EQ(CodeOf(node_.streams->SetRetention(kA, topic.id, {.max_events = 1})),
            ErrorCode::kPermissionDenied);
  arrow::StringBuilder forged;
  ASSERT_TRUE(forged.Append("{}").ok());
  const auto batch = arrow::RecordBatch::Make(topic.schema, 1, {*forged.Finish()});
  EXPECT_EQ(CodeOf(node_.streams->Publish(kA, topic.id, batch)), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Announced(kA).size(), 1U);
}

TEST_P(AuditLogTest, AQuotaThatIsUsedUpStoresNothing) {
  Open(node_, {.events_per_second = 1});
  Ok(LogOne(A(), Query(1)));
  const auto refused = LogOne(A(), Query(2));
  EXPECT_EQ(CodeOf(refused), ErrorCode::kResourceExhausted);
  EXPECT_NE(refused.error().As<QuotaExceededDetail>(), nullptr);
  EXPECT_FALSE(Ok(A().Find(Id(2))));
  clock_->Advance(std::chrono::seconds(1));
  Ok(LogOne(A(), Query(2)));
  EXPECT_TRUE(Ok(A().VerifyChain()).intact());
}

// --- Several at once

TEST_P(AuditLogTest, LoggersOfTwoTenantsAndTwoReplicasKeepTheirChains) {
  AuditNode other;
  if (harness_->kind() == BackendKind::kPostgres) Open(other);
  const AuditNode& second = other.service == nullptr ? node_ : other;
  constexpr uint64_t kCalls = 10;
  std::vector<std::jthread> threads;
  for (uint64_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      AuditLog log = (t < 4 ? node_ : second).Of(t % 2 == 0 ? kA : kB);
      for (uint64_t call = 0; call < kCalls; ++call) {
        const uint64_t begin = t * 1000 + call * 3;
        const auto logged = log.Log(Queries(begin, begin + 3));
        EXPECT_TRUE(logged) << logged.error().ToString();
      }
    });
  }
  threads.clear();
  for (const AuditLog& log : {A(), B(), second.Of(kA)}) {
    const auto report = Ok(log.VerifyChain());
    EXPECT_TRUE(report.intact());
    EXPECT_EQ(report.checked, 4 * kCalls * 3);
    EXPECT_EQ(report.head, report.checked);
  }
  EXPECT_EQ(Announced(kA).size(), 4 * kCalls * 3);
}

// The same queries from everywhere at once: each is logged once, and everybody is told the same.
TEST_P(AuditLogTest, RivalsThatLogTheSameAllSucceed) {
  AuditNode other;
  if (harness_->kind() == BackendKind::kPostgres) Open(other);
  const AuditNode& second = other.service == nullptr ? node_ : other;
  std::vector<std::vector<AuditRecord>> answers(8);
  std::vector<std::jthread> threads;
  for (size_t t = 0; t < answers.size(); ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t n = 0; n < 5; ++n) {
        const auto logged = LogOne((t < 4 ? node_ : second).Of(kA), Query(n));
        EXPECT_TRUE(logged) << logged.error().ToString();
        if (logged) answers[t].push_back(logged->front());
      }
    });
  }
  threads.clear();
  for (const auto& answer : answers) EXPECT_EQ(answer, answers[0]);
  EXPECT_EQ(Count("search_audit"), 5);
  EXPECT_TRUE(Ok(A().VerifyChain()).intact());
}

// --- Plans

TEST_P(AuditLogTest, Weakness10EveryStatementReadsWhatItReturns) {
  std::vector<audit::StoredRecord> records(20'000);
  for (size_t i = 0; i < records.size(); ++i) {
    records[i].tenant = kA.Key();
    records[i].seq = static_cast<int64_t>(i) + 1;
    records[i].query_id = Id(i).ToString();
    records[i].model_id = "m";
    records[i].executed_at = static_cast<UnixMicros>(i);
  }
  Ok(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(audit::TakeNumbers(tx, kA.Key(), 20'000));
    std::vector<const audit::StoredRecord*> all_records;
    for (const auto& record : records) all_records.push_back(&record);
    JAMMI_TRY(audit::InsertRecords(tx, all_records));
    return {};
  }));
  Sql("ANALYZE");
  const std::string a = kA.Key();
  const Sha256Digest none{};
  const std::vector<SqlValue> all[] = {{a, 1},
                                       {a, SqlBytes(none)},
                                       {a},
                                       {a, "x"},
                                       {a, 100, 200, 256},
                                       {a, 100, 15'000, 0, 101},
                                       {a, 100, 15'000, 0, 101, "m"}};
  size_t i = 0;
  for (const auto& statement : audit::AuditStatements()) {
    const auto plan =
        fmt::format("{}", fmt::join(Ok(test::PlanFor(backend(), statement.sql, all[i++])), "\n"));
    EXPECT_THAT(plan, Not(HasSubstr("Seq Scan on search_audit"))) << statement.name;
    EXPECT_THAT(plan, Not(HasSubstr("SCAN search_audit"))) << statement.name;
    EXPECT_THAT(plan, Not(HasSubstr("Sort"))) << statement.name;
    EXPECT_THAT(plan, Not(HasSubstr("TEMP B-TREE"))) << statement.name;
  }
}

}  // namespace
}  // namespace jammi
