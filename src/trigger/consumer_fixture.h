// Named consumers on the database under test: streams whose threads are the test's, a clock that it moves,
// and a database that it can make fail.
#pragma once

#include "catalog/harness.h"
#include "trigger/test_support.h"

namespace jammi {

// A catalog whose ordinary writes fail while a test wants it.
class FlakyCatalog final : public Catalog {
 public:
  explicit FlakyCatalog(std::unique_ptr<Catalog> catalog)
      : catalog_(std::move(catalog)), backend_(*catalog_) {}
  CatalogBackend& backend() override { return backend_; }
  EventLog& log() override { return catalog_->log(); }
  [[nodiscard]] const std::string& incarnation() const override { return catalog_->incarnation(); }
  Result<void> Checkpoint() override { return catalog_->Checkpoint(); }
  void Close() override { catalog_->Close(); }

  void set_failure(std::optional<Error> failure) {
    const std::lock_guard lock(backend_.mutex);
    backend_.failure = std::move(failure);
  }

 private:
  struct Backend final : CatalogBackend {
    explicit Backend(Catalog& catalog) : real(catalog.backend()) {}
    Result<void> RunTransaction(const TxOptions& options, const Body& body) override {
      if (!options.read_only && options.lane == Lane::kNormal) {
        const std::lock_guard lock(mutex);
        if (failure) return *failure;
      }
      return real.RunTransaction(options, body);
    }
    Result<void> Migrate() override { return real.Migrate(); }
    Result<void> Ping(Deadline deadline) override { return real.Ping(deadline); }
    [[nodiscard]] BackendKind kind() const override { return real.kind(); }
    [[nodiscard]] BackendStats stats() const override { return real.stats(); }

    CatalogBackend& real;
    std::mutex mutex;
    std::optional<Error> failure;
  };
  std::unique_ptr<Catalog> catalog_;
  Backend backend_;
};

// One process, as far as the database can tell.
struct Node {
  std::unique_ptr<FlakyCatalog> catalog;
  std::unique_ptr<Streams> streams;

  ~Node() { Close(); }
  void Close() {
    if (streams != nullptr) streams->Shutdown();
    streams.reset();
    catalog.reset();
  }
  [[nodiscard]] Attachments& attachments() const { return streams->attachments(); }

  template <class Verb>
  auto On(const Scope& scope, const TopicRef& topic, Verb verb) const {
    return streams->OnConsumers(
        scope, topic, [&](NamedConsumers& all, const TopicEntry& entry) { return verb(all, entry); });
  }

  Result<Consumer> Create(const Scope& scope, const TopicRef& topic, std::string_view name,
                          const CreateConsumerOptions& options = {.from = From::Offset(0)}) const {
    return On(scope, topic, [&](auto& all, auto& entry) { return all.Create(scope, entry, name, options); });
  }
  Result<Consumer> Get(const Scope& scope, const TopicRef& topic, std::string_view name) const {
    return On(scope, topic, [&](auto& all, auto& entry) { return all.Get(scope, entry, name); });
  }
  Result<Page<Consumer>> List(const Scope& scope, const TopicRef& topic, int page_size = 100,
                              std::string_view token = {}) const {
    return On(scope, topic, [&](auto& all, auto& entry) { return all.List(scope, entry, page_size, token); });
  }
  Result<std::unique_ptr<ConsumerSubscription>> Attach(const Scope& scope, const TopicRef& topic,
                                                       std::string_view name,
                                                       const AttachOptions& options = {}) const {
    return On(scope, topic, [&](auto& all, auto& entry) { return all.Attach(scope, entry, name, options); });
  }
  Result<Consumer> Reset(const Scope& scope, const TopicRef& topic, std::string_view name, const From& to,
                         OnLeased on_leased = OnLeased::kFail) const {
    return On(scope, topic,
              [&](auto& all, auto& entry) { return all.Reset(scope, entry, name, to, on_leased); });
  }
  Result<void> Delete(const Scope& scope, const TopicRef& topic, std::string_view name,
                      OnLeased on_leased = OnLeased::kFail) const {
    return On(scope, topic,
              [&](auto& all, auto& entry) { return all.Delete(scope, entry, name, on_leased); });
  }
};

class ConsumersTest : public testing::TestWithParam<test::MakeHarness> {
 protected:
  using Reader = std::unique_ptr<ConsumerSubscription>;
  static constexpr std::chrono::seconds kLease{30};

  ConsumersTest() { SetLog(LogLevel::kError, LogFormat::kText); }
  ~ConsumersTest() override {
    node_.Close();
    ClearSyncPoints();
    SetLog(LogLevel::kWarning, LogFormat::kText);
  }
  void SetUp() override { Open(node_); }

  void Open(Node& node, bool threads = false) {
    auto catalog = harness_->Open();
    ASSERT_TRUE(catalog) << catalog.error().ToString();
    node.catalog = std::make_unique<FlakyCatalog>(std::move(*catalog));
    StreamsOptions options;
    options.page.events = 16;
    options.attachments.threads = threads;
    if (!threads) options.attachments.now = [this] { return now_.load(); };
    auto streams = Streams::Open(*node.catalog, options, nullptr);
    ASSERT_TRUE(streams) << streams.error().ToString();
    node.streams = std::move(*streams);
  }
  // A restart of the process, in good order.
  void Reopen(bool threads = false) {
    node_.Close();
    Open(node_, threads);
  }
  // On the database's clock and the process's.
  void MoveTime(std::chrono::microseconds by) {
    harness_->MoveClock(by);
    now_ = now_.load() + by;
  }

  Topic Register(const std::string& name, const Scope& scope = Scope::Global()) {
    auto topic = node_.streams->RegisterTopic(scope, name, SchemaS());
    EXPECT_TRUE(topic) << topic.error().ToString();
    return *topic;
  }
  // Events with ids `begin` to `end`.
  void Publish(const Topic& topic, int64_t begin, int64_t end, const Scope& scope = Scope::Global(),
               const std::string& kind = "X") {
    for (int64_t id = begin; id < end; ++id) {
      const auto offset = node_.streams->Publish(scope, topic.id, BatchS(id, kind), Soon());
      ASSERT_TRUE(offset) << offset.error().ToString();
    }
  }
  Reader Attach(const TopicRef& topic, std::string_view name, const AttachOptions& options = {}) {
    return Attach(node_, Scope::Global(), topic, name, options);
  }
  static Reader Attach(const Node& node, const Scope& scope, const TopicRef& topic, std::string_view name,
                       const AttachOptions& options = {}) {
    auto reader = node.Attach(scope, topic, name, options);
    if (!reader) throw std::runtime_error(reader.error().ToString());
    return std::move(*reader);
  }
  // What the catalog says.
  uint64_t PositionOf(const TopicRef& topic, std::string_view name, const Scope& scope = Scope::Global()) {
    const auto consumer = node_.Get(scope, topic, name);
    EXPECT_TRUE(consumer) << consumer.error().ToString();
    return consumer ? consumer->position.offset : UINT64_MAX;
  }
  void Sql(std::string_view sql, std::initializer_list<SqlValue> params = {}) {
    const auto run =
        node_.catalog->backend().Transact({}, [&](Transaction& tx) { return tx.Execute(sql, params); });
    ASSERT_TRUE(run) << run.error().ToString();
  }

  template <class T>
  static std::optional<ErrorCode> CodeOf(const Result<T>& result) {
    return result ? std::nullopt : std::optional(result.error().code());
  }
  // The epoch that the consumer has by now, if the result says that the lease is lost.
  template <class T>
  static std::optional<int64_t> LostTo(const Result<T>& result) {
    const auto* detail = result ? nullptr : result.error().template As<LeaseLostDetail>();
    return detail == nullptr ? std::nullopt : std::optional(detail->current_epoch);
  }
  // Reads what there is, without waiting for more.
  static std::vector<uint64_t> ReadAll(Subscription& reader) {
    std::vector<uint64_t> offsets;
    while (reader.lag() > 0) {
      const auto next = reader.Next(Deadline::After(std::chrono::milliseconds(20)));
      if (next && *next) offsets.push_back((*next)->offset);
      if (!next && next.error().code() == ErrorCode::kDeadlineExceeded) continue;
      if (!next || !*next) break;
    }
    return offsets;
  }

  const Scope a_ = Scope::ForTenant(Tenant(1));
  const Scope b_ = Scope::ForTenant(Tenant(2));
  const std::unique_ptr<test::Harness> harness_ = GetParam()();
  std::atomic<LeaseKeeper::Time> now_ = std::chrono::steady_clock::now();
  Node node_;
};

}  // namespace jammi
