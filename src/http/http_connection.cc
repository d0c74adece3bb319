#include "http/http_connection.h"

#include <boost/asio/post.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message_generator.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <ctime>
#include <string>
#include <string_view>
#include <utility>

#include "base/callback.h"

namespace jammi {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr unsigned kHttp11 = 11;
constexpr size_t kReadChunk = 4096;
// A closed socket with unread input is reset, and the client may never see the answer: so what it sends is
// read for so long, and so much of it.
constexpr std::chrono::seconds kLingerTime{1};
constexpr size_t kLingerBytes = 262'144;

bool IsProtocolError(const error_code& error) {
  return error.category() == http::make_error_code(http::error::bad_method).category();
}

HttpResponse ResponseTo(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return HttpError(431, "Request header fields too large", "header_too_large");
  }
  if (error == http::error::body_limit) return HttpError(413, "Payload too large", "payload_too_large");
  if (error == http::error::bad_version) {
    return HttpError(505, "HTTP version not supported", "version_not_supported");
  }
  return HttpError(400, "Bad request", "bad_request");
}

// "/metrics" of "/metrics?x=1" and of "http://host:8080/metrics", a form that every server has to know.
std::string PathOf(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (target.starts_with(kScheme)) {
    const auto slash = target.find('/', kScheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return std::string(target.substr(0, target.find('?')));
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string HttpDate() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  // Of the C locale: the program never sets another.
  const size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

}  // namespace

HttpConnection::HttpConnection(asio::ip::tcp::socket socket, HttpConnections& connections)
    : connections_(connections),
      stream_(std::move(socket)),
      // The parser finds too long a header before the buffer is full.
      buffer_(connections.options.max_header_bytes + kReadChunk),
      answer_timer_(*connections.loop) {
  connections_.open.insert(this);
}

HttpConnection::~HttpConnection() {
  connections_.open.erase(this);
  if (refused_) --connections_.refused;
  connections_.on_closed();
}

void HttpConnection::Serve() {
  error_code ignored;  // it is slower without
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  AwaitRequest(connections_.options.read_timeout);
}

void HttpConnection::Refuse() {
  refused_ = true;
  ++connections_.refused;
  keep_alive_ = false;
  Write(HttpError(503, "Too many connections", "unavailable"));
}

void HttpConnection::Drain() {
  draining_ = true;
  if (state_ == State::kIdle) Close();
}

void HttpConnection::Close() {
  answer_timer_.cancel();
  stream_.close();
}

void HttpConnection::AwaitRequest(std::chrono::milliseconds limit) {
  state_ = State::kIdle;
  if (buffer_.size() > 0) return ReadHead();  // it was sent together with the last one
  stream_.expires_after(limit);
  stream_.async_read_some(buffer_.prepare(kReadChunk),
                          [self = shared_from_this()](const error_code& error, size_t size) {
                            if (error) return;
                            self->buffer_.commit(size);
                            self->ReadHead();
                          });
}

void HttpConnection::ReadHead() {
  state_ = State::kReading;
  ++request_;
  head_only_ = false;
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(connections_.options.max_header_bytes));
  parser_->body_limit(connections_.options.max_body_bytes);
  stream_.expires_after(connections_.options.read_timeout);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](const error_code& error, size_t) { self->OnHead(error); });
}

void HttpConnection::OnHead(const error_code& error) {
  if (error) return FailRead(error);
  const auto& head = parser_->get();
  head_only_ = head.method() == http::verb::head;
  keep_alive_ = head.keep_alive();
  if (head.version() >= kHttp11 && head.count(http::field::host) != 1) {
    return FailRead(http::make_error_code(http::error::bad_field));
  }
  if (parser_->is_done()) return Handle();
  if (head.count(http::field::expect) > 0) {
    // The client may wait for a word before it sends the body. The answer is one; the body is not wanted.
    keep_alive_ = false;
    return Handle();
  }
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](const error_code& failed, size_t) { self->OnBody(failed); });
}

void HttpConnection::OnBody(const error_code& error) {
  if (error) return FailRead(error);
  Handle();
}

void HttpConnection::FailRead(const error_code& error) {
  if (error == http::error::end_of_stream || !IsProtocolError(error)) return;  // gone, or too slow
  keep_alive_ = false;
  Write(ResponseTo(error));
}

void HttpConnection::Handle() {
  state_ = State::kAnswering;
  const auto& head = parser_->get();
  const HttpRequest request{.method = head_only_ ? "GET" : std::string(head.method_string()),
                            .path = PathOf(std::string_view(head.target().data(), head.target().size()))};
  answer_timer_.expires_after(connections_.options.answer_timeout);
  answer_timer_.async_wait([self = shared_from_this(), number = request_](const error_code& error) {
    if (!error) self->Answer(number, HttpError(503, "No answer in time", "unavailable"));
  });
  // The loop is kept for whoever answers late; the connection is not.
  HttpRespond respond = [loop = connections_.loop, weak = weak_from_this(),
                         number = request_](HttpResponse response) {
    asio::post(*loop, [weak, number, response = std::move(response)]() mutable {
      if (const auto self = weak.lock()) self->Answer(number, std::move(response));
    });
  };
  CallBack("http", connections_.handler, request, std::move(respond));
}

void HttpConnection::Answer(uint64_t request, HttpResponse response) {
  if (request != request_ || state_ != State::kAnswering || !stream_.socket().is_open()) return;
  answer_timer_.cancel();
  Write(std::move(response));
}

void HttpConnection::Write(HttpResponse response) {
  state_ = State::kWriting;
  keep_alive_ = keep_alive_ && !draining_;
  const auto fill = [&](auto& message) {
    message.set(http::field::date, HttpDate());
    message.set(http::field::content_type, response.content_type);
    message.set(http::field::cache_control, "no-store");
    if (!response.allow.empty()) message.set(http::field::allow, response.allow);
    message.keep_alive(keep_alive_);
    message.content_length(response.body.size());
  };
  const auto status = static_cast<http::status>(response.status);
  const auto message = [&]() -> http::message_generator {
    if (head_only_) {
      http::response<http::empty_body> head(status, kHttp11);
      fill(head);
      return head;
    }
    http::response<http::string_body> whole(status, kHttp11);
    fill(whole);
    whole.body() = std::move(response.body);
    return whole;
  };
  stream_.expires_after(connections_.options.write_timeout);
  beast::async_write(stream_, message(), [self = shared_from_this()](const error_code& error, size_t) {
    if (error) return;
    if (self->keep_alive_) return self->AwaitRequest(self->connections_.options.idle_timeout);
    if (!self->HasReadAll()) self->Linger();
  });
}

bool HttpConnection::HasReadAll() const { return parser_ && parser_->is_done() && buffer_.size() == 0; }

void HttpConnection::Linger() {
  if (state_ != State::kLingering) {
    state_ = State::kLingering;
    error_code ignored;  // the client is gone, then
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kLingerTime);
  }
  stream_.async_read_some(asio::buffer(scratch_),
                          [self = shared_from_this()](const error_code& error, size_t size) {
                            self->lingered_bytes_ += size;
                            if (!error && self->lingered_bytes_ < kLingerBytes) self->Linger();
                          });
}

}  // namespace jammi
