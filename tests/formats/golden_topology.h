// The application whose state is kept with each release: a key-value store behind a repartition topic, a window store,
// a table. A release that needs another one adds it beside this; this stays.
#pragma once
#include "millrace/dsl/streams_builder.h"

namespace millrace::formats {

inline constexpr const char* application_id = "golden";
inline constexpr Topic<std::optional<std::string>, std::string> words{"words"};
inline constexpr Topic<std::string, std::string> users{"users"};
inline constexpr Topic<std::string, std::int64_t> word_counts{"word-counts"};

inline void golden_topology(StreamsBuilder& builder) {
  auto grouped = builder.stream(words).group_by([](const std::string& word) { return word; }, {.name = "by-word"});
  grouped.count({.as = "counts"}).to_stream().to(word_counts);
  grouped.windowed_by(TimeWindows{.size = 10s, .grace = 0s}).count({.as = "windows", .retention = 1h});
  builder.table(users, {.as = "users"});
}

}  // namespace millrace::formats
