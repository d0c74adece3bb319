// What the tests of this folder share: both servers, and things that happen on other threads.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "nats/connection.h"
#include "nats/jetstream.h"
#include "support/nats_server.h"

namespace jammi::nats {

#define NATS_OK_OR_FAIL(expr)                           \
  do {                                                  \
    const auto& nats_ok = (expr);                       \
    ASSERT_TRUE(nats_ok) << nats_ok.error().ToString(); \
  } while (false)

inline constexpr std::chrono::seconds kPatience{30};
inline Deadline Soon() { return Deadline::After(kPatience); }

// Values that other threads bring, for one that waits for them.
template <class T>
class Mailbox {
 public:
  void Put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  // All values, as soon as there are so many; fewer if that takes too long.
  std::vector<T> Await(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return values_.size() >= count; });
    return values_;
  }
  size_t size() {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> values_;
};

inline bool AwaitTrue(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// Each test on the pinned server and on the distribution's.
class NatsTest : public testing::TestWithParam<test::NatsServer::Version> {
 protected:
  using Server = test::NatsServer;
  NatsTest() { SetLog(LogLevel::kOff, LogFormat::kText); }  // connections are lost here on purpose
  ~NatsTest() override { SetLog(LogLevel::kWarning, LogFormat::kText); }

  static Server::Options With(Server::Login login) { return {.version = GetParam(), .login = login}; }

  static ConnectionOptions To(const std::string& url) {
    ConnectionOptions options;
    options.url = Secret(url);
    options.reconnect_wait = std::chrono::milliseconds(10);
    options.ping_interval = std::chrono::milliseconds(100);
    return options;
  }
  static std::shared_ptr<Connection> Open(const ConnectionOptions& options) {
    auto made = Connection::Open(options);
    if (!made) throw std::runtime_error(made.error().ToString());
    return *made;
  }
  static std::shared_ptr<Connection> Connect(const ConnectionOptions& options) {
    auto made = Open(options);
    const auto connected = made->AwaitConnected(Soon());
    if (!connected) throw std::runtime_error(connected.error().ToString());
    return made;
  }
};

inline std::string VersionName(const testing::TestParamInfo<test::NatsServer::Version>& info) {
  return info.param == test::NatsServer::Version::kPinned ? "Pinned" : "Debian";
}
#define JAMMI_ON_EVERY_NATS(suite)                                                                        \
  INSTANTIATE_TEST_SUITE_P(                                                                               \
      On, suite, testing::Values(test::NatsServer::Version::kPinned, test::NatsServer::Version::kDebian), \
      VersionName)

}  // namespace jammi::nats
