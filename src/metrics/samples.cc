#include "metrics/samples.h"

#include <algorithm>
#include <utility>

namespace jammi {

void Samples::Put(const Metric& metric, double value, MetricLabels labels) {
  Add(metric, Series{.labels = {}, .value = value, .histogram = {}}, labels);
}

void Samples::Put(const Metric& metric, HistogramReading reading, MetricLabels labels) {
  Add(metric, Series{.labels = {}, .value = 0, .histogram = std::move(reading)}, labels);
}

void Samples::Add(const Metric& metric, Series series, MetricLabels labels) {
  for (const auto& [name, value] : labels) {
    series.labels.push_back({.name = std::string(name), .value = std::string(value)});
  }
  // From the end: what is put in a row is of one metric mostly.
  const auto found = std::find_if(families_.rbegin(), families_.rend(),
                                  [&](const Family& family) { return family.name == metric.name; });
  if (found == families_.rend()) {
    families_.push_back({.name = std::string(metric.name),
                         .help = std::string(metric.help),
                         .kind = metric.kind,
                         .series = {}});
    families_.back().series.push_back(std::move(series));
  } else if (found->kind == metric.kind) {
    found->series.push_back(std::move(series));
  }
}

HistogramReading ToReading(const HistogramCounts& counts, double per_unit) {
  HistogramReading reading;
  for (size_t i = 0; i < counts.counts.size(); ++i) {
    reading.count += counts.counts[i];
    if (i == counts.bounds.size()) break;
    reading.bounds.push_back(static_cast<double>(counts.bounds[i]) / per_unit);
    reading.cumulative.push_back(reading.count);
  }
  reading.sum = static_cast<double>(counts.sum) / per_unit;
  return reading;
}

}  // namespace jammi
