#include "jammi/events/sign.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "events/base64_url.h"
#include "events/json_write.h"
#include "events/sink_error.h"
#include "events/written_scan.h"

namespace jammi::events {
namespace {

// Around the data of a signed event stand the event, the envelope, and the event that carries it.
constexpr int kLevelsAroundData = 3;
constexpr size_t kShortestWide = 19;  // digits of the largest int64

// A number in the written form: an integer that neither int64 nor uint64 holds?
bool IsWideInteger(std::string_view number) {
  if (number.size() < kShortestWide || number.find_first_of(".e") != std::string_view::npos) return false;
  const char* const end = number.data() + number.size();
  int64_t with_sign = 0;
  uint64_t without = 0;
  return std::from_chars(number.data(), end, with_sign).ec != std::errc() &&
         std::from_chars(number.data(), end, without).ec != std::errc();
}

// What of data in the written form would not come back from other readers as it is.
struct Survey {
  bool wide_integer = false;
  int nesting = 0;
};

Survey SurveyOf(std::string_view data) {
  Survey survey;
  int depth = 0;
  for (size_t at = 0; at < data.size();) {
    const char c = data[at];
    if (c == '"') {
      at = StringEnd(data, at + 1) + 1;
      continue;
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
      const size_t end = ValueEnd(data, at);
      survey.wide_integer = survey.wide_integer || IsWideInteger(data.substr(at, end - at));
      at = end;
      continue;
    }
    if (c == '{' || c == '[') survey.nesting = std::max(survey.nesting, ++depth);
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return survey;
}

Result<void> CheckSurvives(const Event& event) {
  const auto* data = std::get_if<JsonData>(&event.payload);
  if (data == nullptr) return {};
  const Survey survey = SurveyOf(data->text());
  if (survey.wide_integer) {
    return SinkError(SinkFault::kSignError,
                     "an integer in the data is beyond 64 bits; other readers would change its digits");
  }
  if (survey.nesting > kMaxNesting - kLevelsAroundData) {
    return SinkError(SinkFault::kSignError, "the data is nested too deeply to stand in an envelope");
  }
  return {};
}

// The signed window, as the event's extensions say it.
constexpr const char* kNotBefore = "notbefore";
constexpr const char* kNotAfter = "notafter";

Event WithWindow(Event event, const SignOptions& options) {
  const UnixMicros now = options.clock->Now();
  const std::chrono::microseconds valid_for = options.valid_for;
  event.extensions[kNotBefore] = FormatUtc(now);
  event.extensions[kNotAfter] = FormatUtc(now + valid_for.count());
  return event;
}

// The envelope in the written form, so its members sorted by name.
std::string EnvelopeOf(const Event& event, const SigningKey& key, std::string_view signature) {
  std::string out = R"({"algorithm":")";
  out += ToString(key.algorithm());
  out += R"(","event":)";
  out += SerialiseSorted(event);
  const auto copied = [&](const char* name, std::string_view member) {
    const auto found = event.extensions.find(name);
    if (found == event.extensions.end()) return;
    const auto* text = std::get_if<std::string>(&found->second);
    if (text == nullptr) return;
    out += member;
    AppendQuoted(out, *text);
  };
  copied(kNotAfter, R"(,"notAfter":)");
  copied(kNotBefore, R"(,"notBefore":)");
  out += R"(,"signature":")";
  out += ToBase64Url(signature);
  out += R"(","signerKid":)";
  AppendQuoted(out, key.kid());
  if (const auto* data = std::get_if<JsonData>(&event.payload)) {
    if (const auto tenant = data->StringMember("tenantId")) {
      out += R"(,"tenantId":)";
      AppendQuoted(out, *tenant);
    }
  }
  out += '}';
  return out;
}

Result<Event> SignAsItIs(const Event& event, const SigningKey& key) {
  JAMMI_TRY(CheckSurvives(event));
  JAMMI_ASSIGN(const std::string signature, key.Sign(Serialise(event)));
  return Event{.id = event.id,
               .source = std::string(kSignedEnvelopeSource),
               .type = std::string(kSignedEnvelopeType),
               .datacontenttype = "application/json",
               .time = event.time,
               .traceparent = event.traceparent,
               .payload = JsonData::FromWritten(EnvelopeOf(event, key, signature))};
}

}  // namespace

Result<Event> SignEvent(const Event& event, const SigningKey& key, const SignOptions& options) {
  if (options.valid_for.count() == 0) return SignAsItIs(event, key);
  return SignAsItIs(WithWindow(event, options), key);
}

// --- SigningSink

SigningSink::SigningSink(std::shared_ptr<EventSink> inner, SigningKey key, SignOptions options)
    : inner_(std::move(inner)), options_(std::move(options)), key_(std::move(key)) {}

void SigningSink::Rotate(SigningKey key) {
  const std::lock_guard lock(mutex_);
  key_ = std::move(key);
}

Result<Event> SigningSink::Signed(const Event& event) {
  JAMMI_TRY(CheckEvent(event));
  const SigningKey key = [this] {
    const std::lock_guard lock(mutex_);
    return key_;
  }();
  return SignEvent(event, key, options_);
}

Result<void> SigningSink::Emit(const Event& event) {
  JAMMI_ASSIGN(const Event transport, Signed(event));
  return inner_->Emit(transport);
}

void SigningSink::EmitAsync(const Event& event, Done done) {
  auto transport = Signed(event);
  if (!transport) return done(std::move(transport).error());
  inner_->EmitAsync(*transport, std::move(done));
}

Result<void> SigningSink::Flush(Deadline deadline) { return inner_->Flush(deadline); }

Result<void> SigningSink::Close(Deadline deadline) { return inner_->Close(deadline); }

}  // namespace jammi::events
