// The verbs of the named consumers.
#pragma once

#include <tuple>

#include "catalog/consumer_repo.h"
#include "catalog/proof/world.h"

namespace jammi::proof {

inline void Show(Writer& out, const StoredConsumer& consumer) {
  out.Id(consumer.topic.ToString()).Owner(consumer.owner);
  out << consumer.name << consumer.predicate << static_cast<int64_t>(consumer.start)
      << static_cast<int64_t>(consumer.position) << (consumer.needs_reset ? "outdated" : "current")
      << static_cast<int64_t>(consumer.head) << static_cast<int64_t>(consumer.low_water);
  if (const auto& lease = consumer.lease) {
    // Epochs count from the time of creation.
    out << lease->token.holder << lease->token.epoch - consumer.created_at;
    out << (lease->live ? "live" : "expired");
    out.Time(lease->expires_at);
  }
  out.Time(consumer.created_at);
}

// Every consumer is of one of a few topics.
template <class W>
int64_t DrawTopicNo(W& world, const Scope& caller, Draw& draw) {
  return std::stoll(world.Id(draw, "topic number", caller));
}
struct DrawnConsumer {
  int64_t topic_no = 0;
  std::string name;
  std::string lease;  // what its lease is of, in every world
  [[nodiscard]] ConsumerKey key() const { return {topic_no, name}; }
};
// Often the one that the caller has got last.
template <class W>
DrawnConsumer DrawConsumer(W& world, const Scope& caller, Draw& draw) {
  DrawnConsumer consumer{.topic_no = DrawTopicNo(world, caller, draw),
                         .name = draw.One<std::string>({"reader", "reader", "auditor"})};
  consumer.lease = fmt::format("consumer {} of {}", consumer.name, draw.masks().back().second);
  const auto last = world.last_consumers().find(caller);
  if (draw.Percent(60) && last != world.last_consumers().end()) {
    std::tie(consumer.topic_no, consumer.name, consumer.lease) = last->second;
    draw.Mask(fmt::format("topic {}", consumer.topic_no), "that topic");
  }
  return consumer;
}
template <class W>
void KeepConsumer(W& world, const Scope& caller, const DrawnConsumer& consumer) {
  world.last_consumers()[caller] = {consumer.topic_no, consumer.name, consumer.lease};
}
inline std::string DrawHolder(Draw& draw) { return draw.One<std::string>({"h1", "h2"}); }
inline ConsumerRepo::OnLeased DrawOnLeased(Draw& draw) {
  return draw.Percent(20) ? ConsumerRepo::OnLeased::kTakeOver : ConsumerRepo::OnLeased::kFail;
}
// Topics are empty here, so 1 is beyond the head.
inline uint64_t DrawPosition(Draw& draw) { return draw.One<uint64_t>({0, 0, 1}); }

template <class W>
std::vector<Verb<W>> ConsumerVerbs() {
  using enum Does;
  return {
      {"ConsumerRepo::Create", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto consumer = DrawConsumer(w, s, d);
         CreateConsumerParams params{.topic_no = consumer.topic_no, .name = consumer.name};
         params.predicate = d.One<std::string>({"", "id > 1"});
         if (d.Percent(50)) params.start = DrawPosition(d);
         const auto created = w.consumers(s).Create(params);
         if (created) KeepConsumer(w, s, consumer);
         return w.Answered(s, d, created);
       }},
      {"ConsumerRepo::Get", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto consumer = DrawConsumer(w, s, d);
         return w.Answered(s, d, w.consumers(s).Get(consumer.key()));
       }},
      {"ConsumerRepo::List", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto topic = DrawTopicNo(w, s, d);
         return AnsweredPage(
             w, s, d, "ConsumerRepo::List " + d.masks().back().second,
             [&](int size, const std::string& token) { return w.consumers(s).List(topic, size, token); });
       }},
      {"ConsumerRepo::Attach", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto consumer = DrawConsumer(w, s, d);
         const auto holder = DrawHolder(d);
         const auto attached = w.consumers(s).Attach(consumer.key(), holder, kLease, DrawOnLeased(d));
         if (attached) KeepConsumer(w, s, consumer);
         if (attached) w.KeepLease(consumer.lease, s, attached->lease->token);
         return w.Answered(s, d, attached);
       }},
      {"ConsumerRepo::Renew", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto consumer = DrawConsumer(w, s, d);
         const auto expires = w.consumers(s).Renew(consumer.key(), w.Lease(d, consumer.lease, s), kLease);
         return w.Answered(s, d, expires ? Result<void>() : Result<void>(expires.error()));
       }},
      {"ConsumerRepo::Ack", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto consumer = DrawConsumer(w, s, d);
         const auto token = w.Lease(d, consumer.lease, s);
         return w.Answered(s, d, w.consumers(s).Ack(consumer.key(), token, DrawPosition(d)));
       }},
      {"ConsumerRepo::Detach", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto consumer = DrawConsumer(w, s, d);
         return w.Answered(s, d, w.consumers(s).Detach(consumer.key(), w.Lease(d, consumer.lease, s)));
       }},
      {"ConsumerRepo::Reset", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto consumer = DrawConsumer(w, s, d);
         const auto position = DrawPosition(d);
         return w.Answered(s, d, w.consumers(s).Reset(consumer.key(), position, DrawOnLeased(d)));
       }},
      {"ConsumerRepo::Delete", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto consumer = DrawConsumer(w, s, d);
         return w.Answered(s, d, w.consumers(s).Delete(consumer.key(), DrawOnLeased(d)));
       }},
  };
}

}  // namespace jammi::proof
