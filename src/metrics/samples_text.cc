#include "metrics/samples_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstddef>
#include <vector>

namespace jammi {
namespace {

prometheus::MetricType TypeOf(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return prometheus::MetricType::Counter;
    case MetricKind::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric::Histogram Convert(const HistogramReading& reading) {
  prometheus::ClientMetric::Histogram histogram{
      .sample_count = reading.count, .sample_sum = reading.sum, .bucket = {}};
  for (size_t i = 0; i < reading.bounds.size(); ++i) {
    histogram.bucket.push_back({.cumulative_count = reading.cumulative[i], .upper_bound = reading.bounds[i]});
  }
  return histogram;
}

prometheus::ClientMetric Convert(const Samples::Series& series, MetricKind kind) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : series.labels) metric.label.push_back({.name = name, .value = value});
  switch (kind) {
    case MetricKind::kCounter:
      metric.counter.value = series.value;
      break;
    case MetricKind::kGauge:
      metric.gauge.value = series.value;
      break;
    case MetricKind::kHistogram:
      metric.histogram = Convert(series.histogram);
      break;
  }
  return metric;
}

}  // namespace

std::string SamplesText(const Samples& samples) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& family : samples.families()) {
    auto& converted = families.emplace_back();
    converted.name = family.name;
    converted.help = family.help;
    converted.type = TypeOf(family.kind);
    for (const auto& series : family.series) converted.metric.push_back(Convert(series, family.kind));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace jammi
