// Two catalogs on one database, as two processes have them: one order of offsets, and news of each other.
#include <condition_variable>
#include <map>
#include <thread>

#include "catalog/changes.h"
#include "catalog/postgres/pg_fixture.h"

namespace jammi::postgres {
namespace {

// What a catalog hears of others.
class Heads {
 public:
  EventLog::HeadListener Listener() {
    return [this](int64_t topic_no, uint64_t next_offset) {
      const std::lock_guard lock(mutex_);
      heads_[topic_no] = std::max(heads_[topic_no], next_offset);
      ++calls_;
      changed_.notify_all();
    };
  }
  bool Await(int64_t topic_no, uint64_t next_offset) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return heads_[topic_no] >= next_offset; });
  }
  uint64_t Of(int64_t topic_no) {
    const std::lock_guard lock(mutex_);
    return heads_[topic_no];
  }
  int calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int64_t, uint64_t> heads_;
  int calls_ = 0;
};

class Replicas : public PgTest {
 protected:
  // As anybody may who can connect.
  static std::string NotifySql(Catalog& catalog, const char* payload) {
    std::string channel = "jammi_" + catalog.incarnation();
    std::erase(channel, '-');
    return fmt::format("SELECT pg_notify('{}', '{}')", channel, payload);
  }
  void Notify(Catalog& catalog, const char* payload) {
    ASSERT_EQ(Raw().Exec(NotifySql(catalog, payload)), "");
  }
};

TEST_F(Replicas, TheyAreOneCatalog) {
  const auto a = Open();
  const auto b = Open();
  EXPECT_EQ(a->incarnation(), b->incarnation());
}

TEST_F(Replicas, OffsetsOfOneTopicAreContiguousAcrossProcesses) {
  const auto a = Open();
  const auto b = Open();
  MakeTopic(*a, 1);
  std::vector<std::jthread> threads;
  for (Catalog* catalog : {a.get(), b.get()}) {
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([catalog] {
        for (int j = 0; j < 50; ++j) Ok(catalog->log().Append(Event(1, "x"), {}));
      });
    }
  }
  threads.clear();
  const auto page = Ok(a->log().Read(1, 0, Scope::Global(), {}));
  ASSERT_EQ(page.events.size(), 200U);
  for (size_t i = 1; i < page.events.size(); ++i) {
    EXPECT_LE(page.events[i - 1].committed_at, page.events[i].committed_at);
  }
}

// Heads are locked in topic order, in groups and in bodies, so nobody waits in a circle.
TEST_F(Replicas, GroupsOverManyTopicsDoNotDeadlock) {
  const auto a = Open();
  const auto b = Open();
  for (int64_t topic = 1; topic <= 5; ++topic) MakeTopic(*a, topic);
  std::vector<std::jthread> threads;
  for (Catalog* catalog : {a.get(), b.get()}) {
    threads.emplace_back([catalog] {
      for (int j = 0; j < 30; ++j) {
        Ok(catalog->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
          for (int64_t topic = 5; topic >= 1; --topic) tx.Append(Event(topic, "x"));
          return {};
        }));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(a->backend().stats().reruns + b->backend().stats().reruns, 0U);
  for (int64_t topic = 1; topic <= 5; ++topic) EXPECT_EQ(Ok(a->log().ReadHead(topic)).next_offset, 60U);
}

TEST_F(Replicas, AHeadThatAnotherMovedIsTold) {
  const auto a = Open();
  const auto b = Open();
  MakeTopic(*a, 1);
  MakeTopic(*a, 2);
  Heads heads;
  Ok(a->log().Append(Event(2, "before anybody listens"), {}));
  b->log().SetHeadListener(heads.Listener());
  EXPECT_TRUE(heads.Await(2, 1));
  for (uint64_t i = 1; i <= 3; ++i) {
    Ok(a->log().Append(Event(1, "x"), {}));
    EXPECT_TRUE(heads.Await(1, i));
  }
  b->log().SetHeadListener(nullptr);
}

TEST_F(Replicas, ManyCommitsAreFewNotifications) {
  const auto a = Open();
  const auto b = Open();
  MakeTopic(*a, 1);
  Heads heads;
  b->log().SetHeadListener(heads.Listener());
  for (int i = 0; i < 200; ++i) Ok(a->log().Append(Event(1, "x"), {}));
  EXPECT_TRUE(heads.Await(1, 200));
  EXPECT_LT(heads.calls(), 150);
  b->log().SetHeadListener(nullptr);
}

// What was published while the news connection was down is found by reading the heads.
TEST_F(Replicas, AfterAReconnectNothingIsMissed) {
  test::TcpProxy proxy(server().port());
  const auto a = Open();
  const auto b = Open(server().Url(database_, proxy.port()));
  MakeTopic(*a, 1);
  Heads heads;
  b->log().SetHeadListener(heads.Listener());
  Ok(a->log().Append(Event(1, "x"), {}));
  ASSERT_TRUE(heads.Await(1, 1));
  proxy.Refuse(true);
  proxy.CutAll();
  Ok(a->log().Append(Event(1, "x"), {}));
  proxy.Refuse(false);
  EXPECT_TRUE(heads.Await(1, 2));
  b->log().SetHeadListener(nullptr);
}

TEST_F(Replicas, AllHeadsAreToldAtFirst) {
  const auto b = Open();
  ASSERT_EQ(Raw().Exec("INSERT INTO topics (topic_no, topic_id, name, schema, created_at)"
                       " SELECT n, lpad(CAST(n AS TEXT), 36, '0'), 'topic-' || n, '', 0"
                       " FROM generate_series(1, 3000) AS n;"
                       "INSERT INTO topic_heads (topic_no, next_offset)"
                       " SELECT n, 1 FROM generate_series(1, 3000) AS n"),
            "");
  Heads heads;
  b->log().SetHeadListener(heads.Listener());
  for (int64_t topic = 1; topic <= 3000; ++topic) ASSERT_TRUE(heads.Await(topic, 1)) << topic;
  b->log().SetHeadListener(nullptr);
}

// A process that dies between COMMIT and NOTIFY: its changes are found within a second. Other topics are not
// looked at: that would be work for every topic there is, whether anybody waits or not.
TEST_F(Replicas, AChangeThatNobodyToldOfIsFound) {
  const auto b = Open();
  MakeTopic(*b, 1);
  Heads heads;
  b->log().SetHeadListener(heads.Listener());
  ASSERT_EQ(Raw().Exec("UPDATE topic_heads SET next_offset = 1"), "");
  ASSERT_TRUE(heads.Await(kChangesTopicNo, 1));  // what is read once for the listener has been read
  const uint64_t other = heads.Of(1);
  ASSERT_EQ(Raw().Exec("UPDATE topic_heads SET next_offset = 2"), "");
  EXPECT_TRUE(heads.Await(kChangesTopicNo, 2));
  EXPECT_EQ(heads.Of(1), other);
  b->log().SetHeadListener(nullptr);
}

TEST_F(Replicas, ANotificationIsNotBelieved) {
  const auto a = Open();
  const auto b = Open();
  MakeTopic(*a, 1);
  Heads heads;
  b->log().SetHeadListener(heads.Listener());
  Notify(*a, "1:99999999");
  Notify(*a, "1 99999999");
  Ok(a->log().Append(Event(1, "x"), {}));
  EXPECT_TRUE(heads.Await(1, 1));
  EXPECT_EQ(heads.Of(1), 1U);
  b->log().SetHeadListener(nullptr);
}

// Another commits, then this process does, and only then the other's notification comes.
TEST_F(Replicas, OnesOwnChangeDoesNotHideAnothers) {
  const auto a = Open();
  const auto b = Open();
  MakeTopic(*a, 1);
  Heads heads;
  b->log().SetHeadListener(heads.Listener());
  Ok(a->log().Append(Event(1, "x"), {}));
  ASSERT_TRUE(heads.Await(1, 1));
  ASSERT_EQ(Raw().Exec("UPDATE topic_heads SET next_offset = 2 WHERE topic_no = 1"), "");
  Ok(b->log().Append(Event(1, "x"), {}));
  Notify(*a, "1");
  EXPECT_TRUE(heads.Await(1, 3));
  b->log().SetHeadListener(nullptr);
}

// News that comes while the notifier talks to the server itself does not lie there until the next look, a
// second later.
TEST_F(Replicas, NewsThatComesWhileItTellsIsHeardAtOnce) {
  const auto b = Open();
  MakeTopic(*b, 1);
  MakeTopic(*b, 2);
  Heads heads;
  b->log().SetHeadListener(heads.Listener());
  test::RawPostgres raw = Raw();
  const std::string news =
      "UPDATE topic_heads SET next_offset = next_offset + 1 WHERE topic_no = 2; " + NotifySql(*b, "2");
  SetSyncPoint("catalog:rings_gathered", [&] { raw.Exec(news); });
  constexpr int kTimes = 10;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 1; i <= kTimes; ++i) {
    Ok(b->log().Append(Event(1, "x"), {}));
    EXPECT_TRUE(heads.Await(2, i));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(500) * kTimes);
  b->log().SetHeadListener(nullptr);
}

TEST_F(Replicas, NonsenseOnTheChannelIsPassedOver) {
  const auto a = Open();
  const auto b = Open();
  MakeTopic(*a, 1);
  Heads heads;
  b->log().SetHeadListener(heads.Listener());
  for (const char* payload :
       {"", " ", "x", "1", "1 ", "1 x", " 1", "1:1", "99999999999999999999", "-4", "0", "2", "1 1 1"}) {
    Notify(*a, payload);
  }
  Ok(a->log().Append(Event(1, "x"), {}));
  EXPECT_TRUE(heads.Await(1, 1));
  b->log().SetHeadListener(nullptr);
}

}  // namespace
}  // namespace jammi::postgres
