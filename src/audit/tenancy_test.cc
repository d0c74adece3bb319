// Every verb of the audit log, called by those whom a record is none of: they see nothing of it and change
// nothing of it. tests/verbs looks that no verb is left out.
#include "audit/audit_fixture.h"

namespace jammi {
namespace {

using test::kA;
using test::kB;
using test::kGlobal;
using test::Ok;
using testing::HasSubstr;
using testing::Not;

enum Does : uint8_t { kRead, kWrite };

// What `caller` is answered by a verb that is given everything of the other's; errors as text.
struct Verb {
  const char* name;
  Does does;
  std::string (*call)(AuditLog caller, const AuditRecord& theirs, const AuditCheckpoint& checkpoint);
};

template <class T>
std::string ErrorOf(const Result<T>& result) {
  return result ? std::string() : result.error().ToString();
}
std::string Shown(const std::vector<AuditRecord>& records) {
  std::string text;
  for (const auto& record : records) text += Ok(ToJson(record));
  return text;
}
std::string Shown(const Result<ChainReport>& report) {
  if (!report) return report.error().ToString();
  return fmt::format("{} checked, {} findings, head {}", report->checked, report->finding_count,
                     report->head);
}

const Verb kVerbs[] = {
    {"AuditLog::Log", kWrite,
     [](AuditLog log, const AuditRecord& theirs, const AuditCheckpoint&) {
       AuditedQuery query = theirs;  // under their id
       query.model_id = "of another";
       const auto logged = log.Log({&query, 1});
       return logged ? Shown(*logged) : ErrorOf(logged);
     }},
    {"AuditLog::Find", kRead,
     [](AuditLog log, const AuditRecord& theirs, const AuditCheckpoint&) {
       const auto found = log.Find(theirs.query_id);
       return found && *found ? Shown({**found}) : ErrorOf(found);
     }},
    {"AuditLog::Recent", kRead,
     [](AuditLog log, const AuditRecord&, const AuditCheckpoint&) {
       const auto recent = log.Recent(100);
       return recent ? Shown(*recent) : ErrorOf(recent);
     }},
    {"AuditLog::List", kRead,
     [](AuditLog log, const AuditRecord& theirs, const AuditCheckpoint&) {
       const auto page = log.List({.model_id = theirs.model_id});
       return page ? Shown(page->items) : ErrorOf(page);
     }},
    {"AuditLog::Verify", kRead,
     [](AuditLog log, const AuditRecord& theirs, const AuditCheckpoint&) {
       const auto verified = log.Verify(theirs);
       return verified ? std::string(*verified ? "secret-of-a is genuine" : "") : ErrorOf(verified);
     }},
    {"AuditLog::VerifyChain", kRead,
     [](AuditLog log, const AuditRecord&, const AuditCheckpoint&) { return Shown(log.VerifyChain()); }},
    {"AuditLog::Checkpoint", kRead,
     [](AuditLog log, const AuditRecord&, const AuditCheckpoint&) {
       const auto checkpoint = log.Checkpoint();
       return checkpoint ? ToJson(*checkpoint) : ErrorOf(checkpoint);
     }},
    {"AuditLog::VerifyCheckpoint", kRead,
     [](AuditLog log, const AuditRecord&, const AuditCheckpoint& theirs) {
       const auto report = log.VerifyCheckpoint(theirs);
       return report ? std::string("secret-of-a is genuine") : ErrorOf(report);
     }},
    {"AuditLog::Export", kRead,
     [](AuditLog log, const AuditRecord&, const AuditCheckpoint&) {
       std::string lines;
       const auto exported = log.Export([&](std::string_view line) {
         lines += line;
         return Result<void>();
       });
       return lines + ErrorOf(exported);
     }},
};

class AuditTenancyTest : public test::AuditTest {};
JAMMI_ON_EVERY_DATABASE(AuditTenancyTest);

TEST_P(AuditTenancyTest, NoVerbShowsOrChangesWhatIsAnothers) {
  AuditedQuery secret = Query(1, "secret-of-a");
  const AuditRecord record = Ok(LogOne(A(), secret))[0];
  const AuditCheckpoint checkpoint = Ok(A().Checkpoint());
  for (const Verb& verb : kVerbs) {
    SCOPED_TRACE(verb.name);
    const std::string answer = verb.call(B(), record, checkpoint);
    EXPECT_THAT(answer, Not(HasSubstr("secret-of-a")));
    EXPECT_THAT(answer, Not(HasSubstr(kA.Key())));
    EXPECT_THAT(verb.call(node_.Of(kGlobal), record, checkpoint), HasSubstr("has no tenant"));
    EXPECT_EQ(*Ok(A().Find(record.query_id)), record);
    EXPECT_EQ(Ok(A().Recent(100)).size(), 1U);
    EXPECT_TRUE(Ok(A().VerifyChain()).intact());
    EXPECT_EQ(Announced(kA).size(), 1U);
    // It works for its owner, so that the others were refused for who they are.
    EXPECT_THAT(verb.call(A(), record, checkpoint), Not(HasSubstr("has no tenant")));
  }
}

}  // namespace
}  // namespace jammi
