#include "catalog/change_payload.h"

#include <arrow/api.h>
#include <arrow/ipc/api.h>

#include <array>
#include <bit>
#include <cstring>
#include <string_view>

namespace jammi {
namespace {

// --- By Arrow.

arrow::Result<std::shared_ptr<arrow::Array>> TextColumn(std::string_view text) {
  arrow::StringBuilder builder;
  ARROW_RETURN_NOT_OK(builder.Append(text));
  return builder.Finish();
}

arrow::Result<std::shared_ptr<arrow::Array>> VersionColumn(std::optional<int64_t> version) {
  arrow::Int64Builder builder;
  ARROW_RETURN_NOT_OK(version ? builder.Append(*version) : builder.AppendNull());
  return builder.Finish();
}

arrow::Result<std::shared_ptr<arrow::Buffer>> WriteByArrow(const CatalogChange& change) {
  ARROW_ASSIGN_OR_RAISE(auto kind, TextColumn(change.kind));
  ARROW_ASSIGN_OR_RAISE(auto verb, TextColumn(ToString(change.verb)));
  ARROW_ASSIGN_OR_RAISE(auto owner, TextColumn(change.owner.Key()));
  ARROW_ASSIGN_OR_RAISE(auto name, TextColumn(change.name));
  ARROW_ASSIGN_OR_RAISE(auto version, VersionColumn(change.version));
  const auto batch = arrow::RecordBatch::Make(ChangesSchema(), 1, {kind, verb, owner, name, version});
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.alignment = 64;
  options.use_threads = false;
  options.metadata_version = arrow::ipc::MetadataVersion::V5;
  return arrow::ipc::SerializeRecordBatch(*batch, options);
}

// --- By hand.

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

constexpr int64_t Padded(int64_t size) { return (size + 7) / 8 * 8; }

// One of the body's buffers, as the metadata has it.
struct Place {
  int64_t offset = 0;
  int64_t size = 0;
};

// Four texts, each with a bitmap of nulls (left out), two offsets and the bytes; and the version, whose
// bitmap is left out where there is one.
struct Layout {
  std::array<Place, 14> places;
  int64_t body_size = 0;

  Layout(const std::array<std::string_view, 4>& texts, bool has_version) {
    size_t i = 0;
    const auto add = [&](size_t size) {
      places[i++] = {body_size, static_cast<int64_t>(size)};
      body_size += Padded(static_cast<int64_t>(size));
    };
    for (const std::string_view text : texts) {
      add(0);
      add(2 * sizeof(int32_t));
      add(text.size());
    }
    add(has_version ? 0 : 1);
    add(sizeof(int64_t));
  }
};

std::string_view BytesOf(const auto& value) { return {reinterpret_cast<const char*>(&value), sizeof(value)}; }

// Where `bytes` stand in `text`, if they stand there once.
std::optional<size_t> FindOnly(std::string_view text, std::string_view bytes) {
  const size_t found = text.find(bytes);
  if (found == text.npos || text.find(bytes, found + 1) != text.npos) return std::nullopt;
  return found;
}

std::string_view PayloadText(const arrow::Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), static_cast<size_t>(buffer.size())};
}

}  // namespace

Result<std::shared_ptr<arrow::Buffer>> WriteChange(const CatalogChange& change) {
  auto written = WriteByArrow(change);
  if (!written.ok()) return Error(ErrorCode::kResourceExhausted, written.status().ToString());
  return std::move(written).ValueUnsafe();
}

std::optional<ChangeTemplate> ChangeTemplate::Make(bool has_version) {
  // The lengths make the numbers that are looked for unlike all others.
  const std::string name(1009, 'n');
  CatalogChange sample{.kind = "sample", .owner = Scope::Global(), .name = name};
  if (has_version) sample.version = 1;
  const auto written = WriteChange(sample);
  if (!written) return std::nullopt;
  const std::string_view bytes = PayloadText(**written);
  const Layout layout({sample.kind, ToString(sample.verb), {}, sample.name}, has_version);
  if (std::cmp_less(bytes.size(), layout.body_size)) return std::nullopt;

  ChangeTemplate made;
  made.head_ = bytes.substr(0, bytes.size() - static_cast<size_t>(layout.body_size));
  const auto places_at = FindOnly(made.head_, BytesOf(layout.places));
  const auto body_size_at = FindOnly(made.head_, BytesOf(layout.body_size));
  if (!places_at || !body_size_at) return std::nullopt;
  made.places_at_ = *places_at;
  made.body_size_at_ = *body_size_at;

  // All that is known here of the format is put to the test with other lengths.
  CatalogChange other{.kind = "other kind", .verb = ChangeVerb::kDeleted, .name = "name"};
  if (has_version) other.version = int64_t{-2};
  const auto expected = WriteChange(other);
  const auto filled = made.Fill(other);
  if (!expected || filled == nullptr || !filled->Equals(**expected)) return std::nullopt;
  return made;
}

std::shared_ptr<arrow::Buffer> ChangeTemplate::Fill(const CatalogChange& change) const {
  const std::string owner = change.owner.Key();
  const std::array<std::string_view, 4> texts = {change.kind, ToString(change.verb), owner, change.name};
  const Layout layout(texts, change.version.has_value());
  auto allocated = arrow::AllocateBuffer(static_cast<int64_t>(head_.size()) + layout.body_size);
  if (!allocated.ok()) return nullptr;
  uint8_t* const out = (*allocated)->mutable_data();
  std::memcpy(out, head_.data(), head_.size());
  std::memcpy(out + places_at_, &layout.places, sizeof(layout.places));
  std::memcpy(out + body_size_at_, &layout.body_size, sizeof(layout.body_size));

  uint8_t* const body = out + head_.size();
  std::memset(body, 0, static_cast<size_t>(layout.body_size));
  const auto put = [&](size_t place, std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(body + layout.places[place].offset, bytes.data(), bytes.size());
  };
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::array<int32_t, 2> offsets = {0, static_cast<int32_t>(texts[i].size())};
    put(3 * i + 1, BytesOf(offsets));
    put(3 * i + 2, texts[i]);
  }
  if (change.version) put(13, BytesOf(*change.version));
  return std::move(allocated).ValueUnsafe();
}

}  // namespace jammi
