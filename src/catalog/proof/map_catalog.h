// A world that is a few maps: what the catalog promises, as simply as it can be said. Arguments are good
// ones.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catalog/proof/world.h"
#include "catalog/topic_repo.h"
#include "jammi/channels.h"
#include "jammi/evaluations.h"
#include "jammi/index_segments.h"
#include "jammi/jobs.h"
#include "jammi/models.h"
#include "jammi/result_tables.h"
#include "jammi/sources.h"

namespace jammi::proof {

// Only the code of an error is compared with those of the databases.
inline Error Refuse(ErrorCode code) { return Error(code, ""); }
inline Error Missing() { return Refuse(ErrorCode::kNotFound); }
inline Error Exists() { return Refuse(ErrorCode::kAlreadyExists); }
inline Error WrongState() { return Refuse(ErrorCode::kFailedPrecondition); }

using Key = std::pair<Scope, std::string>;  // owner and name

// The reader's own, else the global one, else null.
template <class Map>
auto* Visible(Map& map, const Scope& reader, std::string_view name) {
  auto found = map.find(Key(reader, name));
  if (found == map.end()) found = map.find(Key(Scope::Global(), name));
  return found == map.end() ? nullptr : &found->second;
}
template <class Map>
auto* Own(Map& map, const Scope& owner, std::string_view name) {
  const auto found = map.find(Key(owner, name));
  return found == map.end() ? nullptr : &found->second;
}

// A list, page by page. A token is the number of the last item that a page ended with.
template <class T>
struct Pages {
  std::deque<T> ends;

  template <class Before>
  Page<T> Cut(std::vector<T> items, Before before, int size, const std::string& token) {
    if (!token.empty()) {
      const T& end = ends[std::stoul(token)];
      std::erase_if(items, [&](const T& item) { return !before(end, item); });
    }
    std::sort(items.begin(), items.end(), before);
    Page<T> page;
    if (items.size() > static_cast<size_t>(size)) {
      items.erase(items.begin() + size, items.end());
      ends.push_back(items.back());
      page.next_page_token = std::to_string(ends.size() - 1);
    }
    page.items = std::move(items);
    return page;
  }
};

struct StoredRun {
  EvalRun run;
  std::map<std::string, EvalQueryResult> rows;
};
// A row in a page, and whose run it is of: later pages stay with it.
struct PagedRow {
  Scope owner = Scope::Global();
  EvalQueryResult row;
};

struct StoredTable {
  ResultTableRecord table;
  std::optional<LeaseToken> lease;  // while it is being built
  UnixMicros lease_expires_at = 0;
  std::vector<IndexSegment> segments;
  int64_t next_segment_id = 0;
};
struct PagedSegment {
  Scope owner = Scope::Global();
  IndexSegment segment;
};

// All that is stored.
struct Maps {
  UnixMicros now = 1'000'000'000'000;
  std::map<std::tuple<Scope, std::string, int32_t>, ModelRecord> models;
  std::map<TopicId, StoredTopic> topics;
  std::map<Key, SourceRecord> sources;
  std::map<Key, ChannelRecord> channels;
  std::map<Key, StoredRun> runs;
  std::map<Key, TrainingJobRecord> jobs;
  std::map<Key, StoredTable> tables;
  int64_t last_id = 0;
  int64_t last_job = 0;

  Pages<ModelRecord> model_pages;
  Pages<StoredTopic> topic_pages;
  Pages<SourceRecord> source_pages;
  Pages<ChannelRecord> channel_pages;
  Pages<EvalRun> run_pages;
  Pages<PagedRow> row_pages;
  Pages<TrainingJobRecord> job_pages;
  Pages<ResultTableRecord> table_pages;
  Pages<SourceTable> source_table_pages;
  Pages<PagedSegment> segment_pages;

  std::string NewId() { return fmt::format("77777777-0000-4000-8000-{:012}", ++last_id); }
};

}  // namespace jammi::proof
