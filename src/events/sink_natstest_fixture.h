// Sinks to real servers.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>

#include "jammi/events/event.h"
#include "jammi/events/fault.h"
#include "jammi/events/jetstream_sink.h"
#include "nats/jetstream.h"
#include "nats/test_support.h"

namespace jammi::events {

using nats::VersionName;  // of JAMMI_ON_EVERY_NATS

class SinkNatsTest : public nats::NatsTest {
 protected:
  using Milliseconds = std::chrono::milliseconds;

  static Event MakeEvent(const std::string& id) {
    Event event{.id = id, .source = "/s", .type = "t"};
    event.payload = JsonData::FromWritten(R"({"tenantId":"acme"})");
    return event;
  }
  static std::string Name(const Result<void>& result) {
    return result ? "ok" : std::string(ToString(FaultOf(result.error())));
  }
  static std::string Emit(JetStreamSink& sink, const std::string& id) {
    return Name(sink.Emit(MakeEvent(id)));
  }
  static JetStreamSinkOptions OneTry() {
    JetStreamSinkOptions options;
    options.publish_attempts = 1;
    return options;
  }
  static std::unique_ptr<JetStreamSink> ConnectSink(const std::string& url,
                                                    const JetStreamSinkOptions& options = {}) {
    auto made = JetStreamSink::Connect(Secret(url), "s.{tenantId}", options);
    if (!made) throw std::runtime_error(made.error().ToString());
    return *std::move(made);
  }
  // "ok", or the fault of a start.
  static std::string Start(const Result<std::unique_ptr<JetStreamSink>>& made) {
    return made ? "ok" : std::string(ToString(FaultOf(made.error())));
  }
  static void MakeStream(const std::string& url, const std::string& name = "s") {
    const auto connection = Connect(To(url));
    const auto made = nats::JetStream(*connection).EnsureStream({.name = name, .subjects = {name + ".>"}});
    if (!made) throw std::runtime_error(made.error().ToString());
  }
  // Messages in the stream.
  static uint64_t Stored(const std::string& url) {
    const auto connection = Connect(To(url));
    const auto info = nats::JetStream(*connection).FindStream("s");
    if (!info) throw std::runtime_error(info.error().ToString());
    return info->messages;
  }
  // Emits it on and on, as an operator's dead letter replay would.
  static void EmitUntilTaken(JetStreamSink& sink, const std::string& id) {
    EXPECT_TRUE(nats::AwaitTrue([&] { return Emit(sink, id) == "ok"; })) << id;
  }
};

}  // namespace jammi::events
