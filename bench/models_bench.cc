// The model registry at 1,000 and 100,000 models, and beside it the same statements on SQLite itself. Reads
// happen on the caller's thread and are measured by its processor time, registrations by the wall clock.
#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <initializer_list>
#include <limits>
#include <random>
#include <vector>

#include "bench/measure.h"
#include "bench/model_rows.h"
#include "bench/sqlite_rival.h"
#include "catalog/catalog.h"

namespace jammi::bench {
namespace {

constexpr int kRegistrations = 100;
constexpr int kGets = 20'000;
constexpr int kRounds = 9;

// The two in turns.
void Race(int models, std::string_view what, int64_t count, double (*clock)(),
          const std::function<void()>& ours, const std::function<void()>& raw) {
  std::vector<double> our_rates;
  std::vector<double> raw_rates;
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    const double start = clock();
    ours();
    const double middle = clock();
    raw();
    const double end = clock();
    our_rates.push_back(static_cast<double>(count) / (middle - start));
    raw_rates.push_back(static_cast<double>(count) / (end - middle));
    ratios.push_back((end - middle) / (middle - start));
  }
  fmt::print("{:>8} {:<28} {:>12.0f} /s {:>12.0f} /s   {}\n", models, what, SpreadOf(our_rates).median,
             SpreadOf(raw_rates).median, RatioText(ratios));
}

std::shared_ptr<Catalog> OpenFilled(const std::filesystem::path& file, int models) {
  SqliteOptions options;
  options.path = file;
  std::shared_ptr<Catalog> catalog = Must(OpenSqliteCatalog(options));
  Must(catalog->backend().RunTransaction({.lane = Lane::kBulk}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute(FillModels(models)));
    return {};
  }));
  return catalog;
}

void RaceGets(int models, Models& global, Models& tenants, SqliteRival& raw) {
  std::mt19937 random(1);
  std::vector<int> own;   // names of the tenant
  std::vector<int> rest;  // global ones
  for (int i = 0; i < kGets; ++i) {
    const int name = static_cast<int>(random() % static_cast<uint32_t>(models / kVersions)) * kVersions;
    (name / kVersions % 4 == 0 ? own : rest).push_back(name);
  }
  const auto get = [&](std::string_view what, Models& reader, const std::vector<int>& names,
                       std::initializer_list<std::string_view> scopes) {
    const auto ours = [&] {
      for (const int i : names) {
        if (Must(reader.Get(NameOf(i))).version != kVersions) throw std::runtime_error("wrong version");
      }
    };
    const auto theirs = [&] {
      for (const int i : names) {
        const std::string name = NameOf(i);
        std::optional<ModelRecord> found;
        for (auto scope = scopes.begin(); !found && scope != scopes.end(); ++scope) {
          found = raw.Get(*scope, name);
        }
        if (!found || found->version != kVersions) throw std::runtime_error("wrong version");
      }
    };
    Race(models, what, static_cast<int64_t>(names.size()), ThreadSeconds, ours, theirs);
  };
  get("get, own", tenants, own, {kTenantText});
  get("get, global by tenant", tenants, rest, {kTenantText, ""});
  get("get, global", global, rest, {""});
}

void RaceLists(int models, Models& global, SqliteRival& raw) {
  int64_t listed = 0;
  int64_t raw_listed = 0;
  const auto list = [&] {
    std::string token;
    do {
      const auto page = Must(global.List(kPageSize, token));
      listed += static_cast<int64_t>(page.items.size());
      token = page.next_page_token;
    } while (!token.empty());
  };
  const auto raw_list = [&] {
    ModelRecord last;
    last.created_at = std::numeric_limits<int64_t>::min();
    while (true) {
      auto rows = raw.Page("", last);
      if (rows.empty()) break;
      raw_listed += static_cast<int64_t>(rows.size());
      last = std::move(rows.back());
    }
  };
  Race(models, fmt::format("list, rows, pages of {}", kPageSize), models * 3 / 4, ThreadSeconds, list,
       raw_list);
  if (listed != raw_listed) throw std::runtime_error(fmt::format("listed {} and {}", listed, raw_listed));
}

void RaceRegistrations(int models, Models& global, SqliteRival& raw) {
  RegisterModelParams params = {.model_id = "new/model",
                                .model_type = "embedding",
                                .backend = "candle",
                                .config_json = std::string(kConfig)};
  int version = 0;
  ModelKey key{params.model_id, 0};
  const auto add = [&] {
    for (int i = 0; i < kRegistrations; ++i) {
      params.version = ++version;
      Must(global.Register(params));
    }
  };
  const auto raw_add = [&] {
    for (int i = 0; i < kRegistrations; ++i) {
      ++key.version;
      raw.Register({&key, 1});
    }
  };
  Race(models, "register, one thread", kRegistrations, WallSeconds, add, raw_add);
}

void Measure(int models, const std::filesystem::path& folder) {
  OpenFilled(folder / "raw.db", models)->Close();
  const auto catalog = OpenFilled(folder / "ours.db", models);
  const std::shared_ptr<CatalogBackend> backend(catalog, &catalog->backend());
  Models global({backend, Scope::Global()});
  Models tenants({backend, Scope::ForTenant(Must(TenantId::Parse(kTenantText)))});
  SqliteRival raw(folder / "raw.db", ChangeBytes(backend));

  RaceGets(models, global, tenants, raw);
  RaceLists(models, global, raw);
  RaceRegistrations(models, global, raw);
  catalog->Close();
}

int Main() {
  const TempFolder folder("jammi_models_bench");
  fmt::print("{:>8} {:<28} {:>15} {:>15}   {}\n", "models", "", "registry", "raw SQLite", "ratio (spread)");
  for (const int models : {1000, 100'000}) {
    const auto sub = folder.path() / std::to_string(models);
    std::filesystem::create_directory(sub);
    Measure(models, sub);
  }
  return 0;
}

}  // namespace
}  // namespace jammi::bench

int main() {
  try {
    return jammi::bench::Main();
  } catch (const std::exception& error) {
    fmt::print(stderr, "models_bench: {}\n", error.what());
    return 1;
  }
}
