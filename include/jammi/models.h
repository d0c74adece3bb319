// The model registry: what models there are, in which versions, whose they are, what they can do and
// where their files lie.
//
// A model has a name, and its versions are numbered from 1. A tenant and the global scope may each own a
// model of one name; a reader sees his own and the global ones, and his own hides the global one of the
// same name, whatever the versions (CAT-004). Changes reach what the scope owns, and nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/catalog_access.h"
#include "jammi/clock.h"
#include "jammi/result.h"
#include "jammi/scope.h"

namespace jammi {

// What a model does. Stored as text, "text_embedding" and so on; the numbers may change.
enum class ModelTask : uint8_t {
  kTextEmbedding,
  kImageEmbedding,
  kAudioEmbedding,
  kClassification,
  kNer,
  kRegression,
};
[[nodiscard]] std::string_view ToString(ModelTask task);
// Errors: kInvalidArgument; the message lists the known tasks.
[[nodiscard]] Result<ModelTask> ParseModelTask(std::string_view text);
[[nodiscard]] bool IsEmbeddingTask(ModelTask task);

// Where a version is in its life. Stored as text, "registered" and so on. Every change is allowed but
// that from failed to loaded: a failed version is registered again first.
enum class ModelStatus : uint8_t { kRegistered, kLoaded, kFailed };
[[nodiscard]] std::string_view ToString(ModelStatus status);
// Errors: kInvalidArgument.
[[nodiscard]] Result<ModelStatus> ParseModelStatus(std::string_view text);

// The identity of one stored version, which references hold: a UUID, never used again after a deletion.
struct ModelUid {
  std::string value;
  auto operator<=>(const ModelUid&) const = default;
};

// One version of a model.
struct ModelRecord {
  std::string model_id;  // the name
  ModelUid uid;
  Scope owner = Scope::Global();
  int32_t version = 0;
  std::string model_type;                    // "embedding", "fine-tuned", ...
  std::optional<std::string> base_model_id;  // name of the model it was derived from; need not be registered
  std::string backend;                       // "candle", "vllm", "http", ...; may be empty
  ModelTask task = ModelTask::kTextEmbedding;
  std::optional<std::string> artifact_path;  // where its files lie
  std::optional<std::string> config_json;    // settings for the backend, the text as it was given
  ModelStatus status = ModelStatus::kRegistered;
  int64_t revision = 0;  // 1 when registered, one more with every change
  UnixMicros created_at = 0;
  UnixMicros updated_at = 0;

  // "<tenant>::<name>::<version>", without tenant for a global one (CAT-001). For people: a name may hold
  // "::" too, so the text is no key. References hold `uid`.
  [[nodiscard]] std::string CatalogPk() const;
  bool operator==(const ModelRecord&) const = default;
};

// What clients see of a version (CAT-011).
struct ModelDescriptor {
  std::string model_id;
  std::string backend;
  ModelTask task = ModelTask::kTextEmbedding;
  ModelStatus status = ModelStatus::kRegistered;
  bool operator==(const ModelDescriptor&) const = default;
};

// What is registered. Texts are UTF-8 without U+0000.
struct RegisterModelParams {
  std::string model_id;            // 1..512 bytes
  std::optional<int32_t> version;  // 1 or more; absent = 1. RegisterNext() chooses it
  std::string model_type;          // 1..128 bytes
  std::string backend;             // at most 128 bytes
  ModelTask task = ModelTask::kTextEmbedding;
  std::optional<std::string> base_model_id;  // 1..512 bytes
  std::optional<std::string> artifact_path;  // 1..4096 bytes
  std::optional<std::string> config_json;    // JSON text of at most 256 KiB
};

// The registry, seen by one scope. A light handle: cheap to copy, thread-safe.
//
// Every verb is one transaction; a change is durable when it returns, and an error changes nothing,
// kOutcomeUnknown excepted. Errors of all: kInvalidArgument, which names the argument; those of
// CatalogBackend::RunTransaction; kDataLoss with BackendDetail(kTypeConversion) for a damaged row.
class Models {
 public:
  using Page = jammi::Page<ModelRecord>;
  using DescriptorPage = jammi::Page<ModelDescriptor>;
  enum class OnMissing : uint8_t { kFail, kIgnore };

  explicit Models(CatalogAccess access) : access_(std::move(access)) {}

  [[nodiscard]] const Scope& scope() const { return access_.scope; }
  // The same handle, whose calls fail with kDeadlineExceeded if they cannot begin in time.
  [[nodiscard]] Models WithDeadline(Deadline deadline) const;

  // Adds a version, owned by this scope, with status registered.
  // Errors: kAlreadyExists: this scope has that version; it was not changed.
  [[nodiscard]] Result<ModelRecord> Register(const RegisterModelParams& params);

  // Adds the version after the highest that this scope has of that name (1 for the first): callers at
  // the same time get consecutive versions, each its own. `params.version` must be absent.
  // Errors: kFailedPrecondition: the highest possible version is taken; kAborted: lost too often against
  // concurrent calls (PostgreSQL).
  [[nodiscard]] Result<ModelRecord> RegisterNext(const RegisterModelParams& params);

  // Adds a version, or refreshes the one that this scope has: type, backend, task, base model and
  // configuration become those given, absent ones included; the artifact path only if one is given;
  // status, creation time and uid stay. This is the contract of `register_model` (CAT-002, CAT-003), the
  // verb of the published clients.
  [[nodiscard]] Result<ModelRecord> Upsert(const RegisterModelParams& params);

  // The highest version of the scope's own model of that name, else of the global one (CAT-004).
  // Errors: kNotFound with ModelNotFoundDetail.
  [[nodiscard]] Result<ModelRecord> Get(std::string_view model_id) const;
  [[nodiscard]] Result<int32_t> LatestVersion(std::string_view model_id) const;

  // That version, own before global (CAT-005). Errors: kNotFound with ModelNotFoundDetail.
  [[nodiscard]] Result<ModelRecord> GetVersion(std::string_view model_id, int32_t version) const;

  // All versions of all visible models (CAT-006), by creation time, name, version, global before own;
  // `page_size` (1..1000) at a time; `page_token` from the page before. Whatever is registered or
  // deleted between two pages, a version that is there all the time is listed exactly once.
  // Errors: kInvalidArgument for a token that is none.
  [[nodiscard]] Result<Page> List(int page_size = 100, std::string_view page_token = {}) const;
  [[nodiscard]] Result<DescriptorPage> ListDescriptors(int page_size = 100,
                                                       std::string_view page_token = {}) const;

  // Moves a version that this scope owns to `status`; nothing happens when it has it already.
  // Errors: kNotFound with ModelNotFoundDetail, also for a global or another's; kFailedPrecondition: see
  // ModelStatus; kAborted: lost against a concurrent change.
  [[nodiscard]] Result<ModelRecord> UpdateStatus(std::string_view model_id, int32_t version,
                                                 ModelStatus status);

  // Sets, or with nullopt clears, the artifact path of a version that this scope owns; with
  // `expected_revision` only if that is still its revision.
  // Errors: kNotFound with ModelNotFoundDetail, also for a global or another's; kFailedPrecondition:
  // another revision; kAborted: lost against a concurrent change.
  [[nodiscard]] Result<ModelRecord> SetArtifactPath(std::string_view model_id, int32_t version,
                                                    const std::optional<std::string>& artifact_path,
                                                    std::optional<int64_t> expected_revision = std::nullopt);

  // Removes one version that this scope owns: the given, else the highest. (RegisterNext() gives the
  // number of a removed highest version again, with another uid.)
  // Errors: kFailedPrecondition with ModelReferencedDetail, when result tables, training jobs or
  // evaluation runs, of whatever scope, refer to it (CAT-008, CAT-009); for result tables and outputs of
  // training jobs any version of the model counts (CAT-010). kNotFound with ModelNotFoundDetail: nothing
  // of that name is visible, which kIgnore turns into success, or it is global and this scope is not.
  [[nodiscard]] Result<void> Delete(std::string_view model_id, std::optional<int32_t> version = std::nullopt,
                                    OnMissing on_missing = OnMissing::kFail);

 private:
  [[nodiscard]] Result<ModelRecord> Find(std::string_view model_id, std::optional<int32_t> version) const;

  CatalogAccess access_;
};

}  // namespace jammi
