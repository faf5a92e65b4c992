// expect: millrace: map_values takes a callable of the shape (value) or (key, value)
#include "millrace/dsl/streams_builder.h"
using namespace millrace;
constexpr Topic<std::string, std::string> in{"in"};
void topology(StreamsBuilder& builder) {
  builder.stream(in).map_values([](const std::string& value) { return value; });
#ifdef MISTAKE
  builder.stream(in).map_values([](int, int, int) { return 1; });
#endif
}
