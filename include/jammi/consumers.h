// Named consumers: who reads a topic under a name, and how far he has come. They are kept in the catalog and
// outlive the cursors that read for them.
//
//   auto reader = session.consumers().Attach("quakes", "indexer", {.create_if_absent = {{.from =
//   From::Offset(0)}}}); while (auto event = *(*reader)->Next(deadline)) {
//     Index(*event->batch);
//     (*reader)->Ack(event->offset);               // and all before it
//   }
//
// A consumer belongs to a scope and is seen by that scope alone, also on a global topic. One cursor at a time
// reads for it, by a lease. Whatever dies or is restarted, the next one begins behind what was acknowledged
// and has reached the catalog: each event is delivered at least once until it is acknowledged, and none is
// skipped.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "jammi/catalog_access.h"
#include "jammi/lease.h"
#include "jammi/position.h"
#include "jammi/result.h"
#include "jammi/scope.h"
#include "jammi/trigger.h"

namespace jammi {

class EngineCore;

// What a live lease means to a call that needs the consumer for itself. kTakeOver ends it.
enum class OnLeased : uint8_t { kFail, kTakeOver };

struct ConsumerLease {
  LeaseToken token;
  UnixMicros expires_at = 0;  // on the database's clock
  bool live = false;          // when this was read
  bool operator==(const ConsumerLease&) const = default;
};

struct Consumer {
  TopicId topic{Uuid{}};
  std::string name;
  Scope owner = Scope::Global();
  std::string predicate;
  uint64_t start = 0;        // offset at which it began
  Position position;         // what was acknowledged, and has reached the catalog, lies behind it
  bool needs_reset = false;  // the position is of another history of the catalog
  uint64_t head = 0;         // the topic's next offset
  uint64_t low_water = 0;    // the oldest offset that can still be read
  std::optional<ConsumerLease> lease;
  UnixMicros created_at = 0;

  // Events of the topic, visible to it or not, that are not acknowledged.
  [[nodiscard]] uint64_t Lag() const { return head > position.offset ? head - position.offset : 0; }
};

struct CreateConsumerOptions {
  std::string predicate;       // as SubscribeOptions::predicate; it stays the consumer's
  From from = From::Newest();  // at most the head
};

struct AttachOptions {
  // Makes the consumer if there is none. One that is there must have this predicate, and stays where it is.
  std::optional<CreateConsumerOptions> create_if_absent;
  OnLeased on_leased = OnLeased::kFail;
  // Who reads, for people and for whoever is refused. Whoever comes with the name of the present holder gets
  // the consumer at once, as after a crash: so it is one reader's, not a program's. Empty: a name that nobody
  // has.
  std::string holder;
  // Renewed at a third of it. After a crash the consumer is free when it has passed.
  std::chrono::milliseconds lease = std::chrono::seconds(30);  // kMinLease to kMaxLease
  bool follow = true;                                          // as SubscribeOptions::follow
  bool decode = true;                                          // likewise
  // How long Close() waits at most for the last acknowledgements to reach the catalog.
  std::chrono::milliseconds close_wait = std::chrono::seconds(5);
};

// The subscription of who is attached to a consumer. In addition to what a Subscription says: it ends with
// kFailedPrecondition and LeaseLostDetail once the lease was taken over, has expired, or the consumer was
// reset or deleted; from then on nothing that is done here moves the consumer. Close() writes the last
// acknowledgements, and gives the lease back; from inside a callback, and after `close_wait`, that goes on
// without the caller.
//
// What is below is thread-safe.
class ConsumerSubscription : public Subscription {
 public:
  // All events up to `offset`, it included, are done with. It reaches the catalog within 100 ms, together
  // with whatever else is acknowledged by then; a failure is repeated as long as the lease lives. An offset
  // that lies behind an acknowledged one changes nothing. Events that its predicate or its scope leaves out
  // need none. Errors: kInvalidArgument: it has not been delivered here; kFailedPrecondition with
  // LeaseLostDetail; kCancelled: closed; kUnavailable: the engine is closed.
  [[nodiscard]] virtual Result<void> Ack(uint64_t offset) = 0;

  // Waits until what has been acknowledged so far is in the catalog.
  // Errors: as Ack; kDeadlineExceeded, which names the last failure: it may still come.
  [[nodiscard]] virtual Result<void> Flush(Deadline deadline) = 0;

  // The offset below which all is acknowledged or left out, here, and in the catalog as far as is known.
  [[nodiscard]] virtual uint64_t acked() const = 0;
  [[nodiscard]] virtual uint64_t flushed() const = 0;

  // What OnReady() is given is called also when flushed() has grown. This is for who wants no more events: as
  // OnReady(), in place of it, and called for that alone. What grew before the call is not told of.
  virtual void OnFlushed(std::move_only_function<void()> ready) = 0;

  // `live`: it has not been lost or given back, as far as is known here; that is never later than the
  // database's word.
  [[nodiscard]] virtual ConsumerLease lease() const = 0;
};

// The consumers of one scope. A light handle like Topics. Errors of all: kNotFound with TopicNotFoundDetail:
// the scope sees no such topic; kNotFound: it has no such consumer there; kInvalidArgument for a name that is
// not 1..128 bytes of UTF-8 without U+0000; kUnavailable.
class Consumers {
 public:
  // Errors: kAlreadyExists; kInvalidArgument with PredicateParseDetail or PredicateUnsupportedDetail;
  // kFailedPrecondition: `from` is beyond the topic's head; as Session::Subscribe for `from`.
  [[nodiscard]] Result<Consumer> Create(const TopicRef& topic, std::string_view name,
                                        const CreateConsumerOptions& options = {}) const;

  [[nodiscard]] Result<Consumer> Get(const TopicRef& topic, std::string_view name) const;
  // The scope's consumers of a topic by name, `page_size` (1..1000) at a time.
  [[nodiscard]] Result<Page<Consumer>> List(const TopicRef& topic, int page_size = kDefaultPageSize,
                                            std::string_view page_token = {}) const;

  // Reads on where the consumer is.
  // Errors: kFailedPrecondition with LeaseHeldDetail; with PositionOutdatedDetail (it must be reset); with
  // OffsetEvictedDetail (what it would read next is gone: Reset it to what is still there); kAlreadyExists:
  // it has another predicate than `create_if_absent`; those of Create.
  [[nodiscard]] Result<std::unique_ptr<ConsumerSubscription>> Attach(const TopicRef& topic,
                                                                     std::string_view name,
                                                                     const AttachOptions& options = {}) const;

  // Moves it, forward or back, and ends its lease. From::Position(...) of another consumer of the topic
  // copies it. Errors: kFailedPrecondition with LeaseHeldDetail; as Create for `to`.
  [[nodiscard]] Result<Consumer> Reset(const TopicRef& topic, std::string_view name, From to,
                                       OnLeased on_leased = OnLeased::kFail) const;

  // Errors: kFailedPrecondition with LeaseHeldDetail.
  [[nodiscard]] Result<void> Delete(const TopicRef& topic, std::string_view name,
                                    OnLeased on_leased = OnLeased::kFail) const;

 private:
  friend class Session;
  Consumers(std::shared_ptr<EngineCore> core, Scope scope)
      : core_(std::move(core)), scope_(std::move(scope)) {}
  std::shared_ptr<EngineCore> core_;
  Scope scope_;
};

}  // namespace jammi
