// Times of the wire's messages as the commands print them.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include "jammi/clock.h"

namespace jammi {

[[nodiscard]] inline UnixMicros Micros(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000 + time.nanos() / 1000;
}

}  // namespace jammi
