#include "server/event_stream.h"

#include <arrow/type.h>

#include <utility>

#include "jammi/v1/trigger.pb.h"
#include "server/wire_time.h"

namespace jammi {

Result<grpc::ByteBuffer> DeliveryEncoder::Encode(const Delivery& delivery) {
  if (auto schema = delivery.schema(); schema != schema_) {
    JAMMI_ASSIGN(frame_, ArrowBatchFrame::Make(*schema));
    schema_ = std::move(schema);
  }
  JAMMI_ASSIGN(auto messages, delivery.Ipc());
  v1::trigger::SubscribedBatch head;
  head.set_offset(delivery.offset);
  *head.mutable_produced_at() = ToTimestamp(delivery.produced_at);
  return frame_->Encode(head, v1::trigger::SubscribedBatch::kBatchFieldNumber, std::move(messages));
}

EventStream::EventStream(Scope scope, std::unique_ptr<Subscription> subscription, ServerMetrics& metrics)
    : scope_(std::move(scope)),
      subscription_(std::move(subscription)),
      counted_(metrics, subscription_->bookmark().topic.ToString(), [this] { return subscription_->lag(); }) {
}

Result<RpcStream::Polled> EventStream::TryNext() {
  JAMMI_ASSIGN(const auto polled, subscription_->TryNext());
  if (std::holds_alternative<Subscription::NotReady>(polled)) return Polled(NotReady());
  if (std::holds_alternative<Subscription::End>(polled)) return Polled(End());
  JAMMI_ASSIGN(auto message, encoder_.Encode(std::get<Delivery>(polled)));
  return Polled(std::move(message));
}

}  // namespace jammi
