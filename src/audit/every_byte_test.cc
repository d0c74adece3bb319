// Every byte of a stored record, of the chain and of an export is changed in turn, and found; on every
// database.
#include "audit/tamper_fixture.h"

namespace jammi {
namespace {

using test::AuditExportTest;
using test::kA;
using test::Ok;
using test::Pair;
using testing::ElementsAre;
using testing::IsEmpty;

class AuditEveryByteTest : public AuditExportTest {};
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
