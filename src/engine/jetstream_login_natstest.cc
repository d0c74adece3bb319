// An engine and the ways to say who it is to NATS, through the keys of [broker]: with the wrong server it
// opens, serves its subscribers from the log and says why; once the right one is there it is connected. No
// secret is in anything that it says.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/log.h"
#include "engine/number_fixture.h"
#include "nats/jetstream.h"
#include "support/nats_server.h"
#include "support/tcp_proxy.h"
#include "support/temp_dir.h"

namespace jammi {
namespace {

using test::NatsServer;
using testing::HasSubstr;
using testing::Not;

std::string TextOf(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// A configuration file, and an engine that has read it.
class Place {
 public:
  // What stands behind its address: the wrong server at first.
  Place(std::string name, const NatsServer::Options& right, const NatsServer::Options& wrong)
      : name_(std::move(name)), right_(right), wrong_(wrong) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const NatsServer& right() const { return right_; }
  [[nodiscard]] std::filesystem::path folder() const { return folder_.path(); }
  // `login`: "user:password@", "token@" or nothing.
  [[nodiscard]] std::string Url(std::string_view login = {}) const {
    return fmt::format("nats://{}127.0.0.1:{}", login, proxy_.port());
  }

  // `broker`: the keys of [broker] but for its kind.
  void Open(const std::string& broker) {
    const auto file = folder_ / "jammi.toml";
    std::ofstream(file) << fmt::format("artifact_dir = \"{}\"\n[broker]\nkind = \"jet_stream\"\n{}\n",
                                       folder_.path().string(), broker);
    auto loaded = LoadConfig({.path = file, .environment = Environment(), .log_warnings = false});
    if (!loaded) throw std::runtime_error(loaded.error().ToString());
    auto engine = Engine::Open(loaded->config);
    if (!engine) throw std::runtime_error(engine.error().ToString());
    engine_ = std::move(*engine);
    topic_ = engine_->Global().topics().Register("t", NumberSchema())->id;
    subscription_ = *engine_->Global().Subscribe("t", From::Offset(0));
  }

  void Publish(int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const auto offset = engine_->Global().Publish(topic_, Number(n), Patience());
      ASSERT_TRUE(offset) << offset.error().ToString();
    }
    ExpectNumbers(*subscription_, begin, end);
    ExpectNumbers(**engine_->Global().Subscribe("t", From::Offset(0)), 0, end);
  }
  [[nodiscard]] FanOutStatus FanOut() const { return *engine_->Global().topics().FanOut(topic_); }
  void PutRightServerThere() {
    proxy_.SetServer(right_.port());
    proxy_.CutAll();
  }
  // As somebody sees it who knows the right server otherwise.
  [[nodiscard]] uint64_t MessagesInStream(const nats::ConnectionOptions& options) const {
    const auto connection = *nats::Connection::Open(options);
    EXPECT_TRUE(connection->AwaitConnected(Patience()));
    const auto info = nats::JetStream(*connection).FindStream("jammi_topic_" + topic_.ToHex());
    EXPECT_TRUE(info) << info.error().ToString();
    return info ? info->messages : 0;
  }

 private:
  const std::string name_;
  const NatsServer right_;
  const NatsServer wrong_;
  test::TcpProxy proxy_{wrong_.port(), test::TcpProxy::Messages::kAny};
  const test::TempDir folder_;
  std::unique_ptr<Engine> engine_;
  TopicId topic_{Uuid()};
  std::unique_ptr<Subscription> subscription_;
};

// They wait for their servers at the same time.
class JetStreamLoginTest : public testing::Test {
 protected:
  JetStreamLoginTest() {
    SetLog(LogLevel::kTrace, LogFormat::kText);
    testing::internal::CaptureStderr();
  }
  ~JetStreamLoginTest() override {
    if (capturing_) (void)testing::internal::GetCapturedStderr();
    SetLog(LogLevel::kWarning, LogFormat::kText);
  }
  std::string TakeLog() {
    capturing_ = false;
    return testing::internal::GetCapturedStderr();
  }

  Place& Add(std::string name, const NatsServer::Options& right, const NatsServer::Options& wrong) {
    places_.push_back(std::make_unique<Place>(std::move(name), right, wrong));
    options_.emplace_back();
    options_.back().url = Secret(places_.back()->right().Url());
    return *places_.back();
  }
  void AddPassword() {
    auto& place =
        Add("password", {.login = NatsServer::Login::kPassword}, {.login = NatsServer::Login::kToken});
    place.Open(fmt::format("url = \"{}\"", place.Url("jammi:open%40sesame%3A1@")));
    options_.back().url = Secret(place.right().UrlWithLogin());
  }
  void AddToken() {
    auto& place = Add("token", {.login = NatsServer::Login::kToken}, {.login = NatsServer::Login::kPassword});
    place.Open(fmt::format("url = \"{}\"", place.Url(fmt::format("{}@", NatsServer::kToken))));
    options_.back().url = Secret(place.right().UrlWithLogin());
  }
  void AddCredentials() {
    auto& place = Add("credentials", {.login = NatsServer::Login::kCredentials},
                      {.login = NatsServer::Login::kCredentials});
    place.Open(fmt::format("url = \"{}\"\ncredentials_path = \"{}\"", place.Url(),
                           place.right().credentials_path().string()));
    options_.back().credentials_path = place.right().credentials_path();
  }
  // The certificates of both servers are of 127.0.0.1, each signed by an authority of its own.
  void AddTls() {
    const NatsServer::Options options = {
        .login = NatsServer::Login::kPassword, .tls = true, .client_certificate = true};
    auto& place = Add("TLS", options, options);
    const auto& right = place.right();
    place.Open(
        fmt::format("url = \"{}\"\ntls_authority_path = \"{}\"\ntls_certificate_path = \"{}\"\n"
                    "tls_key_path = \"{}\"",
                    place.Url("jammi:open%40sesame%3A1@"), right.authority_path().string(),
                    right.certificate_path().string(), right.key_path().string()));
    options_.back().url = Secret(right.UrlWithLogin());
    options_.back().authority_path = right.authority_path();
    options_.back().certificate_path = right.certificate_path();
    options_.back().key_path = right.key_path();
  }
  // The same server all the time; what is wrong is in the file, which is read again for every connection.
  void AddReplacedFile() {
    const NatsServer::Options options = {.login = NatsServer::Login::kCredentials};
    auto& place = Add("replaced file", options, options);
    place.PutRightServerThere();
    const auto file = place.folder() / "user.creds";
    std::filesystem::copy_file(place.right().stranger_path(), file);
    place.Open(fmt::format("url = \"{}\"\ncredentials_path = \"{}\"", place.Url(), file.string()));
    options_.back().credentials_path = place.right().credentials_path();
  }
  static void Mend(Place& place) {
    const auto file = place.folder() / "user.creds";
    if (std::filesystem::exists(file)) {
      std::filesystem::copy_file(place.right().credentials_path(), file,
                                 std::filesystem::copy_options::overwrite_existing);
    }
    place.PutRightServerThere();
  }

  // What nobody may read anywhere: parts of passwords, and every line of the files that holds a key.
  std::vector<std::string> Secrets() const {
    std::vector<std::string> secrets = {"sesame", NatsServer::kToken};
    for (const auto& place : places_) {
      for (const auto& file :
           {place->right().credentials_path(), place->right().stranger_path(), place->right().key_path()}) {
        std::istringstream text(TextOf(file));
        for (std::string line; std::getline(text, line);) {
          if (line.size() > 40 && line.find(' ') == std::string::npos) secrets.push_back(line);
        }
      }
    }
    return secrets;
  }

  std::vector<std::unique_ptr<Place>> places_;
  std::vector<nats::ConnectionOptions> options_;  // of the right servers, in the same order
  bool capturing_ = true;
};

TEST_F(JetStreamLoginTest, TheWrongServerCostsNothingAndTheRightOneIsConnectedTo) {
  AddPassword();
  AddToken();
  AddCredentials();
  AddTls();
  AddReplacedFile();
  std::string said;
  for (const auto& place : places_) {
    SCOPED_TRACE(place->name());
    place->Publish(0, 5);
  }
  for (const auto& place : places_) {
    SCOPED_TRACE(place->name());
    ASSERT_TRUE(AwaitTrue([&] { return place->FanOut().failing; }));
    const auto status = place->FanOut();
    EXPECT_EQ(status.waiting, 5U);
    const char* const why = place->name() == "TLS" ? "SSL Error" : "PermissionDenied";
    EXPECT_THAT(status.last_error, HasSubstr(why));
    said += status.last_error;
  }
  for (const auto& place : places_) Mend(*place);
  for (size_t i = 0; i < places_.size(); ++i) {
    Place& place = *places_[i];
    SCOPED_TRACE(place.name());
    place.Publish(5, 10);
    ASSERT_TRUE(AwaitTrue([&] { return !place.FanOut().failing && place.FanOut().waiting == 0; }));
    EXPECT_EQ(place.FanOut().lost, 0U);
    EXPECT_EQ(place.MessagesInStream(options_[i]), 10U);
    said += place.FanOut().last_error;
  }
  said += TakeLog();
  EXPECT_THAT(said, HasSubstr("NATS: connected to")) << "or the log was not caught";
  const auto secrets = Secrets();
  EXPECT_GT(secrets.size(), 10U);
  for (const std::string& secret : secrets) EXPECT_THAT(said, Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace jammi
