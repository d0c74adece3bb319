// SRV-014: TLS on the gRPC port, and its certificates replaced while connections go on.
#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>

#include <filesystem>

#include "client/rpc_channel.h"
#include "jammi/v1/catalog.pb.h"
#include "server/server.h"
#include "support/certificates.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    config_.artifact_dir = folder_.path() / "state";
    config_.server.flight_listen = "127.0.0.1:0";
    config_.server.health_listen = "127.0.0.1:0";
    config_.server.tls_certificate_path = folder_.path() / "server.crt";
    config_.server.tls_key_path = folder_.path() / "server.key";
    for (const auto* name : {"one", "two"}) MakeCertificate(folder_.path(), name);
    Use("one");
  }
  fs::path Path(const std::string& file) const { return folder_.path() / file; }
  void Use(const std::string& name) const {
    constexpr auto kOver = fs::copy_options::overwrite_existing;
    fs::copy_file(Path(name + ".crt"), *config_.server.tls_certificate_path, kOver);
    fs::copy_file(Path(name + ".key"), *config_.server.tls_key_path, kOver);
  }
  void Start() {
    auto server = Server::Start(config_);
    ASSERT_TRUE(server) << server.error().ToString();
    server_ = *std::move(server);
  }
  // A new connection, which takes the server for who has that certificate.
  RpcChannel Connect(const std::string& name) const {
    return RpcChannel::Open(
               {.target = "grpcs://" + server_->flight_address(), .ca_file = Path(name + ".crt")})
        .value();
  }
  static bool Answers(const RpcChannel& channel) {
    return channel
        .Call<v1::catalog::ServerInfo>("/jammi.v1.catalog.CatalogService/GetServerInfo",
                                       google::protobuf::Empty())
        .has_value();
  }
  Error Refusal() const {
    auto server = Server::Start(config_);
    if (server) return {ErrorCode::kInternal, "it started"};
    return server.error();
  }

  const TempDir folder_{TempDir::On::kMemory};
  Config config_;
  std::unique_ptr<Server> server_;
};

TEST_F(TlsTest, Srv014TheServerShowsItsCertificate) {
  Start();
  EXPECT_TRUE(Answers(Connect("one")));
  EXPECT_FALSE(Answers(Connect("two"))) << "it is not the one that the client trusts";
  const auto plain = RpcChannel::Open({.target = "grpc://" + server_->flight_address()}).value();
  EXPECT_FALSE(Answers(plain));
}

TEST_F(TlsTest, Srv014NewConnectionsSeeTheNewCertificateAndOldOnesGoOn) {
  Start();
  const auto old = Connect("one");
  EXPECT_TRUE(Answers(old));
  Use("two");
  EXPECT_TRUE(Answers(Connect("one"))) << "not before it is said";
  const auto reloaded = server_->Reload();
  ASSERT_TRUE(reloaded) << reloaded.error().ToString();
  EXPECT_TRUE(Answers(Connect("two")));
  EXPECT_FALSE(Answers(Connect("one")));
  EXPECT_TRUE(Answers(old)) << "its connection has not been dropped";
}

TEST_F(TlsTest, Srv014WhatCannotBeUsedLeavesTheOldCertificate) {
  Start();
  fs::copy_file(Path("two.crt"), *config_.server.tls_certificate_path, fs::copy_options::overwrite_existing);
  const auto reloaded = server_->Reload();
  ASSERT_FALSE(reloaded);
  EXPECT_THAT(reloaded.error().message(), HasSubstr("it is not the key of the certificate"));
  EXPECT_TRUE(Answers(Connect("one")));
  fs::remove(*config_.server.tls_key_path);
  EXPECT_FALSE(server_->Reload());
  EXPECT_TRUE(Answers(Connect("one")));
}

TEST_F(TlsTest, Srv014WithoutACertificateOfItsOwnAClientIsRefusedIfOneIsWanted) {
  config_.server.tls_client_authority_path = Path("two.crt");
  Start();
  EXPECT_FALSE(Answers(Connect("one")));
}

TEST_F(TlsTest, Srv014AFileThatCannotBeUsedIsNamedAtTheStart) {
  const fs::path none = Path("none.pem");
  config_.server.tls_key_path = none;
  EXPECT_THAT(Refusal().message(), HasSubstr("server.tls_key_path: " + none.string()));
  config_.server.tls_key_path = Path("two.key");
  EXPECT_THAT(Refusal().message(), HasSubstr(Path("two.key").string() + ": it is not the key"));
  config_.server.tls_key_path = Path("one.crt");
  EXPECT_THAT(Refusal().message(), HasSubstr("it holds no key"));
  config_.server.tls_key_path = Path("server.key");
  config_.server.tls_certificate_path = Path("one.key");
  EXPECT_THAT(Refusal().message(), HasSubstr("server.tls_certificate_path: " + Path("one.key").string()));
  config_.server.tls_certificate_path = Path("server.crt");
  config_.server.tls_client_authority_path = Path("one.key");
  EXPECT_THAT(Refusal().message(), HasSubstr("server.tls_client_authority_path"));
}

}  // namespace
}  // namespace jammi::test
