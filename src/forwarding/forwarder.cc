#include "forwarding/forwarder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/sync_point.h"
#include "catalog/all_scopes_log.h"
#include "catalog/changes.h"
#include "forwarding/cloud_events.h"
#include "forwarding/consumer_seats.h"
#include "forwarding/mailbox.h"
#include "forwarding/send_queue.h"
#include "forwarding/topic_reader.h"
#include "jammi/audit.h"
#include "jammi/events/backoff.h"
#include "jammi/events/fault.h"

namespace jammi {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Time = Mailbox::Time;

constexpr int kTopicsAtOnce = 1000;
constexpr size_t kSettleAtOnce = 500;
// A server that refuses one event refuses it again; one that refuses all may have been told to, for a while.
constexpr uint32_t kMaxRefusals = 8;
// Looking for work takes a twentieth of the time at most.
constexpr int kLookShare = 20;

std::string OwnHolder() {
  std::array<char, 65> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return fmt::format("{}:{}:{}", host.data(), getpid(), Uuid::RandomV4().ToHex().substr(0, 12));
}

bool Matches(std::string_view name, std::string_view pattern) {
  if (!pattern.ends_with('*')) return name == pattern;
  pattern.remove_suffix(1);
  return name.starts_with(pattern) && (!IsEngineTopicName(name) || IsEngineTopicName(pattern));
}

// Somebody who has failed, and waits.
struct Waiting {
  uint32_t failures = 0;     // in a row
  Time until = Time::min();  //
  std::chrono::milliseconds pause{
      0};  // to be waited when nothing is under way, the longest that was asked for

  void AskFor(std::chrono::milliseconds wanted) {
    pause = std::max({pause, wanted, std::chrono::milliseconds(1)});
  }
  void Begin() {
    until = SteadyClock::now() + std::exchange(pause, {});
    ++failures;
  }
  // True: it does.
  [[nodiscard]] bool Waits() {
    if (SteadyClock::now() < until) return true;
    until = Time::min();
    return false;
  }
};

// A topic, whether or not it is we who forward it.
struct ForwardedLog {
  ForwardedFrom from;
  LogHead head;
  bool seen = false;     // in the last look
  bool dropped = false;  // its log is gone
  uint64_t lost = 0;
  std::string last_error;
  Waiting waiting;  // of what is wrong with this topic alone

  // What there is while it is attached to.
  struct Attachment {
    uint64_t number = 0;
    LeaseToken token;
    TopicReader reader;
    SendQueue queue;
    uint64_t settled = 0;  // in the catalog
  };
  std::optional<Attachment> attachment;
};

class ForwarderThread final : public Forwarder {
 public:
  ForwarderThread(Catalog& catalog, std::shared_ptr<events::EventSink> sink, ForwardingOptions options)
      : backend_(catalog.backend()),
        options_(std::move(options)),
        sink_(std::move(sink)),
        maker_(options_.source, catalog.incarnation()),
        seats_(backend_, OwnHolder()) {
    if (options_.pause == nullptr) {
      options_.pause = [](uint32_t attempt) { return events::BackoffDelay(attempt); };
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }
  ~ForwarderThread() override { ForwarderThread::Shutdown(); }

  void Shutdown() override {
    const std::lock_guard lock(shutdown_mutex_);
    if (!thread_.joinable()) return;
    thread_.request_stop();
    mailbox_->Wake();
    thread_.join();
  }

  [[nodiscard]] EventForwardingStatus status() const override {
    const std::lock_guard lock(status_mutex_);
    auto status = status_;
    if (options_.sink_status != nullptr) status.sink = options_.sink_status();
    return status;
  }

 private:
  void Run(const std::stop_token& stop);
  void Finish();

  // --- Which topics, and whether it is we who forward them.
  void Look();
  [[nodiscard]] Result<void> FindTopics();
  [[nodiscard]] Result<void> FindHeads();
  [[nodiscard]] std::optional<ForwardAs> How(const StoredTopic& topic) const;
  void KeepSeat();
  void StandDown(const Error& why);
  void TakeTopics();
  [[nodiscard]] Result<void> Attach(ForwardedLog& log, OnLeased take, std::chrono::milliseconds lease);
  void ForgetDropped();

  // --- Sending.
  void Pump();
  // True: there is more to do with it.
  [[nodiscard]] bool Pump(ForwardedLog& log);
  void Fill(ForwardedLog& log);
  void Take(ForwardedLog& log, TopicReader::Item item);
  void Send(ForwardedLog& log);
  void Conclude(SendOutcome outcome);
  void Fail(ForwardedLog& log, uint64_t id, const Error& error);
  void TryLater(ForwardedLog& log, const Error& error);
  [[nodiscard]] Result<void> GiveUp(const events::Event& event, const Error& why);
  void Settle(bool release);
  void SettleSome(std::span<ForwardedLog* const> logs, bool release);
  [[nodiscard]] Time NextTime() const;

  // --- What is told of it.
  void Report(ForwardedLog* log, const Error& error);
  void PublishTopics();
  template <class Change>
  void Count(Change change) {
    const std::lock_guard lock(status_mutex_);
    change(status_);
  }

  CatalogBackend& backend_;
  ForwardingOptions options_;
  const std::shared_ptr<events::EventSink> sink_;
  const EventMaker maker_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();

  // Of the thread.
  ConsumerSeats seats_;
  std::map<int64_t, ForwardedLog> logs_;
  std::set<int64_t> busy_;  // there is, or may be, something to be sent
  int64_t last_topic_no_ = 0;
  uint64_t attachments_ = 0;
  size_t under_way_ = 0;
  size_t queued_ = 0;
  bool failing_ = false;
  Waiting waiting_;  // of what is wrong with the sink
  Time look_at_ = Time::min();
  Time renew_at_ = Time::min();
  Time settle_at_ = Time::max();

  mutable std::mutex status_mutex_;
  EventForwardingStatus status_{.enabled = true};

  std::mutex shutdown_mutex_;
  std::jthread thread_;
};

// --- The thread ---------------------------------------------------------------------------------------

void ForwarderThread::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (SteadyClock::now() >= look_at_) Look();
    Pump();
    if (SteadyClock::now() >= settle_at_) Settle(/*release=*/false);
    for (auto& outcome : mailbox_->Take(NextTime())) Conclude(std::move(outcome));
  }
  Finish();
}

void ForwarderThread::Finish() {
  const auto deadline = Deadline::After(options_.close_wait);
  const auto done = options_.close_sink ? sink_->Close(deadline) : sink_->Flush(deadline);
  if (!done) Log(LogLevel::kWarning, "events: {}; they are sent again", done.error().ToString());
  while (under_way_ > 0 && !deadline.Passed()) {
    for (auto& outcome : mailbox_->Take(deadline.at())) Conclude(std::move(outcome));
  }
  Settle(/*release=*/true);
}

Time ForwarderThread::NextTime() const {
  Time next = std::min(look_at_, settle_at_);
  for (const int64_t topic_no : busy_) {
    const auto& log = logs_.at(topic_no);
    if (log.attachment && log.waiting.until != Time::min()) next = std::min(next, log.waiting.until);
  }
  if (waiting_.until != Time::min() && !busy_.empty()) next = std::min(next, waiting_.until);
  return next;
}

// --- Which topics -------------------------------------------------------------------------------------

void ForwarderThread::Look() {
  const auto begun = SteadyClock::now();
  auto found = FindTopics();
  if (found) found = FindHeads();
  if (found) {
    KeepSeat();
    TakeTopics();
    ForgetDropped();
  } else {
    Report(nullptr, found.error());
  }
  PublishTopics();
  const auto now = SteadyClock::now();
  look_at_ = now + std::max<SteadyClock::duration>(options_.look_every, kLookShare * (now - begun));
}

std::optional<ForwardAs> ForwarderThread::How(const StoredTopic& topic) const {
  if (topic.topic_no == kChangesTopicNo) return ForwardAs::kChanges;
  if (options_.lifecycle && topic.name == kAuditTopic) return ForwardAs::kAudit;
  const auto matches = [&](const std::string& pattern) { return Matches(topic.name, pattern); };
  if (std::ranges::any_of(options_.topics, matches)) return ForwardAs::kRows;
  return std::nullopt;
}

Result<void> ForwarderThread::FindTopics() {
  for (;;) {
    JAMMI_ASSIGN(const auto topics, TopicRepo(backend_).ListAny(last_topic_no_, kTopicsAtOnce));
    for (const auto& topic : topics) {
      // The changes have the last number of all.
      if (topic.topic_no != kChangesTopicNo) last_topic_no_ = topic.topic_no;
      const auto how = How(topic);
      if (!how || logs_.contains(topic.topic_no)) continue;
      logs_[topic.topic_no].from = {
          .topic_no = topic.topic_no, .id = topic.id, .name = topic.name, .owner = topic.owner, .as = *how};
    }
    if (topics.size() < kTopicsAtOnce) return {};
  }
}

Result<void> ForwarderThread::FindHeads() {
  JAMMI_ASSIGN(const auto heads, ReadAllHeads(backend_));
  for (auto& [topic_no, log] : logs_) log.seen = false;
  for (const auto& [topic_no, head] : heads) {
    const auto found = logs_.find(topic_no);
    if (found == logs_.end()) continue;
    auto& log = found->second;
    log.seen = true;
    log.head = head;
    if (log.attachment && head.next_offset > log.attachment->reader.next()) busy_.insert(topic_no);
  }
  for (auto& [topic_no, log] : logs_) log.dropped = log.dropped || !log.seen;
  return {};
}

void ForwarderThread::KeepSeat() {
  const auto seat = logs_.find(kChangesTopicNo);
  if (seat == logs_.end()) return;
  auto& log = seat->second;
  const auto now = SteadyClock::now();
  if (!log.attachment) {
    // A file has one engine: whoever holds a lease there is gone.
    const auto take = backend_.kind() == BackendKind::kSqlite ? OnLeased::kTakeOver : OnLeased::kFail;
    const auto attached = Attach(log, take, options_.lease);
    if (!attached && attached.error().As<LeaseHeldDetail>() == nullptr) Report(&log, attached.error());
    if (attached) renew_at_ = now + options_.lease / 3;
    return;
  }
  if (now < renew_at_) return;
  const auto renewed = seats_.Renew(log.from, log.attachment->token, options_.lease);
  if (renewed) {
    renew_at_ = now + options_.lease / 3;
  } else if (renewed.error().As<LeaseLostDetail>() != nullptr) {
    StandDown(renewed.error());
  } else {
    Report(&log, renewed.error());
  }
}

// Another engine goes on where the catalog says that we were.
void ForwarderThread::StandDown(const Error& why) {
  Log(LogLevel::kWarning, "events: another engine forwards from now on: {}", why.message());
  for (auto& [topic_no, log] : logs_) log.attachment.reset();
  busy_.clear();
  queued_ = 0;
}

void ForwarderThread::TakeTopics() {
  const auto seat = logs_.find(kChangesTopicNo);
  if (seat == logs_.end() || !seat->second.attachment) return;
  for (auto& [topic_no, log] : logs_) {
    if (log.attachment || log.dropped || log.waiting.Waits()) continue;
    if (const auto attached = Attach(log, OnLeased::kTakeOver, kMaxLease); !attached) {
      TryLater(log, attached.error());
    }
  }
}

Result<void> ForwarderThread::Attach(ForwardedLog& log, OnLeased take, std::chrono::milliseconds lease) {
  JAMMI_ASSIGN(const auto consumer, seats_.Take(log.from, log.head.low_water, lease, take));
  log.attachment = ForwardedLog::Attachment{
      .number = ++attachments_,
      .token = consumer.lease ? consumer.lease->token : LeaseToken(),
      .reader = TopicReader(backend_, maker_, log.from, consumer.position),
      .queue = SendQueue(consumer.position),
      .settled = consumer.position,
  };
  log.waiting = {};
  busy_.insert(log.from.topic_no);
  return {};
}

void ForwarderThread::ForgetDropped() {
  std::erase_if(logs_, [&](const auto& entry) {
    const ForwardedLog& log = entry.second;
    if (!log.dropped || (log.attachment && !log.attachment->queue.empty())) return false;
    if (log.attachment && log.attachment->reader.next() < log.head.next_offset) {
      Log(LogLevel::kWarning, "events: topic '{}' was dropped before its events from offset {} on were sent",
          log.from.name, log.attachment->reader.next());
    }
    busy_.erase(entry.first);
    return true;
  });
}

// --- Sending ------------------------------------------------------------------------------------------

void ForwarderThread::Pump() {
  if (waiting_.pause > std::chrono::milliseconds(0)) {
    if (under_way_ > 0) return;
    waiting_.Begin();
  }
  if (waiting_.Waits()) return;
  const auto busy = busy_;
  for (const int64_t topic_no : busy) {
    if (!Pump(logs_.at(topic_no))) busy_.erase(topic_no);
  }
}

bool ForwarderThread::Pump(ForwardedLog& log) {
  if (!log.attachment) return false;
  auto& queue = log.attachment->queue;
  if (log.waiting.Waits()) return true;
  if (queue.stopped()) {
    if (queue.under_way() > 0) return true;
    if (log.waiting.pause > std::chrono::milliseconds(0)) {
      log.waiting.Begin();
      return true;
    }
    queue.Resume();
  }
  Fill(log);
  Send(log);
  if (queue.position() > log.attachment->settled) {
    settle_at_ = std::min(settle_at_, SteadyClock::now() + options_.acknowledge_every);
  }
  return !queue.empty() || log.attachment->reader.buffered() ||
         log.head.next_offset > log.attachment->reader.next();
}

void ForwarderThread::Fill(ForwardedLog& log) {
  auto& [number, token, reader, queue, settled] = *log.attachment;
  // Every topic may have one, and all together some windows full.
  const auto room = [&] {
    return queue.size() < options_.window && (queue.empty() || queued_ < 4 * options_.window);
  };
  for (size_t i = 0; i < options_.window && room(); ++i) {
    if (!reader.buffered() && (log.dropped || log.head.next_offset <= reader.next())) return;
    auto item = reader.Next(options_.clock->Now());
    if (!item) {
      log.dropped = log.dropped || item.error().code() == ErrorCode::kNotFound;
      if (!log.dropped) TryLater(log, item.error());
      return;
    }
    if (!*item) return;
    Take(log, std::move(**item));
  }
}

void ForwarderThread::Take(ForwardedLog& log, TopicReader::Item item) {
  if (item.gap) {
    const uint64_t events = item.gap->next - item.gap->first;
    Log(LogLevel::kError, "events: {} events of topic '{}' from offset {} on were {} before they were sent",
        events, log.from.name, item.gap->first, item.gap->reason);
    log.lost += events;
    Count([](auto& status) { ++status.gaps; });
  }
  if (item.untold) {
    Log(LogLevel::kError, "events: a row of topic '{}' cannot be told, and is left out: {}", log.from.name,
        item.untold->ToString());
    Count([](auto& status) { ++status.refused; });
  }
  if (!options_.lifecycle && log.from.as == ForwardAs::kChanges) item.event.reset();
  const size_t before = log.attachment->queue.size();
  log.attachment->queue.Add(std::move(item.event), item.position);
  queued_ += log.attachment->queue.size() - before;
}

void ForwarderThread::Send(ForwardedLog& log) {
  auto& queue = log.attachment->queue;
  // Whether the sink takes events again is asked with one.
  while (under_way_ < (waiting_.failures > 0 ? 1 : options_.window) && waiting_.pause.count() == 0) {
    const auto id = queue.Next();
    if (!id) return;
    ++under_way_;
    sink_->EmitAsync(queue.event(*id), [mailbox = mailbox_, topic_no = log.from.topic_no,
                                        number = log.attachment->number, id = *id](Result<void> result) {
      mailbox->Post({topic_no, number, id, std::move(result)});
    });
  }
}

void ForwarderThread::Conclude(SendOutcome outcome) {
  --under_way_;
  const auto found = logs_.find(outcome.topic_no);
  if (found == logs_.end() || !found->second.attachment) return;
  auto& log = found->second;
  if (log.attachment->number != outcome.attachment) return;
  busy_.insert(outcome.topic_no);
  if (!outcome.result) {
    Fail(log, outcome.id, outcome.result.error());
    return;
  }
  if (std::exchange(failing_, false)) Log(LogLevel::kInfo, "events: they are taken again");
  const size_t before = log.attachment->queue.size();
  log.attachment->queue.Done(outcome.id);
  queued_ -= before - log.attachment->queue.size();
  waiting_.failures = 0;
  log.waiting.failures = 0;
  log.last_error.clear();
  Count([](auto& status) { ++status.forwarded; });
}

void ForwarderThread::Fail(ForwardedLog& log, uint64_t id, const Error& error) {
  auto& queue = log.attachment->queue;
  Error why = error;
  const auto fault = events::FaultOf(error);
  // The others are not held up by what is wrong with an event.
  const bool of_event = events::ClassOf(fault) == events::FaultClass::kEvent;
  if (of_event) waiting_.failures = 0;  // somebody has looked at it
  if (of_event && (fault != SinkFault::kRejected || queue.Refused(id) >= kMaxRefusals)) {
    const auto given_up = GiveUp(queue.event(id), error);
    if (given_up) {
      const size_t before = queue.size();
      queue.Done(id);
      queued_ -= before - queue.size();
      return;
    }
    why = given_up.error();
  }
  if (!std::exchange(failing_, true)) {
    Log(LogLevel::kError, "events: topic '{}' cannot be forwarded now: {}; it is tried again", log.from.name,
        why.ToString());
  }
  Report(&log, why);
  Count([](auto& status) { ++status.retries; });
  auto& waiting = of_event ? log.waiting : waiting_;
  const auto* detail = why.As<SinkDetail>();
  const std::chrono::milliseconds asked(detail == nullptr ? 0 : detail->remaining_ms);
  waiting.AskFor(asked.count() > 0 ? asked : options_.pause(waiting.failures));
  queue.Failed(id);
}

// What the catalog could not do.
void ForwarderThread::TryLater(ForwardedLog& log, const Error& error) {
  Report(&log, error);
  log.waiting.AskFor(options_.pause(log.waiting.failures));
  log.waiting.Begin();
}

Result<void> ForwarderThread::GiveUp(const events::Event& event, const Error& why) {
  if (options_.dead_letter != nullptr) JAMMI_TRY(options_.dead_letter(event, why));
  Log(LogLevel::kError, "events: {} can never be sent, and {}: {}", event.id,
      options_.dead_letter == nullptr ? "is left out" : "is in the dead-letter directory", why.ToString());
  Count([&](auto& status) {
    ++status.refused;
    if (options_.dead_letter != nullptr) ++status.dead_lettered;
  });
  return {};
}

// --- Acknowledging ------------------------------------------------------------------------------------

void ForwarderThread::Settle(bool release) {
  settle_at_ = Time::max();
  JAMMI_SYNC_POINT("Forwarder.Settle");
  std::vector<ForwardedLog*> logs;
  // The seat last: while we have it, nobody takes what is to be written here.
  for (auto& [topic_no, log] : logs_) {
    if (!log.attachment) continue;
    if (release || log.attachment->queue.position() > log.attachment->settled) logs.push_back(&log);
  }
  for (size_t i = 0; i < logs.size(); i += kSettleAtOnce) {
    SettleSome(std::span(logs).subspan(i, std::min(kSettleAtOnce, logs.size() - i)), release);
  }
}

void ForwarderThread::SettleSome(std::span<ForwardedLog* const> logs, bool release) {
  std::vector<ConsumerSettlement> settlements;
  for (const ForwardedLog* log : logs) {
    const auto& [number, token, reader, queue, settled] = *log->attachment;
    ConsumerSettlement settlement{.scope = log->from.owner,
                                  .topic_no = log->from.topic_no,
                                  .name = std::string(kForwardingConsumer),
                                  .token = token,
                                  .release = release};
    if (queue.position() > settled) settlement.position = queue.position();
    settlements.push_back(std::move(settlement));
  }
  const auto settled = SettleConsumers(backend_, settlements, Deadline::Never());
  if (!settled) {
    Report(nullptr, settled.error());
    settle_at_ = SteadyClock::now() + options_.acknowledge_every;
    return;
  }
  for (size_t i = 0; i < logs.size(); ++i) {
    ForwardedLog& log = *logs[i];
    if (!log.attachment) continue;  // we have stood down meanwhile
    const auto& outcome = (*settled)[i];
    if (outcome) {
      log.attachment->settled = settlements[i].position.value_or(log.attachment->settled);
    } else if (!log.dropped) {
      Report(&log, outcome.error());
      if (outcome.error().As<LeaseLostDetail>() == nullptr) continue;
      if (log.from.topic_no == kChangesTopicNo) {
        StandDown(outcome.error());
      } else {
        queued_ -= log.attachment->queue.size();
        log.attachment.reset();
      }
    }
  }
}

// --- What is told of it -------------------------------------------------------------------------------

void ForwarderThread::Report(ForwardedLog* log, const Error& error) {
  if (log != nullptr) log->last_error = error.ToString();
  Count([&](auto& status) {
    status.last_error = error.ToString();
    status.last_error_at = options_.clock->Now();
  });
}

void ForwarderThread::PublishTopics() {
  std::vector<ForwardedTopic> topics;
  for (const auto& [topic_no, log] : logs_) {
    ForwardedTopic topic{.id = log.from.id,
                         .name = log.from.name,
                         .owner = log.from.owner,
                         .forwarding = log.attachment.has_value(),
                         .lost = log.lost,
                         .last_error = log.last_error};
    if (log.attachment && log.head.next_offset > log.attachment->queue.position()) {
      topic.lag = log.head.next_offset - log.attachment->queue.position();
    }
    topics.push_back(std::move(topic));
  }
  Count([&](auto& status) { status.topics = std::move(topics); });
}

}  // namespace

std::unique_ptr<Forwarder> Forwarder::Start(Catalog& catalog, std::shared_ptr<events::EventSink> sink,
                                            ForwardingOptions options) {
  return std::make_unique<ForwarderThread>(catalog, std::move(sink), std::move(options));
}

}  // namespace jammi
