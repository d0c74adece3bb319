// Models and topics as maps.
#pragma once

#include "catalog/proof/map_catalog.h"

namespace jammi::proof {

class MapModels {
 public:
  MapModels(Maps& maps, Scope scope) : maps_(maps), scope_(std::move(scope)) {}

  Result<ModelRecord> Register(const RegisterModelParams& params) {
    const int32_t version = params.version.value_or(1);
    if (Find(scope_, params.model_id, version) != nullptr) return Exists();
    ModelRecord model{.model_id = params.model_id,
                      .uid = {maps_.NewId()},
                      .owner = scope_,
                      .version = version,
                      .artifact_path = params.artifact_path,
                      .created_at = maps_.now};
    return maps_.models[{scope_, params.model_id, version}] = Described(std::move(model), params);
  }
  Result<ModelRecord> RegisterNext(RegisterModelParams params) {
    const auto* highest = Find(scope_, params.model_id, std::nullopt);
    params.version = highest == nullptr ? 1 : highest->version + 1;
    return Register(params);
  }
  Result<ModelRecord> Upsert(const RegisterModelParams& params) {
    auto* model = Find(scope_, params.model_id, params.version.value_or(1));
    if (model == nullptr) return Register(params);
    if (params.artifact_path) model->artifact_path = params.artifact_path;
    return *model = Described(*model, params);
  }
  Result<ModelRecord> Get(std::string_view name) { return Seen(name, std::nullopt); }
  Result<ModelRecord> GetVersion(std::string_view name, int32_t version) { return Seen(name, version); }
  Result<int32_t> LatestVersion(std::string_view name) {
    JAMMI_ASSIGN(const auto model, Get(name));
    return model.version;
  }
  Result<Page<ModelRecord>> List(int size, const std::string& token) {
    std::vector<ModelRecord> seen;
    for (const auto& [key, model] : maps_.models) {
      if (scope_.Sees(model.owner)) seen.push_back(model);
    }
    const auto before = [](const ModelRecord& a, const ModelRecord& b) {
      return std::tie(a.created_at, a.model_id, a.version, a.owner) <
             std::tie(b.created_at, b.model_id, b.version, b.owner);
    };
    return maps_.model_pages.Cut(std::move(seen), before, size, token);
  }
  Result<Page<ModelDescriptor>> ListDescriptors(int size, const std::string& token) {
    JAMMI_ASSIGN(const auto page, List(size, token));
    Page<ModelDescriptor> descriptors{.next_page_token = page.next_page_token};
    for (const ModelRecord& m : page.items) {
      descriptors.items.push_back({m.model_id, m.backend, m.task, m.status});
    }
    return descriptors;
  }
  Result<ModelRecord> UpdateStatus(std::string_view name, int32_t version, ModelStatus status) {
    auto* model = Find(scope_, name, version);
    if (model == nullptr) return Missing();
    if (model->status == status) return *model;
    if (model->status == ModelStatus::kFailed && status == ModelStatus::kLoaded) return WrongState();
    model->status = status;
    return Changed(*model);
  }
  Result<ModelRecord> SetArtifactPath(std::string_view name, int32_t version,
                                      const std::optional<std::string>& path,
                                      std::optional<int64_t> revision) {
    auto* model = Find(scope_, name, version);
    if (model == nullptr) return Missing();
    if (revision && *revision != model->revision) return WrongState();
    model->artifact_path = path;
    return Changed(*model);
  }
  Result<void> Delete(std::string_view name, std::optional<int32_t> version, Models::OnMissing missing) {
    const auto target = Seen(name, version);
    if (!target && missing == Models::OnMissing::kIgnore) return {};
    if (!target || target->owner != scope_) return Missing();
    if (IsReferenced(*target)) return WrongState();
    maps_.models.erase({scope_, target->model_id, target->version});
    return {};
  }

  // The owner's version, or his highest; null if he has none.
  ModelRecord* Find(const Scope& owner, std::string_view name, std::optional<int32_t> version) {
    ModelRecord* found = nullptr;
    for (auto& [key, model] : maps_.models) {
      const bool wanted = model.owner == owner && model.model_id == name;
      if (wanted && (!version || model.version == *version)) found = &model;
    }
    return found;
  }
  Result<ModelRecord> Seen(std::string_view name, std::optional<int32_t> version) {
    const auto* found = Find(scope_, name, version);
    if (found == nullptr) found = Find(Scope::Global(), name, version);
    return found == nullptr ? Result<ModelRecord>(Missing()) : *found;
  }
  ModelRecord* WithUid(const ModelUid& uid) {
    for (auto& [key, model] : maps_.models) {
      if (model.uid == uid) return &model;
    }
    return nullptr;
  }
  ModelRecord Changed(ModelRecord& model) {
    ++model.revision;
    model.updated_at = maps_.now;
    return model;
  }

 private:
  ModelRecord Described(ModelRecord model, const RegisterModelParams& params) {
    model.model_type = params.model_type;
    model.base_model_id = params.base_model_id;
    model.backend = params.backend;
    model.task = params.task;
    model.config_json = params.config_json;
    return Changed(model);
  }
  // Runs and base models refer to the version, tables and outputs of jobs to the model.
  bool IsReferenced(const ModelRecord& target) {
    for (const auto& [key, stored] : maps_.runs) {
      if (stored.run.model == target.uid) return true;
    }
    for (const auto& [key, job] : maps_.jobs) {
      if (job.base_model_uid == target.uid) return true;
      if (IsVersionOf(target, job.output_model_uid)) return true;
    }
    for (const auto& [key, stored] : maps_.tables) {
      if (IsVersionOf(target, stored.table.model_uid)) return true;
    }
    return false;
  }
  bool IsVersionOf(const ModelRecord& model, const std::optional<ModelUid>& uid) {
    const auto* found = uid ? WithUid(*uid) : nullptr;
    return found != nullptr && found->owner == model.owner && found->model_id == model.model_id;
  }

  Maps& maps_;
  Scope scope_;
};

class MapTopics {
 public:
  explicit MapTopics(Maps& maps) : maps_(maps) {}

  Result<StoredTopic> Register(const Scope& owner, const std::string& name, const std::string& schema,
                               const std::map<std::string, std::string>& metadata,
                               const TopicRetention& retention) {
    for (const auto& [id, topic] : maps_.topics) {
      if (topic.owner == owner && topic.name == name) return Exists();
    }
    const auto id = TopicId::Parse(maps_.NewId()).value();
    const StoredTopic topic{.topic_no = maps_.last_id,
                            .id = id,
                            .name = name,
                            .owner = owner,
                            .schema = schema,
                            .broker_metadata = metadata,
                            .created_at = maps_.now,
                            .retention = retention};
    maps_.topics.insert_or_assign(id, topic);
    return topic;
  }
  Result<StoredTopic> FindByName(const Scope& reader, std::string_view name) {
    const StoredTopic* found = nullptr;
    for (const auto& [id, topic] : maps_.topics) {
      if (topic.name != name || !reader.Sees(topic.owner)) continue;
      if (found == nullptr || topic.owner == reader) found = &topic;
    }
    return found == nullptr ? Result<StoredTopic>(Missing()) : *found;
  }
  Result<StoredTopic> FindById(const Scope& reader, const TopicId& id) {
    const auto found = maps_.topics.find(id);
    if (found == maps_.topics.end() || !reader.Sees(found->second.owner)) return Missing();
    return found->second;
  }
  Result<Page<StoredTopic>> List(const Scope& reader, int size, const std::string& token) {
    std::vector<StoredTopic> seen;
    for (const auto& [id, topic] : maps_.topics) {
      if (reader.Sees(topic.owner)) seen.push_back(topic);
    }
    const auto before = [](const StoredTopic& a, const StoredTopic& b) {
      return a.created_at < b.created_at;
    };
    return maps_.topic_pages.Cut(std::move(seen), before, size, token);
  }
  template <class Grow>
  Result<StoredTopic> AppendColumns(const Scope& owner, const TopicId& id, Grow grow) {
    const auto found = maps_.topics.find(id);
    if (found == maps_.topics.end() || found->second.owner != owner) return Missing();
    JAMMI_ASSIGN(const TopicRepo::GrownSchema grown, grow(found->second));
    found->second.schema = grown.schema;
    found->second.earlier_columns.push_back(grown.columns_before);
    return found->second;
  }
  Result<StoredTopic> SetRetention(const Scope& owner, const TopicId& id, const TopicRetention& retention) {
    const auto found = maps_.topics.find(id);
    if (found == maps_.topics.end() || found->second.owner != owner) return Missing();
    found->second.retention = retention;
    return found->second;
  }
  // Nothing is published here.
  Result<TopicStats> Stats(const Scope& reader, const TopicId& id, const TopicRetention& defaults) {
    JAMMI_ASSIGN(const auto topic, FindById(reader, id));
    return TopicStats{.retention = Effective(topic.retention, defaults)};
  }
  template <class Committed>
  Result<int64_t> Drop(const Scope& owner, const TopicId& id, Committed) {
    const auto found = maps_.topics.find(id);
    if (found == maps_.topics.end() || found->second.owner != owner) return Missing();
    maps_.topics.erase(found);
    return 0;
  }

 private:
  Maps& maps_;
};

}  // namespace jammi::proof
