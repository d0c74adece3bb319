// Tampering with what is stored or exported is found, and named; on every database.
#include "audit/tamper_fixture.h"

namespace jammi {
namespace {

using test::AuditChainTest;
using test::AuditExportTest;
using test::CodeOf;
using test::kA;
using test::kB;
using test::Ok;
using test::Pair;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

JAMMI_ON_EVERY_DATABASE(AuditChainTest);

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

TEST_P(AuditChainTest, Weakness4AChangedLinkDoesNotBlameTheRecordBehindIt) {
  LogEach(A(), 1, 8);
  Set("chain", 2, Bytes(std::string(32, 'x')));
  EXPECT_THAT(Findings(), ElementsAre(Pair("misplaced", 2)));
  Set("chain", 3, Bytes(std::string(32, 'y')));
  Set("chain", 6, Bytes(std::string(32, 'z')));
  EXPECT_THAT(Findings(), ElementsAre(Pair("misplaced", 2), Pair("misplaced", 3), Pair("misplaced", 6)));
}

TEST_P(AuditChainTest, Weakness4WhatIsDeletedWhileTheChainIsReadIsMissing) {
  LogEach(A(), 1, 6);
  SetSyncPoint("Audit::VerifyChain read the head",
               [&] { Sql("DELETE FROM search_audit WHERE scope = $1 AND seq >= 4", {kA.Key()}); });
  EXPECT_THAT(Findings(), ElementsAre(Pair("missing", 4), Pair("missing", 5), Pair("head", 5)));
}

// The first page is read, the second is not.
TEST_P(AuditChainTest, AReadOfManyPagesEndsWhenItIsStopped) {
  LogEach(A(), 1, 300);
  std::stop_source stop;
  int pages = 0;
  SetSyncPoint("Audit::ForEach read a page", [&] {
    if (++pages == 2) stop.request_stop();  // before it the one with the record before the range
  });
  const auto stoppable = A().WithDeadline({}, stop.get_token());
  EXPECT_EQ(CodeOf(stoppable.VerifyChain({.from = 2})), ErrorCode::kCancelled);
  EXPECT_EQ(pages, 2);
  std::vector<std::string> lines;
  const auto write = [&](std::string_view line) -> Result<void> {
    lines.emplace_back(line);
    return {};
  };
  EXPECT_EQ(CodeOf(stoppable.Export(write)), ErrorCode::kCancelled);
  EXPECT_THAT(lines, IsEmpty());
  EXPECT_TRUE(Ok(A().WithDeadline({}, std::stop_source().get_token()).VerifyChain()).intact());
}

TEST_P(AuditChainTest, AReadOfManyPagesEndsAtItsDeadline) {
  LogEach(A(), 1, 2);
  const auto late = A().WithDeadline(Deadline::Now());
  EXPECT_EQ(CodeOf(late.VerifyChain()), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(CodeOf(late.Export([](std::string_view) { return Result<void>(); })),
            ErrorCode::kDeadlineExceeded);
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
  auto again = lines;
  again.insert(again.begin() + 2, lines[0]);
  EXPECT_THAT(Found(Ok(VerifyLines(again))), ElementsAre(Pair("misplaced", 1)))
      << "what follows is in its place";
  auto behind = lines;
  behind.push_back(lines[0]);
  EXPECT_EQ(CodeOf(VerifyLines(behind)), ErrorCode::kInvalidArgument);
}

TEST_P(AuditExportTest, ACheckpointOfAnotherHistoryDoesNotFit) {
  Ok(A().Log(Queries(1, 7)));
  const std::string checkpoint = Exported().back();
  const std::string chain = Get("chain", 5);
  Sql("DELETE FROM search_audit WHERE scope = $1 AND seq = 6", {kA.Key()});
  Sql("UPDATE audit_chains SET next_seq = 6, chain = $2 WHERE scope = $1", {kA.Key(), Bytes(chain)});
  Ok(LogOne(A(), Query(60)));
  auto lines = Exported();
  EXPECT_TRUE(Ok(VerifyLines(lines)).intact());
  lines.back() = checkpoint;
  EXPECT_THAT(Found(Ok(VerifyLines(lines))), ElementsAre(Pair("head", 6)));
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
