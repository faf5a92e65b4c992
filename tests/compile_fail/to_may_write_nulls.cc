// expect: millrace: to() may write null values (tombstones), and this Topic's value type holds none
#include "millrace/dsl/streams_builder.h"
using namespace millrace;
constexpr Topic<std::string, std::string> rows{"rows"}, out{"out"};
constexpr Topic<std::string, std::optional<std::string>> compacted{"compacted"};
void topology(StreamsBuilder& builder) {
  auto changes = builder.table(rows).to_stream();
  changes.to(compacted);
  changes.filter(not_null).to(out);
#ifdef MISTAKE
  changes.to(out);
#endif
}
