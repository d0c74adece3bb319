// Tampering with what is stored or exported is found, and named; on every database.
#include "audit/audit_fixture.h"
#include "base/hash.h"

namespace jammi {
namespace {

using test::CodeOf;
using test::kA;
using test::kB;
using test::Ok;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Pair = std::pair<std::string, int64_t>;

class AuditChainTest : public test::AuditTest {
 protected:
  // A column of one record, as text: bytes as hexadecimal.
  std::string Get(const std::string& column, int64_t seq) {
    const bool blob = column == "chain";
    const bool number = column == "executed_at" || column == "scheme" || column == "seq";
    return Ok(*Ok(backend().Transact({}, [&](Transaction& tx) {
      return tx.QueryFirst(
          fmt::format("SELECT {} AS v FROM search_audit WHERE scope = $1 AND seq = $2", column),
          {kA.Key(), seq}, [&](const Row& row) -> Result<Result<std::string>> {
            if (blob) {
              JAMMI_ASSIGN(const auto bytes, row.Get<SqlBytes>("v"));
              return Result<std::string>(std::string(bytes.begin(), bytes.end()));
            }
            if (number) {
              JAMMI_ASSIGN(const auto value, row.Get<int64_t>("v"));
              return Result<std::string>(std::to_string(value));
            }
            return Result<std::string>(row.Get<std::string>("v"));
          });
    })));
  }
  void Set(const std::string& column, int64_t seq, const SqlValue& value) {
    EXPECT_EQ(Sql(fmt::format("UPDATE search_audit SET {} = $3 WHERE scope = $1 AND seq = $2", column),
                  {kA.Key(), seq, value}),
              1);
  }
  std::vector<Pair> Findings(const AuditRange& range = {}) { return Found(Ok(A().VerifyChain(range))); }
  static SqlBytes Bytes(const std::string& text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  }
};
JAMMI_ON_EVERY_DATABASE(AuditChainTest);

// --- Every byte

TEST_P(AuditChainTest, EveryByteOfAStoredRecordCounts) {
  Ok(A().Log(Queries(1, 4)));
  EXPECT_THAT(Findings(), IsEmpty());
  for (const std::string column : {"query_id", "model_id", "model_version", "query_lineage",
                                   "top_k_result_ids", "retrieval_scores", "key_id", "signature"}) {
    const std::string stored = Get(column, 2);
    for (size_t i = 0; i < stored.size(); ++i) {
      std::string changed = stored;
      changed[i] = changed[i] == '0' ? '1' : '0';
      Set(column, 2, changed);
      const auto found = Findings();
      const std::string kind = column == "key_id" ? "unknown key" : "changed";
      EXPECT_THAT(found, ElementsAre(Pair(kind, 2))) << column << " byte " << i;
    }
    Set(column, 2, stored);
    if (column == "query_id") continue;  // the database keeps its length
    Set(column, 2, stored + "x");
    EXPECT_FALSE(Findings().empty()) << column;
    Set(column, 2, stored);
  }
  const int64_t time = std::stoll(Get("executed_at", 2));
  for (int bit = 0; bit < 63; ++bit) {
    Set("executed_at", 2, time ^ (int64_t{1} << bit));
    EXPECT_THAT(Findings(), ElementsAre(Pair("changed", 2))) << bit;
  }
  Set("executed_at", 2, time);
  for (const int64_t scheme : {0, 1, 3}) {
    Set("scheme", 2, scheme);
    EXPECT_THAT(Findings(), ElementsAre(Pair("changed", 2)));
  }
  Set("scheme", 2, 2);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_P(AuditChainTest, EveryByteOfTheChainCounts) {
  Ok(A().Log(Queries(1, 4)));
  for (const int64_t seq : {1, 2, 3}) {
    const std::string stored = Get("chain", seq);
    for (size_t i = 0; i < stored.size(); ++i) {
      std::string changed = stored;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      Set("chain", seq, Bytes(changed));
      auto expected = std::vector{Pair("misplaced", seq)};
      if (seq == 3) expected.emplace_back("head", 3);
      EXPECT_EQ(Findings(), expected) << "byte " << i;
    }
    Set("chain", seq, Bytes(stored));
  }
  const std::string chain = Get("chain", 3);
  for (size_t i = 0; i < chain.size(); ++i) {
    std::string changed = chain;
    changed[i] = static_cast<char>(changed[i] ^ 0x80);
    Sql("UPDATE audit_chains SET chain = $2 WHERE scope = $1", {kA.Key(), Bytes(changed)});
    EXPECT_THAT(Findings(), ElementsAre(Pair("head", 3)));
  }
}

// --- Records deleted, put in, exchanged

TEST_P(AuditChainTest, Weakness4ADeletedRecordIsMissing) {
  LogEach(A(), 1, 11);
  Sql("DELETE FROM search_audit WHERE scope = $1 AND seq IN (4, 7, 8)", {kA.Key()});
  EXPECT_THAT(Findings(), ElementsAre(Pair("missing", 4), Pair("missing", 7), Pair("missing", 8)));
  EXPECT_THAT(Findings({.from = 5, .to = 6}), ElementsAre(Pair("missing", 4))) << "the range rests on it";
  EXPECT_THAT(Findings({.from = 9}), ElementsAre(Pair("missing", 8)));
  EXPECT_THAT(Findings({.from = 1, .to = 3}), IsEmpty());
  Sql("DELETE FROM search_audit WHERE scope = $1 AND seq = 1", {kA.Key()});
  EXPECT_THAT(Findings({.to = 3}), ElementsAre(Pair("missing", 1)));
}

TEST_P(AuditChainTest, Weakness4ClosingTheGapDoesNotHideIt) {
  LogEach(A(), 1, 7);
  Sql("DELETE FROM search_audit WHERE scope = $1 AND seq = 3", {kA.Key()});
  for (int64_t seq = 4; seq <= 6; ++seq) Set("seq", seq, seq - 1);
  Sql("UPDATE audit_chains SET next_seq = 6 WHERE scope = $1", {kA.Key()});
  EXPECT_THAT(Findings(), Contains(Pair("misplaced", 3)));
}

TEST_P(AuditChainTest, Weakness4ExchangedRecordsAreMisplaced) {
  LogEach(A(), 1, 7);
  Set("seq", 2, int64_t{100});
  Set("seq", 5, int64_t{2});
  Set("seq", 100, int64_t{5});
  const auto found = Findings();
  EXPECT_THAT(found, Contains(Pair("misplaced", 2)));
  EXPECT_THAT(found, Contains(Pair("misplaced", 5)));
  EXPECT_THAT(Findings({.from = 1, .to = 1}), IsEmpty());
}

TEST_P(AuditChainTest, Weakness4APutInRecordIsFound) {
  LogEach(A(), 1, 4);
  LogEach(B(), 50, 51);
  // Another tenant's genuine record, at the end and beyond.
  Sql("UPDATE search_audit SET scope = $1, seq = 4 WHERE scope = $2", {kA.Key(), kB.Key()});
  EXPECT_THAT(Findings(), ElementsAre(Pair("changed", 4), Pair("head", 3)));
  Sql("UPDATE audit_chains SET next_seq = 5 WHERE scope = $1", {kA.Key()});
  EXPECT_THAT(Findings(), ElementsAre(Pair("changed", 4), Pair("head", 4)));
  Set("seq", 4, int64_t{1'000'000'000'000});
  const auto report = Ok(A().VerifyChain());
  EXPECT_EQ(report.findings.size(), ChainReport::kMaxFindings);
  EXPECT_GT(report.finding_count, 999'999'000'000);
}

TEST_P(AuditChainTest, AHeadThatIsGoneOrSetBackIsFound) {
  LogEach(A(), 1, 4);
  Sql("UPDATE audit_chains SET next_seq = 3 WHERE scope = $1", {kA.Key()});
  EXPECT_THAT(Findings(), ElementsAre(Pair("head", 2)));
  Sql("DELETE FROM audit_chains");
  EXPECT_THAT(Findings(), ElementsAre(Pair("head", 0)));
}

TEST_P(AuditChainTest, ARecordOfAnotherTenantsKeyDoesNotVerify) {
  LogEach(A(), 1, 3);
  LogEach(B(), 1, 3);
  Sql("DELETE FROM search_audit WHERE scope = $1", {kA.Key()});
  Sql("UPDATE search_audit SET scope = $1 WHERE scope = $2", {kA.Key(), kB.Key()});
  EXPECT_EQ(Ok(A().VerifyChain()).finding_count, 3) << "both records, and the head";
  EXPECT_THAT(Findings({.to = 2}), Contains(Pair("changed", 1)));
}

TEST_P(AuditChainTest, RangesThatAreNone) {
  for (const AuditRange& range : {AuditRange{.from = 0}, {.from = 3, .to = 2}, {.from = -1, .to = 1}}) {
    EXPECT_EQ(CodeOf(A().VerifyChain(range)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(A().Export([](std::string_view) { return Result<void>(); }, range)),
              ErrorCode::kInvalidArgument);
  }
  LogEach(A(), 1, 3);
  const auto beyond = Ok(A().VerifyChain({.from = 10}));
  EXPECT_TRUE(beyond.intact());
  EXPECT_EQ(beyond.checked, 0);
}

// --- Cut tails and checkpoints

TEST_P(AuditChainTest, ACutTailShowsAgainstTheHead) {
  LogEach(A(), 1, 11);
  Sql("DELETE FROM search_audit WHERE scope = $1 AND seq > 6", {kA.Key()});
  EXPECT_THAT(Findings(), ElementsAre(Pair("cut tail", 10)));
  EXPECT_THAT(Findings({.to = 8}), ElementsAre(Pair("cut tail", 8)));
  EXPECT_THAT(Findings({.to = 6}), IsEmpty());
}

TEST_P(AuditChainTest, ATailThatIsCutWithItsHeadShowsAgainstACheckpoint) {
  LogEach(A(), 1, 7);
  const auto early = Ok(A().Checkpoint());
  LogEach(A(), 7, 11);
  const auto late = Ok(ParseAuditCheckpoint(ToJson(Ok(A().Checkpoint()))));
  EXPECT_EQ(late.seq, 10);
  EXPECT_TRUE(Ok(A().VerifyCheckpoint(late)).intact());

  const std::string chain = Get("chain", 8);
  Sql("DELETE FROM search_audit WHERE scope = $1 AND seq > 8", {kA.Key()});
  Sql("UPDATE audit_chains SET next_seq = 9, chain = $2 WHERE scope = $1", {kA.Key(), Bytes(chain)});
  EXPECT_THAT(Findings(), IsEmpty()) << "whoever cuts both leaves a chain that holds";
  EXPECT_THAT(Found(Ok(A().VerifyCheckpoint(late))), ElementsAre(Pair("cut tail", 10)));
  EXPECT_TRUE(Ok(A().VerifyCheckpoint(early)).intact());

  LogEach(A(), 20, 24);  // others in their place
  EXPECT_THAT(Findings(), IsEmpty());
  EXPECT_THAT(Found(Ok(A().VerifyCheckpoint(late))), ElementsAre(Pair("misplaced", 10)));
  EXPECT_TRUE(Ok(A().VerifyCheckpoint(early)).intact());
  Sql("DELETE FROM search_audit WHERE scope = $1 AND seq = 6", {kA.Key()});
  EXPECT_THAT(Found(Ok(A().VerifyCheckpoint(early))), ElementsAre(Pair("missing", 6)));
  Sql("DELETE FROM search_audit");
  Sql("DELETE FROM audit_chains");
  EXPECT_THAT(Findings(), IsEmpty());
  EXPECT_THAT(Found(Ok(A().VerifyCheckpoint(early))), ElementsAre(Pair("cut tail", 6)));
}

TEST_P(AuditChainTest, ACheckpointThatIsNotGenuineIsRefused) {
  LogEach(A(), 1, 3);
  const AuditCheckpoint good = Ok(A().Checkpoint());
  const std::vector<std::function<void(AuditCheckpoint&)>> changes = {
      [](auto& c) { --c.seq; },
      [](auto& c) { c.chain[5] = c.chain[5] == '0' ? '1' : '0'; },
      [](auto& c) { ++c.made_at; },
      [](auto& c) { c.tenant_id = kB.Key(); },
      [](auto& c) { c.signature[0] = c.signature[0] == '0' ? '1' : '0'; },
      [](auto& c) { c.signature.clear(); },
  };
  for (const auto& change : changes) {
    AuditCheckpoint bad = good;
    change(bad);
    const auto refused = A().VerifyCheckpoint(bad);
    EXPECT_EQ(CodeOf(refused), ErrorCode::kDataLoss);
    EXPECT_EQ(FaultOf(refused), AuditFault::kSignatureMismatch);
  }
  EXPECT_EQ(FaultOf(B().VerifyCheckpoint(good)), AuditFault::kSignatureMismatch);
  AuditCheckpoint unknown = good;
  unknown.key_id = "0000000000000000";
  EXPECT_EQ(FaultOf(A().VerifyCheckpoint(unknown)), AuditFault::kMasterKey);
  keys_->Set({test::kOldKey, test::kNewKey});
  EXPECT_TRUE(Ok(A().VerifyCheckpoint(good)).intact()) << "by a key that is retired";
  for (const char* bad : {"", "[]", "{}", R"({"checkpoint":2})", R"({"checkpoint":1,"tenant_id":5})"}) {
    EXPECT_EQ(CodeOf(ParseAuditCheckpoint(bad)), ErrorCode::kInvalidArgument);
  }
}

// --- Exports

class AuditExportTest : public AuditChainTest {
 protected:
  std::vector<std::string> Exported(const AuditRange& range = {}) {
    std::vector<std::string> lines;
    Ok(A().Export(
        [&](std::string_view line) {
          lines.emplace_back(line);
          return Result<void>();
        },
        range));
    return lines;
  }
  // With the keys and nothing else.
  Result<ChainReport> VerifyLines(const std::vector<std::string>& lines, const std::string& tenant = {}) {
    AuditExportVerifier verifier(Ok(keys_->Keys()), tenant);
    for (const auto& line : lines) JAMMI_TRY(verifier.Add(line));
    return verifier.Finish();
  }
};
JAMMI_ON_EVERY_DATABASE(AuditExportTest);

TEST_P(AuditExportTest, AnExportVerifiesWithNothingButTheKey) {
  LogEach(A(), 1, 4);
  keys_->Set({test::kOldKey, test::kNewKey});
  Ok(A().Log(Queries(4, 604)));
  AuditedQuery hard = Query(1000);
  hard.retrieval_scores = {1e-45F, -0.0F};
  hard.query_lineage = R"({"z":-0,"a":[5e-324,"\u0000"]})";
  Ok(LogOne(A(), hard));
  const auto lines = Exported();
  ASSERT_EQ(lines.size(), 605U);
  for (const auto& line : lines) EXPECT_EQ(line.find('\n'), std::string::npos);
  node_.Close();  // there is no catalog any more
  const auto report = Ok(VerifyLines(lines));
  EXPECT_TRUE(report.intact());
  EXPECT_EQ(report.checked, 604);
  EXPECT_EQ(report.first, 1);
  EXPECT_EQ(report.head, 604);
  EXPECT_TRUE(Ok(VerifyLines(lines, kA.Key())).intact());
  EXPECT_THAT(VerifyLines(lines, kB.Key()).error().message(), HasSubstr("line 1: tenant_id"));
}

TEST_P(AuditExportTest, APartIsAnExportToo) {
  Ok(A().Log(Queries(1, 11)));
  const auto lines = Exported({.from = 4, .to = 6});
  ASSERT_EQ(lines.size(), 4U);
  const auto report = Ok(VerifyLines(lines));
  EXPECT_TRUE(report.intact());
  EXPECT_EQ(report.first, 4);
  EXPECT_EQ(report.head, 6);
}

TEST_P(AuditExportTest, AnEmptyLogIsExportedAsItsCheckpoint) {
  const auto lines = Exported();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(Ok(VerifyLines(lines)).intact());
}

TEST_P(AuditExportTest, WhatWasDoneToTheLinesIsFound) {
  Ok(A().Log(Queries(1, 7)));
  const auto lines = Exported();
  const auto without = [&](size_t line) {
    auto left = lines;
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(line));
    return left;
  };
  EXPECT_THAT(Found(Ok(VerifyLines(without(2)))), ElementsAre(Pair("missing", 3)));
  EXPECT_THAT(Found(Ok(VerifyLines(without(5)))), ElementsAre(Pair("cut tail", 6)));
  EXPECT_EQ(CodeOf(VerifyLines(without(6))), ErrorCode::kInvalidArgument);
  EXPECT_THAT(Found(Ok(VerifyLines({lines.back()}))), ElementsAre(Pair("cut tail", 6)));
  auto swapped = lines;
  std::swap(swapped[1], swapped[2]);
  EXPECT_FALSE(Ok(VerifyLines(swapped)).intact());
  auto twice = lines;
  twice.insert(twice.begin() + 2, lines[1]);
  EXPECT_THAT(Found(Ok(VerifyLines(twice))), Contains(Pair("misplaced", 2)));
  auto behind = lines;
  behind.push_back(lines[0]);
  EXPECT_EQ(CodeOf(VerifyLines(behind)), ErrorCode::kInvalidArgument);
}

// A byte that is changed is an error or a finding; but for the case of hexadecimal digits of an id, which is
// the same id.
TEST_P(AuditExportTest, EveryByteOfALineCounts) {
  Ok(A().Log(Queries(1, 4)));
  const auto lines = Exported();
  for (const size_t line : {size_t{1}, lines.size() - 1}) {
    for (size_t i = 0; i < lines[line].size(); ++i) {
      auto changed = lines;
      changed[line][i] = changed[line][i] == '0' ? '1' : '0';
      const auto report = VerifyLines(changed);
      EXPECT_FALSE(report && report->intact()) << changed[line];
    }
  }
}

TEST_P(AuditExportTest, TheErrorOfTheWriterEndsTheExport) {
  Ok(A().Log(Queries(1, 4)));
  int lines = 0;
  const auto ended = A().Export([&](std::string_view) -> Result<void> {
    ++lines;
    return Error(ErrorCode::kResourceExhausted, "the disk is full");
  });
  EXPECT_EQ(CodeOf(ended), ErrorCode::kResourceExhausted);
  EXPECT_EQ(lines, 1);
}

}  // namespace
}  // namespace jammi
