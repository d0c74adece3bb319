// Evidence channels: named, ordered sets of typed columns that result rows may carry, to say which
// retriever found a row and what it knew about it (TRG-113..128).
//
// A scope has names of its own. A reader sees his own channels and the global ones; his own hides the
// global one of the same name, columns included. A channel is only ever extended: it is not dropped,
// renamed or retyped, so that what was written with it stays readable (TRG-119).
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/catalog_access.h"
#include "jammi/clock.h"
#include "jammi/result.h"
#include "jammi/scope.h"

namespace jammi {

// The name of a channel: [a-z][a-z0-9_]{0,63}.
class ChannelId {
 public:
  // Errors: kInvalidArgument with ChannelDetail(kInvalidId).
  [[nodiscard]] static Result<ChannelId> Parse(std::string_view text);
  [[nodiscard]] const std::string& text() const { return text_; }
  auto operator<=>(const ChannelId&) const = default;

 private:
  explicit ChannelId(std::string_view text) : text_(text) {}
  std::string text_;
};

// The type of a column; each is the Arrow type of the same name. Stored as text, "Float32" and so on; the
// numbers may change.
enum class ChannelColumnType : uint8_t { kFloat32, kFloat64, kInt32, kInt64, kUtf8, kBoolean };
[[nodiscard]] std::string_view ToString(ChannelColumnType type);
// Errors: kInvalidArgument with ChannelDetail(kInvalidColumnType).
[[nodiscard]] Result<ChannelColumnType> ParseChannelColumnType(std::string_view text);
[[nodiscard]] std::shared_ptr<arrow::DataType> ToArrow(ChannelColumnType type);
// Errors: kInvalidArgument with ChannelDetail(kInvalidColumnType): a type that no column can have.
[[nodiscard]] Result<ChannelColumnType> FromArrow(const arrow::DataType& type);

struct ChannelColumn {
  std::string name;  // 1..256 bytes of UTF-8 without U+0000
  ChannelColumnType type = ChannelColumnType::kFloat32;
  bool operator==(const ChannelColumn&) const = default;
};

struct ChannelSpec {
  ChannelId id;
  int32_t priority = 0;                // lower ones come first
  std::vector<ChannelColumn> columns;  // in this order; may be none
};

struct ChannelRecord {
  ChannelId id;
  Scope owner = Scope::Global();
  int32_t priority = 0;
  std::vector<ChannelColumn> columns;
  int64_t revision = 0;  // 1 when registered, one more with every call that added columns
  UnixMicros created_at = 0;
  UnixMicros updated_at = 0;
  bool operator==(const ChannelRecord&) const = default;
};

// Channels that are common and not built in; give them to Channels::Register() (TRG-124). (Built in, for
// everybody, are vector, inference and bm25.)
// Sets of classes as JSON, or intervals: the bounds of a set and the set of an interval are null.
[[nodiscard]] const ChannelSpec& ConformalChannel();
// Moments, quantiles as a JSON list of [level, value], and the rows that were the context, as a JSON list.
[[nodiscard]] const ChannelSpec& UncertaintyChannel();

// The values of one channel for the rows of one batch.
struct ChannelContribution {
  ChannelId channel;
  std::vector<std::shared_ptr<arrow::Array>> columns;  // those of the channel, in order; a value for each row
};

// What is merged into batches of rows.
struct ChannelMerge {
  std::vector<ChannelId> participating;                         // whose columns are added
  std::vector<ChannelId> retrieved_by;                          // who found the rows
  std::vector<ChannelId> annotated_by;                          // who only said something about them
  std::vector<std::vector<ChannelContribution>> contributions;  // one list for each batch
};

// The registry, seen by one scope. A light handle: cheap to copy, thread-safe.
//
// Every verb is one transaction; a change is durable when it returns, and an error changes nothing,
// kOutcomeUnknown excepted. Errors of all: kInvalidArgument, which names the argument; those of
// CatalogBackend::RunTransaction; kDataLoss with BackendDetail(kTypeConversion) for a damaged row.
class Channels {
 public:
  static constexpr size_t kMaxColumns = 256;  // of one channel

  explicit Channels(CatalogAccess access) : access_(std::move(access)) {}

  [[nodiscard]] const Scope& scope() const { return access_.scope; }
  // The same handle, whose calls fail with kDeadlineExceeded if they cannot begin in time.
  [[nodiscard]] Channels WithDeadline(Deadline deadline) const { return Channels(access_.Until(deadline)); }

  // Adds a channel, owned by this scope, which may hide a global one (TRG-113, TRG-114).
  // Errors: kAlreadyExists with ChannelDetail(kAlreadyExists): this scope has one of that name, it was not
  // changed. A name twice among the columns: kAlreadyExists with ChannelDetail(kColumnAlreadyDeclared), with
  // another type kFailedPrecondition with ChannelDetail(kColumnConflict).
  [[nodiscard]] Result<ChannelRecord> Register(const ChannelSpec& spec);

  // Adds columns after those that a channel of this scope has: all of them or, on any error, none
  // (TRG-117, TRG-118). Without columns nothing changes.
  // Errors: kNotFound with ChannelDetail(kNotRegistered), also for a global or another's; for a column that
  // is there those of Register(); kFailedPrecondition: it would have more than kMaxColumns.
  [[nodiscard]] Result<ChannelRecord> AddColumns(const ChannelId& id,
                                                 const std::vector<ChannelColumn>& columns);

  // The scope's own channel of that name, else the global one. Errors: kNotFound with
  // ChannelDetail(kNotRegistered).
  [[nodiscard]] Result<ChannelRecord> Get(const ChannelId& id) const;
  // Get() for each of them, in that order, in one transaction.
  [[nodiscard]] Result<std::vector<ChannelRecord>> GetAll(std::span<const ChannelId> ids) const;

  // What Get() finds, for every name; by priority and name (TRG-121). `page_size` is 1..kMaxPageSize;
  // `page_token` from the page before. Whatever is registered between two pages, a channel that is there
  // and visible all the time is listed exactly once.
  // Errors: kInvalidArgument for a token that is none.
  [[nodiscard]] Result<Page<ChannelRecord>> List(int page_size = kDefaultPageSize,
                                                 std::string_view page_token = {}) const;

  // The columns of these channels: by priority, at equal priority in the order of `ids`, and within a
  // channel by ordinal; all nullable (TRG-125). A name may come twice.
  // Errors: kNotFound with ChannelDetail(kNotRegistered).
  [[nodiscard]] Result<std::shared_ptr<arrow::Schema>> MergedSchema(std::span<const ChannelId> ids) const;

  // Each batch with, after its own columns, `retrieved_by` and `annotated_by` (a list of texts, the same for
  // every row) and the columns of MergedSchema(merge.participating); those of a channel that contributes
  // nothing to the batch are null (TRG-126). No value is made up here (TRG-128).
  // Errors: kInvalidArgument with ChannelDetail(kAssembly) (TRG-127): not one list of contributions for each
  // batch; a participating channel that is not registered or comes twice; a contribution to a channel that
  // does not participate, or a second one to the same; too few or many columns, or one of another length or
  // type. kResourceExhausted: no memory, or lists beyond 2 GiB.
  [[nodiscard]] Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> Merge(
      std::span<const std::shared_ptr<arrow::RecordBatch>> batches, const ChannelMerge& merge) const;

 private:
  CatalogAccess access_;
};

}  // namespace jammi
