// expect: millrace: aggregate takes an aggregator of the shape (value, aggregate) or (key, value, aggregate)
#include "millrace/dsl/streams_builder.h"
using namespace millrace;
constexpr Topic<std::string, std::string> in{"in"};
void topology(StreamsBuilder& builder) {
  auto grouped = builder.stream(in).group_by_key();
  grouped.aggregate(std::int64_t{0}, [](const std::string&, std::int64_t& n) { ++n; });
#ifdef MISTAKE
  grouped.aggregate(std::int64_t{0}, [](const std::string&) { return std::int64_t{1}; });
#endif
}
