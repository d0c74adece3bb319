// Sources and channels as maps.
#pragma once

#include <arrow/api.h>

#include "catalog/proof/map_catalog.h"
#include "catalog/proof/map_tables.h"

namespace jammi::proof {

// What a reader sees of things of which his own hide the global ones.
template <class Map>
auto AllVisible(const Map& map, const Scope& reader) {
  std::vector<typename Map::mapped_type> seen;
  for (const auto& [key, value] : map) {
    if (Visible(map, reader, key.second) == &value) seen.push_back(value);
  }
  return seen;
}

class MapSources {
 public:
  MapSources(Maps& maps, Scope scope) : maps_(maps), scope_(std::move(scope)) {}

  Result<SourceRecord> Register(const std::string& id, SourceType type, const SourceConnection& connection) {
    if (Own(maps_.sources, scope_, id) != nullptr) return Exists();
    return maps_.sources[{scope_, id}] = {.source_id = id,
                                          .owner = scope_,
                                          .type = type,
                                          .connection = connection,
                                          .revision = 1,
                                          .created_at = maps_.now,
                                          .updated_at = maps_.now};
  }
  Result<SourceRecord> Update(const std::string& id, const SourceConnection& connection,
                              std::optional<int64_t> revision) {
    auto* source = Own(maps_.sources, scope_, id);
    if (source == nullptr) return Missing();
    if (revision && *revision != source->revision) return WrongState();
    source->connection = connection;
    ++source->revision;
    source->updated_at = maps_.now;
    return *source;
  }
  Result<void> Remove(const std::string& id) {
    return maps_.sources.erase({scope_, id}) == 1 ? Result<void>() : Missing();
  }
  Result<std::vector<DeletedResultTable>> RemoveWithTables(const std::string& id) {
    if (Own(maps_.sources, scope_, id) == nullptr) return Missing();
    auto deleted = MapTables(maps_, scope_).DeleteForSource(id);
    if (deleted) maps_.sources.erase({scope_, id});
    return deleted;
  }
  Result<SourceRecord> Get(const std::string& id) {
    const auto* source = Visible(maps_.sources, scope_, id);
    return source == nullptr ? Result<SourceRecord>(Missing()) : *source;
  }
  Result<Page<SourceRecord>> List(int size, const std::string& token) {
    const auto before = [](const SourceRecord& a, const SourceRecord& b) {
      return std::tie(a.created_at, a.source_id) < std::tie(b.created_at, b.source_id);
    };
    return maps_.source_pages.Cut(AllVisible(maps_.sources, scope_), before, size, token);
  }
  Result<SourceDescription> Describe(const std::string& id, int size, const std::string& token) {
    JAMMI_ASSIGN(auto source, Get(id));
    auto tables = TablesOf(source, size, token);
    return SourceDescription{std::move(source), std::move(tables)};
  }
  Result<Page<SourceDescription>> ListDescriptions(int size, const std::string& token) {
    JAMMI_ASSIGN(const auto page, List(size, token));
    Page<SourceDescription> descriptions{.next_page_token = page.next_page_token};
    for (const SourceRecord& source : page.items) {
      descriptions.items.push_back({source, TablesOf(source, Sources::kTablesPerSource, {})});
    }
    return descriptions;
  }

 private:
  // The reader's own, and global ones of a global source.
  Page<SourceTable> TablesOf(const SourceRecord& source, int size, const std::string& token) {
    std::vector<SourceTable> tables;
    for (const auto& [key, stored] : maps_.tables) {
      const ResultTableRecord& table = stored.table;
      if (table.source_id != source.source_id) continue;
      if (table.owner != scope_ && table.owner != source.owner) continue;
      tables.push_back(
          {table.table_name, table.owner, std::string(ToString(table.status)), table.created_at});
    }
    const auto before = [](const SourceTable& a, const SourceTable& b) {
      return std::tie(a.created_at, a.table_name, a.owner) < std::tie(b.created_at, b.table_name, b.owner);
    };
    return maps_.source_table_pages.Cut(std::move(tables), before, size, token);
  }

  Maps& maps_;
  Scope scope_;
};

class MapChannels {
 public:
  MapChannels(Maps& maps, Scope scope) : maps_(maps), scope_(std::move(scope)) {}

  Result<ChannelRecord> Register(const ChannelSpec& spec) {
    if (Own(maps_.channels, scope_, spec.id.text()) != nullptr) return Exists();
    ChannelRecord channel{.id = spec.id,
                          .owner = scope_,
                          .priority = spec.priority,
                          .revision = 1,
                          .created_at = maps_.now,
                          .updated_at = maps_.now};
    JAMMI_TRY(Declare(channel, spec.columns));
    maps_.channels.insert_or_assign({scope_, spec.id.text()}, channel);
    return channel;
  }
  Result<ChannelRecord> AddColumns(const ChannelId& id, const std::vector<ChannelColumn>& columns) {
    auto* stored = Own(maps_.channels, scope_, id.text());
    if (stored == nullptr) return Missing();
    if (columns.empty()) return *stored;
    ChannelRecord channel = *stored;
    JAMMI_TRY(Declare(channel, columns));
    ++channel.revision;
    channel.updated_at = maps_.now;
    return *stored = channel;
  }
  Result<ChannelRecord> Get(const ChannelId& id) {
    const auto* channel = Visible(maps_.channels, scope_, id.text());
    return channel == nullptr ? Result<ChannelRecord>(Missing()) : *channel;
  }
  Result<std::vector<ChannelRecord>> GetAll(const std::vector<ChannelId>& ids) {
    std::vector<ChannelRecord> channels;
    for (const ChannelId& id : ids) {
      JAMMI_ASSIGN(channels.emplace_back(ChannelRecord{.id = id}), Get(id));
    }
    return channels;
  }
  Result<Page<ChannelRecord>> List(int size, const std::string& token) {
    const auto before = [](const ChannelRecord& a, const ChannelRecord& b) {
      return std::tie(a.priority, a.id) < std::tie(b.priority, b.id);
    };
    return maps_.channel_pages.Cut(AllVisible(maps_.channels, scope_), before, size, token);
  }
  Result<std::shared_ptr<arrow::Schema>> MergedSchema(const std::vector<ChannelId>& ids) {
    JAMMI_ASSIGN(auto channels, GetAll(ids));
    std::ranges::stable_sort(channels, {}, &ChannelRecord::priority);
    arrow::FieldVector fields;
    for (const ChannelRecord& channel : channels) {
      for (const ChannelColumn& column : channel.columns) {
        fields.push_back(arrow::field(column.name, ToArrow(column.type)));
      }
    }
    return arrow::schema(std::move(fields));
  }
  // Whether it can be done.
  Result<void> Merge(const std::vector<std::shared_ptr<arrow::RecordBatch>>&, const ChannelMerge& merge) {
    return GetAll(merge.participating) ? Result<void>() : Refuse(ErrorCode::kInvalidArgument);
  }

 private:
  static Result<void> Declare(ChannelRecord& channel, const std::vector<ChannelColumn>& columns) {
    for (const ChannelColumn& column : columns) {
      for (const ChannelColumn& declared : channel.columns) {
        if (declared.name == column.name) return declared.type == column.type ? Exists() : WrongState();
      }
      channel.columns.push_back(column);
    }
    return {};
  }

  Maps& maps_;
  Scope scope_;
};

}  // namespace jammi::proof
