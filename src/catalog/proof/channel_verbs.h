// The verbs of the evidence channels.
#pragma once

#include <arrow/api.h>

#include "catalog/proof/world.h"
#include "jammi/channels.h"

namespace jammi::proof {

inline void Show(Writer& out, const ChannelRecord& channel) {
  out << channel.id.text();
  out.Owner(channel.owner);
  out << channel.priority << channel.revision;
  for (const ChannelColumn& column : channel.columns) out << column.name << ToString(column.type);
  out.Time(channel.created_at).Time(channel.updated_at);
}
inline void Show(Writer& out, const std::shared_ptr<arrow::Schema>& schema) { out << schema->ToString(); }
inline void Show(Writer& out, const std::shared_ptr<arrow::RecordBatch>& batch) { out << batch->ToString(); }

// "vector" is built in, for everybody.
inline ChannelId DrawChannel(Draw& draw) {
  return test::Ok(ChannelId::Parse(draw.One<std::string>({"x", "y", "z", "vector"})));
}
inline std::vector<ChannelId> DrawChannels(Draw& draw) {
  std::vector<ChannelId> ids;
  for (uint64_t left = 1 + draw.Below(2); left > 0; --left) ids.push_back(DrawChannel(draw));
  return ids;
}
inline std::vector<ChannelColumn> DrawColumns(Draw& draw) {
  std::vector<ChannelColumn> columns;
  for (uint64_t left = draw.Below(3); left > 0; --left) {
    columns.push_back({.name = draw.One<std::string>({"a", "b", "c", "d", "e", "f", "g", "h"}),
                       .type = draw.One({ChannelColumnType::kInt64, ChannelColumnType::kUtf8})});
  }
  return columns;
}

template <class W>
std::vector<Verb<W>> ChannelVerbs() {
  using enum Does;
  return {
      {"Channels::Register", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const ChannelSpec spec{
             .id = DrawChannel(d), .priority = d.One({1, 2, 9}), .columns = DrawColumns(d)};
         return w.Answered(s, d, w.channels(s).Register(spec));
       }},
      {"Channels::AddColumns", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto id = DrawChannel(d);
         auto columns = DrawColumns(d);
         if (d.Percent(2)) columns.push_back(d.Bad(ChannelColumn()));
         return w.Answered(s, d, w.channels(s).AddColumns(id, columns));
       }},
      {"Channels::Get", kRead,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.channels(s).Get(DrawChannel(d))); }},
      {"Channels::GetAll", kRead,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.channels(s).GetAll(DrawChannels(d))); }},
      {"Channels::List", kRead,
       [](W& w, const Scope& s, Draw& d) {
         return AnsweredPage(w, s, d, "Channels::List", [&](int size, const std::string& token) {
           return w.channels(s).List(size, token);
         });
       }},
      {"Channels::MergedSchema", kRead,
       [](W& w, const Scope& s, Draw& d) {
         return w.Answered(s, d, w.channels(s).MergedSchema(DrawChannels(d)));
       }},
      // Into one row without columns. What is merged how is not the matter here.
      {"Channels::Merge", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto row = arrow::RecordBatch::Make(arrow::schema({}), 1, arrow::ArrayVector());
         const ChannelMerge merge{.participating = {DrawChannel(d)}, .contributions = {{}}};
         return w.Answered(s, d, w.channels(s).Merge(std::vector{row}, merge));
       }},
  };
}

}  // namespace jammi::proof
