// Trigger streams: typed publish/subscribe over Arrow record batches with a durable log.
//
// An event is one record batch of a topic; it has one offset, whatever its row count. Offsets of a topic
// are 0, 1, 2, ... without gaps. The log in the catalog database is the truth: an event is acknowledged
// when it is durable there, and a subscription is a cursor over it.
#pragma once

#include <arrow/type_fwd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "jammi/clock.h"
#include "jammi/ids.h"
#include "jammi/position.h"
#include "jammi/predicate.h"
#include "jammi/result.h"
#include "jammi/scope.h"
#include "jammi/secret.h"
#include "jammi/topic_retention.h"

namespace jammi {

struct Topic {
  TopicId id;
  std::string name;                                    // opaque UTF-8, unique per owner
  std::shared_ptr<arrow::Schema> schema;               // without metadata (TRG-011)
  Scope owner = Scope::Global();                       //
  std::map<std::string, std::string> broker_metadata;  //
  UnixMicros created_at = 0;
  TopicRetention retention = {};  // its own settings
};

// Which topic: by name (the scope's own, else the global one) or by id. For arguments: it borrows the name.
class TopicRef {
 public:
  TopicRef(std::string_view name) : ref_(name) {}
  TopicRef(const std::string& name) : ref_(std::string_view(name)) {}
  TopicRef(const char* name) : ref_(std::string_view(name)) {}
  TopicRef(const TopicId& id) : ref_(id) {}
  [[nodiscard]] const std::variant<std::string_view, TopicId>& get() const { return ref_; }

 private:
  std::variant<std::string_view, TopicId> ref_;
};

struct TopicPage {
  std::vector<Topic> topics;
  std::string next_page_token;  // empty = that was all
};

struct Offset {
  uint64_t value = 0;
  UnixMicros committed_at = 0;
  bool operator==(const Offset& other) const { return value == other.value; }
  auto operator<=>(const Offset& other) const { return value <=> other.value; }
};

struct PublishOptions {
  // Makes a publish happen once, however often it is repeated: 1 to 256 bytes of UTF-8 without U+0000, of
  // the caller's choice; empty = none. It names the publish among all of the same topic and scope, as long
  // as its first event is retained. A publish with a key that is known and the same batches, encoded to the
  // same bytes, is a success with the offsets of the first and publishes nothing: so after kOutcomeUnknown,
  // kUnavailable or a crash repeat the call, with the same batches, until it succeeds. With other batches
  // it is refused: kAlreadyExists with ProducerKeyConflictDetail.
  std::string producer_key;
};

struct PublishOutcome {
  Offset offset;           // of the first batch; each other has the next one, and the same time
  bool duplicate = false;  // these are of an earlier publish with the same producer key
};

// What one publish may hold.
constexpr size_t kMaxPublishBatches = 10'000;
constexpr int64_t kMaxPublishBytes = 64 << 20;  // encoded; one batch alone may have trigger.max_batch_bytes

class SharedRows;  // of the engine's own

// An event, as a subscriber sees it: the rows that its predicate selected, in order.
struct Delivery {
  uint64_t offset = 0;
  UnixMicros produced_at = 0;  // when it was committed
  // Read-only, shared with other subscribers. It keeps the memory alive in which it came, up to a page of
  // the log: copy what is kept for long. Null if it was not asked for: SubscribeOptions::decode.
  std::shared_ptr<arrow::RecordBatch> batch;
  std::optional<TenantId> tenant;  // who published it; absent = unscoped
  // What is shared with those who were delivered the same rows.
  std::shared_ptr<const SharedRows> shared;

  // `batch` as Arrow IPC messages: dictionaries, then the record batch, as docs/formats.md has them; the
  // schema message is not in them. Made once for all who were delivered the same rows; where nothing was
  // filtered they are the bytes of the log. Read-only, and shared like `batch`. Errors: kResourceExhausted;
  // kInvalidState: nothing was delivered.
  [[nodiscard]] Result<std::shared_ptr<arrow::Buffer>> Ipc() const;
  // Of the rows; null: nothing was delivered.
  [[nodiscard]] std::shared_ptr<arrow::Schema> schema() const;
};

// Where a subscription starts.
class From {
 public:
  // Events with this offset and later ones. 0 is the whole log; an offset above the head is waited for.
  [[nodiscard]] static From Offset(uint64_t offset) { return From(Kind::kOffset, offset, 0); }
  // Events committed at or after this time.
  [[nodiscard]] static From Time(UnixMicros time) { return From(Kind::kTime, 0, time); }
  // Events committed after the call of Subscribe() began to return; no replay.
  [[nodiscard]] static From Newest() { return From(Kind::kNewest, 0, 0); }
  // Where a subscription, a reader or a consumer was, in the same topic. Refused in another topic, and with
  // PositionOutdatedDetail in another history of the catalog: never taken for the same number.
  [[nodiscard]] static From Position(const jammi::Position& position) { return From(position); }

  enum class Kind : uint8_t { kOffset, kTime, kNewest, kPosition };
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] uint64_t offset() const { return offset_; }
  [[nodiscard]] UnixMicros time() const { return time_; }
  [[nodiscard]] const jammi::Position& position() const { return position_; }

 private:
  From(Kind kind, uint64_t offset, UnixMicros time) : kind_(kind), offset_(offset), time_(time) {}
  explicit From(const jammi::Position& position) : kind_(Kind::kPosition), position_(position) {}
  Kind kind_;
  uint64_t offset_ = 0;
  UnixMicros time_ = 0;
  jammi::Position position_;
};

// A cursor over a topic. For an attached subscription no visible event at or above its start is
// skipped, doubled or reordered, however far it lags, however many publishers there are.
//
// One thread at a time may call Next, TryNext and OnReady; Close, id, position and lag may be called
// from any thread. Destroying it is Close().
class Subscription {
 public:
  virtual ~Subscription() = default;
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  // Waits for the next event whose rows match. nullopt: the stream has ended, because the topic was
  // dropped, the engine closed, or a finite replay is complete; it stays ended.
  // Errors: kDeadlineExceeded: nothing yet, call again. Every other error ends the stream and is
  // returned from then on: kFailedPrecondition with OffsetEvictedDetail (the position fell below the
  // log's low-water mark), kFailedPrecondition with PredicateEvalDetail (the message names the offset),
  // kDataLoss (a damaged event, by offset), kUnavailable (the log cannot be read), kCancelled (closed).
  // position() then tells where to resume.
  [[nodiscard]] virtual Result<std::optional<Delivery>> Next(Deadline deadline) = 0;

  struct NotReady {};
  struct End {};
  using Polled = std::variant<NotReady, End, Delivery>;
  // The same without waiting and without I/O. NotReady has queued whatever must be read; OnReady tells.
  [[nodiscard]] virtual Result<Polled> TryNext() = 0;

  // Calls `ready` once, when TryNext() may have something other than NotReady to say: an event, the
  // end, an error, shutdown. At once if so already. It runs on the engine's dispatch threads, never on
  // a publisher's and never under a lock; it must be short; it may call TryNext and OnReady. A second
  // call replaces the callback that waits; two of one subscription never run at once. After the engine
  // was closed there are no dispatch threads left, and it runs inside the call of OnReady.
  virtual void OnReady(std::move_only_function<void()> ready) = 0;

  // Ends the stream. When it returns, no callback runs or will run; called from inside the callback it
  // returns at once, and the callback is the last. Idempotent.
  virtual void Close() = 0;

  [[nodiscard]] virtual SubscriptionId id() const = 0;
  // The offset of the next event to look at: everything below was delivered, filtered or invisible.
  [[nodiscard]] virtual uint64_t position() const = 0;
  // The same as a value to be stored: From::Position(bookmark()) goes on there, whatever was restarted
  // meanwhile; bookmark().After(delivery.offset) goes on behind a delivery.
  [[nodiscard]] virtual Position bookmark() const { return {.offset = position()}; }
  // Events of the topic at or above position(), of any tenant; what this process knows, without I/O.
  [[nodiscard]] virtual uint64_t lag() const = 0;

 protected:
  Subscription() = default;
};

struct SubscribeOptions {
  // SQL boolean over the topic's columns; empty = everything (rules TRG-096...105). An event without rows
  // is delivered if this is empty, and else not: no row of it matches.
  std::string predicate;
  // false: a finite replay, up to the last event committed before the call; then the stream ends.
  bool follow = true;
  // false: deliveries may come without `batch`; Ipc() has their rows. For who passes them on without looking
  // inside: what need not be decoded is not, and is as the log's checksums have found it.
  bool decode = true;
};

enum class BrokerKind : uint8_t { kInMemory, kJetStream };
[[nodiscard]] std::string_view ToString(BrokerKind kind);

struct ConsumerOffsetSnapshot {
  std::string consumer_name;
  TopicId topic_id;
  uint64_t last_delivered_stream_sequence = 0;  // in-memory: an engine offset (TRG-061)
  uint64_t last_ack_stream_sequence = 0;
};

// Rings when a topic may have new events, as long as it lives. Destroying it waits for a ring that is under
// way: not from inside it.
class BrokerBell {
 public:
  virtual ~BrokerBell() = default;
};

// How an engine gets on with handing a topic's events to its broker, since it was opened. Subscribers of
// engines do not depend on it: they read the log.
struct FanOutStatus {
  bool failing = false;    // the last attempt failed; it is tried again
  std::string last_error;  // empty: none so far
  UnixMicros last_error_at = 0;
  uint64_t lost = 0;     // events that the broker never got: it was away too long, or refused them
  uint64_t waiting = 0;  // events that it has not acknowledged yet
};

// What went wrong with a topic's messages in this process, for people.
struct BrokerTopicReport {
  uint64_t skipped = 0;    // messages that a subscription could not read, and left out
  std::string last_error;  // empty: none so far
  UnixMicros last_error_at = 0;
};

// Transport for topics: carries published events to subscribers, keeps nothing, filters by nothing but
// the predicate. A driver works alone, without an engine. Thread-safe. Rules TRG-049...077.
class TriggerBroker {
 public:
  virtual ~TriggerBroker() = default;

  // Makes the topic known. The same id with an equal schema is a no-op, but for settings of the driver
  // in `broker_metadata`, which are brought up to date.
  // Errors: kFailedPrecondition with SchemaConflictDetail; kInvalidArgument: a setting that cannot be read.
  [[nodiscard]] virtual Result<void> RegisterTopic(const Topic& topic) = 0;

  // The topic's schema has grown: nullable columns stand behind those that the driver knows. Subscriptions
  // that are open keep theirs; batches of the versions that the driver has known are taken all the same. An
  // equal schema is a no-op, an earlier version too; an unknown topic is registered. The default is for
  // drivers that do not remember schemas.
  // Errors: kFailedPrecondition with SchemaConflictDetail: neither has grown from the other.
  [[nodiscard]] virtual Result<void> GrowTopic(const Topic& topic) { return RegisterTopic(topic); }

  // Forgets the topic; its subscriptions end after what they have buffered. An unknown id is a success.
  [[nodiscard]] virtual Result<void> DropTopic(const TopicId& topic) = 0;

  // Carries an event that is durable already to whoever is attached. `publish_tenant` travels with it
  // and is never compared. Errors: kNotFound with TopicNotFoundDetail; kUnavailable with BrokerDetail.
  [[nodiscard]] virtual Result<Offset> Publish(const TopicId& topic,
                                               const std::shared_ptr<arrow::RecordBatch>& batch,
                                               UnixMicros produced_at, uint64_t offset,
                                               const std::optional<TenantId>& publish_tenant) = 0;

  // The same without waiting for the broker: `done` is called once, by this call or later on a thread of the
  // driver, which it must not hold up. What one thread hands over for a topic goes out in that order. A topic
  // that is not known is kNotFound, nobody is asked. kOutcomeUnknown: it may have gone out; the same offset
  // can be published again, and who has it already does not get it twice.
  // Errors: as Publish(); kResourceExhausted: too much is on its way.
  using PublishDone = std::move_only_function<void(Result<Offset>)>;
  virtual void PublishAsync(const TopicId& topic, const std::shared_ptr<arrow::RecordBatch>& batch,
                            UnixMicros produced_at, uint64_t offset,
                            const std::optional<TenantId>& publish_tenant, PublishDone done) {
    done(Publish(topic, batch, produced_at, offset, publish_tenant));
  }

  // A bell for a topic: `ring` is called when somebody, in any process, may have published to it, and when
  // rings may have been missed. It is a hint, and whoever may publish to the broker can forge it: `offset`
  // is what the message says that it carries, absent if it says nothing or if anything may have happened.
  // `ring` runs on a thread of the driver: short, waiting for nothing. nullptr: the driver has no bells.
  using Ring = std::function<void(std::optional<uint64_t> offset)>;
  [[nodiscard]] virtual std::unique_ptr<BrokerBell> Listen(const TopicId& /*topic*/, Ring /*ring*/) {
    return nullptr;
  }

  [[nodiscard]] virtual BrokerTopicReport Report(const TopicId& /*topic*/) { return {}; }

  // Attaches to the live tail. `from_offset` is a lower bound on the engine's offset: nothing at or above
  // it that the driver still has is skipped, and a driver may deliver earlier events too. Without it:
  // events published after the call.
  // Errors: kNotFound with TopicNotFoundDetail. kFailedPrecondition with OffsetEvictedDetail: the driver
  // no longer has `from_offset`.
  [[nodiscard]] virtual Result<std::unique_ptr<Subscription>> Subscribe(
      const TopicId& topic, Predicate predicate, std::optional<uint64_t> from_offset) = 0;

  // One entry per consumer attached now. Errors: kNotFound with TopicNotFoundDetail.
  [[nodiscard]] virtual Result<std::vector<ConsumerOffsetSnapshot>> ListConsumers(const TopicId& topic) = 0;

  // May be asked before Publish(): false means that nobody would receive the event, and that the call may
  // be left out. Asked for every commit, on the thread that commits: it must not wait for anything, a
  // lock that Publish() holds while it waits included.
  [[nodiscard]] virtual bool WantsPublish(const TopicId& topic) = 0;

  [[nodiscard]] virtual BrokerKind driver_kind() const = 0;
};

struct MemoryBrokerOptions {
  // The newest events that are kept for each topic with a subscriber; rounded up to a power of two. A
  // subscriber further behind gets OffsetEvictedDetail.
  size_t ring_events = 1024;
  int64_t ring_bytes = 64 << 20;
  int dispatch_threads = 1;  // for OnReady callbacks
};

// The driver that needs no server: delivers inside this process, keeps nothing beyond its rings. Offsets
// published to a topic must ascend (gaps are allowed): kInvalidArgument otherwise. Its subscriptions end
// when it is destroyed; not from one of their callbacks.
[[nodiscard]] std::unique_ptr<TriggerBroker> NewMemoryBroker(const MemoryBrokerOptions& options = {});

struct JetStreamBrokerOptions {
  // "nats://host:4222", several with commas; tls:// asks for TLS. user:password@ or token@ may stand before
  // the host, percent-encoded. At most one way to say who we are, there or below; none is anonymous.
  Secret url;
  std::optional<std::filesystem::path> credentials_path;  // a .creds file
  std::string user;
  Secret password;
  Secret token;
  // PEM files; any of them asks for TLS.
  std::optional<std::filesystem::path> tls_authority_path;    // absent: the system's
  std::optional<std::filesystem::path> tls_certificate_path;  // our own, with its key
  std::optional<std::filesystem::path> tls_key_path;

  uint64_t retention_seconds = 604'800;  // of a topic that does not say it in its metadata; 0 = without end
  // The first part of message ids, by which the server leaves out an event that is published twice: the same
  // in all processes that publish the same events. An engine uses its catalog's incarnation.
  std::string publisher = "jammi";
  std::chrono::milliseconds timeout{5000};  // of whatever waits for the server
  // What a subscription holds that was not taken yet.
  size_t buffer_events = 256;
  size_t buffer_bytes = size_t{8} << 20;
  // What asynchronous publishes may have on its way.
  size_t window_events = 4096;
  size_t window_bytes = size_t{64} << 20;
};

// The driver over NATS JetStream: one stream for each topic, which other processes and plain NATS users read
// too; docs/formats.md says what is in it. It returns at once and connects in the background, for ever:
// calls that need the server answer kUnavailable meanwhile. A topic that has a stream needs no
// RegisterTopic() here. A subscription survives everything but the loss of what was in the stream, and what
// the stream no longer holds is skipped: `from_offset` below it starts at what is there. It delivers
// ascending offsets only; what comes again, or cannot be read, is left out and counted in Report(). Its
// subscriptions end when it is destroyed; not from one of their callbacks. Errors: kInvalidArgument with
// BrokerDetail; kUnimplemented: this build has no NATS.
[[nodiscard]] Result<std::unique_ptr<TriggerBroker>> NewJetStreamBroker(
    const JetStreamBrokerOptions& options);

}  // namespace jammi
