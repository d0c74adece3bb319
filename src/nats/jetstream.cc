#include "nats/jetstream.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "nats/nats_error.h"

namespace jammi::nats {
namespace {

using Json = nlohmann::json;

// A field of an answer, or its zero: answers of other versions have more or fewer.
template <class T>
T Get(const Json& json, const char* name) {
  const auto it = json.find(name);
  if (it == json.end() || it->is_null()) return T();
  try {
    return it->get<T>();
  } catch (const Json::exception&) {
    return T();
  }
}

Json Object(const Json& json, const char* name) {
  const auto it = json.find(name);
  return it != json.end() && it->is_object() ? *it : Json::object();
}

Result<Json> Call(Connection& connection, const std::string& subject, const Json& request,
                  std::chrono::milliseconds timeout, std::string_view doing) {
  const std::string body = request.is_null() ? std::string() : request.dump();
  const auto answer = connection.Request("$JS.API." + subject, body, timeout);
  if (!answer) {
    // Nobody listens on the API's subjects: JetStream is off, or the account has none.
    if (answer.error().code() == ErrorCode::kNotFound)
      return Unavailable(fmt::format("JetStream: {}: the server has no JetStream for this account", doing));
    return Error(answer.error()).While(doing);
  }
  Json json = Json::parse((*answer)->body(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Unavailable(fmt::format("JetStream: {}: an answer that is not JSON", doing));
  if (const auto error = json.find("error"); error != json.end() && error->is_object()) {
    return FromApi(Get<int>(*error, "code"), Get<int>(*error, "err_code"),
                   Get<std::string>(*error, "description"), doing);
  }
  return json;
}

StreamInfo ToStreamInfo(const Json& json) {
  const Json config = Object(json, "config");
  const Json state = Object(json, "state");
  StreamInfo info;
  info.settings.name = Get<std::string>(config, "name");
  info.settings.subjects = Get<std::vector<std::string>>(config, "subjects");
  info.settings.description = Get<std::string>(config, "description");
  info.settings.metadata = Get<std::map<std::string, std::string>>(config, "metadata");
  info.settings.max_age = std::chrono::nanoseconds(Get<int64_t>(config, "max_age"));
  info.settings.duplicate_window = std::chrono::nanoseconds(Get<int64_t>(config, "duplicate_window"));
  info.created = Get<std::string>(json, "created");
  info.on_file = Get<std::string>(config, "storage") == "file";
  info.replicas = Get<int>(config, "num_replicas");
  info.acknowledges = !Get<bool>(config, "no_ack");
  info.messages = Get<uint64_t>(state, "messages");
  info.bytes = Get<uint64_t>(state, "bytes");
  info.first_sequence = Get<uint64_t>(state, "first_seq");
  info.last_sequence = Get<uint64_t>(state, "last_seq");
  return info;
}

ConsumerInfo ToConsumerInfo(const Json& json) {
  return {.name = Get<std::string>(json, "name"),
          .delivered_sequence = Get<uint64_t>(Object(json, "delivered"), "stream_seq"),
          .acknowledged_sequence = Get<uint64_t>(Object(json, "ack_floor"), "stream_seq"),
          .pending = Get<uint64_t>(json, "num_pending")};
}

// The server refuses a window for duplicates that is longer than the messages live.
std::chrono::nanoseconds WindowOf(const StreamSettings& settings) {
  const bool ends = settings.max_age.count() > 0;
  return ends ? std::min(settings.duplicate_window, settings.max_age) : settings.duplicate_window;
}

// Sets what we decide in `config`; true if that changed anything.
bool Apply(const StreamSettings& settings, Json* config) {
  const Json before = *config;
  (*config)["name"] = settings.name;
  (*config)["subjects"] = settings.subjects;
  (*config)["max_age"] = settings.max_age.count();
  (*config)["duplicate_window"] = WindowOf(settings).count();
  if (!settings.description.empty()) (*config)["description"] = settings.description;
  // The server adds entries of its own, and an operator may.
  for (const auto& [key, value] : settings.metadata) (*config)["metadata"][key] = value;
  return *config != before;
}

Json ToJson(const ConsumerSettings& settings) {
  Json config = {{"filter_subject", settings.subject},
                 {"ack_policy", settings.acknowledge ? "explicit" : "none"},
                 {"replay_policy", "instant"},
                 {"inactive_threshold", settings.forget_after.count()}};
  if (settings.headers_only) config["headers_only"] = true;
  switch (settings.start.kind) {
    case ConsumerStart::Kind::kFirst:
      config["deliver_policy"] = "all";
      break;
    case ConsumerStart::Kind::kNew:
      config["deliver_policy"] = "new";
      break;
    case ConsumerStart::Kind::kSequence:
      config["deliver_policy"] = "by_start_sequence";
      config["opt_start_seq"] = std::max<uint64_t>(settings.start.sequence, 1);
      break;
  }
  return config;
}

// An answer takes a thousandth of it.
constexpr std::chrono::milliseconds kFirstPeek{250};

}  // namespace

Result<StreamInfo> JetStream::EnsureStream(const StreamSettings& settings) const {
  const std::string doing = fmt::format("stream '{}'", settings.name);
  auto found = Call(connection_, "STREAM.INFO." + settings.name, Json(), timeout_, doing);
  if (!found && found.error().code() != ErrorCode::kNotFound) return std::move(found).error();
  if (!found) {
    Json config = {{"retention", "limits"}, {"storage", "file"}, {"num_replicas", 1}, {"discard", "old"}};
    Apply(settings, &config);
    auto made = Call(connection_, "STREAM.CREATE." + settings.name, config, timeout_, doing);
    if (made) return ToStreamInfo(*made);
    // Another process was quicker, and with other settings: they are changed below.
    if (made.error().code() != ErrorCode::kAlreadyExists) return std::move(made).error();
    found = Call(connection_, "STREAM.INFO." + settings.name, Json(), timeout_, doing);
    if (!found) return std::move(found).error();
  }
  Json config = Object(*found, "config");
  if (!Apply(settings, &config)) return ToStreamInfo(*found);
  JAMMI_ASSIGN(const auto updated,
               Call(connection_, "STREAM.UPDATE." + settings.name, config, timeout_, doing));
  return ToStreamInfo(updated);
}

Result<StreamInfo> JetStream::FindStream(const std::string& name) const {
  JAMMI_ASSIGN(const auto json,
               Call(connection_, "STREAM.INFO." + name, Json(), timeout_, fmt::format("stream '{}'", name)));
  return ToStreamInfo(json);
}

Result<std::vector<std::string>> JetStream::FindStreamsOf(const std::string& subject) const {
  std::vector<std::string> names;
  while (true) {
    const Json request = {{"subject", subject}, {"offset", names.size()}};
    JAMMI_ASSIGN(const auto json, Call(connection_, "STREAM.NAMES", request, timeout_,
                                       fmt::format("streams of subject '{}'", subject)));
    const auto page = Get<std::vector<std::string>>(json, "streams");
    names.insert(names.end(), page.begin(), page.end());
    if (page.empty() || names.size() >= Get<uint64_t>(json, "total")) return names;
  }
}

Result<void> JetStream::DeleteStream(const std::string& name) const {
  const auto deleted =
      Call(connection_, "STREAM.DELETE." + name, Json(), timeout_, fmt::format("delete stream '{}'", name));
  if (!deleted) return deleted.error();
  return {};
}

Result<std::vector<ConsumerInfo>> JetStream::ListConsumers(const std::string& stream) const {
  std::vector<ConsumerInfo> consumers;
  while (true) {
    JAMMI_ASSIGN(const auto json, Call(connection_, "CONSUMER.LIST." + stream, {{"offset", consumers.size()}},
                                       timeout_, fmt::format("consumers of stream '{}'", stream)));
    const auto list = json.find("consumers");
    const size_t before = consumers.size();
    if (list != json.end() && list->is_array()) {
      for (const auto& each : *list) consumers.push_back(ToConsumerInfo(each));
    }
    if (consumers.size() == before || consumers.size() >= Get<uint64_t>(json, "total")) return consumers;
  }
}

Result<ConsumerInfo> JetStream::CreateConsumer(const std::string& stream,
                                               const ConsumerSettings& settings) const {
  const Json request = {{"stream_name", stream}, {"config", ToJson(settings)}};
  JAMMI_ASSIGN(const auto json, Call(connection_, "CONSUMER.CREATE." + stream, request, timeout_,
                                     fmt::format("consumer of stream '{}'", stream)));
  return ToConsumerInfo(json);
}

Result<void> JetStream::DeleteConsumer(const std::string& stream, const std::string& name) const {
  const auto deleted = Call(connection_, fmt::format("CONSUMER.DELETE.{}.{}", stream, name), Json(), timeout_,
                            fmt::format("delete consumer '{}' of stream '{}'", name, stream));
  if (!deleted) return deleted.error();
  return {};
}

// A server leaves such a request without an answer now and then, where the consumer is made right behind a
// publish; another consumer gets one.
Result<std::shared_ptr<const Message>> JetStream::Peek(const std::string& stream, const std::string& subject,
                                                       uint64_t sequence) const {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + timeout_;
  for (Wait wait = kFirstPeek;; wait *= 2) {
    const auto began = Clock::now();
    const Wait left = std::chrono::ceil<Wait>(end - began);
    auto peeked = PeekOnce(stream, subject, sequence, std::min(wait, left));
    // An error that came at once is no missing answer.
    if (peeked || left <= wait || Clock::now() < began + wait) return peeked;
  }
}

Result<std::shared_ptr<const Message>> JetStream::PeekOnce(const std::string& stream,
                                                           const std::string& subject, uint64_t sequence,
                                                           Wait wait) const {
  const ConsumerSettings settings{.subject = subject,
                                  .start = {ConsumerStart::Kind::kSequence, sequence},
                                  .headers_only = true,
                                  .forget_after = std::chrono::seconds(10)};
  JAMMI_ASSIGN(const auto consumer, CreateConsumer(stream, settings));
  auto message =
      connection_.Request(NextSubject(stream, consumer.name), R"({"batch":1,"no_wait":true})", wait);
  IgnoreError(DeleteConsumer(stream, consumer.name), "the server forgets it by itself");
  if (!message) return std::move(message).error();
  if (PlaceOf(**message)) return message;
  const auto status = (*message)->Status();
  if (status == "404" || status == "408") return std::shared_ptr<const Message>();
  return Unavailable(fmt::format("JetStream: stream '{}': status {} in place of a message", stream, status));
}

std::string JetStream::NextSubject(const std::string& stream, const std::string& consumer) {
  return fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", stream, consumer);
}

}  // namespace jammi::nats
