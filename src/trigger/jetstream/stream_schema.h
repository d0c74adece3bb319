// A topic's schema, kept with its stream: so that another process knows the topic without being told, and
// nobody publishes rows of another schema into it.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>

#include "jammi/result.h"
#include "nats/jetstream.h"

namespace jammi {

// Puts the schema into the stream's metadata, or, with `in_description`, into its description, for servers
// that keep no metadata; one that is too large for a description is left out.
// Errors: kInvalidArgument: IPC cannot carry it.
[[nodiscard]] Result<void> StoreSchema(const arrow::Schema& schema, bool in_description,
                                       nats::StreamSettings* settings);

// The schema that is kept with a stream; nullptr: there is none. Errors: kDataLoss: it cannot be read.
[[nodiscard]] Result<std::shared_ptr<arrow::Schema>> StoredSchema(const nats::StreamSettings& settings);

}  // namespace jammi
