#include "trigger/topic_schema.h"

#include <arrow/extension/uuid.h>

#include "trigger/test_support.h"

namespace jammi {
namespace {

using testing::HasSubstr;

std::shared_ptr<arrow::Schema> Columns(const std::vector<std::string>& names) {
  arrow::FieldVector fields;
  for (const auto& name : names) fields.push_back(arrow::field(name, arrow::int64()));
  return arrow::schema(fields);
}

void ExpectRefused(const std::shared_ptr<arrow::Schema>& schema, const std::string& named) {
  const auto refused = PrepareTopicSchema(schema);
  ASSERT_FALSE(refused) << named;
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message(), HasSubstr(named));
}

TEST(TopicSchema, Trg009Trg010ReservedNamesAreRefused) {
  for (const char* name : {"tenant_id", "_offset", "_row_idx", "_produced_at", "Tenant_ID", "_OFFSET"}) {
    ExpectRefused(Columns({"a", name}), fmt::format("'{}' is reserved", name));
  }
  // Other names with an underscore in front were always accepted.
  EXPECT_TRUE(PrepareTopicSchema(Columns({"_id", "_offsets", "tenant"})));
}

TEST(TopicSchema, NamesEqualButForCaseAreRefused) {
  ExpectRefused(Columns({"mag", "depth", "Mag"}), "'Mag'");
  ExpectRefused(Columns({"mag", "mag"}), "'mag'");
  EXPECT_TRUE(PrepareTopicSchema(Columns({"größe", "GRÖßE"}))) << "only ASCII letters have a case here";
}

TEST(TopicSchema, UnusableNamesAreRefused) {
  ExpectRefused(Columns({""}), "empty");
  ExpectRefused(Columns({"a\xff"}), "UTF-8");
  ExpectRefused(Columns({std::string("a\0b", 3)}), "U+0000");
}

TEST(TopicSchema, ASchemaHasColumns) {
  ExpectRefused(nullptr, "one column");
  ExpectRefused(arrow::schema(arrow::FieldVector{}), "one column");
}

TEST(TopicSchema, HugeSchemasAreRefused) {
  ExpectRefused(Columns({"a", std::string(2 << 20, 'x')}), "bytes");
}

TEST(TopicSchema, Trg007TypesThatTheLogCannotCarryAreRefusedByName) {
  std::shared_ptr<arrow::DataType> deep = arrow::int32();
  for (int level = 0; level < 64; ++level) deep = arrow::list(deep);
  const auto twice = arrow::dictionary(arrow::int8(), arrow::dictionary(arrow::int8(), arrow::utf8()));
  for (const auto& type : {arrow::extension::uuid(), arrow::list(arrow::extension::uuid()), deep, twice}) {
    const auto refused =
        PrepareTopicSchema(arrow::schema({arrow::field("a", arrow::int64()), arrow::field("c", type)}));
    ASSERT_FALSE(refused) << type->ToString();
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    ASSERT_NE(refused.error().As<UnsupportedSchemaTypeDetail>(), nullptr);
    EXPECT_EQ(refused.error().As<UnsupportedSchemaTypeDetail>()->column, "c");
  }
}

TEST(TopicSchema, Trg007TheDeepestTypeThatIsAcceptedWorks) {
  std::shared_ptr<arrow::DataType> deep = arrow::int32();
  while (PrepareTopicSchema(arrow::schema({arrow::field("c", arrow::list(deep))}))) deep = arrow::list(deep);
  const auto schema = arrow::schema({arrow::field("c", deep)});
  const auto codec = EventCodec::Make(schema);
  JAMMI_OK(codec);
  const auto batch = arrow::RecordBatch::Make(schema, 2, {*arrow::MakeArrayOfNull(deep, 2)});
  const auto encoded = codec->Encode(*batch, 1 << 20);
  JAMMI_OK(encoded);
  const auto decoded = codec->Decode(encoded->payload, 2);
  JAMMI_OK(decoded);
  EXPECT_TRUE((*decoded)->Equals(*batch));
}

TEST(BatchSchema, Trg032TheFirstDifferenceIsNamed) {
  struct Case {
    std::shared_ptr<arrow::Schema> schema;
    std::string column, expected, actual;
  };
  const auto id = arrow::field("id", arrow::int64(), false);
  const auto kind = arrow::field("kind", arrow::utf8(), false);
  const auto value = arrow::field("value", arrow::float64());
  for (const auto& [schema, column, expected, actual] : std::vector<Case>{
           {arrow::schema({id}), "", "3 columns", "1 column"},
           {arrow::schema({id, kind, value, value}), "", "3 columns", "4 columns"},
           {arrow::schema({id, value, kind}), "kind", "kind string not null", "value double"},
           {arrow::schema({id, kind->WithName("Kind"), value}), "kind", "kind string not null",
            "Kind string not null"},
           {arrow::schema({id, kind->WithType(arrow::large_utf8()), value}), "kind", "kind string not null",
            "kind large_string not null"},
           {arrow::schema({id, kind->WithNullable(true), value}), "kind", "kind string not null",
            "kind string"},
       }) {
    const auto refused = CheckBatchSchema("quakes", *SchemaS(), *schema);
    ASSERT_FALSE(refused) << actual;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    const auto* detail = refused.error().As<BatchSchemaMismatchDetail>();
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->topic, "quakes");
    EXPECT_EQ(detail->column, column);
    EXPECT_EQ(detail->expected, expected);
    EXPECT_EQ(detail->actual, actual);
    EXPECT_THAT(refused.error().message(), HasSubstr("topic 'quakes'"));
  }
  EXPECT_THAT(CheckBatchSchema("quakes", *SchemaS(), *arrow::schema({id})).error().message(),
              HasSubstr("topic 'quakes' expected 3 columns, got 1"));
}

TEST(BatchSchema, Trg032MetadataDoesNotCount) {
  const auto metadata = arrow::key_value_metadata({{"k", "v"}});
  EXPECT_TRUE(CheckBatchSchema("t", *SchemaS(), *SchemaS()->WithMetadata(metadata)));
  auto field = SchemaS()->field(0)->WithMetadata(metadata);
  EXPECT_TRUE(CheckBatchSchema("t", *SchemaS(), **SchemaS()->SetField(0, field)));
}

}  // namespace
}  // namespace jammi
