// expect: use of deleted function
#include "millrace/dsl/streams_builder.h"
using namespace millrace;
constexpr WindowedSerde<std::string> hourly{.size = 1h};
constexpr Topic<Windowed<std::string>, std::int64_t> good{"hourly", {.key_serde = hourly}};
#ifdef MISTAKE
constexpr Topic<Windowed<std::string>, std::int64_t> bad{"hourly",
                                                         {.key_serde = WindowedSerde<std::string>{.size = 1h}}};
#endif
