// expect: millrace: this key or value type needs a Serde<T>; see docs/guide/serdes.md
#include "millrace/dsl/streams_builder.h"
using namespace millrace;
struct Sum {
  int n = 0;
};
constexpr Topic<std::string, std::string> in{"in"};
void topology(StreamsBuilder& builder) {
  auto grouped = builder.stream(in).group_by_key();
  grouped.aggregate(std::int64_t{0}, [](const std::string&, std::int64_t n) { return n + 1; });
#ifdef MISTAKE
  grouped.aggregate(Sum{}, [](const std::string&, Sum s) { return s; });
#endif
}
