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
#include "command_line/standard_streams.h"
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

// nullptr: the topic is in no list. The engine's own are in none; the server says whether there is one.
Result<std::shared_ptr<arrow::Schema>> ListedSchema(const RpcChannel& channel, const std::string& name) {
  const auto topic = FindTopic(channel, name);
  if (topic) return DecodeSchemaStream(topic->schema());
  if (topic.error().code() != ErrorCode::kNotFound) return topic.error();
  return std::shared_ptr<arrow::Schema>();
}

// The events as they are printed. The columns are those of the list, else those of the first batch; then
// nothing is printed before that, since nobody knows what it would be.
class Events {
 public:
  Events(const RemoteCall& call, bool rows_only, std::shared_ptr<arrow::Schema> schema)
      : call_(call), rows_only_(rows_only), schema_(std::move(schema)) {}

  Result<void> Begin() {
    if (!schema_) return {};
    JAMMI_ASSIGN(printer_, EventPrinter::Make(call_.output, rows_only_, schema_, call_.out));
    return {};
  }
  Result<void> Print(const trigger::SubscribedBatch& event) {
    JAMMI_ASSIGN(const auto batches,
                 DecodeBatchStream(event.batch().data_header() + event.batch().data_body()));
    for (const auto& batch : batches) {
      if (!printer_) {
        schema_ = batch->schema();
        JAMMI_TRY(Begin());
      }
      JAMMI_TRY(printer_->Print(event.offset(), Micros(event.produced_at()), *batch));
    }
    call_.out.flush();
    return {};
  }
  Result<void> End() { return printer_ ? printer_->End() : Result<void>(); }

 private:
  const RemoteCall& call_;
  const bool rows_only_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<EventPrinter> printer_;
};

// `next`: the offset behind what was printed; nullopt: not known.
Error WithNext(Error error, const std::string& target, std::optional<uint64_t> next) {
  if (error.code() != ErrorCode::kUnavailable) return error;
  const std::string go_on = next ? fmt::format("; go on with --from {}", *next) : std::string();
  return {ErrorCode::kUnavailable,
          fmt::format("the connection to {} was lost ({}){}", target, error.message(), go_on)};
}

Result<void> Subscribe(const RemoteCall& call, const SubscribeArguments& arguments) {
  JAMMI_ASSIGN(const auto request, Request(call.channel, arguments));
  JAMMI_ASSIGN(auto schema, ListedSchema(call.channel, arguments.topic));
  auto stream =
      call.channel.Stream<trigger::SubscribedBatch>("/jammi.v1.trigger.TriggerService/Subscribe", request);
  std::atomic<bool> stopped = false;
  const auto stop = [&] {
    stopped = true;
    stream.Cancel();
  };
  const Interrupt interrupt(stop);
  std::atomic<bool> reader_is_gone = false;
  const ReaderWatch watch([&] {
    reader_is_gone = true;
    stop();
  });
  std::optional<uint64_t> next;
  if (request.has_from_offset()) next = request.from_offset();
  // What the server refuses is told before a header is printed.
  auto event = stream.Read();
  if (!event && !stopped) return WithNext(event.error(), call.options.target, next);
  Events events(call, arguments.rows_only, std::move(schema));
  JAMMI_TRY(events.Begin());
  for (uint64_t printed = 0; event && *event && call.out; event = stream.Read()) {
    JAMMI_TRY(events.Print(**event));
    next = (**event).offset() + 1;
    if (++printed == arguments.max) break;
  }
  if (!event && !stopped) return WithNext(event.error(), call.options.target, next);
  // As if a write had found it out.
  if (reader_is_gone) call.out.setstate(std::ios::badbit);
  return events.End();
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
