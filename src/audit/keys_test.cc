// Master keys and their stores.
#include "jammi/audit_keys.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "audit/hmac.h"
#include "audit/record_test_support.h"
#include "base/hash.h"
#include "support/temp_dir.h"

namespace jammi {
namespace {

using test::FaultOf;
using test::Key;
using test::kKeyCounting;
using test::kKeyOne;
using test::Ok;
using test::Ring;
using testing::HasSubstr;

// RFC 4231, cases 1, 2 and 6; and a key that fills a block.
TEST(AuditHmac, TheStandardsVectors) {
  const auto of = [](const std::string& key, std::string_view message) {
    const auto hmac = Ok(audit::Hmac::Make(audit::BytesOf(key)));
    const auto whole = Ok(hmac.Of({audit::BytesOf(message)}));
    EXPECT_EQ(Ok(hmac.Of({audit::BytesOf(message.substr(0, 5)), audit::BytesOf(message.substr(5))})), whole)
        << "in parts, and again";
    return ToHex(whole);
  };
  EXPECT_EQ(of(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(of("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(of(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(of(std::string(64, '\xaa'), "block"),
            "17fdf183abeadb3f439b70ca7d86f064900bd9e62791d5a5b0e6e3cd8db333b1");
}

TEST(AuditKeys, AKeyIs64HexadecimalDigitsAndNothingElse) {
  const AuditMasterKey key = Key(std::string(63, '0') + "1");
  EXPECT_EQ(ToHex(key.bytes().bytes()), kKeyOne);
  EXPECT_EQ(key.id().size(), 16U);
  EXPECT_EQ(Key(" \t" + std::string(kKeyOne) + "\n").id(), key.id());
  EXPECT_EQ(Key("AB" + std::string(62, '0')).id(), Key("ab" + std::string(62, '0')).id());
  EXPECT_NE(Key(kKeyCounting).id(), key.id());
  for (const std::string& bad :
       {std::string(), std::string("abcd"), std::string(63, '0'), std::string(65, '0'),
        std::string(63, '0') + "g", std::string(62, '0') + "0x"}) {
    const auto refused = AuditMasterKey::Parse(bad);
    EXPECT_EQ(FaultOf(refused), AuditFault::kMasterKey);
    EXPECT_EQ(refused.error().code(), ErrorCode::kFailedPrecondition);
    if (bad.size() > 4) {
      EXPECT_THAT(refused.error().message(), testing::Not(HasSubstr("000"))) << "it is a secret";
    }
  }
}

TEST(AuditKeys, ARingHasKeysOfDifferentIds) {
  EXPECT_EQ(FaultOf(AuditKeyRing::Make({})), AuditFault::kMasterKey);
  std::vector<AuditMasterKey> twice;
  twice.push_back(Key());
  twice.push_back(Key());
  EXPECT_EQ(FaultOf(AuditKeyRing::Make(std::move(twice))), AuditFault::kMasterKey);
  const auto ring = Ring({kKeyOne, kKeyCounting});
  EXPECT_EQ(ring->signing().id(), Key(kKeyCounting).id());
  EXPECT_NE(ring->Find(Key().id()), nullptr);
  EXPECT_EQ(ring->Find("x"), nullptr);
}

class EnvKeys : public testing::Test {
 protected:
  EnvKeys() { Clear(); }
  ~EnvKeys() override { Clear(); }
  static void Clear() {
    ::unsetenv("JAMMI_AUDIT_MASTER_KEY");
    ::unsetenv("JAMMI_AUDIT_RETIRED_KEYS");
  }
  const std::shared_ptr<AuditKeyStore> store_ = NewEnvAuditKeyStore();
};

TEST_F(EnvKeys, Aud050Aud051UnsetShortAndWrong) {
  EXPECT_EQ(FaultOf(store_->Keys()), AuditFault::kMasterKey);
  EXPECT_EQ(FaultOf(EnsureAuditKeyPresent(*store_)), AuditFault::kMasterKey);
  for (const char* bad : {"", "abcd", "zz"}) {
    ::setenv("JAMMI_AUDIT_MASTER_KEY", bad, 1);
    EXPECT_THAT(store_->Keys().error().message(), HasSubstr("JAMMI_AUDIT_MASTER_KEY"));
  }
  ::setenv("JAMMI_AUDIT_MASTER_KEY", std::string(kKeyOne).c_str(), 1);
  Ok(EnsureAuditKeyPresent(*store_));
  EXPECT_EQ(Ok(store_->Keys())->signing().id(), Key().id());
  ::unsetenv("JAMMI_AUDIT_MASTER_KEY");
  EXPECT_EQ(FaultOf(store_->Keys()), AuditFault::kMasterKey) << "it is read at every call";
}

TEST_F(EnvKeys, RetiredKeysVerifyOnly) {
  ::setenv("JAMMI_AUDIT_MASTER_KEY", std::string(kKeyCounting).c_str(), 1);
  ::setenv("JAMMI_AUDIT_RETIRED_KEYS", (std::string(kKeyOne) + " , " + std::string(64, 'a') + ", ").c_str(),
           1);
  const auto ring = Ok(store_->Keys());
  EXPECT_EQ(ring->keys().size(), 3U);
  EXPECT_EQ(ring->signing().id(), Key(kKeyCounting).id());
  EXPECT_NE(ring->Find(Key().id()), nullptr);
  ::setenv("JAMMI_AUDIT_RETIRED_KEYS", "abcd", 1);
  EXPECT_THAT(store_->Keys().error().message(), HasSubstr("JAMMI_AUDIT_RETIRED_KEYS"));
}

class FileKeys : public testing::Test {
 protected:
  void Write(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path_) << text;
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }
  const test::TempDir folder_{test::TempDir::On::kMemory};
  const std::filesystem::path path_ = folder_ / "keys";
  const std::shared_ptr<AuditKeyStore> store_ = NewFileAuditKeyStore(path_);
};

TEST_F(FileKeys, TheLastLineSignsAndTheFileIsReadAgain) {
  EXPECT_EQ(FaultOf(store_->Keys()), AuditFault::kMasterKey) << "there is no file";
  Write(fmt::format("# keys\n\n{} # of last year\n", kKeyOne));
  const auto before = Ok(store_->Keys());
  EXPECT_EQ(before->signing().id(), Key().id());
  EXPECT_EQ(Ok(store_->Keys()), before) << "it has not changed";
  Write(fmt::format("{}\n{}", kKeyOne, kKeyCounting));
  const auto after = Ok(store_->Keys());
  EXPECT_EQ(after->keys().size(), 2U);
  EXPECT_EQ(after->signing().id(), Key(kKeyCounting).id());
}

TEST_F(FileKeys, WhatIsWrongIsSaidByLineAndWithoutTheKey) {
  Write(fmt::format("{}\n\n12345\n", kKeyOne));
  EXPECT_THAT(store_->Keys().error().message(), HasSubstr("line 3"));
  EXPECT_THAT(store_->Keys().error().message(), testing::Not(HasSubstr("12345")));
  Write("# none\n");
  EXPECT_EQ(FaultOf(store_->Keys()), AuditFault::kMasterKey);
  Write(std::string(70 << 10, '\n'));
  EXPECT_THAT(store_->Keys().error().message(), HasSubstr("64 KiB"));
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_THAT(store_->Keys().error().message(), HasSubstr("no file"));
}

TEST_F(FileKeys, AFileThatOthersReadOrWriteIsRefused) {
  for (const mode_t mode : {0604U, 0602U, 0620U, 0644U, 0666U}) {
    Write(std::string(kKeyOne), mode);
    EXPECT_THAT(store_->Keys().error().message(), HasSubstr("mode")) << mode;
  }
  Write(std::string(kKeyOne), 0640);
  Ok(store_->Keys());
}

TEST(AuditKeys, KeysMayBeGiven) {
  EXPECT_EQ(Ok(NewFixedAuditKeyStore({Secret(std::string(kKeyOne))})->Keys())->signing().id(), Key().id());
  EXPECT_EQ(FaultOf(NewFixedAuditKeyStore({})->Keys()), AuditFault::kMasterKey);
  EXPECT_EQ(FaultOf(NewFixedAuditKeyStore({Secret("abcd")})->Keys()), AuditFault::kMasterKey);
}

TEST(AuditKeys, BytesAreOverwrittenWhenTheyMove) {
  AuditKeyBytes bytes;
  bytes.bytes().fill(7);
  const AuditKeyBytes moved = std::move(bytes);
  EXPECT_EQ(moved.bytes()[31], 7);
  EXPECT_EQ(ToHex(bytes.bytes()), std::string(64, '0'));  // NOLINT(bugprone-use-after-move)
}

}  // namespace
}  // namespace jammi
