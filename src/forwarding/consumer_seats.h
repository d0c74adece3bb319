// The forwarder's consumers of topics, in the catalog.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "catalog/consumer_repo.h"
#include "forwarding/cloud_events.h"
#include "jammi/catalog_backend.h"

namespace jammi {

// One thread at a time.
class ConsumerSeats {
 public:
  // Nobody else has this name. The backend outlives this.
  ConsumerSeats(CatalogBackend& backend, std::string holder);

  // The consumer of a topic, made if it is not there (it begins at `low_water` then), with a lease of ours.
  // One of another history of the catalog goes on where it was. `take`: whoever has it loses it.
  // Errors: kFailedPrecondition with LeaseHeldDetail; kNotFound: the topic was dropped; the catalog's.
  [[nodiscard]] Result<StoredConsumer> Take(const ForwardedFrom& topic, uint64_t low_water,
                                            std::chrono::milliseconds lease, OnLeased take);
  // Errors: kFailedPrecondition with LeaseLostDetail; the catalog's.
  [[nodiscard]] Result<void> Renew(const ForwardedFrom& topic, const LeaseToken& token,
                                   std::chrono::milliseconds lease);

 private:
  [[nodiscard]] ConsumerRepo RepoOf(const ForwardedFrom& topic) const {
    return ConsumerRepo({backend_, topic.owner});
  }
  const std::shared_ptr<CatalogBackend> backend_;  // not ours
  const std::string holder_;
};

}  // namespace jammi
