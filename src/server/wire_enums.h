// Enumerations of the engine as the wire numbers them.
#pragma once

#include "jammi/models.h"
#include "jammi/v1/inference.pb.h"

namespace jammi {

[[nodiscard]] inline v1::inference::ModelTask ToWire(ModelTask task) {
  switch (task) {
    case ModelTask::kTextEmbedding:
      return v1::inference::TEXT_EMBEDDING;
    case ModelTask::kImageEmbedding:
      return v1::inference::IMAGE_EMBEDDING;
    case ModelTask::kAudioEmbedding:
      return v1::inference::AUDIO_EMBEDDING;
    case ModelTask::kClassification:
      return v1::inference::CLASSIFICATION;
    case ModelTask::kNer:
      return v1::inference::NER;
    case ModelTask::kRegression:
      return v1::inference::REGRESSION;
  }
  return v1::inference::MODEL_TASK_UNSPECIFIED;
}

}  // namespace jammi
