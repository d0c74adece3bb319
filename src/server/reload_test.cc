// SIGHUP and real files: what the program reads again, and what stays in force when it cannot (SRV-014,
// SRV-033).
#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>

#include "access/token_file.h"
#include "client/rpc_channel.h"
#include "jammi/engine.h"
#include "jammi/v1/catalog.pb.h"
#include "jammi/v1/trigger.pb.h"
#include "support/certificates.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

namespace fs = std::filesystem;
using google::protobuf::Empty;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr auto kOver = fs::copy_options::overwrite_existing;
constexpr auto kOwnerOnly = fs::perms::owner_read | fs::perms::owner_write;

// A server with the certificate "one" that lets `old_` in, and a topic with an event.
class ReloadTest : public testing::Test {
 protected:
  ReloadTest() {
    for (const auto* name : {"one", "two"}) MakeCertificate(folder_.path(), name);
    Use("one");
    WriteTokens(LineOf(old_));
    MakeTopic();
    server_.emplace(
        ServerProcess::Options{.program = JAMMI_PROGRAM,
                               .variables = {{"JAMMI_ARTIFACT_DIR", Path("state")},
                                             {"JAMMI_SERVER__TOKEN_PATH", Path("tokens")},
                                             {"JAMMI_SERVER__TLS_CERTIFICATE_PATH", Path("server.crt")},
                                             {"JAMMI_SERVER__TLS_KEY_PATH", Path("server.key")}}});
  }
  ~ReloadTest() override { EXPECT_EQ(server_->Stop(), 0); }

  std::string Path(const std::string& file) const { return folder_.path() / file; }
  void Use(const std::string& name) const {
    for (const std::string part : {".crt", ".key"})
      fs::copy_file(Path(name + part), Path("server" + part), kOver);
  }
  static std::string LineOf(const std::string& token, const std::string& tenants = "*") {
    return FormatTokenEntry({.principal = "ops",
                             .role = RpcRole::kReader,
                             .grant = TenantGrant::Parse(tenants).value(),
                             .digest = DigestOfToken(token)}) +
           "\n";
  }
  void Write(const std::string& file, std::string_view text) const {
    std::ofstream(Path(file), std::ios::trunc) << text;
  }
  void WriteTokens(std::string_view lines) const {
    Write("tokens", lines);
    fs::permissions(Path("tokens"), kOwnerOnly);
  }
  void MakeTopic() const {
    Config config;
    config.artifact_dir = Path("state");
    const auto engine = Engine::Open(config).value();
    const auto schema = arrow::schema({arrow::field("n", arrow::int64())});
    const auto topic = engine->Global().topics().Register("numbers", schema);
    const auto row = arrow::RecordBatch::Make(schema, 1, {*arrow::MakeArrayOfNull(arrow::int64(), 1)});
    EXPECT_TRUE(engine->Global().Publish(topic->id, row));
  }
  // What the log says of it.
  std::string Hangup() {
    server_->process().Signal(SIGHUP);
    while (const auto line = server_->process().ReadLine()) {
      if (line->find("SIGHUP") != std::string::npos) return *line;
    }
    return "the server has ended";
  }

  // A new connection, which takes the server for who has that certificate.
  RpcChannel Connect(const std::string& certificate, const std::string& token) const {
    return *RpcChannel::Open({.target = "grpcs://" + server_->flight(),
                              .token = Secret(token),
                              .ca_file = Path(certificate + ".crt")});
  }
  static std::string Ask(const RpcChannel& channel) {
    const auto answer =
        channel.Call<v1::catalog::ServerInfo>("/jammi.v1.catalog.CatalogService/GetServerInfo", Empty());
    return answer ? "served" : answer.error().message();
  }
  std::string Ask(const std::string& certificate, const std::string& token) const {
    return Ask(Connect(certificate, token));
  }

  // From the event on, which has come.
  ServerStream<v1::trigger::SubscribedBatch> Subscribe(const std::string& token,
                                                       const std::string& tenant = {}) const {
    v1::trigger::SubscribeRequest request;
    request.mutable_topic()->set_name("numbers");
    request.set_tenant_id(tenant);
    request.set_from_offset(0);
    auto stream =
        Connect("one", token)
            .Stream<v1::trigger::SubscribedBatch>("/jammi.v1.trigger.TriggerService/Subscribe", request);
    const auto read = stream.Read();
    EXPECT_TRUE(read && *read);
    return stream;
  }

  const TempDir folder_{TempDir::On::kMemory};
  const std::string old_ = NewToken();
  const std::string new_ = NewToken();
  std::optional<ServerProcess> server_;
};

const auto kReadAgain = HasSubstr(" info SIGHUP: tokens and certificates were read again");
const auto kRefused = HasSubstr("not authenticated: the token is not known to this server");
const auto kNotTrusted = HasSubstr("certificate verify failed");

testing::Matcher<std::string> Loudly(const std::string& what) {
  return AllOf(HasSubstr(" error SIGHUP: not all could be read again"), HasSubstr(what));
}

TEST_F(ReloadTest, Srv014NewConnectionsSeeTheNewCertificateAndOldOnesGoOn) {
  const auto before = Connect("one", old_);
  EXPECT_EQ(Ask(before), "served");
  auto held = before.Converse<Empty, Empty>("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
  ASSERT_TRUE(held.Write(Empty()) && held.Read());

  Use("two");
  EXPECT_EQ(Ask("one", old_), "served") << "not before it is said";
  EXPECT_THAT(Hangup(), kReadAgain);
  EXPECT_EQ(Ask("two", old_), "served");
  EXPECT_THAT(Ask("one", old_), kNotTrusted);
  EXPECT_EQ(Ask(before), "served") << "what it trusts is no longer shown, but its connection lives";
  EXPECT_TRUE(held.Write(Empty()) && held.Read());
}

TEST_F(ReloadTest, Srv014ACertificateThatCannotBeUsedLeavesTheOldOne) {
  const std::string certificate = "server.tls_certificate_path: " + Path("server.crt") + ": ";
  const std::string key = "server.tls_key_path: " + Path("server.key") + ": ";
  Write("server.crt", "-----BEGIN CERTIFICATE-----\nMIIB");
  EXPECT_THAT(Hangup(), Loudly(certificate + "it holds no certificate"));
  EXPECT_EQ(Ask("one", old_), "served");
  fs::copy_file(Path("two.crt"), Path("server.crt"), kOver);
  EXPECT_THAT(Hangup(), Loudly(key + "it is not the key of the certificate"));
  EXPECT_EQ(Ask("one", old_), "served");
  fs::remove(Path("server.key"));
  EXPECT_THAT(Hangup(), Loudly(key + "No such file"));
  EXPECT_EQ(Ask("one", old_), "served");
  // Mended, it is taken.
  Use("two");
  EXPECT_THAT(Hangup(), kReadAgain);
  EXPECT_EQ(Ask("two", old_), "served");
}

TEST_F(ReloadTest, Srv033ATokenThatIsTakenAwayIsRefusedAtOnceAndANewOneLetIn) {
  const auto before = Connect("one", old_);
  EXPECT_EQ(Ask(before), "served");
  WriteTokens(LineOf(new_));
  EXPECT_EQ(Ask(before), "served") << "not before it is said";
  EXPECT_THAT(Hangup(), kReadAgain);
  EXPECT_THAT(Ask(before), kRefused) << "its connection is of no matter";
  EXPECT_THAT(Ask("one", old_), kRefused);
  EXPECT_EQ(Ask("one", new_), "served");
}

// They used to go on for ever: who was put out went on reading.
TEST_F(ReloadTest, Srv033StreamsOfATokenThatIsTakenAwayEnd) {
  WriteTokens(LineOf(old_) + LineOf(new_));
  EXPECT_THAT(Hangup(), kReadAgain);
  auto ends = Subscribe(old_);
  auto goes_on = Subscribe(new_);
  WriteTokens(LineOf(new_));
  EXPECT_THAT(Hangup(), kReadAgain);
  const auto read = ends.Read();
  ASSERT_FALSE(read) << "there is no second event";
  EXPECT_THAT(read.error().message(), kRefused);
  goes_on.Cancel();
  EXPECT_EQ(goes_on.Read().error().code(), ErrorCode::kCancelled) << "until now it was open";
}

// A tenant that the request names is the stream's, not the call's: its stream used to go on.
TEST_F(ReloadTest, Srv033AStreamForATenantThatIsTakenAwayEnds) {
  const std::string a = "aaaaaaaa-0000-4000-8000-000000000001";
  const std::string b = "bbbbbbbb-0000-4000-8000-000000000002";
  WriteTokens(LineOf(old_, "global," + a + "," + b));
  EXPECT_THAT(Hangup(), kReadAgain);
  auto ends = Subscribe(old_, b);
  auto goes_on = Subscribe(old_, a);
  auto global = Subscribe(old_);
  WriteTokens(LineOf(old_, "global," + a));
  EXPECT_THAT(Hangup(), kReadAgain);
  const auto read = ends.Read();
  ASSERT_FALSE(read) << "there is no second event";
  EXPECT_THAT(read.error().message(), HasSubstr("no longer has the tenant " + b));
  for (auto* stream : {&goes_on, &global}) {
    stream->Cancel();
    EXPECT_EQ(stream->Read().error().code(), ErrorCode::kCancelled) << "until now it was open";
  }
}

TEST_F(ReloadTest, Srv033AFileOfTokensThatCannotBeUsedLeavesTheOldOnes) {
  const auto stays = [this](const std::string& why) {
    const auto said = Hangup();
    EXPECT_THAT(said, AllOf(Loudly("server.token_path: "), HasSubstr(Path("tokens")), HasSubstr(why)));
    EXPECT_THAT(said, Not(HasSubstr(new_.substr(0, 20)))) << "somebody may have put a token there";
    EXPECT_EQ(Ask("one", old_), "served");
    EXPECT_THAT(Ask("one", new_), kRefused) << "nothing of a broken file counts";
  };
  WriteTokens(LineOf(new_) + "ops reader * " + new_ + "\n");
  stays("line 2: the fourth word is no SHA-256");
  WriteTokens(LineOf(new_));
  fs::permissions(Path("tokens"), fs::perms::others_read, fs::perm_options::add);
  stays("everybody may read it");
  fs::remove(Path("tokens"));
  stays("No such file");
  WriteTokens(LineOf(new_));
  EXPECT_THAT(Hangup(), kReadAgain);
  EXPECT_EQ(Ask("one", new_), "served");
}

// Whoever is put out must be out, also when somebody else has broken the certificate.
TEST_F(ReloadTest, Srv033OneFileThatCannotBeUsedDoesNotHoldUpTheOther) {
  auto open = Subscribe(old_);
  WriteTokens(LineOf(new_));
  Write("server.crt", "");
  EXPECT_THAT(Hangup(), AllOf(Loudly("server.tls_certificate_path"), Not(HasSubstr("server.token_path"))));
  EXPECT_THAT(open.Read().error().message(), kRefused);
  EXPECT_THAT(Ask("one", old_), kRefused);
  EXPECT_EQ(Ask("one", new_), "served");

  WriteTokens("nonsense\n");
  Use("two");
  EXPECT_THAT(Hangup(), AllOf(Loudly("server.token_path"), Not(HasSubstr("server.tls"))));
  EXPECT_EQ(Ask("two", new_), "served");

  Write("server.key", "");
  EXPECT_THAT(Hangup(), AllOf(Loudly("server.token_path"), HasSubstr("server.tls_key_path")))
      << "both are told";
  EXPECT_EQ(Ask("two", new_), "served");
}

// A line for each connection that somebody opens is a disk that anybody fills.
TEST_F(ReloadTest, Srv060HandshakesThatFailAreNotInTheLog) {
  const auto plain = RpcChannel::Open({.target = "grpc://" + server_->flight()}).value();
  EXPECT_NE(Ask(plain), "served");
  EXPECT_THAT(Ask("two", old_), kNotTrusted);
  server_->process().Signal(SIGTERM);
  while (const auto line = server_->process().ReadLine()) EXPECT_THAT(*line, Not(HasSubstr("gRPC")));
}

}  // namespace
}  // namespace jammi::test
