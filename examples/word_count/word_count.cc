// Word count over text files: every line is a record, every word a key, its count a row of a table.
//
//   millrace topics create lines && millrace produce lines < README.md
//   word_count --until-end-of-input
#include <millrace/millrace.h>

#include <sstream>

using namespace millrace;

constexpr Topic<std::optional<std::string>, std::string> lines{"lines"};  // lines of text have no keys
constexpr Topic<std::string, std::int64_t> counts{"counts"};

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> result;
  for (std::string word; in >> word;) result.push_back(word);
  return result;
}

void word_count(StreamsBuilder& builder) {
  builder.stream(lines)
      .flat_map_values(words)
      .group_by([](const std::string& word) { return word; })
      .count({.as = "word-counts"})
      .to_stream()
      .to(counts);
}

int main(int argc, char** argv) { return run("word-count", word_count, argc, argv); }
