// Every byte of a stored record, of the chain and of an export is changed in turn, and found; on every
// database.
#include "audit/tamper_fixture.h"

namespace jammi {
namespace {

using test::AuditExportTest;
using test::kA;
using test::kB;
using test::Ok;
using test::Pair;
using testing::ElementsAre;
using testing::IsEmpty;

class AuditEveryByteTest : public AuditExportTest {
 protected:
  static int64_t Bit(int bit) { return static_cast<int64_t>(uint64_t{1} << bit); }
};
JAMMI_ON_EVERY_DATABASE(AuditEveryByteTest);

TEST_P(AuditEveryByteTest, OfAStoredRecordCounts) {
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
  for (int bit = 0; bit < 64; ++bit) {
    Set("executed_at", 2, time ^ Bit(bit));
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

TEST_P(AuditEveryByteTest, OfTheChainCounts) {
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
  Sql("UPDATE audit_chains SET chain = $2 WHERE scope = $1", {kA.Key(), Bytes(chain)});
  const int64_t next = 4;
  for (int bit = 0; bit < 63; ++bit) {
    if ((next ^ Bit(bit)) < 1) continue;  // the database refuses it
    Sql("UPDATE audit_chains SET next_seq = $2 WHERE scope = $1", {kA.Key(), next ^ Bit(bit)});
    EXPECT_FALSE(Findings().empty()) << "bit " << bit << " of the head's number";
  }
  Sql("UPDATE audit_chains SET next_seq = $2 WHERE scope = $1", {kA.Key(), next});
  EXPECT_THAT(Findings(), IsEmpty());
}

// Nor can a record be made another's, with its number or another one.
TEST_P(AuditEveryByteTest, OfTheNumberAndTheTenantCounts) {
  Ok(A().Log(Queries(1, 4)));
  Ok(B().Log(Queries(4, 5)));
  for (int bit = 0; bit < 63; ++bit) {
    const int64_t seq = 2 ^ Bit(bit);
    if (seq < 1 || seq == 3) continue;  // the database refuses it, and has each number once
    Set("seq", 2, seq);
    const auto found = Findings();
    EXPECT_FALSE(found.empty()) << seq;
    Set("seq", seq, int64_t{2});
  }
  EXPECT_THAT(Findings(), IsEmpty());
  Sql("UPDATE search_audit SET scope = $2 WHERE scope = $1 AND seq = 2", {kA.Key(), kB.Key()});
  EXPECT_THAT(Findings(), ElementsAre(Pair("missing", 2)));
  EXPECT_FALSE(Found(Ok(B().VerifyChain())).empty());
}

// A byte that is changed is an error or a finding; but for the case of hexadecimal digits of an id, which is
// the same id.
TEST_P(AuditEveryByteTest, OfALineCounts) {
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

}  // namespace
}  // namespace jammi
