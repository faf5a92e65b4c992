// millrace-conformance FILE.json…: runs cases recorded from Kafka Streams. One line a failure or skipped case; the
// counts last. Exit status: 0 if none failed.
#include <cstdio>
#include <fstream>
#include <map>

#include "run_case.h"

int main(int argc, char** argv) {
  using millrace::conformance::Outcome;
  if (argc < 2) {
    std::fprintf(stderr, "usage: millrace-conformance FILE.json...\n");
    return 2;
  }
  std::map<Outcome::Kind, int> counts;
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i]);
    nlohmann::json the_case;
    try {
      the_case = nlohmann::json::parse(file, nullptr, false);
    } catch (const std::exception&) {  // of a directory
    }
    if (!the_case.is_object() || !the_case.contains("case") || !the_case["case"].is_string()) {
      std::printf("failed %s: %s\n", argv[i], file.is_open() ? "not a case" : "it cannot be opened");
      ++counts[Outcome::Kind::failed];
      continue;
    }
    Outcome outcome = millrace::conformance::run_case(the_case);
    ++counts[outcome.kind];
    std::string name = the_case.at("case").get<std::string>();
    if (outcome.kind == Outcome::Kind::failed) std::printf("failed %s: %s\n", name.c_str(), outcome.why.c_str());
    if (outcome.kind == Outcome::Kind::skipped) std::printf("skipped %s: %s\n", name.c_str(), outcome.why.c_str());
  }
  std::printf("%d passed, %d failed, %d skipped\n", counts[Outcome::Kind::passed], counts[Outcome::Kind::failed],
              counts[Outcome::Kind::skipped]);
  return counts[Outcome::Kind::failed] == 0 ? 0 : 1;
}
