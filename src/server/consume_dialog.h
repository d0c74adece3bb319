// jammi.ext.v1.StreamService/Consume: a consumer's deliveries one way, his acknowledgements the other.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "jammi/consumers.h"
#include "jammi/ext/v1/streams.pb.h"
#include "metrics/server_metrics.h"
#include "rpc/dialog.h"
#include "rpc/executor.h"
#include "server/event_stream.h"

namespace jammi {

class ConsumeDialog final : public RpcDialog {
 public:
  // `attached` is the first message. `executor` is for what waits, `lane` its turn there.
  ConsumeDialog(std::unique_ptr<ConsumerSubscription> subscription, ext::v1::Consumer attached,
                RpcExecutor& executor, uint64_t lane, ServerMetrics& metrics);
  ~ConsumeDialog() override;

  [[nodiscard]] Result<Polled> TryNext() override;
  void OnReady(std::move_only_function<void()> ready) override;
  void Close() override;
  [[nodiscard]] Result<void> Take(const google::protobuf::MessageLite& message) override;
  [[nodiscard]] Result<void> TakeEnd() override;

 private:
  // What a flush that is under way shares with the dialog, which may end before it.
  struct Shared;

  // Answers with `acked` when what has been acknowledged so far is in the catalog.
  [[nodiscard]] Result<void> Flush();
  // In the pool. False: there is no place in it.
  [[nodiscard]] static bool SubmitFlush(const std::shared_ptr<Shared>& shared, RpcExecutor& executor,
                                        uint64_t lane);
  static void RunFlush(const std::shared_ptr<Shared>& shared, RpcExecutor& executor, uint64_t lane);
  [[nodiscard]] Result<Polled> NextDelivery();

  const std::shared_ptr<Shared> shared_;
  RpcExecutor& executor_;
  const uint64_t lane_;
  DeliveryEncoder encoder_;
  std::optional<ext::v1::Consumer> attached_;  // not sent yet
  bool ended_ = false;                         // there are no more deliveries, and that was said
  std::optional<ServerMetrics::Subscriber> counted_;
};

}  // namespace jammi
