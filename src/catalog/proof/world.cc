#include "catalog/proof/world.h"

#include <algorithm>
#include <cctype>

namespace jammi::proof {
namespace {

bool InWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; }

void ReplaceWords(std::string& text, const std::string& word, const std::string& by) {
  if (word.empty()) return;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at)) {
    const size_t end = at + word.size();
    const bool whole = (at == 0 || !InWord(text[at - 1])) && (end == text.size() || !InWord(text[end]));
    if (whole) text.replace(at, word.size(), by);
    at += whole ? by.size() : 1;
  }
}

}  // namespace

std::string NameOf(const Scope& scope) {
  if (scope.is_global()) return "global";
  if (scope == test::kA) return "A";
  if (scope == test::kB) return "B";
  return scope == test::kOutsider ? "outsider" : scope.Key();
}

std::string Aliases::Of(std::string_view kind, const Scope& owner, const std::string& id, const Scope& told) {
  if (owner == told && !aliases_.contains(id)) {
    auto& ids = ids_[{std::string(kind), owner}];
    ids.push_back(id);
    aliases_[id] = fmt::format("{} {}#{}", kind, NameOf(owner), ids.size());
  }
  return Of(id);
}

std::string Aliases::Of(const std::string& id) const {
  const auto known = aliases_.find(id);
  return known == aliases_.end() ? "?" : known->second;
}

std::string Aliases::Id(std::string_view kind, const Scope& owner, size_t back) const {
  const auto ids = ids_.find(std::pair(std::string(kind), owner));
  if (ids != ids_.end() && back < ids->second.size()) return ids->second[ids->second.size() - 1 - back];
  if (kind == "topic number") return fmt::format("{}", 4'000'000 + back);
  return fmt::format("dddddddd-0000-4000-8000-{:012}", back);
}

std::string Aliases::Mask(std::string text) const {
  for (const auto& [id, alias] : aliases_) {
    if (id.size() == 36) ReplaceWords(text, id, alias);  // a number may be anything else
  }
  return text;
}

std::string Answer::ToString() const {
  return error ? fmt::format("{}: {}", jammi::ToString(*error), text) : text;
}

std::string World::Id(Draw& draw, std::string_view kind, const Scope& caller) {
  const Scope owner = draw.Owner(caller);
  const size_t back = draw.One<size_t>({0, 0, 0, 1, 2});
  std::string id = aliases_.Id(kind, owner, back);
  const std::string alias = fmt::format("{} {}-{}", kind, NameOf(owner), back);
  // A bare number may be anything, so it is replaced where the text says what it is.
  kind == "topic number" ? draw.Mask("topic " + id, alias) : draw.Mask(id, alias);
  return id;
}

std::string World::Token(Draw& draw, const std::string& list, const Scope& caller) {
  if (draw.Percent(2)) return draw.Bad(std::string("00ff"));
  Scope from = caller;
  if (draw.Percent(5) && tokens_of_others_) {
    from = draw.One({test::kGlobal, test::kA, test::kB, test::kOutsider});
    if (from != caller) draw.SetForeignToken();
  }
  return draw.Percent(60) ? tokens_[{list, from}] : std::string();
}

LeaseToken World::Lease(Draw& draw, const std::string& of, const Scope& caller) {
  const LeaseToken wrong{draw.One<std::string>({"h1", "h2"}), draw.One<int64_t>({1, 2})};
  const auto lease = leases_.find({of, caller});
  if (!draw.Percent(80) || lease == leases_.end()) return wrong;
  draw.Mask(fmt::format("epoch {}", lease->second.epoch), "its epoch");
  return lease->second;
}

Answer World::Refused(const Draw& draw, const Error& error) const {
  std::string text = error.message();
  for (const auto& [id, alias] : draw.masks()) ReplaceWords(text, id, alias);
  return {error.code(), aliases_.Mask(std::move(text)), {}};
}

Writer& Writer::Owner(const Scope& owner) {
  answer_.owners.push_back(owner);
  return *this << NameOf(owner);
}

// In the middle of the first unit of time it is 0.
Writer& Writer::Time(UnixMicros time) {
  if (time == 0) return *this << "@never";
  return *this << fmt::format("@{}", (time - world_.start_ + kUnitMicros / 4) / (kUnitMicros / 2));
}

Writer& Writer::Id(std::string_view kind, const Scope& owner, const std::string& id) {
  return *this << world_.aliases_.Of(kind, owner, id, caller_);
}

}  // namespace jammi::proof
