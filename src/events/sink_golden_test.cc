// What the published family makes of subjects, addresses and pauses. Ours agrees, but for its faults.
#include <gmock/gmock.h>

#include <algorithm>

#include "events/fake_clock.h"
#include "events/golden_support.h"
#include "events/sink_error.h"
#include "jammi/events/backoff.h"
#include "jammi/events/event.h"
#include "jammi/events/fault.h"
#include "jammi/events/retry.h"
#include "jammi/events/subject.h"
#include "jammi/events/text_redaction.h"

namespace jammi::events {
namespace {

using std::chrono::milliseconds;
using test::Golden;
using test::GoldenCase;

class GoldenTest : public testing::TestWithParam<GoldenCase> {
 protected:
  const GoldenCase& golden_ = GetParam();
};
#define JAMMI_FOR_EACH_CASE_OF(suite, file) \
  INSTANTIATE_TEST_SUITE_P(Cases, suite, testing::ValuesIn(Golden(file)), test::CaseName)

// SNK-020
class BackoffGolden : public GoldenTest {};
JAMMI_FOR_EACH_CASE_OF(BackoffGolden, "backoff");
TEST_P(BackoffGolden, Agrees) {
  EXPECT_EQ(BackoffDelay(golden_.members.at("attempt").get<uint32_t>()).count(),
            golden_.members.at("wait_ms"));
}

// SNK-030
class WithRetryGolden : public GoldenTest {};
JAMMI_FOR_EACH_CASE_OF(WithRetryGolden, "with_retry");
TEST_P(WithRetryGolden, Agrees) {
  const int fails = golden_.members.at("fails");
  test::FakeClock clock;
  std::vector<int64_t> calls;
  const auto result = WithRetry(
      golden_.members.at("max_attempts").get<uint32_t>(),
      [&]() -> Result<void> {
        calls.push_back(clock.elapsed().count());
        if (static_cast<int>(calls.size()) > fails) return {};
        return SinkError(SinkFault::kUnavailable, std::to_string(calls.size()));
      },
      clock);
  EXPECT_EQ(calls, golden_.members.at("calls_at_ms").get<std::vector<int64_t>>());
  const auto& expected = golden_.members.at("result");
  if (expected == "ok") {
    EXPECT_TRUE(result);
  } else {
    EXPECT_EQ(result.error().message(), std::to_string(expected.at("error_of_call").get<int>()));
  }
}

// SNK-040, SNK-041; what the published family publishes to although no broker should see it, a sink refuses.
class SubjectGolden : public GoldenTest {};
JAMMI_FOR_EACH_CASE_OF(SubjectGolden, "subject_resolve");
TEST_P(SubjectGolden, TheHelperAgreesAndTheSinkRefusesTheFaults) {
  Event event{.id = "i", .source = "s", .type = "t"};
  if (golden_.Has("data")) event.payload = JsonData::FromWritten(golden_.Text("data"));
  const std::string subject_template = golden_.Text("template");
  EXPECT_EQ(ResolveTenantSubject(subject_template, event), golden_.Text("output"));

  const auto verbatim = ResolveSubject(subject_template, event, TenantPolicy::kVerbatim);
  const bool sound = !golden_.reference_fault && golden_.Text("output").size() <= 256;  // SNK-046: a token
  ASSERT_EQ(verbatim.has_value(), sound);
  if (sound) {
    EXPECT_EQ(*verbatim, golden_.Text("output"));
  } else {
    EXPECT_EQ(FaultOf(verbatim.error()), SinkFault::kInvalidSubject);
  }
}

// SNK-050, SNK-051
class UrlRedactionGolden : public GoldenTest {};
JAMMI_FOR_EACH_CASE_OF(UrlRedactionGolden, "url_redaction");
TEST_P(UrlRedactionGolden, AgreesOrDoesNotLeak) {
  const std::string redacted = RedactUrlCredentials(golden_.Text("input"));
  if (!golden_.reference_fault) {
    EXPECT_EQ(redacted, golden_.Text("output"));
    return;
  }
  for (const auto* const secret : {"pw1", "pw2", "hunter2", "a:", "c:", "u:", "v:"})
    EXPECT_THAT(redacted, testing::Not(testing::HasSubstr(secret)));
}

// SNK-052
class UrlRedactionInTextGolden : public GoldenTest {};
JAMMI_FOR_EACH_CASE_OF(UrlRedactionInTextGolden, "url_redaction_in_text");
TEST_P(UrlRedactionInTextGolden, AgreesOrDoesNotLeak) {
  const std::string redacted = RedactUrlInText(golden_.Text("text"), golden_.Text("raw_url"));
  if (!golden_.reference_fault) {
    EXPECT_EQ(redacted, golden_.Text("output"));
  } else {
    EXPECT_THAT(redacted, testing::HasSubstr("<redacted>h"));
    EXPECT_THAT(redacted, testing::Not(testing::ContainsRegex("u:p|x:y")));
  }
}

}  // namespace
}  // namespace jammi::events
