// Message by message. What programs make of it: tests/clients/reflection_test.py.
#include "rpc/reflection.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "jammi/v1/audit.pb.h"
#include "rpc/raw_http2.h"
#include "rpc/rpc_fixture.h"

namespace jammi::test {
namespace {

namespace reflection = grpc::reflection::v1alpha;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto kInfoPath = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

class ReflectionTest : public testing::Test {
 protected:
  ReflectionTest() {
    (void)v1::audit::VerifyRequest::descriptor();
    std::vector<std::unique_ptr<RpcService>> services;
    services.push_back(std::make_unique<RpcService>("jammi.v1.audit.AuditService"));
    server_ = std::make_unique<TestRpcServer>(std::move(services));
  }
  // The answer to a stream with one request.
  reflection::ServerReflectionResponse Ask(const reflection::ServerReflectionRequest& request) const {
    auto stream = server_->channel().Stream(kInfoPath, request.SerializeAsString());
    reflection::ServerReflectionResponse response;
    EXPECT_TRUE(response.ParseFromString(stream.Read().value_or("\xff")));
    EXPECT_EQ(response.original_request().SerializeAsString(), request.SerializeAsString());
    EXPECT_EQ(stream.Finish().code, RpcCode::kOk) << "the client says no more";
    return response;
  }
  static std::vector<std::string> Files(const reflection::ServerReflectionResponse& response) {
    std::vector<std::string> names;
    for (const auto& bytes : response.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      EXPECT_TRUE(file.ParseFromString(bytes));
      names.push_back(file.name());
    }
    return names;
  }

  // What a dialog says next.
  static reflection::ServerReflectionResponse Next(RpcDialog& dialog) {
    reflection::ServerReflectionResponse response;
    grpc::Slice bytes;
    EXPECT_TRUE(std::get<grpc::ByteBuffer>(dialog.TryNext().value()).DumpToSingleSlice(&bytes).ok());
    EXPECT_TRUE(response.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size())));
    return response;
  }

  std::unique_ptr<TestRpcServer> server_;
};

TEST_F(ReflectionTest, AllServicesAreListed) {
  reflection::ServerReflectionRequest request;
  request.set_list_services("*");
  const auto response = Ask(request);
  std::vector<std::string> names;
  for (const auto& each : response.list_services_response().service()) names.push_back(each.name());
  EXPECT_THAT(names, ElementsAre("grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection",
                                 "jammi.v1.audit.AuditService"));
}

TEST_F(ReflectionTest, AFileComesWithWhatItNeeds) {
  const auto files = ElementsAre("jammi/v1/audit.proto", "google/protobuf/empty.proto");
  reflection::ServerReflectionRequest request;
  request.set_file_containing_symbol("jammi.v1.audit.AuditService.Verify");
  EXPECT_THAT(Files(Ask(request)), files);
  request.set_file_by_filename("jammi/v1/audit.proto");
  EXPECT_THAT(Files(Ask(request)), files);
}

// A client builds its pool from what comes, and some do not take a file twice that they have not asked for.
TEST_F(ReflectionTest, WhatAFileNeedsComesOnceInAStreamAndTheFileAsOftenAsItIsAskedFor) {
  const ReflectionService service({});
  reflection::ServerReflectionRequest audit;
  audit.set_file_by_filename("jammi/v1/audit.proto");
  reflection::ServerReflectionRequest empty;
  empty.set_file_by_filename("google/protobuf/empty.proto");
  auto dialog = service.methods().front().dialog(RpcCall(), audit).value();
  EXPECT_THAT(Files(Next(*dialog)), ElementsAre("jammi/v1/audit.proto", "google/protobuf/empty.proto"));
  ASSERT_TRUE(dialog->Take(audit));
  EXPECT_THAT(Files(Next(*dialog)), ElementsAre("jammi/v1/audit.proto"));
  ASSERT_TRUE(dialog->Take(empty));
  EXPECT_THAT(Files(Next(*dialog)), ElementsAre("google/protobuf/empty.proto"));
}

TEST_F(ReflectionTest, ExtensionsAreFound) {
  reflection::ServerReflectionRequest request;
  request.set_all_extension_numbers_of_type("jammi.v1.audit.VerifyRequest");
  const auto none = Ask(request).all_extension_numbers_response();
  EXPECT_EQ(none.base_type_name(), "jammi.v1.audit.VerifyRequest");
  EXPECT_EQ(none.extension_number_size(), 0);
  request.mutable_file_containing_extension()->set_containing_type("jammi.v1.audit.VerifyRequest");
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
}

TEST_F(ReflectionTest, WhatIsNotThereIsAnAnswer) {
  reflection::ServerReflectionRequest request;
  EXPECT_EQ(Ask(request).error_response().error_code(), 12) << "nothing is asked";
  request.set_file_by_filename("no/such.proto");
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
  request.set_file_containing_symbol("no.such.Symbol");
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
  request.set_all_extension_numbers_of_type("no.such.Type");
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
}

TEST_F(ReflectionTest, ANameThatIsNoneEndsTheStream) {
  reflection::ServerReflectionRequest request;
  request.set_file_containing_symbol(std::string(5000, 'x'));
  auto stream = server_->channel().Stream(kInfoPath, request.SerializeAsString());
  EXPECT_EQ(stream.Finish().code, RpcCode::kInvalidArgument);
}

// SRV-010: gRPC's own service holds a drain up until its limit.
TEST_F(ReflectionTest, Srv010AStreamThatIsOpenEndsWithADrain) {
  RawConnection raw(server_->address());
  reflection::ServerReflectionRequest request;
  request.set_list_services("*");
  ASSERT_TRUE(raw.Send(Hello() + Frame(FrameType::kHeaders, kEndHeaders, 1, CallFields(kInfoPath)) +
                       Frame(FrameType::kData, 0, 1, Message(request.SerializeAsString()))));
  EXPECT_THAT(raw.ReadUntil("AuditService"), HasSubstr("AuditService"));
  ASSERT_EQ(server_->dispatcher().open_streams(), 1U) << "the client may ask more";
  server_->dispatcher().EndStreams();
  EXPECT_THAT(raw.ReadUntil("shutting down"), HasSubstr("shutting down"));
  EXPECT_TRUE(Eventually([&] { return server_->dispatcher().open_streams() == 0; }));
}

// A client that asks and does not read: its requests are not gathered without end.
TEST(ReflectionServiceTest, WhoAsksWithoutReadingIsToldToRead) {
  const ReflectionService service({});
  const reflection::ServerReflectionRequest request;
  auto dialog = service.methods().front().dialog(RpcCall(), request).value();
  for (int i = 1; i < 100; ++i) ASSERT_TRUE(dialog->Take(request));
  EXPECT_EQ(dialog->Take(request).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_TRUE(dialog->TryNext());
  EXPECT_TRUE(dialog->Take(request));
}

}  // namespace
}  // namespace jammi::test
