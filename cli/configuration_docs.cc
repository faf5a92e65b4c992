// Writes docs/configuration.md from the configuration tables. Usage: configuration_docs --print | --check FILE
#include <cstdio>
#include <string>

#include "millrace/base/config.h"
#include "millrace/base/env_real.h"
#include "millrace/runtime/streams_config.h"

namespace {

std::string configuration_page() {
  return "# Configuration\n\n"
         "Written from the tables in the code by `./dev docs`; a test fails if it is not. Keys are Kafka's, with "
         "Kafka's types and\n"
         "defaults unless the last column says how ours differs. A key that is not here is refused, with the nearest "
         "one named.\n\n" +
         millrace::streams_configs().markdown();
}

}  // namespace

int main(int argc, char** argv) {
  std::string command = argc > 1 ? argv[1] : "";
  if (command == "--print" && argc == 2) {
    std::fputs(configuration_page().c_str(), stdout);
    return 0;
  }
  if (command == "--check" && argc == 3) {
    auto content = millrace::real_env().files().read_file(argv[2]);
    if (content && *content == configuration_page()) return 0;
    std::fprintf(stderr, "%s does not match the configuration tables: run ./dev docs\n", argv[2]);
    return 1;
  }
  std::fprintf(stderr, "usage: configuration_docs --print | --check FILE\n");
  return 2;
}
