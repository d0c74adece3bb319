// Pages of one topic's log, shared by the subscriptions that lag behind its ring: a page that several need
// at about one time is read once, and its events are decoded, filtered and encoded once from then on.
//
// A page is shared by readers of one scope alone: the log gives a reader's page no payload that he may not
// see, and no reader gets another's.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "catalog/event_log.h"
#include "trigger/frame.h"

namespace jammi {

struct FeedRuntime;

// Some consecutive events of a topic as one scope may see them. Thread-safe.
class SharedPage {
 public:
  explicit SharedPage(LogPage page);
  ~SharedPage();
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;

  [[nodiscard]] const LogHead& head() const { return page_.head; }
  [[nodiscard]] bool empty() const { return page_.events.empty(); }
  // Of a page that is not empty.
  [[nodiscard]] uint64_t begin() const { return page_.events.front().offset; }
  [[nodiscard]] uint64_t end() const { return page_.events.back().offset + 1; }
  [[nodiscard]] bool Has(uint64_t offset) const { return !empty() && offset >= begin() && offset < end(); }
  // Of an event that it has.
  [[nodiscard]] const LogEvent& event(uint64_t offset) const { return page_.events[offset - begin()]; }
  // The same, with what its readers share.
  [[nodiscard]] const Frame& frame(uint64_t offset) const;
  // Has it more than one reader? One alone does without frames.
  [[nodiscard]] bool shared() const { return shared_.load(std::memory_order_relaxed); }
  void Share() const { shared_.store(true, std::memory_order_relaxed); }
  // What it is charged for, as a ring's frames are.
  [[nodiscard]] int64_t bytes() const { return bytes_; }

 private:
  const LogPage page_;
  int64_t bytes_ = 0;
  mutable std::atomic<bool> shared_ = false;
  mutable std::vector<std::atomic<const Frame*>> frames_;  // made by who asks first
};

// Whoever waits for a page.
class PageTaker {
 public:
  virtual ~PageTaker() = default;
  // Once for each Load(), without locks, on a loader thread or inside Load(). A page without events says by
  // its head why. Errors: EventLog::Read's.
  virtual void OnPage(Result<std::shared_ptr<const SharedPage>> page) = 0;
  // Nobody waits for it any more.
  [[nodiscard]] virtual bool closed() const = 0;
};

// Thread-safe.
class PageCache : public std::enable_shared_from_this<PageCache> {
 public:
  PageCache(std::shared_ptr<FeedRuntime> runtime, int64_t topic_no);

  // A page in memory that has the event. Null: there is none.
  [[nodiscard]] std::shared_ptr<const SharedPage> Find(const Scope& reader, uint64_t offset);
  // Reads a page with that event on a loader thread, or waits for a read of another that will have it. False:
  // the runtime was stopped, `taker` is not called.
  [[nodiscard]] bool Load(const Scope& reader, uint64_t offset, const std::shared_ptr<PageTaker>& taker);

  // One who lags came or left. While there are two or more, what is read is kept for whoever comes next, up
  // to FeedLimits::page_cache_bytes, until none is left; else a page lives as long as somebody reads it.
  void Enter();
  void Leave();
  // Lets go of what nobody has asked for since the last call.
  void Age();
  // Events below are gone from the log.
  void DropBelow(uint64_t low_water);
  // What is read from now on would be for nobody.
  void End();

  // For tests and statistics.
  [[nodiscard]] int64_t kept_bytes() const;

 private:
  using PageOrError = Result<std::shared_ptr<const SharedPage>>;
  using Key = std::pair<std::string, uint64_t>;  // scope, first offset
  struct Waiting {
    uint64_t offset;
    std::shared_ptr<PageTaker> taker;
  };
  struct Flight {
    Scope reader;
    std::vector<Waiting> takers;
  };
  struct Kept {
    std::shared_ptr<const SharedPage> page;
    bool asked = true;  // since the last Age()
  };

  [[nodiscard]] std::shared_ptr<const SharedPage> FindLocked(const Scope& reader, uint64_t offset);
  // On a loader thread: reads the page of a flight, and answers who waits for it.
  void Read(const Key& key);
  [[nodiscard]] std::pair<Scope, bool> Look(const Key& key) const;  // for whom; whether somebody wants it
  [[nodiscard]] PageOrError ReadLog(const Scope& reader, uint64_t offset) const;
  void KeepLocked(const Key& key, const std::shared_ptr<const SharedPage>& page);

  const std::shared_ptr<FeedRuntime> runtime_;
  const int64_t topic_no_;

  mutable std::mutex mutex_;
  bool ended_ = false;
  int lagging_ = 0;
  size_t usual_events_;  // of a page, as far as is known
  std::map<Key, Flight> flights_;
  std::map<Key, std::weak_ptr<const SharedPage>> pages_;  // kept, or read by somebody
  std::list<Kept> kept_;                                  // the one asked for last in front
  int64_t kept_bytes_ = 0;
};

}  // namespace jammi
