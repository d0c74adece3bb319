// jammi subscribe, jammi trigger subscribe
#include <arrow/api.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <ostream>

#include "cli/event_printer.h"
#include "cli/interrupt.h"
#include "cli/remote.h"
#include "cli/start_option.h"
#include "cli/timestamp.h"
#include "cli/topics.h"
#include "jammi/v1/trigger.pb.h"
#include "rows/ipc_stream.h"

namespace jammi {
namespace {

namespace trigger = v1::trigger;

struct SubscribeArguments {
  std::string topic;
  std::string from;  // empty: the end, or with no_follow the beginning
  std::string where;
  uint64_t max = 0;  // 0: all
  bool no_follow = false;
  bool rows_only = false;
};

// The published protocol knows offsets alone: that of the first event at `start` or later. nullopt: the end.
Result<std::optional<uint64_t>> OffsetOf(const RpcChannel& channel, const std::string& topic,
                                         const ext::v1::Start& start) {
  if (start.has_offset()) return std::optional(start.offset());
  if (start.has_newest()) return std::optional<uint64_t>();
  ext::v1::ReadRequest request;
  request.set_topic(topic);
  *request.mutable_from() = start;
  request.set_max_events(1);
  JAMMI_ASSIGN(const auto page,
               channel.Call<ext::v1::ReadResponse>("/jammi.ext.v1.StreamService/Read", request));
  return std::optional(page.events().empty() ? page.head() : page.events(0).offset());
}

Result<trigger::SubscribeRequest> Request(const RpcChannel& channel, const SubscribeArguments& arguments) {
  trigger::SubscribeRequest request;
  request.mutable_topic()->set_name(arguments.topic);
  request.set_predicate(arguments.where);
  request.set_replay_only(arguments.no_follow);
  const std::string from = !arguments.from.empty() ? arguments.from : arguments.no_follow ? "begin" : "end";
  auto start = ParseStart(from);
  if (!start) return std::move(start).error().While("--from");
  JAMMI_ASSIGN(const auto offset, OffsetOf(channel, arguments.topic, *start));
  if (offset) request.set_from_offset(*offset);
  return request;
}

Result<void> PrintEvent(const trigger::SubscribedBatch& event, EventPrinter& printer) {
  JAMMI_ASSIGN(const auto batches,
               DecodeBatchStream(event.batch().data_header() + event.batch().data_body()));
  for (const auto& batch : batches)
    JAMMI_TRY(printer.Print(event.offset(), Micros(event.produced_at()), *batch));
  return {};
}

Result<void> Subscribe(const RemoteCall& call, const SubscribeArguments& arguments) {
  JAMMI_ASSIGN(const auto request, Request(call.channel, arguments));
  JAMMI_ASSIGN(const auto topic, FindTopic(call.channel, arguments.topic));
  JAMMI_ASSIGN(const auto schema, DecodeSchemaStream(topic.schema()));
  auto stream =
      call.channel.Stream<trigger::SubscribedBatch>("/jammi.v1.trigger.TriggerService/Subscribe", request);
  std::atomic<bool> stopped = false;
  const Interrupt interrupt([&] {
    stopped = true;
    stream.Cancel();
  });
  // What the server refuses is told before a header is printed.
  auto event = stream.Read();
  if (!event && !stopped) return event.error();
  JAMMI_ASSIGN(const auto printer, EventPrinter::Make(call.output, arguments.rows_only, schema, call.out));
  for (uint64_t printed = 0; event && *event && call.out; event = stream.Read()) {
    JAMMI_TRY(PrintEvent(**event, *printer));
    call.out.flush();
    if (++printed == arguments.max) break;
  }
  if (!event && !stopped) return event.error();
  return printer->End();
}

}  // namespace

void AddSubscribeCommand(CLI::App& parent, const RemotePtr& remote) {
  const auto arguments = std::make_shared<SubscribeArguments>();
  auto* subscribe = AddRemoteCommand(
      parent, remote,
      {.name = "subscribe",
       .description = "Print the events of a topic as they come, until Ctrl-C",
       .examples = "jammi subscribe quakes\n"
                   "jammi subscribe quakes --from begin --where 'magnitude > 5' --max 10 --output json\n"
                   "jammi subscribe quakes --no-follow --rows-only --output csv > quakes.csv",
       .verb = [arguments](const RemoteCall& call) { return Subscribe(call, *arguments); },
       .outputs = {"table", "json", "arrow", "csv"}});
  subscribe->add_option("topic", arguments->topic, "The topic")->type_name("TOPIC")->required();
  subscribe->add_option("--from", arguments->from, "Where to begin")
      ->option_text(fmt::format("{}  (default: end; with --no-follow begin)", kStartValues));
  subscribe->add_option("--where", arguments->where, "Which rows")->type_name("PREDICATE");
  subscribe->add_option("--max", arguments->max, "End after so many events")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 62U))
      ->option_text("N");
  subscribe->add_flag("--no-follow", arguments->no_follow, "End with the newest event");
  subscribe->add_flag("--rows-only", arguments->rows_only,
                      "Without _offset and _produced_at, as publish takes it");
}

}  // namespace jammi
