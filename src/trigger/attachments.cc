#include "trigger/attachments.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "trigger/repeatable.h"

namespace jammi {
namespace {

// A write that waits longer for its turn is tried again, with whatever has come meanwhile.
constexpr std::chrono::seconds kPatience{5};

}  // namespace

Attachments::Attachments(CatalogBackend& backend, AttachmentOptions options,
                         std::function<bool(int64_t topic_no)> topic_is_gone)
    : backend_(std::shared_ptr<void>(), &backend),
      options_(std::move(options)),
      topic_is_gone_(std::move(topic_is_gone)) {}

std::unique_ptr<ConsumerSubscription> Attachments::Add(const StoredConsumer& consumer,
                                                       std::shared_ptr<Cursor> cursor, Time granted_at,
                                                       const AttachOptions& options) {
  auto attachment =
      std::make_shared<Attachment>(shared_from_this(), consumer, std::move(cursor), options.close_wait);
  // Until its lease has ended an attachment is in all_, so its last reference does not die in here.
  const auto renew = [weak = std::weak_ptr(attachment), repo = ConsumerRepo({backend_, consumer.owner}),
                      key = attachment->key(), token = attachment->token(),
                      lease = options.lease]() -> Result<LeaseRenewal> {
    const auto expires_at =
        repo.WithDeadline(Deadline::After(lease)).Renew({key.topic_no, key.name}, token, lease);
    if (const auto renewed = weak.lock()) {
      expires_at ? renewed->Renewed(*expires_at) : renewed->Heard(expires_at.error());
    }
    if (!expires_at) return expires_at.error();
    return LeaseRenewal{.expires_at = *expires_at};
  };
  attachment->Keep(keeper().Keep(granted_at, options.lease, renew));
  const std::lock_guard lock(mutex_);
  all_.emplace(attachment->key(), attachment);
  if (options_.threads && !writer_.joinable()) {
    writer_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }
  return MakeConsumerSubscription(std::move(attachment));
}

LeaseKeeper& Attachments::keeper() {
  const std::lock_guard lock(mutex_);
  if (keeper_ == nullptr) {
    keeper_ =
        std::make_unique<LeaseKeeper>(LeaseKeeper::Options{.now = options_.now, .threads = options_.threads});
  }
  return *keeper_;
}

std::vector<std::shared_ptr<Attachment>> Attachments::Of(const AttachmentKey& key) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Attachment>> found;
  const auto [begin, end] = all_.equal_range(key);
  for (auto it = begin; it != end; ++it) found.push_back(it->second);
  return found;
}

size_t Attachments::size() const {
  const std::lock_guard lock(mutex_);
  return all_.size();
}

void Attachments::Forget(const Attachment& attachment) {
  const std::lock_guard lock(mutex_);
  const auto [begin, end] = all_.equal_range(attachment.key());
  const auto it =
      std::find_if(begin, end, [&](const auto& each) { return each.second.get() == &attachment; });
  if (it != end) all_.erase(it);
}

// --- The queue ----------------------------------------------------------------------------------------

void Attachments::Queue(std::shared_ptr<Attachment> attachment, Urgency urgency) {
  Time due = std::chrono::steady_clock::now();
  if (urgency == Urgency::kAcks) due += options_.write_acks_after;
  if (urgency == Urgency::kProgress) due += options_.write_progress_after;
  if (attachment == nullptr && due_.load(std::memory_order_relaxed) <= due) return;
  {
    const std::lock_guard lock(mutex_);
    if (shut_) return;
    if (attachment != nullptr) queue_.push_back(std::move(attachment));
    if (due < due_.load()) due_ = due;
  }
  changed_.notify_all();
}

void Attachments::QueueLast(std::shared_ptr<Attachment> attachment) {
  Queue(std::move(attachment), Urgency::kNow);
  if (!options_.threads) Write();
}

void Attachments::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [&] { return !queue_.empty(); });
      for (Time due = due_; std::chrono::steady_clock::now() < due && !stop.stop_requested(); due = due_) {
        changed_.wait_until(lock, stop, due, [&] { return due_.load() < due; });
      }
    }
    if (!stop.stop_requested()) Write();
  }
}

void Attachments::Write() {
  // Without the lock: once the dispatch threads are gone, what is woken runs here.
  for (const auto& attachment : WriteQueued()) attachment->cursor()->Wake();
}

std::vector<std::shared_ptr<Attachment>> Attachments::WriteQueued() {
  const std::lock_guard writing(writing_);
  std::vector<std::shared_ptr<Attachment>> queued;
  {
    const std::lock_guard lock(mutex_);
    queued.swap(queue_);
    due_ = Time::max();
  }
  std::vector<std::shared_ptr<Attachment>> writers;
  std::vector<ConsumerSettlement> settlements;
  for (const auto& attachment : queued) {
    if (auto pending = attachment->Pending()) {
      settlements.push_back(*std::move(pending));
      writers.push_back(attachment);
    }
  }
  if (!settlements.empty()) {
    const Outcomes outcomes = Settle(settlements);
    Report(outcomes);
    for (size_t i = 0; i < writers.size(); ++i) {
      if (!writers[i]->Settled(settlements[i], outcomes[i])) Queue(writers[i], Urgency::kAcks);
    }
  }
  for (const auto& attachment : queued) {
    if (!attachment->Over()) continue;
    attachment->EndLease();
    Forget(*attachment);
  }
  return writers;
}

Attachments::Outcomes Attachments::Settle(std::span<const ConsumerSettlement> settlements) {
  auto settled = SettleConsumers(*backend_, settlements, Deadline::After(kPatience));
  if (settled) return *std::move(settled);
  // One that cannot be written does not hold up the others.
  Outcomes outcomes;
  const bool apart = settlements.size() > 1 && !MayRepeat(settled.error());
  if (!apart) outcomes.assign(settlements.size(), settled.error());
  for (size_t i = 0; apart && i < settlements.size(); ++i) {
    outcomes.push_back(Settle(settlements.subspan(i, 1)).front());
  }
  return outcomes;
}

// The change from working to failing and back.
void Attachments::Report(const Outcomes& outcomes) {
  const auto repeats = [](const auto& outcome) { return !outcome && MayRepeat(outcome.error()); };
  const auto failed = std::ranges::find_if(outcomes, repeats);
  const bool failing = failed != outcomes.end();
  if (failing && !failing_) {
    Log(LogLevel::kWarning, "acknowledgements of {} consumers are not written: {}; they are tried again",
        std::ranges::count_if(outcomes, repeats), failed->error().ToString());
  } else if (!failing && failing_) {
    Log(LogLevel::kInfo, "acknowledgements of consumers are written again");
  }
  failing_ = failing;
}

void Attachments::Shutdown() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(shut_, true)) return;
  }
  writer_.request_stop();
  if (writer_.joinable()) writer_.join();
  keeper_.reset();                               // nobody attaches any more
  std::vector<std::shared_ptr<Attachment>> all;  // dies outside the lock
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, attachment] : all_) all.push_back(attachment);
    queue_ = all;
  }
  for (const auto& attachment : all) attachment->Release();
  Write();
  const Error closed(ErrorCode::kUnavailable, "the engine is closed");
  for (const auto& attachment : all) attachment->Abandon(closed);
  const std::lock_guard lock(mutex_);
  all_.clear();
}

}  // namespace jammi
