// Metrics as Prometheus' text format 0.0.4 has them.
#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "jammi/events/metrics.h"

namespace jammi::events {

// Writes one metric after another; every name begins with "jammi_events_".
class MetricsText {
 public:
  void Put(std::string_view name, std::string_view help, const Counter& counter);
  void Put(std::string_view name, std::string_view help, int64_t gauge);
  // `unit`: what a recorded value is to be divided by.
  void Put(std::string_view name, std::string_view help, const Histogram& histogram, double unit);

  // A counter for each value of a label: its head, then any number of values.
  void Head(std::string_view name, std::string_view help, std::string_view type);
  void PutLabelled(std::string_view name, std::string_view label, std::string_view value,
                   const Counter& counter);

  [[nodiscard]] std::string Take() { return std::move(text_); }

 private:
  std::back_insert_iterator<std::string> Out() { return std::back_inserter(text_); }

  std::string text_;
};

}  // namespace jammi::events
