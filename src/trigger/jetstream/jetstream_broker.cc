#include "trigger/jetstream/jetstream_broker.h"

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "nats/connection.h"
#include "nats/jetstream.h"
#include "nats/nats_error.h"
#include "nats/publish_window.h"
#include "trigger/broker_metadata.h"
#include "trigger/jetstream/event_message.h"
#include "trigger/jetstream/offset_search.h"
#include "trigger/jetstream/stream_schema.h"
#include "trigger/jetstream/tail.h"
#include "trigger/topic_entry.h"
#include "trigger/topic_schema.h"

namespace jammi {
namespace {

// Messages are handed over one at a time, so the ring of a subscription is what its buffer lets in.
constexpr FeedLimits kNoLimits{.ring_bytes = INT64_MAX};
// A flood on a subject, forged or not, rings a bell so often at most.
constexpr std::chrono::milliseconds kBellInterval{5};
constexpr size_t kBellBatch = 64;

nats::ConnectionOptions ToConnection(const JetStreamBrokerOptions& options) {
  nats::ConnectionOptions made;
  made.url = options.url;
  made.user = options.user;
  made.password = options.password;
  made.token = options.token;
  if (options.credentials_path) made.credentials_path = *options.credentials_path;
  if (options.tls_authority_path) made.authority_path = *options.tls_authority_path;
  if (options.tls_certificate_path) made.certificate_path = *options.tls_certificate_path;
  if (options.tls_key_path) made.key_path = *options.tls_key_path;
  return made;
}

// For messages of every version that the schema can have had: a driver does not know which there were.
Result<EventCodec> MakeCodec(const std::shared_ptr<arrow::Schema>& schema) {
  const int columns = schema->num_fields();
  int fewest = columns;
  while (fewest > 1 && schema->field(fewest - 1)->nullable()) --fewest;
  std::vector<int64_t> earlier;
  for (int count = fewest; count < columns; ++count) earlier.push_back(count);
  return EventCodec::Make(schema, earlier);
}

Error SchemaConflict(std::string_view topic, const std::string& detail) {
  return Error(ErrorCode::kFailedPrecondition, fmt::format("topic schema conflict on {}: {}", topic, detail),
               SchemaConflictDetail{std::string(topic), detail});
}

class Bell final : public BrokerBell, public nats::OrderedConsumer::Owner {
 public:
  Bell(const std::shared_ptr<nats::Connection>& connection, const TopicId& topic, TriggerBroker::Ring ring)
      : ring_(std::move(ring)),
        consumer_(connection,
                  {.stream = StreamNameOf(topic),
                   .subject = SubjectOf(topic),
                   .start = {nats::ConsumerStart::Kind::kNew},
                   .headers_only = true,
                   .max_messages = kBellBatch,
                   .min_interval = kBellInterval},
                  *this) {}

  bool OnMessage(std::shared_ptr<const nats::Message> message,
                 const nats::DeliveryPlace& /*place*/) override {
    ring_(OffsetOf(*message));
    return false;
  }
  // What was published before it listened was not heard.
  void OnStarted(bool /*new_stream*/) override { ring_(std::nullopt); }
  void OnTrouble(const Error& /*error*/) override {}  // the log's own doorbell and its poll go on

 private:
  const TriggerBroker::Ring ring_;
  nats::OrderedConsumer consumer_;  // dies first
};

class JetStreamBroker final : public TriggerBroker {
 public:
  JetStreamBroker(const JetStreamBrokerOptions& options, std::shared_ptr<nats::Connection> connection)
      : options_(options),
        connection_(std::move(connection)),
        jetstream_(*connection_, options.timeout),
        window_(connection_, {.messages = options.window_events,
                              .bytes = options.window_bytes,
                              .acknowledge_within = options.timeout}),
        runtime_(std::make_shared<FeedRuntime>(nullptr, kNoLimits, /*dispatch_threads=*/1,
                                               /*loader_threads=*/0)) {
    listener_ = connection_->Listen([this](bool) { changed_at_ = Clock::System()->Now(); });
    // It may have been made before.
    if (connection_->connected() && changed_at_ == 0) changed_at_ = Clock::System()->Now();
  }

  ~JetStreamBroker() override { Close(); }

  void Close() {
    std::vector<std::shared_ptr<JetStreamTail>> tails;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      for (const auto& [id, topic] : topics_) CollectLocked(*topic, &tails);
      topics_.clear();
    }
    for (const auto& tail : tails) {
      tail->End(/*drain=*/false);
      tail->Close();
    }
    window_.Close();
    connection_->Close();
    connection_->StopListening(listener_);
    runtime_->dispatch.Stop();
  }

  Result<void> RegisterTopic(const Topic& topic) override { return Ensure(topic, /*may_grow=*/false); }
  Result<void> GrowTopic(const Topic& topic) override { return Ensure(topic, /*may_grow=*/true); }

  Result<void> DropTopic(const TopicId& id) override {
    JAMMI_TRY(AwaitServer());
    const auto deleted = jetstream_.DeleteStream(StreamNameOf(id));
    if (!deleted && deleted.error().code() != ErrorCode::kNotFound) return deleted.error();
    std::vector<std::shared_ptr<JetStreamTail>> tails;
    {
      const std::lock_guard lock(mutex_);
      const auto topic = topics_.find(id);
      if (topic == topics_.end()) return {};
      CollectLocked(*topic->second, &tails);
      topics_.erase(topic);
    }
    for (const auto& tail : tails) {
      tail->Close();
      tail->End(/*drain=*/true);
    }
    return {};
  }

  Result<Offset> Publish(const TopicId& id, const std::shared_ptr<arrow::RecordBatch>& batch,
                         UnixMicros produced_at, uint64_t offset,
                         const std::optional<TenantId>& publish_tenant) override {
    JAMMI_ASSIGN(const auto topic, Resolve(id));
    JAMMI_ASSIGN(const auto outgoing, Encode(*topic, id, batch, {offset, produced_at, publish_tenant}));
    const auto published = window_.PublishAndWait(outgoing.message(), Deadline::After(options_.timeout));
    return Outcome(id, topic, {offset, produced_at}, published);
  }

  void PublishAsync(const TopicId& id, const std::shared_ptr<arrow::RecordBatch>& batch,
                    UnixMicros produced_at, uint64_t offset, const std::optional<TenantId>& publish_tenant,
                    PublishDone done) override {
    const auto topic = Known(id);
    if (topic == nullptr) return done(TopicNotFound(id.ToString()));
    auto outgoing = Encode(*topic, id, batch, {offset, produced_at, publish_tenant});
    if (!outgoing) return done(std::move(outgoing).error());
    window_.Publish(outgoing->message(), [this, id, topic, to = Offset{offset, produced_at},
                                          done = std::move(done)](nats::PublishOutcome published) mutable {
      done(Outcome(id, topic, to, ToResult(std::move(published))));
    });
  }

  Result<std::unique_ptr<Subscription>> Subscribe(const TopicId& id, Predicate predicate,
                                                  std::optional<uint64_t> from_offset) override {
    JAMMI_ASSIGN(const auto topic, Resolve(id));
    const auto stream = jetstream_.FindStream(StreamNameOf(id));
    if (!stream) return Gone(id, topic, stream.error());
    // "New" begins behind what is there now, and not when the consumer is made.
    TailStart start{.where = {nats::ConsumerStart::Kind::kSequence, stream->last_sequence + 1}};
    if (from_offset) {
      JAMMI_ASSIGN(start.where.sequence, FindOffset(jetstream_, *stream, id, *from_offset));
      start.lower_bound = *from_offset;
    }
    JAMMI_ASSIGN(auto codec, MakeCodec(topic->schema));
    const auto tail = std::make_shared<JetStreamTail>(topic->troubles, runtime_, std::move(codec),
                                                      std::move(predicate), start);
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return Closed();
      std::erase_if(topic->tails, [](const auto& each) { return each.expired(); });
      topic->tails.push_back(tail);
    }
    tail->Open(connection_, {.stream = StreamNameOf(id),
                             .subject = SubjectOf(id),
                             .start = start.where,
                             .stream_created = stream->created,
                             .acknowledge = true,
                             .max_messages = std::max<size_t>(options_.buffer_events, 1),
                             .max_bytes = std::max<size_t>(options_.buffer_bytes, 1)});
    return MakeSubscription(tail);
  }

  Result<std::vector<ConsumerOffsetSnapshot>> ListConsumers(const TopicId& id) override {
    JAMMI_ASSIGN(const auto topic, Resolve(id));
    const auto consumers = jetstream_.ListConsumers(StreamNameOf(id));
    if (!consumers) return Gone(id, topic, consumers.error());
    std::vector<ConsumerOffsetSnapshot> snapshots;
    for (const auto& each : *consumers)
      snapshots.push_back({each.name, id, each.delivered_sequence, each.acknowledged_sequence});
    return snapshots;
  }

  std::unique_ptr<BrokerBell> Listen(const TopicId& id, Ring ring) override {
    return std::make_unique<Bell>(connection_, id, std::move(ring));
  }

  BrokerTopicReport Report(const TopicId& id) override {
    const auto topic = Known(id);
    return topic == nullptr ? BrokerTopicReport() : topic->troubles->report();
  }

  // Others may listen, in other processes: nobody here knows.
  bool WantsPublish(const TopicId& /*id*/) override { return true; }

  [[nodiscard]] BrokerKind driver_kind() const override { return BrokerKind::kJetStream; }

  [[nodiscard]] BrokerStatus status() const {
    auto reason = connection_->reason();
    const bool connected = reason.empty();
    return {.kind = driver_kind(),
            .connected = connected,
            .reason = std::move(reason),
            .changed_at = changed_at_,
            .connections = connection_->generation(),
            .published = published_,
            .failed = failed_};
  }

 private:
  // A topic that has a stream, as far as we know.
  struct KnownTopic {
    std::shared_ptr<arrow::Schema> schema;
    std::shared_ptr<TopicTroubles> troubles;
    std::vector<std::weak_ptr<JetStreamTail>> tails;  // guarded by mutex_
  };
  using TopicPtr = std::shared_ptr<KnownTopic>;

  // A message with the bytes that it points at.
  class Outgoing {
   public:
    Outgoing(nats::OutMessage message, std::shared_ptr<arrow::Buffer> body)
        : message_(std::move(message)), body_(std::move(body)) {}
    [[nodiscard]] const nats::OutMessage& message() const { return message_; }

   private:
    nats::OutMessage message_;
    std::shared_ptr<arrow::Buffer> body_;
  };

  static Error Closed() { return nats::Unavailable("the JetStream broker was closed"); }

  static void CollectLocked(const KnownTopic& topic, std::vector<std::shared_ptr<JetStreamTail>>* tails) {
    for (const auto& weak : topic.tails) {
      if (auto tail = weak.lock()) tails->push_back(std::move(tail));
    }
  }

  // The stream, with the topic's settings.
  Result<void> Ensure(const Topic& topic, bool may_grow) {
    JAMMI_ASSIGN(const auto retention, RetentionSeconds(topic.broker_metadata));
    JAMMI_ASSIGN(auto schema, PrepareTopicSchema(topic.schema));
    JAMMI_TRY(AwaitServer());
    const auto stream = jetstream_.FindStream(StreamNameOf(topic.id));
    if (!stream && stream.error().code() != ErrorCode::kNotFound) return stream.error();
    if (stream) {
      JAMMI_ASSIGN(const auto stored, StoredSchema(stream->settings));
      // Another process may be ahead of us: what has grown never shrinks.
      if (may_grow && stored != nullptr && IsGrowthOf(*schema, *stored)) schema = stored;
      const bool grows = may_grow && stored != nullptr && IsGrowthOf(*stored, *schema);
      const auto same =
          stored == nullptr || grows ? Result<void>() : CheckBatchSchema(topic.name, *stored, *schema);
      if (!same) return SchemaConflict(topic.name, same.error().message());
    }
    nats::StreamSettings settings{.name = StreamNameOf(topic.id), .subjects = {SubjectOf(topic.id)}};
    settings.max_age = std::chrono::seconds(retention.value_or(options_.retention_seconds));
    JAMMI_TRY(StoreSchema(*schema, no_metadata_, &settings));
    JAMMI_ASSIGN(auto made, jetstream_.EnsureStream(settings));
    if (!no_metadata_ && made.settings.metadata.empty()) {  // a server before 2.10
      no_metadata_ = true;
      settings.metadata.clear();
      JAMMI_TRY(StoreSchema(*schema, no_metadata_, &settings));
      JAMMI_ASSIGN(made, jetstream_.EnsureStream(settings));
    }
    const auto known = Remember(topic.id, schema);
    return known ? Result<void>() : known.error();
  }

  [[nodiscard]] Result<void> AwaitServer() const {
    return connection_->AwaitConnected(Deadline::After(options_.timeout));
  }

  [[nodiscard]] TopicPtr Known(const TopicId& id) {
    const std::lock_guard lock(mutex_);
    const auto topic = topics_.find(id);
    return topic == topics_.end() ? nullptr : topic->second;
  }

  Result<TopicPtr> Remember(const TopicId& id, std::shared_ptr<arrow::Schema> schema) {
    auto made = std::make_shared<KnownTopic>(
        KnownTopic{std::move(schema), std::make_shared<TopicTroubles>(id.ToString()), {}});
    const std::lock_guard lock(mutex_);
    if (closed_) return Closed();
    auto& known = topics_[id];
    if (known == nullptr) {
      known = std::move(made);
    } else if (IsGrowthOf(*known->schema, *made->schema)) {
      // Others may look at the old one: a new one takes its place, with what was there.
      made->troubles = known->troubles;
      made->tails = known->tails;
      known = std::move(made);
    }
    return known;
  }

  // The topic, known here or by its stream (W-05). Waits for the server.
  Result<TopicPtr> Resolve(const TopicId& id) {
    JAMMI_TRY(AwaitServer());
    if (auto known = Known(id)) return known;
    const auto stream = jetstream_.FindStream(StreamNameOf(id));
    if (!stream) {
      if (stream.error().code() == ErrorCode::kNotFound) return TopicNotFound(id.ToString());
      return stream.error();
    }
    JAMMI_ASSIGN(auto schema, StoredSchema(stream->settings));
    // Made by somebody who did not say what is in it.
    if (schema == nullptr) return TopicNotFound(id.ToString());
    return Remember(id, std::move(schema));
  }

  // The server knows no such stream: neither do we, from now on, unless somebody waits for it to come back.
  Error Gone(const TopicId& id, const TopicPtr& topic, const Error& error) {
    if (error.code() != ErrorCode::kNotFound) return error;
    const std::lock_guard lock(mutex_);
    const bool waited_for =
        std::ranges::any_of(topic->tails, [](const auto& tail) { return !tail.expired(); });
    if (!waited_for) topics_.erase(id);
    return TopicNotFound(id.ToString());
  }

  Result<Outgoing> Encode(const KnownTopic& topic, const TopicId& id,
                          const std::shared_ptr<arrow::RecordBatch>& batch, const EventPlace& place) {
    if (batch == nullptr) return Error(ErrorCode::kInvalidArgument, "there is no batch to publish");
    // An earlier version's batches are taken too.
    if (!IsGrowthOf(*batch->schema(), *topic.schema))
      JAMMI_TRY(CheckBatchSchema(id.ToString(), *topic.schema, *batch->schema()));
    JAMMI_ASSIGN(auto body, EncodeBody(*batch->ReplaceSchemaMetadata(nullptr)));
    nats::OutMessage message{
        .subject = SubjectOf(id),
        .headers = EventHeaders(id, options_.publisher, place),
        .body = {reinterpret_cast<const char*>(body->data()), static_cast<size_t>(body->size())}};
    const size_t limit = connection_->max_payload();
    if (limit > 0 && message.Size() > limit) {
      // Announced all the same: who has a log to read reads it there (W-15).
      message.headers.emplace_back(kOmittedHeader, std::to_string(body->size()));
      message.body = {};
      topic.troubles->Note(
          fmt::format("event {} goes out without its batch: {} bytes are more than the server's "
                      "max_payload of {}",
                      place.offset, body->size(), limit));
    }
    return Outgoing(std::move(message), std::move(body));
  }

  Result<Offset> Outcome(const TopicId& id, const TopicPtr& topic, const Offset& offset,
                         const Result<nats::PublishAck>& published) {
    if (published) {
      ++published_;
      return offset;
    }
    ++failed_;
    return Gone(id, topic, published.error());
  }

  const JetStreamBrokerOptions options_;
  const std::shared_ptr<nats::Connection> connection_;
  const nats::JetStream jetstream_;
  nats::PublishWindow window_;
  const std::shared_ptr<FeedRuntime> runtime_;
  std::atomic<bool> no_metadata_ = false;  // the server keeps none
  std::atomic<UnixMicros> changed_at_ = 0;
  uint64_t listener_ = 0;
  std::atomic<uint64_t> published_ = 0;
  std::atomic<uint64_t> failed_ = 0;

  std::mutex mutex_;
  bool closed_ = false;
  std::unordered_map<TopicId, TopicPtr> topics_;
};

}  // namespace

Result<std::unique_ptr<TriggerBroker>> NewJetStreamBroker(const JetStreamBrokerOptions& options) {
  JAMMI_ASSIGN(auto connection, nats::Connection::Open(ToConnection(options)));
  return std::make_unique<JetStreamBroker>(options, std::move(connection));
}

void CloseJetStreamBroker(TriggerBroker& broker) {
  if (auto* const ours = dynamic_cast<JetStreamBroker*>(&broker)) ours->Close();
}

std::optional<BrokerStatus> JetStreamBrokerStatus(const TriggerBroker& broker) {
  const auto* const ours = dynamic_cast<const JetStreamBroker*>(&broker);
  if (ours == nullptr) return std::nullopt;
  return ours->status();
}

}  // namespace jammi
