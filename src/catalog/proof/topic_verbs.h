// The verbs of the topics that are a scope's. (What looks for "any" topic is the engine's.)
#pragma once

#include "catalog/proof/world.h"
#include "catalog/topic_repo.h"

namespace jammi::proof {

inline void Show(Writer& out, const StoredTopic& topic) {
  out.Id("topic number", topic.owner, fmt::format("{}", topic.topic_no));
  out.Id("topic", topic.owner, topic.id.ToString()).Owner(topic.owner);
  out << topic.name << topic.schema << static_cast<int64_t>(topic.broker_metadata.size())
      << static_cast<int64_t>(topic.earlier_columns.size());
  out.Time(topic.created_at);
  out << topic.retention.max_events;
}

inline void Show(Writer& out, const TopicStats& stats) {
  out << static_cast<int64_t>(stats.low_water) << static_cast<int64_t>(stats.next_offset)
      << static_cast<int64_t>(stats.events) << stats.retention.max_events;
}

template <class W>
TopicId DrawTopic(W& world, const Scope& caller, Draw& draw) {
  return TopicId::Parse(world.Id(draw, "topic", caller)).value();
}

template <class W>
std::vector<Verb<W>> TopicVerbs() {
  using enum Does;
  return {
      {"TopicRepo::Register", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = d.Percent(2) ? d.Bad(std::string("jammi.catalog.changes")) : d.Name();
         const auto schema = d.One<std::string>({"schema 1", "schema 2"});
         const TopicRetention retention{.max_events = d.Maybe<int64_t>({0, 5})};
         return w.Answered(s, d, w.topics().Register(s, name, schema, {{"key", "value"}}, retention));
       }},
      {"TopicRepo::FindByName", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = d.One<std::string>({"x", "y", "aaaaaaaa-0000-4000-8000-000000000001::x", "z"});
         return w.Answered(s, d, w.topics().FindByName(s, name));
       }},
      {"TopicRepo::FindById", kRead,
       [](W& w, const Scope& s, Draw& d) {
         return w.Answered(s, d, w.topics().FindById(s, DrawTopic(w, s, d)));
       }},
      {"TopicRepo::List", kRead,
       [](W& w, const Scope& s, Draw& d) {
         return AnsweredPage(w, s, d, "TopicRepo::List", [&](int size, const std::string& token) {
           return w.topics().List(s, size, token);
         });
       }},
      {"TopicRepo::AppendColumns", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto grow = [](const StoredTopic& now) -> Result<TopicRepo::GrownSchema> {
           const auto columns = now.earlier_columns.empty() ? 1 : now.earlier_columns.back() + 1;
           return TopicRepo::GrownSchema{now.schema + " and more", columns};
         };
         return w.Answered(s, d, w.topics().AppendColumns(s, DrawTopic(w, s, d), grow));
       }},
      {"TopicRepo::SetRetention", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto id = DrawTopic(w, s, d);
         const int64_t events = d.Percent(2) ? d.Bad(int64_t{-1}) : d.One<int64_t>({0, 1, 7});
         return w.Answered(s, d, w.topics().SetRetention(s, id, {.max_events = events}));
       }},
      {"TopicRepo::Stats", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const TopicRetention defaults{.max_events = 3};
         return w.Answered(s, d, w.topics().Stats(s, DrawTopic(w, s, d), defaults));
       }},
      {"TopicRepo::Drop", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto dropped = w.topics().Drop(s, DrawTopic(w, s, d), [](int64_t) {});
         return w.Answered(s, d, dropped ? Result<void>() : Result<void>(dropped.error()));
       }},
  };
}

}  // namespace jammi::proof
