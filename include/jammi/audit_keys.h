// The master keys of the signed audit log, and where they come from.
//
// A deployment has one key that signs and any number of retired ones that still verify. A key's id is
// derived from the key, so it is the same wherever the key lies: to rotate, add a new key and keep the old.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/result.h"
#include "jammi/secret.h"

namespace jammi {

inline constexpr std::string_view kAuditMasterKeyVariable = "JAMMI_AUDIT_MASTER_KEY";
inline constexpr std::string_view kAuditRetiredKeysVariable = "JAMMI_AUDIT_RETIRED_KEYS";

// 32 secret bytes; overwritten when they go. Movable only, printed by nobody.
class AuditKeyBytes {
 public:
  static constexpr size_t kSize = 32;
  AuditKeyBytes() = default;
  AuditKeyBytes(AuditKeyBytes&& other) noexcept;
  AuditKeyBytes& operator=(AuditKeyBytes&& other) noexcept;
  AuditKeyBytes(const AuditKeyBytes&) = delete;
  AuditKeyBytes& operator=(const AuditKeyBytes&) = delete;
  ~AuditKeyBytes();

  [[nodiscard]] std::array<uint8_t, kSize>& bytes() { return bytes_; }
  [[nodiscard]] const std::array<uint8_t, kSize>& bytes() const { return bytes_; }

 private:
  std::array<uint8_t, kSize> bytes_{};
};

class AuditMasterKey {
 public:
  // `hex`: 64 hexadecimal digits of either case, spaces around them allowed. Errors: kFailedPrecondition with
  // AuditDetail(kMasterKey), which says what is wrong with it and nothing of what it is.
  [[nodiscard]] static Result<AuditMasterKey> Parse(std::string_view hex);

  // 16 lower-case hexadecimal digits: the first 8 bytes of HMAC-SHA256(key, "jammi-audit-key-id").
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const AuditKeyBytes& bytes() const { return bytes_; }

 private:
  AuditMasterKey(std::string id, AuditKeyBytes bytes) : id_(std::move(id)), bytes_(std::move(bytes)) {}
  std::string id_;
  AuditKeyBytes bytes_;
};

// All keys of a moment: one at least, no two of one id. Immutable.
class AuditKeyRing {
 public:
  // Oldest first: the last one signs. Errors: kFailedPrecondition with AuditDetail(kMasterKey): there is
  // none, or one comes twice.
  [[nodiscard]] static Result<std::shared_ptr<const AuditKeyRing>> Make(std::vector<AuditMasterKey> keys);

  [[nodiscard]] const AuditMasterKey& signing() const { return keys_.back(); }
  [[nodiscard]] const std::vector<AuditMasterKey>& keys() const { return keys_; }
  // Null: it is not here.
  [[nodiscard]] const AuditMasterKey* Find(std::string_view id) const;

 private:
  explicit AuditKeyRing(std::vector<AuditMasterKey> keys) : keys_(std::move(keys)) {}
  std::vector<AuditMasterKey> keys_;
};

// Asked by every call that signs or verifies, so it must be quick; what it gives may change from one call to
// the next. Thread-safe. To be implemented by who keeps keys elsewhere.
class AuditKeyStore {
 public:
  virtual ~AuditKeyStore() = default;
  // Errors: kFailedPrecondition with AuditDetail(kMasterKey): there is no usable key.
  [[nodiscard]] virtual Result<std::shared_ptr<const AuditKeyRing>> Keys() = 0;
};

// JAMMI_AUDIT_MASTER_KEY signs; JAMMI_AUDIT_RETIRED_KEYS, with commas between them, verify only. Read at
// every call: nobody may change the process's variables meanwhile.
[[nodiscard]] std::shared_ptr<AuditKeyStore> NewEnvAuditKeyStore();
// A text file, a key on each line, oldest first, the last one signs; '#' begins a comment. Read again when it
// has changed. Refused if everybody may read it or anybody but its owner may write it.
[[nodiscard]] std::shared_ptr<AuditKeyStore> NewFileAuditKeyStore(std::filesystem::path path);
// What is given, oldest first.
[[nodiscard]] std::shared_ptr<AuditKeyStore> NewFixedAuditKeyStore(std::vector<Secret> hex_keys);

// Can the store give a key? For the start of a program (AUD-051).
[[nodiscard]] Result<void> EnsureAuditKeyPresent(AuditKeyStore& store);

}  // namespace jammi
