// A server that speaks as much of NATS as a publisher needs, and answers what a real one would not.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace jammi::test {

// Serves one connection at a time. Thread-safe.
class FakeNatsServer {
 public:
  struct Published {
    std::string subject;
    std::string headers;  // as they were sent; empty: none
    std::string body;
  };
  struct Answer {
    std::string headers;  // "NATS/1.0 503\r\n\r\n"; empty: none
    std::string body;
  };
  // What to answer to a message; nullopt: nothing. Called on the server's thread.
  using Script = std::function<std::optional<Answer>(const Published&)>;

  explicit FakeNatsServer(Script script, bool headers = true);
  ~FakeNatsServer();
  FakeNatsServer(const FakeNatsServer&) = delete;
  FakeNatsServer& operator=(const FakeNatsServer&) = delete;

  [[nodiscard]] std::string Url() const;
  [[nodiscard]] std::vector<Published> published() const;

 private:
  struct Subscription {
    std::string prefix;  // of the subjects that it takes
    std::string id;
  };
  void Serve();
  void Talk(int fd);
  // Takes one line, with its payload, off the front of `input`; false: it is not whole.
  bool TakeOne(int fd, std::string* input);
  bool TakePublish(int fd, std::string_view line, std::string* input);
  void Tell(int fd, const std::string& reply, const Answer& answer);

  const Script script_;
  const bool headers_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_ = false;
  std::vector<Subscription> subscriptions_;  // of the server's thread
  mutable std::mutex mutex_;
  std::vector<Published> published_;
  std::thread thread_;
};

}  // namespace jammi::test
