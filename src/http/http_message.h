// What a client of the HTTP port asks, and what it gets.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace jammi {

struct HttpRequest {
  std::string method;  // "GET"; HEAD comes as "GET": the server leaves the body out itself
  std::string path;    // "/metrics", without the query; not decoded
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;  // of 405: the methods that there are; else empty
};

// {"error":"Not found","code":"not_found"}
[[nodiscard]] HttpResponse HttpError(int status, std::string_view error, std::string_view code);

// Answers one request; from any thread, once, later than the call that it was handed to if need be, and even
// when the server is gone.
using HttpRespond = std::move_only_function<void(HttpResponse)>;

// Is called on the thread that serves every connection, so it must not wait.
using HttpHandler = std::function<void(const HttpRequest&, HttpRespond)>;

}  // namespace jammi
