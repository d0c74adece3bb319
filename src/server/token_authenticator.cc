#include "server/token_authenticator.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace jammi {
namespace {

constexpr std::string_view kScheme = "bearer ";
constexpr size_t kMaxToken = 512;
// Where a table is entered. Whoever sees by the time it takes which entries begin so learns nothing of a
// token: nobody can choose a token by its hash.
constexpr size_t kPrefix = 8;

std::unexpected<Refusal> Unauthenticated(std::string message) {
  return std::unexpected(Refusal{RpcCode::kUnauthenticated, std::move(message)});
}

}  // namespace

Result<std::unique_ptr<TokenAuthenticator>> TokenAuthenticator::Open(std::filesystem::path path) {
  std::unique_ptr<TokenAuthenticator> opened(new TokenAuthenticator(std::move(path)));
  JAMMI_TRY(opened->Reload());
  return opened;
}

Result<void> TokenAuthenticator::Reload() {
  JAMMI_ASSIGN(auto entries, ReadTokenFile(path_));
  auto table = std::make_shared<Table>();
  for (auto& entry : entries) {
    table->push_back({.digest = entry.digest,
                      .principal = {.name = std::move(entry.principal),
                                    .role = entry.role,
                                    .grant = std::make_shared<const TenantGrant>(std::move(entry.grant))}});
  }
  std::ranges::sort(*table, {}, &Known::digest);
  Log(table->empty() ? LogLevel::kWarning : LogLevel::kInfo, "{}: {} tokens", path_.string(), table->size());
  const std::lock_guard lock(mutex_);
  table_ = std::move(table);
  return {};
}

const Principal* TokenAuthenticator::Find(const Table& table, std::string_view token) {
  const auto digest = DigestOfToken(token);
  const auto prefix = [](const Sha256Digest& of) { return std::span(of).first<kPrefix>(); };
  const auto before = [&](const Known& known) {
    return std::ranges::lexicographical_compare(prefix(known.digest), prefix(digest));
  };
  for (auto known = std::ranges::partition_point(table, before);
       known != table.end() && std::ranges::equal(prefix(known->digest), prefix(digest)); ++known) {
    if (CRYPTO_memcmp(known->digest.data(), digest.data(), digest.size()) == 0) return &known->principal;
  }
  return nullptr;
}

std::expected<Principal, Refusal> TokenAuthenticator::Authenticate(const CallMetadata& metadata) {
  if (!metadata.authorization) {
    return Unauthenticated("a credential is required: send the metadata authorization: Bearer <token>");
  }
  const auto given = *metadata.authorization;
  if (given.size() <= kScheme.size() || given.size() > kScheme.size() + kMaxToken ||
      AsciiLower(given.substr(0, kScheme.size())) != kScheme) {
    return Unauthenticated("the metadata authorization is not of the form: Bearer <token>");
  }
  const auto table = [this] {
    const std::lock_guard lock(mutex_);
    return table_;
  }();
  const auto* principal = Find(*table, given.substr(kScheme.size()));
  if (principal == nullptr) return Unauthenticated("the token is not known to this server");
  return *principal;
}

}  // namespace jammi
