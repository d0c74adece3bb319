#include "nats/publish_window.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <future>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "base/callback.h"
#include "nats/nats_error.h"
#include "nats/publish_answer.h"

namespace jammi::nats {
namespace {

using SteadyClock = std::chrono::steady_clock;

using Kind = PublishFailure::Kind;

std::unexpected<PublishFailure> Failure(Kind kind, Error error) {
  return std::unexpected(PublishFailure{kind, std::move(error)});
}

std::unexpected<PublishFailure> Failure(Kind kind, ErrorCode code, std::string message) {
  return Failure(kind, Error(code, std::move(message), BrokerDetail{"jet_stream"}));
}

PublishFailure Closed() {
  return Failure(Kind::kClosed, ErrorCode::kCancelled, "NATS: publish: closed").error();
}

PublishOutcome ReadAnswer(const Message& message) {
  if (message.Status() == "503")
    return Failure(Kind::kNoStream, ErrorCode::kNotFound, "JetStream: no stream takes the subject");
  return ReadPublishAnswer(message.body());
}

// What the connection says at once: nothing was stored.
PublishFailure NotSent(Error error) {
  switch (error.code()) {
    case ErrorCode::kUnavailable:
      return {Kind::kNotSent, std::move(error)};
    case ErrorCode::kResourceExhausted:
      return {Kind::kTooLarge, std::move(error)};
    default:
      return {Kind::kRefused, std::move(error)};
  }
}

}  // namespace

Result<PublishAck> ToResult(PublishOutcome outcome) {
  if (outcome) return *std::move(outcome);
  return std::move(outcome).error().error;
}

struct PublishWindow::State {
  State(Connection& over, const WindowLimits& bounds) : connection(over), limits(bounds) {}

  // By number, so in the order of the calls, and of their deadlines.
  using Messages = std::map<uint64_t, Pending>;

  // What is told its outcome, outside the lock, in the order of the calls.
  using Told = std::vector<std::pair<Done, PublishOutcome>>;
  static void Tell(Told told) {
    for (auto& [done, result] : told) CallBack("NATS publish", done, std::move(result));
  }

  [[nodiscard]] std::optional<PublishFailure> Send(const std::shared_ptr<State>& self,
                                                   const MessageView& message, Done& done);
  void OnAnswer(const Message& message);
  void OnLost();
  void OnDenied(const Connection::Denial& denial);
  void Expire(const std::shared_ptr<State>& self);
  void PostExpiry(const std::shared_ptr<State>& self, std::chrono::milliseconds after) {
    connection.PostAfter(after, [weak = std::weak_ptr(self)] {
      if (const auto state = weak.lock()) state->Expire(state);
    });
  }
  // A message that is larger than the window goes alone.
  [[nodiscard]] bool HasRoomLocked(size_t bytes) const {
    return pending.empty() || (pending.size() < limits.messages && pending_bytes + bytes <= limits.bytes);
  }
  void FailAllLocked(const PublishFailure& failure, Told* told);
  void RemoveLocked(Messages::iterator each, PublishOutcome outcome, Told* told);
  void SettleDenialsLocked(const std::string& subject, Told* told);
  void AddLocked(uint64_t number, std::string_view subject, size_t bytes, Done done);
  [[nodiscard]] Done TakeLocked(Messages::iterator each);
  [[nodiscard]] bool IsClosed() const;
  // With `send_mutex` held: for the answers of this connection's generation.
  [[nodiscard]] bool HasInbox() const {
    return inbox != nullptr && inbox_generation == connection.generation();
  }
  [[nodiscard]] Result<void> Subscribe(const std::shared_ptr<State>& self);

  Connection& connection;
  const WindowLimits limits;

  // Held while a message is handed to the connection: the order of the calls is the order on the wire.
  std::mutex send_mutex;

  mutable std::mutex mutex;
  std::condition_variable room;
  bool closed = false;
  Messages pending;
  size_t pending_bytes = 0;
  std::vector<Messages::node_type> spare;  // used again, as many as were ever pending: no allocations
  // Messages that were denied and are still pending, and how many of each: we do not learn which.
  std::vector<std::pair<Connection::Denial, size_t>> denials;
  uint64_t next_number = 0;
  bool expiry_posted = false;
  // Of the connection's generation that it was made in; guarded by send_mutex.
  std::unique_ptr<Inbox> inbox;
  uint64_t inbox_generation = 0;
  std::string reply;  // as above: where the last message is to be answered
};

PublishWindow::PublishWindow(std::shared_ptr<Connection> connection, const WindowLimits& limits)
    : connection_(std::move(connection)), state_(std::make_shared<State>(*connection_, limits)) {
  listener_ = connection_->Listen([state = state_](bool connected) {
    if (!connected) state->OnLost();
  });
  denial_listener_ = connection_->ListenForDenials(
      [state = state_](const Connection::Denial& denial) { state->OnDenied(denial); });
}

bool PublishWindow::State::IsClosed() const {
  const std::lock_guard lock(mutex);
  return closed;
}

Result<void> PublishWindow::State::Subscribe(const std::shared_ptr<State>& self) {
  const uint64_t generation = connection.generation();
  // Of a connection that is gone. Not here: its handler may run, and be about to publish.
  connection.Post([old = std::move(inbox)] {});
  const std::weak_ptr<State> weak = self;
  JAMMI_ASSIGN(inbox, connection.Subscribe(Connection::NewInboxSubject() + ".*", [weak](const auto& message) {
    if (const auto state = weak.lock()) state->OnAnswer(*message);
  }));
  inbox_generation = generation;
  reply = inbox->subject();
  return {};
}

// nullopt: it was sent, and `done` was taken. Else nothing was stored, and `done` is left to the caller.
std::optional<PublishFailure> PublishWindow::State::Send(const std::shared_ptr<State>& self,
                                                         const MessageView& message, Done& done) {
  const size_t bytes = message.Size();
  const std::lock_guard sending(send_mutex);
  if (!HasInbox()) {
    if (IsClosed()) return Closed();
    if (auto subscribed = Subscribe(self); !subscribed) return NotSent(std::move(subscribed).error());
  }
  uint64_t number = 0;
  {
    const std::lock_guard lock(mutex);
    if (closed) return Closed();
    if (!HasRoomLocked(bytes)) {
      return Failure(Kind::kNoRoom, ErrorCode::kResourceExhausted,
                     fmt::format("NATS: publish: {} messages wait to be acknowledged", pending.size()))
          .error();
    }
    number = next_number++;
    AddLocked(number, message.subject, bytes, std::move(done));
    if (!std::exchange(expiry_posted, true)) PostExpiry(self, limits.acknowledge_within);
  }
  reply.resize(inbox->subject().size() - 1);  // without the wildcard
  fmt::format_to(std::back_inserter(reply), "{}", number);
  auto sent = connection.Publish(message, reply);
  if (sent) return std::nullopt;
  const std::lock_guard lock(mutex);
  const auto mine = pending.find(number);
  if (mine == pending.end()) return std::nullopt;  // the loss of the connection has told it already
  done = TakeLocked(mine);
  return NotSent(std::move(sent).error());
}

void PublishWindow::State::AddLocked(uint64_t number, std::string_view subject, size_t bytes, Done done) {
  if (spare.empty()) {
    pending.emplace_hint(pending.end(), number, Pending());
  } else {
    spare.back().key() = number;
    pending.insert(pending.end(), std::move(spare.back()));
    spare.pop_back();
  }
  Pending& added = std::prev(pending.end())->second;
  added.subject = subject;
  added.bytes = bytes;
  added.expires = SteadyClock::now() + limits.acknowledge_within;
  added.done = std::move(done);
  pending_bytes += bytes;
}

PublishWindow::Done PublishWindow::State::TakeLocked(Messages::iterator each) {
  pending_bytes -= each->second.bytes;
  spare.push_back(pending.extract(each));
  return std::move(spare.back().mapped().done);
}

void PublishWindow::Publish(const MessageView& message, Done done) {
  auto failed = state_->Send(state_, message, done);
  if (!failed) return;
  state_->room.notify_all();
  CallBack("NATS publish", done, PublishOutcome(std::unexpected(*std::move(failed))));
}

Result<PublishAck> PublishWindow::PublishAndWait(const MessageView& message, Deadline deadline) {
  std::promise<PublishOutcome> outcome;
  Done done = [&](PublishOutcome result) { outcome.set_value(std::move(result)); };
  while (true) {
    auto failed = state_->Send(state_, message, done);
    if (!failed) return ToResult(outcome.get_future().get());
    state_->room.notify_all();
    if (failed->kind != Kind::kNoRoom) return std::move(failed->error);
    std::unique_lock lock(state_->mutex);
    const auto ready = [&] { return state_->closed || state_->HasRoomLocked(message.Size()); };
    if (deadline.IsNever()) {
      state_->room.wait(lock, ready);
    } else if (deadline.Passed() || !state_->room.wait_until(lock, deadline.at(), ready)) {
      return Error(ErrorCode::kDeadlineExceeded, "NATS: publish: no room before the deadline",
                   BrokerDetail{"jet_stream"});
    }
  }
}

void PublishWindow::State::RemoveLocked(Messages::iterator each, PublishOutcome outcome, Told* told) {
  const std::string subject = denials.empty() ? std::string() : each->second.subject;
  told->emplace_back(TakeLocked(each), std::move(outcome));
  if (!denials.empty()) SettleDenialsLocked(subject, told);
}

void PublishWindow::State::FailAllLocked(const PublishFailure& failure, Told* told) {
  denials.clear();
  while (!pending.empty()) RemoveLocked(pending.begin(), std::unexpected(failure), told);
}

// A denial names the subject, not the message, and others on that subject may have been taken before the
// right was lost. As soon as no more are pending than were denied, these are the denied ones.
void PublishWindow::State::SettleDenialsLocked(const std::string& subject, Told* told) {
  const auto denied =
      std::ranges::find_if(denials, [&](const auto& each) { return each.first.Means(subject); });
  if (denied == denials.end()) return;
  std::vector<uint64_t> numbers;
  for (const auto& [number, each] : pending) {
    if (denied->first.Means(each.subject)) numbers.push_back(number);
  }
  if (numbers.size() > denied->second) return;
  denials.erase(denied);
  for (const uint64_t number : numbers) {
    RemoveLocked(pending.find(number),
                 Failure(Kind::kForbidden, ErrorCode::kPermissionDenied,
                         fmt::format("NATS: we may not publish to '{}'", pending.at(number).subject)),
                 told);
  }
}

void PublishWindow::State::OnDenied(const Connection::Denial& denial) {
  Told told;
  {
    const std::lock_guard lock(mutex);
    const bool ours =
        std::ranges::any_of(pending, [&](const auto& p) { return denial.Means(p.second.subject); });
    if (!ours) return;
    auto known =
        std::ranges::find_if(denials, [&](const auto& each) { return each.first.subject == denial.subject; });
    if (known == denials.end()) known = denials.insert(known, {denial, 0});
    ++known->second;
    SettleDenialsLocked(denial.subject, &told);
  }
  room.notify_all();
  Tell(std::move(told));
}

void PublishWindow::State::OnAnswer(const Message& message) {
  const std::string_view subject = message.subject();
  const std::string_view token = subject.substr(subject.rfind('.') + 1);
  uint64_t number = 0;
  if (std::from_chars(token.data(), token.data() + token.size(), number).ptr != token.data() + token.size())
    return;
  auto answer = ReadAnswer(message);
  Told told;
  {
    const std::lock_guard lock(mutex);
    const auto each = pending.find(number);
    if (each == pending.end()) return;  // too late
    RemoveLocked(each, std::move(answer), &told);
  }
  room.notify_all();
  Tell(std::move(told));
}

void PublishWindow::State::OnLost() {
  Told told;
  {
    const std::lock_guard lock(mutex);
    const auto lost = Unknown("NATS: publish: the connection was lost before the acknowledgement came");
    FailAllLocked({Kind::kLost, lost}, &told);
  }
  room.notify_all();
  Tell(std::move(told));
}

void PublishWindow::State::Expire(const std::shared_ptr<State>& self) {
  Told told;
  {
    const std::lock_guard lock(mutex);
    const auto now = SteadyClock::now();
    while (!pending.empty() && pending.begin()->second.expires <= now) {
      const auto late = Unknown("NATS: publish: no acknowledgement in time");
      RemoveLocked(pending.begin(), Failure(Kind::kExpired, late), &told);
    }
    expiry_posted = !pending.empty();
    if (expiry_posted) {
      const auto left = pending.begin()->second.expires - now;
      PostExpiry(self, std::chrono::ceil<std::chrono::milliseconds>(left));
    }
  }
  room.notify_all();
  Tell(std::move(told));
}

size_t PublishWindow::pending() const {
  const std::lock_guard lock(state_->mutex);
  return state_->pending.size();
}

void PublishWindow::Close() {
  connection_->StopListening(listener_);
  connection_->StopListeningForDenials(denial_listener_);
  State::Told told;
  {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    state_->FailAllLocked(Closed(), &told);
  }
  state_->room.notify_all();
  State::Tell(std::move(told));
  std::unique_ptr<Inbox> last;  // dies outside the lock: its handler may be about to publish
  {
    const std::lock_guard sending(state_->send_mutex);
    last.swap(state_->inbox);
  }
}

}  // namespace jammi::nats
