// The verbs of the model registry.
#pragma once

#include "catalog/proof/world.h"
#include "jammi/models.h"

namespace jammi::proof {

inline void Show(Writer& out, const ModelRecord& model) {
  out << model.model_id;
  out.Id("model", model.owner, model.uid.value).Owner(model.owner);
  out << model.version << model.model_type << model.base_model_id << model.backend << ToString(model.task)
      << model.artifact_path << model.config_json << ToString(model.status) << model.revision;
  out.Time(model.created_at).Time(model.updated_at);
}
inline void Show(Writer& out, const ModelDescriptor& model) {
  out << model.model_id << model.backend << ToString(model.task) << ToString(model.status);
}

inline int32_t DrawVersion(Draw& draw) {
  if (draw.Percent(1)) return draw.Bad(0);
  return draw.One({1, 1, 2, 3, 4});
}
inline std::optional<int32_t> DrawOptionalVersion(Draw& draw) {
  if (draw.Percent(60)) return std::nullopt;
  return DrawVersion(draw);
}
inline RegisterModelParams DrawModel(Draw& draw, std::optional<int32_t> version) {
  return {.model_id = draw.Name(),
          .version = version,
          .model_type = draw.One<std::string>({"embedding", "fine-tuned"}),
          .backend = draw.One<std::string>({"candle", ""}),
          .task = draw.One({ModelTask::kTextEmbedding, ModelTask::kNer}),
          .base_model_id = draw.Maybe<std::string>({"x", "y"}),
          .artifact_path = draw.Maybe<std::string>({"s3://1", "s3://2"}),
          .config_json = draw.Maybe<std::string>({"{}", "[1]"})};
}

template <class W>
std::vector<Verb<W>> ModelVerbs() {
  using enum Does;
  return {
      {"Models::Register", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         return w.Answered(s, d, w.models(s).Register(DrawModel(d, DrawOptionalVersion(d))));
       }},
      {"Models::RegisterNext", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto version = d.Percent(2) ? std::optional(d.Bad(1)) : std::nullopt;
         const auto params = DrawModel(d, version);
         return w.Answered(s, d, w.models(s).RegisterNext(params));
       }},
      {"Models::Upsert", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         return w.Answered(s, d, w.models(s).Upsert(DrawModel(d, DrawOptionalVersion(d))));
       }},
      {"Models::Get", kRead,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.models(s).Get(d.Name())); }},
      {"Models::LatestVersion", kRead,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.models(s).LatestVersion(d.Name())); }},
      {"Models::GetVersion", kRead,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = d.Name();
         return w.Answered(s, d, w.models(s).GetVersion(name, DrawVersion(d)));
       }},
      {"Models::List", kRead,
       [](W& w, const Scope& s, Draw& d) {
         return AnsweredPage(w, s, d, "Models::List", [&](int size, const std::string& token) {
           return w.models(s).List(size, token);
         });
       }},
      {"Models::ListDescriptors", kRead,
       [](W& w, const Scope& s, Draw& d) {
         return AnsweredPage(w, s, d, "Models::ListDescriptors", [&](int size, const std::string& token) {
           return w.models(s).ListDescriptors(size, token);
         });
       }},
      {"Models::UpdateStatus", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = d.Name();
         const auto version = DrawVersion(d);
         const auto status = d.One({ModelStatus::kRegistered, ModelStatus::kLoaded, ModelStatus::kFailed});
         return w.Answered(s, d, w.models(s).UpdateStatus(name, version, status));
       }},
      {"Models::SetArtifactPath", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = d.Name();
         const auto version = DrawVersion(d);
         const auto path = d.Maybe<std::string>({"s3://1", "s3://3"});
         const auto revision = d.Maybe<int64_t>({1, 2, 3});
         return w.Answered(s, d, w.models(s).SetArtifactPath(name, version, path, revision));
       }},
      {"Models::Delete", kWrite,
       [](W& w, const Scope& s, Draw& d) {
         const auto name = d.Name();
         const auto version = DrawOptionalVersion(d);
         const auto missing = d.One({Models::OnMissing::kFail, Models::OnMissing::kIgnore});
         return w.Answered(s, d, w.models(s).Delete(name, version, missing));
       }},
  };
}

}  // namespace jammi::proof
