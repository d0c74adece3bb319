// Connections that are cut, and engines that share a database: rows and events happen once, or not at all.
#include <fmt/format.h>

#include <functional>
#include <thread>

#include "catalog/postgres/pg_fixture.h"
#include "support/whole_writes.h"
#include "tables/table_store.h"
#include "tables/transactor.h"

namespace jammi::postgres {
namespace {

using test::WholeWrites;
using Direction = test::TcpProxy::Direction;

const Scope kTenant = Scope::ForTenant(*TenantId::Parse("aaaaaaaa-0000-4000-8000-000000000001"));

class TableLoss : public PgTest {
 protected:
  // Tables and streams of one engine.
  struct Side {
    std::unique_ptr<Catalog> catalog;
    std::unique_ptr<Streams> streams;
    std::shared_ptr<TableStore> store;
    std::optional<TopicId> topic;

    Tables tables() const { return {store, kTenant}; }
    WholeWrites writes() {
      return {
          tables(),
          [this](const TransactBody& body) { return Transactor(*store, *streams).Run(kTenant, body, {}); },
          topic};
    }
    int64_t events() { return static_cast<int64_t>(Ok(streams->StatsOf(kTenant, *topic)).events); }
  };

  std::unique_ptr<Side> MakeSide(const std::string& url) {
    auto side = std::make_unique<Side>();
    side->catalog = Open(url);
    const StreamsOptions options;
    side->streams = Ok(Streams::Open(*side->catalog, options, nullptr));
    side->store = std::make_shared<TableStore>(side->catalog->backend(), side->streams.get());
    side->topic = Ok(side->streams->EnsureTopic(kTenant, "news", WholeWrites::Schema())).id;
    return side;
  }
  std::string Url() { return server().Url(database_); }
};

class TableCuts : public TableLoss, public testing::WithParamInterface<Direction> {
 protected:
  test::TcpProxy proxy_{server().port()};
};

INSTANTIATE_TEST_SUITE_P(Direction, TableCuts, testing::Values(Direction::kToServer, Direction::kToClient));

// After each message in turn, that of COMMIT and its answer among them. A body whose outcome can be found out
// is run again or not; either way it happened once.
TEST_P(TableCuts, WritesHappenOnceOrNotAtAll) {
  const auto there = MakeSide(Url());
  Ok(there->writes().Create());
  const auto side = MakeSide(server().Url(database_, proxy_.port()));
  int64_t generation = 0;
  for (int64_t messages = 0; messages < 60 && !HasFailure(); ++messages) {
    SCOPED_TRACE(fmt::format("cut after {} messages", messages));
    proxy_.CutAfter(GetParam(), messages);
    const auto transacted = side->writes().Transact(generation + 1);
    ASSERT_TRUE(transacted) << transacted.error().ToString();
    ++generation;
    there->writes().ExpectWhole(generation, generation, there->events());
    proxy_.CutAll();
    proxy_.CutAfter(GetParam(), messages);
    const auto bulk = side->writes().Bulk(generation);
    ASSERT_TRUE(bulk) << bulk.error().ToString();
    EXPECT_TRUE(there->writes().ExpectWholeBulk(generation));
    proxy_.CutAll();
  }
  EXPECT_GT(side->catalog->backend().stats().reruns, 0U);
}

TEST_F(TableLoss, EnginesWriteAndReadTheSameTables) {
  const auto one = MakeSide(Url());
  const auto two = MakeSide(Url());
  const Side* const sides[] = {one.get(), two.get()};
  // What one has made the other finds, and what one has dropped and made anew too.
  Ok(one->writes().Create());
  Ok(two->writes().Transact(1));
  one->writes().ExpectWhole(1, 1, one->events());
  Ok(one->writes().Transact(2));
  two->writes().ExpectWhole(2, 2, two->events());
  // Both count up the same rows, each as often, without a lock of their own: by key and by filter.
  constexpr int kTimes = 20;
  const auto schema = WholeWrites::Schema();
  std::vector<std::jthread> threads;
  for (const Side* side : sides) {
    threads.emplace_back([&, side] {
      for (int i = 0; i < kTimes; ++i) {
        arrow::Int64Builder keys, values;
        for (int64_t k = 0; k < 700; ++k) {
          EXPECT_TRUE(keys.Append(k * 2 + (side == sides[0] ? 0 : 1)).ok() && values.Append(i).ok());
        }
        const auto batch = arrow::RecordBatch::Make(schema, 700, {*keys.Finish(), *values.Finish()});
        EXPECT_EQ(Ok(side->tables().Upsert("bulk", {&batch, 1})), 700);
        EXPECT_EQ(Ok(side->tables().Update("bulk", {&batch, 1})), 700);
        EXPECT_GE(Ok(side->tables().CountRows("bulk")), 700);
      }
    });
  }
  threads.clear();
  for (const Side* side : sides) {
    EXPECT_EQ(Ok(side->tables().CountRows("bulk")), 1400);
    EXPECT_EQ(Ok(side->tables().CountRows("bulk", TableFilter::Equal("generation", kTimes - 1))), 1400);
  }
  Ok(one->tables().Drop("bulk"));
  Ok(one->tables().Create({.id = "bulk", .schema = schema, .primary_key = {"generation"}}));
  EXPECT_EQ(Ok(two->tables().CountRows("bulk")), 0);
  EXPECT_EQ(Ok(two->tables().Get("bulk")).definition.primary_key.front(), "generation");
}

}  // namespace
}  // namespace jammi::postgres
