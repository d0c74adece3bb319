#include "torture/player.h"

#include <chrono>
#include <memory>
#include <thread>

#include "base/sync_point.h"
#include "torture/consuming.h"
#include "torture/publishing.h"

namespace jammi::test {
namespace {

using Kind = Record::Kind;
using std::chrono::milliseconds;

// Holds threads for a moment where it has been seen, or is feared, to matter who comes first.
void HoldThreadsAtRandom(uint64_t seed) {
  const auto hold = [random = std::make_shared<std::atomic<uint64_t>>(seed)] {
    Random once(random->fetch_add(1));
    if (once.Percent(5)) std::this_thread::sleep_for(std::chrono::microseconds(once.Below(1500)));
  };
  for (const char* point : {"TopicFeed::Park", "catalog:before_commit", "catalog:group_taken",
                            "catalog:before_delivery", "catalog:rings_gathered"}) {
    SetSyncPoint(point, hold);
  }
}

}  // namespace

void Play(const PlayerOptions& options, const Control& control, const Voice& voice) {
  Random random(options.seed);
  Stage stage(options.name, options.config, control, voice);
  HoldThreadsAtRandom(random.Next());
  if (!stage.Open()) return;
  stage.Say({.kind = Kind::kReady});

  PublishingPause pause(options.publishers);
  std::vector<std::unique_ptr<Follower>> followers;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < options.publishers; ++i) {
      auto again = i == 0 ? options.again : std::vector<PublishOrder>();
      threads.emplace_back([&stage, &pause, again = std::move(again), seed = random.Next()] {
        PublisherThread(stage, pause, again, Random(seed)).Run();
      });
    }
    for (const CursorOrder& order : options.cursors) {
      followers.push_back(std::make_unique<CursorFollower>(stage, order, options.read, random.Fork()));
      threads.emplace_back([follower = followers.back().get()] { follower->Run(); });
    }
    for (const PlannedConsumer& consumer : kConsumers) {
      for (int i = 0; i < options.consumers; ++i) {
        followers.push_back(std::make_unique<ConsumerFollower>(stage, consumer, random.Fork()));
        threads.emplace_back([follower = followers.back().get()] { follower->Run(); });
      }
    }
    if (options.read) {
      threads.clear();  // joins them
      stage.Stop();
    }
    while (!stage.stopping()) {
      stage.Wait(milliseconds(50));
      for (const auto& follower : followers) follower->SayPosition();
      // Now and then a cursor goes and comes back. Not in a calm: attaching looks at the head, for all.
      if (stage.round() % 2 == 0 && !followers.empty() && random.Percent(2))
        followers[random.Below(followers.size())]->Close();
    }
    // In either order: what is under way when the engine closes gets its answer too.
    if (random.Percent(50)) stage.engine().Close();
    for (const auto& follower : followers) follower->Close();
  }
  stage.engine().Close();
  stage.Say({.kind = Kind::kLeft});
}

void Intrude(const PlayerOptions& options, const Control& control, const Voice& voice) {
  const Stage stage(options.name, options.config, control, voice);
  const auto engine = Engine::Open(options.config);
  if (engine) {
    stage.Break("a second engine on one file");
  } else if (engine.error().As<CatalogLockedDetail>() == nullptr) {
    stage.Break("a second engine is refused by: " + engine.error().ToString());
  } else {
    stage.Count("second engine refused");
  }
}

}  // namespace jammi::test
