// TLS: which certificates a sink trusts, and what it says of those that it does not.
#include <fstream>

#include "events/sink_natstest_fixture.h"
#include "support/temp_dir.h"

namespace jammi::events {
namespace {

using testing::HasSubstr;

class SinkTlsTest : public SinkNatsTest {
 protected:
  static Server::Options Tls(Server::Certificate certificate = Server::Certificate::kGood) {
    return {.version = GetParam(), .tls = true, .certificate = certificate};
  }
  static Result<std::unique_ptr<JetStreamSink>> ConnectTo(const Server& server,
                                                          const std::filesystem::path& authority) {
    return JetStreamSink::ConnectWithRootCa(Secret(server.Url()), "s.a", authority);
  }
};
JAMMI_ON_EVERY_NATS(SinkTlsTest);

// SNK-070, SNK-072: under nats:// too.
TEST_P(SinkTlsTest, AnAuthorityForcesTls) {
  const Server server(Tls());
  EXPECT_EQ(Start(ConnectTo(server, server.authority_path())), "ok");
}

// T66, SNK-071, W13: before any connection; there is no server here.
TEST_P(SinkTlsTest, T66W13AFileThatHasNoCertificateIsAConfigError) {
  const test::TempDir folder;
  const auto expect = [](const std::filesystem::path& path, const std::string& why) {
    const auto made = JetStreamSink::ConnectWithRootCa(Secret("nats://127.0.0.1:1"), "s.a", path);
    ASSERT_EQ(Start(made), "ConfigError");
    EXPECT_THAT(made.error().message(), HasSubstr(path.string()));
    EXPECT_THAT(made.error().message(), HasSubstr(why));
  };
  expect(folder / "missing.pem", "cannot be read");
  std::ofstream(folder / "empty.pem").flush();
  expect(folder / "empty.pem", "is empty");
  std::ofstream(folder / "text.pem") << "not a certificate";
  expect(folder / "text.pem", "has no certificate");
  std::ofstream(folder / "broken.pem") << "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  expect(folder / "broken.pem", "has no certificate");
  expect("", "cannot be read");
}

// T67
TEST_P(SinkTlsTest, T67AServerWithoutTlsIsATlsError) {
  const Server plain(With(Server::Login::kNobody));
  const Server secure(Tls());
  EXPECT_EQ(Start(ConnectTo(plain, secure.authority_path())), "TlsError");
}

// T68
TEST_P(SinkTlsTest, T68ACertificateOfAnotherHostIsATlsError) {
  const Server server(Tls(Server::Certificate::kOfAnotherHost));
  EXPECT_EQ(Start(ConnectTo(server, server.authority_path())), "TlsError");
}

TEST_P(SinkTlsTest, ACertificateThatHasExpiredIsATlsError) {
  const Server server(Tls(Server::Certificate::kExpired));
  EXPECT_EQ(Start(ConnectTo(server, server.authority_path())), "TlsError");
}

TEST_P(SinkTlsTest, ACertificateOfAnotherAuthorityIsATlsError) {
  const Server server(Tls());
  const Server other(Tls());
  EXPECT_EQ(Start(ConnectTo(server, other.authority_path())), "TlsError");
  // Without a file the system's authorities count, and they do not know ours.
  EXPECT_EQ(Start(JetStreamSink::Connect(Secret(server.Url()), "s.a")), "TlsError");
}

}  // namespace
}  // namespace jammi::events
