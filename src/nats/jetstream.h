// Streams and consumers of a JetStream server: what is asked of its management API.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/result.h"
#include "nats/connection.h"

namespace jammi::nats {

// What we decide about a stream; all else is the server's default, or whatever its operator has made of it.
struct StreamSettings {
  std::string name;
  std::vector<std::string> subjects;
  std::string description;                      // at most kMaxDescription
  std::map<std::string, std::string> metadata;  // servers before 2.10 do not keep it
  std::chrono::nanoseconds max_age{0};          // 0 = without end
  // A message id that comes again within this time is the same message.
  std::chrono::nanoseconds duplicate_window = std::chrono::minutes(2);

  static constexpr size_t kMaxDescription = 4096;
};

struct StreamInfo {
  StreamSettings settings;
  std::string created;  // tells a stream from another of its name
  bool on_file = false;
  int replicas = 1;
  bool acknowledges = true;  // what is published to it
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;  // first - 1 when it is empty; 0 when it never had one
};

struct ConsumerInfo {
  std::string name;
  uint64_t delivered_sequence = 0;  // of the stream
  uint64_t acknowledged_sequence = 0;
  uint64_t pending = 0;
};

// Where a consumer begins.
struct ConsumerStart {
  enum class Kind : uint8_t { kFirst, kNew, kSequence } kind = Kind::kFirst;
  uint64_t sequence = 0;  // of kSequence
};

// An ephemeral pull consumer.
struct ConsumerSettings {
  std::string subject;
  ConsumerStart start;
  bool headers_only = false;
  bool acknowledge = false;                                         // every message, one by one
  std::chrono::nanoseconds forget_after = std::chrono::minutes(1);  // without a request
};

// Thread-safe; every call waits for the server, `timeout` at most. Errors, with BrokerDetail: kUnavailable:
// no connection, no JetStream there, or no answer in time (what was asked for may have happened);
// kPermissionDenied; and FromApi()'s.
class JetStream {
 public:
  explicit JetStream(Connection& connection, std::chrono::milliseconds timeout = std::chrono::seconds(5))
      : connection_(connection), timeout_(timeout) {}

  // Makes the stream, or changes what differs of an existing one and leaves the rest of it alone.
  [[nodiscard]] Result<StreamInfo> EnsureStream(const StreamSettings& settings) const;
  // Errors: kNotFound.
  [[nodiscard]] Result<StreamInfo> FindStream(const std::string& name) const;
  // The names of the streams that take some of what `subject`, maybe with wildcards, stands for.
  [[nodiscard]] Result<std::vector<std::string>> FindStreamsOf(const std::string& subject) const;
  [[nodiscard]] Result<void> DeleteStream(const std::string& name) const;

  [[nodiscard]] Result<std::vector<ConsumerInfo>> ListConsumers(const std::string& stream) const;
  [[nodiscard]] Result<ConsumerInfo> CreateConsumer(const std::string& stream,
                                                    const ConsumerSettings& settings) const;
  [[nodiscard]] Result<void> DeleteConsumer(const std::string& stream, const std::string& name) const;

  // The first message at or behind `sequence`, without its body. nullptr: there is none.
  [[nodiscard]] Result<std::shared_ptr<const Message>> Peek(const std::string& stream,
                                                            const std::string& subject,
                                                            uint64_t sequence) const;

  // Where the next messages of a consumer are asked for.
  [[nodiscard]] static std::string NextSubject(const std::string& stream, const std::string& consumer);

 private:
  using Wait = std::chrono::milliseconds;
  [[nodiscard]] Result<std::shared_ptr<const Message>> PeekOnce(const std::string& stream,
                                                                const std::string& subject, uint64_t sequence,
                                                                Wait wait) const;

  Connection& connection_;
  const Wait timeout_;
};

}  // namespace jammi::nats
