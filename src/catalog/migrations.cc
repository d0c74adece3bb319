#include "catalog/migrations.h"

#include <array>

#include "catalog/migrations/0001_identity.h"
#include "catalog/migrations/0002_topics.h"
#include "catalog/migrations/0003_models.h"
#include "catalog/migrations/0005_sources_channels.h"
#include "catalog/migrations/0006_training_jobs.h"
#include "catalog/migrations/0007_result_tables.h"
#include "catalog/migrations/0008_evaluation.h"
#include "catalog/migrations/0009_sessions_consumers.h"
#include "catalog/migrations/0010_retention.h"
#include "catalog/migrations/0011_producer_keys.h"
#include "catalog/migrations/0012_topic_versions.h"
#include "catalog/migrations/0013_mutable_tables.h"
#include "catalog/migrations/0014_audit.h"
#include "catalog/migrations/0015_ephemeral_sessions.h"

namespace jammi {
namespace {

constexpr std::array kMigrations = {
    Migration{"0001_identity", kIdentityMigration},
    Migration{"0002_topics", kTopicsMigration},
    Migration{"0003_models", kModelsMigration},
    Migration{"0005_sources_channels", kSourcesChannelsMigration},
    Migration{"0006_training_jobs", kTrainingJobsMigration},
    Migration{"0007_result_tables", kResultTablesMigration},
    Migration{"0008_evaluation", kEvaluationMigration},
    Migration{"0009_sessions_consumers", kSessionsConsumersMigration},
    Migration{"0010_retention", kRetentionMigration},
    Migration{"0011_producer_keys", kProducerKeysMigration},
    Migration{"0012_topic_versions", kTopicVersionsMigration},
    Migration{"0013_mutable_tables", kMutableTablesMigration},
    Migration{"0014_audit", kAuditMigration},
    Migration{"0015_ephemeral_sessions", kEphemeralSessionsMigration},
};

}  // namespace

std::span<const Migration> Migrations() { return kMigrations; }

}  // namespace jammi
