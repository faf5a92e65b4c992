// expect: millrace: to() writes a stream to a topic of other types: compare KStream<K, V> with Topic<K, V>
#include "millrace/dsl/streams_builder.h"
using namespace millrace;
constexpr Topic<std::string, std::string> in{"in"};
constexpr Topic<std::string, std::int64_t> counts{"counts"};
void topology(StreamsBuilder& builder) {
  builder.stream(in).group_by_key().count().to_stream().to(counts);
#ifdef MISTAKE
  builder.stream(in).to(counts);
#endif
}
