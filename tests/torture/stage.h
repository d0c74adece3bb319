// What the threads of one process of the torture test have in common: its engine, its topics, its voice.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "jammi/engine.h"
#include "torture/control.h"
#include "torture/record.h"

namespace jammi::test {

// Says a record before it returns. Thread-safe.
using Voice = std::function<void(const Record&)>;

[[nodiscard]] Session SessionOf(const Engine& engine, Who who);

// Thread-safe once it is open.
class Stage {
 public:
  // `name`: of this process alone, without a space.
  Stage(std::string name, Config config, const Control& control, Voice voice)
      : name_(std::move(name)), config_(std::move(config)), control_(control), voice_(std::move(voice)) {}

  // Opens the engine and finds or makes the topics, however long it takes. False: told to leave, or an
  // error that no fault around the process explains, which it says.
  bool Open();

  [[nodiscard]] Engine& engine() { return *engine_; }
  [[nodiscard]] Session As(Who who) const { return SessionOf(*engine_, who); }
  [[nodiscard]] TopicId IdOf(std::string_view topic) const;
  // The life of a topic that passes: registered if it is not there. nullopt: an error, which is excused.
  [[nodiscard]] std::optional<std::string> LifeOf(const PlannedTopic& topic) const;
  [[nodiscard]] uint64_t round() const { return control_->round.load(); }
  [[nodiscard]] std::string NextId() { return name_ + "." + std::to_string(++ids_); }

  // Threads end soon after; `leaving`: streams may end.
  void Stop() { stopping_ = leaving_ = true; }
  void Leave() { leaving_ = true; }
  [[nodiscard]] bool stopping() const { return stopping_; }
  [[nodiscard]] bool leaving() const { return leaving_; }
  // Waits for SIGTERM so long; then Stop(). SIGTERM is blocked in all threads.
  void Wait(std::chrono::milliseconds time);

  // On the clock of the records.
  [[nodiscard]] static int64_t Now();
  // Adds the time, if there is none.
  void Say(Record record) const;
  void Count(std::string what) const { Say({.kind = Record::Kind::kEvent, .text = std::move(what)}); }
  void Break(const std::string& what) const;
  // For the error of a call that may be repeated: counts it. One that no fault around the process explains
  // is a broken promise, and the answer is false.
  bool Excuse(std::string_view doing, const Error& error) const;
  // The same for a call about a topic, which may be gone if it passes.
  bool ExcuseAbout(std::string_view topic, std::string_view doing, const Error& error) const;

 private:
  bool FindTopic(const PlannedTopic& topic);

  const std::string name_;
  const Config config_;
  const Control& control_;
  const Voice voice_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> leaving_ = false;
  std::atomic<uint64_t> ids_ = 0;
  std::unique_ptr<Engine> engine_;
  std::map<std::string, TopicId, std::less<>> topics_;
};

}  // namespace jammi::test
