#include "catalog/channel_merge.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace jammi {
namespace {

using Batch = std::shared_ptr<arrow::RecordBatch>;

Error ChannelMergeOutOfMemory(const arrow::Status& status) {
  return Error(ErrorCode::kResourceExhausted, fmt::format("channel assembly: {}", status.ToString()));
}

Result<void> CheckParticipating(std::span<const ChannelRecord> channels) {
  std::unordered_set<std::string_view> seen;
  for (const auto& channel : channels) {
    if (!seen.insert(channel.id.text()).second) return AssemblyError(channel.id.text(), "participates twice");
  }
  return {};
}

// Each contribution of the batch belongs to one channel, each channel has one at most.
Result<void> CheckContributors(std::span<const ChannelRecord> channels,
                               const std::vector<ChannelContribution>& contributions) {
  std::unordered_set<std::string_view> seen;
  for (const auto& contribution : contributions) {
    const auto& id = contribution.channel;
    if (std::ranges::find(channels, id, &ChannelRecord::id) == channels.end()) {
      return AssemblyError(id.text(), "is not in the participating set");
    }
    if (!seen.insert(id.text()).second) return AssemblyError(id.text(), "contributes twice to one batch");
  }
  return {};
}

Result<void> CheckContribution(const ChannelRecord& channel, const ChannelContribution& contribution,
                               int64_t rows) {
  const auto& arrays = contribution.columns;
  if (arrays.size() != channel.columns.size()) {
    return AssemblyError(channel.id.text(), fmt::format("contributes {} columns, and has {}", arrays.size(),
                                                        channel.columns.size()));
  }
  for (size_t i = 0; i < arrays.size(); ++i) {
    const auto& [name, type] = channel.columns[i];
    const auto fault = [&](std::string_view why) {
      return AssemblyError(channel.id.text(), fmt::format("column '{}' {}", name, why));
    };
    if (arrays[i] == nullptr) return fault("is absent");
    if (arrays[i]->length() != rows) {
      return fault(fmt::format("has {} values for {} rows", arrays[i]->length(), rows));
    }
    if (!arrays[i]->type()->Equals(*ToArrow(type))) {
      return fault(fmt::format("has dtype {}, not {}", arrays[i]->type()->ToString(), ToString(type)));
    }
  }
  return {};
}

// `rows` times the list of `ids`.
arrow::Result<std::shared_ptr<arrow::Array>> RepeatIds(const std::vector<ChannelId>& ids, int64_t rows) {
  const auto texts = std::make_shared<arrow::StringBuilder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), texts);
  ARROW_RETURN_NOT_OK(lists.Reserve(rows));
  for (int64_t row = 0; row < rows; ++row) {
    ARROW_RETURN_NOT_OK(lists.Append());
    for (const auto& id : ids) ARROW_RETURN_NOT_OK(texts->Append(id.text()));
  }
  return lists.Finish();
}

// The columns that a channel adds to a batch.
Result<arrow::ArrayVector> ColumnsOf(const ChannelRecord& channel,
                                     const std::vector<ChannelContribution>& contributions, int64_t rows) {
  const auto found = std::ranges::find(contributions, channel.id, &ChannelContribution::channel);
  if (found != contributions.end()) {
    JAMMI_TRY(CheckContribution(channel, *found, rows));
    return found->columns;
  }
  arrow::ArrayVector nulls;
  for (const auto& column : channel.columns) {
    auto array = arrow::MakeArrayOfNull(ToArrow(column.type), rows);
    if (!array.ok()) return ChannelMergeOutOfMemory(array.status());
    nulls.push_back(std::move(*array));
  }
  return nulls;
}

arrow::FieldVector FieldsOf(const arrow::RecordBatch& batch, const arrow::Schema& merged) {
  static const auto ids = arrow::list(arrow::field("item", arrow::utf8(), /*nullable=*/true));
  arrow::FieldVector fields = batch.schema()->fields();
  fields.push_back(arrow::field("retrieved_by", ids, /*nullable=*/false));
  fields.push_back(arrow::field("annotated_by", ids, /*nullable=*/false));
  fields.insert(fields.end(), merged.fields().begin(), merged.fields().end());
  return fields;
}

Result<Batch> MergeBatch(std::span<const ChannelRecord> channels, const arrow::Schema& merged,
                         const arrow::RecordBatch& batch, const ChannelMerge& merge,
                         const std::vector<ChannelContribution>& contributions) {
  const int64_t rows = batch.num_rows();
  JAMMI_TRY(CheckContributors(channels, contributions));
  arrow::ArrayVector columns = batch.columns();
  for (const auto* ids : {&merge.retrieved_by, &merge.annotated_by}) {
    auto lists = RepeatIds(*ids, rows);
    if (!lists.ok()) return ChannelMergeOutOfMemory(lists.status());
    columns.push_back(std::move(*lists));
  }
  for (const auto& channel : channels) {
    JAMMI_ASSIGN(auto added, ColumnsOf(channel, contributions, rows));
    std::ranges::move(added, std::back_inserter(columns));
  }
  auto schema = arrow::schema(FieldsOf(batch, merged), batch.schema()->metadata());
  return arrow::RecordBatch::Make(std::move(schema), rows, std::move(columns));
}

}  // namespace

Error AssemblyError(const std::string& channel, std::string_view why) {
  std::string message = channel.empty() ? fmt::format("channel assembly: {}", why)
                                        : fmt::format("channel assembly: channel '{}' {}", channel, why);
  return Error(ErrorCode::kInvalidArgument, std::move(message),
               ChannelDetail{.fault = ChannelFault::kAssembly, .channel = channel});
}

void SortByPriority(std::vector<ChannelRecord>& channels) {
  std::ranges::stable_sort(channels, {}, &ChannelRecord::priority);
}

std::shared_ptr<arrow::Schema> MergedChannelSchema(std::span<const ChannelRecord> channels) {
  arrow::FieldVector fields;
  for (const auto& channel : channels) {
    for (const auto& column : channel.columns) {
      fields.push_back(arrow::field(column.name, ToArrow(column.type), /*nullable=*/true));
    }
  }
  return arrow::schema(std::move(fields));
}

Result<std::vector<Batch>> MergeChannels(std::span<const ChannelRecord> participating,
                                         std::span<const Batch> batches, const ChannelMerge& merge) {
  if (merge.contributions.size() != batches.size()) {
    return AssemblyError(
        "", fmt::format("the number of contribution lists, {}, does not match that of batches, {}",
                        merge.contributions.size(), batches.size()));
  }
  JAMMI_TRY(CheckParticipating(participating));
  const auto merged = MergedChannelSchema(participating);
  std::vector<Batch> out;
  out.reserve(batches.size());
  for (size_t i = 0; i < batches.size(); ++i) {
    if (batches[i] == nullptr) return AssemblyError("", fmt::format("batch {} is absent", i));
    JAMMI_ASSIGN(out.emplace_back(),
                 MergeBatch(participating, *merged, *batches[i], merge, merge.contributions[i]));
  }
  return out;
}

}  // namespace jammi
