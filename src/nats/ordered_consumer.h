// Reads a stream from a place on, in order, without a gap and for ever: whatever becomes of the connection,
// the server, the consumer or the stream, it is made anew and goes on behind the last message.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "nats/connection.h"
#include "nats/jetstream.h"

namespace jammi::nats {

struct OrderedConsumerOptions {
  std::string stream;
  std::string subject;
  ConsumerStart start;
  // Of the stream that a `start` by sequence was chosen for: another one of the name, made meanwhile, is read
  // from its first message. Empty: whatever is there.
  std::string stream_created;
  bool headers_only = false;
  // Every message is acknowledged when it arrives: whoever lists the consumers sees how far this one is.
  bool acknowledge = false;
  // What may have arrived without being released.
  size_t max_messages = 256;
  size_t max_bytes = size_t{8} << 20;  // one message may be larger
  // Between two requests for more: what bounds the work that a flood of messages can cause.
  std::chrono::milliseconds min_interval{0};
  // A server that says nothing for two of these is asked with a new consumer.
  std::chrono::milliseconds heartbeat{5000};
};

// Thread-safe.
class OrderedConsumer {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // In the order of the stream, each once; on a thread that all handlers share: short, waiting for nothing.
    // True: it is held until Release(); false: it was used up.
    [[nodiscard]] virtual bool OnMessage(std::shared_ptr<const Message> message,
                                         const DeliveryPlace& place) = 0;
    // The consumer was made, the first time or anew. `new_stream`: it is another stream of the name than
    // before, which is read from its first message; what the old one held behind the last message is lost.
    // On the connection's worker; no message comes before it returns.
    virtual void OnStarted(bool new_stream) = 0;
    // It cannot be made now; it is tried on and on. Called for the first failure after each start.
    virtual void OnTrouble(const Error& error) = 0;
  };

  // `owner` outlives Close(). It begins in the background.
  OrderedConsumer(std::shared_ptr<Connection> connection, OrderedConsumerOptions options, Owner& owner);
  // Close().
  ~OrderedConsumer();
  OrderedConsumer(const OrderedConsumer&) = delete;
  OrderedConsumer& operator=(const OrderedConsumer&) = delete;

  // So much of what has arrived was used up; more may come.
  void Release(size_t messages, size_t bytes);

  // How often it was made. For tests and statistics.
  [[nodiscard]] uint64_t starts() const;

  // When it returns, the owner is not and will not be called. The server is told if it can be reached,
  // without waiting for it. Idempotent; not from a call of the owner.
  void Close();

 private:
  class State;
  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<State> state_;
  uint64_t listener_ = 0;
};

}  // namespace jammi::nats
