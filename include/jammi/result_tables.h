// Result tables: what was computed from a source (embeddings, neighbour graphs, joins), written by one
// builder into files, and ready for everybody of its scope when that is done.
//
// A table is built under a lease (jammi/lease.h). Whoever creates it holds the lease and renews it by
// Heartbeat(); what he writes he writes with its token, which is refused when the lease has expired or the
// build was taken over.
//
// A reader sees tables of his own and global ones; where both have a name, his own. Changes reach what
// the scope owns, and nothing else.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/catalog_access.h"
#include "jammi/clock.h"
#include "jammi/index_segments.h"
#include "jammi/lease.h"
#include "jammi/models.h"
#include "jammi/result.h"
#include "jammi/scope.h"

namespace jammi {

// What a table holds. Stored as text, "model", "neighbor_graph", "asof_join"; the numbers may change.
enum class ResultTableKind : uint8_t { kModel, kNeighborGraph, kAsofJoin };
[[nodiscard]] std::string_view ToString(ResultTableKind kind);
// Errors: kInvalidArgument.
[[nodiscard]] Result<ResultTableKind> ParseResultTableKind(std::string_view text);

// Building becomes ready or failed, once; a ready table whose files are lost becomes failed.
enum class ResultTableStatus : uint8_t { kBuilding, kReady, kFailed };
[[nodiscard]] std::string_view ToString(ResultTableStatus status);
// Errors: kInvalidArgument.
[[nodiscard]] Result<ResultTableStatus> ParseResultTableStatus(std::string_view text);

// What pins the state of an input: the digest of a result table's file, the version of a mutable table, the
// version of a source; or nothing does, and there is only the instant at which it was read.
enum class AnchorKind : uint8_t { kResultDigest, kMutableVersion, kSourceVersion, kUnpinnedAtInstant };
// "result_digest" and so on.
[[nodiscard]] std::string_view ToString(AnchorKind kind);

// Something that a table was made from, and which state of it. `source` is the name of a source or of a
// result table, as the owner of the table that was made sees it.
struct InputAnchor {
  std::string source;  // 1..512 bytes
  std::string anchor;  // 1..4096 bytes
  AnchorKind kind = AnchorKind::kUnpinnedAtInstant;
  bool operator==(const InputAnchor&) const = default;
};

// Another result table.
struct ResultTableRef {
  Scope owner = Scope::Global();
  std::string table_name;
  auto operator<=>(const ResultTableRef&) const = default;
};

struct ResultTableRecord {
  std::string table_name;
  Scope owner = Scope::Global();
  ResultTableKind kind = ResultTableKind::kModel;
  std::string source_id;
  std::optional<ModelUid> model_uid;
  std::optional<std::string> model_id;  // the model's name
  ModelTask task = ModelTask::kTextEmbedding;
  std::string parquet_path;  // storage URL
  std::optional<int32_t> dimensions;
  std::string distance_metric;                        // "cosine"
  std::optional<StoragePrecision> storage_precision;  // absent = f32
  std::optional<int32_t> oversample;                  // absent = the deployment's current default
  std::optional<std::string> key_column;
  std::vector<std::string> text_columns;
  std::optional<ResultTableRef> derived_from;
  ResultTableStatus status = ResultTableStatus::kBuilding;
  std::optional<int64_t> checkpoint;  // the last batch that is safe; of a build
  int64_t row_count = 0;
  std::optional<std::string> definition_hash;  // of a ready table
  std::vector<InputAnchor> inputs;             // of a ready table, as its builder listed them
  UnixMicros created_at = 0;
  std::optional<UnixMicros> completed_at;  // when it became ready or failed
  bool operator==(const ResultTableRecord&) const = default;
};

// What is created. Texts are UTF-8 without U+0000.
struct CreateResultTableParams {
  std::string table_name;  // 1..512 bytes; MakeResultTableName() makes one that is free
  ResultTableKind kind = ResultTableKind::kModel;
  std::string source_id;              // 1..512 bytes
  std::optional<ModelUid> model_uid;  // a model that this scope sees; must be given for kModel
  ModelTask task = ModelTask::kTextEmbedding;
  std::string parquet_path;                           // 1..4096 bytes
  std::optional<int32_t> dimensions;                  // 1 or more
  std::optional<StoragePrecision> storage_precision;  //
  std::optional<int32_t> oversample;                  // 1 or more
  std::optional<std::string> key_column;              // 1..512 bytes
  std::vector<std::string> text_columns;              // 1..512 bytes each, 64 KiB in all
  std::optional<std::string> derived_from;            // a table that this scope sees, own before global
};

// What a finished build is promoted with.
struct ResultTableManifest {
  int64_t row_count = 0;            // 0 or more
  std::string definition_hash;      // 1..128 bytes; the same for tables that are made the same way
  std::vector<InputAnchor> inputs;  // 256 at most
};

struct ResultTableFilter {
  std::optional<ResultTableStatus> status;
  std::optional<std::string> source_id;
  std::optional<ModelTask> task;
  std::optional<std::string> model_id;  // any version of the visible models of that name
};

// `table` was made from `input`, the name of a source or of a table.
struct LineageEdge {
  std::string input;
  ResultTableRef table;
  auto operator<=>(const LineageEdge&) const = default;
};

// A table that is gone, and the files of its index that were its alone.
struct DeletedResultTable {
  ResultTableRecord table;
  std::vector<IndexSegment> segments;
};

// "<source>__<task>__<model>__<YYYYMMDDThhmmss><nanoseconds>_<8 random hex digits>": the name of a table
// that is made at `now` (CAT-071). In source and model / \ : . and blanks become _, and 64 bytes of each
// are kept, so that the name can be a file's.
[[nodiscard]] std::string MakeResultTableName(std::string_view source_id, ModelTask task,
                                              std::string_view model_id, UnixMicros now);

// The result tables, seen by one scope. A light handle: cheap to copy, thread-safe.
//
// Every verb is one transaction; a change is durable when it returns, and an error changes nothing,
// kOutcomeUnknown excepted. Errors of all: kInvalidArgument, which names the argument; those of
// CatalogBackend::RunTransaction; kDataLoss with BackendDetail(kTypeConversion) for a damaged row.
//
// Lists have `page_size` (1..1000) entries a page; `page_token` is that of the page before. What is there
// all the time is listed exactly once, whatever comes and goes between two pages.
class ResultTables {
 public:
  using Page = jammi::Page<ResultTableRecord>;
  struct Build {
    ResultTableRecord table;
    LeaseToken lease;
    UnixMicros lease_expires_at = 0;
  };

  explicit ResultTables(CatalogAccess access) : access_(std::move(access)) {}

  [[nodiscard]] const Scope& scope() const { return access_.scope; }
  // The same handle, whose calls fail with kDeadlineExceeded if they cannot begin in time.
  [[nodiscard]] ResultTables WithDeadline(Deadline deadline) const;

  // --- Builds.

  // Adds a table with status building, leased to `builder` (1..256 bytes) for `lease` (kMinLease to
  // kMaxLease) (CAT-070).
  // Errors: kAlreadyExists: this scope has a table of that name; kNotFound with ModelNotFoundDetail: this
  // scope sees no such model, with ResultTableNotFoundDetail: none of the name in `derived_from`.
  [[nodiscard]] Result<Build> Create(const CreateResultTableParams& params, std::string_view builder,
                                     std::chrono::microseconds lease);

  // Lets the lease end `duration` from now and returns that moment. Goes before other work.
  // Errors of all verbs with a token: kFailedPrecondition with LeaseLostDetail; kNotFound with
  // ResultTableNotFoundDetail: this scope owns no such table, or it was deleted.
  [[nodiscard]] Result<UnixMicros> Heartbeat(std::string_view table_name, const LeaseToken& token,
                                             std::chrono::microseconds duration);

  // Notes the last batch (0 or more) that is safe: ResultTableRecord::checkpoint (CAT-079).
  [[nodiscard]] Result<void> SetCheckpoint(std::string_view table_name, const LeaseToken& token,
                                           int64_t batch);

  // Makes the table ready, with its manifest and the edges to its inputs (CAT-073). Its files must be
  // durable before. Repeated after kOutcomeUnknown it fails if the first call succeeded: ask Get() then.
  [[nodiscard]] Result<ResultTableRecord> Promote(std::string_view table_name, const LeaseToken& token,
                                                  const ResultTableManifest& manifest);

  // Gives the build up: the table is failed, without rows.
  [[nodiscard]] Result<ResultTableRecord> Fail(std::string_view table_name, const LeaseToken& token);

  // --- Reading.

  // Own before global. Errors: kNotFound with ResultTableNotFoundDetail.
  [[nodiscard]] Result<ResultTableRecord> Get(std::string_view table_name) const;

  // Visible tables by creation time, name, global before own (CAT-074). Task and model are looked for
  // among what status and source leave.
  [[nodiscard]] Result<Page> List(const ResultTableFilter& filter = {}, int page_size = kDefaultPageSize,
                                  std::string_view page_token = {}) const;

  // Visible ready tables that were made in this way, newest first, of one moment the later name first
  // (CAT-075). Whether their inputs are those that are wanted is the caller's to compare.
  [[nodiscard]] Result<Page> FindReadyByDefinition(std::string_view definition_hash,
                                                   int page_size = kDefaultPageSize,
                                                   std::string_view page_token = {}) const;

  // Visible ready tables that have `source` among their inputs, in the order of List() (CAT-076).
  [[nodiscard]] Result<Page> FindReadyAnchoredOn(std::string_view source, int page_size = kDefaultPageSize,
                                                 std::string_view page_token = {}) const;

  // What was made from `source`, from that again, and so on: an edge for every visible ready table and each
  // of its inputs that leads back to `source`. The edges into a table come before those out of it, so that
  // whoever makes the tables again in this order makes each after its inputs.
  // Errors: kFailedPrecondition with DependencyCycleDetail: a table was made from itself;
  // kResourceExhausted: there are more than `max_edges` (1..100000).
  [[nodiscard]] Result<std::vector<LineageEdge>> Descendants(std::string_view source,
                                                             int max_edges = 10'000) const;

  // The table that a search of `source_id` uses (CAT-078). With a name, the table of that name, whatever
  // its source, kind and status. Without, the newest visible ready one of kind model that an embedding task
  // made from that source: own does not beat global here, newer does.
  // Errors: kNotFound with ResultTableNotFoundDetail.
  [[nodiscard]] Result<ResultTableRecord> ResolveEmbeddingTable(
      std::string_view source_id, const std::optional<std::string>& table_name = std::nullopt) const;

  // --- Deleting.

  // Removes a table that this scope owns, with its segments. The files are the caller's to remove.
  // Errors: kNotFound with ResultTableNotFoundDetail, also for a global one or another's;
  // kFailedPrecondition with ResultTableReferencedDetail: tables are derived from it.
  [[nodiscard]] Result<DeletedResultTable> Delete(std::string_view table_name);

  // Removes all tables of that source that this scope owns (CAT-077), whatever their status, in one
  // transaction, and returns exactly those, by name.
  // Errors: kFailedPrecondition with ResultTableReferencedDetail: tables that are not of that source and
  // scope are derived from one of them; kAborted: on PostgreSQL, others added tables of the source so often
  // that there was no moment without (100 tries). In both cases nothing was removed.
  [[nodiscard]] Result<std::vector<DeletedResultTable>> DeleteForSource(std::string_view source_id);

 private:
  CatalogAccess access_;
};

}  // namespace jammi
