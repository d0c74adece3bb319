// 64 publishers and 1,000 subscribers of two tenants, in processes that are killed again and again, against a
// real jammi-server. Nothing is lost, nothing is there twice, no order is broken, no tenant sees the other,
// and the server's memory and descriptors stay what they are.
//
// JAMMI_LOAD_SECONDS (20): how long; 300 for a soak. JAMMI_LOAD_SEED: who is killed, and when.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>

#include "load/checker.h"
#include "load/fleet.h"
#include "load/loaded_server.h"
#include "load/wire.h"
#include "support/random.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

using std::chrono::steady_clock;
using ::testing::IsEmpty;

constexpr uint32_t kPublisherChildren = 8, kPublishersOfEach = 8;
constexpr uint32_t kSubscriberChildren = 10, kStreamsOfEach = 100;
constexpr uint64_t kMiB = 1 << 20;

class LoadTest : public testing::Test {
 protected:
  LoadTest() {
    for (uint32_t tenant = 0; tenant < 2; ++tenant) {
      auto channel = OpenFor(server_.target(), tenant);
      EXPECT_TRUE(channel) << channel.error().ToString();
      tenants_.push_back(std::move(*channel));
    }
    const auto everybody = OpenFor(server_.target(), std::nullopt);
    EXPECT_TRUE(everybody && RegisterTopic(*everybody, kSharedTopic));
    for (const RpcChannel& tenant : tenants_) {
      EXPECT_TRUE(RegisterTopic(tenant, 0));
      EXPECT_TRUE(RegisterTopic(tenant, 1));
    }
  }

  // Until the time is over.
  void Storm(Fleet& publishers, Fleet& subscribers) {
    const auto end = steady_clock::now() + std::chrono::seconds(seconds_);
    while (steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(500 + random_.Below(1000)));
      Fleet& fleet = random_.Percent(50) ? publishers : subscribers;
      fleet.KillOne(static_cast<uint32_t>(random_.Below(fleet.size())));
      ++kills_;
      resident_.push_back(server_.ResidentBytes());
    }
  }

  // A last event in each view: a subscriber that has it is done.
  void PublishLast() {
    for (uint32_t view = 0; view < kViews; ++view) {
      const EventId last{.view = view, .publisher = kLastPublisher, .life = 0, .number = 0};
      const auto offset = Publish(tenants_[TenantOf(view)], last);
      ASSERT_TRUE(offset) << offset.error().ToString();
      history_.published.push_back({.kind = Record::Kind::kAsk, .event = last});
      history_.published.push_back({.kind = Record::Kind::kAcknowledge, .offset = *offset, .event = last});
    }
  }

  LoadLog ReadLog() {
    LoadLog log;
    for (uint32_t view = 0; view < kViews; ++view) {
      auto batches = Subscribe(tenants_[TenantOf(view)], view, 0, /*replay_only=*/true);
      for (;;) {
        auto batch = batches.Read();
        EXPECT_TRUE(batch) << batch.error().ToString();
        if (!batch || !*batch) break;
        log[view].emplace_back((*batch)->offset(), FindEvent((*batch)->batch().data_body()));
      }
    }
    return log;
  }

  void ReadHistory(const Fleet& publishers, const Fleet& subscribers) {
    for (uint32_t child = 0; child < publishers.size(); ++child) {
      for (const auto& life : publishers.Lives(child))
        history_.published.insert(history_.published.end(), life.records.begin(), life.records.end());
    }
    for (uint32_t stream = 0; stream < kSubscriberChildren * kStreamsOfEach; ++stream)
      history_.view_of_stream[stream] = stream % kViews;
    for (uint32_t child = 0; child < subscribers.size(); ++child)
      history_.subscribers[child] = subscribers.Lives(child);
  }

  // Connections end when the server has seen that they were closed. The catalog opens more files at need, a
  // few.
  void ExpectDescriptors(const LoadedServer::Descriptors& before) {
    const auto end = steady_clock::now() + std::chrono::seconds(20);
    while (server_.OpenDescriptors().sockets > before.sockets && steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const auto after = server_.OpenDescriptors();
    fmt::print("descriptors: {} sockets and {} others before, {} and {} after\n", before.sockets,
               before.others, after.sockets, after.others);
    EXPECT_LE(after.sockets, before.sockets);
    EXPECT_LE(after.others, before.others + 64);
  }

  // The last quarter of the run needs no more than the second did.
  void ExpectFlatMemory() const {
    const auto quarter = static_cast<std::ptrdiff_t>(resident_.size() / 4);
    ASSERT_GE(quarter, 2);
    const auto mean = [](auto first, auto last) {
      return std::accumulate(first, last, uint64_t{0}) / static_cast<uint64_t>(last - first);
    };
    const uint64_t early = mean(resident_.begin() + quarter, resident_.begin() + 2 * quarter);
    const uint64_t late = mean(resident_.end() - quarter, resident_.end());
    fmt::print("memory: {} MiB in the second quarter, {} MiB in the last, at most {} MiB\n", early / kMiB,
               late / kMiB, *std::ranges::max_element(resident_) / kMiB);
    EXPECT_LE(late, early + early / 5 + 16 * kMiB);
  }

  const uint64_t seconds_ = FromEnvironment("JAMMI_LOAD_SECONDS", 20);
  const uint64_t seed_ = FromEnvironment("JAMMI_LOAD_SEED", 1);
  Random random_{seed_};
  TempDir folder_;
  LoadedServer server_{folder_.path()};
  std::vector<RpcChannel> tenants_;
  std::vector<uint64_t> resident_;
  int kills_ = 0;
  LoadHistory history_;
};

TEST_F(LoadTest, ClientsThatAreKilledLoseNothingAndLeaveNothing) {
  SCOPED_TRACE(Replay("JAMMI_LOAD_SEED", seed_));
  const auto descriptors = server_.OpenDescriptors();
  std::filesystem::create_directory(folder_ / "records");
  const FleetOptions common{.target = server_.target(), .folder = folder_ / "records"};
  FleetOptions subscribing = common;
  subscribing.kind = "subscribe", subscribing.children = kSubscriberChildren,
  subscribing.of_each = kStreamsOfEach;
  FleetOptions publishing = common;
  publishing.kind = "publish", publishing.children = kPublisherChildren,
  publishing.of_each = kPublishersOfEach;
  publishing.pause_milliseconds = 500;
  Fleet subscribers(subscribing);
  subscribers.AwaitReady();
  Fleet publishers(publishing);

  Storm(publishers, subscribers);
  publishers.AwaitReady();
  publishers.Stop();
  publishers.AwaitDone();
  subscribers.AwaitReady();
  ASSERT_NO_FATAL_FAILURE(PublishLast());
  subscribers.AwaitDone();
  EXPECT_THAT(publishers.problems(), IsEmpty());
  EXPECT_THAT(subscribers.problems(), IsEmpty());

  ReadHistory(publishers, subscribers);
  const LoadLog log = ReadLog();
  EXPECT_THAT(Judge(history_, log), IsEmpty());
  size_t deliveries = 0;
  for (const auto& [child, lives] : history_.subscribers)
    for (const auto& life : lives) deliveries += life.records.size();
  fmt::print("{} kills, {} events asked for and acknowledged, {} deliveries\n", kills_,
             history_.published.size() / 2, deliveries);
  ExpectDescriptors(descriptors);
  // Sanitizers keep what is freed.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  ExpectFlatMemory();
#endif
  tenants_.clear();
  EXPECT_EQ(server_.Stop(), 0);
}

}  // namespace
}  // namespace jammi::test
