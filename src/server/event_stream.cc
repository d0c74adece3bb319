#include "server/event_stream.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <utility>

#include "jammi/v1/trigger.pb.h"
#include "server/wire_time.h"

namespace jammi {

Result<grpc::ByteBuffer> DeliveryEncoder::Encode(const Delivery& delivery) {
  if (delivery.batch->schema() != schema_) {
    JAMMI_ASSIGN(frame_, ArrowBatchFrame::Make(*delivery.batch->schema()));
    schema_ = delivery.batch->schema();
  }
  JAMMI_ASSIGN(auto messages, delivery.Ipc());
  v1::trigger::SubscribedBatch head;
  head.set_offset(delivery.offset);
  *head.mutable_produced_at() = ToTimestamp(delivery.produced_at);
  return frame_->Encode(head, v1::trigger::SubscribedBatch::kBatchFieldNumber, std::move(messages));
}

EventStream::EventStream(std::unique_ptr<Subscription> subscription, ServerMetrics& metrics)
    : metrics_(metrics), subscription_(std::move(subscription)) {
  metrics_.SubscriberCame();
}

EventStream::~EventStream() { metrics_.SubscriberLeft(); }

Result<RpcStream::Polled> EventStream::TryNext() {
  JAMMI_ASSIGN(const auto polled, subscription_->TryNext());
  if (std::holds_alternative<Subscription::NotReady>(polled)) return Polled(NotReady());
  if (std::holds_alternative<Subscription::End>(polled)) return Polled(End());
  JAMMI_ASSIGN(auto message, encoder_.Encode(std::get<Delivery>(polled)));
  return Polled(std::move(message));
}

}  // namespace jammi
