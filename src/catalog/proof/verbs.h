// Every verb of every repository that a scope can call. tests/verbs compares the names with the headers.
#pragma once

#include <iterator>
#include <vector>

#include "catalog/proof/channel_verbs.h"
#include "catalog/proof/consumer_verbs.h"
#include "catalog/proof/evaluation_verbs.h"
#include "catalog/proof/job_verbs.h"
#include "catalog/proof/model_verbs.h"
#include "catalog/proof/source_verbs.h"
#include "catalog/proof/table_verbs.h"
#include "catalog/proof/topic_verbs.h"

namespace jammi::proof {

template <class W>
std::vector<Verb<W>> AllVerbs() {
  std::vector<Verb<W>> all;
  const auto add = [&](const std::vector<Verb<W>>& verbs) {
    all.insert(all.end(), verbs.begin(), verbs.end());
  };
  add(ChannelVerbs<W>());
  add(ConsumerVerbs<W>());
  add(EvaluationVerbs<W>());
  add(JobVerbs<W>());
  add(ClaimVerbs<W>());
  add(ModelVerbs<W>());
  add(SourceVerbs<W>());
  add(BuildVerbs<W>());
  add(TableVerbs<W>());
  add(SegmentVerbs<W>());
  add(TopicVerbs<W>());
  return all;
}

}  // namespace jammi::proof
