// Callers are known by the tokens of a file: "authorization: Bearer <token>".
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>

#include "access/token_file.h"
#include "server/authenticator.h"

namespace jammi {

// Thread-safe.
class TokenAuthenticator final : public Authenticator {
 public:
  // Errors: those of ReadTokenFile().
  [[nodiscard]] static Result<std::unique_ptr<TokenAuthenticator>> Open(std::filesystem::path path);

  std::expected<Principal, Refusal> Authenticate(const CallMetadata& metadata) override;

  // Reads the file again: calls that begin now are let in by what it says now. Errors: those of
  // ReadTokenFile(); then the tokens stay those of before.
  [[nodiscard]] Result<void> Reload();

 private:
  struct Known {
    Sha256Digest digest;
    Principal principal;
  };
  using Table = std::vector<Known>;  // by digest

  explicit TokenAuthenticator(std::filesystem::path path) : path_(std::move(path)) {}
  [[nodiscard]] static const Principal* Find(const Table& table, std::string_view token);

  const std::filesystem::path path_;
  std::mutex mutex_;
  std::shared_ptr<const Table> table_;
};

}  // namespace jammi
