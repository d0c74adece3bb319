// CatalogService over an engine, and what its tests make again and again.
#pragma once

#include <arrow/type.h>
#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>

#include "jammi/v1/catalog.pb.h"
#include "server/arrow_wire.h"
#include "server/server_fixture.h"
#include "server/services.h"

namespace jammi::test {

using google::protobuf::Empty;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using v1::error::JammiErrorDetail;
using v1::error::TriggerErrorDetail;
namespace wire = ::jammi::v1::catalog;

class CatalogTest : public testing::Test {
 protected:
  static constexpr int kA = 1;
  static constexpr int kB = 2;

  EngineServer server_{{[](const ServerContext& context) { return NewCatalogService(context); }}};
};

inline std::string SchemaBytes(const arrow::FieldVector& fields) {
  return *EncodeWireSchema(*arrow::schema(fields));
}
inline arrow::FieldVector Note() {
  return {arrow::field("note_id", arrow::int64(), false), arrow::field("body", arrow::utf8())};
}

// A request that could not be read is refused with a text, and without a detail.
inline void ExpectUnreadable(const Answer& answer, const std::string& text) {
  EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
  EXPECT_THAT(answer.message, HasSubstr(text));
  EXPECT_EQ(answer.details, "");
}

}  // namespace jammi::test
