#include "catalog/topic_repo.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "catalog/sqlite/test_catalog.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TopicRepoTest : public sqlite::CatalogTest {
 protected:
  void SetUp() override {
    options_.clock = clock_;
    Open();
    repo_.emplace(backend());
  }

  Result<StoredTopic> Register(const Scope& owner, std::string_view name,
                               const std::map<std::string, std::string>& metadata = {}) {
    return repo_->Register(owner, name, "schema bytes", metadata);
  }
  Result<int64_t> Drop(const Scope& owner, const TopicId& id) {
    return repo_->Drop(owner, id, [](int64_t) {});
  }
  std::vector<std::string> Names(const Scope& scope, int page_size, std::string_view token = {}) {
    const auto page = repo_->List(scope, page_size, token);
    EXPECT_TRUE(page) << page.error().ToString();
    std::vector<std::string> names;
    for (const auto& topic : page->items) names.push_back(topic.name);
    return names;
  }

  const Scope a_ = Scope::ForTenant(*TenantId::Parse("00000000-0000-4000-8000-000000000001"));
  const Scope b_ = Scope::ForTenant(*TenantId::Parse("00000000-0000-4000-8000-000000000002"));
  const Scope global_ = Scope::Global();
  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(1'700'000'000'000'000);
  std::optional<TopicRepo> repo_;
};

TEST_F(TopicRepoTest, Trg003WhatIsRegisteredIsFound) {
  const auto topic = Register(a_, "quakes", {{"retention_seconds", "60"}, {"", "empty \"key\" \u00e9"}});
  JAMMI_OK(topic);
  for (const auto& found : {repo_->FindByName(a_, "quakes"), repo_->FindById(a_, topic->id),
                            repo_->FindAnyById(topic->id), repo_->FindAnyByNumber(topic->topic_no)}) {
    JAMMI_OK(found);
    EXPECT_EQ(found->topic_no, topic->topic_no);
    EXPECT_EQ(found->id, topic->id);
    EXPECT_EQ(found->name, "quakes");
    EXPECT_EQ(found->owner, a_);
    EXPECT_EQ(found->schema, "schema bytes");
    EXPECT_EQ(found->broker_metadata, topic->broker_metadata);
    EXPECT_EQ(found->created_at, clock_->Now());
  }
  const auto head = log().ReadHead(topic->topic_no);
  JAMMI_OK(head);
  EXPECT_EQ(head->next_offset, 0U);
}

TEST_F(TopicRepoTest, Trg012Trg013ANameIsUniquePerOwner) {
  JAMMI_OK(Register(global_, "t"));
  JAMMI_OK(Register(a_, "t"));
  for (const auto& owner : {global_, a_}) {
    const auto refused = Register(owner, "t");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kAlreadyExists);
    ASSERT_NE(refused.error().As<TopicExistsDetail>(), nullptr);
    EXPECT_EQ(refused.error().As<TopicExistsDetail>()->name, "t");
  }
  EXPECT_EQ(*GetInt("SELECT COUNT(*) AS v FROM topics WHERE topic_no < 8388607"), 2);
  EXPECT_EQ(*GetInt("SELECT COUNT(*) AS v FROM topic_heads WHERE topic_no < 8388607"), 2);
}

TEST_F(TopicRepoTest, Trg014TwoTenantsMayUseOneName) {
  const auto a = Register(a_, "t");
  const auto b = Register(b_, "t");
  JAMMI_OK(a);
  JAMMI_OK(b);
  EXPECT_EQ(repo_->FindByName(a_, "t")->id, a->id);
  EXPECT_EQ(repo_->FindByName(b_, "t")->id, b->id);
}

TEST_F(TopicRepoTest, Trg016UnusableNamesAreRefused) {
  for (const auto& [name, named] :
       std::vector<std::pair<std::string, std::string>>{{"", "1 to 512"},
                                                        {std::string(513, 'x'), "not 513"},
                                                        {std::string("a\0b", 3), "U+0000"},
                                                        {"caf\xe9", "UTF-8"},
                                                        {"jammi.mine", "'jammi.'"}}) {
    const auto refused = Register(global_, name);
    ASSERT_FALSE(refused) << named;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().message(), HasSubstr(named));
  }
  JAMMI_OK(Register(global_, std::string(512, 'x')));
  JAMMI_OK(Register(global_, "any text at all: \u00e9, ', %, .."));
}

TEST_F(TopicRepoTest, UnusableMetadataIsRefused) {
  EXPECT_THAT(Register(global_, "t", {{"k", "\xff"}}).error().message(), HasSubstr("'k'"));
  EXPECT_THAT(Register(global_, "t", {{"k\xff", "v"}}).error().message(), HasSubstr("key"));
  EXPECT_THAT(Register(global_, "t", {{"k", std::string(65 << 10, 'x')}}).error().message(),
              HasSubstr("bytes"));
  EXPECT_EQ(*GetInt("SELECT COUNT(*) AS v FROM topics WHERE topic_no < 8388607"), 0);
}

TEST_F(TopicRepoTest, Trg020Trg021Trg022OwnBeforeGlobalAndNeverAnothers) {
  const auto global = Register(global_, "shared");
  const auto own = Register(a_, "shared");
  const auto private_topic = Register(a_, "private");
  EXPECT_EQ(repo_->FindByName(a_, "shared")->id, own->id);
  EXPECT_EQ(repo_->FindByName(b_, "shared")->id, global->id);
  EXPECT_EQ(repo_->FindByName(global_, "shared")->id, global->id);
  for (const auto& scope : {b_, global_}) {
    const auto by_name = repo_->FindByName(scope, "private");
    ASSERT_FALSE(by_name);
    EXPECT_EQ(by_name.error().code(), ErrorCode::kNotFound);
    EXPECT_EQ(by_name.error().As<TopicNotFoundDetail>()->topic, "private");
    const auto by_id = repo_->FindById(scope, private_topic->id);
    ASSERT_FALSE(by_id);
    EXPECT_EQ(by_id.error().As<TopicNotFoundDetail>()->topic, private_topic->id.ToString());
  }
  EXPECT_TRUE(repo_->FindById(a_, global->id));
}

TEST_F(TopicRepoTest, Trg023ListsAreInOrderOfCreationPageByPage) {
  for (int i = 0; i < 5; ++i) {
    JAMMI_OK(Register(i % 2 == 0 ? global_ : a_, fmt::format("t{}", i)));
    if (i != 2) clock_->Advance(std::chrono::microseconds(1));  // t2 and t3 are of one moment
  }
  JAMMI_OK(Register(b_, "theirs"));
  const auto all = Names(a_, 100);
  EXPECT_EQ(all.size(), 5U);
  EXPECT_EQ(all.front(), "t0");
  EXPECT_EQ(all.back(), "t4");
  EXPECT_THAT(Names(global_, 100), ElementsAre("t0", "t2", "t4"));

  std::vector<std::string> paged;
  std::string token;
  int pages = 0;
  do {
    const auto page = repo_->List(a_, 2, token);
    JAMMI_OK(page);
    for (const auto& topic : page->items) paged.push_back(topic.name);
    token = page->next_page_token;
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(paged, all);
  EXPECT_EQ(pages, 3);
}

TEST_F(TopicRepoTest, Trg023APageThatIsExactlyFullIsTheLast) {
  JAMMI_OK(Register(global_, "t0"));
  JAMMI_OK(Register(global_, "t1"));
  EXPECT_THAT(repo_->List(global_, 2, {})->next_page_token, IsEmpty());
}

TEST_F(TopicRepoTest, PageSizesAndTokensAreChecked) {
  for (const int size : {0, -1, 1001}) {
    EXPECT_EQ(repo_->List(global_, size, {}).error().code(), ErrorCode::kInvalidArgument);
  }
  for (const char* token : {"x", "1", "1.", ".00000000-0000-4000-8000-000000000001", "1.zzz",
                            "1x.00000000-0000-4000-8000-000000000001"}) {
    const auto refused = repo_->List(global_, 1, token);
    ASSERT_FALSE(refused) << token;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST_F(TopicRepoTest, ASchemaGrowsForItsOwnerAlone) {
  const auto topic = Register(a_, "t");
  const auto grow = [](const StoredTopic& now) -> Result<TopicRepo::GrownSchema> {
    return TopicRepo::GrownSchema{now.schema + " and more",
                                  static_cast<int64_t>(now.earlier_columns.size()) + 3};
  };
  for (const auto& scope : {b_, global_}) {
    const auto refused = repo_->AppendColumns(scope, topic->id, grow);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kNotFound);
    EXPECT_EQ(refused.error().As<TopicNotFoundDetail>()->topic, topic->id.ToString());
  }
  EXPECT_EQ(repo_->FindById(a_, topic->id)->schema, "schema bytes");
  EXPECT_THAT(repo_->FindById(a_, topic->id)->earlier_columns, IsEmpty());
  JAMMI_OK(repo_->AppendColumns(a_, topic->id, grow));
  const auto grown = repo_->AppendColumns(a_, topic->id, grow);
  JAMMI_OK(grown);
  for (const auto& found : {grown, repo_->FindByName(a_, "t"), repo_->FindAnyByNumber(topic->topic_no)}) {
    JAMMI_OK(found);
    EXPECT_EQ(found->schema, "schema bytes and more and more");
    EXPECT_THAT(found->earlier_columns, ElementsAre(3, 4));
  }
}

TEST_F(TopicRepoTest, ARefusedGrowthChangesNothing) {
  const auto topic = Register(a_, "t");
  const auto refused = repo_->AppendColumns(a_, topic->id, [](const StoredTopic&) {
    return Result<TopicRepo::GrownSchema>(Error(ErrorCode::kInvalidArgument, "no such type"));
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "no such type");
  EXPECT_THAT(repo_->FindById(a_, topic->id)->earlier_columns, IsEmpty());
  JAMMI_OK(Drop(a_, topic->id));
  const auto gone = repo_->AppendColumns(a_, topic->id, [](const StoredTopic&) {
    ADD_FAILURE() << "it is dropped";
    return Result<TopicRepo::GrownSchema>(TopicRepo::GrownSchema{});
  });
  EXPECT_EQ(gone.error().code(), ErrorCode::kNotFound);
}

TEST_F(TopicRepoTest, Trg024DropIsStrictAboutTheOwner) {
  const auto global = Register(global_, "g");
  const auto mine = Register(a_, "m");
  for (const auto& [scope, id] :
       {std::pair{a_, global->id}, std::pair{b_, mine->id}, std::pair{global_, mine->id}}) {
    bool called = false;
    const auto refused = repo_->Drop(scope, id, [&](int64_t) { called = true; });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kNotFound);
    EXPECT_EQ(refused.error().As<TopicNotFoundDetail>()->topic, id.ToString());
    EXPECT_FALSE(called);
  }
  EXPECT_TRUE(repo_->FindById(global_, global->id));
  EXPECT_TRUE(repo_->FindById(a_, mine->id));
}

TEST_F(TopicRepoTest, Trg025ADroppedTopicIsGoneAndItsNameFree) {
  const auto topic = Register(a_, "t");
  int64_t told = 0;
  const auto dropped = repo_->Drop(a_, topic->id, [&](int64_t topic_no) { told = topic_no; });
  JAMMI_OK(dropped);
  EXPECT_EQ(*dropped, topic->topic_no);
  EXPECT_EQ(told, topic->topic_no);
  EXPECT_EQ(repo_->FindByName(a_, "t").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(repo_->FindAnyById(topic->id).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(repo_->FindAnyByNumber(topic->topic_no).error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(Names(a_, 10), IsEmpty());
  EXPECT_EQ(Drop(a_, topic->id).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(log().Append(Event(topic->topic_no, "x"), {}).error().code(), ErrorCode::kNotFound);

  const auto again = Register(a_, "t");
  JAMMI_OK(again);
  EXPECT_GT(again->topic_no, topic->topic_no) << "a number is never given twice";
}

TEST_F(TopicRepoTest, NumbersAreNotReusedAfterThePurge) {
  const auto first = Register(global_, "t");
  JAMMI_OK(Drop(global_, first->id));
  while (*repo_->PurgeStep({})) {
  }
  EXPECT_EQ(*GetInt("SELECT COUNT(*) AS v FROM topics WHERE topic_no < 8388607"), 0);
  EXPECT_GT(Register(global_, "t")->topic_no, first->topic_no);
}

TEST_F(TopicRepoTest, PurgeRemovesTheRowsOfDroppedTopicsOnly) {
  const auto kept = Register(global_, "kept");
  const auto dropped = Register(global_, "dropped");
  for (int i = 0; i < 5; ++i) {
    JAMMI_OK(log().Append(Event(kept->topic_no, "x"), {}));
    JAMMI_OK(log().Append(Event(dropped->topic_no, std::string(300 << 10, 'y')), {}));
  }
  EXPECT_FALSE(*repo_->PurgeStep({})) << "nothing is dropped yet";
  JAMMI_OK(Drop(global_, dropped->id));
  EXPECT_TRUE(*repo_->PurgeStep({}));
  EXPECT_EQ(*GetInt("SELECT COUNT(*) AS v FROM events WHERE event_key < 8388607 << 40"), 6)
      << "about a megabyte at a time";
  EXPECT_TRUE(*repo_->PurgeStep({}));
  EXPECT_EQ(*GetInt("SELECT COUNT(*) AS v FROM events WHERE event_key < 8388607 << 40"), 5);
  EXPECT_TRUE(*repo_->PurgeStep({}));
  EXPECT_FALSE(*repo_->PurgeStep({}));
  EXPECT_EQ(*GetInt("SELECT COUNT(*) AS v FROM topics WHERE topic_no < 8388607"), 1);
  EXPECT_EQ(log().ReadHead(kept->topic_no)->next_offset, 5U);
}

TEST_F(TopicRepoTest, NumbersEndWithATypedError) {
  JAMMI_OK(Execute("UPDATE catalog_counters SET next_value = 8388606 WHERE name = 'topic_no'"));
  JAMMI_OK(Register(global_, "last"));
  const auto refused = Register(global_, "one more");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(Register(global_, "one more").error().code(), ErrorCode::kResourceExhausted);
}

TEST_F(TopicRepoTest, ManyRegisterOneName) {
  std::atomic<int> made = 0;
  std::atomic<int> existed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto topic = Register(global_, "t");
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
TEST_F(TopicRepoTest, NoStatementScansOrSortsTopics) {
  for (const auto& statement : TopicStatements()) {
    const std::vector<SqlValue> params(static_cast<size_t>(statement.params), SqlValue("x"));
    std::vector<std::string> plan;
    const auto read = [&](const Row& row) -> Result<bool> {
      JAMMI_ASSIGN(auto step, row.Get<std::string>("detail"));
      plan.push_back(std::move(step));
      return true;
    };
    JAMMI_OK(backend().Transact({.read_only = true}, [&](Transaction& tx) {
      return tx.Query("EXPLAIN QUERY PLAN " + std::string(statement.sql), SqlParams(params), read);
    }));
    ASSERT_THAT(plan, testing::Not(IsEmpty())) << statement.name;
    for (const auto& step : plan) {
      // The dropped ones are few, and an index holds them alone.
      EXPECT_TRUE(!step.starts_with("SCAN") || step.find("topics_dropped") != std::string::npos)
          << statement.name << ": " << step;
      // Own before global: two rows at most.
      const bool sorts = step.find("TEMP B-TREE") != std::string::npos;
      EXPECT_TRUE(!sorts || statement.name == "find by name") << statement.name << ": " << step;
    }
  }
}

TEST_F(TopicRepoTest, DamagedRowsAreNamed) {
  const auto topic = Register(global_, "t");
  for (const char* damage :
       {"broker_metadata = '[1]'", "broker_metadata = '{}', earlier_columns = '[4, 3]'"}) {
    JAMMI_OK(Execute(fmt::format("UPDATE topics SET {}", damage)));
    const auto damaged = repo_->FindByName(global_, "t");
    ASSERT_FALSE(damaged) << damage;
    EXPECT_EQ(damaged.error().code(), ErrorCode::kDataLoss);
    EXPECT_THAT(damaged.error().message(), HasSubstr(topic->id.ToString()));
  }
}

}  // namespace
}  // namespace jammi
