// Topics with events, and consumers of them, on the database under test.
#pragma once

#include "catalog/consumer_repo.h"
#include "catalog/repo_fixture.h"
#include "catalog/topic_repo.h"

namespace jammi::test {

inline constexpr std::chrono::seconds kLease{30};

class ConsumersTest : public RepoTest {
 protected:
  ConsumerRepo As(const Scope& scope) const { return ConsumerRepo(Access(scope)); }

  int64_t MakeTopic(const Scope& owner, const std::string& name, int events = 0) {
    const int64_t topic_no = Ok(TopicRepo(backend()).Register(owner, name, "schema", {})).topic_no;
    Publish(topic_no, events);
    return topic_no;
  }
  void Publish(int64_t topic_no, int events) {
    for (int i = 0; i < events; ++i) {
      Ok(catalog_->log().Append(MakeEvent(topic_no, "payload"), {}));
    }
  }
  void Drop(const Scope& owner, const std::string& name) {
    TopicRepo topics(backend());
    Ok(topics.Drop(owner, Ok(topics.FindByName(owner, name)).id, [](int64_t) {}));
  }

  StoredConsumer Create(const Scope& scope, int64_t topic_no, const std::string& name,
                        std::optional<uint64_t> start = 0) {
    return Ok(As(scope).Create({.topic_no = topic_no, .name = name, .start = start}));
  }
  LeaseToken Attach(const Scope& scope, const ConsumerKey& key, const std::string& holder,
                    ConsumerRepo::OnLeased on_leased = ConsumerRepo::OnLeased::kFail) {
    return Ok(As(scope).Attach(key, holder, kLease, on_leased)).lease->token;
  }
  uint64_t PositionOf(const Scope& scope, const ConsumerKey& key) { return Ok(As(scope).Get(key)).position; }

  template <class T>
  static bool IsLeaseLost(const Result<T>& result, int64_t epoch, int64_t current_epoch) {
    if (result || result.error().code() != ErrorCode::kFailedPrecondition) return false;
    const auto* detail = result.error().template As<LeaseLostDetail>();
    return detail != nullptr && detail->kind == "consumer" && detail->epoch == epoch &&
           detail->current_epoch == current_epoch;
  }
  template <class T>
  static std::string HolderNamedBy(const Result<T>& result) {
    const auto* detail = result ? nullptr : result.error().template As<LeaseHeldDetail>();
    return detail != nullptr ? detail->holder : "(nobody)";
  }
  template <class T>
  static bool IsOutdated(const Result<T>& result) {
    return !result && result.error().code() == ErrorCode::kFailedPrecondition &&
           result.error().template As<PositionOutdatedDetail>() != nullptr;
  }
  std::vector<std::string> Names(const Scope& scope, int64_t topic_no, int page_size = 2) {
    std::vector<std::string> names;
    for (const auto& consumer :
         AllPages([&](const std::string& token) { return As(scope).List(topic_no, page_size, token); })) {
      names.push_back(consumer.name);
    }
    return names;
  }
};

}  // namespace jammi::test
