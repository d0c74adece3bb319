// A thread of a torture process that reads for a named consumer, as others in other processes want to.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "torture/following.h"

namespace jammi::test {

class ConsumerFollower final : public Follower {
 public:
  ConsumerFollower(Stage& stage, const PlannedConsumer& consumer, Random random)
      : Follower(stage, /*finite=*/false, random), consumer_(consumer), holder_(stage.NextId()) {}

 private:
  [[nodiscard]] Result<std::unique_ptr<Subscription>> Attach() override;
  [[nodiscard]] Record Introduction() const override;
  void OnDelivered(Subscription& subscription, const std::string& id, uint64_t offset) override;
  bool Excuse(std::string_view doing, const Error& error) override;

  const PlannedConsumer& consumer_;
  const std::string holder_;
  int64_t asked_at_ = 0;  // for the attachment
  int refused_ = 0;       // times, one after the other
};

}  // namespace jammi::test
