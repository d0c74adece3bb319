// Master keys and the stores that come with the library.
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "audit/audit_error.h"
#include "audit/hmac.h"
#include "base/text.h"
#include "jammi/audit_keys.h"

namespace jammi {
namespace {

constexpr std::string_view kIdText = "jammi-audit-key-id";
constexpr int64_t kMaxFileBytes = 64 << 10;

Error NoKey(std::string_view why) { return audit::MasterKeyError(why); }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

using Keys = std::vector<AuditMasterKey>;

// Adds the key of `text`; `where` says which one it is.
Result<void> AddKey(std::string_view text, std::string_view where, Keys& keys) {
  auto key = AuditMasterKey::Parse(text);
  if (!key) return std::move(key).error().While(where);
  keys.push_back(std::move(*key));
  return {};
}

class EnvKeyStore final : public AuditKeyStore {
 public:
  Result<std::shared_ptr<const AuditKeyRing>> Keys() override {
    jammi::Keys keys;
    if (const char* retired = std::getenv(std::string(kAuditRetiredKeysVariable).c_str())) {
      JAMMI_TRY(AddRetired(retired, keys));
    }
    const char* current = std::getenv(std::string(kAuditMasterKeyVariable).c_str());
    if (current == nullptr) return NoKey(fmt::format("{} is not set", kAuditMasterKeyVariable));
    JAMMI_TRY(AddKey(current, kAuditMasterKeyVariable, keys));
    return AuditKeyRing::Make(std::move(keys));
  }

 private:
  static Result<void> AddRetired(std::string_view list, jammi::Keys& keys) {
    while (!Trim(list).empty()) {
      const size_t comma = list.find(',');
      JAMMI_TRY(AddKey(list.substr(0, comma), kAuditRetiredKeysVariable, keys));
      list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    }
    return {};
  }
};

// The text of a file, which is overwritten when it goes.
struct SecretText {
  SecretText() = default;
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { audit::Wipe(text); }
  std::string text;
};

class FileKeyStore final : public AuditKeyStore {
 public:
  explicit FileKeyStore(std::filesystem::path path) : path_(std::move(path)) {}

  Result<std::shared_ptr<const AuditKeyRing>> Keys() override {
    const std::lock_guard lock(mutex_);
    const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return Bad(std::strerror(errno));
    auto keys = Load(file);
    ::close(file);
    return keys;
  }

 private:
  // What tells one state of the file from another.
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = -1;
    int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };

  [[nodiscard]] Error Bad(std::string_view why) const {
    return NoKey(fmt::format("key file {}: {}", path_.string(), why));
  }

  Result<std::shared_ptr<const AuditKeyRing>> Load(int file) {
    struct stat status {};
    if (::fstat(file, &status) != 0) return Bad(std::strerror(errno));
    if (!S_ISREG(status.st_mode)) return Bad("is no file");
    if (status.st_size > kMaxFileBytes) return Bad("is larger than 64 KiB");
    if ((status.st_mode & (S_IWGRP | S_IRWXO)) != 0) {
      return Bad(fmt::format("its mode is {:04o}; expected 0400, 0600 or 0640", status.st_mode & 07777U));
    }
    const Stamp stamp{status.st_dev, status.st_ino, status.st_size,
                      status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
    if (ring_ != nullptr && stamp == stamp_) return ring_;
    SecretText content;
    content.text.resize(static_cast<size_t>(status.st_size));
    const ssize_t read = ::pread(file, content.text.data(), content.text.size(), 0);
    if (read != status.st_size) return Bad(read < 0 ? std::strerror(errno) : "has changed while it was read");
    JAMMI_ASSIGN(ring_, Parse(content.text));
    stamp_ = stamp;
    return ring_;
  }

  [[nodiscard]] Result<std::shared_ptr<const AuditKeyRing>> Parse(std::string_view text) const {
    jammi::Keys keys;
    for (int number = 1; !text.empty(); ++number) {
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      const std::string_view key = Trim(line.substr(0, line.find('#')));
      if (key.empty()) continue;
      JAMMI_TRY(AddKey(key, fmt::format("key file {}, line {}", path_.string(), number), keys));
    }
    auto ring = AuditKeyRing::Make(std::move(keys));
    if (!ring) return std::move(ring).error().While(fmt::format("key file {}", path_.string()));
    return ring;
  }

  const std::filesystem::path path_;
  std::mutex mutex_;
  // Guarded by mutex_.
  Stamp stamp_;
  std::shared_ptr<const AuditKeyRing> ring_;
};

class FixedKeyStore final : public AuditKeyStore {
 public:
  explicit FixedKeyStore(const std::vector<Secret>& hex_keys) : ring_(Parse(hex_keys)) {}
  Result<std::shared_ptr<const AuditKeyRing>> Keys() override { return ring_; }

 private:
  static Result<std::shared_ptr<const AuditKeyRing>> Parse(const std::vector<Secret>& hex_keys) {
    jammi::Keys keys;
    for (const Secret& hex : hex_keys) {
      JAMMI_TRY(AddKey(hex.Reveal(), fmt::format("key {}", keys.size() + 1), keys));
    }
    return AuditKeyRing::Make(std::move(keys));
  }
  const Result<std::shared_ptr<const AuditKeyRing>> ring_;
};

}  // namespace

AuditKeyBytes::AuditKeyBytes(AuditKeyBytes&& other) noexcept : bytes_(other.bytes_) {
  OPENSSL_cleanse(other.bytes_.data(), kSize);
}

AuditKeyBytes& AuditKeyBytes::operator=(AuditKeyBytes&& other) noexcept {
  if (this == &other) return *this;
  bytes_ = other.bytes_;
  OPENSSL_cleanse(other.bytes_.data(), kSize);
  return *this;
}

AuditKeyBytes::~AuditKeyBytes() { OPENSSL_cleanse(bytes_.data(), kSize); }

Result<AuditMasterKey> AuditMasterKey::Parse(std::string_view hex) {
  hex = Trim(hex);
  if (hex.size() != 2 * AuditKeyBytes::kSize) {
    return NoKey(fmt::format("the key has {} characters; expected 64 hexadecimal digits", hex.size()));
  }
  AuditKeyBytes bytes;
  for (size_t i = 0; i < AuditKeyBytes::kSize; ++i) {
    const int high = HexDigit(hex[2 * i]);
    const int low = HexDigit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return NoKey("the key is not hexadecimal");
    bytes.bytes()[i] = static_cast<uint8_t>(high << 4 | low);
  }
  JAMMI_ASSIGN(auto hmac, audit::Hmac::Make(bytes.bytes()));
  JAMMI_ASSIGN(const auto digest, hmac.Of({audit::BytesOf(kIdText)}));
  return AuditMasterKey(ToHex(std::span(digest).first(8)), std::move(bytes));
}

Result<std::shared_ptr<const AuditKeyRing>> AuditKeyRing::Make(std::vector<AuditMasterKey> keys) {
  if (keys.empty()) return NoKey("there is no key");
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto same = [&](const AuditMasterKey& key) { return key.id() == keys[i].id(); };
    if (std::any_of(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(i), same)) {
      return NoKey(fmt::format("the key {} is there twice", keys[i].id()));
    }
  }
  return std::shared_ptr<const AuditKeyRing>(new AuditKeyRing(std::move(keys)));
}

const AuditMasterKey* AuditKeyRing::Find(std::string_view id) const {
  const auto at = std::ranges::find(keys_, id, &AuditMasterKey::id);
  return at == keys_.end() ? nullptr : &*at;
}

std::shared_ptr<AuditKeyStore> NewEnvAuditKeyStore() { return std::make_shared<EnvKeyStore>(); }

std::shared_ptr<AuditKeyStore> NewFileAuditKeyStore(std::filesystem::path path) {
  return std::make_shared<FileKeyStore>(std::move(path));
}

std::shared_ptr<AuditKeyStore> NewFixedAuditKeyStore(std::vector<Secret> hex_keys) {
  return std::make_shared<FixedKeyStore>(hex_keys);
}

Result<void> EnsureAuditKeyPresent(AuditKeyStore& store) {
  JAMMI_TRY(store.Keys());
  return {};
}

}  // namespace jammi
