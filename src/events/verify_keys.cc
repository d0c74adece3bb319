#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "events/base64_url.h"
#include "events/ed25519.h"
#include "events/json_reader.h"
#include "events/sink_error.h"
#include "jammi/events/verify.h"

namespace jammi::events {
namespace {

constexpr size_t kPointSize = 32;
constexpr size_t kMaxFile = size_t{1} << 20;

Error KeyFault(std::string_view kid, std::string_view what) {
  return SinkError(SinkFault::kConfigError,
                   "verifying key \"" + std::string(kid) + "\" " + std::string(what));
}

class KeyFile {
 public:
  // A pipe in its place must not hold us: only regular files are read.
  explicit KeyFile(const std::filesystem::path& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {}
  ~KeyFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  KeyFile(const KeyFile&) = delete;
  KeyFile& operator=(const KeyFile&) = delete;
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

Result<std::string> ReadKeyFile(const std::filesystem::path& path) {
  const auto fault = [&path](std::string_view what) {
    return SinkError(SinkFault::kConfigError, path.string() + ": " + std::string(what));
  };
  const KeyFile file(path);
  if (file.descriptor() < 0) {
    if (errno == ELOOP) return fault("is a symbolic link, which is not followed");
    return fault(std::generic_category().message(errno));
  }
  struct stat status {};
  if (fstat(file.descriptor(), &status) != 0) return fault(std::generic_category().message(errno));
  if (!S_ISREG(status.st_mode)) return fault("is no file");
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = read(file.descriptor(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fault(std::generic_category().message(errno));
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(got));
    if (text.size() > kMaxFile) return fault("has more than 1 MiB");
  }
}

}  // namespace

Result<void> VerifyKeys::AddEd25519(std::string kid, std::string_view public_key) {
  const auto point = FromBase64Url(public_key);
  if (!point) return KeyFault(kid, "is no base64url text");
  if (point->size() != kPointSize) return KeyFault(kid, "has not the 32 bytes of an Ed25519 public key");
  const PointFault fault = CheckPoint(*point);
  if (fault == PointFault::kNotOnCurve) return KeyFault(kid, "is no point of the curve");
  if (fault == PointFault::kSmallOrder)
    return KeyFault(kid, "is a point of small order, which anybody can sign for");
  if (ed25519_.contains(kid)) return KeyFault(kid, "is there twice");
  JAMMI_ASSIGN(auto key, Ed25519PublicKey::Make(*point));
  ed25519_.emplace(std::move(kid), std::move(key));
  return {};
}

Result<void> VerifyKeys::AddHmac(std::string kid, const Secret& key) {
  if (hmac_.contains(kid)) return KeyFault(kid, "is there twice");
  auto made = SigningKey::Make(SigningAlgorithm::kHmacSha256, kid, key);
  if (!made) return std::move(made).error().While("verifying key \"" + kid + "\"");
  hmac_.emplace(std::move(kid), std::move(*made));
  return {};
}

Result<VerifyKeys> VerifyKeys::Parse(std::string_view text) {
  VerifyKeys keys;
  JsonReader reader(text, 1);
  std::string kid;
  std::string public_key;
  if (reader.Peek() != '{')
    return SinkError(SinkFault::kConfigError, "the verifying keys are no JSON object");
  if (reader.EnterObject()) {
    while (reader.NextMember(kid)) {
      if (reader.Peek() != '"') return KeyFault(kid, "is no string");
      if (!reader.ReadString(public_key)) break;
      JAMMI_TRY(keys.AddEd25519(kid, public_key));
    }
  }
  if (!reader.AtEnd())
    return SinkError(SinkFault::kConfigError,
                     "the verifying keys are no JSON: " + reader.fault().value_or("unknown"));
  return keys;
}

Result<VerifyKeys> VerifyKeys::Load(const std::filesystem::path& path) {
  JAMMI_ASSIGN(const std::string text, ReadKeyFile(path));
  auto keys = Parse(text);
  if (!keys) return std::move(keys).error().While(path.string());
  return keys;
}

std::vector<std::string> VerifyKeys::Kids(SigningAlgorithm algorithm) const {
  std::vector<std::string> kids;
  if (algorithm == SigningAlgorithm::kEd25519) {
    for (const auto& [kid, key] : ed25519_) kids.push_back(kid);
  } else {
    for (const auto& [kid, key] : hmac_) kids.push_back(kid);
  }
  return kids;
}

}  // namespace jammi::events
