#include "torture/consuming.h"

#include <chrono>
#include <thread>
#include <utility>

#include "jammi/consumers.h"

namespace jammi::test {

using Kind = Record::Kind;
using std::chrono::milliseconds;

Result<std::unique_ptr<Subscription>> ConsumerFollower::Attach() {
  // A lease may last for days after the clock was moved back, and its holder be dead.
  constexpr int kPatience = 20;
  AttachOptions options{
      .create_if_absent = CreateConsumerOptions{.predicate = std::string(kPredicates.at(consumer_.predicate)),
                                                .from = From::Offset(0)},
      .holder = holder_,
      .lease = milliseconds(1500),
      .close_wait = milliseconds(random_.Below(500))};
  const bool calm = stage_.round() % 2 != 0;
  if (refused_ > kPatience || (!calm && random_.Percent(5))) options.on_leased = OnLeased::kTakeOver;
  asked_at_ = Stage::Now();
  auto attached =
      stage_.As(consumer_.who).consumers().Attach(std::string_view(consumer_.topic), consumer_.name, options);
  if (!attached) return std::move(attached).error();
  refused_ = 0;
  return Result<std::unique_ptr<Subscription>>(std::move(*attached));
}

Record ConsumerFollower::Introduction() const {
  return {.kind = Kind::kConsuming,
          .at = asked_at_,
          .topic = std::string(consumer_.topic),
          .who = consumer_.who,
          .predicate = consumer_.predicate,
          .text = std::string(consumer_.name)};
}

void ConsumerFollower::OnDelivered(Subscription& subscription, const std::string& id, uint64_t offset) {
  if (random_.Percent(40)) return;  // the next acknowledgement is for it too
  auto& consuming = static_cast<ConsumerSubscription&>(subscription);
  stage_.Say({.kind = Kind::kAckAsked, .id = id, .offset = offset + 1});
  if (const auto acked = consuming.Ack(offset); !acked) {
    // The stream ends by the same, and there it is looked at.
    return stage_.Count("ack: " + std::string(ToString(acked.error().code())));
  }
  if (!random_.Percent(5)) return;
  const auto flushed = consuming.Flush(Deadline::After(milliseconds(random_.Below(1000))));
  if (flushed) return stage_.Say({.kind = Kind::kAckAnswered, .id = id, .offset = offset + 1});
  stage_.Count("flush: " + std::string(ToString(flushed.error().code())));
}

bool ConsumerFollower::Excuse(std::string_view doing, const Error& error) {
  if (error.As<LeaseHeldDetail>() != nullptr) {
    ++refused_;
    std::this_thread::sleep_for(milliseconds(50 + random_.Below(100)));
    return true;
  }
  if (error.As<LeaseLostDetail>() != nullptr) {
    stage_.Count("lease lost");
    return true;
  }
  return Follower::Excuse(doing, error);
}

}  // namespace jammi::test
