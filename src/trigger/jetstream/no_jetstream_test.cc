// What a build without NATS says: its one file is linked here in place of the driver.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trigger/jetstream/jetstream_broker.h"

namespace jammi {
namespace {

TEST(NoJetStream, Trg077ADriverThatIsNotBuiltInIsNamed) {
  const auto refused = NewJetStreamBroker({.url = Secret("nats://h:4222")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnimplemented);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("broker.kind = \"jet_stream\""));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("-DJAMMI_NATS=ON"));
  CloseJetStreamBroker(*NewMemoryBroker());
  EXPECT_FALSE(JetStreamBrokerStatus(*NewMemoryBroker()));
}

}  // namespace
}  // namespace jammi
