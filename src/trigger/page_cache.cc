#include "trigger/page_cache.h"

#include <algorithm>

#include "trigger/topic_feed.h"

namespace jammi {

SharedPage::SharedPage(LogPage page) : page_(std::move(page)), frames_(page_.events.size()) {
  for (const auto& event : page_.events) bytes_ += Frame::Charge(event.payload);
}

SharedPage::~SharedPage() {
  for (const auto& frame : frames_) delete frame.load(std::memory_order_relaxed);
}

const Frame& SharedPage::frame(uint64_t offset) const {
  auto& place = frames_[offset - begin()];
  const Frame* there = place.load(std::memory_order_acquire);
  if (there != nullptr) return *there;
  const auto& of = event(offset);
  auto made = std::make_unique<const Frame>(of.offset, of.committed_at, of.scope, of.row_count, of.payload);
  if (place.compare_exchange_strong(there, made.get(), std::memory_order_acq_rel)) there = made.release();
  return *there;
}

namespace {

Error Ended() { return Error(ErrorCode::kNotFound, "the stream has ended"); }

}  // namespace

PageCache::PageCache(std::shared_ptr<FeedRuntime> runtime, int64_t topic_no)
    : runtime_(std::move(runtime)),
      topic_no_(topic_no),
      usual_events_(static_cast<size_t>(runtime_->limits.page.events)) {}

std::shared_ptr<const SharedPage> PageCache::Find(const Scope& reader, uint64_t offset) {
  const std::lock_guard lock(mutex_);
  return FindLocked(reader, offset);
}

std::shared_ptr<const SharedPage> PageCache::FindLocked(const Scope& reader, uint64_t offset) {
  auto found = pages_.upper_bound({reader.Key(), offset});
  if (found == pages_.begin()) return nullptr;
  --found;
  if (found->first.first != reader.Key()) return nullptr;
  auto page = found->second.lock();
  if (page == nullptr || !page->Has(offset)) return nullptr;
  const auto kept = std::ranges::find(kept_, page, &Kept::page);
  if (kept != kept_.end()) {
    kept->asked = true;
    kept_.splice(kept_.begin(), kept_, kept);
  }
  page->Share();
  ++runtime_->counters->pages_shared;
  return page;
}

bool PageCache::Load(const Scope& reader, uint64_t offset, const std::shared_ptr<PageTaker>& taker) {
  std::shared_ptr<const SharedPage> found;
  {
    const std::lock_guard lock(mutex_);
    found = FindLocked(reader, offset);
    if (found == nullptr) {
      const Key key(reader.Key(), offset);
      auto flight = flights_.upper_bound(key);
      const bool joins = flight != flights_.begin() && (--flight)->first.first == key.first &&
                         offset - flight->first.second < usual_events_;
      if (joins) {
        flight->second.takers.push_back({offset, taker});
        return true;
      }
      if (!runtime_->loader.Post([self = shared_from_this(), key] { self->Read(key); })) return false;
      flights_.emplace(key, Flight{reader, {{offset, taker}}});
      return true;
    }
  }
  taker->OnPage(std::move(found));
  return true;
}

void PageCache::Read(const Key& key) {
  const auto [reader, wanted] = Look(key);
  auto page = wanted ? ReadLog(reader, key.second) : Ended();
  std::vector<Waiting> takers;
  bool ended = false;
  {
    const std::lock_guard lock(mutex_);
    takers = std::move(flights_.extract(key).mapped().takers);
    ended = ended_;
    if (page && !(*page)->empty()) {
      if (takers.size() > 1) (*page)->Share();
      KeepLocked(key, *page);
    }
  }
  for (const auto& [offset, taker] : takers) {
    const bool answered = wanted && (offset == key.second || (page && (*page)->Has(offset)));
    if (answered) {
      taker->OnPage(page);
    } else if (ended || (!taker->closed() && !Load(reader, offset, taker))) {
      taker->OnPage(Ended());
    }
  }
}

// At the end of the engine thousands may wait for their page: nobody will look at it.
std::pair<Scope, bool> PageCache::Look(const Key& key) const {
  const std::lock_guard lock(mutex_);
  const Flight& flight = flights_.at(key);
  const auto closed = [](const Waiting& each) { return each.taker->closed(); };
  return {flight.reader, !ended_ && !std::ranges::all_of(flight.takers, closed)};
}

PageCache::PageOrError PageCache::ReadLog(const Scope& reader, uint64_t offset) const {
  JAMMI_ASSIGN(auto page, runtime_->log->Read(topic_no_, offset, reader, runtime_->limits.page));
  ++runtime_->counters->pages_read;
  return std::make_shared<const SharedPage>(std::move(page));
}

void PageCache::KeepLocked(const Key& key, const std::shared_ptr<const SharedPage>& page) {
  std::erase_if(pages_, [](const auto& each) { return each.second.expired(); });
  pages_[key] = page;
  usual_events_ = page->end() - page->begin();
  if (lagging_ < 2) return;
  page->Share();
  kept_.push_front({page});
  kept_bytes_ += page->bytes();
  while (!kept_.empty() && kept_bytes_ > runtime_->limits.page_cache_bytes) {
    kept_bytes_ -= kept_.back().page->bytes();
    kept_.pop_back();
  }
}

void PageCache::Enter() {
  const std::lock_guard lock(mutex_);
  ++lagging_;
}

void PageCache::Leave() {
  std::list<Kept> dropped;  // dies outside the lock
  const std::lock_guard lock(mutex_);
  if (--lagging_ > 0) return;
  dropped.swap(kept_);
  kept_bytes_ = 0;
}

void PageCache::Age() {
  std::list<Kept> dropped;
  const std::lock_guard lock(mutex_);
  for (auto each = kept_.begin(); each != kept_.end();) {
    const auto next = std::next(each);
    if (!std::exchange(each->asked, false)) {
      kept_bytes_ -= each->page->bytes();
      dropped.splice(dropped.end(), kept_, each);
    }
    each = next;
  }
}

void PageCache::DropBelow(uint64_t low_water) {
  const std::lock_guard lock(mutex_);
  std::erase_if(pages_, [&](const auto& each) { return each.first.second < low_water; });
}

void PageCache::End() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
}

int64_t PageCache::kept_bytes() const {
  const std::lock_guard lock(mutex_);
  return kept_bytes_;
}

}  // namespace jammi
