// Arrow inside protobuf (wire.md section 5): what is written reads back, what is not one valid batch is
// refused with a text, and bytes from outside never reach past their end.
#include "server/arrow_wire.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <arrow/json/from_string.h>
#include <arrow/util/compression.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "jammi/v1/trigger.pb.h"
#include "trigger/codec.h"

namespace jammi {
namespace {

using testing::HasSubstr;

std::shared_ptr<arrow::Array> Column(const std::shared_ptr<arrow::DataType>& type, const char* json) {
  return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
}

std::shared_ptr<arrow::RecordBatch> Rows() {
  const auto kind = arrow::dictionary(arrow::int8(), arrow::utf8());
  return arrow::RecordBatch::Make(
      arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("text", arrow::utf8()),
                     arrow::field("kind", kind)}),
      3,
      {Column(arrow::int64(), "[1, 2, 3]"), Column(arrow::utf8(), R"(["a", null, "ccc"])"),
       arrow::DictionaryArray::FromArrays(kind, Column(arrow::int8(), "[0, 1, 0]"),
                                          Column(arrow::utf8(), R"(["x", "y"])"))
           .ValueOrDie()});
}

// A stream with any number of batches.
std::string Stream(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches,
                   const std::shared_ptr<arrow::Schema>& schema,
                   const arrow::ipc::IpcWriteOptions& options = arrow::ipc::IpcWriteOptions::Defaults()) {
  const auto out = arrow::io::BufferOutputStream::Create().ValueOrDie();
  const auto writer = arrow::ipc::MakeStreamWriter(out, schema, options).ValueOrDie();
  for (const auto& batch : batches) EXPECT_TRUE(writer->WriteRecordBatch(*batch).ok());
  EXPECT_TRUE(writer->Close().ok());
  return out->Finish().ValueOrDie()->ToString();
}

void ExpectRefused(const Result<std::shared_ptr<arrow::RecordBatch>>& decoded, const std::string& text) {
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(decoded.error().detail()));
  EXPECT_THAT(decoded.error().message(), HasSubstr("batch decode: "));
  EXPECT_THAT(decoded.error().message(), HasSubstr(text));
}

TEST(ArrowWire, SchemasAreStreamsWithoutBatches) {
  const auto schema = Rows()->schema();
  const auto bytes = EncodeWireSchema(*schema);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, Stream({}, schema));
  EXPECT_TRUE((*DecodeWireSchema(*bytes))->Equals(*schema));
  // Without the end marker, and with something behind it.
  EXPECT_TRUE((*DecodeWireSchema(std::string_view(*bytes).substr(0, bytes->size() - 8)))->Equals(*schema));
  EXPECT_TRUE((*DecodeWireSchema(Stream({Rows()}, schema)))->Equals(*schema));
}

TEST(ArrowWire, WhatIsNoSchemaIsSaid) {
  EXPECT_EQ(DecodeWireSchema("").error().message(), "schema is required");
  for (const std::string_view bytes : {std::string_view("x"), std::string_view("garbage that is longer"),
                                       std::string_view("\xFF\xFF\xFF\xFF\0\0\0\0", 8)}) {
    const auto schema = DecodeWireSchema(bytes);
    ASSERT_FALSE(schema);
    EXPECT_EQ(schema.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(schema.error().message(), HasSubstr("schema decode: "));
  }
  const auto big_endian = Rows()->schema()->WithEndianness(arrow::Endianness::Big);
  EXPECT_THAT(DecodeWireSchema(*EncodeWireSchema(*big_endian)).error().message(), HasSubstr("little-endian"));
}

TEST(ArrowWire, OneBatchThereAndBack) {
  const auto bytes = EncodeWireBatch(*Rows());
  ASSERT_TRUE(bytes);
  const auto batch = DecodeWireBatch("", *bytes, nullptr);
  ASSERT_TRUE(batch) << batch.error().ToString();
  EXPECT_TRUE((*batch)->Equals(*Rows()));
  const auto none = DecodeWireBatch("", *EncodeWireBatch(*Rows()->Slice(0, 0)), nullptr);
  EXPECT_EQ((*none)->num_rows(), 0);
}

TEST(ArrowWire, ASenderMaySplitAnywhere) {
  const auto bytes = *EncodeWireBatch(*Rows());
  for (size_t at = 0; at <= bytes.size(); at += 7) {
    const auto batch =
        DecodeWireBatch(std::string_view(bytes).substr(0, at), std::string_view(bytes).substr(at), nullptr);
    ASSERT_TRUE(batch) << at << ": " << batch.error().ToString();
    EXPECT_TRUE((*batch)->Equals(*Rows()));
  }
}

// Without the dictionary, whose schema is read each time.
std::shared_ptr<arrow::RecordBatch> PlainRows() { return Rows()->RemoveColumn(2).ValueOrDie(); }

// The schema is read once; the batches then share it.
TEST(ArrowWire, ASchemaThatCameBeforeIsNotReadAgain) {
  WireSchemas known;
  const auto bytes = *EncodeWireBatch(*PlainRows());
  const auto first = *DecodeWireBatch("", bytes, nullptr, &known);
  for (const auto& stream : {bytes, bytes.substr(0, bytes.size() - 8), bytes + "behind the end"}) {
    const auto later = DecodeWireBatch("", stream, nullptr, &known);
    ASSERT_TRUE(later) << later.error().ToString();
    EXPECT_TRUE((*later)->Equals(*PlainRows()));
    EXPECT_EQ((*later)->schema().get(), first->schema().get());
  }
  const auto with_dictionary = *EncodeWireBatch(*Rows());
  for (int i = 0; i < 2; ++i) {
    const auto batch = DecodeWireBatch("", with_dictionary, nullptr, &known);
    ASSERT_TRUE(batch) << batch.error().ToString();
    EXPECT_TRUE((*batch)->Equals(*Rows()));
  }
}

// What is refused is refused with the same words, whether or not the schema is known.
TEST(ArrowWire, AKnownSchemaExcusesNothing) {
  WireSchemas known;
  const auto schema = PlainRows()->schema();
  ASSERT_TRUE(DecodeWireBatch("", Stream({PlainRows()}, schema), nullptr, &known));
  auto compressed = arrow::ipc::IpcWriteOptions::Defaults();
  compressed.codec = arrow::util::Codec::Create(arrow::Compression::LZ4_FRAME).ValueOrDie();
  const auto bytes = *EncodeWireBatch(*PlainRows());
  for (const auto& stream : {Stream({}, schema), Stream({PlainRows(), PlainRows()}, schema),
                             Stream({PlainRows()}, schema, compressed), bytes.substr(0, bytes.size() - 20)}) {
    const auto unknown = DecodeWireBatch("", stream, nullptr);
    ASSERT_FALSE(unknown);
    ExpectRefused(DecodeWireBatch("", stream, nullptr, &known), unknown.error().message());
  }
}

TEST(ArrowWire, KnownSchemasAreFewAndSmall) {
  WireSchemas known;
  const auto schema = PlainRows()->schema();
  known.Remember(std::string(WireSchemas::kMaxMessageBytes + 1, 'x'), schema);
  EXPECT_EQ(known.Find(std::string(WireSchemas::kMaxMessageBytes + 1, 'x')), nullptr);
  for (size_t i = 0; i < WireSchemas::kMost; ++i) known.Remember(std::to_string(i), schema);
  EXPECT_EQ(known.Find("0"), schema);
  known.Remember("one more", schema);
  EXPECT_EQ(known.Find("0"), nullptr);
  EXPECT_EQ(known.Find("one more"), schema);
}

// Wherever the bytes begin: a column is never read at an address that its type may not have.
TEST(ArrowWire, OddAddressesAreFine) {
  WireSchemas known;
  for (const auto& rows : {Rows(), PlainRows()}) {
    const auto bytes = *EncodeWireBatch(*rows);
    for (size_t shift = 0; shift < 8; ++shift) {
      const std::string shifted = std::string(shift, 'x') + bytes;
      const auto batch = DecodeWireBatch("", std::string_view(shifted).substr(shift), nullptr, &known);
      ASSERT_TRUE(batch);
      EXPECT_TRUE((*batch)->Equals(*rows));
      EXPECT_EQ((*batch)->column_data(0)->buffers[1]->address() % 8, 0U);
    }
  }
}

TEST(ArrowWire, TheOwnerLivesAsLongAsTheBatch) {
  auto owner = std::make_shared<const std::string>(*EncodeWireBatch(*Rows()));
  const std::weak_ptr<const std::string> lives = owner;
  const std::string_view bytes = *owner;
  auto batch = DecodeWireBatch("", bytes, std::move(owner));
  ASSERT_TRUE(batch);
  EXPECT_FALSE(lives.expired());
  const auto column = (*batch)->column(0);
  *batch = nullptr;
  EXPECT_FALSE(lives.expired());
  EXPECT_TRUE(column->Equals(*Rows()->column(0)));
}

TEST(ArrowWire, NoneAndSeveralAreRefused) {
  const auto schema = Rows()->schema();
  ExpectRefused(DecodeWireBatch("", "", nullptr), "there is no record batch");
  ExpectRefused(DecodeWireBatch("", Stream({}, schema), nullptr), "there is no record batch");
  ExpectRefused(DecodeWireBatch("", Stream({Rows(), Rows()}, schema), nullptr), "more than one record batch");
}

TEST(ArrowWire, CompressedAndForeignByteOrderAreRefused) {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.codec = arrow::util::Codec::Create(arrow::Compression::LZ4_FRAME).ValueOrDie();
  ExpectRefused(DecodeWireBatch("", Stream({Rows()}, Rows()->schema(), options), nullptr), "compress");
  const auto big = Rows()->schema()->WithEndianness(arrow::Endianness::Big);
  ExpectRefused(DecodeWireBatch("", Stream({}, big), nullptr), "little-endian");
}

// A column of nulls has no bytes: its rows would cost the sender nothing, and everybody else their time.
// A name goes into the text of a refusal, and protobuf carries no other text than UTF-8.
TEST(ArrowWire, NamesThatAreNotUtf8AreRefused) {
  const auto inner = arrow::struct_({arrow::field("\xFFname", arrow::int64())});
  for (const auto& field : {arrow::field("\xC3", arrow::int64()), arrow::field("outer", inner)}) {
    const auto schema = arrow::schema({field});
    ExpectRefused(DecodeWireBatch({}, Stream({*arrow::RecordBatch::MakeEmpty(schema)}, schema), nullptr),
                  "not UTF-8");
    const auto decoded = DecodeWireSchema(EncodeWireSchema(*schema).value());
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().message(), "schema decode: the name of a column is not UTF-8");
  }
}

TEST(ArrowWire, RowsNeedBytes) {
  const auto schema = arrow::schema({arrow::field("nothing", arrow::null())});
  const auto rows = [&](int64_t count) {
    return Stream({arrow::RecordBatch::Make(schema, count, {std::make_shared<arrow::NullArray>(count)})},
                  schema);
  };
  EXPECT_EQ((*DecodeWireBatch("", rows(1000), nullptr))->num_rows(), 1000);
  ExpectRefused(DecodeWireBatch("", rows(int64_t{1} << 30), nullptr), "1073741824 rows");
}

// Offsets that lead out of their buffer, and bytes that are no text.
TEST(ArrowWire, ContentsAreCheckedToTheLastValue) {
  const auto refused = [](const std::vector<int32_t>& offsets, const std::string& text) {
    const auto column = arrow::ArrayData::Make(
        arrow::utf8(), static_cast<int64_t>(offsets.size()) - 1,
        {nullptr, arrow::Buffer::FromVector(offsets), arrow::Buffer::FromString(text)});
    const auto schema = arrow::schema({arrow::field("text", arrow::utf8())});
    const auto batch = arrow::RecordBatch::Make(schema, column->length, {column});
    ExpectRefused(DecodeWireBatch("", *EncodeWireBatch(*batch), nullptr), "column 0");
  };
  refused({0, 1, 3}, "\xC3\x28z");
  refused({0, 2, 1, 3}, "abc");
}

// Every prefix, and any byte changed: an error, or a batch that holds what it says.
TEST(ArrowWire, DamagedBytesAreRefusedOrRead) {
  const auto bytes = *EncodeWireBatch(*Rows());
  for (size_t size = 0; size + 8 < bytes.size(); ++size) {
    const std::string copy = bytes.substr(0, size);  // of this size, so that reading past it is seen
    EXPECT_FALSE(DecodeWireBatch("", copy, nullptr)) << size;
    IgnoreError(DecodeWireSchema(copy), "only that it ends");
  }
  std::mt19937 random(7);
  WireSchemas known;
  const auto plain = *EncodeWireBatch(*PlainRows());
  for (int i = 0; i < 20'000; ++i) {
    std::string copy = i % 2 == 0 ? bytes : plain;
    for (auto changes = 1 + random() % 3; changes > 0; --changes) {
      copy[random() % copy.size()] = static_cast<char>(random());
    }
    const auto batch = DecodeWireBatch("", copy, nullptr);
    const auto known_batch = DecodeWireBatch("", copy, nullptr, &known);
    ASSERT_EQ(static_cast<bool>(batch), static_cast<bool>(known_batch));
    if (!batch) continue;
    for (const auto& read : {*batch, *known_batch}) {
      EXPECT_TRUE(read->ValidateFull().ok());
      EXPECT_EQ(read->ToString().empty(), read->num_columns() == 0);
    }
  }
}

// What subscribers are sent: the event's own bytes between a schema and the end, in a message that any
// protobuf reads.
TEST(ArrowWire, StoredMessagesAreWrapped) {
  const auto rows = Rows();
  const auto codec = *EventCodec::Make(rows->schema());
  const auto encoded = *codec.Encode(*rows, 1 << 20);
  const auto frame = *ArrowBatchFrame::Make(*rows->schema());

  v1::trigger::SubscribedBatch rest;
  rest.set_offset(300);
  rest.mutable_produced_at()->set_seconds(5);
  const auto message = frame.Encode(rest, v1::trigger::SubscribedBatch::kBatchFieldNumber, encoded.payload);

  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(message.Dump(&slices).ok());
  std::string flat;
  bool shared = false;
  for (const auto& slice : slices) {
    flat.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    shared = shared || slice.begin() == encoded.payload->data();
  }
  EXPECT_TRUE(shared) << "the event's bytes were copied";

  v1::trigger::SubscribedBatch read;
  ASSERT_TRUE(read.ParseFromString(flat));
  EXPECT_EQ(read.offset(), 300U);
  EXPECT_EQ(read.produced_at().seconds(), 5);
  EXPECT_TRUE(read.batch().data_header().empty());
  const auto batch = DecodeWireBatch("", read.batch().data_body(), nullptr);
  ASSERT_TRUE(batch) << batch.error().ToString();
  EXPECT_TRUE((*batch)->Equals(*rows));
}

TEST(ArrowWire, AWrappedEventOutlivesItsBuffer) {
  const auto rows = Rows();
  const auto frame = *ArrowBatchFrame::Make(*rows->schema());
  auto payload = (*EventCodec::Make(rows->schema())).Encode(*rows, 1 << 20)->payload;
  const std::weak_ptr<arrow::Buffer> lives = payload;
  {
    const auto message = frame.Encode(v1::trigger::SubscribedBatch(), 3, std::move(payload));
    payload = nullptr;
    EXPECT_FALSE(lives.expired());
  }
  EXPECT_TRUE(lives.expired());
}

}  // namespace
}  // namespace jammi
