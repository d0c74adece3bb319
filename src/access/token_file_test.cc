// SRV-033: the file of hashed tokens.
#include "access/token_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "support/temp_dir.h"

namespace jammi::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kTenant = "aaaaaaaa-0000-4000-8000-000000000001";
// printf 'jammi_example' | sha256sum
constexpr std::string_view kDigest = "4c4f7b4f6f3f5f8e0d2f7f0d1d9f4b6a7c8e9f00112233445566778899aabbcc";

std::string Line(std::string_view words) { return std::string(words) + " " + std::string(kDigest); }

TEST(TokenFileTest, Srv033ALineIsPrincipalRoleTenantsAndHash) {
  const auto entries = ParseTokenFile("# who\n\n \t\r\n  ann\twriter   " + std::string(kTenant) + ",global " +
                                      std::string(kDigest) + " \r\n#bob reader\n");
  ASSERT_TRUE(entries) << entries.error().ToString();
  ASSERT_EQ(entries->size(), 1U);
  const auto& entry = entries->front();
  EXPECT_EQ(entry.principal, "ann");
  EXPECT_EQ(entry.role, RpcRole::kWriter);
  EXPECT_TRUE(entry.grant.Allows(Scope::Global()));
  EXPECT_EQ(ToHex(entry.digest), kDigest);
  EXPECT_TRUE(ParseTokenFile("")->empty());
}

TEST(TokenFileTest, WhatIsWrittenIsRead) {
  const std::string token = NewToken();
  const TokenEntry entry{.principal = "svc/ingest@eu-1:a_b.c",
                         .role = RpcRole::kAdmin,
                         .grant = TenantGrant::Parse(kTenant).value(),
                         .digest = DigestOfToken(token)};
  const auto again = ParseTokenFile(FormatTokenEntry(entry));
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(FormatTokenEntry(again->front()), FormatTokenEntry(entry));
  EXPECT_EQ(token.size(), 70U);
  EXPECT_NE(token, NewToken());
}

// A line may be wrong because the token itself stands where its hash should.
TEST(TokenFileTest, WhatIsWrongIsNamedByItsLineAndNotQuoted) {
  const std::string secret = "jammi_0123456789";
  for (const auto& [line, why] : std::initializer_list<std::pair<std::string, std::string>>{
           {"ann writer * " + secret, "SHA-256"},
           {"ann writer " + secret + " " + std::string(kDigest), "third word"},
           {"ann " + secret + " * " + std::string(kDigest), "role"},
           {secret + "# writer * " + std::string(kDigest), "principal"},
           {secret, "four words"},
           {"ann writer *", "four words"},
           {Line("ann writer *") + " " + secret, "four words"},
           {Line("ann writer " + std::string(kTenant) + ",,global"), "third word"},
           {Line("ann writer *").substr(0, 70), "SHA-256"},
           {"ann writer * " + std::string(63, 'a') + "g", "SHA-256"},
           {"\xC3\xA4nn writer * " + std::string(kDigest), "principal"},
           {std::string("ann writer\0* ", 13) + std::string(kDigest), "four words"},
           {std::string(129, 'a') + " writer * " + std::string(kDigest), "principal"},
           {Line("bob reader *"), "earlier line"},
       }) {
    const auto entries = ParseTokenFile(Line("ann admin *") + "\n" + line + "\n");
    ASSERT_FALSE(entries) << line;
    EXPECT_EQ(entries.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(entries.error().message(), HasSubstr("line 2: "));
    EXPECT_THAT(entries.error().message(), HasSubstr(why)) << line;
    EXPECT_THAT(entries.error().message(), Not(HasSubstr(secret)));
  }
}

class TokenFileOnDiskTest : public testing::Test {
 protected:
  void Write(const std::string& text, mode_t mode) const {
    std::ofstream(path_, std::ios::trunc) << text;
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }
  const TempDir folder_;
  const std::filesystem::path path_ = folder_.path() / "tokens";
};

TEST_F(TokenFileOnDiskTest, Srv033AFileThatOthersReachIsRefused) {
  for (const mode_t mode : {0400, 0600, 0640, 0440}) {
    Write(Line("ann admin *"), mode);
    EXPECT_TRUE(ReadTokenFile(path_)) << mode;
  }
  for (const mode_t mode : {0644, 0604, 0660, 0620, 0602, 0666}) {
    Write(Line("ann admin *"), mode);
    const auto entries = ReadTokenFile(path_);
    ASSERT_FALSE(entries) << mode;
    EXPECT_EQ(entries.error().code(), ErrorCode::kFailedPrecondition);
    EXPECT_THAT(entries.error().message(), HasSubstr(path_.string()));
    EXPECT_THAT(entries.error().message(), HasSubstr("expected 0400, 0600 or 0640"));
  }
}

TEST_F(TokenFileOnDiskTest, AFileThatCannotBeReadIsNamed) {
  EXPECT_EQ(ReadTokenFile(path_).error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(ReadTokenFile(path_).error().message(), HasSubstr(path_.string()));
  const auto folder = ReadTokenFile(folder_.path());
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().message(), HasSubstr("it is no file"));
  Write("ann\n", 0600);
  const auto wrong = ReadTokenFile(path_);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message(), HasSubstr(path_.string() + ": line 1: "));
  Write(std::string((16 << 20) + 1, '\n'), 0600);
  EXPECT_THAT(ReadTokenFile(path_).error().message(), HasSubstr("16 MiB"));
}

}  // namespace
}  // namespace jammi::test
