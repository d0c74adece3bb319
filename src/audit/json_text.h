// JSON as it is signed: one text for one value, on every machine and with every release of a library.
// Layout: docs/formats.md, "Audit".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/result.h"

namespace jammi::audit {

// `value` with its shortest digits that read as the same number: positional from 0.00001 to below 1e16,
// always with a point; else with an exponent and its sign. A value that is not finite is null.
void AppendNumber(double value, std::string& out);
// The same with the digits of a binary32.
void AppendNumber(float value, std::string& out);

// In quotes. `text` is UTF-8.
void AppendString(std::string_view text, std::string& out);
void AppendStrings(std::span<const std::string> texts, std::string& out);

// Numbers of a list, in short or as binary64.
void AppendScores(std::span<const float> scores, std::string& out);
void AppendWidenedScores(std::span<const float> scores, std::string& out);

// The value with no blanks, members sorted by the bytes of their keys, of equal keys the last.
// Errors: kInvalidArgument: it is no JSON, or is nested deeper than 128.
[[nodiscard]] Result<std::string> CanonicalJson(std::string_view text);

// What AppendStrings() and AppendScores() have written, exactly that. False: it is something else.
[[nodiscard]] bool ParseStrings(std::string_view text, std::vector<std::string>& strings);
[[nodiscard]] bool ParseScores(std::string_view text, std::vector<float>& scores);

}  // namespace jammi::audit
