// What calls are made in, and what they answer: text that is the same wherever the same has happened.
//
// Ids that a database makes are replaced by aliases, "model A#3": the third that scope A was told of. Times
// count in units so long that the runtime of a test does not matter; clocks are moved by whole ones.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "catalog/proof/draw.h"
#include "jammi/error.h"
#include "jammi/jobs.h"
#include "jammi/lease.h"
#include "jammi/result.h"
#include "jammi/scope.h"

namespace jammi::proof {

// A lease lasts an odd number of half units, so that no comparison with the clock is a close one.
constexpr std::chrono::minutes kTimeUnit{40};
constexpr std::chrono::minutes kLease{60};
constexpr int64_t kUnitMicros = std::chrono::microseconds(kTimeUnit).count();

// "A", "B", "outsider", "global".
[[nodiscard]] std::string NameOf(const Scope& scope);

// The ids that a world has made, by kind and owner, in the order in which their owners were told of them.
class Aliases {
 public:
  // The alias; learned if the owner himself is told of the id. "?" for one that is not known.
  std::string Of(std::string_view kind, const Scope& owner, const std::string& id, const Scope& told);
  [[nodiscard]] std::string Of(const std::string& id) const;
  // The owner's `back`-th last, or one that does not exist.
  [[nodiscard]] std::string Id(std::string_view kind, const Scope& owner, size_t back) const;
  // The text with every known id replaced.
  [[nodiscard]] std::string Mask(std::string text) const;

 private:
  std::map<std::pair<std::string, Scope>, std::vector<std::string>, std::less<>> ids_;
  std::map<std::string, std::string, std::less<>> aliases_;
};

struct Answer {
  std::optional<ErrorCode> error;
  std::string text;           // of the value, or of the error
  std::vector<Scope> owners;  // of everything that was answered
  // For a failed expectation.
  [[nodiscard]] std::string ToString() const;
  bool operator==(const Answer&) const = default;
};

// What all worlds have.
class World {
 public:
  void SetStart(UnixMicros start) { start_ = start; }
  // So many units of time have passed since.
  void AddUnits(int64_t units) { units_ += units; }
  // A moment when nothing happened.
  [[nodiscard]] UnixMicros UnitsAgo(int64_t units) const {
    return start_ + (units_ - units) * kUnitMicros + kUnitMicros / 2;
  }

  // An argument: one of the ids that the world has made, perhaps another's, perhaps none.
  std::string Id(Draw& draw, std::string_view kind, const Scope& caller);
  // The token of the next page of a list, or none for its first one; where `from_others`, perhaps one of
  // another scope's.
  std::string Token(Draw& draw, const std::string& list, const Scope& caller);
  void KeepToken(const std::string& list, const Scope& caller, const std::string& token) {
    tokens_[{list, caller}] = token;
  }
  void TakeTokensOfOthers() { tokens_of_others_ = true; }
  // The owner has been told of an id.
  void Learn(std::string_view kind, const Scope& owner, const std::string& id) {
    aliases_.Of(kind, owner, id, owner);
  }
  // The lease that a caller has got last, by what it is of; or another one.
  LeaseToken Lease(Draw& draw, const std::string& of, const Scope& caller);
  void KeepLease(const std::string& of, const Scope& caller, LeaseToken token) {
    leases_[{of, caller}] = std::move(token);
  }
  // The consumer that a caller has got last: topic number, name, what its lease is of.
  [[nodiscard]] std::map<Scope, std::tuple<int64_t, std::string, std::string>>& last_consumers() {
    return last_consumers_;
  }
  // The table that a caller has begun last.
  [[nodiscard]] std::map<Scope, std::string>& last_builds() { return last_builds_; }
  // The last claim of each job, by owner and id.
  [[nodiscard]] std::map<std::pair<Scope, std::string>, JobClaim>& claims() { return claims_; }

  template <class T>
  Answer Answered(const Scope& caller, const Draw& draw, const Result<T>& result);

 private:
  friend class Writer;
  [[nodiscard]] Answer Refused(const Draw& draw, const Error& error) const;

  Aliases aliases_;
  std::map<std::pair<std::string, Scope>, std::string> tokens_;
  std::map<std::pair<std::string, Scope>, LeaseToken> leases_;
  std::map<Scope, std::tuple<int64_t, std::string, std::string>> last_consumers_;
  std::map<Scope, std::string> last_builds_;
  std::map<std::pair<Scope, std::string>, JobClaim> claims_;
  bool tokens_of_others_ = false;
  UnixMicros start_ = 0;
  int64_t units_ = 0;
};

// Makes the text of an answer.
class Writer {
 public:
  Writer(World& world, const Scope& caller) : world_(world), caller_(caller) {}

  Writer& operator<<(std::string_view text) {
    answer_.text += text;
    answer_.text += ' ';
    return *this;
  }
  Writer& operator<<(int64_t number) { return *this << std::string_view(fmt::format("{}", number)); }
  template <class T>
  Writer& operator<<(const std::optional<T>& value) {
    return value ? *this << *value : *this << std::string_view("-");
  }
  // A text in which ids of the database may occur.
  Writer& Masked(const std::string& text) { return *this << world_.aliases_.Mask(text); }
  Writer& Owner(const Scope& owner);
  Writer& Time(UnixMicros time);
  Writer& Time(const std::optional<UnixMicros>& time) { return time ? Time(*time) : *this << "-"; }
  Writer& Id(std::string_view kind, const Scope& owner, const std::string& id);
  Writer& Id(const std::string& id) { return *this << world_.aliases_.Of(id); }

  Answer Done() { return std::move(answer_); }

 private:
  World& world_;
  const Scope& caller_;
  Answer answer_;
};

// Values that several repositories answer. Those of one repository are beside its verbs.
inline void Show(Writer& out, int64_t value) { out << value; }
inline void Show(Writer& out, int32_t value) { out << int64_t{value}; }
inline void Show(Writer& out, bool value) { out << (value ? "yes" : "no"); }
template <class T>
void Show(Writer& out, const std::optional<T>& value);
template <class T>
void Show(Writer& out, const std::vector<T>& values);
template <class T>
void Show(Writer& out, const Page<T>& page);

template <class T>
Answer World::Answered(const Scope& caller, const Draw& draw, const Result<T>& result) {
  if (!result) return Refused(draw, result.error());
  Writer out(*this, caller);
  if constexpr (!std::is_void_v<T>) Show(out, *result);
  return out.Done();
}

template <class T>
void Show(Writer& out, const std::optional<T>& value) {
  if (value) return Show(out, *value);
  out << "none";
}
template <class T>
void Show(Writer& out, const std::vector<T>& values) {
  for (const T& value : values) {
    Show(out, value);
    out << "\n ";
  }
}
template <class T>
void Show(Writer& out, const Page<T>& page) {
  Show(out, page.items);
  out << (page.next_page_token.empty() ? "end" : "more");
}

// A page of `list`; get(page_size, page_token) is the verb.
template <class Get>
Answer AnsweredPage(World& world, const Scope& caller, Draw& draw, const std::string& list, Get get) {
  const int page_size = draw.PageSize();
  const auto page = get(page_size, world.Token(draw, list, caller));
  if (page && !draw.foreign_token()) world.KeepToken(list, caller, page->next_page_token);
  return world.Answered(caller, draw, page);
}

enum class Does : uint8_t { kRead, kWrite };

// One verb of a repository, and how it is called at random in a world of type W.
template <class W>
struct Verb {
  std::string_view name;  // "Models::Register"
  Does does = Does::kRead;
  Answer (*call)(W& world, const Scope& caller, Draw& draw) = nullptr;
};

}  // namespace jammi::proof
