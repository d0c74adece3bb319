// Transactions: commit, roll back, what is refused, and what a body may and may not do.
#include <thread>

#include "catalog/sqlite/test_catalog.h"

namespace jammi::sqlite {
namespace {

class TransactionTest : public CatalogTest {
 protected:
  void SetUp() override {
    CatalogTest::SetUp();
    JAMMI_OK(Execute("CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)"));
  }
};

TEST_F(TransactionTest, SuccessCommits) {
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES ($1, $2)", {1, 10}));
  EXPECT_EQ(GetInt("SELECT v FROM t WHERE k = 1"), 10);
}

TEST_F(TransactionTest, AnErrorRollsBackAndIsReturnedUnchanged) {
  const auto failed = backend().RunTransaction({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
    return Error(ErrorCode::kAborted, "changed my mind", TopicExistsDetail{"quakes"});
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kAborted);
  EXPECT_EQ(failed.error().message(), "changed my mind");
  ASSERT_NE(failed.error().As<TopicExistsDetail>(), nullptr);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t"), 0);
}

}  // namespace
}  // namespace jammi::sqlite
