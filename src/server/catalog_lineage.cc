// What result tables were made from, and their indexes (SRV-220, SRV-221)
#include <fmt/format.h>

#include "jammi/v1/catalog.pb.h"
#include "server/all_pages.h"
#include "server/catalog_service.h"

namespace jammi {
namespace {

namespace wire = ::jammi::v1::catalog;

Error Required(std::string_view field) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("{} is required", field));
}

wire::AnchorKind ToWire(AnchorKind kind) {
  switch (kind) {
    case AnchorKind::kResultDigest:
      return wire::ANCHOR_KIND_RESULT_DIGEST;
    case AnchorKind::kMutableVersion:
      return wire::ANCHOR_KIND_MUTABLE_VERSION;
    case AnchorKind::kSourceVersion:
      return wire::ANCHOR_KIND_SOURCE_VERSION;
    case AnchorKind::kUnpinnedAtInstant:
      return wire::ANCHOR_KIND_UNPINNED_AT_INSTANT;
  }
  return wire::ANCHOR_KIND_UNSPECIFIED;
}

// The data of a match would have to be read and compared with its digest, which nothing here can do yet: no
// match is attested that was not looked at.
Result<wire::VerifyMaterializationResponse> VerifyMaterialization(
    const CatalogCall& call, const wire::VerifyMaterializationRequest& request) {
  if (request.table().empty()) return Required("table");
  JAMMI_ASSIGN(const auto table,
               call.session.result_tables().WithDeadline(call.deadline).Get(request.table()));
  wire::VerifyMaterializationResponse reply;
  if (!table.definition_hash) {
    reply.mutable_missing_manifest();
    return reply;
  }
  if (request.has_expected_definition() && request.expected_definition() != *table.definition_hash) {
    reply.mutable_mismatch()->set_expected(request.expected_definition());
    reply.mutable_mismatch()->set_found(*table.definition_hash);
    return reply;
  }
  return Error(ErrorCode::kUnimplemented,
               fmt::format("VerifyMaterialization: this version cannot compare the data of table '{}' with "
                           "its digest yet",
                           request.table()));
}

// Whether an input is what it was; nullopt: it cannot be told.
enum class InputState : uint8_t { kSame, kVanished };
Result<std::optional<InputState>> StateOf(const CatalogCall& call, const InputAnchor& input,
                                          const ResultTableRecord& made) {
  const auto absent = [](const auto& result) {
    return !result && result.error().code() == ErrorCode::kNotFound;
  };
  switch (input.kind) {
    case AnchorKind::kResultDigest: {
      const auto table = call.session.result_tables().WithDeadline(call.deadline).Get(input.source);
      if (absent(table)) return InputState::kVanished;
      if (!table) return table.error();
      // A table is written once: what was ready before is what was read.
      const bool same = table->status == ResultTableStatus::kReady && table->completed_at &&
                        *table->completed_at <= made.created_at;
      return same ? std::optional(InputState::kSame) : std::nullopt;
    }
    case AnchorKind::kMutableVersion: {
      const auto table = call.session.tables().WithDeadline(call.deadline).Get(input.source);
      if (absent(table)) return InputState::kVanished;
      if (!table) return table.error();
      return std::nullopt;
    }
    case AnchorKind::kSourceVersion: {
      const auto source = call.session.sources().WithDeadline(call.deadline).Get(input.source);
      if (absent(source)) return InputState::kVanished;
      if (!source) return source.error();
      return std::nullopt;
    }
    case AnchorKind::kUnpinnedAtInstant:
      return std::nullopt;
  }
  return std::nullopt;
}

Result<wire::StalenessResponse> Staleness(const CatalogCall& call, const wire::StalenessRequest& request) {
  if (request.table().empty()) return Required("table");
  JAMMI_ASSIGN(const auto table,
               call.session.result_tables().WithDeadline(call.deadline).Get(request.table()));
  wire::StalenessResponse reply;
  if (!table.definition_hash) {
    reply.mutable_missing_manifest();
    return reply;
  }
  google::protobuf::RepeatedPtrField<wire::StaleReason> reasons;
  google::protobuf::RepeatedPtrField<std::string> unpinned;
  if (request.current_definition() != *table.definition_hash) {
    auto& changed = *reasons.Add()->mutable_definition_changed();
    changed.set_recorded(*table.definition_hash);
    changed.set_current(request.current_definition());
  }
  for (const auto& input : table.inputs) {
    JAMMI_ASSIGN(const auto state, StateOf(call, input, table));
    if (!state) *unpinned.Add() = input.source;
    if (state == InputState::kVanished) reasons.Add()->mutable_input_vanished()->set_source(input.source);
  }
  if (!unpinned.empty()) {
    reply.mutable_undecidable()->mutable_unpinned()->Swap(&unpinned);
    reply.mutable_undecidable()->mutable_decided_reasons()->Swap(&reasons);
  } else if (!reasons.empty()) {
    reply.mutable_stale()->mutable_reasons()->Swap(&reasons);
  } else {
    reply.mutable_fresh();
  }
  return reply;
}

// One step: the tables that were made from this one.
Result<wire::DerivesFromResponse> DerivesFrom(const CatalogCall& call,
                                              const wire::DerivesFromRequest& request) {
  if (request.table().empty()) return Required("table");
  const auto tables = call.session.result_tables().WithDeadline(call.deadline);
  JAMMI_TRY(tables.Get(request.table()));
  wire::DerivesFromResponse reply;
  JAMMI_TRY(AddAllPages(
      *reply.mutable_edges(), call,
      [&](int size, std::string_view token) {
        return tables.FindReadyAnchoredOn(request.table(), size, token);
      },
      [&](const ResultTableRecord& derived) {
        const auto input = std::ranges::find(derived.inputs, request.table(), &InputAnchor::source);
        wire::DerivesFromEdge edge;
        edge.set_input(request.table());
        edge.set_derived(derived.table_name);
        edge.set_kind(ToWire(input->kind));
        return edge;
      }));
  return reply;
}

// A table that is not there, or not the caller's, has none: so the answer tells nobody which names exist.
Result<wire::ListIndexSegmentsResponse> ListIndexSegments(const CatalogCall& call,
                                                          const wire::ListIndexSegmentsRequest& request) {
  if (request.table_name().empty()) return Required("table_name");
  const auto segments = call.session.index_segments().WithDeadline(call.deadline);
  wire::ListIndexSegmentsResponse reply;
  const auto added = AddAllPages(
      *reply.mutable_segments(), call,
      [&](int size, std::string_view token) { return segments.List(request.table_name(), size, token); },
      [](const IndexSegment& segment) {
        wire::IndexSegment message;
        message.set_segment_id(segment.segment_id);
        message.set_index_path(segment.bundle_path);
        message.set_row_count(static_cast<uint64_t>(segment.row_count));
        return message;
      });
  if (!added && added.error().code() == ErrorCode::kNotFound) return wire::ListIndexSegmentsResponse();
  if (!added) return added.error();
  return reply;
}

}  // namespace

void AddLineageMethods(RpcService& service, const ServerContext& context) {
  AddCatalogMethod(service, context, "VerifyMaterialization", {.access = RpcAccess::kRead},
                   VerifyMaterialization);
  AddCatalogMethod(service, context, "Staleness", {.access = RpcAccess::kRead}, Staleness);
  AddCatalogMethod(service, context, "DerivesFrom", {.access = RpcAccess::kRead}, DerivesFrom);
  AddCatalogMethod(service, context, "ListIndexSegments", {.access = RpcAccess::kRead}, ListIndexSegments);
}

}  // namespace jammi
