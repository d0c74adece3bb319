// Columns of evidence channels, beside the rows they are about.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "jammi/channels.h"

namespace jammi {

// By priority; at equal priority the order stays (TRG-125).
void SortByPriority(std::vector<ChannelRecord>& channels);

// The columns of `channels` in their order.
[[nodiscard]] std::shared_ptr<arrow::Schema> MergedChannelSchema(std::span<const ChannelRecord> channels);

// Channels::Merge() with the participating channels, in the order of their columns.
[[nodiscard]] Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> MergeChannels(
    std::span<const ChannelRecord> participating,
    std::span<const std::shared_ptr<arrow::RecordBatch>> batches, const ChannelMerge& merge);

// kInvalidArgument with ChannelDetail(kAssembly).
[[nodiscard]] Error AssemblyError(const std::string& channel, std::string_view why);

}  // namespace jammi
