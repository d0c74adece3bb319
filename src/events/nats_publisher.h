// The publisher over a NATS connection.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "jammi/events/publisher.h"
#include "nats/connection.h"
#include "nats/publish_window.h"

namespace jammi::events {

class NatsPublisher final : public Publisher {
 public:
  struct Options {
    std::chrono::milliseconds ack_timeout{5000};  // of every publish; a deadline can only shorten it
    std::string expected_stream = {};             // empty: any
  };
  NatsPublisher(std::shared_ptr<nats::Connection> connection, const Options& options);
  ~NatsPublisher() override;

  [[nodiscard]] Result<PubAck> Publish(const OutgoingEvent& event, Deadline deadline) override;
  // The deadline is not looked at: `ack_timeout` is.
  void PublishAsync(const OutgoingEvent& event, Deadline deadline, Done done) override;
  void SendNow() override;
  [[nodiscard]] size_t max_payload() const override { return connection_->max_payload(); }
  [[nodiscard]] bool supports_headers() const override { return connection_->headers(); }
  void OnConnected(std::function<void()> connected) override;
  // Ends the connection too.
  void Close() override;

 private:
  const Options options_;
  const std::shared_ptr<nats::Connection> connection_;
  nats::PublishWindow window_;
  uint64_t listener_ = 0;
};

// What became of a publish, as a sink's error. The codes of JetStream are those of its server's errors.json.
[[nodiscard]] Error ToSinkError(const nats::PublishFailure& failure);

}  // namespace jammi::events
