// jammi trigger stats|add-columns|retention
#include <arrow/api.h>
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/invalid.h"
#include "base/quantity.h"
#include "base/text.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/timestamp.h"
#include "cli/topics.h"
#include "jammi/ext/v1/streams.pb.h"
#include "rows/ipc_stream.h"

namespace jammi {
namespace {

namespace streams = ext::v1;

struct TopicSettingsArguments {
  std::string name;
  std::string schema;
  std::string max_age;
  std::string max_bytes;
  std::string max_events;
  std::string keep_for_consumers;
};

Result<streams::TopicStatsResponse> Ask(const RemoteCall& call, const TopicSettingsArguments& arguments) {
  streams::TopicStatsRequest request;
  request.set_topic(arguments.name);
  return call.channel.Call<streams::TopicStatsResponse>("/jammi.ext.v1.StreamService/TopicStats", request);
}

// --- What holds: of the topic's own, and for what it does not say of the server's

// nullopt: without limit.
std::optional<std::chrono::milliseconds> MaxAge(const streams::Retention& retention) {
  const auto& age = retention.max_age();
  const std::chrono::milliseconds span =
      std::chrono::seconds(age.seconds()) + std::chrono::milliseconds(age.nanos() / 1'000'000);
  if (age.seconds() == 0 && age.nanos() == 0) return std::nullopt;
  return span;
}

nlohmann::ordered_json LimitJson(int64_t limit) {
  if (limit == 0) return nullptr;
  return limit;
}

nlohmann::ordered_json RetentionJson(const streams::Retention& retention) {
  const auto age = MaxAge(retention);
  nlohmann::ordered_json json = {{"max_age_ms", nullptr},
                                 {"max_bytes", LimitJson(retention.max_bytes())},
                                 {"max_events", LimitJson(retention.max_events())},
                                 {"keep_for_consumers", retention.keep_for_consumers()}};
  if (age) json["max_age_ms"] = age->count();
  return json;
}

std::string RetentionText(const streams::Retention& retention) {
  const auto age = MaxAge(retention);
  const auto limit = [](int64_t value, std::string text) {
    return value == 0 ? std::string("without limit") : std::move(text);
  };
  return fmt::format(
      "max age:            {}\nmax bytes:          {}\nmax events:         {}\n"
      "keep for consumers: {}\n",
      age ? FormatDuration(*age) : "without limit",
      limit(retention.max_bytes(), FormatSize(retention.max_bytes())),
      limit(retention.max_events(), std::to_string(retention.max_events())),
      retention.keep_for_consumers() ? "yes" : "no");
}

// --- The verbs

nlohmann::ordered_json StatsJson(const std::string& name, const streams::TopicStatsResponse& stats) {
  nlohmann::ordered_json json = {{"name", name},
                                 {"topic_id", stats.topic_id()},
                                 {"events", stats.events()},
                                 {"low_water", stats.low_water()},
                                 {"head", stats.head()},
                                 {"bytes", nullptr},
                                 {"oldest_at", nullptr},
                                 {"newest_at", nullptr},
                                 {"retention", RetentionJson(stats.retention())},
                                 {"broker",
                                  {{"failing", stats.fan_out_failing()},
                                   {"waiting", stats.fan_out_waiting()},
                                   {"lost", stats.fan_out_lost()},
                                   {"last_error", nullptr}}}};
  if (stats.has_bytes()) json["bytes"] = stats.bytes();
  if (stats.has_oldest_at()) json["oldest_at"] = FormatUtc(Micros(stats.oldest_at()));
  if (stats.has_newest_at()) json["newest_at"] = FormatUtc(Micros(stats.newest_at()));
  if (!stats.fan_out_last_error().empty()) json["broker"]["last_error"] = stats.fan_out_last_error();
  return json;
}

std::string BrokerText(const streams::TopicStatsResponse& stats) {
  const std::string counts =
      fmt::format("{} event(s) waiting, {} lost", stats.fan_out_waiting(), stats.fan_out_lost());
  if (!stats.fan_out_failing()) return counts;
  return fmt::format("FAILING, {}: {}", counts, Printable(stats.fan_out_last_error()));
}

Result<void> Stats(const RemoteCall& call, const TopicSettingsArguments& arguments) {
  JAMMI_ASSIGN(const auto stats, Ask(call, arguments));
  if (call.json()) {
    PrintJson(call.out, StatsJson(arguments.name, stats));
    return {};
  }
  const auto time = [](bool there, const google::protobuf::Timestamp& at) {
    return there ? FormatUtc(Micros(at)) : std::string(kDash);
  };
  call.out << fmt::format(
      "name:               {}\nevents:             {}\noldest offset:      {}\nnext offset:        {}\n"
      "bytes:              {}\noldest event:       {}\nnewest event:       {}\n{}broker:             {}\n",
      Printable(arguments.name), stats.events(), stats.low_water(), stats.head(),
      stats.has_bytes() ? std::to_string(stats.bytes()) : std::string(kDash),
      time(stats.has_oldest_at(), stats.oldest_at()), time(stats.has_newest_at(), stats.newest_at()),
      RetentionText(stats.retention()), BrokerText(stats));
  return {};
}

Result<void> AddColumns(const RemoteCall& call, const TopicSettingsArguments& arguments) {
  streams::AppendColumnsRequest request;
  request.set_topic(arguments.name);
  JAMMI_ASSIGN(const auto schema, ParseTopicSchema(arguments.schema));
  JAMMI_ASSIGN(*request.mutable_schema(), EncodeSchemaStream(*schema));
  JAMMI_TRY(call.channel.Call<streams::AppendColumnsResponse>("/jammi.ext.v1.StreamService/AppendColumns",
                                                              request));
  if (call.json()) {
    PrintJson(call.out,
              {{"result", "extended"}, {"name", arguments.name}, {"columns", schema->num_fields()}});
  } else {
    call.out << fmt::format("Topic '{}' extended with {} column(s).\n", Printable(arguments.name),
                            schema->num_fields());
  }
  return {};
}

Result<void> GetRetention(const RemoteCall& call, const TopicSettingsArguments& arguments) {
  JAMMI_ASSIGN(const auto stats, Ask(call, arguments));
  if (call.json()) {
    PrintJson(call.out, RetentionJson(stats.retention()));
  } else {
    call.out << RetentionText(stats.retention());
  }
  return {};
}

// 0 is without limit on the wire, and here "none": who types a 0 may well mean that nothing is to be kept.
template <class Value>
Result<Value> Limit(std::string_view option, const std::string& text,
                    Quantity<Value> (*parse)(std::string_view)) {
  if (text == "none") return Value(0);
  const auto value = parse(text);
  if (!value) {
    const bool expects = value.error().starts_with("expected");
    return Invalid(expects ? fmt::format("{}: '{}': {}, or none", option, text, value.error())
                           : fmt::format("{}: '{}' {}", option, text, value.error()));
  }
  if (*value == Value(0))
    return Invalid(fmt::format("{}: nothing would be kept; none is without limit", option));
  return *value;
}

// What a message can carry: 10,000 years.
Quantity<std::chrono::milliseconds> ParseAge(std::string_view text) {
  constexpr std::chrono::seconds kLongest{315'576'000'000};
  auto age = ParseDuration(text);
  if (age && *age > kLongest) return std::unexpected("is out of range");
  return age;
}

Quantity<int64_t> ParseCount(std::string_view text) {
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc::result_out_of_range) return std::unexpected("is out of range");
  if (error != std::errc() || end != text.data() + text.size() || count < 0)
    return std::unexpected("expected a whole number");
  return count;
}

Result<streams::Retention> ParseRetention(const TopicSettingsArguments& arguments) {
  streams::Retention retention;
  if (!arguments.max_age.empty()) {
    JAMMI_ASSIGN(const auto age, Limit("--max-age", arguments.max_age, &ParseAge));
    retention.mutable_max_age()->set_seconds(age.count() / 1000);
    retention.mutable_max_age()->set_nanos(static_cast<int32_t>(age.count() % 1000 * 1'000'000));
  }
  if (!arguments.max_bytes.empty()) {
    JAMMI_ASSIGN(const auto bytes, Limit("--max-bytes", arguments.max_bytes, &ParseSize));
    retention.set_max_bytes(bytes);
  }
  if (!arguments.max_events.empty()) {
    JAMMI_ASSIGN(const auto events, Limit("--max-events", arguments.max_events, &ParseCount));
    retention.set_max_events(events);
  }
  if (!arguments.keep_for_consumers.empty())
    retention.set_keep_for_consumers(arguments.keep_for_consumers == "yes");
  return retention;
}

Result<void> PutRetention(const RemoteCall& call, const TopicSettingsArguments& arguments,
                          const streams::Retention& retention, const char* result) {
  streams::SetRetentionRequest request;
  request.set_topic(arguments.name);
  *request.mutable_retention() = retention;
  google::protobuf::Empty nothing;
  JAMMI_TRY(call.channel.CallInto("/jammi.ext.v1.StreamService/SetRetention", request, nothing));
  if (call.json()) {
    PrintJson(call.out, {{"result", result}, {"name", arguments.name}});
  } else {
    call.out << fmt::format("Retention of topic '{}' {}.\n", Printable(arguments.name), result);
  }
  return {};
}

Result<void> SetRetention(const RemoteCall& call, const TopicSettingsArguments& arguments) {
  JAMMI_ASSIGN(const auto retention, ParseRetention(arguments));
  if (retention.ByteSizeLong() == 0) {
    return Invalid(
        "give at least one limit; jammi trigger retention reset goes back to the server's "
        "configuration");
  }
  return PutRetention(call, arguments, retention, "set");
}

Result<void> ResetRetention(const RemoteCall& call, const TopicSettingsArguments& arguments) {
  return PutRetention(call, arguments, streams::Retention(), "reset");
}

}  // namespace

void AddTopicSettings(CLI::App& group, const RemotePtr& remote) {
  const auto arguments = std::make_shared<TopicSettingsArguments>();
  using Verb = Result<void> (*)(const RemoteCall&, const TopicSettingsArguments&);
  const auto add = [&](CLI::App& parent, const char* name, const char* description, const char* examples,
                       Verb verb) {
    auto* command = AddRemoteCommand(
        parent, remote,
        {.name = name,
         .description = description,
         .examples = examples,
         .verb = [arguments, verb](const RemoteCall& call) { return verb(call, *arguments); }});
    command->add_option("--name", arguments->name, "The topic")->type_name("NAME")->required();
    return command;
  };
  add(group, "stats", "Say what a topic holds", "jammi trigger stats --name quakes", Stats);
  add(group, "add-columns", "Give a topic more columns, behind those it has",
      "jammi trigger add-columns --name quakes --schema depth:float:nullable", AddColumns)
      ->add_option("--schema", arguments->schema, "The new columns, which must be nullable")
      ->type_name("COL:TYPE:nullable,...")
      ->required();
  auto* retention = AddGroup(group, "retention", "How much of a topic the log keeps");
  add(*retention, "get", "Say which limits hold", "jammi trigger retention get --name quakes", GetRetention);
  auto* set = add(*retention, "set",
                  "Give the topic limits of its own; what is not given is as the server's configuration says",
                  "jammi trigger retention set --name quakes --max-age 90d --max-bytes 10GB\n"
                  "jammi trigger retention set --name quakes --max-events none --keep-for-consumers yes",
                  SetRetention);
  set->add_option("--max-age", arguments->max_age, "An event that is older goes")
      ->option_text("DURATION|none  (such as 12h, 90d)");
  set->add_option("--max-bytes", arguments->max_bytes, "Of events, as stored")
      ->option_text("SIZE|none  (such as 500MB, 10GiB)");
  set->add_option("--max-events", arguments->max_events, "Number of events")->option_text("N|none");
  set->add_option("--keep-for-consumers", arguments->keep_for_consumers,
                  "What a named consumer has not acknowledged stays, whatever the limits say")
      ->check(CLI::IsMember({"yes", "no"}))
      ->option_text("yes|no");
  add(*retention, "reset", "Back to what the server's configuration says",
      "jammi trigger retention reset --name quakes", ResetRetention);
}

}  // namespace jammi
