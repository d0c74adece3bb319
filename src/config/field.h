// Binds a Setting to its field of Config: type, choices, getter and setter follow from the field's C++ type.
#pragma once

#include <array>
#include <limits>
#include <type_traits>
#include <utility>

#include "config/settings.h"

namespace jammi {

// The texts of an enum, in the order of its enumerators.
template <class Enum>
inline constexpr std::array<std::string_view, 0> kNames = {};
template <>
inline constexpr auto kNames<SqliteSynchronous> = std::to_array<std::string_view>({"full", "normal"});
template <>
inline constexpr auto kNames<ComputePrecision> = std::to_array<std::string_view>({"f32", "f16", "bf16"});
template <>
inline constexpr auto kNames<InferenceBackend> =
    std::to_array<std::string_view>({"auto", "candle", "ort", "http"});
template <>
inline constexpr auto kNames<DistanceMetric> = std::to_array<std::string_view>({"cosine", "l2"});
template <>
inline constexpr auto kNames<IndexType> = std::to_array<std::string_view>({"ivf_hnsw_sq"});
template <>
inline constexpr auto kNames<StoragePrecision> =
    std::to_array<std::string_view>({"f32", "f16", "int8", "binary"});
template <>
inline constexpr auto kNames<LoggingFormat> = std::to_array<std::string_view>({"text", "json"});
inline constexpr auto kServiceTiers = std::to_array<std::string_view>({"core", "eval", "event", "train"});

// The limits that a tenant may have of his own.
struct TenantLimit {
  std::string_view name;
  std::optional<uint64_t> TenantQuotaConfig::*field;
};
inline constexpr auto kTenantLimits =
    std::to_array<TenantLimit>({{"max_topics", &TenantQuotaConfig::max_topics},
                                {"max_bytes", &TenantQuotaConfig::max_bytes},
                                {"events_per_second", &TenantQuotaConfig::events_per_second},
                                {"bytes_per_second", &TenantQuotaConfig::bytes_per_second}});

// --- Between a field and a SettingValue. A number too large for int64_t reads as the largest, which
// --- every range refuses.

inline SettingValue ToValue(bool field) { return field; }
inline SettingValue ToValue(double field) { return field; }
inline SettingValue ToValue(const std::string& field) { return field; }
inline SettingValue ToValue(const std::filesystem::path& field) { return field.string(); }
inline SettingValue ToValue(const Secret& field) { return field.Reveal(); }
inline SettingValue ToValue(const TextList& field) { return field; }
inline SettingValue ToValue(const TextMap& field) { return field; }
inline SettingValue ToValue(const std::map<std::string, TenantQuotaConfig>& field) {
  constexpr auto kLargest = std::numeric_limits<int64_t>::max();
  LimitTables tables;
  for (const auto& [tenant, quota] : field) {
    auto& limits = tables[tenant];
    for (const auto& limit : kTenantLimits) {
      const auto& value = quota.*limit.field;
      if (!value) continue;
      limits[std::string(limit.name)] =
          std::cmp_greater(*value, kLargest) ? kLargest : static_cast<int64_t>(*value);
    }
  }
  return tables;
}
inline SettingValue ToValue(const ServerServices& field) {
  if (field.all) return std::string("all");
  return field.tiers;
}
template <std::integral Number>
SettingValue ToValue(Number field) {
  constexpr auto kLargest = std::numeric_limits<int64_t>::max();
  return std::cmp_greater(field, kLargest) ? kLargest : static_cast<int64_t>(field);
}
template <class Enum>
  requires std::is_enum_v<Enum>
SettingValue ToValue(Enum field) {
  return std::string(kNames<Enum>.at(static_cast<size_t>(field)));
}

inline void FromValue(bool& field, const SettingValue& value) { field = std::get<bool>(value); }
inline void FromValue(double& field, const SettingValue& value) { field = std::get<double>(value); }
inline void FromValue(std::string& field, const SettingValue& value) { field = std::get<std::string>(value); }
inline void FromValue(std::filesystem::path& field, const SettingValue& value) {
  field = std::get<std::string>(value);
}
inline void FromValue(Secret& field, const SettingValue& value) {
  field = Secret(std::get<std::string>(value));
}
inline void FromValue(TextList& field, const SettingValue& value) { field = std::get<TextList>(value); }
inline void FromValue(std::map<std::string, TenantQuotaConfig>& field, const SettingValue& value) {
  field.clear();
  for (const auto& [tenant, limits] : std::get<LimitTables>(value)) {
    for (const auto& limit : kTenantLimits) {
      const auto given = limits.find(std::string(limit.name));
      auto& quota = field[tenant];
      if (given != limits.end()) quota.*limit.field = static_cast<uint64_t>(given->second);
    }
  }
}
inline void FromValue(TextMap& field, const SettingValue& value) { field = std::get<TextMap>(value); }
inline void FromValue(ServerServices& field, const SettingValue& value) {
  field.all = std::holds_alternative<std::string>(value);
  field.tiers = field.all ? TextList{} : std::get<TextList>(value);
}
template <std::integral Number>
void FromValue(Number& field, const SettingValue& value) {
  field = static_cast<Number>(std::get<int64_t>(value));
}
template <class Enum>
  requires std::is_enum_v<Enum>
void FromValue(Enum& field, const SettingValue& value) {
  const auto& names = kNames<Enum>;
  const auto at = std::find(names.begin(), names.end(), std::get<std::string>(value));
  field = static_cast<Enum>(at - names.begin());
}

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

template <class Field>
struct Bare {
  using Type = Field;
};
template <class Field>
struct Bare<std::optional<Field>> {
  using Type = Field;
};

// What the field's type says about the setting.
template <class Field>
void DescribeField(Setting& setting) {
  using Type = typename Bare<Field>::Type;
  setting.optional = kIsOptional<Field>;
  if constexpr (std::is_same_v<Type, bool>) {
    setting.type = SettingType::kBool;
  } else if constexpr (std::is_integral_v<Type>) {
    if (setting.type != SettingType::kSize) setting.type = SettingType::kInteger;
  } else if constexpr (std::is_floating_point_v<Type>) {
    setting.type = SettingType::kFloat;
  } else if constexpr (std::is_enum_v<Type>) {
    setting.type = SettingType::kChoice;
    setting.choices.assign(kNames<Type>.begin(), kNames<Type>.end());
  } else if constexpr (std::is_same_v<Type, std::filesystem::path>) {
    setting.type = SettingType::kPath;
  } else if constexpr (std::is_same_v<Type, TextList>) {
    setting.type = SettingType::kTextList;
  } else if constexpr (std::is_same_v<Type, TextMap>) {
    setting.type = SettingType::kTextMap;
  } else if constexpr (std::is_same_v<Type, std::map<std::string, TenantQuotaConfig>>) {
    setting.type = SettingType::kLimits;
    for (const auto& limit : kTenantLimits) setting.choices.push_back(limit.name);
  } else if constexpr (std::is_same_v<Type, ServerServices>) {
    setting.type = SettingType::kServices;
    setting.choices.assign(kServiceTiers.begin(), kServiceTiers.end());
  } else if constexpr (std::is_same_v<Type, Secret>) {
    setting.type = SettingType::kText;
    setting.secret = true;
  } else {
    static_assert(std::is_same_v<Type, std::string>);
    setting.type = SettingType::kText;
  }
}

// Follows pointers to members from a Config to a field, through the alternatives of tagged sections;
// null where the section is absent or of another kind.
template <class From, class Class, class Member, class... Rest>
auto* Follow(From* from, Member Class::*member, Rest... rest) {
  using Plain = std::remove_const_t<From>;
  if constexpr (std::is_same_v<Plain, Class>) {
    auto* next = from != nullptr ? &(from->*member) : nullptr;
    if constexpr (sizeof...(rest) == 0) {
      return next;
    } else {
      return Follow(next, rest...);
    }
  } else if constexpr (kIsOptional<Plain>) {
    auto* held = from != nullptr && from->has_value() ? &**from : nullptr;
    return Follow(held, member, rest...);
  } else {  // a variant
    auto* held = from != nullptr ? std::get_if<Class>(from) : nullptr;
    return Follow(held, member, rest...);
  }
}

// Completes `setting` for the field that the members lead to.
template <class... Members>
Setting Bind(Setting setting, Members... members) {
  using Field = std::remove_pointer_t<decltype(Follow(static_cast<Config*>(nullptr), members...))>;
  DescribeField<Field>(setting);
  setting.applies = [=](const Config& config) { return Follow(&config, members...) != nullptr; };
  setting.get = [=](const Config& config) -> std::optional<SettingValue> {
    const auto* field = Follow(&config, members...);
    if (field == nullptr) return std::nullopt;
    if constexpr (kIsOptional<Field>) {
      return field->has_value() ? std::optional(ToValue(**field)) : std::nullopt;
    } else {
      return ToValue(*field);
    }
  };
  setting.set = [=](Config& config, const SettingValue& value) {
    auto* field = Follow(&config, members...);
    if constexpr (kIsOptional<Field>) {
      FromValue(field->emplace(), value);
    } else {
      FromValue(*field, value);
    }
  };
  return setting;
}

template <class Variant, size_t... I>
void EmplaceAlternative(Variant& variant, size_t index, std::index_sequence<I...>) {
  ((index == I ? static_cast<void>(variant.template emplace<I>()) : static_cast<void>(0)), ...);
}

// Completes `section` for the variant that the members lead to; its kinds stand in the variant's order.
template <class... Members>
TaggedSection BindSection(TaggedSection section, Members... members) {
  using Field = std::remove_pointer_t<decltype(Follow(static_cast<Config*>(nullptr), members...))>;
  using Variant = typename Bare<Field>::Type;
  section.optional = kIsOptional<Field>;
  section.current = [=](const Config& config) -> std::optional<size_t> {
    const auto* field = Follow(&config, members...);
    if constexpr (kIsOptional<Field>) {
      return field->has_value() ? std::optional((*field)->index()) : std::nullopt;
    } else {
      return field->index();
    }
  };
  section.select = [=, current = section.current](Config& config, size_t kind) {
    if (current(config) == kind) return;
    auto* field = Follow(&config, members...);
    constexpr auto kAll = std::make_index_sequence<std::variant_size_v<Variant>>();
    if constexpr (kIsOptional<Field>) {
      EmplaceAlternative(field->emplace(), kind, kAll);
    } else {
      EmplaceAlternative(*field, kind, kAll);
    }
  };
  return section;
}

}  // namespace jammi
