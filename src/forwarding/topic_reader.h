// Reads a topic's log, of all scopes, as the events that are to be forwarded.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "catalog/all_scopes_log.h"
#include "forwarding/cloud_events.h"
#include "jammi/catalog_backend.h"
#include "trigger/codec.h"

namespace jammi {

// Used by one thread.
class TopicReader {
 public:
  // Both outlive this. Begins at offset `next`.
  TopicReader(CatalogBackend& backend, const EventMaker& maker, const ForwardedFrom& from, uint64_t next)
      : backend_(&backend), maker_(&maker), from_(&from), next_(next) {}

  struct Item {
    std::optional<events::Event> event;     // absent: there is nothing to tell
    uint64_t position = 0;                  // with this item all of the log before it has been read
    std::optional<ForwardingGap> gap = {};  // the event tells of it
    std::optional<Error> untold = {};       // why a row has become no event
  };
  // The next item; nullopt: that was all. A row of an event with several has the event's own offset as its
  // position, but for the last. What was trimmed, or is damaged, becomes an event that says so.
  // Errors: kNotFound: the topic was dropped; whatever else the catalog has: it can be tried again.
  [[nodiscard]] Result<std::optional<Item>> Next(UnixMicros now);

  // The offset of the next event to be read from the log.
  [[nodiscard]] uint64_t next() const { return next_; }
  // Next() has something without asking the catalog.
  [[nodiscard]] bool buffered() const { return batch_ != nullptr || index_ < page_.events.size(); }

 private:
  [[nodiscard]] Result<std::optional<Item>> ReadPage(UnixMicros now);
  [[nodiscard]] Result<std::optional<Item>> BeginEvent(UnixMicros now);
  [[nodiscard]] Item TellRow();
  [[nodiscard]] Result<std::optional<Item>> TellGap(uint64_t to, std::string_view reason, UnixMicros now);
  [[nodiscard]] const LogEvent& event() const { return page_.events[index_]; }

  CatalogBackend* backend_;
  const EventMaker* maker_;
  const ForwardedFrom* from_;
  uint64_t next_;
  LogPage page_;
  size_t index_ = 0;  // in it, of the next event, or of that whose rows are told
  std::optional<EventCodec> codec_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  int64_t row_ = 0;
};

}  // namespace jammi
