#include "events/stream_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "events/sink_error.h"
#include "jammi/events/subject.h"
#include "nats/jetstream.h"

namespace jammi::events {
namespace {

// Takes the first token off.
std::string_view NextToken(std::string_view* subject) {
  const size_t dot = std::min(subject->find('.'), subject->size());
  const std::string_view token = subject->substr(0, dot);
  subject->remove_prefix(std::min(dot + 1, subject->size()));
  return token;
}

Error CannotAsk(const Error& error) {
  const bool refused = error.code() == ErrorCode::kPermissionDenied;
  return SinkError(refused ? SinkFault::kRejected : SinkFault::kUnavailable,
                   fmt::format("jetstream stream check: {}", error.message()));
}

class StreamFindings {
 public:
  explicit StreamFindings(StreamReport* report) : report_(*report) {}
  void If(bool wrong, StreamProblem problem, std::string message) {
    if (wrong) report_.findings.push_back({problem, std::move(message)});
  }

 private:
  StreamReport& report_;
};

void Judge(const StreamNeeds& needs, const std::string& expected_stream, bool acknowledges,
           StreamReport* report) {
  StreamFindings findings(report);
  const auto covers = [&](const std::string& pattern) { return Covers(pattern, report->subject); };
  findings.If(!expected_stream.empty() && report->stream != expected_stream, StreamProblem::kOtherStream,
              fmt::format("stream '{}' takes the events, not '{}'", report->stream, expected_stream));
  findings.If(std::ranges::none_of(report->subjects, covers), StreamProblem::kNotCovered,
              fmt::format("stream '{}' takes {}, which is not all of {}", report->stream,
                          fmt::join(report->subjects, ", "), report->subject));
  findings.If(report->max_age.count() > 0 && report->max_age < needs.min_age, StreamProblem::kAge,
              fmt::format("events are deleted after {} hours, and {} are wanted",
                          std::chrono::duration_cast<std::chrono::hours>(report->max_age).count(),
                          needs.min_age.count()));
  findings.If(!report->on_file, StreamProblem::kStorage, "events are kept in memory only");
  findings.If(report->duplicate_window < needs.min_duplicate_window, StreamProblem::kDuplicateWindow,
              fmt::format("message ids are known for {} s, and {} are wanted",
                          report->duplicate_window.count(), needs.min_duplicate_window.count()));
  findings.If(report->replicas < needs.min_replicas, StreamProblem::kReplicas,
              fmt::format("there are {} replicas, and {} are wanted", report->replicas, needs.min_replicas));
  findings.If(!acknowledges, StreamProblem::kNoAcknowledgement, "the stream does not answer its publishers");
}

}  // namespace

std::string_view ToString(StreamProblem problem) {
  switch (problem) {
    case StreamProblem::kNoStream:
      return "no_stream";
    case StreamProblem::kSeveralStreams:
      return "several_streams";
    case StreamProblem::kNotCovered:
      return "not_covered";
    case StreamProblem::kOtherStream:
      return "other_stream";
    case StreamProblem::kAge:
      return "age";
    case StreamProblem::kStorage:
      return "storage";
    case StreamProblem::kDuplicateWindow:
      return "duplicate_window";
    case StreamProblem::kReplicas:
      return "replicas";
    case StreamProblem::kNoAcknowledgement:
      return "no_acknowledgement";
  }
  return "unknown";
}

std::string WildcardOf(std::string_view subject_template) {
  std::string subject;
  while (!subject_template.empty()) {
    const std::string_view token = NextToken(&subject_template);
    if (!subject.empty()) subject += '.';
    subject += token.find(kTenantIdPlaceholder) == std::string_view::npos ? token : "*";
  }
  return subject;
}

bool Covers(std::string_view pattern, std::string_view wanted) {
  while (!pattern.empty() && !wanted.empty()) {
    const std::string_view token = NextToken(&pattern);
    if (token == ">") return true;
    if (NextToken(&wanted) != token && token != "*") return false;
  }
  return pattern.empty() && wanted.empty();
}

Result<StreamReport> CheckStreamOf(nats::Connection& connection, std::string_view subject_template,
                                   const std::string& expected_stream, const StreamNeeds& needs) {
  const nats::JetStream jetstream(connection);
  StreamReport report{.subject = WildcardOf(subject_template)};
  const auto names = jetstream.FindStreamsOf(report.subject);
  if (!names) return CannotAsk(names.error());
  if (names->empty()) {
    report.findings.push_back({StreamProblem::kNoStream, fmt::format("no stream takes {}", report.subject)});
    return report;
  }
  const bool has_expected = std::ranges::find(*names, expected_stream) != names->end();
  const auto info = jetstream.FindStream(has_expected ? expected_stream : names->front());
  if (!info) return CannotAsk(info.error());
  report.stream = info->settings.name;
  report.subjects = info->settings.subjects;
  report.max_age = std::chrono::duration_cast<std::chrono::seconds>(info->settings.max_age);
  report.duplicate_window = std::chrono::duration_cast<std::chrono::seconds>(info->settings.duplicate_window);
  report.on_file = info->on_file;
  report.replicas = info->replicas;
  report.messages = info->messages;
  report.bytes = info->bytes;
  Judge(needs, expected_stream, info->acknowledges, &report);
  if (names->size() > 1) {
    report.findings.push_back(
        {StreamProblem::kSeveralStreams,
         fmt::format("several streams take parts of {}: {}", report.subject, fmt::join(*names, ", "))});
  }
  return report;
}

}  // namespace jammi::events
