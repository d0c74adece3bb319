#include "catalog/postgres/head_notifier.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <utility>
#include <vector>

#include "base/callback.h"
#include "base/log.h"
#include "base/sync_point.h"
#include "catalog/changes.h"
#include "catalog/postgres/log_statements.h"

namespace jammi::postgres {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kRingEvery{2};
constexpr milliseconds kReadEvery{1000};
constexpr milliseconds kReconnectPause{100};
constexpr milliseconds kAnswerWithin{5000};
constexpr size_t kLongestPayload = 7900;  // the server takes 7999 bytes
constexpr int64_t kHeadsAtOnce = 1000;

// "7 9": topics 7 and 9 have new events.
std::vector<std::string> Payloads(const std::set<int64_t>& topics) {
  std::vector<std::string> payloads;
  for (const int64_t topic_no : topics) {
    if (payloads.empty() || payloads.back().size() > kLongestPayload - 24) payloads.emplace_back();
    payloads.back() += fmt::format("{}{}", payloads.back().empty() ? "" : " ", topic_no);
  }
  return payloads;
}

// Anybody may NOTIFY; what is malformed is passed over.
void AddTopics(std::string_view payload, std::set<int64_t>& topics) {
  const char* at = payload.data();
  const char* const end = at + payload.size();
  while (at < end) {
    int64_t topic_no = 0;
    const auto parsed = std::from_chars(at, end, topic_no);
    if (parsed.ec != std::errc() || (parsed.ptr != end && *parsed.ptr != ' ')) return;
    if (topic_no >= 1 && topic_no <= kMaxTopicNo) topics.insert(topic_no);
    at = parsed.ptr + 1;
  }
}

}  // namespace

void HeadNotifier::Start(std::string channel) {
  channel_ = std::move(channel);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this] { Loop(); });
}

void HeadNotifier::Stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  eventfd_write(wake_, 1);
  thread_.join();
  close(wake_);
}

void HeadNotifier::SetListener(EventLog::HeadListener listener) {
  {
    const std::lock_guard lock(listener_mutex_);
    listener_ = std::move(listener);
  }
  {
    const std::lock_guard lock(mutex_);
    known_.clear();
    read_all_ = true;
  }
  eventfd_write(wake_, 1);
}

void HeadNotifier::Ring(int64_t topic_no, uint64_t next_offset) {
  {
    const std::lock_guard lock(mutex_);
    // With a gap before it, another's event may be in the gap, and be told of yet.
    const auto known = known_.find(topic_no);
    if (known != known_.end() && known->second + 1 == next_offset) known->second = next_offset;
    const bool woken = !rung_.empty();
    rung_.insert(topic_no);
    if (woken) return;
  }
  eventfd_write(wake_, 1);
}

void HeadNotifier::Loop() {
  bool complained = false;
  while (true) {
    auto served = connection_ == nullptr ? Connect() : Serve();
    if (served) {
      complained = false;
      const std::lock_guard lock(mutex_);
      if (stop_ && rung_.empty()) break;
    } else {
      connection_.reset();
      const std::lock_guard lock(mutex_);
      if (stop_) break;
      if (!std::exchange(complained, true)) {
        Log(LogLevel::kWarning, "catalog: news of other processes is delayed: {}", served.error().message());
      }
    }
    if (connection_ == nullptr) std::this_thread::sleep_for(kReconnectPause);
  }
  connection_.reset();
}

Result<void> HeadNotifier::Connect() {
  JAMMI_ASSIGN(connection_, open_(Deadline::After(kAnswerWithin)));
  // A notification is a hint, which nobody needs on disk; synced, it would come one commit later.
  JAMMI_TRY(connection_->RunOne("SELECT set_config('synchronous_commit', 'off', false)", {},
                                Deadline::After(kAnswerWithin)));
  // First listen, then read: what is committed in between is told twice, not never.
  JAMMI_TRY(connection_->RunOne(fmt::format("LISTEN {}", channel_), {}, Deadline::After(kAnswerWithin)));
#ifndef JAMMI_BREAK_HEAD_REREAD  // the proof that the torture test can fail
  {
    const std::lock_guard lock(mutex_);
    read_all_ = true;
  }
#endif
  eventfd_write(wake_, 1);  // for that, and for what was rung while there was no connection
  return {};
}

Result<void> HeadNotifier::Serve() {
  // Notifications that came with the answer to another statement lie in libpq's list, where poll() does not
  // see them. So the list is looked at directly before waiting.
  JAMMI_ASSIGN(const bool heard, Hear());
  if (!heard) WaitForWork();
  JAMMI_TRY(SendRings());
  return ReadHeadsInTime();
}

void HeadNotifier::WaitForWork() {
  auto until = next_read_;
  {
    const std::lock_guard lock(mutex_);
    if (!rung_.empty()) until = std::min(until, next_ring_);
  }
  const auto left = std::chrono::ceil<milliseconds>(until - SteadyClock::now()).count();
  std::array<pollfd, 2> fds{{{connection_->socket(), POLLIN, 0}, {wake_, POLLIN, 0}}};
  poll(fds.data(), fds.size(), static_cast<int>(std::clamp<int64_t>(left, 0, kReadEvery.count())));
  eventfd_t count = 0;
  eventfd_read(wake_, &count);
}

// The first at once, the next ones together, a little later.
Result<void> HeadNotifier::SendRings() {
  std::set<int64_t> topics;
  {
    const std::lock_guard lock(mutex_);
    const auto now = SteadyClock::now();
    if (rung_.empty() || (now < next_ring_ && !stop_)) return {};
    next_ring_ = now + kRingEvery;
    topics.swap(rung_);
  }
  JAMMI_SYNC_POINT("catalog:rings_gathered");
  const std::vector<std::string> payloads = Payloads(topics);
  std::vector<std::array<SqlValue, 2>> params;
  std::vector<Statement> statements;
  params.reserve(payloads.size());
  for (const std::string& payload : payloads) {
    params.push_back({SqlValue(channel_), SqlValue(payload)});
    statements.push_back({"SELECT CAST(pg_notify($1, $2) AS TEXT)", params.back()});
  }
  auto sent = connection_->Run(statements, Deadline::After(kAnswerWithin));
  if (sent) return {};
  const std::lock_guard lock(mutex_);
  rung_.merge(topics);
  return std::move(sent).error();
}

// True: there was something to hear.
Result<bool> HeadNotifier::Hear() {
  JAMMI_ASSIGN(const auto notifications, connection_->TakeNotifications());
  std::set<int64_t> topics;
  for (const Notification& notification : notifications) {
    if (notification.sender_pid != connection_->pid()) AddTopics(notification.payload, topics);
  }
  JAMMI_TRY(ReadHeads({topics.begin(), topics.end()}));
  return !notifications.empty();
}

Result<void> HeadNotifier::ReadHeadsInTime() {
  bool all = false;
  {
    const std::lock_guard lock(mutex_);
    all = std::exchange(read_all_, false);
  }
  if (all) return ReadAllHeads();
  if (SteadyClock::now() < next_read_) return {};
  next_read_ = SteadyClock::now() + kReadEvery;
  // Also where nobody listens: else nobody would notice that the connection is dead.
  return ReadHeads({kChangesTopicNo});
}

Result<void> HeadNotifier::ReadHeads(const std::vector<int64_t>& topics) {
  for (size_t begin = 0; begin < topics.size(); begin += kHeadsAtOnce) {
    const size_t count = std::min<size_t>(kHeadsAtOnce, topics.size() - begin);
    const std::string some = fmt::format("{{{}}}", fmt::join(std::span(topics).subspan(begin, count), ","));
    JAMMI_ASSIGN(const ResultSet heads,
                 connection_->RunOne(kReadNamedHeads, {some}, Deadline::After(kAnswerWithin)));
    Report(heads);
  }
  return {};
}

Result<void> HeadNotifier::ReadAllHeads() {
  {
    const std::lock_guard lock(listener_mutex_);
    if (!listener_) return {};  // when it is set, all are read for it
  }
  int64_t after = 0;
  int rows = 0;
  do {
    JAMMI_ASSIGN(const ResultSet heads,
                 connection_->RunOne(kReadHeads, {after, kHeadsAtOnce}, Deadline::After(kAnswerWithin)));
    Report(heads);
    rows = heads.rows();
    if (rows > 0) after = heads.Int(rows - 1, 0);
  } while (rows == kHeadsAtOnce);
  return {};
}

void HeadNotifier::Report(const ResultSet& heads) {
  for (int i = 0; i < heads.rows(); ++i) Report(heads.Int(i, 0), static_cast<uint64_t>(heads.Int(i, 1)));
}

void HeadNotifier::Report(int64_t topic_no, uint64_t next_offset) {
  const std::lock_guard listener_lock(listener_mutex_);
  if (!listener_) return;
  {
    const std::lock_guard lock(mutex_);
    const auto [known, is_new] = known_.try_emplace(topic_no, next_offset);
    if (!is_new && known->second >= next_offset) return;
    known->second = next_offset;
  }
  CallBack("catalog", listener_, topic_no, next_offset);
}

}  // namespace jammi::postgres
