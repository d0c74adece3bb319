// Connections to real servers: who may, who may not, and coming back.
#include "nats/connection.h"

#include <fstream>

#include "nats/test_support.h"
#include "support/temp_dir.h"

namespace jammi::nats {
namespace {

using testing::HasSubstr;
using testing::Not;

class ConnectionTest : public NatsTest {
 protected:
  static void ExpectEcho(Connection& connection) {
    Mailbox<std::string> arrived;
    const auto inbox = connection.Subscribe("echo", [&](const auto& message) {
      arrived.Put(fmt::format("{}/{}", message->body(), message->Header("h").value_or("none")));
    });
    NATS_OK_OR_FAIL(inbox);
    NATS_OK_OR_FAIL(connection.Publish({.subject = "echo", .headers = {{"h", "v"}}, .body = "one"}));
    NATS_OK_OR_FAIL(connection.Publish({.subject = "echo", .headers = {}, .body = "two"}));
    EXPECT_THAT(arrived.Await(2), testing::ElementsAre("one/v", "two/none"));
  }
  // The server says no, and nothing that we know of it says what the password was.
  static void ExpectRefused(const ConnectionOptions& options, const std::string& secret) {
    const auto connection = Open(options);
    ASSERT_TRUE(AwaitTrue([&] {
      const auto refused = connection->AwaitConnected(Deadline::Now());
      return !refused && refused.error().code() == ErrorCode::kPermissionDenied;
    })) << connection->reason();
    const auto refused = connection->AwaitConnected(Deadline::Now());
    EXPECT_NE(refused.error().As<BrokerDetail>(), nullptr);
    EXPECT_THAT(refused.error().ToString(), Not(HasSubstr(secret)));
    EXPECT_THAT(connection->Publish({.subject = "s", .headers = {}, .body = ""}).error().ToString(),
                Not(HasSubstr(secret)));
  }
};
JAMMI_ON_EVERY_NATS(ConnectionTest);

TEST_P(ConnectionTest, Anonymous) {
  const Server server(With(Server::Login::kNobody));
  const auto connection = Connect(To(server.Url()));
  ExpectEcho(*connection);
  EXPECT_EQ(connection->max_payload(), size_t{1} << 20);
  EXPECT_EQ(connection->reason(), "");
}

TEST_P(ConnectionTest, UserAndPasswordInTheAddressOrBesideIt) {
  const Server server(With(Server::Login::kPassword));
  ExpectEcho(*Connect(To(server.UrlWithLogin())));
  auto beside = To(server.Url());
  beside.user = Server::kUser;
  beside.password = Secret(Server::kPassword);
  ExpectEcho(*Connect(beside));
  beside.password = Secret("hunter2");
  ExpectRefused(beside, "hunter2");
  ExpectRefused(To("nats://jammi:hunter2@127.0.0.1:" + std::to_string(server.port())), "hunter2");
}

TEST_P(ConnectionTest, Token) {
  const Server server(With(Server::Login::kToken));
  ExpectEcho(*Connect(To(server.UrlWithLogin())));
  auto beside = To(server.Url());
  beside.token = Secret("hunter2");
  ExpectRefused(beside, "hunter2");
}

TEST_P(ConnectionTest, CredentialsFile) {
  const Server server(With(Server::Login::kCredentials));
  auto options = To(server.Url());
  options.credentials_path = server.credentials_path();
  const auto connection = Connect(options);
  ExpectEcho(*connection);
  EXPECT_TRUE(JetStream(*connection).EnsureStream({.name = "s", .subjects = {"s.>"}}));
  options.credentials_path = server.stranger_path();
  ExpectRefused(options, "SEED");
}

TEST_P(ConnectionTest, TlsWithAPrivateAuthorityAndAClientCertificate) {
  const Server server(
      {.version = GetParam(), .login = Server::Login::kPassword, .tls = true, .client_certificate = true});
  auto options = To(server.UrlWithLogin());
  options.authority_path = server.authority_path();
  options.certificate_path = server.certificate_path();
  options.key_path = server.key_path();
  ExpectEcho(*Connect(options));

  // An authority that has not signed it.
  const Server other({.version = GetParam(), .tls = true});
  options.authority_path = other.authority_path();
  const auto distrusted = Open(options);
  ASSERT_TRUE(AwaitTrue([&] { return !distrusted->reason().ends_with("not connected yet"); }));
  EXPECT_FALSE(distrusted->connected());
  EXPECT_THAT(distrusted->reason(), Not(HasSubstr("sesame")));
}

TEST_P(ConnectionTest, WhatCannotWorkIsRefusedAtOnceByName) {
  const test::TempDir folder;
  const auto expect = [](const ConnectionOptions& options, const std::string& why) {
    const auto refused = Connection::Open(options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().message(), HasSubstr(why));
    EXPECT_THAT(refused.error().message(), testing::Not(HasSubstr("hunter2")));
  };
  auto options = To("nats://host");
  options.credentials_path = folder / "none.creds";
  expect(options, "none.creds cannot be read");
  std::ofstream(options.credentials_path) << "hunter2";
  expect(options, "none.creds has no 'BEGIN NATS USER JWT' in it");
  options.token = Secret("t");
  expect(options, "give one of");
  options = To("nats://host");
  options.certificate_path = folder / "x.crt";
  expect(options, "need each other");
  options = To("nats://u:p@host");
  options.token = Secret("t");
  expect(options, "in the server's address and beside it");
}

TEST_P(ConnectionTest, ItComesUpWhenTheServerDoesAndComesBackByItself) {
  Server server(With(Server::Login::kNobody));
  server.Stop();
  const auto connection = Open(To(server.Url()));
  EXPECT_EQ(connection->AwaitConnected(Deadline::Now()).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(connection->Publish({.subject = "s", .headers = {}, .body = ""}).error().code(),
            ErrorCode::kUnavailable);
  Mailbox<bool> states;
  const auto listener = connection->Listen([&](bool connected) { states.Put(connected); });
  server.Start();
  NATS_OK_OR_FAIL(connection->AwaitConnected(Soon()));
  EXPECT_EQ(connection->generation(), 1U);
  server.Kill();
  EXPECT_THAT(states.Await(2), testing::ElementsAre(true, false));
  server.Start();
  EXPECT_THAT(states.Await(3), testing::ElementsAre(true, false, true));
  EXPECT_EQ(connection->generation(), 2U);
  connection->StopListening(listener);
  ExpectEcho(*connection);
}

TEST_P(ConnectionTest, AServerThatHangsIsTakenForGoneAndItsReturnIsNoticed) {
  Server server(With(Server::Login::kNobody));
  const auto connection = Connect(To(server.Url()));
  server.Suspend();
  ASSERT_TRUE(AwaitTrue([&] { return !connection->connected(); }));
  server.Resume();
  NATS_OK_OR_FAIL(connection->AwaitConnected(Soon()));
  ExpectEcho(*connection);
}

TEST_P(ConnectionTest, AClosedInboxReceivesNothingMoreAndAClosedConnectionNeither) {
  const Server server(With(Server::Login::kNobody));
  const auto connection = Connect(To(server.Url()));
  std::atomic<int> first = 0;
  Mailbox<int> second;
  auto inbox = connection->Subscribe("s", [&](const auto&) { ++first; });
  const auto other = connection->Subscribe("s", [&](const auto&) { second.Put(0); });
  NATS_OK_OR_FAIL(connection->Publish({.subject = "s", .headers = {}, .body = ""}));
  second.Await(1);
  ASSERT_TRUE(AwaitTrue([&] { return first == 1; }));
  inbox->reset();
  NATS_OK_OR_FAIL(connection->Publish({.subject = "s", .headers = {}, .body = ""}));
  second.Await(2);
  EXPECT_EQ(first, 1);
  connection->Close();
  EXPECT_FALSE(connection->Subscribe("s", [](const auto&) {}));
}

TEST_P(ConnectionTest, ARequestNobodyAnswersIsNotFound) {
  const Server server(With(Server::Login::kNobody));
  const auto connection = Connect(To(server.Url()));
  EXPECT_EQ(connection->Request("nobody", "", std::chrono::seconds(5)).error().code(), ErrorCode::kNotFound);
}

TEST_P(ConnectionTest, WorkRunsInOrderAndLaterWorkLater) {
  const Server server(With(Server::Login::kNobody));
  const auto connection = Open(To(server.Url()));
  Mailbox<int> ran;
  connection->PostAfter(std::chrono::milliseconds(20), [&] { ran.Put(3); });
  connection->Post([&] { ran.Put(1); });
  connection->Post([&] { ran.Put(2); });
  EXPECT_THAT(ran.Await(3), testing::ElementsAre(1, 2, 3));
  connection->Close();
}

}  // namespace
}  // namespace jammi::nats
