// The written form of JSON: numbers, order, and that what is written reads as the same.
#include <gmock/gmock.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "events/json_write.h"
#include "jammi/events/event.h"
#include "support/random.h"

namespace jammi::events {
namespace {

using jammi::test::Random;

constexpr const char* kSeedVariable = "JAMMI_EVENTS_SEED";

std::string Written(std::string_view json) {
  const auto data = JsonData::Parse(json);
  EXPECT_TRUE(data) << json << ": " << data.error().ToString();
  return data ? data->text() : "";
}
std::string TextOf(double value) {
  std::string text;
  AppendDouble(text, value);
  return text;
}

// --- Numbers

TEST(JsonForm, ShapesOfDoubles) {
  for (const auto& [given, written] : std::initializer_list<std::pair<const char*, const char*>>{
           {"1.0", "1.0"},
           {"1e5", "100000.0"},
           {"0.00001", "0.00001"},
           {"0.00000999", "9.99e-6"},
           {"1E-7", "1e-7"},
           {"1.25e-7", "1.25e-7"},
           {"9999999999999998.0", "9999999999999998.0"},
           {"1e15", "1000000000000000.0"},
           {"1e16", "1e+16"},
           {"12345678901234567890.0", "1.2345678901234567e+19"},
           {"123456.789", "123456.789"},
           {"0.00001234", "0.00001234"},
           {"0.000001234", "1.234e-6"},
           {"1.50", "1.5"},
           {"1.00", "1.0"},
           {"99999999999999.5", "99999999999999.5"},
           {"0.10e1", "1.0"},
           {"-0.5", "-0.5"},
           {"0.0", "0.0"},
           {"-0.0", "-0.0"},
           {"-0", "-0.0"},
           {"0e999999999999999999999", "0.0"},
           {"1e-400", "0.0"},
           {"-1e-99999999999999999999", "-0.0"},
           {"5e-324", "5e-324"},
           {"1.7976931348623157e308", "1.7976931348623157e+308"},
           {"0.1000000000000000055511151231257827", "0.1"}}) {
    EXPECT_EQ(Written(given), written);
  }
  const std::string tiny = "0." + std::string(400, '0') + "1";
  EXPECT_EQ(Written(tiny), "0.0");
  EXPECT_EQ(Written(tiny + "e401"), "1.0");
  EXPECT_EQ(Written("1" + std::string(400, '0') + "e-400"), "1.0");
}
TEST(JsonForm, IntegersKeepTheirDigits) {
  for (const auto* text : {"0", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808",
                           "9223372036854775808", "18446744073709551615", "18446744073709551616",
                           "-9223372036854775809", "123456789012345678901234567890"}) {
    EXPECT_EQ(Written(text), text);
  }
}
TEST(JsonForm, W15EveryDoubleIsReadExactly) {
  const uint64_t seed = jammi::test::FromEnvironment(kSeedVariable, 1);
  SCOPED_TRACE(jammi::test::Replay(kSeedVariable, seed));
  Random random(seed);
  for (int i = 0; i < 100'000; ++i) {
    double value = std::bit_cast<double>(random.Next());
    if (i % 2 == 0) value = static_cast<double>(random.Next() >> 11) / 9007199254740992.0 * 1000;
    if (!std::isfinite(value)) continue;
    const std::string text = TextOf(value);
    ASSERT_EQ(std::bit_cast<uint64_t>(std::strtod(text.c_str(), nullptr)), std::bit_cast<uint64_t>(value))
        << text;
    ASSERT_EQ(Written(text), text);
    // As few digits as any: those that the standard library finds.
    std::array<char, 32> shortest{};
    const auto* const end =
        std::to_chars(shortest.begin(), shortest.end(), value, std::chars_format::scientific).ptr;
    const auto significant = [](std::string_view number) {
      std::string digits;
      for (const char c : number.substr(0, number.find('e'))) {
        if (c >= '0' && c <= '9') digits += c;
      }
      digits.erase(0, digits.find_first_not_of('0'));
      digits.erase(digits.find_last_not_of('0') + 1);
      return digits;
    };
    ASSERT_EQ(significant(text), significant({shortest.data(), end}));
  }
}
TEST(JsonForm, AnyDecimalTextReadsAsTheNearestDouble) {
  const uint64_t seed = jammi::test::FromEnvironment(kSeedVariable, 2);
  SCOPED_TRACE(jammi::test::Replay(kSeedVariable, seed));
  Random random(seed);
  const auto digits = [&random](uint64_t most) {
    std::string text;
    for (uint64_t i = 0; i <= random.Below(most); ++i) text += static_cast<char>('0' + random.Below(10));
    return text;
  };
  for (int i = 0; i < 50'000; ++i) {
    std::string text = random.Percent(50) ? "-" : "";
    text += std::to_string(random.Below(1000)) + "." + digits(30);
    if (random.Percent(50)) text += (random.Percent(50) ? "e-" : "E+") + std::to_string(random.Below(300));
    const double expected = std::strtod(text.c_str(), nullptr);
    ASSERT_EQ(Written(text), TextOf(expected)) << text;
  }
}

// --- Order and text

TEST(JsonForm, MembersAreSortedByTheBytesOfTheirNames) {
  EXPECT_EQ(Written(R"({"b":1,"a":2,"":3,"ab":4,"A":5})"), R"({"":3,"A":5,"a":2,"ab":4,"b":1})");
  // Escapes are only how a name is spelled: the quote comes before '#', the backslash after '['.
  EXPECT_EQ(Written(R"({"#":1,"\"":2,"]":3,"\\":4,"[":5,"\u0001":6,"\n":7})"),
            R"({"\u0001":6,"\n":7,"\"":2,"#":1,"[":5,"\\":4,"]":3})");
  EXPECT_EQ(Written(R"({"😀":1,"é":2,"z":3,"\u007f":4})"), "{\"z\":3,\"\x7f\":4,\"é\":2,\"😀\":1}");
}
TEST(JsonForm, EscapesOfText) {
  EXPECT_EQ(Written(R"("\/\b\f\n\r\t\u0000\u001F\u007f\u00e9\u20AC\ud83d\ude00\"\\")"),
            "\"/\\b\\f\\n\\r\\t\\u0000\\u001f\x7fé€😀\\\"\\\\\"");
}
// A member was sorted by where it stood, not by its name, when an object inside of it had been sorted before.
TEST(JsonForm, NestedObjectsAreSortedEach) {
  EXPECT_EQ(Written(R"({"b":{"d":{"f":1,"e":2},"c":3},"a":[{"h":4,"g":5},{}]})"),
            R"({"a":[{"g":5,"h":4},{}],"b":{"c":3,"d":{"e":2,"f":1}}})");
}

// --- Any JSON, any event

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  // Text of JSON with white space, escapes and members in any order.
  std::string Json(int depth) {
    switch (random_.Below(depth > 0 ? 8 : 5)) {
      case 0:
        return Quoted(Text());
      case 1:
        return std::to_string(static_cast<int64_t>(random_.Next()));
      case 2:
        return TextOf(
            std::ldexp(static_cast<double>(random_.Next()), static_cast<int>(random_.Below(400)) - 200));
      case 3:
        return random_.Percent(50) ? "true" : "null";
      case 4:
        return std::to_string(random_.Next());
      case 5:
        return Array(depth);
      default:
        return Object(depth);
    }
  }
  std::string Text() {
    static constexpr std::array<std::string_view, 14> kPieces = {"a", "b", "\"", "\\", "\n", "\x01", "/",
                                                                 ":", "{", "}",  "é",  "€",  "😀",   "\x7f"};
    std::string text;
    for (uint64_t i = random_.Below(8); i > 0; --i) text += kPieces[random_.Below(kPieces.size())];
    return text;
  }
  Event AnyEvent() {
    static constexpr std::array<const char*, 3> kTypes = {"application/json", "text/plain", "a/b+JSON; c=d"};
    Event event{.id = "id" + std::to_string(random_.Next()), .source = "/s", .type = "t"};
    if (random_.Percent(50)) event.datacontenttype = kTypes[random_.Below(kTypes.size())];
    if (random_.Percent(50)) event.subject = "é\"\\";
    if (random_.Percent(50)) event.time = "2026-01-02T03:04:05.120Z";
    if (random_.Percent(50)) event.traceparent = "";
    if (random_.Percent(50)) event.dataschema = "urn:x";
    if (random_.Percent(50)) event.extensions["flag"] = random_.Percent(50);
    if (random_.Percent(50)) event.extensions["number"] = static_cast<int32_t>(random_.Next());
    if (random_.Percent(50)) event.extensions["text"] = "x\"";
    const bool json = event.datacontenttype != "text/plain";
    if (random_.Percent(20)) {
      event.payload = BinaryData{Text()};
    } else if (json) {
      event.payload = JsonData::Parse(Json(4)).value();
    } else if (random_.Percent(80)) {
      event.payload = TextData{Text()};
    }
    return event;
  }

 private:
  std::string Space() { return std::string(random_.Below(2), random_.Percent(50) ? ' ' : '\n'); }
  std::string Quoted(const std::string& text) {
    std::string out;
    AppendQuoted(out, text);
    return Space() + out + Space();
  }
  std::string Array(int depth) {
    std::string out = "[" + Space();
    for (uint64_t i = random_.Below(4); i > 0; --i) out += Json(depth - 1) + (i > 1 ? "," : "");
    return out + Space() + "]";
  }
  std::string Object(int depth) {
    std::string out = "{" + Space();
    for (uint64_t i = random_.Below(5); i > 0; --i) {
      out += Quoted(Text() + std::to_string(i)) + ":" + Json(depth - 1) + (i > 1 ? "," : "");
    }
    return out + Space() + "}";
  }
  Random random_;
};

// nlohmann::json keeps its members sorted by their bytes too, and is the other reader of the same text.
TEST(JsonForm, AnyJsonMeansTheSame) {
  const uint64_t seed = jammi::test::FromEnvironment(kSeedVariable, 3);
  SCOPED_TRACE(jammi::test::Replay(kSeedVariable, seed));
  Generator generator(seed);
  for (int i = 0; i < 5000; ++i) {
    const std::string text = generator.Json(5);
    const std::string written = Written(text);
    ASSERT_EQ(nlohmann::json::parse(written), nlohmann::json::parse(text)) << text;
    ASSERT_EQ(Written(written), written) << text;
  }
}
TEST(JsonForm, AnyEventReadsBackAsItself) {
  const uint64_t seed = jammi::test::FromEnvironment(kSeedVariable, 4);
  SCOPED_TRACE(jammi::test::Replay(kSeedVariable, seed));
  Generator generator(seed);
  for (int i = 0; i < 5000; ++i) {
    const Event event = generator.AnyEvent();
    ASSERT_THAT(Validate(event), testing::IsEmpty()) << Serialise(event);
    const auto again = ParseEvent(Serialise(event));
    ASSERT_TRUE(again) << again.error().ToString() << Serialise(event);
    ASSERT_EQ(*again, event) << Serialise(event);
    const auto sorted = ParseEvent(SerialiseSorted(event));
    ASSERT_TRUE(sorted);
    ASSERT_EQ(*sorted, event);
    ASSERT_EQ(JsonData::Parse(Serialise(event))->text(), SerialiseSorted(event));
  }
}

}  // namespace
}  // namespace jammi::events
