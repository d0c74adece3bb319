#include "http/http_server.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "config/value.h"
#include "http/http_connection.h"

namespace jammi {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// Clients beyond the limit that are told so at a time; those beyond these are cut off without a word.
constexpr size_t kMaxRefused = 64;
// Before the next try to accept when the process has no descriptor left.
constexpr std::chrono::milliseconds kAcceptPause{100};

std::string Format(const tcp::endpoint& endpoint) {
  const auto host = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", host, endpoint.port())
                                    : fmt::format("{}:{}", host, endpoint.port());
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpOptions options, HttpHandler handler)
      : connections_{.options = options,
                     .handler = std::move(handler),
                     .loop = std::make_shared<asio::io_context>(1),
                     .open = {}},
        acceptor_(*connections_.loop),
        accept_pause_(*connections_.loop),
        stop_timer_(*connections_.loop) {}

  Result<void> Listen(std::string_view address);
  void Serve();
  void Stop();
  const std::string& address() const { return address_; }

 private:
  void Run();
  void Accept();
  void Take(tcp::socket socket);
  void BeginStop();

  HttpConnections connections_;
  tcp::acceptor acceptor_;
  asio::steady_timer accept_pause_;
  asio::steady_timer stop_timer_;
  bool accept_failed_ = false;  // the last time
  std::string address_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::thread thread_;
};

Result<void> HttpServer::Impl::Listen(std::string_view address) {
  if (const auto complaint = CheckAddress(address); !complaint.empty()) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("address '{}': {}", address, complaint));
  }
  const auto parsed = ParseAddress(address);
  error_code error;
  const tcp::endpoint endpoint(asio::ip::make_address(parsed.host, error), parsed.port);
  if (!error) acceptor_.open(endpoint.protocol(), error);
  // A server that is started again need not wait for the connections of the last one to be forgotten.
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    return Error(ErrorCode::kUnavailable, fmt::format("cannot listen on {}: {}", address, error.message()));
  }
  address_ = Format(acceptor_.local_endpoint(error));
  return {};
}

void HttpServer::Impl::Serve() {
  const std::lock_guard lock(mutex_);
  if (stopped_ || thread_.joinable()) return;
  Accept();
  thread_ = std::thread([this] { Run(); });
}

// Nothing that we hand to the loop throws but for want of memory; that costs a connection, not the port.
void HttpServer::Impl::Run() {
  while (true) {
    try {
      connections_.loop->run();
      return;
    } catch (const std::exception& thrown) {
      Log(LogLevel::kError, "http: {}", thrown.what());
    }
  }
}

void HttpServer::Impl::Accept() {
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    if (!acceptor_.is_open()) return;
    if (!error) {
      accept_failed_ = false;
      Take(std::move(socket));
      return Accept();
    }
    if (!accept_failed_) Log(LogLevel::kWarning, "http: {}: {}", address_, error.message());
    accept_failed_ = true;
    accept_pause_.expires_after(kAcceptPause);
    accept_pause_.async_wait([this](const error_code& cancelled) {
      if (!cancelled && acceptor_.is_open()) Accept();
    });
  });
}

void HttpServer::Impl::Take(tcp::socket socket) {
  const size_t served = connections_.open.size() - connections_.refused;
  if (served < connections_.options.max_connections) {
    std::make_shared<HttpConnection>(std::move(socket), connections_)->Serve();
  } else if (connections_.refused < kMaxRefused) {
    std::make_shared<HttpConnection>(std::move(socket), connections_)->Refuse();
  }
}

void HttpServer::Impl::BeginStop() {
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  const auto each = [this](void (HttpConnection::*action)()) {
    // Whoever goes leaves the set.
    const std::vector<HttpConnection*> open(connections_.open.begin(), connections_.open.end());
    for (auto* connection : open) (connection->*action)();
  };
  each(&HttpConnection::Drain);
  if (connections_.open.empty()) return;
  connections_.on_closed = [this] {
    if (connections_.open.empty()) stop_timer_.cancel();
  };
  stop_timer_.expires_after(connections_.options.stop_timeout);
  stop_timer_.async_wait([each](const error_code& cancelled) {
    if (!cancelled) each(&HttpConnection::Close);
  });
}

void HttpServer::Impl::Stop() {
  const std::lock_guard lock(mutex_);  // a second caller waits, too
  if (std::exchange(stopped_, true)) return;
  if (!thread_.joinable()) {
    error_code ignored;
    acceptor_.close(ignored);
    return;
  }
  asio::post(*connections_.loop, [this] { BeginStop(); });
  thread_.join();
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
// Only for want of memory it could throw.
HttpServer::~HttpServer() { Stop(); }  // NOLINT(bugprone-exception-escape)

Result<std::unique_ptr<HttpServer>> HttpServer::Bind(std::string_view address, HttpOptions options,
                                                     HttpHandler handler) {
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  JAMMI_TRY(impl->Listen(address));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

const std::string& HttpServer::address() const { return impl_->address(); }
void HttpServer::Serve() { impl_->Serve(); }
void HttpServer::Stop() { impl_->Stop(); }

}  // namespace jammi
