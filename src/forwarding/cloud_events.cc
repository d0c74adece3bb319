#include "forwarding/cloud_events.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "base/text.h"
#include "catalog/changes.h"
#include "rows/row_json.h"

namespace jammi {
namespace {

using events::Event;

constexpr std::string_view kPrefix = "dev.jammi.events";

// An object whose first member is the tenant, if there is one. (The written form sorts them.)
class DataWriter {
 public:
  explicit DataWriter(const std::optional<TenantId>& tenant) {
    if (tenant) Text("tenantId", tenant->ToString());
  }
  void Text(std::string_view name, std::string_view value) {
    Name(name);
    AppendJsonText(value, out_);
  }
  template <class Int>
  void Number(std::string_view name, Int value) {
    Name(name);
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }
  // Where the value is to be written.
  std::string& Value(std::string_view name) {
    Name(name);
    return out_;
  }
  [[nodiscard]] Result<events::JsonData> Finish() {
    out_ += '}';
    return events::JsonData::Parse(out_);
  }

 private:
  void Name(std::string_view name) {
    if (out_.size() > 1) out_ += ',';
    AppendJsonText(name, out_);
    out_ += ':';
  }
  std::string out_ = "{";
};

std::string_view TextAt(const arrow::RecordBatch& batch, int column, int64_t row) {
  return static_cast<const arrow::StringArray&>(*batch.column(column)).GetView(row);
}

// Not every name is a text that an attribute may hold; `data` has it in any case.
void SetSubject(std::string_view subject, Event& event) {
  event.subject = std::string(subject);
  if (!events::Validate(event).empty()) event.subject.reset();
}

Result<std::optional<Event>> TellRow(const ForwardedFrom& from, const LogEvent& log_event,
                                     const arrow::RecordBatch& batch, int64_t row, Event event) {
  DataWriter data(log_event.scope.tenant());
  data.Text("topic", from.name);
  data.Number("offset", log_event.offset);
  data.Number("row", row);
  AppendRowJson(batch, row, data.Value("values"));
  event.type = fmt::format("{}.row.published.v1", kPrefix);
  event.subject = from.id.ToString();
  JAMMI_ASSIGN(event.payload, data.Finish());
  return std::optional(std::move(event));
}

Result<std::optional<Event>> TellChange(const LogEvent& log_event, const arrow::RecordBatch& batch,
                                        int64_t row, Event event) {
  if (!batch.schema()->Equals(*ChangesSchema())) {
    return Error(ErrorCode::kDataLoss, "a change of the catalog has other columns than is known");
  }
  const auto kind = TextAt(batch, 0, row);
  const auto name = TextAt(batch, 3, row);
  // Our own consumers would tell of themselves.
  if (kind == "consumer" && name.ends_with(fmt::format("/{}", kForwardingConsumer))) return std::nullopt;
  DataWriter data(log_event.scope.tenant());
  data.Text("kind", kind);
  data.Text("verb", TextAt(batch, 1, row));
  data.Text("name", name);
  const auto& version = static_cast<const arrow::Int64Array&>(*batch.column(4));
  if (version.IsValid(row)) data.Number("version", version.Value(row));
  event.type = fmt::format("{}.{}.{}.v1", kPrefix, kind, TextAt(batch, 1, row));
  JAMMI_ASSIGN(event.payload, data.Finish());
  SetSubject(name, event);
  return std::optional(std::move(event));
}

Result<std::optional<Event>> TellRecord(const LogEvent& log_event, const arrow::RecordBatch& batch,
                                        int64_t row, Event event) {
  if (batch.num_columns() < 1 || batch.column(0)->type_id() != arrow::Type::STRING ||
      batch.column(0)->IsNull(row)) {
    return Error(ErrorCode::kDataLoss, "a record of the audit log has other columns than is known");
  }
  const auto record = TextAt(batch, 0, row);
  JAMMI_ASSIGN(const auto parsed, events::JsonData::Parse(record));
  DataWriter data(log_event.scope.tenant());
  data.Value("record") += record;
  event.type = fmt::format("{}.audit.logged.v1", kPrefix);
  JAMMI_ASSIGN(event.payload, data.Finish());
  if (const auto query = parsed.StringMember("query_id")) SetSubject(*query, event);
  return std::optional(std::move(event));
}

}  // namespace

EventMaker::EventMaker(std::string_view source, std::string_view incarnation)
    : source_(fmt::format("{}/{}", source, incarnation)), incarnation_(incarnation) {}

Event EventMaker::Begin(const ForwardedFrom& from, std::string_view place, UnixMicros time,
                        const std::optional<TenantId>& tenant) const {
  Event event;
  event.id = fmt::format("{}:{}:{}", incarnation_, from.id.ToString(), place);
  event.source = source_;
  event.type = kPrefix;  // replaced; but valid
  event.datacontenttype = "application/json";
  event.time = FormatUtc(time);
  if (tenant) event.extensions.emplace("tenantid", tenant->ToString());
  return event;
}

Result<std::optional<Event>> EventMaker::Make(const ForwardedFrom& from, const LogEvent& event,
                                              const arrow::RecordBatch& batch, int64_t row) const {
  auto begun = Begin(from, fmt::format("{}:{}", event.offset, row), event.committed_at, event.scope.tenant());
  switch (from.as) {
    case ForwardAs::kRows:
      return TellRow(from, event, batch, row, std::move(begun));
    case ForwardAs::kChanges:
      return TellChange(event, batch, row, std::move(begun));
    case ForwardAs::kAudit:
      return TellRecord(event, batch, row, std::move(begun));
  }
  return Error(ErrorCode::kInternal, "a topic is forwarded as nothing");
}

Result<Event> EventMaker::MakeGap(const ForwardedFrom& from, const ForwardingGap& gap, UnixMicros now) const {
  auto event = Begin(from, fmt::format("gap:{}-{}", gap.first, gap.next), now, from.owner.tenant());
  DataWriter data(from.owner.tenant());
  data.Text("topic", from.name);
  data.Number("firstOffset", gap.first);
  data.Number("nextOffset", gap.next);
  data.Text("reason", gap.reason);
  event.type = fmt::format("{}.forwarding.gap.v1", kPrefix);
  event.subject = from.id.ToString();
  JAMMI_ASSIGN(event.payload, data.Finish());
  return event;
}

}  // namespace jammi
