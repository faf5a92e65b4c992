// Usage: write_golden <directory>, which must not exist. tests/formats/README.md says when.
#include <cstdio>

#include "tests/formats/golden.h"

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: write_golden <directory>\n"), 2;
  auto result = millrace::formats::write_golden(argv[1]);
  if (!result) std::fprintf(stderr, "%s\n", result.error().text().c_str());
  return result ? 0 : 1;
}
