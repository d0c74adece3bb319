// Values of metrics at the moment of a scrape.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/histogram.h"

namespace jammi {

enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };

// What a metric is: a constant of whoever writes it. Names are Prometheus' ([a-z_]+, units at the end,
// counters with _total); `help` is one line.
struct Metric {
  std::string_view name;
  std::string_view help;
  MetricKind kind = MetricKind::kGauge;
};

struct MetricLabel {
  std::string_view name;   // [a-z_]+
  std::string_view value;  // UTF-8
};
using MetricLabels = std::initializer_list<MetricLabel>;

// A histogram as it is read: how many values were at most `bounds[i]`, for each bound, and altogether.
struct HistogramReading {
  std::vector<double> bounds;  // ascending, in the metric's unit
  std::vector<uint64_t> cumulative;
  uint64_t count = 0;
  double sum = 0;
};

// Of counts in units of 1/`per_unit` of the metric's: nanoseconds are 1e9 to the second.
[[nodiscard]] HistogramReading ToReading(const HistogramCounts& counts, double per_unit);
[[nodiscard]] inline HistogramReading InSeconds(const HistogramCounts& nanoseconds) {
  return ToReading(nanoseconds, 1e9);
}

// What a scrape collects. Values of one metric stand together, in the order in which they were put. Not
// thread-safe.
class Samples {
 public:
  // A counter or a gauge. Two values of one metric differ in their labels. Of a metric that is put under two
  // kinds the first counts.
  void Put(const Metric& metric, double value, MetricLabels labels = {});
  void Put(const Metric& metric, HistogramReading reading, MetricLabels labels = {});

  struct Label {
    std::string name;
    std::string value;
  };
  struct Series {
    std::vector<Label> labels;
    double value = 0;            // unless it is a histogram
    HistogramReading histogram;  // if it is one
  };
  struct Family {
    std::string name;
    std::string help;
    MetricKind kind = MetricKind::kGauge;
    std::vector<Series> series;
  };
  [[nodiscard]] const std::vector<Family>& families() const { return families_; }

 private:
  void Add(const Metric& metric, Series series, MetricLabels labels);

  std::vector<Family> families_;
};

}  // namespace jammi
