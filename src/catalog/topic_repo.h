// What the catalog knows about topics. Schemas are bytes here; what they mean is trigger/'s business.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/repo_statement.h"
#include "jammi/catalog_access.h"
#include "jammi/ids.h"
#include "jammi/scope.h"
#include "jammi/topic_retention.h"

namespace jammi {

// Topics of these names are the engine's own: users read them, and no more.
[[nodiscard]] bool IsEngineTopicName(std::string_view name);

struct StoredTopic {
  int64_t topic_no = 0;  // the log's number; given once, never again
  TopicId id{Uuid{}};
  std::string name;
  Scope owner = Scope::Global();
  std::string schema;  // an IPC schema message
  // How many of the schema's columns each earlier version of it had, ascending.
  std::vector<int64_t> earlier_columns;
  std::map<std::string, std::string> broker_metadata;
  UnixMicros created_at = 0;
  TopicRetention retention = {};
};

// What holds for a topic with these settings; all fields of `defaults` are there.
[[nodiscard]] TopicRetention Effective(const TopicRetention& own, const TopicRetention& defaults);

// Those that look for something.
[[nodiscard]] std::span<const RepoStatement> TopicStatements();

// The column `earlier_columns` as it is stored: a JSON array of ascending numbers above 0. Absent: it is
// none.
[[nodiscard]] std::optional<std::vector<int64_t>> ParseColumnCounts(std::string_view text);

// Thread-safe. Scopes are those of the caller; what a scope cannot see is not found.
class TopicRepo {
 public:
  // The backend must outlive the repository.
  explicit TopicRepo(CatalogBackend& backend) : backend_(backend) {}

  // Creates the topic with its log's head, in one transaction (TRG-003). `name` is 1..512 bytes of UTF-8
  // without U+0000, and does not begin with "jammi."; broker metadata likewise, 64 KiB at most in all.
  // `max_topics`: so many topics may `owner` have, this one included and the engine's own not, however many
  // register at once.
  // Errors: kInvalidArgument; kAlreadyExists with TopicExistsDetail: `owner` has a topic of that name;
  // kResourceExhausted with QuotaExceededDetail("max_topics"); kResourceExhausted: there are no more topic
  // numbers; the backend's.
  [[nodiscard]] Result<StoredTopic> Register(const Scope& owner, std::string_view name,
                                             std::string_view schema,
                                             const std::map<std::string, std::string>& broker_metadata,
                                             const TopicRetention& retention = {},
                                             std::optional<int64_t> max_topics = std::nullopt);

  // The same for a topic of the engine's, whose name begins with "jammi."; without metadata, settings or
  // quota.
  [[nodiscard]] Result<StoredTopic> RegisterEngines(const Scope& owner, std::string_view name,
                                                    std::string_view schema);

  // Replaces all of the topic's own settings. Errors: kInvalidArgument: a limit is negative; kNotFound with
  // TopicNotFoundDetail unless `owner` itself owns it; kPermissionDenied for the engine's own.
  [[nodiscard]] Result<StoredTopic> SetRetention(const Scope& owner, const TopicId& id,
                                                 const TopicRetention& retention);

  // What the log has of a topic that the scope sees. Errors: kNotFound with TopicNotFoundDetail.
  [[nodiscard]] Result<TopicStats> Stats(const Scope& scope, const TopicId& id,
                                         const TopicRetention& defaults);

  // Bytes of payload that are retained of all topics that `owner` owns.
  [[nodiscard]] Result<int64_t> RetainedBytes(const Scope& owner);

  // The scope's own topic of that name, else the global one (TRG-020, W-19).
  // Errors: kNotFound with TopicNotFoundDetail.
  [[nodiscard]] Result<StoredTopic> FindByName(const Scope& scope, std::string_view name);
  [[nodiscard]] Result<StoredTopic> FindById(const Scope& scope, const TopicId& id);
  // Whoever owns it. For a caller who checks the owner himself (TRG-033).
  [[nodiscard]] Result<StoredTopic> FindAnyById(const TopicId& id);

  [[nodiscard]] Result<StoredTopic> FindAnyByNumber(int64_t topic_no);
  // Topics of all owners, the engine's own too, by number, `limit` of those above `after` at most. Numbers
  // are committed in their order: one that comes later is above all that are here.
  [[nodiscard]] Result<std::vector<StoredTopic>> ListAny(int64_t after, int limit);

  struct GrownSchema {
    std::string schema;
    int64_t columns_before = 0;  // of the schema that has grown
  };
  // Replaces the schema of a topic that `owner` itself owns by what `grow` makes of it, and remembers how
  // many columns it had. `grow` sees the topic as nobody can change it before the commit; it runs inside the
  // transaction, maybe more than once.
  // Errors: `grow`'s; kNotFound with TopicNotFoundDetail; kPermissionDenied for the engine's own; the
  // backend's. Nothing is changed then.
  [[nodiscard]] Result<StoredTopic> AppendColumns(
      const Scope& owner, const TopicId& id,
      const std::function<Result<GrownSchema>(const StoredTopic& now)>& grow);

  // Visible topics by (created_at, id), `page_size` (1..1000) at a time (TRG-023); not the engine's own.
  // Errors: kInvalidArgument for a page size out of range or a token that is none.
  [[nodiscard]] Result<Page<StoredTopic>> List(const Scope& scope, int page_size,
                                               std::string_view page_token);

  // Marks the topic dropped and deletes its head, so that nothing is appended any more; its name is free
  // at once (TRG-024, TRG-025). Returns the topic's number. `committed(topic_no)` is called like
  // Transaction::AfterCommit: between the listener's calls for the topic's last event and its silence.
  // Errors: kNotFound with TopicNotFoundDetail unless `owner` itself owns it; kPermissionDenied for the
  // engine's own; nothing is changed then.
  [[nodiscard]] Result<int64_t> Drop(const Scope& owner, const TopicId& id,
                                     const std::function<void(int64_t topic_no)>& committed);

 private:
  // Fills in what the database gives.
  [[nodiscard]] Result<StoredTopic> Insert(StoredTopic topic, std::optional<int64_t> max_topics);
  // The row of a SELECT; kNotFound naming what was `asked` for when there is none.
  [[nodiscard]] Result<StoredTopic> FindOne(std::string_view sql, std::initializer_list<SqlValue> params,
                                            std::string_view asked);

  CatalogBackend& backend_;
};

}  // namespace jammi
