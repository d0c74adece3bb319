#include "jammi/events/subject.h"

#include <gmock/gmock.h>

#include "jammi/events/event.h"
#include "jammi/events/fault.h"

namespace jammi::events {
namespace {

using testing::HasSubstr;

Event With(std::string data) {
  Event event{.id = "e1", .source = "/s", .type = "t"};
  event.payload = JsonData::FromWritten(std::move(data));
  return event;
}
Event OfTenant(const std::string& tenant) { return With(R"({"a":1,"tenantId":")" + tenant + R"("})"); }

std::string Encoded(const Event& event, std::string_view subject_template = "a.{tenantId}.b") {
  const auto subject = ResolveSubject(subject_template, event, TenantPolicy::kEncode);
  return subject ? *subject : std::string(ToString(FaultOf(subject.error())));
}
// What stands for the tenant.
std::string Token(const std::string& tenant) {
  const std::string subject = Encoded(OfTenant(tenant));
  return subject.starts_with("a.") ? subject.substr(2, subject.size() - 4) : subject;
}

// T40, SNK-040, SNK-041
TEST(SubjectTest, T40TheTenantOfTheDataStandsInTheSubject) {
  EXPECT_EQ(Encoded(OfTenant("acme")), "a.acme.b");
  EXPECT_EQ(Encoded(With(R"({"argv":["[redacted]"],"correlation":{"tenantId":"acme"},"n":1})")),
            "a.single.b");
}

// T41
TEST(SubjectTest, T41AnEventWithoutTenantHasTheDefaultToken) {
  EXPECT_EQ(Encoded(Event{.id = "e", .source = "s", .type = "t"}), "a.single.b");
  Event text{.id = "e", .source = "s", .type = "t"};
  text.payload = TextData{R"({"tenantId":"acme"})"};
  EXPECT_EQ(Encoded(text), "a.single.b");
}

// T42, SNK-044
TEST(SubjectTest, T42TheHelperPutsInWhatThereIsAndTheSinkOneToken) {
  EXPECT_EQ(ResolveTenantSubject("a.{tenantId}.b", OfTenant("acme.eu")), "a.acme.eu.b");
  EXPECT_EQ(Token("acme.eu"), "acme=2Eeu");
}

// T43
TEST(SubjectTest, T43EncodingIsOneToOne) {
  EXPECT_EQ(Token("*"), "=2A");
  EXPECT_EQ(Token(">"), "=3E");
  EXPECT_EQ(Token("a b"), "a=20b");
  EXPECT_EQ(Token("é"), "=C3=A9");
  EXPECT_EQ(Token("a=b"), "a=3Db");
  EXPECT_EQ(Token("a_b"), "a_b");
  EXPECT_EQ(Token("a\\nb"), "a=0Ab");  // escaped in the data
  EXPECT_EQ(Token("$JS"), "=24JS");
}

// T44
TEST(SubjectTest, T44ATenantCannotTakeADefaultTokensName) {
  EXPECT_EQ(Token("single"), "=73ingle");
  EXPECT_EQ(Token("_no_tenant_"), "=5Fno_tenant_");
  EXPECT_EQ(Token("singles"), "singles");
}

// T45, SNK-045
TEST(SubjectTest, T45ATenantThatLooksLikeAPlaceholderIsNotExpanded) {
  EXPECT_EQ(Token("{tenantId}"), "=7BtenantId=7D");
  EXPECT_EQ(ResolveTenantSubject("a.{tenantId}.b", OfTenant("{tenantId}")), "a.{tenantId}.b");
}

// T46
TEST(SubjectTest, T46WhatIsNoTextIsNoTenantAndAnEmptyOneIsRefused) {
  for (const auto* const value : {"42", "null", R"(["acme"])", "true", R"({"tenantId":"x"})"})
    EXPECT_EQ(Encoded(With(std::string(R"({"tenantId":)") + value + "}")), "a.single.b") << value;
  EXPECT_EQ(ResolveTenantSubject("a.{tenantId}.b", OfTenant("")), "a..b");
  EXPECT_EQ(Token(""), "InvalidSubject");
  // Also where the result would be a subject: it would be that of another template.
  EXPECT_EQ(Encoded(OfTenant(""), "a.x{tenantId}"), "InvalidSubject");
  EXPECT_EQ(Token(" acme"), "=20acme");
}

// T47
TEST(SubjectTest, T47ATemplateWithoutPlaceholderStays) {
  EXPECT_EQ(Encoded(OfTenant("acme"), "cellos.events.v1"), "cellos.events.v1");
  EXPECT_EQ(ResolveTenantSubject("a.{tenantid}", OfTenant("acme")), "a.{tenantid}");
}

// T48
TEST(SubjectTest, T48EveryPlaceholderIsReplaced) {
  EXPECT_EQ(Encoded(OfTenant("acme"), "{tenantId}.x.{tenantId}"), "acme.x.acme");
}

// T49
TEST(SubjectTest, T49OnlyTheTopOfTheDataCounts) {
  Event event = With("{}");
  event.extensions.emplace("tenantid", std::string("acme"));
  EXPECT_EQ(Encoded(event), "a.single.b");
  EXPECT_EQ(Encoded(With(R"({"correlation":{"tenantId":"inner"},"tenantId":"top"})")), "a.top.b");
}

// T50, SNK-046
TEST(SubjectTest, T50ATemplateThatCannotWorkIsRefused) {
  for (const auto* const bad : {"a..b", "a.*", "a b", "", "{foo}", "$JS.x", ".a", "a.", "a.>",
                                "a.{tenantId}.{x}", "a.{{tenantId}}", "a.\tb", "a.\xC2\x85", "a.\xFF"}) {
    const auto checked = CheckSubjectTemplate(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(FaultOf(checked.error()), SinkFault::kConfigError) << bad;
  }
  for (const auto* const good : {"cellos.events.v1", "a.{tenantId}.b", "{tenantId}", "x{tenantId}y.é"})
    EXPECT_TRUE(CheckSubjectTemplate(good)) << good;
  EXPECT_THAT(CheckSubjectTemplate("a.{foo}").error().message(), HasSubstr("only {tenantId}"));
}

// T51
TEST(SubjectTest, T51ATokenHas256BytesAndASubject1024) {
  EXPECT_EQ(Token(std::string(300, 'x')), "InvalidSubject");
  EXPECT_EQ(Token(std::string(256, 'x')), std::string(256, 'x'));
  EXPECT_EQ(Token(std::string(86, '*')), "InvalidSubject");  // encoded it has 258
  const std::string quarter(255, 'x');
  const std::string whole = quarter + "." + quarter + "." + quarter + "." + quarter + "x";
  EXPECT_TRUE(CheckSubject(whole)) << whole.size();
  EXPECT_FALSE(CheckSubject(whole + ".x"));
}

// T52
TEST(SubjectTest, T52PoliciesThatDoNotEncode) {
  const auto fault = [](const char* tenant, TenantPolicy policy) {
    const auto subject = ResolveSubject("a.{tenantId}.b", OfTenant(tenant), policy);
    return subject ? *subject : std::string(ToString(FaultOf(subject.error())));
  };
  EXPECT_EQ(fault("acme eu", TenantPolicy::kVerbatim), "InvalidSubject");
  EXPECT_EQ(fault("acme.eu", TenantPolicy::kVerbatim), "a.acme.eu.b");
  EXPECT_EQ(fault(">", TenantPolicy::kVerbatim), "InvalidSubject");
  EXPECT_EQ(fault("acme.eu", TenantPolicy::kReject), "InvalidSubject");
  EXPECT_EQ(fault("single", TenantPolicy::kReject), "InvalidSubject");  // it would pass for none
  EXPECT_EQ(fault("acme", TenantPolicy::kReject), "a.acme.b");
}

TEST(SubjectTest, PoliciesByName) {
  EXPECT_EQ(*ParseTenantPolicy("encode"), TenantPolicy::kEncode);
  EXPECT_EQ(*ParseTenantPolicy("verbatim"), TenantPolicy::kVerbatim);
  EXPECT_EQ(*ParseTenantPolicy("reject"), TenantPolicy::kReject);
  EXPECT_EQ(FaultOf(ParseTenantPolicy("Encode").error()), SinkFault::kConfigError);
}

// What is refused is shown, but cut and with nothing in it that a terminal obeys.
TEST(SubjectTest, AMessageShowsTheSubjectHarmlessly) {
  const auto refused = CheckSubject("a\x1b[2J" + std::string(2000, 'x'));
  EXPECT_THAT(refused.error().message(), HasSubstr(R"("a\u001b[2Jxxx)"));
  EXPECT_LT(refused.error().message().size(), 200U);
}

}  // namespace
}  // namespace jammi::events
