#include "nats/ordered_consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/sync_point.h"
#include "nats/nats_error.h"

namespace jammi::nats {
namespace {

using SteadyTime = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestReaderPause{2000};
// A request for messages ends by itself after so many heartbeats, and is made again.
constexpr int kHeartbeatsPerRequest = 6;

}  // namespace

// What the connection calls; the handle may be gone by then.
class OrderedConsumer::State : public std::enable_shared_from_this<State> {
 public:
  State(Connection& connection, OrderedConsumerOptions options, Owner& owner)
      : connection_(connection),
        jetstream_(connection),
        options_(std::move(options)),
        owner_(&owner),
        stream_created_(options_.stream_created),
        next_sequence_(options_.start.sequence) {}

  void PostStart(std::chrono::milliseconds after = std::chrono::milliseconds(0));
  void PostWatch();
  void OnConnection(bool connected);
  void Release(size_t messages, size_t bytes);
  [[nodiscard]] uint64_t starts() const {
    const std::lock_guard lock(mutex_);
    return starts_;
  }
  void Close();

 private:
  void Start();
  [[nodiscard]] Result<void> TryStart();
  void Watch();
  void OnMessage(uint64_t start, const std::shared_ptr<const Message>& message);
  void OnStatus(const Message& message);
  void RestartLocked();
  void PullLocked();
  void SendPull(const std::string& request);

  Connection& connection_;
  const JetStream jetstream_;
  const OrderedConsumerOptions options_;

  // Held while the owner is called: Close() waits for it. Taken before mutex_.
  std::mutex owner_mutex_;
  Owner* owner_;  // null: closed

  mutable std::mutex mutex_;
  bool closed_ = false;
  bool start_posted_ = false;
  bool running_ = false;  // a consumer is there, as far as we know
  bool troubled_ = false;
  std::chrono::milliseconds pause_ = kFirstPause;
  uint64_t starts_ = 0;
  std::unique_ptr<Inbox> inbox_;
  std::string inbox_subject_;
  std::string consumer_;
  // The place.
  std::string stream_created_;  // empty: unknown
  uint64_t next_sequence_;      // of the stream, once it was started
  uint64_t consumer_sequence_ = 0;
  // What was asked for and what is held.
  size_t outstanding_ = 0;  // messages asked for that did not come yet; 0: no request
  size_t held_messages_ = 0;
  size_t held_bytes_ = 0;
  bool too_large_ = false;  // the next message does not fit into what is left of max_bytes
  bool pull_posted_ = false;
  SteadyTime::time_point last_pull_{};
  SteadyTime::time_point last_heard_{};
};

// --- Starting -----------------------------------------------------------------------------------------

void OrderedConsumer::State::PostStart(std::chrono::milliseconds after) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || std::exchange(start_posted_, true)) return;
  }
  connection_.PostAfter(after, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Start();
  });
}

void OrderedConsumer::State::Start() {
  {
    const std::lock_guard lock(mutex_);
    start_posted_ = false;
    if (closed_ || running_) return;
  }
  if (!connection_.connected()) return;  // OnConnection() begins again
  const auto started = TryStart();
  if (started) return;
  std::chrono::milliseconds pause{0};
  bool tell = false;
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
    pause = std::exchange(pause_, std::min(pause_ * 2, kLongestReaderPause));
    tell = !std::exchange(troubled_, true);
  }
  if (tell) {
    const std::lock_guard lock(owner_mutex_);
    if (owner_ != nullptr) owner_->OnTrouble(started.error());
  }
  PostStart(pause);
}

Result<void> OrderedConsumer::State::TryStart() {
  std::string old_consumer;
  std::unique_ptr<Inbox> old_inbox;
  ConsumerStart from = options_.start;
  std::string created_before;
  uint64_t start = 0;
  {
    const std::lock_guard lock(mutex_);
    old_consumer = std::exchange(consumer_, {});
    old_inbox = std::move(inbox_);
    created_before = stream_created_;
    if (!created_before.empty()) from = {ConsumerStart::Kind::kSequence, next_sequence_};
    start = ++starts_;
    outstanding_ = 0;
  }
  old_inbox.reset();
  const uint64_t generation = connection_.generation();
  JAMMI_ASSIGN(const auto stream, jetstream_.FindStream(options_.stream));
  if (!old_consumer.empty())
    IgnoreError(jetstream_.DeleteConsumer(options_.stream, old_consumer),
                "it may be gone, or goes by itself");
  // Another stream, or the same set back: a sequence of the old one means nothing there.
  const bool new_stream = !created_before.empty() &&
                          (created_before != stream.created || (from.kind == ConsumerStart::Kind::kSequence &&
                                                                from.sequence > stream.last_sequence + 1));
  if (new_stream) from = {ConsumerStart::Kind::kFirst};
  JAMMI_ASSIGN(const auto consumer,
               jetstream_.CreateConsumer(options_.stream, {.subject = options_.subject,
                                                           .start = from,
                                                           .headers_only = options_.headers_only,
                                                           .acknowledge = options_.acknowledge}));
  const std::string subject = Connection::NewInboxSubject();
  auto inbox = connection_.Subscribe(subject, [weak = weak_from_this(), start](const auto& message) {
    if (const auto self = weak.lock()) self->OnMessage(start, message);
  });
  if (!inbox) {
    IgnoreError(jetstream_.DeleteConsumer(options_.stream, consumer.name), "it goes by itself");
    return std::move(inbox).error();
  }
  {
    const std::lock_guard lock(owner_mutex_);
    if (owner_ != nullptr) owner_->OnStarted(new_stream);
  }
  JAMMI_SYNC_POINT("OrderedConsumer::TryStart.told");
  std::unique_lock lock(mutex_);
  if (closed_) {  // meanwhile, by somebody who did not know of this consumer
    lock.unlock();
    inbox->reset();
    IgnoreError(jetstream_.DeleteConsumer(options_.stream, consumer.name), "it goes by itself");
    return {};
  }
  // The owner was told that it began here: the place stands, even if the consumer is lost again at once.
  stream_created_ = stream.created;
  // "New" begins behind what was there when the consumer was made.
  switch (from.kind) {
    case ConsumerStart::Kind::kNew:
      next_sequence_ = consumer.delivered_sequence + 1;
      break;
    case ConsumerStart::Kind::kFirst:
      next_sequence_ = 1;
      break;
    case ConsumerStart::Kind::kSequence:
      next_sequence_ = from.sequence;
      break;
  }
  if (connection_.generation() != generation || !connection_.connected())
    return Unavailable("NATS: the connection was lost");
  consumer_ = consumer.name;
  inbox_ = std::move(*inbox);
  inbox_subject_ = subject;
  consumer_sequence_ = 0;
  too_large_ = false;
  running_ = true;
  troubled_ = false;
  last_heard_ = SteadyTime::now();
  PullLocked();
  return {};
}

void OrderedConsumer::State::RestartLocked() {
  if (!std::exchange(running_, false) || closed_ || std::exchange(start_posted_, true)) return;
  // Longer and longer, until a message comes.
  const auto pause = std::exchange(pause_, std::min(pause_ * 2, kLongestReaderPause));
  connection_.PostAfter(pause, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Start();
  });
}

void OrderedConsumer::State::OnConnection(bool connected) {
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
    pause_ = kFirstPause;
  }
  if (connected) PostStart();
}

// --- Looking after it ---------------------------------------------------------------------------------

void OrderedConsumer::State::PostWatch() {
  connection_.PostAfter(options_.heartbeat, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Watch();
  });
}

// A request that is under way is answered by heartbeats at least.
void OrderedConsumer::State::Watch() {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    if (running_ && outstanding_ > 0 && SteadyTime::now() - last_heard_ > options_.heartbeat * 5 / 2) {
      RestartLocked();
    }
  }
  PostWatch();
}

// --- Messages -----------------------------------------------------------------------------------------

void OrderedConsumer::State::OnMessage(uint64_t start, const std::shared_ptr<const Message>& message) {
  const std::lock_guard owner_lock(owner_mutex_);
  std::optional<DeliveryPlace> place;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || start != starts_ || !running_) return;
    last_heard_ = SteadyTime::now();
    // Whoever publishes may write any header: what a consumer delivers is data, whatever it says.
    place = PlaceOf(*message);
    if (!place) return OnStatus(*message);
    if (place->consumer != consumer_) return;
    // One is missing, or came again: from behind the last one on, with a new consumer.
    if (place->consumer_sequence != consumer_sequence_ + 1 || place->delivered != 1) return RestartLocked();
    consumer_sequence_ = place->consumer_sequence;
    next_sequence_ = place->stream_sequence + 1;
    pause_ = kFirstPause;
    if (outstanding_ > 0) --outstanding_;
    ++held_messages_;
    held_bytes_ += message->body().size();
  }
  const size_t bytes = message->body().size();
  if (options_.acknowledge) {
    IgnoreError(
        connection_.Publish({.subject = std::string(message->reply()), .headers = {}, .body = "+ACK"}),
        "it is for who looks at the consumer");
  }
  const bool held = owner_ != nullptr && owner_->OnMessage(message, *place);
  Release(held ? 0 : 1, held ? 0 : bytes);
}

// mutex_ is held.
void OrderedConsumer::State::OnStatus(const Message& message) {
  const std::string_view status = message.Status();
  if (status == "100") return;  // a heartbeat
  const std::string_view text = message.Header("Description").value_or(std::string_view());
  if (status == "408" || status == "404") {  // the request has ended
    outstanding_ = 0;
  } else if (status == "409" && text.starts_with("Message Size Exceeds MaxBytes")) {
    outstanding_ = 0;
    too_large_ = true;
  } else if (status == "409" && text.starts_with("Batch Completed")) {
    return;  // its messages have been counted, and by now it may be the next request that is under way
  } else {   // the consumer is gone, or its server is
    return RestartLocked();
  }
  PullLocked();
}

void OrderedConsumer::State::Release(size_t messages, size_t bytes) {
  const std::lock_guard lock(mutex_);
  held_messages_ -= std::min(messages, held_messages_);
  held_bytes_ -= std::min(bytes, held_bytes_);
  PullLocked();
}

// Asks for more, if nothing is asked for and half of the room is free.
void OrderedConsumer::State::PullLocked() {
  if (closed_ || !running_ || outstanding_ > 0 || pull_posted_) return;
  if (held_messages_ > options_.max_messages / 2 || held_bytes_ > options_.max_bytes / 2) return;
  // What is larger than all the room comes when nothing else is held.
  if (too_large_ && held_messages_ > 0) return;
  const auto now = SteadyTime::now();
  const auto wait = last_pull_ + options_.min_interval - now;
  if (wait > SteadyTime::duration::zero()) {
    pull_posted_ = true;
    connection_.PostAfter(std::chrono::ceil<std::chrono::milliseconds>(wait), [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      const std::lock_guard lock(self->mutex_);
      self->pull_posted_ = false;
      self->PullLocked();
    });
    return;
  }
  last_pull_ = now;
  const std::chrono::nanoseconds heartbeat = options_.heartbeat;
  nlohmann::json request = {{"expires", (heartbeat * kHeartbeatsPerRequest).count()},
                            {"idle_heartbeat", heartbeat.count()}};
  outstanding_ = too_large_ ? 1 : options_.max_messages - held_messages_;
  request["batch"] = outstanding_;
  if (!too_large_) request["max_bytes"] = options_.max_bytes - held_bytes_;
  too_large_ = false;
  SendPull(request.dump());
}

// mutex_ is held; a publish waits for nothing but the socket.
void OrderedConsumer::State::SendPull(const std::string& request) {
  const OutMessage message{
      .subject = JetStream::NextSubject(options_.stream, consumer_), .headers = {}, .body = request};
  if (!connection_.Publish(message, inbox_subject_)) RestartLocked();
}

void OrderedConsumer::State::Close() {
  std::unique_ptr<Inbox> inbox;
  std::string consumer;
  {
    const std::lock_guard owner_lock(owner_mutex_);
    owner_ = nullptr;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    running_ = false;
    inbox = std::move(inbox_);
    consumer = std::exchange(consumer_, {});
  }
  inbox.reset();
  if (!consumer.empty()) {
    const OutMessage goodbye{
        .subject = fmt::format("$JS.API.CONSUMER.DELETE.{}.{}", options_.stream, consumer),
        .headers = {},
        .body = {}};
    IgnoreError(connection_.Publish(goodbye), "the server forgets it by itself");
  }
}

// --- The handle ---------------------------------------------------------------------------------------

OrderedConsumer::OrderedConsumer(std::shared_ptr<Connection> connection, OrderedConsumerOptions options,
                                 Owner& owner)
    : connection_(std::move(connection)),
      state_(std::make_shared<State>(*connection_, std::move(options), owner)) {
  listener_ = connection_->Listen([state = state_](bool connected) { state->OnConnection(connected); });
  state_->PostStart();
  state_->PostWatch();
}

OrderedConsumer::~OrderedConsumer() { Close(); }

void OrderedConsumer::Release(size_t messages, size_t bytes) { state_->Release(messages, bytes); }

uint64_t OrderedConsumer::starts() const { return state_->starts(); }

void OrderedConsumer::Close() {
  connection_->StopListening(listener_);
  state_->Close();
}

}  // namespace jammi::nats
