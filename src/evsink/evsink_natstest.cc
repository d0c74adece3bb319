// The built program beside a real server.
#include <gmock/gmock.h>

#include <memory>
#include <sstream>

#include "evsink/evsink_fixture.h"
#include "nats/connection.h"
#include "nats/jetstream.h"
#include "support/nats_server.h"

namespace jammi::evsink {
namespace {

using test::NatsServer;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kStream = "EV";

class EvsinkOnNats : public Evsink {
 protected:
  explicit EvsinkOnNats(const NatsServer::Options& options = {}) : server_(options) {
    nats::ConnectionOptions to;
    to.url = Secret(server_.Url());
    if (options.tls) to.authority_path = server_.authority_path();
    connection_ = nats::Connection::Open(to).value();
    const auto connected = connection_->AwaitConnected(Deadline::After(std::chrono::seconds(30)));
    if (!connected) throw std::runtime_error(connected.error().ToString());
  }

  [[nodiscard]] nats::JetStream JetStream() { return nats::JetStream(*connection_); }
  void MakeStream(std::chrono::nanoseconds max_age = {}) {
    const auto made = JetStream().EnsureStream({.name = kStream,
                                                .subjects = {"cellos.events.>"},
                                                .description = {},
                                                .metadata = {},
                                                .max_age = max_age});
    ASSERT_TRUE(made) << made.error().ToString();
  }
  uint64_t Messages() { return JetStream().FindStream(kStream).value().messages; }

  [[nodiscard]] std::vector<std::string> Variables() const { return {"NATS_URL=" + server_.Url()}; }

  NatsServer server_;
  std::shared_ptr<nats::Connection> connection_;
};

TEST_F(EvsinkOnNats, WhatIsDeliveredIsInTheStreamOnceHoweverOftenItIsSent) {
  MakeStream();
  for (int i = 0; i < 2; ++i) {
    const auto run = RunWith(std::string(kE1) + kE2, {"emit"}, Variables());
    EXPECT_EQ(run.exit, 0) << run.err;
    EXPECT_EQ(run.out,
              "{\"line\":1,\"id\":\"e1\",\"outcome\":\"delivered\"}\n"
              "{\"line\":2,\"id\":\"e2\",\"outcome\":\"delivered\"}\n");
    EXPECT_EQ(run.err, "");
  }
  EXPECT_EQ(Messages(), 2u);
}

TEST_F(EvsinkOnNats, ResultsStandInTheOrderOfTheInput) {
  MakeStream();
  std::string input;
  std::string wanted;
  for (int i = 1; i <= 1000; ++i) {
    const auto id = std::to_string(i);
    input +=
        i % 7 == 0 ? "garbage\n" : R"({"specversion":"1.0","source":"s","type":"t","id":")" + id + "\"}\n";
    wanted += "{\"line\":" + id + (i % 7 == 0 ? "," : ",\"id\":\"" + id + "\",");
    wanted += i % 7 == 0 ? "failed" : "delivered";
    wanted += '\n';
  }
  const auto run = RunWith(input, {"emit"}, Variables());
  EXPECT_EQ(run.exit, 1);
  std::string seen;  // each line up to its outcome
  std::istringstream lines(run.out);
  for (std::string line; std::getline(lines, line);) {
    const size_t outcome = line.find("\"outcome\":\"");
    seen += line.substr(0, outcome);
    seen += line.substr(outcome + 11, line.find('"', outcome + 11) - outcome - 11) + '\n';
  }
  EXPECT_EQ(seen, wanted);
  EXPECT_EQ(Messages(), 858u);
}

// T74, then what replay and exit codes say: 6, 1, 0.
TEST_F(EvsinkOnNats, T74WhatNoStreamTakesIsSpilledAndReplayed) {
  std::filesystem::create_directory(directory_ / "dlq");
  const auto spilled = RunWith(std::string(kE1) + kE2, {"emit", "--dlq-dir", "dlq"}, Variables());
  EXPECT_EQ(spilled.exit, 6) << spilled.out << spilled.err;
  EXPECT_THAT(Run({"doctor", "--dlq-dir", "dlq"}, Variables()).out, HasSubstr("2 events wait in dlq"));

  const auto early = Run({"replay", "--dir", "dlq"}, Variables());
  EXPECT_EQ(early.exit, 1);
  EXPECT_THAT(early.out,
              StartsWith("{\"files\":2,\"sent\":0,\"quarantined\":0,\"left\":2,\"error\":{\"kind\":"
                         "\"NoStream\",\"class\":\"Transient\""));
  MakeStream();
  const auto replayed = Run({"replay", "--dir", "dlq"}, Variables());
  EXPECT_EQ(replayed.exit, 0) << replayed.err;
  EXPECT_EQ(replayed.out, "{\"files\":2,\"sent\":2,\"quarantined\":0,\"left\":0}\n");
  EXPECT_EQ(Messages(), 2u);
}

// W11, W03: a spool outlives the program and the server's absence.
TEST_F(EvsinkOnNats, W11TheNextRunSendsWhatTheSpoolHolds) {
  MakeStream();
  server_.Stop();
  const std::vector<std::string> emit = {"emit", "--spool-dir", "spool", "--drain-timeout", "50ms"};
  EXPECT_EQ(RunWith(kE1, emit, Variables()).exit, 6);
  server_.Start();
  const auto run = RunWith(kE2, {"emit", "--spool-dir", "spool"}, Variables());
  EXPECT_EQ(run.exit, 0) << run.out << run.err;
  ASSERT_TRUE(connection_->AwaitConnected(Deadline::After(std::chrono::seconds(30))));
  EXPECT_EQ(Messages(), 2u);
}

// W24
TEST_F(EvsinkOnNats, W24DoctorLooksAtTheStream) {
  const auto none = Run({"doctor"}, Variables());
  EXPECT_EQ(none.exit, 1);
  EXPECT_THAT(none.out, HasSubstr("\"problem\":\"no_stream\""));
  MakeStream(std::chrono::hours(24 * 30));
  const auto month = Run({"doctor"}, Variables());
  EXPECT_EQ(month.exit, 1);
  EXPECT_THAT(month.out, HasSubstr("\"problem\":\"age\""));
  EXPECT_EQ(Run({"doctor", "--min-age", "30d"}, Variables()).exit, 0);
  MakeStream(std::chrono::hours(24 * 90));
  const auto well = Run({"doctor"}, Variables());
  EXPECT_EQ(well.exit, 0) << well.out;
  EXPECT_THAT(well.out, AllOf(HasSubstr("\"stream\":\"EV\""), HasSubstr("\"keeps_events\":\"90d\"")));
  EXPECT_EQ(Messages(), 0u);
}

// T67: an authority asks for TLS.
TEST_F(EvsinkOnNats, T67AServerWithoutTlsIsNoServerForWhoTrustsAnAuthority) {
  NatsServer with_tls({.tls = true});
  const auto run =
      RunWith(kE1, {"emit", "--require", "--ca-file", with_tls.authority_path().string()}, Variables());
  EXPECT_EQ(run.exit, 3) << run.err;
  EXPECT_EQ(run.out, "");
}

class EvsinkOverTls : public EvsinkOnNats {
 protected:
  EvsinkOverTls() : EvsinkOnNats({.tls = true}) {}
};

// The client library and OpenSSL used to free the same memory when such a program ended.
TEST_F(EvsinkOverTls, DeliversAndEndsWell) {
  MakeStream();
  for (int i = 0; i < 3; ++i) {
    const auto run = RunWith(kE1, {"emit", "--ca-file", server_.authority_path().string()}, Variables());
    EXPECT_EQ(run.exit, 0) << run.err;
  }
  EXPECT_EQ(Run({"doctor", "--ca-file", server_.authority_path().string()}, Variables()).exit, 0);
  EXPECT_EQ(Messages(), 1u);
}

// SNK-053: no output and no file holds what stands before the @.
TEST_F(EvsinkOnNats, Snk053NothingShowsThePassword) {
  NatsServer closed({.login = NatsServer::Login::kPassword});
  std::string url = closed.UrlWithLogin();
  std::filesystem::create_directory(directory_ / "dlq");
  const auto spilled = RunWith(kE1, {"emit", "--dlq-dir", "dlq"}, {"NATS_URL=" + url});
  EXPECT_EQ(spilled.exit, 6);  // no stream there
  const auto doctor = Run({"doctor", "--dlq-dir", "dlq"}, {"NATS_URL=" + url});
  url.replace(url.find("open"), 4, "shut");
  const auto refused = RunWith(kE1, {"emit", "--require"}, {"NATS_URL=" + url});
  EXPECT_EQ(refused.exit, 3);
  std::string all = spilled.out + spilled.err + doctor.out + doctor.err + refused.out + refused.err;
  for (const auto& letter : std::filesystem::directory_iterator(directory_ / "dlq")) {
    all += Read("dlq/" + letter.path().filename().string());
  }
  EXPECT_THAT(all, AllOf(Not(HasSubstr("sesame")), HasSubstr("no stream takes")));
}

}  // namespace
}  // namespace jammi::evsink
