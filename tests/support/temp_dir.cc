#include "support/temp_dir.h"

#include <cstdlib>
#include <string>
#include <system_error>

namespace jammi::test {

TempDir::TempDir(On on) {
  const std::filesystem::path memory = "/dev/shm";
  const bool in_memory = on == On::kMemory && std::filesystem::is_directory(memory);
  std::string name = (in_memory ? memory : std::filesystem::temp_directory_path()) / "jammi-test-XXXXXX";
  if (mkdtemp(name.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;  // what a test left unreadable stays behind in the temporary directory
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace jammi::test
