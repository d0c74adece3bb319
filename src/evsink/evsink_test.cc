// Runs the built program and reads what it says; no server is there.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <cstring>
#include <sstream>
#include <thread>

#include "command_line/progress.h"
#include "evsink/evsink_fixture.h"

namespace jammi::evsink {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// For redirections.
class Shell : public test::ProgramTest {
 public:
  Shell() : ProgramTest("/bin/sh") {}
  using ProgramTest::Run;

 private:
  void TestBody() override {}
};

// Nobody listens there.
const std::vector<std::string> kNoServer = {"NATS_URL=nats://127.0.0.1:1"};
const std::string kSeed = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
std::vector<std::string> Signing(const std::string& algorithm, const std::string& key) {
  return {"CELLOS_EVENT_SIGNING=" + algorithm, "CELLOS_EVENT_SIGNING_KID=kid",
          "CELLOS_EVENT_SIGNING_KEY_BASE64=" + key};
}

// --- The command line

TEST_F(Evsink, VersionAndHelp) {
  EXPECT_EQ(Run({"--version"}).out, "evsink " JAMMI_VERSION "\n");
  const auto help = Run({"--help"});
  EXPECT_EQ(help.exit, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("Examples:"), HasSubstr("Exit status:")));
  for (const auto* verb :
       {"emit", "replay", "doctor", "validate", "subject", "redact", "sign", "verify", "backoff"}) {
    EXPECT_THAT(Run({verb, "--help"}).out, HasSubstr(std::string("\n  evsink ") + verb)) << verb;
  }
}

TEST_F(Evsink, WrongUsageIsTwoAndNamesWhatWasMeant) {
  EXPECT_EQ(Run({}).exit, 2);
  EXPECT_THAT(Run({"emt"}).err, StartsWith("evsink: there is no command 'emt'; did you mean emit?\n"));
  EXPECT_THAT(Run({"emit", "--ack-timout", "5s"}).err,
              StartsWith("evsink emit: there is no option --ack-timout; did you mean --ack-timeout?\n"));
  EXPECT_THAT(Run({"emit", "--ack-timeout", "5"}, kNoServer).err,
              HasSubstr("ack_timeout: '5': expected a duration such as"));
  EXPECT_THAT(Run({"emit"}, {"EVSINK_ACK_TIMOUT=5s"}).err, HasSubstr("did you mean EVSINK_ACK_TIMEOUT?"));
  EXPECT_THAT(Run({"backoff", "--base", "x"}).err, HasSubstr("expected a duration"));
  EXPECT_THAT(Run({"redact"}).err, HasSubstr("--fields argv,path"));
  EXPECT_THAT(Run({"replay"}).err, HasSubstr("--dir DIR"));
  EXPECT_THAT(Run({"sign"}).err, HasSubstr("signing is off"));
  EXPECT_THAT(Run({"verify"}).err, HasSubstr("--keys FILE"));
  EXPECT_THAT(Run({"subject", "--run-id", "r"}).err, HasSubstr("--spec-id is missing"));
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"emit", "--ack-timeout", "5"},
                                                {"backoff", "--base", "x"},
                                                {"redact"},
                                                {"replay"},
                                                {"sign"},
                                                {"verify"},
                                                {"subject", "--template", "a.{foo}"}}) {
    const auto run = Run(wrong, kNoServer);
    EXPECT_EQ(run.exit, 2) << wrong[0];
    EXPECT_EQ(run.out, "");
  }
}

// --- Input and output

TEST_F(Evsink, LinesComeFromFilesAndStandardInput) {
  Write("a.jsonl", std::string("\n") + kE1 + "  \r\n");
  const auto run = RunWith(std::string(kE2).substr(0, strlen(kE2) - 1), {"validate", "a.jsonl", "-"});
  EXPECT_EQ(run.exit, 0) << run.err;
  EXPECT_EQ(run.out,
            "{\"file\":\"a.jsonl\",\"line\":2,\"id\":\"e1\",\"valid\":true}\n"
            "{\"line\":1,\"id\":\"e2\",\"valid\":true}\n");
}

// Some programs begin a file with a mark, which is no part of its first line. It used to be refused.
TEST_F(Evsink, AFileMayBeginWithAByteOrderMark) {
  Write("a.jsonl", std::string("\xef\xbb\xbf") + kE1);
  Write("b.jsonl", std::string("\xef\xbb\xbf\n") + kE2 + "\xef\xbb\xbf" + kE2);
  const auto run = Run({"validate", "a.jsonl", "b.jsonl"});
  EXPECT_EQ(run.exit, 1);
  EXPECT_THAT(run.out, StartsWith("{\"file\":\"a.jsonl\",\"line\":1,\"id\":\"e1\",\"valid\":true}\n"
                                  "{\"file\":\"b.jsonl\",\"line\":2,\"id\":\"e2\",\"valid\":true}\n"
                                  "{\"file\":\"b.jsonl\",\"line\":3,\"valid\":false,"));
}

// Both used to be "no JSON object".
TEST_F(Evsink, ALineThatIsNoUtf8HasWordsOfItsOwn) {
  EXPECT_THAT(RunWith("[]\n", {"validate"}).out,
              HasSubstr("is not one JSON object: no JSON object at byte 0"));
  EXPECT_THAT(RunWith("\xff\xfe{}\n", {"validate"}).out,
              HasSubstr("is not one JSON object: no UTF-8 at byte 0"));
}

TEST_F(Evsink, AStandardInputThatIsClosedIsNoEmptyOne) {
  const Shell shell;
  const auto run = shell.Run({"-c", JAMMI_PROGRAM " validate <&-"});
  EXPECT_EQ(run.exit, 5);
  EXPECT_EQ(run.err, "evsink: cannot read standard input: it is closed\n");
}

TEST_F(Evsink, AFileThatCannotBeReadIsNamedAndTheOthersAreRead) {
  Write("b.jsonl", kE2);
  const auto run = Run({"validate", "gone.jsonl", "b.jsonl"});
  EXPECT_EQ(run.exit, 5);
  EXPECT_EQ(run.err, "evsink: cannot read gone.jsonl: No such file or directory\n");
  EXPECT_THAT(run.out, HasSubstr("\"e2\""));
}

TEST_F(Evsink, ALineWithoutEndIsRefusedAndDoesNotFillTheMemory) {
  const auto run = RunWith(std::string(size_t{40} << 20, 'x') + "\n" + kE2, {"validate"});
  EXPECT_EQ(run.exit, 1);
  EXPECT_THAT(run.out, AllOf(HasSubstr("longer than 16 MiB"), HasSubstr("{\"line\":2,\"id\":\"e2\"")));
}

TEST_F(Evsink, AnOutputThatCannotBeWrittenIsFive) {
  std::filesystem::create_symlink("/dev/full", directory_ / "full");
  Write("a.jsonl", kE1);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"validate", "a.jsonl"}, {"emit", "--noop", "a.jsonl"}}) {
    const auto run = Run(arguments, {}, "full");
    EXPECT_EQ(run.exit, 5) << arguments[0];
    EXPECT_THAT(run.err, HasSubstr("cannot write the output"));
  }
}

// --- validate, subject, redact, backoff

TEST_F(Evsink, ValidateSaysEveryFinding) {
  const auto run = RunWith(R"({"specversion":"0.3","id":"","source":"s","type":"t"})"
                           "\n" +
                               std::string(kE2),
                           {"validate", "--quiet"});
  EXPECT_EQ(run.exit, 1);
  EXPECT_EQ(run.out, R"({"line":1,"valid":false,"findings":[)"
                     R"({"code":"bad_specversion","attribute":"specversion","message":"is not \"1.0\""},)"
                     R"({"code":"empty_attribute","attribute":"id","message":"is empty"}]})"
                     "\n");
}

// T40 to T45
TEST_F(Evsink, T40SubjectsOfEvents) {
  const auto event = [](const std::string& tenant) {
    return R"({"specversion":"1.0","id":"1","source":"s","type":"t","data":{"tenantId":")" + tenant +
           "\"}}\n";
  };
  const auto subject = [&](const std::string& input, const std::vector<std::string>& more = {}) {
    return RunWith(input, std::vector<std::string>{"subject", "--template", "a.{tenantId}.b"} + more);
  };
  EXPECT_EQ(subject(kE1).out, "{\"line\":1,\"id\":\"e1\",\"subject\":\"a.single.b\"}\n");
  EXPECT_THAT(subject(event("acme.eu")).out, HasSubstr("\"a.acme=2Eeu.b\""));
  EXPECT_THAT(subject(event("single")).out, HasSubstr("\"a.=73ingle.b\""));
  EXPECT_THAT(subject(event("{tenantId}")).out, HasSubstr("\"a.=7BtenantId=7D.b\""));
  const auto refused = subject(event("acme eu"), {"--tenant-policy", "verbatim"});
  EXPECT_EQ(refused.exit, 1);
  EXPECT_THAT(refused.out, HasSubstr("\"kind\":\"InvalidSubject\",\"class\":\"Event\""));
}

// SNK-042
TEST_F(Evsink, Snk042TheSubjectOfARun) {
  EXPECT_THAT(RunWith(kE1, {"subject", "--spec-id", "demo", "--run-id", "r7"}, {"CELLOS_TENANT_ID=a.b"}).out,
              HasSubstr("\"cellos.events.a=2Eb.demo.r7\""));
  EXPECT_THAT(RunWith(kE1, {"subject"}).out, HasSubstr("\"cellos.events.v1\""));
}

// T80
TEST_F(Evsink, T80RedactPrintsTheEvents) {
  const auto run = RunWith(
      R"({"specversion":"1.0","id":"1","source":"s","type":"t","data":{"argv":["x"],"a":[{"argv":"y"}],"argv2":1}})",
      {"redact", "--fields", "argv"});
  EXPECT_EQ(run.exit, 0);
  EXPECT_THAT(
      run.out,
      HasSubstr(R"("data":{"a":[{"argv":"[redacted]"}],"argv":["[redacted]"],"argv2":1},"time":null)"));
  const auto bad = RunWith("no event\n", {"redact", "--fields", "argv"});
  EXPECT_EQ(bad.exit, 1);
  EXPECT_EQ(bad.out, "");
  EXPECT_THAT(bad.err, StartsWith("{\"line\":1,\"error\":{\"kind\":\"InvalidEvent\""));
}

// T29
TEST_F(Evsink, T29TheScheduleOfTheCircuit) {
  const auto run = Run({"backoff", "--attempts", "13"});
  EXPECT_EQ(run.exit, 0);
  EXPECT_THAT(run.out,
              AllOf(StartsWith("{\"attempt\":0,\"wait_ms\":100}\n"),
                    HasSubstr("{\"attempt\":10,\"wait_ms\":102400}\n"),
                    EndsWith("{\"attempt\":11,\"wait_ms\":180000}\n{\"attempt\":12,\"wait_ms\":180000}\n")));
}

// --- sign, verify

// T86, T87
TEST_F(Evsink, T86T87SignaturesAreThoseOfTheFamily) {
  EXPECT_THAT(RunWith(kE1, {"sign"}, Signing("hmac", "dGVzdC1rZXk")).out,
              HasSubstr("\"signature\":\"-0AVnOvhYAIzxzaudhgHMSmOGY6EOYgdGrmt1Nj2LkM\""));
  EXPECT_THAT(RunWith(kE1, {"sign"}, Signing("ed25519", kSeed)).out,
              HasSubstr("\"signature\":\"_vg9hR6ps84qNh9rwrgM_rZYv0MbHM0XayTaUBDe8ifGy_TL-"
                        "aqi8zfLdKlvAnj0sMa0sejTNRRFZilWvE2ZAw\""));
  EXPECT_EQ(Run({"sign", "--public-key"}, Signing("ed25519", kSeed)).out,
            "{\"kid\":\"A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg\"}\n");
}

// T88, T90
TEST_F(Evsink, T88T90WhatWasSignedVerifiesAndNothingElseDoes) {
  Write("keys.json", Run({"sign", "--public-key"}, Signing("ed25519", kSeed)).out);
  const std::string archive = RunWith(kE1, {"sign"}, Signing("ed25519", kSeed)).out;
  const auto verify = [&](const std::string& input, const std::vector<std::string>& more = {},
                          const std::vector<std::string>& variables = {}) {
    return RunWith(input, std::vector<std::string>{"verify", "--keys", "keys.json"} + more, variables);
  };
  EXPECT_EQ(verify(archive).out,
            "{\"line\":1,\"id\":\"e1\",\"verified\":true,\"kid\":\"kid\",\"algorithm\":\"ed25519\"}\n");
  EXPECT_EQ(verify(archive).exit, 0);
  EXPECT_THAT(verify(archive, {"--events"}).out, StartsWith("{\"specversion\":\"1.0\",\"id\":\"e1\""));

  std::string changed = archive;
  changed.replace(changed.find("\"n\":1"), 5, "\"n\":2");
  EXPECT_EQ(verify(changed).exit, 4);
  EXPECT_THAT(verify(changed).out, HasSubstr("\"verified\":false,\"reason\":\"bad_signature\""));
  EXPECT_EQ(verify(changed, {"--events"}).out, "");

  EXPECT_EQ(verify(kE1).exit, 0);
  EXPECT_EQ(verify(kE1, {"--require-signed"}).exit, 4);
  EXPECT_EQ(verify(kE1, {}, {"CELLOS_EVENT_REQUIRE_SIGNED=1"}).exit, 4);
  EXPECT_EQ(verify(kE1, {}, {"CELLOS_EVENT_REQUIRE_SIGNED=0"}).exit, 0);
  EXPECT_EQ(verify(kE1, {}, {"CELLOS_EVENT_REQUIRE_SIGNED=maybe"}).exit, 2);
  EXPECT_EQ(verify("garbage\n").exit, 4);
  EXPECT_EQ(RunWith(archive, {"verify", "--keys", "gone.json"}).exit, 2);
}

TEST_F(Evsink, HmacIsVerifiedWithTheKeyThatSigned) {
  const auto signing = Signing("hmac", "dGVzdC1rZXk");
  EXPECT_EQ(RunWith(RunWith(kE1, {"sign"}, signing).out, {"verify", "--require-signed"}, signing).exit, 0);
  EXPECT_EQ(RunWith(RunWith(kE1, {"sign"}, signing).out, {"verify"}, Signing("hmac", "AA")).exit, 4);
}

// T89: asked to sign, and unable to: no event leaves unsigned.
TEST_F(Evsink, T89WithoutAUsableKeyNothingIsSigned) {
  const auto run = RunWith(kE1, {"sign"}, Signing("ed25519", "AAECAw"));
  EXPECT_EQ(run.exit, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, AllOf(HasSubstr("CELLOS_EVENT_SIGNING_KEY_BASE64"), Not(HasSubstr("AAECAw"))));
}

// --- emit, replay, doctor without a server

// T61: the family's default. That nothing was delivered is said, and is no success.
TEST_F(Evsink, T61WithoutAServerEventsAreDiscardedAloud) {
  const auto run = RunWith(kE1, {"emit"}, {"NATS_URL=nats://u:hunter2@127.0.0.1:1"});
  EXPECT_EQ(run.exit, 3);
  EXPECT_EQ(run.out, "{\"line\":1,\"id\":\"e1\",\"outcome\":\"discarded\"}\n");
  EXPECT_THAT(run.err, AllOf(HasSubstr("DISCARDED"), HasSubstr("1 discarded"), Not(HasSubstr("hunter2"))));
}

// T62, T63, T64
TEST_F(Evsink, T62T63T64TheStartsThatAreAskedFor) {
  const auto required = RunWith(kE1, {"emit", "--require"}, kNoServer);
  EXPECT_EQ(required.exit, 3);
  EXPECT_EQ(required.out, "");
  EXPECT_EQ(RunWith(kE1, {"emit", "--noop"}, kNoServer).exit, 0);
  const auto strict = RunWith(kE1, {"emit", "--noop", "--require", "--strict"}, kNoServer);
  EXPECT_EQ(strict.exit, 2);
  EXPECT_THAT(strict.err, HasSubstr("CELL_OS_USE_NOOP_SINK: "));
  EXPECT_EQ(RunWith(kE1, {"emit", "--strict"}, kNoServer).exit, 2);
}

TEST_F(Evsink, WhatIsSpilledIsSixAndNamesItsFile) {
  std::filesystem::create_directory(directory_ / "dlq");
  const auto run =
      RunWith(std::string(kE1) + kE2, {"emit", "--start", "background", "--dlq-dir", "dlq"}, kNoServer);
  EXPECT_EQ(run.exit, 6) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("\"id\":\"e1\",\"outcome\":\"spilled\",\"dead_letter\":\"dlq/"),
                             HasSubstr("\"id\":\"e2\",\"outcome\":\"spilled\"")));
  EXPECT_THAT(run.err, HasSubstr("2 spilled to the dead letters"));

  const auto dry = Run({"replay", "--dir", "dlq", "--dry-run"}, kNoServer);
  EXPECT_EQ(dry.exit, 0);
  EXPECT_EQ(dry.out, "{\"files\":2,\"would_send\":2,\"would_quarantine\":0,\"left\":0}\n");
  EXPECT_EQ(Run({"replay", "--dir", "dlq"}, kNoServer).exit, 3);
  EXPECT_EQ(Run({"replay", "--dir", "gone", "--dry-run"}, kNoServer).exit, 5);
}

// It is in the help of replay, and was ignored there.
TEST_F(Evsink, ReplayTakesTheDirectoryOfTheDeadLettersByItsFlag) {
  std::filesystem::create_directory(directory_ / "dlq");
  const auto run = Run({"replay", "--dlq-dir", "dlq", "--dry-run"});
  EXPECT_EQ(run.exit, 0) << run.err;
  EXPECT_EQ(run.out, Run({"replay", "--dir", "dlq", "--dry-run"}).out);
  EXPECT_EQ(Run({"replay", "--dlq-dir", "dlq", "--dry-run"}, {"CELLOS_DLQ_DIR=/nowhere"}).exit, 0);
  EXPECT_EQ(Run({"replay", "--dlq-dir", "dlq", "--dir", "dlq", "--dry-run"}).exit, 2);
}

TEST_F(Evsink, W11WhatASpoolHoldsIsSix) {
  const auto run = RunWith(kE1, {"emit", "--spool-dir", "spool", "--drain-timeout", "50ms"}, kNoServer);
  EXPECT_EQ(run.exit, 6) << run.err;
  EXPECT_THAT(run.out, HasSubstr("\"outcome\":\"spooled\""));
  EXPECT_THAT(run.err, HasSubstr("1 wait in the spool"));
}

TEST_F(Evsink, TheMirrorHasWhatWasEmittedWhenTheProgramEnds) {
  EXPECT_EQ(RunWith(kE2, {"emit", "--noop", "--jsonl", "mirror.jsonl"}).exit, 0);
  EXPECT_THAT(Read("mirror.jsonl"), StartsWith("{\"specversion\":\"1.0\",\"id\":\"e2\""));
}

TEST_F(Evsink, DoctorSaysWhatIsWrongWithThisMachine) {
  const auto away = Run({"doctor"}, kNoServer);
  EXPECT_EQ(away.exit, 3);
  EXPECT_THAT(away.out, HasSubstr("{\"check\":\"connection\",\"status\":\"failed\",\"error\":{\"kind\":"
                                  "\"ConnectFailed\",\"class\":\"Start\""));
  const auto noop = Run({"doctor", "--noop", "--dlq-dir", "gone"}, Signing("ed25519", kSeed));
  EXPECT_EQ(noop.exit, 5);
  EXPECT_THAT(noop.out, AllOf(HasSubstr("no delivery"), HasSubstr("\"check\":\"signing\",\"status\":\"ok\""),
                              HasSubstr("\"check\":\"dead_letters\",\"status\":\"failed\"")));
}

// --- Signals

// What was read has its outcome, and what was left is said.
TEST_F(Evsink, ASignalEndsTheReadingAndNothingThatWasReadIsLost) {
  const auto pipe = directory_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int writer = ::open(pipe.c_str(), O_RDWR);
  ASSERT_GE(writer, 0);
  const pid_t child = Start({"emit", "--noop"}, {}, {.in = pipe.string()});
  ASSERT_EQ(::write(writer, kE1, strlen(kE1)), static_cast<ssize_t>(strlen(kE1)));
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (Read("out").empty() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ::kill(child, SIGTERM);
  const auto run = Finish(child, "out", "err");
  ::close(writer);
  EXPECT_EQ(run.exit, 1);
  EXPECT_EQ(run.out, "{\"line\":1,\"id\":\"e1\",\"outcome\":\"discarded\"}\n");
  EXPECT_THAT(run.err, HasSubstr("stopped after 1 events; what follows was not read"));
}

// --- The progress line

TEST(Progress, IsForTerminalsAndForLongRuns) {
  auto now = Progress::TimePoint();
  std::ostringstream shown;
  {
    Progress progress(shown, true, [&] { return now; });
    progress.Update(10, 0, 10, 100);
    EXPECT_EQ(shown.str(), "");
    now += std::chrono::seconds(1);
    progress.Update(50, 2, 50, 100);
    EXPECT_EQ(shown.str(), "\r\x1b[K50 events, 2 failed, 50 %");
    progress.Update(51, 2, 51, 100);  // too soon
    EXPECT_THAT(shown.str(), EndsWith("50 %"));
  }
  EXPECT_THAT(shown.str(), EndsWith("\r\x1b[K"));

  std::ostringstream file;
  Progress quiet(file, false, [&] { return now; });
  now += std::chrono::hours(1);
  quiet.Update(50, 2, 50, std::nullopt);
  quiet.Clear();
  EXPECT_THAT(file.str(), IsEmpty());
}

}  // namespace
}  // namespace jammi::evsink
