#include "crash/system.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <mutex>
#include <utility>

#include "base/hash.h"
#include "catalog/catalog.h"

namespace jammi::test {
namespace {

constexpr std::string_view kModelPrefix = "model:";

class CatalogSystem final : public System {
 public:
  explicit CatalogSystem(std::unique_ptr<Catalog> catalog) : catalog_(std::move(catalog)) {}
  ~CatalogSystem() override { catalog_->Close(); }

  Result<void> RegisterTopic(const std::string& name) override {
    JAMMI_ASSIGN(
        const int64_t number, catalog_->backend().Transact({}, [&](Transaction& tx) -> Result<int64_t> {
          JAMMI_ASSIGN(auto counter,
                       tx.QueryFirst("SELECT next_value FROM catalog_counters WHERE name = 'topic_no'", {},
                                     [](const Row& row) { return row.Get<int64_t>("next_value"); }));
          JAMMI_TRY(
              tx.Execute("UPDATE catalog_counters SET next_value = next_value + 1 WHERE name = 'topic_no'"));
          const std::string id = Uuid::RandomV4().ToString();
          JAMMI_TRY(tx.Execute(
              "INSERT INTO topics (topic_no, topic_id, name, schema, created_at) VALUES ($1, $2, $3, $4, 0)",
              {*counter, id, name, SqlBytes{}}));
          JAMMI_TRY(tx.Execute("INSERT INTO topic_heads (topic_no) VALUES ($1)", {*counter}));
          return *counter;
        }));
    std::lock_guard lock(mutex_);
    numbers_[name] = number;
    return {};
  }

  Result<void> RegisterModel(const std::string& name) override {
    return catalog_->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
      JAMMI_TRY(tx.Execute("INSERT INTO catalog_counters (name, next_value) VALUES ($1, 1)",
                           {fmt::format("{}{}", kModelPrefix, name)}));
      return {};
    });
  }

  Result<uint64_t> Publish(const std::string& topic, std::string_view payload, Deadline deadline) override {
    JAMMI_ASSIGN(const AppendOutcome outcome, catalog_->log().Append(ToAppend(topic, payload), deadline));
    return outcome.offset;
  }

  void PublishAsync(const std::string& topic, std::string_view payload,
                    std::move_only_function<void(Result<uint64_t>)> done) override {
    catalog_->log().AppendAsync(ToAppend(topic, payload), Deadline::Never(),
                                [done = std::move(done)](Result<AppendOutcome> outcome) mutable {
                                  if (outcome) return done(outcome->offset);
                                  done(outcome.error());
                                });
  }

  Result<Contents> ReadAll() override {
    JAMMI_TRY(FindTopics());
    Contents contents;
    for (const auto& [name, number] : numbers_) {
      JAMMI_ASSIGN(contents.topics[name], ReadTopic(number));
    }
    JAMMI_TRY(catalog_->backend().RunTransaction({.read_only = true}, [&](Transaction& tx) {
      return tx.Query("SELECT name FROM catalog_counters", {}, [&](const Row& row) -> Result<bool> {
        JAMMI_ASSIGN(const auto name, row.Get<std::string>("name"));
        if (name.starts_with(kModelPrefix)) contents.models.insert(name.substr(kModelPrefix.size()));
        return true;
      });
    }));
    return contents;
  }

  Result<void> FindTopics() {
    std::lock_guard lock(mutex_);
    return catalog_->backend().RunTransaction({.read_only = true}, [&](Transaction& tx) {
      return tx.Query("SELECT name, topic_no FROM topics", {}, [&](const Row& row) -> Result<bool> {
        JAMMI_ASSIGN(const auto name, row.Get<std::string>("name"));
        JAMMI_ASSIGN(numbers_[name], row.Get<int64_t>("topic_no"));
        return true;
      });
    });
  }

  void Close() override { catalog_->Close(); }

 private:
  EventAppend ToAppend(const std::string& topic, std::string_view payload) {
    std::lock_guard lock(mutex_);
    return {.topic_no = numbers_.at(topic),
            .row_count = 1,
            .checksum = Checksum({reinterpret_cast<const uint8_t*>(payload.data()), payload.size()}),
            .payload = arrow::Buffer::FromString(std::string(payload))};
  }

  Result<std::vector<std::string>> ReadTopic(int64_t number) {
    std::vector<std::string> payloads;
    for (;;) {
      JAMMI_ASSIGN(const LogPage page, catalog_->log().Read(number, payloads.size(), Scope::Global(), {}));
      for (const LogEvent& event : page.events) {
        if (event.offset != payloads.size()) {
          return Error(ErrorCode::kDataLoss,
                       fmt::format("{} instead of offset {}", event.offset, payloads.size()));
        }
        payloads.push_back(event.payload->ToString());
      }
      if (page.events.empty()) {
        if (page.head.next_offset == payloads.size()) return payloads;
        return Error(ErrorCode::kDataLoss,
                     fmt::format("{} events, but the head is {}", payloads.size(), page.head.next_offset));
      }
    }
  }

  std::unique_ptr<Catalog> catalog_;
  std::mutex mutex_;
  std::map<std::string, int64_t> numbers_;
};

}  // namespace

Result<std::unique_ptr<System>> System::Open(const SystemOptions& options) {
  JAMMI_ASSIGN(auto catalog,
               OpenSqliteCatalog({.path = options.path,
                                  .durability = options.durable ? Durability::kFull : Durability::kNormal,
                                  .vfs = options.vfs}));
  auto system = std::make_unique<CatalogSystem>(std::move(catalog));
  JAMMI_TRY(system->FindTopics());
  return system;
}

}  // namespace jammi::test
