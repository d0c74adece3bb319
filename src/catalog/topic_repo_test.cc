#include "catalog/topic_repo.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "catalog/all_scopes_log.h"
#include "catalog/changes.h"
#include "catalog/event_key.h"
#include "catalog/query_plan.h"
#include "catalog/repo_fixture.h"
#include "catalog/test_events.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TopicRepoTest : public RepoTest {
 protected:
  TopicRepo Repo() { return TopicRepo(backend()); }
  Result<StoredTopic> Register(const Scope& owner, std::string_view name,
                               const std::map<std::string, std::string>& metadata = {}) {
    return Repo().Register(owner, name, "schema bytes", metadata);
  }
  Result<int64_t> Drop(const Scope& owner, const TopicId& id) {
    return Repo().Drop(owner, id, [](int64_t) {});
  }
  std::vector<std::string> Names(const Scope& scope, int page_size, std::string_view token = {}) {
    std::vector<std::string> names;
    for (const auto& topic : Ok(Repo().List(scope, page_size, token)).items) names.push_back(topic.name);
    return names;
  }
  // Without the engine's own.
  int64_t CountTopics() { return Count("topics WHERE topic_no < $1", kChangesTopicNo); }
  int64_t CountEvents() { return Count("events WHERE event_key < $1", EventKey(kChangesTopicNo, 0)); }
  int64_t Count(std::string_view what, int64_t bound) {
    return GetInt(fmt::format("SELECT COUNT(*) AS v FROM {}", what), {bound});
  }
  Result<AppendOutcome> Append(int64_t topic_no, std::string text) {
    return catalog_->log().Append(MakeEvent(topic_no, std::move(text)), {});
  }
};

JAMMI_ON_EVERY_DATABASE(TopicRepoTest);

TEST_P(TopicRepoTest, Trg003WhatIsRegisteredIsFound) {
  const auto topic = Register(kA, "quakes", {{"retention_seconds", "60"}, {"", "empty \"key\" \u00e9"}});
  Ok(topic);
  for (const auto& found : {Repo().FindByName(kA, "quakes"), Repo().FindById(kA, topic->id),
                            Repo().FindAnyById(topic->id), Repo().FindAnyByNumber(topic->topic_no)}) {
    Ok(found);
    EXPECT_EQ(found->topic_no, topic->topic_no);
    EXPECT_EQ(found->id, topic->id);
    EXPECT_EQ(found->name, "quakes");
    EXPECT_EQ(found->owner, kA);
    EXPECT_EQ(found->schema, "schema bytes");
    EXPECT_EQ(found->broker_metadata, topic->broker_metadata);
    EXPECT_EQ(found->created_at, topic->created_at);
  }
  EXPECT_EQ(Ok(catalog_->log().ReadHead(topic->topic_no)).next_offset, 0U);
}

TEST_P(TopicRepoTest, Trg012Trg013ANameIsUniquePerOwner) {
  Ok(Register(kGlobal, "t"));
  Ok(Register(kA, "t"));
  for (const auto& owner : {kGlobal, kA}) {
    const auto refused = Register(owner, "t");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kAlreadyExists);
    ASSERT_NE(refused.error().As<TopicExistsDetail>(), nullptr);
    EXPECT_EQ(refused.error().As<TopicExistsDetail>()->name, "t");
  }
  EXPECT_EQ(CountTopics(), 2);
  EXPECT_EQ(Count("topic_heads WHERE topic_no < $1", kChangesTopicNo), 2);
}

TEST_P(TopicRepoTest, Trg014TwoTenantsMayUseOneName) {
  const auto a = Register(kA, "t");
  const auto b = Register(kB, "t");
  Ok(a);
  Ok(b);
  EXPECT_EQ(Repo().FindByName(kA, "t")->id, a->id);
  EXPECT_EQ(Repo().FindByName(kB, "t")->id, b->id);
}

TEST_P(TopicRepoTest, Trg016UnusableNamesAreRefused) {
  for (const auto& [name, named] :
       std::vector<std::pair<std::string, std::string>>{{"", "1 to 512"},
                                                        {std::string(513, 'x'), "not 513"},
                                                        {std::string("a\0b", 3), "U+0000"},
                                                        {"caf\xe9", "UTF-8"},
                                                        {"jammi.mine", "'jammi.'"}}) {
    const auto refused = Register(kGlobal, name);
    ASSERT_FALSE(refused) << named;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().message(), HasSubstr(named));
  }
  Ok(Register(kGlobal, std::string(512, 'x')));
  Ok(Register(kGlobal, "any text at all: \u00e9, ', %, .."));
}

TEST_P(TopicRepoTest, UnusableMetadataIsRefused) {
  EXPECT_THAT(Register(kGlobal, "t", {{"k", "\xff"}}).error().message(), HasSubstr("'k'"));
  EXPECT_THAT(Register(kGlobal, "t", {{"k\xff", "v"}}).error().message(), HasSubstr("key"));
  EXPECT_THAT(Register(kGlobal, "t", {{"k", std::string(65 << 10, 'x')}}).error().message(),
              HasSubstr("bytes"));
  EXPECT_EQ(CountTopics(), 0);
}

TEST_P(TopicRepoTest, Trg020Trg021Trg022OwnBeforeGlobalAndNeverAnothers) {
  const auto global = Register(kGlobal, "shared");
  const auto own = Register(kA, "shared");
  const auto private_topic = Register(kA, "private");
  EXPECT_EQ(Repo().FindByName(kA, "shared")->id, own->id);
  EXPECT_EQ(Repo().FindByName(kB, "shared")->id, global->id);
  EXPECT_EQ(Repo().FindByName(kGlobal, "shared")->id, global->id);
  for (const auto& scope : {kB, kGlobal}) {
    const auto by_name = Repo().FindByName(scope, "private");
    ASSERT_FALSE(by_name);
    EXPECT_EQ(by_name.error().code(), ErrorCode::kNotFound);
    EXPECT_EQ(by_name.error().As<TopicNotFoundDetail>()->topic, "private");
    const auto by_id = Repo().FindById(scope, private_topic->id);
    ASSERT_FALSE(by_id);
    EXPECT_EQ(by_id.error().As<TopicNotFoundDetail>()->topic, private_topic->id.ToString());
  }
  EXPECT_TRUE(Repo().FindById(kA, global->id));
}

TEST_P(TopicRepoTest, Trg023ListsAreInOrderOfCreationPageByPage) {
  for (int i = 0; i < 5; ++i) {
    const auto topic = Ok(Register(i % 2 == 0 ? kGlobal : kA, fmt::format("t{}", i)));
    // t2 and t3 are of one moment.
    Sql("UPDATE topics SET created_at = $1 WHERE topic_no = $2", {i == 3 ? 2 : i, topic.topic_no});
  }
  Ok(Register(kB, "theirs"));
  const auto all = Names(kA, 100);
  EXPECT_EQ(all.size(), 5U);
  EXPECT_EQ(all.front(), "t0");
  EXPECT_EQ(all.back(), "t4");
  EXPECT_THAT(Names(kGlobal, 100), ElementsAre("t0", "t2", "t4"));

  std::vector<std::string> paged;
  std::string token;
  int pages = 0;
  do {
    const auto page = Repo().List(kA, 2, token);
    Ok(page);
    for (const auto& topic : page->items) paged.push_back(topic.name);
    token = page->next_page_token;
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(paged, all);
  EXPECT_EQ(pages, 3);
}

TEST_P(TopicRepoTest, Trg023APageThatIsExactlyFullIsTheLast) {
  Ok(Register(kGlobal, "t0"));
  Ok(Register(kGlobal, "t1"));
  EXPECT_THAT(Repo().List(kGlobal, 2, {})->next_page_token, IsEmpty());
}

TEST_P(TopicRepoTest, PageSizesAndTokensAreChecked) {
  for (const int size : {0, -1, 1001}) {
    EXPECT_EQ(Repo().List(kGlobal, size, {}).error().code(), ErrorCode::kInvalidArgument);
  }
  for (const char* token : {"x", "1", "1.", ".00000000-0000-4000-8000-000000000001", "1.zzz",
                            "1x.00000000-0000-4000-8000-000000000001"}) {
    const auto refused = Repo().List(kGlobal, 1, token);
    ASSERT_FALSE(refused) << token;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST_P(TopicRepoTest, ASchemaGrowsForItsOwnerAlone) {
  const auto topic = Register(kA, "t");
  const auto grow = [](const StoredTopic& now) -> Result<TopicRepo::GrownSchema> {
    return TopicRepo::GrownSchema{now.schema + " and more",
                                  static_cast<int64_t>(now.earlier_columns.size()) + 3};
  };
  for (const auto& scope : {kB, kGlobal}) {
    const auto refused = Repo().AppendColumns(scope, topic->id, grow);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kNotFound);
    EXPECT_EQ(refused.error().As<TopicNotFoundDetail>()->topic, topic->id.ToString());
  }
  EXPECT_EQ(Repo().FindById(kA, topic->id)->schema, "schema bytes");
  EXPECT_THAT(Repo().FindById(kA, topic->id)->earlier_columns, IsEmpty());
  Ok(Repo().AppendColumns(kA, topic->id, grow));
  const auto grown = Repo().AppendColumns(kA, topic->id, grow);
  Ok(grown);
  for (const auto& found : {grown, Repo().FindByName(kA, "t"), Repo().FindAnyByNumber(topic->topic_no)}) {
    Ok(found);
    EXPECT_EQ(found->schema, "schema bytes and more and more");
    EXPECT_THAT(found->earlier_columns, ElementsAre(3, 4));
  }
}

TEST_P(TopicRepoTest, ARefusedGrowthChangesNothing) {
  const auto topic = Register(kA, "t");
  const auto refused = Repo().AppendColumns(kA, topic->id, [](const StoredTopic&) {
    return Result<TopicRepo::GrownSchema>(Error(ErrorCode::kInvalidArgument, "no such type"));
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "no such type");
  EXPECT_THAT(Repo().FindById(kA, topic->id)->earlier_columns, IsEmpty());
  Ok(Drop(kA, topic->id));
  const auto gone = Repo().AppendColumns(kA, topic->id, [](const StoredTopic&) {
    ADD_FAILURE() << "it is dropped";
    return Result<TopicRepo::GrownSchema>(TopicRepo::GrownSchema{});
  });
  EXPECT_EQ(gone.error().code(), ErrorCode::kNotFound);
}

TEST_P(TopicRepoTest, Trg024DropIsStrictAboutTheOwner) {
  const auto global = Register(kGlobal, "g");
  const auto mine = Register(kA, "m");
  for (const auto& [scope, id] :
       {std::pair{kA, global->id}, std::pair{kB, mine->id}, std::pair{kGlobal, mine->id}}) {
    bool called = false;
    const auto refused = Repo().Drop(scope, id, [&](int64_t) { called = true; });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kNotFound);
    EXPECT_EQ(refused.error().As<TopicNotFoundDetail>()->topic, id.ToString());
    EXPECT_FALSE(called);
  }
  EXPECT_TRUE(Repo().FindById(kGlobal, global->id));
  EXPECT_TRUE(Repo().FindById(kA, mine->id));
}

TEST_P(TopicRepoTest, Trg025ADroppedTopicIsGoneAndItsNameFree) {
  const auto topic = Register(kA, "t");
  int64_t told = 0;
  const auto dropped = Repo().Drop(kA, topic->id, [&](int64_t topic_no) { told = topic_no; });
  Ok(dropped);
  EXPECT_EQ(*dropped, topic->topic_no);
  EXPECT_EQ(told, topic->topic_no);
  EXPECT_EQ(Repo().FindByName(kA, "t").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Repo().FindAnyById(topic->id).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Repo().FindAnyByNumber(topic->topic_no).error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(Names(kA, 10), IsEmpty());
  EXPECT_EQ(Drop(kA, topic->id).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Append(topic->topic_no, "x").error().code(), ErrorCode::kNotFound);

  const auto again = Register(kA, "t");
  Ok(again);
  EXPECT_GT(again->topic_no, topic->topic_no) << "a number is never given twice";
}

TEST_P(TopicRepoTest, NumbersEndWithATypedError) {
  Sql("UPDATE catalog_counters SET next_value = 8388606 WHERE name = 'topic_no'");
  Ok(Register(kGlobal, "last"));
  const auto refused = Register(kGlobal, "one more");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(Register(kGlobal, "one more").error().code(), ErrorCode::kResourceExhausted);
}

TEST_P(TopicRepoTest, ManyRegisterOneName) {
  std::atomic<int> made = 0;
  std::atomic<int> existed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto topic = Register(kGlobal, "t");
      if (topic) {
        ++made;
      } else if (topic.error().code() == ErrorCode::kAlreadyExists) {
        ++existed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(made, 1);
  EXPECT_EQ(existed, 7);
}

// Work grows with what is asked, not with what is stored.
TEST_P(TopicRepoTest, NoStatementScansOrSortsAmong10000Topics) {
  Sql("INSERT INTO topics (topic_no, topic_id, scope, name, schema, created_at) "
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
      "SELECT i, '00000000-0000-4000-8000-0000000' || (10000 + i), CASE WHEN i % 3 = 0 THEN '' ELSE $1 END, "
      "'t' || i, $2, i FROM n",
      {kA.Key(), SqlBytes()});
  Sql("INSERT INTO topic_heads (topic_no) SELECT topic_no FROM topics WHERE topic_no < $1",
      {kChangesTopicNo});
  Sql("INSERT INTO events (event_key, committed_at, scope, row_count, checksum, payload) "
      "SELECT topic_no * $1, 0, scope, 1, 0, $2 FROM topics WHERE topic_no < $3",
      {EventKey(1, 0), SqlBytes(), kChangesTopicNo});
  if (backend().kind() == BackendKind::kPostgres) Sql("ANALYZE");
  for (const RepoStatement& statement : TopicStatements()) {
    // They look at all that one tenant has: here, half of the topics.
    if (statement.name == "count" || statement.name == "retained bytes") continue;
    ExpectNoScanOrSort(backend(), std::span(&statement, 1), [&](const std::string& step) {
      // The dropped ones are few, and an index holds them alone.
      if (step.find("topics_dropped") != step.npos) return true;
      // Own before global: two rows at most.
      return statement.name == "find by name" &&
             (step.find("Sort Key") != step.npos || step.find("TEMP B-TREE") != step.npos);
    });
  }
  ExpectNoScanOrSort(backend(), AllScopesLogStatements());
}

// For the engine's own work, which serves every owner.
TEST_P(TopicRepoTest, TopicsOfAllOwnersByNumber) {
  const auto one = Ok(Register(kGlobal, "one"));
  const auto two = Ok(Register(kA, "two"));
  const auto three = Ok(Register(kB, "three"));
  const auto gone = Ok(Register(kB, "gone"));
  Ok(Drop(kB, gone.id));
  const auto numbers = [&](int64_t after, int limit) {
    std::vector<int64_t> found;
    for (const auto& topic : Ok(Repo().ListAny(after, limit))) found.push_back(topic.topic_no);
    return found;
  };
  EXPECT_THAT(numbers(0, 10), ElementsAre(one.topic_no, two.topic_no, three.topic_no, kChangesTopicNo));
  EXPECT_THAT(numbers(one.topic_no, 1), ElementsAre(two.topic_no));
  EXPECT_EQ(Ok(Repo().ListAny(one.topic_no, 1)).front().owner, kA);
}

TEST_P(TopicRepoTest, DamagedRowsAreNamed) {
  const auto topic = Register(kGlobal, "t");
  for (const char* damage :
       {"broker_metadata = '[1]'", "broker_metadata = '{}', earlier_columns = '[4, 3]'"}) {
    Sql(fmt::format("UPDATE topics SET {}", damage));
    const auto damaged = Repo().FindByName(kGlobal, "t");
    ASSERT_FALSE(damaged) << damage;
    EXPECT_EQ(damaged.error().code(), ErrorCode::kDataLoss);
    EXPECT_THAT(damaged.error().message(), HasSubstr(topic->id.ToString()));
  }
}

}  // namespace
}  // namespace jammi::test
