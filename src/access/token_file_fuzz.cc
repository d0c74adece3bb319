// Any bytes as a file of tokens: what is read is written and read again as the same.
#include <cstdint>
#include <cstdlib>

#include "access/token_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto entries = jammi::ParseTokenFile({reinterpret_cast<const char*>(data), size});
  if (!entries) return 0;
  std::string text;
  for (const auto& entry : *entries) text += FormatTokenEntry(entry) + "\n";
  const auto again = jammi::ParseTokenFile(text);
  if (!again || again->size() != entries->size()) std::abort();
  for (size_t i = 0; i < entries->size(); ++i) {
    if (FormatTokenEntry((*again)[i]) != FormatTokenEntry((*entries)[i])) std::abort();
  }
  return 0;
}
