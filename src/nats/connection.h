// The door of this folder: a connection to NATS that comes up, and comes back, by itself.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "jammi/clock.h"
#include "jammi/result.h"
#include "jammi/secret.h"
#include "nats/message.h"

struct __natsConnection;
struct __natsSubscription;

namespace jammi::nats {

struct ConnectionOptions {
  Secret url;  // see ParseServerUrls(); the scheme tls:// asks for TLS
  // At most one way to say who we are, here or in the address; none is anonymous.
  std::filesystem::path credentials_path;  // a .creds file; read again for every connection
  std::string user;                        // with `password`
  Secret password;
  Secret token;
  // Any of these asks for TLS. Without an authority the system's are trusted.
  bool tls = false;
  std::filesystem::path authority_path;    // PEM
  std::filesystem::path certificate_path;  // our own, with `key_path`
  std::filesystem::path key_path;
  std::string name = "jammi";  // what the server lists the connection under
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds reconnect_wait{200};  // between two attempts, and as much again by chance
  // A server that does not answer two pings is taken for gone.
  std::chrono::milliseconds ping_interval{5000};
  // A write that the server does not take in this time ends the connection.
  std::chrono::milliseconds write_timeout{2000};
};

// What a connection receives for one subject, until the connection is lost: then it receives nothing more,
// and its owner subscribes again. Destroying it ends it: when that returns, the handler neither runs nor will
// run. So it does not die inside the handler.
class Inbox {
 public:
  virtual ~Inbox() = default;
  [[nodiscard]] virtual const std::string& subject() const = 0;
};

// Thread-safe. Everything that is open on it keeps it alive.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Checks the options and returns at once; the connection is made in the background, tried for ever, and
  // made again when it is lost, also after the server has refused us (with longer and longer pauses).
  // Errors, with BrokerDetail: kInvalidArgument: an address, or more than one way to say who we are, or
  // a file that cannot be read or is none of its kind; by its name.
  [[nodiscard]] static Result<std::shared_ptr<Connection>> Open(ConnectionOptions options);
  // Close().
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] bool connected() const { return connected_.load(std::memory_order_acquire); }
  // Connections made so far: it changes with every loss and return.
  [[nodiscard]] uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  // Why there is none; empty while there is one.
  [[nodiscard]] std::string reason() const;
  // The same, for who acts on it.
  enum class Trouble : uint8_t {
    kNone,     // there is one, or none was tried yet
    kAway,     // nobody is there, or it was lost
    kTls,      // TLS is wanted and not offered, or the certificate is not to be trusted
    kRefused,  // the server does not let us in
  };
  [[nodiscard]] Trouble trouble() const;
  // Errors: kUnavailable at the deadline, or kPermissionDenied where the server refuses us; with the reason.
  [[nodiscard]] Result<void> AwaitConnected(Deadline deadline) const;
  // Waits for the end of the first attempt only. Errors: the same, at the latest when it has failed.
  [[nodiscard]] Result<void> AwaitFirstAttempt(Deadline deadline) const;
  // Does the server know headers? True while it was never connected.
  [[nodiscard]] bool headers() const { return headers_.load(std::memory_order_acquire); }
  // The largest message that the server takes; 0 while it was never connected.
  [[nodiscard]] size_t max_payload() const { return max_payload_.load(std::memory_order_acquire); }

  // Called when a connection is made (true) or lost (false), one call at a time, on a thread that must not
  // wait. When StopListening() returns, the listener neither runs nor will run; not from inside it.
  using StateListener = std::function<void(bool connected)>;
  uint64_t Listen(StateListener listener);
  void StopListening(uint64_t id);

  // A subject that we have published to and may not.
  struct Denial {
    std::string subject;
    bool cut = false;  // `subject` is how a longer one begins
    [[nodiscard]] bool Means(std::string_view published) const {
      return cut ? published.starts_with(subject) : published == subject;
    }
  };
  // Called once for each message, on a thread that must not wait. When StopListeningForDenials() returns, the
  // listener neither runs nor will run; not from inside it.
  using DenialListener = std::function<void(const Denial&)>;
  uint64_t ListenForDenials(DenialListener listener);
  void StopListeningForDenials(uint64_t id);

  // Sends a message; that it was sent proves nothing. Never waits longer than `write_timeout`.
  // Errors: kUnavailable: not connected, nothing was sent; kResourceExhausted: larger than max_payload.
  [[nodiscard]] Result<void> Publish(const MessageView& message, const std::string& reply = {});
  // What was published goes out at once, not with what follows in the next millisecond: for who waits for an
  // answer. Returns when the server has read it all, when the connection is lost, or after `limit`.
  void Flush(std::chrono::milliseconds limit);

  // A request and its first answer. Errors: kUnavailable: no connection, or none in time (what the request
  // asked for may have happened); kNotFound: nobody listens.
  [[nodiscard]] Result<std::shared_ptr<const Message>> Request(const std::string& subject,
                                                               std::string_view body,
                                                               std::chrono::milliseconds timeout);

  // Receives what is sent to `subject` from now on. `handler` runs on a thread that all handlers of the
  // process share, one call of an inbox at a time: it must be short and wait for nothing.
  // Errors: kUnavailable: not connected, or closed.
  using Handler = std::function<void(std::shared_ptr<const Message>)>;
  [[nodiscard]] Result<std::unique_ptr<Inbox>> Subscribe(const std::string& subject, Handler handler);

  // A subject that nobody else has.
  [[nodiscard]] static std::string NewInboxSubject();

  // Work that may wait for the server: run in order on a thread of this connection's. A closed connection
  // runs none; what was not started is dropped.
  void Post(std::move_only_function<void()> work);
  void PostAfter(std::chrono::milliseconds delay, std::move_only_function<void()> work);

  // Ends it for good; not from a handler, a listener, or posted work. Idempotent.
  void Close();

 private:
  class Wire;
  class WireInbox;
  friend class Wire;

  Connection(ConnectionOptions options, std::vector<std::string> addresses);
  // The keeper's thread: connects, waits for the end, connects again.
  void Keep(const std::stop_token& stop);
  void OnConnected(const std::shared_ptr<Wire>& wire);
  void OnLost(const Error& reason, Trouble trouble);
  void Tell(bool connected);
  // The worker's.
  void Work(const std::stop_token& stop);
  [[nodiscard]] Result<std::shared_ptr<Wire>> CurrentWire() const;
  [[nodiscard]] Result<void> Await(Deadline deadline, bool first_attempt) const;

  ConnectionOptions options_;
  const std::vector<std::string> addresses_;

  std::atomic<bool> connected_ = false;
  std::atomic<uint64_t> generation_ = 0;
  std::atomic<size_t> max_payload_ = 0;
  std::atomic<bool> headers_ = true;

  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  std::shared_ptr<Wire> wire_;  // null: not connected
  std::optional<Error> lost_;   // why
  Trouble trouble_ = Trouble::kNone;
  bool attempted_ = false;
  bool reported_ = false;  // that it is away
  bool closing_ = false;

  std::mutex listeners_mutex_;  // held while they run
  uint64_t next_listener_ = 1;
  std::unordered_map<uint64_t, StateListener> listeners_;

  // Shared with what the library calls, which may come after us.
  struct Denials {
    std::mutex mutex;  // held while they run
    uint64_t next = 1;
    std::unordered_map<uint64_t, DenialListener> listeners;
  };
  const std::shared_ptr<Denials> denials_ = std::make_shared<Denials>();

  struct Timed {
    std::chrono::steady_clock::time_point at;
    uint64_t number;
    std::shared_ptr<std::move_only_function<void()>> work;
    bool operator>(const Timed& other) const {
      return std::tie(at, number) > std::tie(other.at, other.number);
    }
  };
  std::mutex work_mutex_;
  std::condition_variable_any work_changed_;
  std::vector<Timed> work_;  // a heap
  uint64_t next_work_ = 0;

  std::mutex close_mutex_;
  std::jthread worker_;
  std::jthread keeper_;
};

}  // namespace jammi::nats
