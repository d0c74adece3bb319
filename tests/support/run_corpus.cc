// Runs the function of a fuzzer on stored inputs, with the compiler and the libraries of every other test:
// on those that once found something, and on one of each kind.
//
//   <program> FOLDER
//
// Whatever the function does not like ends the program; the input is named before it is run.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::set<std::filesystem::path> inputs;  // in order
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    if (entry.is_regular_file()) inputs.insert(entry.path());
  }
  if (inputs.empty()) {
    std::fprintf(stderr, "there are no inputs in %s\n", argv[1]);
    return 1;
  }
  for (const auto& input : inputs) {
    std::printf("%s\n", input.c_str());
    std::fflush(stdout);
    std::ifstream file(input, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%zu inputs\n", inputs.size());
  return 0;
}
