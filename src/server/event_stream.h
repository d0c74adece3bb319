// A subscription as a stream of jammi.v1.trigger.SubscribedBatch.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <optional>

#include "jammi/trigger.h"
#include "metrics/server_metrics.h"
#include "rpc/stream.h"
#include "server/arrow_wire.h"

namespace jammi {

// Encodes the deliveries of one subscription; their rows are not copied. Not thread-safe.
class DeliveryEncoder {
 public:
  [[nodiscard]] Result<grpc::ByteBuffer> Encode(const Delivery& delivery);

 private:
  std::shared_ptr<arrow::Schema> schema_;  // that of frame_
  std::optional<ArrowBatchFrame> frame_;
};

class EventStream final : public RpcStream {
 public:
  // `scope` is who subscribes; `metrics` outlives it.
  EventStream(Scope scope, std::unique_ptr<Subscription> subscription, ServerMetrics& metrics);

  [[nodiscard]] Result<Polled> TryNext() override;
  void OnReady(std::move_only_function<void()> ready) override { subscription_->OnReady(std::move(ready)); }
  void Close() override { subscription_->Close(); }
  [[nodiscard]] std::optional<Scope> scope() const override { return scope_; }

 private:
  const Scope scope_;
  DeliveryEncoder encoder_;
  const std::unique_ptr<Subscription> subscription_;
  const ServerMetrics::Subscriber counted_;
};

}  // namespace jammi
