// What the tests of the JetStream driver share.
#pragma once

#include <memory>
#include <string>

#include "support/nats_server.h"
#include "trigger/test_support.h"

namespace jammi {

using NatsVersion = test::NatsServer::Version;

// The one of this program, for tests that leave it running.
inline test::NatsServer& SharedNats(NatsVersion version) {
  static test::NatsServer pinned({.version = NatsVersion::kPinned});
  static test::NatsServer debian({.version = NatsVersion::kDebian});
  return version == NatsVersion::kPinned ? pinned : debian;
}

inline std::string NameOf(NatsVersion version) {
  return version == NatsVersion::kPinned ? "Pinned" : "Debian";
}

inline std::shared_ptr<TriggerBroker> OpenJetStream(const test::NatsServer& server,
                                                    JetStreamBrokerOptions options = {}) {
  options.url = Secret(server.UrlWithLogin());
  auto broker = NewJetStreamBroker(options);
  EXPECT_TRUE(broker) << broker.error().ToString();
  return broker ? std::shared_ptr<TriggerBroker>(std::move(*broker)) : nullptr;
}

inline Topic NewTopic() { return {.id = TopicId(Uuid::RandomV4()), .name = "t", .schema = SchemaS()}; }

inline bool AwaitTrue(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace jammi
