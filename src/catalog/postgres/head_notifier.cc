#include "catalog/postgres/head_notifier.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "base/callback.h"
#include "base/log.h"
#include "catalog/body.h"
#include "catalog/postgres/log_statements.h"

namespace jammi::postgres {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kGather{5};
constexpr milliseconds kReadEvery{1000};
constexpr milliseconds kReconnectPause{100};
constexpr milliseconds kAnswerWithin{5000};
constexpr size_t kLongestPayload = 7900;  // the server takes 7999 bytes

// "7:123 9:55": topic 7 has given the offsets below 123.
std::vector<std::string> Payloads(const std::map<int64_t, uint64_t>& heads) {
  std::vector<std::string> payloads;
  for (const auto& [topic_no, next_offset] : heads) {
    if (payloads.empty() || payloads.back().size() > kLongestPayload - 48) payloads.emplace_back();
    payloads.back() += fmt::format("{}{}:{}", payloads.back().empty() ? "" : " ", topic_no, next_offset);
  }
  return payloads;
}

// Anybody may NOTIFY; what is malformed is passed over.
template <class Fn>
void ForEachHead(std::string_view payload, Fn fn) {
  const char* at = payload.data();
  const char* const end = at + payload.size();
  while (at < end) {
    int64_t topic_no = 0;
    uint64_t next_offset = 0;
    const auto topic = std::from_chars(at, end, topic_no);
    if (topic.ec != std::errc() || topic.ptr == end || *topic.ptr != ':') return;
    const auto offset = std::from_chars(topic.ptr + 1, end, next_offset);
    if (offset.ec != std::errc()) return;
    fn(topic_no, next_offset);
    at = offset.ptr + 1;
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
    for (Heads* heads : {&rung_, &known_}) {
      uint64_t& head = (*heads)[topic_no];
      head = std::max(head, next_offset);
    }
    if (rung_.size() > 1) return;  // the first ring has woken it
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
  // First listen, then read: what is committed in between is told twice, not never.
  JAMMI_TRY(connection_->RunOne(fmt::format("LISTEN {}", channel_), {}, Deadline::After(kAnswerWithin)));
  ++connects_;
  return ReadAllHeads();
}

Result<void> HeadNotifier::Serve() {
  WaitForWork();
  JAMMI_TRY(Hear());
  JAMMI_TRY(SendRings());
  bool read = false;
  {
    const std::lock_guard lock(mutex_);
    read = std::exchange(read_all_, false);
  }
  if (read || SteadyClock::now() >= next_read_) JAMMI_TRY(ReadAllHeads());
  return {};
}

void HeadNotifier::WaitForWork() {
  const auto left = std::chrono::ceil<milliseconds>(next_read_ - SteadyClock::now()).count();
  std::array<pollfd, 2> fds{{{connection_->socket(), POLLIN, 0}, {wake_, POLLIN, 0}}};
  poll(fds.data(), fds.size(), static_cast<int>(std::clamp<int64_t>(left, 0, kReadEvery.count())));
  eventfd_t count = 0;
  eventfd_read(wake_, &count);
}

Result<void> HeadNotifier::SendRings() {
  Heads heads;
  {
    std::unique_lock lock(mutex_);
    if (rung_.empty()) return {};
    if (!stop_) {
      lock.unlock();
      std::this_thread::sleep_for(kGather);
      lock.lock();
    }
    heads = rung_;
  }
  const std::vector<std::string> payloads = Payloads(heads);
  std::vector<std::array<SqlValue, 2>> params;
  std::vector<Statement> statements;
  params.reserve(payloads.size());
  for (const std::string& payload : payloads) {
    params.push_back({SqlValue(channel_), SqlValue(payload)});
    statements.push_back({"SELECT CAST(pg_notify($1, $2) AS TEXT)", params.back()});
  }
  JAMMI_TRY(connection_->Run(statements, Deadline::After(kAnswerWithin)));
  const std::lock_guard lock(mutex_);
  std::erase_if(rung_, [&](const auto& head) { return heads[head.first] >= head.second; });
  if (!rung_.empty()) eventfd_write(wake_, 1);
  return {};
}

Result<void> HeadNotifier::Hear() {
  JAMMI_ASSIGN(const auto notifications, connection_->TakeNotifications());
  for (const Notification& notification : notifications) {
    if (notification.sender_pid == connection_->pid()) continue;
    ForEachHead(notification.payload,
                [this](int64_t topic_no, uint64_t next_offset) { Report(topic_no, next_offset); });
  }
  return {};
}

Result<void> HeadNotifier::ReadAllHeads() {
  next_read_ = SteadyClock::now() + kReadEvery;
  {
    const std::lock_guard lock(listener_mutex_);
    if (!listener_) {
      // The connection itself must be looked after: nobody else would notice that it is dead.
      JAMMI_TRY(connection_->RunOne("SELECT 1", {}, Deadline::After(kAnswerWithin)));
      return {};
    }
  }
  JAMMI_ASSIGN(const ResultSet heads, connection_->RunOne(kReadHeads, {}, Deadline::After(kAnswerWithin)));
  for (int i = 0; i < heads.rows(); ++i) Report(heads.Int(i, 0), static_cast<uint64_t>(heads.Int(i, 1)));
  return {};
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
