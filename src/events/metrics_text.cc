#include "events/metrics_text.h"

#include <fmt/format.h>

namespace jammi::events {

void MetricsText::Put(std::string_view name, std::string_view help, const Counter& counter) {
  Head(name, help, "counter");
  fmt::format_to(Out(), "jammi_events_{} {}\n", name, counter.value());
}

void MetricsText::Put(std::string_view name, std::string_view help, int64_t gauge) {
  Head(name, help, "gauge");
  fmt::format_to(Out(), "jammi_events_{} {}\n", name, gauge);
}

void MetricsText::Put(std::string_view name, std::string_view help, const Histogram& histogram, double unit) {
  Head(name, help, "histogram");
  uint64_t total = 0;
  for (size_t i = 0; i + 1 < Histogram::kBuckets; ++i) {
    total += histogram.bucket(i);
    fmt::format_to(Out(), "jammi_events_{}_bucket{{le=\"{}\"}} {}\n", name,
                   static_cast<double>(Histogram::UpperBound(i)) / unit, total);
  }
  total += histogram.bucket(Histogram::kBuckets - 1);
  fmt::format_to(Out(), "jammi_events_{}_bucket{{le=\"+Inf\"}} {}\n", name, total);
  fmt::format_to(Out(), "jammi_events_{}_sum {}\n", name, static_cast<double>(histogram.sum()) / unit);
  fmt::format_to(Out(), "jammi_events_{}_count {}\n", name, total);
}

void MetricsText::Head(std::string_view name, std::string_view help, std::string_view type) {
  fmt::format_to(Out(), "# HELP jammi_events_{} {}\n# TYPE jammi_events_{} {}\n", name, help, name, type);
}

void MetricsText::PutLabelled(std::string_view name, std::string_view label, std::string_view value,
                              const Counter& counter) {
  fmt::format_to(Out(), "jammi_events_{}{{{}=\"{}\"}} {}\n", name, label, value, counter.value());
}

}  // namespace jammi::events
