// Events on their way to a topic, many in a call.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <string>

#include "client/rpc_channel.h"
#include "jammi/ext/v1/streams.pb.h"
#include "jammi/result.h"

namespace jammi {

// Used by one thread. After an error, what report() tells is published, and of the rest nothing is known.
class Publication {
 public:
  // `producer_key`: empty, or what makes the calls happen once. Each call has a key made of it and its
  // number, and where calls end depends on the events alone, so the same events make the same calls.
  Publication(const RpcChannel& channel, std::string topic, std::string producer_key);

  struct Report {
    uint64_t events = 0;
    uint64_t rows = 0;
    uint64_t duplicates = 0;  // events that an earlier run published
    uint64_t first_offset = 0;
    uint64_t last_offset = 0;
  };
  [[nodiscard]] const Report& report() const { return report_; }

  // Errors: those of the call, if one is made.
  [[nodiscard]] Result<void> Add(const arrow::RecordBatch& batch);
  // No more events are at hand just now: publishes what is there, unless a key fixes where calls end.
  [[nodiscard]] Result<void> Pause();
  [[nodiscard]] Result<void> Flush();

 private:
  [[nodiscard]] Result<void> PublishEach();
  void Count(uint64_t first_offset, uint64_t events);

  const RpcChannel& channel_;
  const std::string producer_key_;
  ext::v1::PublishManyRequest pending_;
  size_t pending_bytes_ = 0;
  uint64_t pending_rows_ = 0;
  uint64_t calls_ = 0;
  bool one_by_one_ = false;  // the server has no PublishMany
  Report report_;
};

}  // namespace jammi
