#include "crash/ledger.h"

#include <fmt/format.h>

#include <charconv>
#include <sstream>
#include <utility>

#include "support/random.h"

namespace jammi::test {
namespace {

constexpr char kEndOfKey = '|';
constexpr std::string_view kFirst = "+first/";
constexpr std::string_view kSecond = "+second/";

size_t SizeIn(std::string_view key) {
  size_t size = 0;
  const std::string_view digits = key.substr(key.rfind('/') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), size);
  return size;
}

}  // namespace

std::string ToLine(const LedgerEntry& entry) {
  const std::string_view topic = entry.topic.empty() ? "-" : std::string_view(entry.topic);
  const std::string_view key = entry.key.empty() ? "-" : std::string_view(entry.key);
  return fmt::format("{} {} {} {} {}", static_cast<int>(entry.kind), entry.acknowledged ? 1 : 0, topic, key,
                     entry.offset);
}

LedgerEntry FromLine(const std::string& line) {
  LedgerEntry entry;
  int kind = 0;
  std::istringstream words(line);
  words >> kind >> entry.acknowledged >> entry.topic >> entry.key >> entry.offset;
  entry.kind = static_cast<LedgerEntry::Kind>(kind);
  if (entry.topic == "-") entry.topic.clear();
  if (entry.key == "-") entry.key.clear();
  return entry;
}

void Ledger::Ask(LedgerEntry entry) {
  entry.acknowledged = false;
  Add(std::move(entry));
}

void Ledger::Acknowledge(LedgerEntry entry) {
  entry.acknowledged = true;
  Add(std::move(entry));
}

void Ledger::Add(LedgerEntry entry) {
  if (mirror_) mirror_(entry);
  std::lock_guard lock(mutex_);
  entries_.push_back(std::move(entry));
}

size_t Ledger::length() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

std::vector<LedgerEntry> Ledger::entries() const {
  std::lock_guard lock(mutex_);
  return entries_;
}

EventPair MakePair(std::string_view name, size_t size) {
  return {fmt::format("{}{}{}", name, kFirst, size), fmt::format("{}{}{}", name, kSecond, size)};
}

bool IsFirstHalf(std::string_view key) { return key.find(kFirst) != key.npos; }

std::string OtherHalf(std::string_view key) {
  const bool is_first = IsFirstHalf(key);
  const std::string_view own = is_first ? kFirst : kSecond;
  std::string other(key);
  const size_t place = other.find(own);
  if (place == other.npos) return {};
  return other.replace(place, own.size(), is_first ? kSecond : kFirst);
}

std::string MakeKey(std::string_view name, size_t size) { return fmt::format("{}/{}", name, size); }

std::string PayloadOf(std::string_view key) {
  std::string payload(key);
  payload += kEndOfKey;
  Random filler(std::hash<std::string_view>{}(key));
  const size_t size = payload.size() + SizeIn(key);
  payload.reserve(size + sizeof(uint64_t));
  while (payload.size() < size) {
    const uint64_t word = filler.Next();
    payload.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  payload.resize(size);
  return payload;
}

std::string KeyOf(std::string_view payload) {
  std::string key(payload.substr(0, payload.find(kEndOfKey)));
  return payload == PayloadOf(key) ? key : std::string();
}

}  // namespace jammi::test
