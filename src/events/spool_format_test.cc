// The bytes of a spool: what docs/formats.md says, and that no changed byte goes unseen.
#include "events/spool_format.h"

#include <gmock/gmock.h>

#include <string>

#include "base/hash.h"
#include "events/crc32c.h"

namespace jammi::events {
namespace {

std::string Record(uint64_t sequence, const std::string& body, UnixMicros appended_at) {
  std::string bytes(kRecordHeaderBytes, '\0');
  WriteRecordHeader(bytes.data(), sequence, body.size(), Crc32c(body), appended_at);
  return bytes + body;
}
std::string Hex(const std::string& bytes) {
  return ToHex({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

// Source of the values: RFC 3720, appendix B.4.
TEST(Crc32cTest, KnownValuesAndTheTwoWaysAgree) {
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending += static_cast<char>(i);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62A8AB43U);
  EXPECT_EQ(Crc32c(ascending), 0x46DD794EU);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(Crc32c(""), 0U);
  for (size_t size = 0; size <= ascending.size(); ++size) {
    const auto part = std::string_view(ascending).substr(0, size);
    EXPECT_EQ(Crc32c(part), PortableCrc32c(part));
    EXPECT_EQ(Crc32c(std::string_view(ascending).substr(size), Crc32c(part)), Crc32c(ascending));
  }
}

// Frozen: what stands on disks.
TEST(SpoolFormatTest, TheBytesAreTheseForEver) {
  EXPECT_EQ(SegmentName(42), "00000000000000000042.seg");
  EXPECT_EQ(Hex(SegmentHeader(7)), "4a414d4d4953504c010000000000000007000000000000000000000007433448");
  EXPECT_EQ(Hex(Record(7, "ab", 1)), "02000000f992f35a01000000000000003629a2e26162");
  EXPECT_EQ(Hex(CursorSlot({.generation = 3, .sequence = 9})),
            "4a414d4d494355520300000000000000090000000000000000000000b8df28f4");
}

TEST(SpoolFormatTest, NamesOfOtherFilesAreNone) {
  EXPECT_EQ(ParseSegmentName(SegmentName(UINT64_MAX)), UINT64_MAX);
  for (const char* name : {"", "lock", "cursor", "42.seg", "0000000000000000004x.seg",
                           "99999999999999999999.seg", "00000000000000000042.seg~"}) {
    EXPECT_FALSE(ParseSegmentName(name)) << name;
  }
}

TEST(SpoolFormatTest, ARecordIsReadAsItWasWritten) {
  const std::string bytes = Record(7, "an event", 1234);
  const std::string longer = bytes + "and what follows";
  const RecordView read = ReadRecord(longer, 7);
  EXPECT_EQ(read.state, RecordState::kWhole);
  EXPECT_EQ(read.body, "an event");
  EXPECT_EQ(read.appended_at, 1234);
  EXPECT_EQ(read.size, bytes.size());
  EXPECT_EQ(ReadRecord(bytes, 8).state, RecordState::kBadHeader) << "it is the record of another place";
}

TEST(SpoolFormatTest, EveryChangedByteOfARecordIsSeen) {
  const std::string bytes = Record(7, "an event", 1234);
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      const auto expected = at < kRecordHeaderBytes ? RecordState::kBadHeader : RecordState::kBadBody;
      EXPECT_EQ(ReadRecord(changed, 7).state, expected) << at;
    }
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(ReadRecord(bytes.substr(0, size), 7).state, RecordState::kShort) << size;
  }
  EXPECT_EQ(ReadRecord(std::string(100, '\0'), 0).state, RecordState::kBadHeader);
}

TEST(SpoolFormatTest, TheCursorSurvivesATornSlot) {
  std::string file(kCursorFileBytes, '\0');
  EXPECT_FALSE(ReadCursor(file));
  file.replace(kCursorSlotAt[0], kCursorSlotBytes, CursorSlot({.generation = 4, .sequence = 10}));
  file.replace(kCursorSlotAt[1], kCursorSlotBytes, CursorSlot({.generation = 5, .sequence = 12}));
  EXPECT_EQ(ReadCursor(file)->sequence, 12U);
  for (size_t at = 0; at < kCursorSlotBytes; ++at) {
    std::string torn = file;
    torn[kCursorSlotAt[1] + at] ^= 0x40;
    ASSERT_TRUE(ReadCursor(torn));
    EXPECT_EQ(ReadCursor(torn)->sequence, 10U) << at;
  }
}

}  // namespace
}  // namespace jammi::events
