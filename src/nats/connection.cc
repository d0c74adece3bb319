#include "nats/connection.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nats/nats.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <utility>

#include "base/callback.h"
#include "base/log.h"
#include "jammi/ids.h"
#include "nats/nats_error.h"
#include "nats/server_url.h"
#include "nats/wire.h"

namespace jammi::nats {
namespace {

constexpr std::chrono::milliseconds kLongestPause{5000};
constexpr std::chrono::milliseconds kLongestPauseRefused{30'000};

Result<std::string> ReadFile(std::string_view what, const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad() || text.empty())
    return Refused(fmt::format("NATS: {} {} cannot be read", what, path.string()));
  return text;
}

Result<void> CheckFile(std::string_view what, const std::filesystem::path& path, std::string_view holds) {
  if (path.empty()) return {};
  JAMMI_ASSIGN(const auto text, ReadFile(what, path));
  if (text.find(holds) != std::string::npos) return {};
  return Refused(fmt::format("NATS: {} {} has no '{}' in it", what, path.string(), holds));
}

// Files are looked at now, so that a slip is an error now and not a connection that never comes.
Result<void> CheckOptions(const ConnectionOptions& options) {
  const int identities = (options.credentials_path.empty() ? 0 : 1) + (options.user.empty() ? 0 : 1) +
                         (options.token.empty() ? 0 : 1);
  if (identities > 1)
    return Refused("NATS: give one of a credentials file, a user with a password, and a token");
  if (options.certificate_path.empty() != options.key_path.empty())
    return Refused("NATS: a certificate and its key need each other");
  JAMMI_TRY(CheckFile("the credentials file", options.credentials_path, "BEGIN NATS USER JWT"));
  JAMMI_TRY(CheckFile("the credentials file", options.credentials_path, "NKEY SEED"));
  JAMMI_TRY(CheckFile("the authority's file", options.authority_path, "BEGIN CERTIFICATE"));
  JAMMI_TRY(CheckFile("the certificate's file", options.certificate_path, "BEGIN CERTIFICATE"));
  return CheckFile("the key's file", options.key_path, "PRIVATE KEY");
}

Connection::Trouble TroubleOf(const Error& error) {
  return error.code() == ErrorCode::kPermissionDenied ? Connection::Trouble::kRefused
                                                      : Connection::Trouble::kAway;
}

// Of an attempt that failed.
Connection::Trouble TroubleOf(natsStatus status) {
  const bool tls = status == NATS_SSL_ERROR || status == NATS_SECURE_CONNECTION_WANTED ||
                   status == NATS_SECURE_CONNECTION_REQUIRED;
  return tls ? Connection::Trouble::kTls : TroubleOf(FromStatus(status, "connect"));
}

std::chrono::milliseconds WithJitter(std::chrono::milliseconds pause) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return pause + std::chrono::milliseconds(std::uniform_int_distribution<int64_t>(0, pause.count())(random));
}

// What the library calls stays until it has said that it calls no more.
struct HandlerBox {
  std::mutex mutex;  // held while the handler runs
  Connection::Handler handler;
  std::shared_ptr<HandlerBox> self;
};

void OnMessage(natsConnection* /*connection*/, natsSubscription* /*subscription*/, natsMsg* raw,
               void* closure) {
  auto message = std::make_shared<const Message>(raw);
  auto* const box = static_cast<HandlerBox*>(closure);
  const std::lock_guard lock(box->mutex);
  if (box->handler) CallBack("NATS inbox", box->handler, std::move(message));
}

void OnComplete(void* closure) { auto last = std::move(static_cast<HandlerBox*>(closure)->self); }

}  // namespace

class Connection::WireInbox final : public Inbox {
 public:
  static Result<std::unique_ptr<Inbox>> Make(std::shared_ptr<Wire> wire, const std::string& subject,
                                             Handler handler) {
    auto box = std::make_shared<HandlerBox>();
    box->handler = std::move(handler);
    std::unique_ptr<WireInbox> inbox(new WireInbox(std::move(wire), subject, box));
    // The first message may come before the call returns: the box has its owner before.
    box->self = box;
    const natsStatus status = natsConnection_Subscribe(&inbox->subscription_, inbox->wire_->get(),
                                                       subject.c_str(), OnMessage, box.get());
    if (status != NATS_OK) {
      box->self.reset();
      return FromStatus(status, "subscribe");
    }
    // What one has asked for is bounded by what asks; the library must not drop any of it.
    natsSubscription_SetPendingLimits(inbox->subscription_, -1, -1);
    natsSubscription_SetOnCompleteCB(inbox->subscription_, OnComplete, box.get());
    return inbox;
  }

  ~WireInbox() override {
    {
      const std::lock_guard lock(box_->mutex);
      box_->handler = nullptr;
    }
    natsSubscription_Destroy(subscription_);
  }

  [[nodiscard]] const std::string& subject() const override { return subject_; }

 private:
  WireInbox(std::shared_ptr<Wire> wire, std::string subject, std::shared_ptr<HandlerBox> box)
      : wire_(std::move(wire)), subject_(std::move(subject)), box_(std::move(box)) {}

  const std::shared_ptr<Wire> wire_;
  const std::string subject_;
  const std::shared_ptr<HandlerBox> box_;
  natsSubscription* subscription_ = nullptr;
};

// --- Making and losing it -----------------------------------------------------------------------------

Result<std::shared_ptr<Connection>> Connection::Open(ConnectionOptions options) {
  JAMMI_ASSIGN(auto urls, ParseServerUrls(options.url.Reveal()));
  options.tls = options.tls || urls.tls;
  if (!urls.user.empty() || !urls.token.empty()) {
    if (!options.user.empty() || !options.token.empty())
      return Refused("NATS: credentials stand in the server's address and beside it");
    options.user = std::move(urls.user);
    options.password = std::move(urls.password);
    options.token = std::move(urls.token);
  }
  options.url = Secret();  // read, and not needed again
  JAMMI_TRY(CheckOptions(options));
  std::shared_ptr<Connection> made(new Connection(std::move(options), std::move(urls.addresses)));
  made->worker_ = std::jthread([self = made.get()](const std::stop_token& stop) { self->Work(stop); });
  made->keeper_ = std::jthread([self = made.get()](const std::stop_token& stop) { self->Keep(stop); });
  return made;
}

Connection::Connection(ConnectionOptions options, std::vector<std::string> addresses)
    : options_(std::move(options)),
      addresses_(std::move(addresses)),
      lost_(Unavailable("NATS: not connected yet")) {}

Connection::~Connection() { Close(); }

void Connection::Keep(const std::stop_token& stop) {
  // Shared with callbacks of the library, which may come after us.
  struct Loss {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::optional<Error> error;
  };
  std::vector<std::string> addresses = addresses_;
  std::chrono::milliseconds pause = options_.reconnect_wait;
  while (!stop.stop_requested()) {
    const auto loss = std::make_shared<Loss>();
    auto wire = Wire::Make(options_, addresses,
                           {.on_lost =
                                [loss](Error error) {
                                  const std::lock_guard lock(loss->mutex);
                                  loss->error = std::move(error);
                                  loss->changed.notify_all();
                                },
                            .on_denied =
                                [denials = denials_](const Denial& denial) {
                                  const std::lock_guard lock(denials->mutex);
                                  for (auto& [id, listener] : denials->listeners)
                                    CallBack("NATS denial", listener, denial);
                                }});
    std::optional<Error> error;
    auto trouble = Trouble::kAway;
    if (wire) {
      pause = options_.reconnect_wait;
      OnConnected(*wire);
      {
        std::unique_lock lock(loss->mutex);
        loss->changed.wait(lock, stop, [&] { return loss->error.has_value(); });
        error = loss->error;
      }
      if (error) trouble = TroubleOf(*error);
      addresses = addresses_;
      std::ranges::copy((*wire)->Discovered(), std::back_inserter(addresses));
    } else {
      error = FromStatus(wire.error(), "connect");
      trouble = TroubleOf(wire.error());
    }
    OnLost(error.value_or(Unavailable("NATS: the connection was closed")), trouble);
    if (wire) (*wire)->Close();
    if (error && error->code() == ErrorCode::kPermissionDenied) {
      pause = std::min(std::max(pause * 2, std::chrono::milliseconds(1000)), kLongestPauseRefused);
    }
    std::unique_lock lock(loss->mutex);
    std::condition_variable_any().wait_for(lock, stop, WithJitter(pause), [] { return false; });
    if (!wire) pause = std::min(pause * 2, std::max(pause, kLongestPause));
  }
}

void Connection::OnConnected(const std::shared_ptr<Wire>& wire) {
  bool again = false;
  {
    const std::lock_guard lock(mutex_);
    wire_ = wire;
    again = reported_;
    reported_ = false;
    lost_.reset();
    trouble_ = Trouble::kNone;
    attempted_ = true;
    headers_ = natsConnection_HasHeaderSupport(wire->get()) == NATS_OK;
    max_payload_ = static_cast<size_t>(std::max<int64_t>(natsConnection_GetMaxPayload(wire->get()), 0));
    ++generation_;
    connected_ = true;
    changed_.notify_all();
  }
  if (again) Log(LogLevel::kWarning, "NATS: connected to {}", fmt::join(addresses_, ", "));
  Tell(true);
}

void Connection::OnLost(const Error& reason, Trouble trouble) {
  bool had_it = false;
  bool report = false;
  {
    const std::lock_guard lock(mutex_);
    had_it = wire_ != nullptr;
    wire_.reset();
    lost_ = reason;
    trouble_ = trouble;
    attempted_ = true;
    connected_ = false;
    report = !std::exchange(reported_, true) && !closing_;
    changed_.notify_all();
  }
  // Once for each time that it is away, however often it is tried.
  if (report)
    Log(LogLevel::kWarning, "{}; trying {} on and on", reason.message(), fmt::join(addresses_, ", "));
  if (had_it) Tell(false);
}

void Connection::Tell(bool connected) {
  const std::lock_guard lock(listeners_mutex_);
  for (auto& [id, listener] : listeners_) CallBack("NATS state", listener, connected);
}

uint64_t Connection::Listen(StateListener listener) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.emplace(next_listener_, std::move(listener));
  return next_listener_++;
}

void Connection::StopListening(uint64_t id) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.erase(id);
}

std::string Connection::reason() const {
  const std::lock_guard lock(mutex_);
  return lost_ ? lost_->message() : std::string();
}

uint64_t Connection::ListenForDenials(DenialListener listener) {
  const std::lock_guard lock(denials_->mutex);
  denials_->listeners.emplace(denials_->next, std::move(listener));
  return denials_->next++;
}

void Connection::StopListeningForDenials(uint64_t id) {
  const std::lock_guard lock(denials_->mutex);
  denials_->listeners.erase(id);
}

Connection::Trouble Connection::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

Result<void> Connection::AwaitConnected(Deadline deadline) const { return Await(deadline, false); }

Result<void> Connection::AwaitFirstAttempt(Deadline deadline) const { return Await(deadline, true); }

Result<void> Connection::Await(Deadline deadline, bool first_attempt) const {
  std::unique_lock lock(mutex_);
  const auto ready = [&] { return wire_ != nullptr || closing_ || (first_attempt && attempted_); };
  if (deadline.IsNever()) {
    changed_.wait(lock, ready);
  } else if (!deadline.Passed()) {
    changed_.wait_until(lock, deadline.at(), ready);
  }
  if (wire_ != nullptr) return {};
  return *lost_;
}

Result<std::shared_ptr<Connection::Wire>> Connection::CurrentWire() const {
  const std::lock_guard lock(mutex_);
  if (wire_ != nullptr) return wire_;
  return Unavailable(lost_->message());
}

void Connection::Close() {
  const std::lock_guard once(close_mutex_);
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  // The worker after the keeper: what it waits for ends with the wire.
  keeper_.request_stop();
  worker_.request_stop();
  if (keeper_.joinable()) keeper_.join();
  if (worker_.joinable()) worker_.join();
  const std::lock_guard lock(work_mutex_);
  work_.clear();
}

// --- Sending and receiving ----------------------------------------------------------------------------

Result<void> Connection::Publish(const MessageView& message, const std::string& reply) {
  JAMMI_ASSIGN(const auto wire, CurrentWire());
  natsMsg* raw = nullptr;
  natsStatus status =
      natsMsg_Create(&raw, std::string(message.subject).c_str(), reply.empty() ? nullptr : reply.c_str(),
                     message.body.data(), static_cast<int>(message.body.size()));
  const Message owned(raw);
  for (const auto& [name, value] : message.headers) {
    if (status == NATS_OK) status = natsMsgHeader_Set(raw, name.c_str(), value.c_str());
  }
  if (status == NATS_OK) status = natsConnection_PublishMsg(wire->get(), raw);
  if (status == NATS_OK) return {};
  return FromStatus(status, fmt::format("publish to '{}'", message.subject));
}

void Connection::Flush(std::chrono::milliseconds limit) {
  const auto wire = CurrentWire();
  // That it failed proves nothing: the answers say what became of the messages.
  if (wire && limit.count() > 0) natsConnection_FlushTimeout((*wire)->get(), limit.count());
}

Result<std::shared_ptr<const Message>> Connection::Request(const std::string& subject, std::string_view body,
                                                           std::chrono::milliseconds timeout) {
  JAMMI_ASSIGN(const auto wire, CurrentWire());
  natsMsg* raw = nullptr;
  const natsStatus status = natsConnection_Request(&raw, wire->get(), subject.c_str(), body.data(),
                                                   static_cast<int>(body.size()), timeout.count());
  if (status != NATS_OK) return FromStatus(status, fmt::format("request to '{}'", subject));
  return std::make_shared<const Message>(raw);
}

Result<std::unique_ptr<Inbox>> Connection::Subscribe(const std::string& subject, Handler handler) {
  JAMMI_ASSIGN(auto wire, CurrentWire());
  return WireInbox::Make(std::move(wire), subject, std::move(handler));
}

std::string Connection::NewInboxSubject() { return "_INBOX." + Uuid::RandomV4().ToHex(); }

// --- Work ---------------------------------------------------------------------------------------------

void Connection::Post(std::move_only_function<void()> work) {
  PostAfter(std::chrono::milliseconds(0), std::move(work));
}

void Connection::PostAfter(std::chrono::milliseconds delay, std::move_only_function<void()> work) {
  const std::lock_guard lock(work_mutex_);
  if (worker_.get_stop_token().stop_requested()) return;
  work_.push_back({std::chrono::steady_clock::now() + delay, next_work_++,
                   std::make_shared<std::move_only_function<void()>>(std::move(work))});
  std::ranges::push_heap(work_, std::greater<>());
  work_changed_.notify_all();
}

void Connection::Work(const std::stop_token& stop) {
  std::unique_lock lock(work_mutex_);
  while (!stop.stop_requested()) {
    if (work_.empty()) {
      work_changed_.wait(lock, stop, [this] { return !work_.empty(); });
      continue;
    }
    const auto at = work_.front().at;
    if (std::chrono::steady_clock::now() < at) {
      const auto earlier = [this, at] { return work_.empty() || work_.front().at < at; };
      work_changed_.wait_until(lock, stop, at, earlier);
      continue;
    }
    std::ranges::pop_heap(work_, std::greater<>());
    const auto work = std::move(work_.back().work);
    work_.pop_back();
    lock.unlock();
    CallBack("NATS work", *work);
    *work = nullptr;  // what it holds dies outside the lock
    lock.lock();
  }
}

}  // namespace jammi::nats
