#include "http/ready_check.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <exception>
#include <string>

#include "config/value.h"

namespace jammi {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kMaxAnswer = 64 * 1024;

// One request; the stream's time limit holds for all of it.
struct Exchange {
  explicit Exchange(const std::string& host_and_port) : request(http::verb::get, "/readyz", 11) {
    request.set(http::field::host, host_and_port);
    request.keep_alive(false);
    response.body_limit(kMaxAnswer);
  }

  error_code Run(const tcp::endpoint& server, std::chrono::milliseconds timeout) {
    error_code outcome;
    const auto read = [&](const error_code& error, size_t) { outcome = error; };
    const auto write = [&](const error_code& error, size_t) {
      if (!(outcome = error)) http::async_read(stream, buffer, response, read);
    };
    const auto connect = [&](const error_code& error) {
      if (!(outcome = error)) http::async_write(stream, request, write);
    };
    stream.expires_after(timeout);
    stream.async_connect(server, connect);
    loop.run();
    return outcome;
  }

  asio::io_context loop;
  beast::tcp_stream stream{loop};
  beast::flat_buffer buffer;
  http::request<http::empty_body> request;
  http::response_parser<http::string_body> response;
};

// What a body of ours says is wrong; "" if it is another's.
std::string DetailOf(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return {};
  const auto detail = json.find("detail");
  return detail != json.end() && detail->is_string() ? detail->get<std::string>() : std::string();
}

Result<void> Ask(std::string_view address, std::chrono::milliseconds timeout) {
  const auto parsed = ParseAddress(address);
  error_code error;
  const auto host = asio::ip::make_address(parsed.host, error);
  if (error) return Error(ErrorCode::kInvalidArgument, fmt::format("{}: {}", address, error.message()));
  Exchange exchange{std::string(address)};
  error = exchange.Run({host, parsed.port}, timeout);
  if (error == beast::error::timeout) {
    return Error(ErrorCode::kDeadlineExceeded,
                 fmt::format("{}: no answer within {} ms", address, timeout.count()));
  }
  if (error) return Error(ErrorCode::kUnavailable, fmt::format("{}: {}", address, error.message()));
  const auto& answer = exchange.response.get();
  if (answer.result() == http::status::ok) return {};
  const auto detail = DetailOf(answer.body());
  return Error(ErrorCode::kUnavailable, detail.empty()
                                            ? fmt::format("{}: it answers {}", address, answer.result_int())
                                            : fmt::format("{}: not ready: {}", address, detail));
}

}  // namespace

Result<void> CheckReady(std::string_view address, std::chrono::milliseconds timeout) {
  if (const auto complaint = CheckAddress(address); !complaint.empty()) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("address '{}': {}", address, complaint));
  }
  try {
    return Ask(address, timeout);
  } catch (const std::exception& thrown) {  // out of descriptors or memory
    return Error(ErrorCode::kUnavailable, fmt::format("{}: {}", address, thrown.what()));
  }
}

}  // namespace jammi
