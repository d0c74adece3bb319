// Evaluation runs: how well a model did, on what, by which measure, and what each query contributed.
//
// A run is recorded when it is complete, with its rows, and never changes; rows may be added later. A tenant
// and the global scope may each own a run of one id; a reader sees his own and the global ones, and his own
// hides the global one of the same id. Changes reach what the scope owns, and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/catalog_access.h"
#include "jammi/clock.h"
#include "jammi/models.h"
#include "jammi/result.h"
#include "jammi/scope.h"

namespace jammi {

// What was measured. Stored as text, "embedding", "calibration_gaussian" and so on; the numbers may change.
enum class EvalType : uint8_t {
  kEmbedding,
  kClassification,
  kNer,
  kCalibrationGaussian,
  kCalibrationSample,
};
[[nodiscard]] std::string_view ToString(EvalType type);
// Errors: kInvalidArgument; the message lists the known types.
[[nodiscard]] Result<EvalType> ParseEvalType(std::string_view text);

struct EvalRun {
  std::string run_id;
  Scope owner = Scope::Global();
  std::optional<ModelUid> model;  // none for a calibration of forecasts that come from elsewhere
  EvalType type = EvalType::kEmbedding;
  std::string source_id;
  std::string golden_source;  // may be empty
  std::optional<int32_t> k;   // depth of retrieval; embedding runs have one
  std::string metrics;        // the aggregate: a JSON object, the text as it was given
  UnixMicros created_at = 0;
  bool operator==(const EvalRun&) const = default;
};

// What one query, or one record of a calibration, contributed. JSON texts are kept as they were given.
struct EvalQueryResult {
  std::string query_id;        // 1..512 bytes; once in a run
  std::string cohorts = "{}";  // JSON object of at most 4 KiB
  std::string metrics;         // JSON object of at most 16 KiB
  bool operator==(const EvalQueryResult&) const = default;
};

// What is recorded. Texts are UTF-8 without U+0000.
struct RecordEvalRunParams {
  std::string run_id;             // 1..128 bytes; by custom a fresh UUID
  std::optional<ModelUid> model;  // a version that the scope can see
  EvalType type = EvalType::kEmbedding;
  std::string source_id;      // 1..512 bytes
  std::string golden_source;  // at most 512 bytes
  std::optional<int32_t> k;   // 1 or more
  std::string metrics;        // JSON object of at most 64 KiB
};

// Which runs are listed: all, or those of a model, of a type, of both.
struct EvalRunFilter {
  std::optional<ModelUid> model;
  std::optional<EvalType> type;
};

// The runs, seen by one scope. A light handle: cheap to copy, thread-safe.
//
// Every verb is one transaction; a change is durable when it returns, and an error changes nothing,
// kOutcomeUnknown excepted. Errors of all: kInvalidArgument, which names the argument; those of
// CatalogBackend::RunTransaction; kDataLoss with BackendDetail(kTypeConversion) for a damaged row.
class Evaluations {
 public:
  // Of one call; more rows are added by Append().
  static constexpr size_t kMaxRows = 100'000;
  static constexpr size_t kMaxRowBytes = 256 << 20;  // ids and JSON of all rows
  static constexpr size_t kMaxCompared = 32;

  explicit Evaluations(CatalogAccess access) : access_(std::move(access)) {}

  [[nodiscard]] const Scope& scope() const { return access_.scope; }
  // The same handle, whose calls fail with kDeadlineExceeded if they cannot begin in time.
  [[nodiscard]] Evaluations WithDeadline(Deadline deadline) const;

  // Stores a run, owned by this scope, together with what each query contributed: all or nothing.
  // Errors: kAlreadyExists: this scope has a run of that id; kNotFound with ModelNotFoundDetail, which
  // holds the uid: the scope sees no such version of a model.
  [[nodiscard]] Result<EvalRun> Record(const RecordEvalRunParams& params,
                                       std::span<const EvalQueryResult> rows = {});

  // Adds rows to a run that this scope owns, all or nothing; the run stays as it is. No rows, no work.
  // Errors: kNotFound: no such run, or a global or another's; kAlreadyExists: the run has a row of one of
  // these queries.
  [[nodiscard]] Result<void> Append(std::string_view run_id, std::span<const EvalQueryResult> rows);

  // Errors: kNotFound.
  [[nodiscard]] Result<EvalRun> Get(std::string_view run_id) const;
  // Several runs of one moment, at most kMaxCompared, in the order of `run_ids`.
  // Errors: kNotFound, which names the first that is not visible.
  [[nodiscard]] Result<std::vector<EvalRun>> GetAll(std::span<const std::string> run_ids) const;

  // The newest run of that type of a version of a model; nullopt when there is none, or no such model. A
  // model given by name is the scope's own, else the global one.
  [[nodiscard]] Result<std::optional<EvalRun>> Latest(const ModelUid& model, EvalType type) const;
  [[nodiscard]] Result<std::optional<EvalRun>> Latest(std::string_view model_id, int32_t version,
                                                      EvalType type) const;

  // Visible runs, newest first (of one moment: by id, descending, own before global), `page_size` (1..1000)
  // at a time; `page_token` from the page before, with the same filter.
  [[nodiscard]] Result<Page<EvalRun>> List(const EvalRunFilter& filter = {}, int page_size = kDefaultPageSize,
                                           std::string_view page_token = {}) const;

  // The rows of a run by query_id; none for a run that is not visible. The pages after the first stay with
  // the run of the first.
  [[nodiscard]] Result<Page<EvalQueryResult>> PerQuery(std::string_view run_id,
                                                       int page_size = kDefaultPageSize,
                                                       std::string_view page_token = {}) const;

  // Removes a run that this scope owns, with its rows.
  // Errors: kNotFound, also for a global or another's.
  [[nodiscard]] Result<void> Delete(std::string_view run_id);

 private:
  CatalogAccess access_;
};

}  // namespace jammi
