// Tokens that let principals in, and the file that knows them by their hashes.
//
//   # principal  role    tenants                               SHA-256 of the token
//   ingest       writer  aaaaaaaa-0000-4000-8000-000000000001  6b86b273ff34fce19d6b804eff5a3f57...
//   reports      reader  *                                     d4735e3a265e16eee03f59718b9b5d03...
//
// One token a line: four words with blanks between them; empty lines, and lines that begin with '#', are
// nothing. A principal may have several tokens, so that a new one can be given out before the old one goes.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "access/role.h"
#include "access/tenant_grant.h"
#include "base/hash.h"
#include "jammi/result.h"

namespace jammi {

struct TokenEntry {
  std::string principal;
  RpcRole role = RpcRole::kReader;
  TenantGrant grant = TenantGrant::Everything();
  Sha256Digest digest = {};  // of the token's text
};

// Errors: kInvalidArgument unless it is 1 to 128 of A-Z, a-z, 0-9 and . _ @ / : - (not '#' first, so no
// comment).
[[nodiscard]] Result<void> CheckPrincipal(std::string_view name);

// 256 random bits, as text that fits a header.
[[nodiscard]] std::string NewToken();
[[nodiscard]] Sha256Digest DigestOfToken(std::string_view token);
// The line of an entry, without the end of a line.
[[nodiscard]] std::string FormatTokenEntry(const TokenEntry& entry);

// Errors: kInvalidArgument, naming the line and never quoting it, because somebody may have put a token
// there: a line that is none, or a token that is there twice.
[[nodiscard]] Result<std::vector<TokenEntry>> ParseTokenFile(std::string_view text);
// Errors: also those of ReadGuardedFile().
[[nodiscard]] Result<std::vector<TokenEntry>> ReadTokenFile(const std::filesystem::path& path);

}  // namespace jammi
