#include "nats/publish_window.h"

#include <fmt/format.h>

#include <charconv>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/callback.h"
#include "nats/nats_error.h"

namespace jammi::nats {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

Result<PublishAck> ReadAnswer(const Message& message) {
  if (message.Status() == "503") {
    return Error(ErrorCode::kNotFound, "JetStream: no stream takes the subject", BrokerDetail{"jet_stream"});
  }
  const Json json = Json::parse(message.body(), nullptr, /*allow_exceptions=*/false);
  try {
    if (json.is_object() && json.contains("error")) {
      const auto& error = json["error"];
      return FromApi(error.value("code", 0), error.value("err_code", 0), error.value("description", ""),
                     "publish");
    }
    if (json.is_object() && json.contains("stream"))
      return PublishAck{json.at("stream"), json.value("seq", uint64_t{0}), json.value("duplicate", false)};
  } catch (const Json::exception&) {
    // Falls through: it is no answer of a JetStream.
  }
  return Unknown("JetStream: publish: the answer is no acknowledgement");
}

}  // namespace

struct PublishWindow::State {
  State(Connection& over, const WindowLimits& bounds) : connection(over), limits(bounds) {}

  // What is told its outcome, outside the lock, in the order of the calls.
  using Told = std::vector<std::pair<Done, Result<PublishAck>>>;
  static void Tell(Told told) {
    for (auto& [done, result] : told) CallBack("NATS publish", done, std::move(result));
  }

  [[nodiscard]] std::optional<Error> Send(const std::shared_ptr<State>& self, const OutMessage& message,
                                          Done& done, bool* full);
  void OnAnswer(const Message& message);
  void OnLost();
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
  void FailAllLocked(const Error& error, Told* told);
  void RemoveLocked(std::map<uint64_t, Pending>::iterator each, Result<PublishAck> result, Told* told);
  [[nodiscard]] Result<void> SubscribeLocked(const std::shared_ptr<State>& self);

  Connection& connection;
  const WindowLimits limits;

  // Held while a message is handed to the connection: the order of the calls is the order on the wire.
  std::mutex send_mutex;

  mutable std::mutex mutex;
  std::condition_variable room;
  bool closed = false;
  std::map<uint64_t, Pending> pending;  // by number, so in the order of the calls, and of their deadlines
  size_t pending_bytes = 0;
  uint64_t next_number = 0;
  bool expiry_posted = false;
  // Of the connection's generation that it was made in; guarded by send_mutex.
  std::unique_ptr<Inbox> inbox;
  uint64_t inbox_generation = 0;
};

PublishWindow::PublishWindow(std::shared_ptr<Connection> connection, const WindowLimits& limits)
    : connection_(std::move(connection)), state_(std::make_shared<State>(*connection_, limits)) {
  listener_ = connection_->Listen([state = state_](bool connected) {
    if (!connected) state->OnLost();
  });
}

Result<void> PublishWindow::State::SubscribeLocked(const std::shared_ptr<State>& self) {
  const uint64_t generation = connection.generation();
  if (inbox != nullptr && inbox_generation == generation) return {};
  // Of a connection that is gone. Not here: its handler may run, and be about to publish.
  connection.Post([old = std::move(inbox)] {});
  const std::weak_ptr<State> weak = self;
  JAMMI_ASSIGN(inbox, connection.Subscribe(Connection::NewInboxSubject() + ".*", [weak](const auto& message) {
    if (const auto state = weak.lock()) state->OnAnswer(*message);
  }));
  inbox_generation = generation;
  return {};
}

// nullopt: it was sent, and `done` was taken. Else nothing was stored, and `done` is left to the caller.
std::optional<Error> PublishWindow::State::Send(const std::shared_ptr<State>& self, const OutMessage& message,
                                                Done& done, bool* full) {
  const size_t bytes = message.Size();
  const std::lock_guard sending(send_mutex);
  {
    const std::lock_guard lock(mutex);
    if (closed) return Error(ErrorCode::kCancelled, "NATS: publish: closed", BrokerDetail{"jet_stream"});
    *full = !HasRoomLocked(bytes);
    if (*full) {
      return Error(ErrorCode::kResourceExhausted,
                   fmt::format("NATS: publish: {} messages wait to be acknowledged", pending.size()),
                   BrokerDetail{"jet_stream"});
    }
  }
  if (auto subscribed = SubscribeLocked(self); !subscribed) return std::move(subscribed).error();
  uint64_t number = 0;
  {
    const std::lock_guard lock(mutex);
    number = next_number++;
    pending.emplace(number, Pending{bytes, Clock::now() + limits.acknowledge_within, std::move(done)});
    pending_bytes += bytes;
    if (!std::exchange(expiry_posted, true)) PostExpiry(self, limits.acknowledge_within);
  }
  std::string reply = inbox->subject();
  reply.replace(reply.size() - 1, 1, std::to_string(number));  // the wildcard
  auto sent = connection.Publish(message, reply);
  if (sent) return std::nullopt;
  const std::lock_guard lock(mutex);
  const auto mine = pending.find(number);
  if (mine == pending.end()) return std::nullopt;  // the loss of the connection has told it already
  done = std::move(mine->second.done);
  pending_bytes -= bytes;
  pending.erase(mine);
  return std::move(sent).error();
}

void PublishWindow::Publish(const OutMessage& message, Done done) {
  bool full = false;
  auto failed = state_->Send(state_, message, done, &full);
  if (!failed) return;
  state_->room.notify_all();
  CallBack("NATS publish", done, Result<PublishAck>(std::move(*failed)));
}

Result<PublishAck> PublishWindow::PublishAndWait(const OutMessage& message, Deadline deadline) {
  std::promise<Result<PublishAck>> outcome;
  Done done = [&](Result<PublishAck> result) { outcome.set_value(std::move(result)); };
  while (true) {
    bool full = false;
    auto failed = state_->Send(state_, message, done, &full);
    if (!failed) return outcome.get_future().get();
    state_->room.notify_all();
    if (!full) return std::move(*failed);
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

void PublishWindow::State::RemoveLocked(std::map<uint64_t, Pending>::iterator each, Result<PublishAck> result,
                                        Told* told) {
  pending_bytes -= each->second.bytes;
  told->emplace_back(std::move(each->second.done), std::move(result));
  pending.erase(each);
}

void PublishWindow::State::FailAllLocked(const Error& error, Told* told) {
  while (!pending.empty()) RemoveLocked(pending.begin(), error, told);
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
    FailAllLocked(Unknown("NATS: publish: the connection was lost before the acknowledgement came"), &told);
  }
  room.notify_all();
  Tell(std::move(told));
}

void PublishWindow::State::Expire(const std::shared_ptr<State>& self) {
  Told told;
  {
    const std::lock_guard lock(mutex);
    const auto now = Clock::now();
    while (!pending.empty() && pending.begin()->second.expires <= now) {
      RemoveLocked(pending.begin(), Unknown("NATS: publish: no acknowledgement in time"), &told);
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
  State::Told told;
  {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    state_->FailAllLocked(Error(ErrorCode::kCancelled, "NATS: publish: closed", BrokerDetail{"jet_stream"}),
                          &told);
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
