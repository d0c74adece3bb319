#include "rpc/certificates.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>

namespace jammi {

// What gRPC calls for each new connection, before its handshake.
struct RpcCertificates::Fetcher {
  static grpc_ssl_certificate_config_reload_status Fetch(void* certificates,
                                                         grpc_ssl_server_certificate_config** config) {
    auto& self = *static_cast<RpcCertificates*>(certificates);
    const std::lock_guard lock(self.mutex_);
    if (self.fetched_ == self.version_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const auto& tls = self.tls_;
    const grpc_ssl_pem_key_cert_pair pair{tls.key.c_str(), tls.certificate.c_str()};
    // gRPC 1.51 wants an authority here also where no client is asked for a certificate; then any will do.
    const auto& authority = self.clients_show_one_ ? tls.client_authority : tls.certificate;
    *config = grpc_ssl_server_certificate_config_create(authority.c_str(), &pair, 1);
    self.fetched_ = self.version_;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }
};

namespace {

// The C++ side of gRPC offers no credentials with a fetcher: this is the C side's, as the C++ side takes it.
class FetchingCredentials final : public grpc::ServerCredentials {
 public:
  FetchingCredentials(bool clients_show_one, grpc_ssl_server_certificate_config_callback fetch, void* data)
      : credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                clients_show_one ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                 : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
                fetch, data))) {}
  ~FetchingCredentials() override { grpc_server_credentials_release(credentials_); }

  // Who calls is the dispatcher's to find out.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* const credentials_;
};

}  // namespace

RpcCertificates::RpcCertificates(RpcTls tls)
    : clients_show_one_(!tls.client_authority.empty()), tls_(std::move(tls)) {}

void RpcCertificates::Replace(RpcTls tls) {
  const std::lock_guard lock(mutex_);
  tls_ = std::move(tls);
  ++version_;
}

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(RpcCertificates& certificates) {
  return std::make_shared<FetchingCredentials>(certificates.clients_show_one_,
                                               &RpcCertificates::Fetcher::Fetch, &certificates);
}

}  // namespace jammi
