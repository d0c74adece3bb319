#include "rows/ipc_stream.h"

#include <arrow/api.h>
#include <gmock/gmock.h>

#include "rows/type_name.h"

namespace jammi {
namespace {

using testing::StartsWith;

std::shared_ptr<arrow::Schema> TestSchema() {
  return arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("text", arrow::utf8())});
}

TEST(IpcStreamTest, ASchemaComesBack) {
  const auto bytes = EncodeSchemaStream(*TestSchema());
  ASSERT_TRUE(bytes);
  EXPECT_TRUE((*DecodeSchemaStream(*bytes))->Equals(*TestSchema()));
  // A sender that does not end its stream is understood too.
  EXPECT_TRUE((*DecodeSchemaStream(bytes->substr(0, bytes->size() - 8)))->Equals(*TestSchema()));
}

TEST(IpcStreamTest, ABatchComesBack) {
  const auto batch = *arrow::RecordBatch::MakeEmpty(TestSchema());
  const auto batches = DecodeBatchStream(*EncodeBatchStream(*batch));
  ASSERT_TRUE(batches);
  ASSERT_EQ(batches->size(), 1U);
  EXPECT_TRUE(batches->front()->Equals(*batch));
  EXPECT_TRUE(DecodeBatchStream(*EncodeSchemaStream(*TestSchema()))->empty());
}

TEST(IpcStreamTest, GarbageIsRefused) {
  const auto whole = *EncodeSchemaStream(*TestSchema());
  for (const std::string& bytes :
       std::vector<std::string>{"", "x", "garbage and more", whole.substr(0, 40)}) {
    const auto schema = DecodeSchemaStream(bytes);
    ASSERT_FALSE(schema);
    EXPECT_EQ(schema.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(schema.error().message(), StartsWith("schema decode: "));
    EXPECT_THAT(DecodeBatchStream(bytes).error().message(), StartsWith("batch decode: "));
  }
}

TEST(TypeNameTest, NamesAreThoseOfThePublishedClients) {
  for (const auto* name : {"Boolean", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32",
                           "UInt64", "Float32", "Float64", "Utf8", "Binary"}) {
    ASSERT_TRUE(TypeOfName(name)) << name;
    EXPECT_EQ(TypeName(*TypeOfName(name)), name);
  }
  EXPECT_EQ(TypeOfName("utf8"), nullptr);
  EXPECT_EQ(TypeName(*arrow::date32()), "date32[day]");
}

}  // namespace
}  // namespace jammi
