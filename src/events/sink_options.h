// The options of ours, each declared once: its name, what it means, and what its text does.
#pragma once

#include <string>
#include <string_view>

#include "jammi/events/settings.h"

namespace jammi::events {

// Settings while they are read: a spool, a directory and a file may be named after their options.
struct SettingsDraft {
  SinkSettings settings;
  SpoolOptions spool;
  DeadLetterOptions dead_letter;
  JsonLinesOptions mirror;
  std::string subject_template;  // empty: the variables of the family say it
  bool start_given = false;
};

// Puts `text` into the option `name`. What is wrong with it, as the end of a sentence; empty: nothing.
// REQUIRES: `name` is one of SinkOptions().
[[nodiscard]] std::string ApplyOption(std::string_view name, std::string_view text, SettingsDraft& draft);

}  // namespace jammi::events
