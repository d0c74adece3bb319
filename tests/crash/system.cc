#include "crash/system.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "jammi/jammi.h"

namespace jammi::test {
namespace {

// One column, the event's bytes.
const std::shared_ptr<arrow::Schema>& EventSchema() {
  static const auto schema = arrow::schema({arrow::field("bytes", arrow::binary(), /*nullable=*/false)});
  return schema;
}

std::shared_ptr<arrow::RecordBatch> ToBatch(std::string_view payload) {
  arrow::BinaryBuilder bytes;
  if (!bytes.Append(payload).ok()) std::abort();  // no memory
  return arrow::RecordBatch::Make(EventSchema(), 1, {bytes.Finish().ValueOrDie()});
}

Result<std::string> ToPayload(const Delivery& delivery) {
  const auto& batch = *delivery.batch;
  if (batch.num_rows() != 1 || !batch.schema()->Equals(*EventSchema())) {
    return Error(ErrorCode::kDataLoss,
                 fmt::format("{} rows of {}", batch.num_rows(), batch.schema()->ToString()));
  }
  return std::string(static_cast<const arrow::BinaryArray&>(*batch.column(0)).GetView(0));
}

class EngineSystem final : public System {
 public:
  explicit EngineSystem(std::unique_ptr<Engine> engine)
      : engine_(std::move(engine)), session_(engine_->Global()) {}

  Result<void> RegisterTopic(const std::string& name) override {
    JAMMI_ASSIGN(const Topic topic, session_.topics().Register(name, EventSchema()));
    const std::lock_guard lock(mutex_);
    topics_.insert_or_assign(name, topic.id);
    return {};
  }

  Result<void> RegisterModel(const std::string& name) override {
    JAMMI_TRY(session_.models().Register(
        {.model_id = name, .model_type = "test", .task = ModelTask::kTextEmbedding}));
    return {};
  }

  Result<uint64_t> Publish(const std::string& topic, std::string_view payload, Deadline deadline) override {
    JAMMI_ASSIGN(const Offset offset, session_.Publish(IdOf(topic), ToBatch(payload), deadline));
    return offset.value;
  }

  void PublishAsync(const std::string& topic, std::string_view payload,
                    std::move_only_function<void(Result<uint64_t>)> done) override {
    session_.PublishAsync(IdOf(topic), ToBatch(payload),
                          [done = std::move(done)](Result<Offset> offset) mutable {
                            if (offset) return done(offset->value);
                            done(std::move(offset).error());
                          });
  }

  Result<uint64_t> PublishOnce(const std::string& topic, const std::vector<std::string>& payloads,
                               const std::string& producer_key) override {
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
    for (const std::string& payload : payloads) batches.push_back(ToBatch(payload));
    JAMMI_ASSIGN(const PublishOutcome outcome,
                 session_.PublishMany(IdOf(topic), batches, {.producer_key = producer_key}));
    return outcome.offset.value;
  }

  Result<Contents> ReadAll() override {
    JAMMI_TRY(FindTopics());
    Contents contents;
    const auto topics = Copy();
    for (const auto& [name, id] : topics) {
      JAMMI_ASSIGN(contents.topics[name], ReadTopic(id));
    }
    std::string token;
    do {
      JAMMI_ASSIGN(auto page, session_.models().List(1000, token));
      for (const ModelRecord& model : page.items) contents.models.insert(model.model_id);
      token = page.next_page_token;
    } while (!token.empty());
    return contents;
  }

  Result<void> FindTopics() {
    std::string token;
    do {
      JAMMI_ASSIGN(auto page, session_.topics().List(1000, token));
      const std::lock_guard lock(mutex_);
      for (const Topic& topic : page.topics) topics_.insert_or_assign(topic.name, topic.id);
      token = page.next_page_token;
    } while (!token.empty());
    return {};
  }

  void Close() override { engine_->Close(); }

 private:
  TopicId IdOf(const std::string& topic) {
    const std::lock_guard lock(mutex_);
    return topics_.at(topic);
  }

  std::map<std::string, TopicId> Copy() {
    const std::lock_guard lock(mutex_);
    return topics_;
  }

  Result<std::vector<std::string>> ReadTopic(const TopicId& id) {
    std::vector<std::string> payloads;
    JAMMI_ASSIGN(const auto subscription, session_.Subscribe(id, From::Offset(0), {.follow = false}));
    for (;;) {
      JAMMI_ASSIGN(const auto delivery, subscription->Next(Deadline::After(std::chrono::seconds(60))));
      if (!delivery) return payloads;
      if (delivery->offset != payloads.size()) {
        return Error(ErrorCode::kDataLoss,
                     fmt::format("offset {} in place of {}", delivery->offset, payloads.size()));
      }
      JAMMI_ASSIGN(payloads.emplace_back(), ToPayload(*delivery));
    }
  }

  std::unique_ptr<Engine> engine_;
  const Session session_;
  std::mutex mutex_;
  std::map<std::string, TopicId> topics_;
};

}  // namespace

Result<std::unique_ptr<System>> System::Open(const SystemOptions& options) {
  Config config;
  config.artifact_dir = options.path.parent_path();
  config.catalog = SqliteCatalogConfig{
      .path = options.path,
      .synchronous = options.durable ? SqliteSynchronous::kFull : SqliteSynchronous::kNormal};
  JAMMI_ASSIGN(auto engine, Engine::Open(config, {.sqlite_vfs = options.vfs}));
  auto system = std::make_unique<EngineSystem>(std::move(engine));
  JAMMI_TRY(system->FindTopics());
  return system;
}

}  // namespace jammi::test
