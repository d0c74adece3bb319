// What an engine counts, as samples. No tenant and no topic is named: who may scrape may not see those.
#pragma once

#include "jammi/catalog_backend.h"
#include "jammi/engine_status.h"
#include "jammi/event_forwarding.h"
#include "jammi/topic_retention.h"
#include "metrics/samples.h"

namespace jammi {

// jammi_catalog_*
void PutBackendSamples(const BackendStats& stats, Samples& samples);
// jammi_retention_*
void PutRetentionSamples(const RetentionStats& stats, Samples& samples);
// jammi_broker_*
void PutBrokerSamples(const BrokerStatus& status, Samples& samples);
// jammi_feeds, jammi_feed_*
void PutFeedSamples(const FeedStats& stats, Samples& samples);
// jammi_forwarding_*
void PutForwardingSamples(const EventForwardingStatus& status, Samples& samples);

}  // namespace jammi
