// expect: millrace: map_values: keys or values of this stream may be null: take const T* or const std::optional<T>&, or
// filter(not_null) first
#include "millrace/dsl/streams_builder.h"
using namespace millrace;
constexpr Topic<std::string, std::optional<std::string>> in{"in"};
void topology(StreamsBuilder& builder) {
  builder.stream(in).map_values([](const std::string* value) { return value ? *value : "gone"; });
  builder.stream(in).filter(not_null).map_values([](const std::string& value) { return value; });
#ifdef MISTAKE
  builder.stream(in).map_values([](const std::string& value) { return value; });
#endif
}
