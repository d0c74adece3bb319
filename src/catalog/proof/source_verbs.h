// The verbs of the registry of sources.
#pragma once

#include "catalog/proof/table_verbs.h"
#include "catalog/proof/world.h"
#include "jammi/sources.h"

namespace jammi::proof {

inline void Show(Writer& out, const SourceRecord& source) {
  const SourceConnection& connection = source.connection;
  out << source.source_id;
  out.Owner(source.owner);
  out << ToString(source.type) << connection.url.Reveal()
      << (connection.format ? ToString(*connection.format) : "-") << connection.file_extension
      << connection.cloud << connection.tenant_column << source.revision;
  for (const auto& [name, value] : connection.options) out << name << value.Reveal();
  out.Time(source.created_at).Time(source.updated_at);
}
inline void Show(Writer& out, const SourceTable& table) {
  out << table.table_name;
  out.Owner(table.owner);
  out << table.status;
  out.Time(table.created_at);
}
inline void Show(Writer& out, const SourceDescription& description) {
  Show(out, description.source);
  Show(out, description.tables);
}

// Of any type, so that none is refused; Update() does not change the type.
inline SourceConnection DrawConnection(Draw& draw) {
  SourceConnection connection;
  connection.url = Secret(draw.One<std::string>({"s3://a", "s3://b"}));
  connection.format = draw.One({FileFormat::kCsv, FileFormat::kParquet});
  connection.tenant_column = draw.One<std::string>({"", "tenant"});
  if (draw.Percent(50)) connection.options.emplace("key", Secret(draw.One<std::string>({"${KEY}", "clear"})));
  return connection;
}

template <class W>
std::vector<Verb<W>> SourceVerbs() {
  using enum Does;
  return {
      {"Sources::Register", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = d.Percent(2) ? d.Bad(std::string("Mutable")) : d.Name();
         return w.Answered(s, d, w.sources(s).Register(name, SourceType::kFile, DrawConnection(d)));
       }},
      {"Sources::Update", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = d.Name();
         const auto connection = DrawConnection(d);
         return w.Answered(s, d, w.sources(s).Update(name, connection, d.Maybe<int64_t>({1, 2})));
       }},
      {"Sources::Remove", kWrite,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.sources(s).Remove(d.Name())); }},
      {"Sources::RemoveWithTables", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         return w.Answered(s, d, w.sources(s).RemoveWithTables(d.Name()));
       }},
      {"Sources::Get", kRead,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.sources(s).Get(d.Name())); }},
      {"Sources::List", kRead,
       [](W& w, const Scope& s, Draw& d) {
         return AnsweredPage(w, s, d, "Sources::List", [&](int size, const std::string& token) {
           return w.sources(s).List(size, token);
         });
       }},
      {"Sources::Describe", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = d.Name();
         const auto list = "Sources::Describe " + name;
         const int page_size = d.PageSize();
         const auto described = w.sources(s).Describe(name, page_size, w.Token(d, list, s));
         if (described && !d.foreign_token()) w.KeepToken(list, s, described->tables.next_page_token);
         return w.Answered(s, d, described);
       }},
      {"Sources::ListDescriptions", kRead,
       [](W& w, const Scope& s, Draw& d) {
         return AnsweredPage(w, s, d, "Sources::ListDescriptions", [&](int size, const std::string& token) {
           return w.sources(s).ListDescriptions(size, token);
         });
       }},
  };
}

}  // namespace jammi::proof
