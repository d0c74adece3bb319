#include "trigger/jetstream/offset_search.h"

#include <algorithm>
#include <optional>
#include <string>

#include "trigger/jetstream/event_message.h"

namespace jammi {
namespace {

// How far a probe goes on behind messages without an offset.
constexpr int kMaxPoison = 16;

struct Probe {
  uint64_t sequence;
  uint64_t offset;
};

class Search {
 public:
  Search(const nats::JetStream& jetstream, const nats::StreamInfo& stream, const TopicId& topic)
      : jetstream_(jetstream), stream_(stream.settings.name), subject_(SubjectOf(topic)) {}

  // The first message at or behind `sequence` that has an offset; nullopt: there is none near.
  Result<std::optional<Probe>> At(uint64_t sequence) const {
    for (int i = 0; i < kMaxPoison; ++i) {
      JAMMI_ASSIGN(const auto message, jetstream_.Peek(stream_, subject_, sequence));
      if (message == nullptr) break;
      const auto place = nats::PlaceOf(*message);
      if (!place) break;
      if (const auto offset = OffsetOf(*message)) return Probe{place->stream_sequence, *offset};
      sequence = place->stream_sequence + 1;
    }
    return std::optional<Probe>();
  }

 private:
  const nats::JetStream& jetstream_;
  const std::string stream_;
  const std::string subject_;
};

}  // namespace

Result<uint64_t> FindOffset(const nats::JetStream& jetstream, const nats::StreamInfo& stream,
                            const TopicId& topic, uint64_t from) {
  // The answer lies in [low, high].
  uint64_t low = std::max<uint64_t>(stream.first_sequence, 1);
  uint64_t high = stream.last_sequence + 1;
  if (stream.messages == 0 || low >= high) return high;
  const Search search(jetstream, stream, topic);

  // Whoever has everything is behind the last message. Else it is that many before it, if nothing is missing.
  uint64_t probe_at = high - 1;
  uint64_t next_guess = 0;
  for (int step = 0; low < high; ++step) {
    JAMMI_ASSIGN(const auto probe, search.At(probe_at));
    if (!probe) {
      // Nothing to be learnt there; what lies before it is looked at one by one by the reader.
      if (probe_at == low) return low;
      high = probe_at;
    } else if (probe->offset >= from) {
      high = probe_at;
      if (step == 0) {
        const uint64_t distance = probe->offset - from;
        next_guess = probe->sequence > low + distance ? probe->sequence - distance : low;
      }
    } else {
      low = probe->sequence + 1;
    }
    if (low >= high) break;
    if (step == 0 && next_guess != 0) {
      probe_at = std::clamp(next_guess, low, high - 1);
    } else if (step == 1 && next_guess > low && next_guess == high) {
      probe_at = next_guess - 1;
    } else {
      probe_at = low + (high - low) / 2;
    }
  }
  return high;
}

}  // namespace jammi
