#include "config/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace jammi {
namespace {

// Collects problems; a rule between settings is silent where one of its section is wrong already.
class Problems {
 public:
  void Add(std::string_view key, std::string message) {
    found_.push_back(MakeProblem(std::string(key), {.text = std::move(message)}));
  }
  void Add(ConfigProblem problem) { found_.push_back(std::move(problem)); }
  [[nodiscard]] bool Has(std::string_view section) const {
    return std::ranges::any_of(found_,
                               [&](const auto& problem) { return SectionOf(problem.key) == section; });
  }
  [[nodiscard]] std::vector<ConfigProblem> Take() { return std::move(found_); }

 private:
  std::vector<ConfigProblem> found_;
};

void CheckEach(const Config& config, Problems& problems) {
  for (const auto& setting : AllSettings()) {
    const auto value = setting.get(config);
    if (!value) continue;
    const auto* text = std::get_if<std::string>(&*value);
    if (setting.required && text != nullptr && text->empty()) {
      problems.Add(setting.key,
                   fmt::format("is required when {}.kind = \"{}\"", SectionOf(setting.key), setting.kind));
    } else if (auto checked = CheckValue(setting, *value); !checked) {
      problems.Add(MakeProblem(std::string(setting.key), std::move(checked).error()));
    }
  }
}

// CFG-040
void CheckTraining(const TrainingConfig& training, Problems& problems) {
  const uint64_t lease = training.lease_duration_secs;
  const uint64_t heartbeat = training.heartbeat_interval_secs;
  if (heartbeat >= lease || heartbeat >= lease - heartbeat) {  // heartbeat * 2 >= lease, without overflow
    problems.Add(
        "training.heartbeat_interval_secs",
        fmt::format("{} must be less than half of training.lease_duration_secs, {}, so that one lost "
                    "heartbeat does not cost the lease",
                    heartbeat, lease));
  }
}

// CFG-021
void CheckServer(const ServerConfig& server, Problems& problems) {
  const auto health = ParseAddress(server.health_listen);
  const auto flight = ParseAddress(server.flight_listen);
  if (server.tls_certificate_path.has_value() != server.tls_key_path.has_value()) {
    problems.Add("server.tls_certificate_path", "and server.tls_key_path need each other");
  }
  if (server.tls_client_authority_path && !server.tls_certificate_path) {
    problems.Add("server.tls_client_authority_path", "needs server.tls_certificate_path");
  }
  if (health.port == 0 || health.port != flight.port) return;
  if (health.host == flight.host || health.any || flight.any) {
    problems.Add("server.flight_listen", fmt::format("{} and server.health_listen, {}, are the same address",
                                                     server.flight_listen, server.health_listen));
  }
}

void CheckEvents(const EventsConfig& events, Problems& problems) {
  if (events.enabled && !events.url) problems.Add("events.url", "is required when events.enabled = true");
  if (events.tls_certificate_path.has_value() != events.tls_key_path.has_value()) {
    problems.Add("events.tls_certificate_path", "and events.tls_key_path need each other");
  }
  for (const auto& topic : events.topics) {
    const size_t star = topic.find('*');
    if (topic.empty()) {
      problems.Add("events.topics", "must not contain an empty name");
    } else if (star != std::string::npos && star + 1 != topic.size()) {
      problems.Add("events.topics", fmt::format("'{}': only the end of a name may be '*'", topic));
    }
  }
}

// STO-020 to STO-024. A field that is set is not empty; CheckEach has seen to that.
void CheckCloud(const S3CloudConfig& s3, Problems& problems) {
  if (s3.access_key_id.has_value() != s3.secret_access_key.has_value()) {
    problems.Add("storage.cloud.access_key_id", "and storage.cloud.secret_access_key need each other");
  } else if (s3.session_token && !s3.access_key_id) {
    problems.Add("storage.cloud.session_token", "needs storage.cloud.access_key_id");
  }
}
void CheckCloud(const GcsCloudConfig& gcs, Problems& problems) {
  if (gcs.service_account_json && gcs.service_account_path) {
    problems.Add("storage.cloud.service_account_json",
                 "and storage.cloud.service_account_path exclude each other");
  }
}
void CheckCloud(const AzureCloudConfig& azure, Problems& problems) {
  const int oauth = (azure.tenant_id ? 1 : 0) + (azure.client_id ? 1 : 0) + (azure.client_secret ? 1 : 0);
  if (!azure.account_name && (azure.account_key || azure.sas_token || oauth > 0)) {
    problems.Add("storage.cloud.account_name", "is required with any other field of this section");
  }
  if (azure.account_key && azure.sas_token) {
    problems.Add("storage.cloud.account_key", "and storage.cloud.sas_token exclude each other");
  }
  if (oauth == 1 || oauth == 2) {
    problems.Add("storage.cloud.client_id",
                 "storage.cloud.tenant_id and storage.cloud.client_secret need each other");
  }
}
void CheckCloud(const R2CloudConfig& r2, Problems& problems) {
  if (!r2.account_id && !r2.endpoint) {
    problems.Add("storage.cloud.account_id",
                 "or storage.cloud.endpoint is required when storage.cloud.kind = \"r2\"");
  }
  if (r2.access_key_id.has_value() != r2.secret_access_key.has_value()) {
    problems.Add("storage.cloud.access_key_id", "and storage.cloud.secret_access_key need each other");
  }
}

}  // namespace

ConfigProblem MakeProblem(std::string key, Complaint complaint, ConfigOrigin origin) {
  auto message = key.empty() ? std::move(complaint.text) : fmt::format("{}: {}", key, complaint.text);
  if (!complaint.suggestion.empty()) message += fmt::format("; did you mean '{}'?", complaint.suggestion);
  return {std::move(key), std::move(message), std::move(complaint.suggestion), std::move(origin)};
}

Error ToError(std::vector<ConfigProblem> problems) {
  std::ranges::stable_sort(problems, {}, [](const ConfigProblem& problem) {
    const auto source = problem.origin.source;
    const int rank = source == ConfigOrigin::Source::kFile          ? 0
                     : source == ConfigOrigin::Source::kEnvironment ? 1
                                                                    : 2;
    return std::tuple(rank, problem.origin.line, problem.origin.column);
  });
  std::string message;
  for (const auto& problem : problems) {
    if (!message.empty()) message += '\n';
    if (problem.origin.source != ConfigOrigin::Source::kDefault) message += ToString(problem.origin) + ": ";
    message += problem.message;
  }
  const auto& first = problems.front();
  const bool in_file = first.origin.source == ConfigOrigin::Source::kFile;
  return Error(ErrorCode::kInvalidArgument, std::move(message),
               ConfigDetail{.key = first.key,
                            .file = in_file ? first.origin.name : "",
                            .line = first.origin.line,
                            .column = first.origin.column,
                            .suggestion = first.suggestion});
}

std::vector<ConfigProblem> FindProblems(const Config& config) {
  Problems problems;
  CheckEach(config, problems);
  if (!problems.Has("training")) CheckTraining(config.training, problems);
  if (!problems.Has("server")) CheckServer(config.server, problems);
  if (!problems.Has("events")) CheckEvents(config.events, problems);
  if (config.storage.cloud && !problems.Has("storage.cloud")) {
    std::visit([&](const auto& cloud) { CheckCloud(cloud, problems); }, *config.storage.cloud);
  }
  return problems.Take();
}

Result<void> Config::Validate() const {
  auto problems = FindProblems(*this);
  if (!problems.empty()) return ToError(std::move(problems));
  return {};
}

Result<void> CheckSupported(const Config& config) {
  std::string message;
  std::string first_key;
  for (const auto& section : AllTaggedSections()) {
    const auto current = section.current(config);
    if (!current || section.kinds[*current].refusal.empty()) continue;
    const auto& kind = section.kinds[*current];
    if (first_key.empty()) first_key = fmt::format("{}.kind", section.key);
    if (!message.empty()) message += '\n';
    message += fmt::format("{}.kind = \"{}\": {}", section.key, kind.name, kind.refusal);
  }
#ifndef JAMMI_HAS_NATS
  if (config.events.enabled) {
    if (first_key.empty()) first_key = "events.enabled";
    if (!message.empty()) message += '\n';
    message += "events.enabled = true: this build has no NATS; configure the build with -DJAMMI_NATS=ON";
  }
#endif
  if (message.empty()) return {};
  return Error(ErrorCode::kUnimplemented, std::move(message), ConfigDetail{.key = std::move(first_key)});
}

}  // namespace jammi
